"""The simulated stream: equal for equal seeds, believable in every field, and as varied as it says.

The checks are independent of how the stream is made: they read the JSON, and compute distances, nearest towns and local
days anew.
"""

import hashlib
import json
import math
import re
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.maven.simulator import DEFAULT_UNTIL, TERMINALS, ExpectedState, Shape, SimulatedDelivery, simulate
from app.maven.simulator.places import PLACES

COUNT = 6_000
ZONES = {
    **dict.fromkeys(("PGH", "ATL", "IND", "HBG", "JAX", "CMH", "BUF", "RIC"), "America/New_York"),
    **dict.fromkeys(("DAL", "CHI", "MEM", "HOU", "MCI", "BNA", "OMA", "MSP", "OKC", "SAT"), "America/Chicago"),
    **dict.fromkeys(("SLC", "DEN"), "America/Denver"),
    **dict.fromkeys(("LAX", "SAC", "SEA"), "America/Los_Angeles"),
    "PHX": "America/Phoenix",
}
NAMES_OF_TYPES = {
    "shift_drive": ("Drive", {"10 Hr Drive", "11 Hr Drive", "12 Hr Drive"}),
    "shift": ("Shift", {"14 Hr Shift", "15 Hr Shift", "16 Hr Shift"}),
    "break": ("Break", {"30 Min Break"}),
    "cycle": ("Cycle", {"60 Hr Cycle", "70 Hr Cycle", "80 Hr Cycle"}),
}
FIELDS = """
eventTime id terminalCode logDate driverName driverId ruleset powerUnitNumber type shortDescription longDescription
startTime endTime duration startData endData
"""
VEHICLE_FIELDS = """
odometer latitude longitude streetNumber street city state country postalCode formattedAddress eldLocation
"""
ELD_FIELDS = "city country direction distance formattedLocation jurisdiction postalCode units"
WINDS = "N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW"
NUMBERS = {"odometer", "latitude", "longitude", "distance"}


@pytest.fixture(scope="module")
def stream() -> list[SimulatedDelivery]:
    return list(simulate(11, COUNT))


def read_data(delivery: SimulatedDelivery) -> dict[str, Any]:
    """Violation Data of a delivery, whichever shape it has; the event type is checked on the way."""
    event = json.loads(delivery.body)
    assert event.pop("eventType") == delivery.event_type
    if delivery.event_id is None:
        return dict(event)
    assert set(event) == {"id", "timestamp", "data"}
    assert event["id"] == delivery.event_id
    return dict(event["data"])


def read_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def haversine_miles(here: tuple[float, float], there: tuple[float, float]) -> float:
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, spot)) for spot in (here, there))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 3958.7613 * math.asin(math.sqrt(half))


def digest(seed: int, count: int = 400, **options: Any) -> str:
    hashed = hashlib.sha256()
    for delivery in simulate(seed, count, **options):
        hashed.update(delivery.body + b"\n")
    return hashed.hexdigest()


def test_a_seed_means_the_same_bytes_and_another_seed_others() -> None:
    assert digest(42) == digest(42)
    assert digest(42) != digest(43)
    assert digest(42, start=datetime(2025, 3, 1, tzinfo=UTC)) != digest(42)


def test_a_seed_means_the_bytes_it_always_meant() -> None:
    """Recorded: whoever changes the stream changes what a seed in someone's notes means, and should know it."""
    assert digest(42) == "8535f15ba899013866b2e1eaf663b29356fe6de754ac84ed254ae06ba796a735"


@pytest.mark.parametrize("count", [1, 2, 3, 17, 1000])
def test_gives_exactly_as_many_events_as_asked_for(count: int) -> None:
    deliveries = list(simulate(5, count))
    assert len(deliveries) == count
    totals = Counter(delivery.violation_id for delivery in deliveries)
    assert all(delivery.events_of_violation == totals[delivery.violation_id] for delivery in deliveries)


def test_every_field_of_the_vendors_table_is_filled(stream: list[SimulatedDelivery]) -> None:
    for delivery in stream:
        data = read_data(delivery)
        assert sorted(data) == sorted(FIELDS.split())
        for side in (data["startData"], data["endData"]):
            assert sorted(side) == sorted(VEHICLE_FIELDS.split())
            assert sorted(side["eldLocation"]) == sorted(ELD_FIELDS.split())
            for fields in (side, side["eldLocation"]):
                for name, value in fields.items():
                    if name != "eldLocation":
                        assert isinstance(value, float if name in NUMBERS else str), name
                        assert value != "", name
        assert all(isinstance(data[name], str) and data[name] for name in FIELDS.split() if not name.endswith("Data"))
        assert data["id"] == delivery.violation_id
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", data["id"])
        assert read_time(data["eventTime"]).timestamp() == delivery.event_time


def test_times_durations_and_log_days_fit_together(stream: list[SimulatedDelivery]) -> None:
    for delivery in stream:
        data = read_data(delivery)
        started_at, ended_at = read_time(data["startTime"]), read_time(data["endTime"])
        assert ended_at > started_at
        matched = re.fullmatch(r"(\d{1,2}):([0-5]\d)", data["duration"])
        assert matched is not None
        written = timedelta(hours=int(matched[1]), minutes=int(matched[2]))
        assert timedelta(minutes=1) <= written <= ended_at - started_at < written + timedelta(minutes=1)
        event_time = read_time(data["eventTime"])
        if delivery.event_type == "violationInvalidated":
            assert event_time > ended_at
        else:
            assert event_time >= ended_at
        zone = ZoneInfo(ZONES[data["terminalCode"]])
        assert data["logDate"] == started_at.astimezone(zone).date().isoformat()
        assert DEFAULT_UNTIL - timedelta(days=31) < started_at
        assert event_time <= DEFAULT_UNTIL + timedelta(seconds=2)


def test_trucks_move_as_far_as_they_can_in_the_time(stream: list[SimulatedDelivery]) -> None:
    for delivery in stream:
        data = read_data(delivery)
        start, end = data["startData"], data["endData"]
        hours = (read_time(data["endTime"]) - read_time(data["startTime"])).total_seconds() / 3600
        driven = end["odometer"] - start["odometer"]
        assert 50 * hours - 0.5 <= driven <= 65 * hours + 0.5
        straight = haversine_miles((start["latitude"], start["longitude"]), (end["latitude"], end["longitude"]))
        assert straight <= driven * 1.01 + 0.3
        # A road that doubles back would lead less than half as far.
        assert straight >= driven * 0.5 - 0.3
        assert start["street"] == end["street"]


def test_positions_are_told_by_the_nearest_town(stream: list[SimulatedDelivery]) -> None:
    for delivery in stream[:1500]:
        data = read_data(delivery)
        for side in (data["startData"], data["endData"]):
            assert_told_by_the_nearest_town(side)


def assert_told_by_the_nearest_town(side: Mapping[str, Any]) -> None:
    spot, eld = (side["latitude"], side["longitude"]), side["eldLocation"]
    assert 25 <= spot[0] <= 49
    assert -125 <= spot[1] <= -66
    by_distance = {(town.city, town.state): haversine_miles(spot, (town.latitude, town.longitude)) for town in PLACES}
    named = (eld["city"], eld["jurisdiction"])
    assert by_distance[named] <= min(by_distance.values()) * 1.02 + 0.05
    assert eld["distance"] == pytest.approx(by_distance[named], rel=0.02, abs=0.05)
    town = next(place for place in PLACES if (place.city, place.state) == named)
    assert eld["postalCode"] == town.postal_code
    assert (eld["country"], eld["units"], side["country"]) == ("USA", "mi", "US")
    assert eld["formattedLocation"] == f"{eld['distance']} mi {eld['direction']} {town.state} {town.city}, USA"
    if eld["distance"] > 1:
        east = (spot[1] - town.longitude) * math.cos(math.radians(town.latitude))
        angle = math.degrees(math.atan2(east, spot[0] - town.latitude)) % 360
        assert abs((angle - WINDS.split().index(eld["direction"]) * 22.5 + 180) % 360 - 180) <= 11.3
    address = f"{side['streetNumber']} {side['street']}, {side['city']}, {side['state']} {side['postalCode']}"
    assert side["formattedAddress"] == address


def test_odometers_only_grow_and_drivers_are_in_one_place_at_a_time(stream: list[SimulatedDelivery]) -> None:
    drives: dict[str, set[tuple[datetime, datetime, float, float]]] = defaultdict(set)
    replaced = {
        delivery.violation_id
        for delivery in stream
        if delivery.event_type == "violationInvalidated" or delivery.is_late
    }
    units: dict[str, str] = {}
    for delivery in stream:
        data = read_data(delivery)
        assert units.setdefault(data["powerUnitNumber"], data["driverId"]) == data["driverId"]
        if delivery.violation_id not in replaced:
            when = read_time(data["startTime"]), read_time(data["endTime"])
            drives[data["driverId"]].add((*when, data["startData"]["odometer"], data["endData"]["odometer"]))
    assert sum(len(of_one) for of_one in drives.values()) > 1000
    for of_one in drives.values():
        # A violation told anew, shorter, ends with the one it replaced.
        ordered = sorted({drive[1]: drive for drive in sorted(of_one, reverse=True)}.values())
        for before, after in pairwise(ordered):
            assert before[1] < after[0]
            assert before[3] <= after[2] + 0.2


def test_drivers_keep_their_names_terminals_and_rulesets(stream: list[SimulatedDelivery]) -> None:
    facts: dict[str, tuple[str, ...]] = {}
    for delivery in stream:
        data = read_data(delivery)
        told = tuple(data[name] for name in ("driverName", "terminalCode", "ruleset", "powerUnitNumber"))
        assert facts.setdefault(data["driverId"], told) == told
        assert re.fullmatch(r"[A-Z]{3,9}\d{3,}", data["driverId"])
        assert re.fullmatch(r"[\w'-]+, \w+", data["driverName"])
        short, longs = NAMES_OF_TYPES[data["type"]]
        assert data["shortDescription"] == short
        assert data["longDescription"] in longs
        if data["ruleset"] == "USA_PROPERTY_70_8":
            assert data["longDescription"] in {"11 Hr Drive", "14 Hr Shift", "30 Min Break", "70 Hr Cycle"}
        for side in (data["startData"], data["endData"]):
            if data["ruleset"].endswith("_INTRASTATE_PROPERTY"):
                assert side["state"] == {"C": "CA", "T": "TX"}[data["ruleset"][0]]
    rulesets = Counter(told[2] for told in facts.values())
    assert set(rulesets) == {
        "USA_PROPERTY_70_8",
        "USA_PROPERTY_60_7",
        "USA_PASSENGER_70_8",
        "CALIFORNIA_INTRASTATE_PROPERTY",
        "TEXAS_INTRASTATE_PROPERTY",
    }
    assert rulesets["USA_PROPERTY_70_8"] > len(facts) / 2
    assert {told[1] for told in facts.values()} == {terminal.code for terminal in TERMINALS[:8]}


def test_shares_are_as_documented(stream: list[SimulatedDelivery]) -> None:
    created = {delivery.violation_id for delivery in stream if delivery.event_type == "violationCreated"}
    invalidated = {delivery.violation_id for delivery in stream if delivery.event_type == "violationInvalidated"}
    assert invalidated <= created
    assert 0.12 <= len(invalidated) / len(created) <= 0.18
    assert 0.01 <= sum(delivery.is_duplicate for delivery in stream) / COUNT <= 0.03
    assert 0.03 <= sum(delivery.is_late for delivery in stream) / COUNT <= 0.07
    assert 0.45 <= sum(delivery.event_id is None for delivery in stream) / COUNT <= 0.55
    data = [read_data(delivery) for delivery in stream]
    durations = [read_time(one["endTime"]) - read_time(one["startTime"]) for one in data]
    assert sum(duration < timedelta(hours=1) for duration in durations) > 0.75 * COUNT
    assert 0.01 * COUNT < sum(duration > timedelta(hours=3) for duration in durations) < 0.06 * COUNT
    types = Counter(one["type"] for one in data)
    assert set(types) == set(NAMES_OF_TYPES)
    assert types["shift_drive"] == max(types.values())


def test_deliveries_come_in_the_order_of_arrival_and_some_out_of_turn(stream: list[SimulatedDelivery]) -> None:
    arrivals = [delivery.delivered_at for delivery in stream]
    assert arrivals == sorted(arrivals)
    first: dict[str, str] = {}
    for delivery in stream:
        first.setdefault(delivery.violation_id, delivery.event_type)
    assert 0.005 * len(first) < Counter(first.values())["violationInvalidated"] < 0.03 * len(first)
    late = [
        delivery.delivered_at - delivery.event_time for delivery in stream if delivery.event_type == "violationCreated"
    ]
    assert sum(seconds >= 3600 for seconds in late) > 0.02 * COUNT


def test_invalidations_repeat_the_body_and_come_minutes_to_weeks_later(stream: list[SimulatedDelivery]) -> None:
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    delays = []
    for delivery in stream:
        if delivery.event_type == "violationCreated":
            told[delivery.violation_id].append(read_data(delivery))
    for delivery in stream:
        if delivery.event_type == "violationInvalidated":
            data = read_data(delivery)
            ended_at = read_time(data["endTime"])
            delays.append(read_time(data["eventTime"]) - ended_at)
            assert {**data, "eventTime": data["endTime"]} in told[delivery.violation_id]
    assert sum(delay < timedelta(hours=1) for delay in delays) > 0.1 * len(delays)
    assert max(delays) > timedelta(days=14)


def test_some_violations_return_shorter_or_anew(stream: list[SimulatedDelivery]) -> None:
    bodies: dict[str, set[str]] = defaultdict(set)
    drives: dict[tuple[str, str], set[str]] = defaultdict(set)
    for delivery in stream:
        data = read_data(delivery)
        drives[data["driverId"], data["endTime"]].add(delivery.violation_id)
        if delivery.event_type == "violationCreated":
            bodies[delivery.violation_id].add(json.dumps(data))
    recreated = [ids for ids in drives.values() if len(ids) == 2]
    assert 0.01 * len(drives) < len(recreated) < 0.06 * len(drives)
    assert 0.003 * len(drives) < sum(len(of_one) == 2 for of_one in bodies.values()) < 0.025 * len(drives)


@pytest.mark.parametrize("shape", ["flat", "envelope"])
def test_one_shape_only(shape: Shape) -> None:
    for delivery in simulate(3, 200, shape=shape):
        event = json.loads(delivery.body)
        assert ("data" in event) == (shape == "envelope")
        assert ("eventTime" in event) == (shape == "flat")
        if shape == "envelope":
            saved_at = datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            assert saved_at.timestamp() >= delivery.event_time


def test_duplicates_are_the_same_event(stream: list[SimulatedDelivery]) -> None:
    known: set[str] = set()
    for delivery in stream:
        told = json.dumps([delivery.event_type, read_data(delivery)], sort_keys=True)
        assert (told in known) == delivery.is_duplicate
        known.add(told)


def test_expected_state_equals_the_rule_over_the_whole_set(stream: list[SimulatedDelivery]) -> None:
    events: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for delivery in stream:
        events[delivery.violation_id].add((delivery.event_time, delivery.event_type))
    # At equal times "violationInvalidated" sorts last, and wins.
    active = sum(max(of_one)[1] == "violationCreated" for of_one in events.values())
    for order in (stream, list(reversed(stream))):
        expected = ExpectedState()
        for delivery in order:
            expected.add(delivery)
        assert (expected.violations, expected.active) == (len(events), active)
        assert expected.invalidated == len(events) - active > 500


def test_expected_state_of_a_part_counts_what_is_unfinished() -> None:
    event = SimulatedDelivery(b"", "violationInvalidated", "a", None, 10, 11, False, False, 3)
    expected = ExpectedState()
    expected.add(event)
    assert (expected.violations, expected.active, expected.invalidated) == (1, 0, 1)
    expected.add(event._replace(event_type="violationCreated"))
    assert (expected.violations, expected.active, expected.invalidated) == (1, 0, 1)
    expected.add(event._replace(event_type="violationCreated", event_time=12))
    assert (expected.violations, expected.active, expected.invalidated) == (1, 1, 0)


@pytest.mark.parametrize(
    "options, says",
    [
        ({"seed": -1}, "seed must be 0 or more"),
        ({"count": 0}, "count must be 1 or more"),
        ({"drivers": 0}, "drivers must be 1 to"),
        ({"days": 0}, "days must be 1 to"),
        ({"terminals": len(TERMINALS) + 1}, f"terminals must be 1 to {len(TERMINALS)}"),
        ({"shape": "round"}, "shape must be one of flat, envelope, mixed"),
        ({"start": datetime(2026, 1, 1)}, "start must know its time zone"),  # noqa: DTZ001 - that is what is refused
        ({"start": datetime(1969, 1, 1, tzinfo=UTC)}, "start must lie in the years"),
        ({"drivers": 1, "days": 1, "count": 5000}, "1 drivers cannot have 5000 events in 1 days: it takes 4"),
    ],
)
def test_refuses_at_the_call_what_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        simulate(**{"seed": 1, "count": 10, **options})


def test_the_fewest_drivers_it_accepts_can_have_so_many() -> None:
    deliveries = list(simulate(2, 600, drivers=6, terminals=2, days=1))
    ended: dict[str, set[str]] = defaultdict(set)
    for delivery in deliveries:
        data = read_data(delivery)
        ended[data["driverId"]].add(data["endTime"])
        assert data["terminalCode"] in {"PGH", "DAL"}
    assert len(ended) == 6


def test_memory_is_bounded_by_what_waits() -> None:
    """A dense stream keeps what waits for its time, about one event in six, and nothing of what was read."""
    stream = simulate(8, 1_000_000, days=1)
    tracemalloc.start()
    try:
        for _ in islice(stream, 3_000):
            pass
        early, _ = tracemalloc.get_traced_memory()
        for _ in islice(stream, 12_000):
            pass
        later, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 12,000 events of 1.4 KB would be 17 MB; what waits of them is a sixth.
    assert later - early < 8_000_000
