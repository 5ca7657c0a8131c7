"""Events whose `data` is not what it should be, for a reader that has to survive them.

Owns the ways an event can be odd, and which events of a page are. The same event is always odd in the same way, however
often and in whatever page it is read, as a bug of Maven's would be.
"""

from collections.abc import Callable
from enum import StrEnum
from zlib import crc32

import orjson


class OddShape(StrEnum):
    """What is odd about an event."""

    DATA_NULL = "data is null"
    DATA_STRING = "data is a string"
    DATA_ARRAY = "data is an array"
    DATA_NUMBER = "data is a number"
    DATA_MISSING = "data is missing"
    FIELD_TYPES = "fields of data have wrong types"
    NO_TIMESTAMP = "the event has no timestamp"
    WRONG_TIMESTAMP = "the timestamp is no time"
    NO_OBJECT = "the event is no object"


_OF_DATA: dict[OddShape, Callable[[object], object]] = {
    OddShape.DATA_NULL: lambda data: None,
    # Twice encoded, as happens to those who keep JSON in a column of text.
    OddShape.DATA_STRING: lambda data: orjson.dumps(data).decode(),
    OddShape.DATA_ARRAY: lambda data: [data, data],
    OddShape.DATA_NUMBER: lambda data: 42,
}
_WRONG_FIELDS = {
    "id": 4095,
    "eventTime": True,
    "driverId": {"value": "JDOE123"},
    "startTime": 1704067200,
    "duration": [],
}


def odd_event(event: bytes, shape: OddShape) -> bytes:
    """The event in this shape; events that are no JSON object stay as they are."""
    try:
        members = orjson.loads(event)
    except ValueError:
        return event
    if not isinstance(members, dict):
        return event
    data = members.get("data")
    if shape in _OF_DATA:
        members["data"] = _OF_DATA[shape](data)
    elif shape is OddShape.DATA_MISSING:
        members.pop("data", None)
    elif shape is OddShape.FIELD_TYPES:
        members["data"] = {**(data if isinstance(data, dict) else {}), **_WRONG_FIELDS}
    elif shape is OddShape.NO_TIMESTAMP:
        members.pop("timestamp", None)
    elif shape is OddShape.WRONG_TIMESTAMP:
        members["timestamp"] = "yesterday"
    else:
        return orjson.dumps(str(members.get("id")))
    return orjson.dumps(members)


def make_some_odd(events: list[bytes], every: int) -> list[bytes]:
    """About one event in `every` made odd, each in a shape of its own; which ones, their bytes decide."""
    return [_perhaps_odd(event, every) for event in events]


def _perhaps_odd(event: bytes, every: int) -> bytes:
    drawn = crc32(event)
    if drawn % every:
        return event
    shapes = tuple(OddShape)
    return odd_event(event, shapes[drawn // every % len(shapes)])
