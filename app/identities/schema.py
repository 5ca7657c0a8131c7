"""Drivers' identities, vehicles and home terminals on the wire: their fields, and what is wrong with what was sent.

A field that is left out says nothing, null or an empty text takes away. Whose the ids are is left to `merging`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError
from pydantic_core import ErrorDetails

from app.duty_log.words import SYSTEM_USERNAME
from app.identities.store import Identity
from app.maven import checks
from app.maven.faults import Fault, WrongFields, excerpt, point
from app.maven.kinds import LONG_MOST, UUID_PATTERN
from app.maven.members import read_members

LONGEST = 255

DAY_STARTS = {"midnight": 0, "noon": 12}
"""When a driver's log day begins (49 CFR 395.8(d)(8): the 24-hour period of the home terminal), as hours."""

SYSTEM_DRIVER = f"{SYSTEM_USERNAME}, who is nobody and can have no driverId."
"""The end of a sentence about who cannot be made a driver."""

_DAY_START_WORDS = {hour: word for word, hour in DAY_STARTS.items()}
_NUMBERS = ("userId", "assetId", "homeTerminalId")

Value = str | int | None
Values = dict[str, Value]
"""What is said of somebody or something, by columns. A column that is not there stays as it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of what is to be registered; `place` says where it stands, for people."""

    place: str
    values: Values


class WrongIdentity(WrongFields):
    """An identity, a vehicle or a terminal that cannot be."""


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _lower(text: str) -> str:
    return text.lower()


def _lower_if_uuid(text: str) -> str:
    """Inspections name drivers by UUIDs in lower case; an id of another form is compared as it is."""
    return text.lower() if re.fullmatch(UUID_PATTERN, text) else text


_Some = Annotated[str, Field(max_length=LONGEST), AfterValidator(checks.storable)]
_Long = Annotated[StrictInt, Field(ge=-LONG_MOST - 1, le=LONG_MOST)]
Text = Annotated[_Some | None, BeforeValidator(_none_if_empty)]
Number = Annotated[_Long | None, BeforeValidator(_none_if_empty)]
Zone = Annotated[Annotated[_Some, AfterValidator(checks.zone)] | None, BeforeValidator(_none_if_empty)]
CatenaId = Annotated[Annotated[_Some, AfterValidator(_lower_if_uuid)] | None, BeforeValidator(_none_if_empty)]
DayStart = Annotated[Literal["midnight", "noon"] | None, BeforeValidator(_none_if_empty)]

_CONFIG = ConfigDict(extra="forbid", frozen=True, strict=True)


class GivenDriver(BaseModel):
    """Who a driver is in each system, and what else is known of them."""

    model_config = _CONFIG

    driverId: Text = Field(None, description="Maven's id.")
    userId: Number = Field(None, description="VisTracks' id, a whole number of 64 bits.")
    username: Text = Field(None, description="VisTracks' username.")
    catenaDriverId: CatenaId = Field(None, description="Catena's id; a UUID is kept in lower case.")
    firstName: Text = Field(None, description="First name.")
    lastName: Text = Field(None, description="Last name.")
    suffix: Text = Field(None, description="Suffix of the name, such as Jr.")
    terminalCode: Text = Field(None, description="Maven's code of the home terminal.")
    timeZone: Zone = Field(None, description="Time zone of the home terminal, by its IANA name.")
    logDayStart: DayStart = Field(None, description="When the log day begins.")
    ruleset: Text = Field(None, description="The hours-of-service rules that the driver works by.")


class GivenAsset(BaseModel):
    """A vehicle of VisTracks'."""

    model_config = _CONFIG

    assetId: _Long = Field(description="VisTracks' id.")
    name: Text = Field(None, description="Its number at the carrier.")
    vin: Text = Field(None, description="Vehicle identification number.")
    homeTerminalId: Number = Field(None, description="VisTracks' id of its home terminal.")


class GivenVehicle(BaseModel):
    """A vehicle or trailer of Catena's."""

    model_config = _CONFIG

    vehicleId: Annotated[str, Field(pattern=f"^{UUID_PATTERN}$"), AfterValidator(_lower)] = Field(
        description="Catena's id, a UUID, kept in lower case."
    )
    name: Text = Field(None, description="Its number at the carrier.")
    terminalCode: Text = Field(None, description="Maven's code of its home terminal.")


class GivenTerminal(BaseModel):
    """A home terminal."""

    model_config = _CONFIG

    homeTerminalId: _Long = Field(description="VisTracks' id.")
    code: Text = Field(None, description="Maven's terminal code.")
    name: Text = Field(None, description="Its name.")
    timeZone: Zone = Field(None, description="Its time zone, by its IANA name.")


COLUMNS = {
    "driverId": "driver_id",
    "userId": "user_id",
    "username": "username",
    "catenaDriverId": "catena_driver_id",
    "firstName": "first_name",
    "lastName": "last_name",
    "suffix": "suffix",
    "terminalCode": "terminal_code",
    "timeZone": "time_zone",
    "logDayStart": "day_start_hour",
    "ruleset": "ruleset",
    "assetId": "asset_id",
    "vehicleId": "vehicle_id",
    "name": "name",
    "vin": "vin",
    "homeTerminalId": "home_terminal_id",
    "code": "code",
}
"""Columns by the names on the wire."""

FIELDS = {column: name for name, column in COLUMNS.items()}
"""Names on the wire by the columns."""


def check_driver(given: object) -> Values:
    """A driver's row, which names them by one id at least. Raises `WrongIdentity`."""
    values = _checked(GivenDriver, given)
    if all(values.get(column) is None for column in ("driver_id", "user_id", "catena_driver_id")):
        raise WrongIdentity([Fault("", "must have a driverId, a userId or a catenaDriverId.")])
    return values


def check_asset(given: object) -> Values:
    """The row of a vehicle of VisTracks'. Raises `WrongIdentity`."""
    return _checked(GivenAsset, given)


def check_vehicle(given: object) -> Values:
    """The row of a vehicle of Catena's. Raises `WrongIdentity`."""
    return _checked(GivenVehicle, given)


def check_terminal(given: object) -> Values:
    """A terminal's row. Raises `WrongIdentity`."""
    return _checked(GivenTerminal, given)


def read_whole(body: bytes, driver_id: str) -> Values:
    """The JSON body of a PUT as the whole identity of this driver: what is left out is null. Raises `WrongIdentity`."""
    given = read_members(body, WrongIdentity)
    if given.get("driverId") not in (None, driver_id):
        raise WrongIdentity([Fault("/driverId", "must be the one of the path, or be left out.")])
    values = _checked(GivenDriver, {**dict.fromkeys(GivenDriver.model_fields), **given, "driverId": driver_id})
    if values["username"] == SYSTEM_USERNAME:
        raise WrongIdentity([Fault("/username", f"is that of {SYSTEM_DRIVER}")])
    return values


def shown_identity(identity: Identity) -> dict[str, object]:
    """An identity on the wire, with all its fields."""
    shown: dict[str, object] = {name: getattr(identity, COLUMNS[name]) for name in GivenDriver.model_fields}
    hour = identity.day_start_hour
    return {**shown, "logDayStart": None if hour is None else _DAY_START_WORDS[hour]}


def _checked(model: type[BaseModel], given: object) -> Values:
    if not isinstance(given, Mapping):
        raise WrongIdentity([Fault("", "must be an object.")])
    try:
        row = model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise WrongIdentity([Fault(point(one["loc"][:1]), _sentence(one, model, given)) for one in found]) from None
    values: Values = {COLUMNS[name]: getattr(row, name) for name in row.model_fields_set}
    if (word := values.get("day_start_hour")) is not None:
        values["day_start_hour"] = DAY_STARTS[str(word)]
    return values


def _sentence(error: ErrorDetails, model: type[BaseModel], given: Mapping[str, object]) -> str:
    name = str(error["loc"][0])
    match error["type"]:
        case "missing":
            return "is required."
        case "extra_forbidden":
            return f"is not known. The fields here are {', '.join(model.model_fields)}."
        case checks.REFUSED:
            return str(error["msg"])
    value = given.get(name)
    found = f", not {excerpt(value)}" if isinstance(value, str) else ""
    if name in _NUMBERS:
        return f"must be a whole number of 64 bits{found}."
    if name == "vehicleId":
        return f"must be a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a{found}."
    if name == "logDayStart":
        return f"must be midnight or noon{found}."
    return f"must be text of 1 to {LONGEST} characters."
