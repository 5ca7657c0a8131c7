"""Violation Data: the fields of Maven's ELD page, what they may hold, and how they are given back.

Owns the table of fields (contract section 4). The attributes carry the vendor's camelCase names, so that a field is
called the same on Maven's page, on the wire and in the code. A value of another JSON type is invalid, an unknown field
is passed over: keeping it is left to the stored bytes. That strings are storable is left to `ijson`, which event type
needs which field to `events`, and saying why a value was refused to `explain`.
"""

from inspect import isclass
from typing import Annotated, Any, NamedTuple, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from app.maven.field_types import (
    Duration,
    Identifier,
    Instant,
    Latitude,
    LogDate,
    Longitude,
    Number,
    Text,
    Unwrapped,
    unwrap,
)
from app.maven.times import format_time, parse_duration

_CONFIG = ConfigDict(extra="ignore", frozen=True)


class EldLocation(BaseModel):
    """Where the ELD was, told as a distance and direction from the nearest city."""

    model_config = _CONFIG

    city: Text | None = Field(None, description="Nearest city.")
    country: Text | None = Field(None, description="Country, as the ELD has it.")
    direction: Text | None = Field(None, description="Direction from the nearest city, such as SSE.")
    distance: Number | None = Field(None, description="Distance from the nearest city, in `units`.")
    formattedLocation: Text | None = Field(None, description="The location in one line.")
    jurisdiction: Text | None = Field(None, description="Abbreviation of the state of the nearest city.")
    postalCode: Text | None = Field(None, description="Postal code of the nearest city.")
    units: Text | None = Field(None, description="Unit of `distance`.")


class VehicleData(BaseModel):
    """The vehicle at the beginning or the end of a violation."""

    model_config = _CONFIG

    odometer: Number | None = Field(None, description="Odometer; Maven does not state the unit.")
    latitude: Latitude | None = Field(None, description="Degrees north.")
    longitude: Longitude | None = Field(None, description="Degrees east.")
    streetNumber: Text | None = Field(None, description="Street number.")
    street: Text | None = Field(None, description="Street.")
    city: Text | None = Field(None, description="City.")
    state: Text | None = Field(None, description="Abbreviation of the state.")
    country: Text | None = Field(None, description="Country.")
    postalCode: Text | None = Field(None, description="Postal code.")
    formattedAddress: Text | None = Field(None, description="The address in one line.")
    eldLocation: Annotated[EldLocation | None, Unwrapped] = Field(None, description="The location as the ELD has it.")


class ViolationData(BaseModel):
    """The data of one event. Times are microseconds since 1970 UTC here, and ISO 8601 strings in JSON."""

    model_config = _CONFIG

    eventTime: Instant = Field(description="When the violation was created or invalidated.")
    id: Identifier = Field(description="The violation; a creation and its invalidation share it.")
    terminalCode: Text | None = Field(None, description="The driver's terminal.")
    logDate: LogDate | None = Field(None, description="Day of the log, the carrier's own; not a UTC day.")
    driverName: Text | None = Field(None, description="The driver's name for display.")
    driverId: Identifier | None = Field(None, description="The driver.")
    ruleset: Text | None = Field(None, description="Ruleset of the driver, an open list.")
    powerUnitNumber: Text | None = Field(None, description="The vehicle.")
    type: Text | None = Field(None, description="The limit that was passed, an open list.")
    shortDescription: Text | None = Field(None, description="The limit in a word.")
    longDescription: Text | None = Field(None, description="The limit in a few words.")
    startTime: Instant | None = Field(None, description="When the violation began.")
    endTime: Instant | None = Field(None, description="When the violation ended.")
    duration: Duration | None = Field(None, description="Hours and minutes; need not be `endTime` minus `startTime`.")
    startData: Annotated[VehicleData | None, Unwrapped] = Field(None, description="The vehicle at `startTime`.")
    endData: Annotated[VehicleData | None, Unwrapped] = Field(None, description="The vehicle at `endTime`.")

    @property
    def duration_minutes(self) -> int | None:
        """The duration in minutes."""
        return _minutes(self.duration)


class Facts(NamedTuple):
    """The fields of Violation Data by which violations are found, sorted and counted, called as in `ViolationData`."""

    eventTime: int
    id: str
    terminalCode: str | None
    logDate: str | None
    driverName: str | None
    driverId: str | None
    ruleset: str | None
    powerUnitNumber: str | None
    type: str | None
    startTime: int | None
    duration: str | None

    @property
    def duration_minutes(self) -> int | None:
        """The duration in minutes."""
        return _minutes(self.duration)


def _minutes(duration: str | None) -> int | None:
    return None if duration is None else parse_duration(duration)


validate = ViolationData.__pydantic_validator__.validate_python
"""Read the members of a JSON object as ViolationData, without the model's own Python layer. Raises ValidationError."""


def _lean(model: type[BaseModel]) -> CoreSchema:
    """The schema of a model's fields that makes a dict: it lets the same pass, and costs half of making objects."""
    fields: dict[str, core_schema.TypedDictField] = {}
    for name, field in model.model_fields.items():
        nested = [kind for kind in get_args(field.annotation) if isclass(kind) and issubclass(kind, BaseModel)]
        if nested:
            own = _lean(nested[0])
            # The array around the object, and null, are left to Python; the object alone never goes there.
            other = core_schema.no_info_before_validator_function(unwrap, core_schema.nullable_schema(own))
            schema: CoreSchema = core_schema.union_schema([own, other], mode="left_to_right")
        else:
            kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            schema = TypeAdapter(kind).core_schema
        fields[name] = core_schema.typed_dict_field(schema, required=field.is_required())
    return core_schema.typed_dict_schema(fields, extra_behavior="ignore")


_check = SchemaValidator(_lean(ViolationData)).validate_python


def read_facts(members: dict[str, Any]) -> Facts:
    """Read the members of a JSON object as `validate` does, but keep the facts only. Raises ValidationError, which is
    to be explained by the one of `validate`.
    """
    get = _check(members).get
    return Facts(
        get("eventTime"),
        get("id"),
        get("terminalCode"),
        get("logDate"),
        get("driverName"),
        get("driverId"),
        get("ruleset"),
        get("powerUnitNumber"),
        get("type"),
        get("startTime"),
        get("duration"),
    )


def as_fields(data: ViolationData) -> dict[str, object]:
    """The fields of the table as JSON values, all of them, null when absent; nested objects with all their names."""
    fields: dict[str, object] = dict(data.__dict__)
    fields["eventTime"] = format_time(data.eventTime)
    if data.startTime is not None:
        fields["startTime"] = format_time(data.startTime)
    if data.endTime is not None:
        fields["endTime"] = format_time(data.endTime)
    if data.startData is not None:
        fields["startData"] = _as_vehicle_fields(data.startData)
    if data.endData is not None:
        fields["endData"] = _as_vehicle_fields(data.endData)
    return fields


def _as_vehicle_fields(vehicle: VehicleData) -> dict[str, object]:
    fields: dict[str, object] = dict(vehicle.__dict__)
    if vehicle.eldLocation is not None:
        fields["eldLocation"] = vehicle.eldLocation.__dict__
    return fields


def render(data: ViolationData) -> bytes:
    """Violation Data as JSON bytes, as `as_fields` has it; the event type is not part of it."""
    return orjson.dumps(as_fields(data))
