"""Events for benchmarks: Maven's example with other ids, drivers and times."""

import random
from collections.abc import Iterator

import orjson

from app.first_start import SAMPLE_EVENT
from app.maven.times import format_time

EPOCH = 1_704_067_200_000_000
_MARKS = {
    "id": "@id@",
    "driverId": "@driver@",
    "startTime": "@start@",
    "eventTime": "@event@",
    "terminalCode": "@term@",
}


def _template() -> list[bytes]:
    event = orjson.loads(SAMPLE_EVENT)
    event.update(_MARKS)
    text = orjson.dumps(event)
    for mark in _MARKS.values():
        text = text.replace(mark.encode(), b"\0" + mark.encode() + b"\0")
    return text.split(b"\0")


def make_events(seed: int, *, drivers: int = 5000, spread_seconds: int = 30 * 86_400) -> Iterator[bytes]:
    """Creations of violations with random ids, for ever."""
    chance = random.Random(seed)
    parts = _template()
    number = 0
    while True:
        number += 1
        start = EPOCH + chance.randrange(spread_seconds) * 1_000_000
        values = {
            b"@id@": b"%032x" % chance.getrandbits(128),
            b"@driver@": b"DRIVER%05d" % chance.randrange(drivers),
            b"@start@": format_time(start).encode(),
            b"@event@": format_time(start + 3_600_000_000).encode(),
            b"@term@": b"T%02d" % chance.randrange(20),
        }
        yield b"".join(values.get(part, part) for part in parts)


def make_batches(seed: int, size: int) -> Iterator[bytes]:
    """Arrays of `size` creations, for ever."""
    events = make_events(seed)
    while True:
        yield b"[" + b",".join(next(events) for _ in range(size)) + b"]"
