"""Histories at random: events of a few violations that collide often, each written in many ways, in any order.

Values are odd on purpose: the ends of ranges, texts that databases might fold or cut, numbers written as texts. Some
events are not to be understood at all, or are of no type of ours. A telling is one order of a history, cut into
transactions of deliveries; several tellings of one history must end in one state.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from app.inbox.model import Channel
from app.ingest.keeping import Delivery
from app.maven.events import AcceptedEvent, ReadEvent, read_delivery
from tests.events import ABSENT, CREATED, INVALIDATED
from tests.maven.examples import Json

MOST_STEPS = 24
"""Transactions of one telling."""

# The same instants in several writings: other writings make other events of one time.
_MOMENTS = (
    ("2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00", "2023-12-31T16:00:00-08"),
    ("2024-01-01T00:00:00.000001Z", "2024-01-01T00:00:00.0000019", "2024-01-01T00:00:00,000001Z"),
    ("2024-01-02T00:00:00", "2024-01-02T00:00:00.000Z"),
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
    ("1970-01-01T00:00:00Z", "1970-01-01T14:00:00+14:00"),
    ("2199-12-31T23:59:59.999999Z",),
)
_VEHICLES: tuple[object, ...] = (
    *(ABSENT, ABSENT, None, [], {}, [{}], {"latitude": 40}, [{"latitude": 40.0}], {"latitude": "40.0"}),
    {"latitude": -90, "longitude": "180", "odometer": 0.1},
    {"latitude": 5e-324, "odometer": 1e308, "city": "Łódź"},
    {"odometer": 12345678901234567, "eldLocation": [{"distance": "3.21"}], "unknown": [1, {"a": None}]},
)
_VALUES: dict[str, tuple[object, ...]] = {
    "driverId": ("D1", "D2", "d1", "D" * 255, "a,b", "%2F/..", "\U0001f69a"),
    "type": ("shift_drive", "Break", "break", "cycle", "\u017fhift_drive"),
    "startTime": ("2024-01-01T00:00:00Z", "2023-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000001Z"),
    "driverName": (ABSENT, None, "", "Zoë Ångström", "Zoe\u0308 A\u030angstro\u0308m", "İıſß", "\U0001f69a", "%_\\'"),
    "terminalCode": (ABSENT, None, "PGH", "pgh", "PGH ", "", "null"),
    "ruleset": (ABSENT, "USA_PROPERTY_70_8", "Texas", None),
    "powerUnitNumber": (ABSENT, "7", "007", "Truck 12345", "\t"),
    "logDate": (ABSENT, None, "2024-02-29", "1970-01-01"),
    "duration": (ABSENT, None, "3:00", "03:01", "3:01", "9999:59", "0:00"),
    "startData": _VEHICLES,
    "endData": _VEHICLES,
    "note": (
        *(ABSENT, ABSENT, 1, "1", 0.1, -1.5e-9, True, None, [[[[]]]], {"b": 1.5, "a": [True, 2]}),
        *(9007199254740991, {"é": 1, "e\u0301": 2, "\U0001f600": 3, "\uffee": 4}),
    ),
}
_FAULTS: tuple[dict[str, Json], ...] = (
    {"eventTime": "yesterday"},
    {"eventTime": "2200-01-01T00:00:00Z"},
    {"startData": {"latitude": 90.5}},
    {"endData": {"longitude": "NaN"}},
    {"duration": "10000:00"},
    {"driverName": "a\u0000b"},
    {"logDate": "2024-02-30"},
    {"terminalCode": 7},
    {"id": ""},
)


@dataclass(frozen=True, slots=True)
class Said:
    """An event as it was written once: its bytes, and what the program reads from them."""

    body: bytes
    read: ReadEvent

    @property
    def accepted(self) -> AcceptedEvent | None:
        return self.read if isinstance(self.read, AcceptedEvent) else None


Transaction = list[tuple[Channel, list[Said]]]
"""Deliveries, each with its channel."""


@dataclass(frozen=True, slots=True)
class History:
    """One history, told in several orders. Transactions of a telling may be empty, while others are told."""

    number: int
    tellings: tuple[list[Transaction], ...]


def make_history(number: int, chance: random.Random, tellings: int) -> History:
    """The history of a number; its violations are named by that number and are nobody else's."""
    ids = [f"{number}-{name}" for name in chance.choice((["a"], ["a"], ["a", "A"], ["a", "b", "a "]))]
    moments = chance.sample(_MOMENTS, chance.randint(1, 3))
    sources = [_event(chance, ids, moments) for _ in range(chance.randint(1, 9))]
    written = [_write(chance, *source) for source in sources]
    for _ in range(chance.choice((0, 0, 1, 2, 4))):
        place = chance.randrange(len(sources))
        again = _write(chance, *sources[place])
        _assert_same_event(written[place], again)
        written.append(again)
    if chance.random() < 0.15:
        event_type, data = chance.choice(sources)
        faulty = data | chance.choice(_FAULTS)
        written.append(_write(chance, chance.choice((event_type, "driverLoggedIn")), faulty))
    return History(number, tuple(_tell(chance, written) for _ in range(tellings)))


def _event(chance: random.Random, ids: Sequence[str], moments: Sequence[Sequence[str]]) -> tuple[str, dict[str, Json]]:
    event_type = chance.choice((CREATED, CREATED, INVALIDATED))
    needed = ("driverId", "type", "startTime") if event_type == CREATED or chance.random() < 0.7 else ()
    # Few fields beside those, so that two events are often the same but for one.
    others = [name for name in _VALUES if name not in needed]
    names = (*needed, *chance.sample(others, chance.choice((0, 0, 1, 1, 2, 5))))
    fields = {name: chance.choice(_VALUES[name][: chance.choice((2, 3, 20))]) for name in names}
    data = {name: cast("Json", value) for name, value in fields.items() if value is not ABSENT}
    return event_type, {"id": chance.choice(ids), "eventTime": chance.choice(chance.choice(moments)), **data}


def _write(chance: random.Random, event_type: str, data: dict[str, Json]) -> Said:
    """One event in one of the shapes of the contract, spelled in one of the ways of JSON."""
    event: dict[str, Json]
    match chance.randrange(4):
        case 0:
            event = {"eventType": event_type, **data}
        case 1:
            event = {"id": chance.choice(("e-1", "e-2", 7, None)), "eventType": event_type, "data": data}
        case 2:
            event = {"timestamp": "2024-01-01T00:00:01Z", "eventType": event_type, "data": data, "eventTime": None}
        case _:
            event = {"eventType": event_type, "data": {"eventType": event_type, **data}, "id": "e"}
    body = _spell(chance, event).encode()
    (read,) = read_delivery(body, 1)
    return Said(body, read)


def _spell(chance: random.Random, value: Json) -> str:
    """JSON text of a value: members in any order, numbers, texts and blanks in any of their writings."""
    blank = chance.choice(("", "", "", " ", "\n\t"))
    if isinstance(value, dict):
        members = chance.sample(list(value.items()), len(value))
        inner = ",".join(f"{blank}{_spell(chance, name)}{blank}:{_spell(chance, item)}" for name, item in members)
        return f"{{{inner}{blank}}}"
    if isinstance(value, list):
        return f"[{','.join(blank + _spell(chance, item) for item in value)}{blank}]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return chance.choice((f"{value}", f"{value}.0", f"{value}e0", f"{value}.00E+00"))
    return json.dumps(value, ensure_ascii=chance.random() < 0.5)


def _assert_same_event(one: Said, other: Said) -> None:
    if one.accepted is not None or other.accepted is not None:
        assert one.accepted is not None
        assert other.accepted is not None, f"one writing is understood, another is not: {other.body!r}"
        assert one.accepted.identity == other.accepted.identity, f"{one.body!r} is not {other.body!r}"


def _tell(chance: random.Random, written: Sequence[Said]) -> list[Transaction]:
    """The events in some order, cut at random."""
    transactions: list[Transaction] = [[] for _ in range(chance.randrange(4))]
    channel = chance.choice(tuple(Channel))
    for said in chance.sample(written, len(written)):
        match chance.randrange(4):
            case 0 if transactions and transactions[-1]:
                transactions[-1][-1][1].append(said)
            case 1 if transactions:
                transactions[-1].append((chance.choice(tuple(Channel)), [said]))
            case _:
                transactions.append([(channel, [said])])
    assert len(transactions) <= MOST_STEPS
    return transactions


def delivered(chance_form: int, channel: Channel, said: Sequence[Said]) -> Delivery:
    """Events as one body of a form that is chosen by a number, read as the program reads it."""
    joined = b",".join(one.body for one in said)
    if len(said) == 1 and chance_form % 3 == 0:
        body = joined
    elif chance_form % 2:
        body = b"[" + joined + b"]"
    else:
        body = b'{"events":[' + joined + b'],"pagination":{"hasNextPage":false,"nextPageStartTime":null}}'
    return Delivery(read_delivery(body, len(said)), channel)
