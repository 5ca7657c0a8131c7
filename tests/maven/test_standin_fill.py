"""What the stand-in is filled with: a fleet's violations among events of Maven's other products."""

import re
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

import orjson
import pytest

from app.maven.events import AcceptedEvent, IgnoredEvent, read_delivery
from app.maven.simulator import DEFAULT_UNTIL, simulate
from app.maven.standin import FOREIGN_TYPES, HeldEvents, fill_from_simulation, foreign_event, maven_time
from app.maven.standin.foreign import LINEHAUL_TYPES, PICKUP_AND_DELIVERY_TYPES
from app.maven.times import SECOND, parse_time

COUNT = 400
LATER = int(DEFAULT_UNTIL.timestamp() * SECOND) + 3600 * SECOND
OURS = ("violationCreated", "violationInvalidated")


def filled(**options: Any) -> list[bytes]:
    held = HeldEvents()
    fill_from_simulation(held, **{"seed": 1, "count": COUNT, "days": 20, **options})
    return held.page(0, None, 1_000_000, LATER).events


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return [orjson.loads(event) for event in filled()]


def test_the_queue_has_all_that_the_fleet_tells_and_twice_as_much_else() -> None:
    held = HeldEvents()
    counted = fill_from_simulation(held, seed=1, count=COUNT, days=20)
    assert tuple(counted) == (COUNT, 2 * COUNT)
    assert len(held) == 3 * COUNT
    read = read_delivery(b"[" + b",".join(held.page(0, None, 1_000_000, LATER).events) + b"]", 1_000_000)
    assert Counter(type(one) for one in read) == {AcceptedEvent: COUNT, IgnoredEvent: 2 * COUNT}


def test_events_are_as_simulated_and_saved_when_they_were_delivered(events: list[dict[str, Any]]) -> None:
    ours = [event for event in events if event["eventType"] in OURS]
    expected: Counter[bytes] = Counter()
    for delivery in simulate(1, COUNT, start=datetime(2025, 12, 12, tzinfo=UTC), days=20, shape="envelope"):
        told = orjson.loads(delivery.body)
        expected[orjson.dumps([told["id"], told["eventType"], told["data"], delivery.delivered_at])] += 1
    got: Counter[bytes] = Counter()
    for event in ours:
        assert list(event) == ["id", "timestamp", "eventType", "data"]
        saved_at = parse_time(event["timestamp"]) // SECOND
        got[orjson.dumps([event["id"], event["eventType"], event["data"], saved_at])] += 1
    assert got == expected


def test_what_was_delivered_twice_is_there_twice(events: list[dict[str, Any]]) -> None:
    times = Counter(event["id"] for event in events)
    twice = [event_id for event_id, count in times.items() if count == 2]
    assert max(times.values()) == 2
    assert len(twice) == sum(delivery.is_duplicate for delivery in simulate(1, COUNT, days=20, shape="envelope")) > 0
    for event_id in twice:
        first, second = [event for event in events if event["id"] == event_id]
        assert first["data"] == second["data"]
        assert first["timestamp"] < second["timestamp"]


def test_timestamps_are_the_order_of_the_queue(events: list[dict[str, Any]]) -> None:
    stamps = [event["timestamp"] for event in events]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp) for stamp in stamps)
    assert all(earlier <= later for earlier, later in pairwise(stamps))


def test_the_same_seed_gives_the_same_bytes_and_the_same_violations_with_any_others() -> None:
    assert filled() == filled()
    assert filled(seed=2) != filled()
    alone = filled(others=0)
    assert len(alone) == COUNT
    assert [event for event in filled(others=3) if orjson.loads(event)["eventType"] in OURS] == alone


def test_the_stream_ends_when_it_is_told_to() -> None:
    until = datetime(2030, 6, 1, 12, 30, 15, tzinfo=UTC)
    held = HeldEvents()
    fill_from_simulation(held, seed=1, count=COUNT, until=until, days=2)
    end = int(until.timestamp()) * SECOND
    census = held.census(end)
    assert census.gone == 0
    assert census.shown > 0.9 * 3 * COUNT
    assert census.ahead < 10


@pytest.mark.parametrize("options, says", [({"others": -1}, "others"), ({"count": 0}, "count"), ({"days": 0}, "days")])
def test_what_cannot_be_is_refused(options: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        filled(**options)


def test_there_are_47_other_types_in_two_styles(events: list[dict[str, Any]]) -> None:
    assert len(set(FOREIGN_TYPES)) == 47
    assert not set(FOREIGN_TYPES) & set(OURS)
    assert all(name[0].islower() for name in PICKUP_AND_DELIVERY_TYPES)
    assert all(name[0].isupper() for name in LINEHAUL_TYPES)
    # Told apart by the first letter alone.
    assert {"manifestCreated", "ManifestCreated"} <= set(FOREIGN_TYPES)
    assert {event["eventType"] for event in events} == {*FOREIGN_TYPES, *OURS}


def test_an_other_event_is_whole_and_repeatable() -> None:
    saved_at = 1_700_000_000_123_000
    made = [foreign_event(Random(7), saved_at) for _ in range(2)]
    assert made[0] == made[1]
    event = orjson.loads(made[0])
    assert event["timestamp"] == maven_time(saved_at) == "2023-11-14T22:13:20.123Z"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["id"])
    assert event["data"]
