"""One return event as Maven's queue writes it: the envelope, and time to the millisecond.

Owns the bytes of an envelope; what is in `data` is the caller's.
"""

from datetime import UTC, datetime

import orjson

from app.maven.times import SECOND, parse_time

MILLISECOND = SECOND // 1000


def maven_time(micros: int) -> str:
    """Microseconds since 1970 UTC as Maven writes them, cut to the millisecond: `2023-04-09T21:55:42.000Z`."""
    seconds, fraction = divmod(micros, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{text}.{fraction // MILLISECOND:03d}Z"


def enveloped(event_id: str, event_type: str, saved_at_us: int, data: object) -> bytes:
    """The JSON of one event; `saved_at_us` is in microseconds since 1970 UTC. TypeError for what JSON cannot tell."""
    return orjson.dumps({"id": event_id, "timestamp": maven_time(saved_at_us), "eventType": event_type, "data": data})


def shifted(event: bytes, by_us: int) -> bytes:
    """The same event with its `timestamp` moved by microseconds; as it was when it has none that can be read."""
    try:
        members = orjson.loads(event)
        moved = maven_time(parse_time(members["timestamp"]) + by_us)
    except (ValueError, TypeError, KeyError, OverflowError):
        return event
    members["timestamp"] = moved
    return orjson.dumps(members)
