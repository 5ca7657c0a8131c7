"""Events for tests of state: small alphabets that collide often, and an oracle that says what they add up to.

The oracle is contract section 4, "Rules of state", written out over plain JSON. It shares no code with the program, so
that three opinions can be compared: the pure rule, the rows, and this.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from hypothesis import strategies as st

from app.maven.events import AcceptedEvent, read_delivery
from tests.maven.examples import Json, as_bytes

CREATED = "violationCreated"
INVALIDATED = "violationInvalidated"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Three instants, each written in more than one way: other writings make other events of the same time.
EVENT_TIMES = [
    "2024-01-01T00:00:00Z",
    "2024-01-01T01:00:00+01:00",
    "2024-01-01T00:00:00.000001Z",
    "2024-01-01T00:00:00.000001",
    "2024-01-02T00:00:00Z",
    "2024-01-02T00:00:00",
]
ABSENT = object()
TEXTS = ("terminalCode", "driverName", "driverId", "ruleset", "powerUnitNumber", "type", "logDate", "duration")


@dataclass(frozen=True)
class Told:
    """An event as a sender tells it: its type, its violation data, and the bytes that carry both."""

    event_type: str
    data: dict[str, Json]
    body: bytes

    @property
    def violation_id(self) -> str:
        return str(self.data["id"])

    # Asked for again and again of long histories, for each of their beginnings.
    @cached_property
    def canonical(self) -> bytes:
        return canonical(self.data)

    @property
    def identity(self) -> tuple[str, str, bytes]:
        """Equal for the same event: type and violation data equal as JSON values."""
        return self.violation_id, self.event_type, self.canonical

    @cached_property
    def event_time(self) -> int:
        return micros(str(self.data["eventTime"]))

    def read(self) -> AcceptedEvent:
        """The event as the program reads it."""
        (event,) = read_delivery(self.body, 1)
        assert isinstance(event, AcceptedEvent), event
        return event


def micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _settled(value: Json) -> Json:
    """Numbers that are equal, written in one way."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, dict):
        return {name: _settled(item) for name, item in value.items()}
    return value


def canonical(data: Json) -> bytes:
    return json.dumps(_settled(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


View = dict[str, object]


def view_of(data: dict[str, Json]) -> View:
    """What is seen of violation data, as far as these events differ in it."""
    view: View = {name: data.get(name) for name in TEXTS}
    view["eventTime"] = micros(str(data["eventTime"]))
    start_time = data.get("startTime")
    view["startTime"] = None if start_time is None else micros(str(start_time))
    vehicle = data.get("startData")
    if isinstance(vehicle, list):
        vehicle = vehicle[0] if vehicle else None
    view["startData"] = vehicle is not None
    latitude = vehicle.get("latitude") if isinstance(vehicle, dict) else None
    view["latitude"] = None if latitude is None else float(str(latitude))
    return view


def view_of_accepted(event: AcceptedEvent) -> View:
    """The same of an event that the program read."""
    data = event.data
    view: View = {name: getattr(data, name) for name in TEXTS}
    view["eventTime"] = data.eventTime
    view["startTime"] = data.startTime
    view["startData"] = data.startData is not None
    view["latitude"] = None if data.startData is None else data.startData.latitude
    return view


@dataclass(frozen=True)
class State:
    """What a set of events of one violation adds up to."""

    invalidated_at: int | None
    details: Told

    @property
    def status(self) -> str:
        return "active" if self.invalidated_at is None else "invalidated"

    @property
    def seen(self) -> tuple[int | None, View]:
        """All that a reader could notice."""
        return self.invalidated_at, view_of(self.details.data)


def _newest(events: Iterable[Told]) -> Told | None:
    return max(events, key=lambda e: (e.event_time, e.canonical), default=None)


def state_of(events: Iterable[Told]) -> State:
    """Contract section 4: status of the newest event, at equal times the invalidation wins; details of the newest
    creation, before one came of the newest invalidation; at one time the greater canonical JSON.
    """
    known = list(events)
    creation = _newest(e for e in known if e.event_type == CREATED)
    invalidation = _newest(e for e in known if e.event_type == INVALIDATED)
    details = creation or invalidation
    assert details is not None
    by_status = sorted(known, key=lambda e: (e.event_time, e.event_type == INVALIDATED))
    is_active = by_status[-1].event_type == CREATED
    return State(None if is_active or invalidation is None else invalidation.event_time, details)


def outcomes_of(history: Sequence[Told]) -> list[str]:
    """The outcome of each event of one history, told from the states before and after it."""
    known: dict[str, list[Told]] = {}
    outcomes: list[str] = []
    for event in history:
        before = known.setdefault(event.violation_id, [])
        if any(event.identity == other.identity for other in before):
            outcomes.append("duplicate")
            continue
        was = state_of(before) if before else None
        before.append(event)
        now = state_of(before)
        if was is None:
            outcomes.append("created" if event.event_type == CREATED else "invalidated")
        elif was.status != now.status:
            outcomes.append("reopened" if now.status == "active" else "invalidated")
        else:
            outcomes.append("superseded" if was.seen == now.seen else "updated")
    return outcomes


CHANGES = ("created", "updated", "invalidated", "reopened")


def _carry(event_type: str, data: dict[str, Json], form: int) -> bytes:
    """One event in one of the shapes of the contract."""
    match form:
        case 0:
            return as_bytes({"eventType": event_type, **data})
        case 1:
            return as_bytes({**dict(reversed(data.items())), "eventType": event_type})
        case 2:
            return as_bytes({"id": "e-1", "timestamp": "2024-01-01T00:00:01Z", "eventType": event_type, "data": data})
        case 3:
            return json.dumps({"data": data, "eventType": event_type, "id": 7}, indent=1).encode()
        case _:
            return json.dumps({"eventType": event_type, "data": {"eventType": event_type, **data}}).encode()


def _build(event_type: str, form: int, fields: dict[str, object]) -> Told:
    data: dict[str, Json] = {name: value for name, value in fields.items() if value is not ABSENT}  # type: ignore[misc]
    return Told(event_type, data, _carry(event_type, data, form))


def told(ids: Sequence[str]) -> st.SearchStrategy[Told]:
    """Events of a few violations. They differ in little, so that two are often the same, or of one time."""
    fields = st.fixed_dictionaries(
        {
            "id": st.sampled_from(ids),
            "eventTime": st.sampled_from(EVENT_TIMES),
            "driverId": st.sampled_from(["D1", "D2"]),
            "type": st.sampled_from(["shift_drive", "Break"]),
            "startTime": st.sampled_from(["2024-01-01T00:00:00Z", "2023-12-31T23:00:00-01:00"]),
            "driverName": st.sampled_from([ABSENT, ABSENT, None, "Zoë Ångström", "\U0001f69a"]),
            "terminalCode": st.sampled_from([ABSENT, "PGH", "pgh"]),
            "duration": st.sampled_from([ABSENT, "3:00", "03:01"]),
            "startData": st.sampled_from(
                [ABSENT, ABSENT, None, [], {}, [{}], {"latitude": 40}, [{"latitude": 40.0}], {"latitude": "40.0"}]
            ),
            "note": st.sampled_from([ABSENT, ABSENT, 1, 1.0, "1", {"b": 1.5, "a": [True]}]),
        }
    )
    kinds = st.sampled_from([CREATED, CREATED, INVALIDATED])
    return st.builds(_build, kinds, st.integers(0, 4), fields)


def histories(ids: Sequence[str], most: int = 14) -> st.SearchStrategy[list[Told]]:
    """Events in the order they came, some of them more than once and in another shape."""

    @st.composite
    def draw_history(draw: st.DrawFn) -> list[Told]:
        events = draw(st.lists(told(ids), min_size=1, max_size=most))
        again = draw(st.lists(st.tuples(st.sampled_from(events), st.integers(0, 4)), max_size=5))
        repeated = [Told(e.event_type, e.data, _carry(e.event_type, e.data, form)) for e, form in again]
        return draw(st.permutations(events + repeated))

    return draw_history()


Transactions = list[list[list[Told]]]
"""Transactions of deliveries of events."""


@st.composite
def _cut(draw: st.DrawFn, history: Sequence[Told]) -> Transactions:
    transactions = [[[history[0]]]]
    for event in history[1:]:
        match draw(st.integers(0, 2)):
            case 0:
                transactions[-1][-1].append(event)
            case 1:
                transactions[-1].append([event])
            case _:
                transactions.append([[event]])
    return transactions


@st.composite
def batched(draw: st.DrawFn, ids: Sequence[str], most: int = 14) -> Transactions:
    """A history cut into transactions of deliveries, in order."""
    return draw(_cut(draw(histories(ids, most))))


@st.composite
def batched_twice(draw: st.DrawFn, ids: Sequence[str], most: int = 14) -> tuple[Transactions, Transactions]:
    """The same events in two orders, each cut in its own way."""
    history = draw(histories(ids, most))
    first, second = draw(_cut(history)), draw(_cut(draw(st.permutations(history))))
    return first, second


def flattened(transactions: Transactions) -> list[Told]:
    return [event for deliveries in transactions for events in deliveries for event in events]
