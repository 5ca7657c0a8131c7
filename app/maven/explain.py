"""Why Violation Data was refused, in sentences.

Owns the words for each field of the table and finds the place as received: where an array stood around an object its
index is part of the pointer. pydantic's own messages are not used, because they speak of validators, echo what was
sent, and can fail on odd input. What is refused is decided in `schema` and `field_types`.
"""

from collections.abc import Callable, Mapping

from pydantic import BaseModel, ValidationError

from app.maven.faults import Fault, excerpt, point
from app.maven.field_types import MAX_IDENTIFIER, NumberBetween
from app.maven.ijson_grammar import Json
from app.maven.schema import EldLocation, VehicleData, ViolationData
from app.maven.times import parse_duration, parse_log_date, parse_time

_OBJECT_FIELDS: Mapping[str, type[BaseModel]] = {
    "startData": VehicleData,
    "endData": VehicleData,
    "eldLocation": EldLocation,
}
_IDENTIFIERS = ("id", "driverId")
_STRING_FORMS: Mapping[str, Callable[[str], object]] = {
    "eventTime": parse_time,
    "startTime": parse_time,
    "endTime": parse_time,
    "logDate": parse_log_date,
    "duration": parse_duration,
}
_NUMBERS: Mapping[str, NumberBetween] = {
    "odometer": NumberBetween(),
    "latitude": NumberBetween(-90, 90),
    "longitude": NumberBetween(-180, 180),
    "distance": NumberBetween(),
}


def explain(members: dict[str, Json], error: ValidationError, required_by: str) -> list[Fault]:
    """The faults of Violation Data that pydantic refused, in the order of the table, each place once.

    `required_by` is the event type that a missing field is required for.
    """
    faults: dict[str, Fault] = {}
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        fault = _explain_one(members, found["loc"], required_by)
        faults.setdefault(fault.pointer, fault)
    return list(faults.values())


def missing(name: str, event_type: str) -> Fault:
    """The fault of a field that an event of this type must have."""
    return Fault(point([name]), f"is required for {event_type}")


def _explain_one(members: dict[str, Json], location: tuple[int | str, ...], required_by: str) -> Fault:
    model: type[BaseModel] | None = ViolationData
    path: list[str | int] = []
    value: Json = members
    name = ""
    for segment in location:
        # What follows a plain field in pydantic's location names its validators, not places.
        if model is None or segment not in model.model_fields:
            break
        if isinstance(value, list):
            path.append(0)
            value = value[0]
        name = str(segment)
        path.append(name)
        value = value.get(name) if isinstance(value, dict) else None
        model = _OBJECT_FIELDS.get(name)
    if value is None:
        return Fault(point(path), f"is required for {required_by}")
    return Fault(point(path), _sentence(name, value))


def _sentence(name: str, value: Json) -> str:
    if name in _OBJECT_FIELDS:
        if isinstance(value, list):
            return "must be an object, or an array of at most one object"
        return f"must be an object, not {json_type(value)}"
    if name in _NUMBERS:
        return _number_sentence(_NUMBERS[name], value)
    if not isinstance(value, str):
        return f"must be a string, not {json_type(value)}"
    if name in _IDENTIFIERS:
        return f"must have 1 to {MAX_IDENTIFIER} characters, not {len(value)}"
    try:
        _STRING_FORMS.get(name, str)(value)
    except ValueError as error:
        return str(error)
    return "must be a string of Unicode characters"


def _number_sentence(allowed: NumberBetween, value: Json) -> str:
    bounds = "" if allowed.least is None else f" between {allowed.least} and {allowed.most}"
    if isinstance(value, str):
        return f"must be a number{bounds or ' that is finite'}, not {excerpt(value)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"must be a number{bounds or ' that is finite'}, not {shorten(value)}"
    return f"must be a number{bounds}, not {json_type(value)}"


def shorten(number: float) -> str:
    """A number for a sentence, with six digits."""
    try:
        return f"{number:.6g}"
    except OverflowError:
        return "one beyond a double"


def json_type(value: Json) -> str:
    """What JSON calls a value, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
