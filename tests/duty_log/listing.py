"""A plain Python model of lists of duty records; records and questions over small domains, so that questions hit."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from app.db.database import Database
from app.duty_log.reading import SORTS
from app.maven.ijson_grammar import Json
from app.maven.times import format_millis
from tests.duty_log.samples import (
    NOW,
    SYSTEM,
    Record,
    add_asset,
    add_person,
    add_terminal,
    edit,
    keep,
    record,
    uuid_of,
    whole_log,
)

T = TypeVar("T")

USERS = [1, 2, 3, 4, 5]
ASSETS = [11, 12, 13, 14]
TERMINALS = {11: 634, 12: 634, 13: 635}
"""Home terminals of the vehicles; 14 has none."""

NAMES = {
    1: ("Zoë", "doe", "Jr."),
    2: ("zoë", "\U0001f69a", None),
    3: ("\U0001f69a", "\uffee", "II"),
    4: (None, None, None),
}
"""First and last names and suffixes; 5 became known by a record."""

EVENT_TYPES = ["OnDuty", "OffDuty", "Driving", "Unheard, Of"]
NOTES = ["", "Authenticate", "a, note", "Automatic Transition", "ü'\";--%_"]
STATUSES = ["Active", "InactiveChanged", "InactiveChangeRequested", "InactiveChangeRejected"]
ORIGINS = ["Auto", "Driver", "Martian"]
TIMES = [f"2016-11-10T01:28:15.{milli:03d}Z" for milli in (228, 229, 230)] + ["2017-01-01T00:00:00.000Z"]
CHANGES = [NOW + step for step in (0, 1_300, 1_700, 61_000_999)]


def draw_record(source: random.Random) -> Record:
    """A record over small domains, so that questions hit."""
    optional: dict[str, Sequence[Json]] = {
        "assetId": ASSETS,
        "note": NOTES,
        "deletedAt": TIMES,
        "canAdlHoursWorkShiftStart": TIMES,
        "driverEdit": [True, False],
    }
    likely = {"deletedAt": 0.2}
    chosen = {
        name: source.choice(values) for name, values in optional.items() if source.random() < likely.get(name, 0.6)
    }
    return record(
        userId=source.choice(USERS),
        uuid=source.choice([uuid_of(source.randrange(6)), "ABCDEF00-0000-4000-8000-00000000000A"]),
        recordStatus=source.choice([*STATUSES, "Active"]),
        username=source.choice(["johndoe@mail.com", SYSTEM]),
        eventType=source.choice(EVENT_TYPES),
        recordOrigin=source.choice(ORIGINS),
        eventTime=source.choice(TIMES),
        **chosen,
    )


@dataclass(frozen=True)
class Question:
    """A query by its parameters; None is left out. Sorts are written as on the wire."""

    user_id: tuple[int, ...] | None = None
    asset_id: tuple[int, ...] | None = None
    uuid: tuple[str, ...] | None = None
    home_terminal_id: tuple[int, ...] | None = None
    event_type: tuple[str, ...] | None = None
    note: tuple[str, ...] | None = None
    record_status: tuple[str, ...] | None = None
    record_origin: tuple[str, ...] | None = None
    from_event_time: str | None = None
    to_event_time: str | None = None
    from_deleted_at: str | None = None
    from_change_timestamp: str | None = None
    to_change_timestamp: str | None = None
    driver_system: tuple[str, ...] | None = None
    driver_edit: str | None = None
    can_adl_hours_work_shift_start: tuple[str, ...] | None = None
    sort: tuple[str, ...] | None = None
    offset: int | None = None
    limit: int | None = None

    def query(self) -> str:
        """The query string."""
        pairs = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                words = value if isinstance(value, tuple) else (value,)
                name = "driver.system" if field.name == "driver_system" else field.name.replace("_", "-")
                pairs.append(f"{name}={','.join(_escaped(str(word)) for word in words)}")
        return "&".join(pairs)


def _escaped(word: str) -> str:
    return "".join(f"%{byte:02X}" for byte in word.encode())


SORTED = [sign + name for name in SORTS for sign in ("", "-")]


def draw_question(source: random.Random) -> Question:
    """Some parameters, few of them at once, or nothing would match."""

    def some(values: Sequence[T]) -> tuple[T, ...]:
        return tuple(source.sample(list(values), source.choice([1, 1, 2, 3])))

    written = [format_millis(at) for at in CHANGES]
    shift = sorted(source.sample(TIMES, 2)) if source.random() < 0.5 else [source.choice(TIMES)]
    drawn: dict[str, object] = {
        "user_id": some(USERS),
        "asset_id": some(ASSETS),
        "uuid": some([uuid_of(n) for n in range(7)] + ["abcdef00-0000-4000-8000-00000000000A"]),
        "home_terminal_id": some([634, 635, 636]),
        "event_type": some(EVENT_TYPES),
        "note": some(["x", *NOTES[1:]]),
        "record_status": some(STATUSES),
        "record_origin": some(ORIGINS),
        "from_event_time": source.choice(TIMES),
        "to_event_time": source.choice(TIMES),
        "from_deleted_at": source.choice(["*", "*", *TIMES]),
        "from_change_timestamp": source.choice(written),
        "driver_edit": source.choice(["true", "false"]),
        "can_adl_hours_work_shift_start": tuple(shift),
    }
    chosen = {name: drawn[name] for name in source.sample(sorted(drawn), source.choice([0, 1, 1, 2, 2, 3]))}
    if "from_change_timestamp" in chosen and source.random() < 0.5:
        chosen["to_change_timestamp"] = source.choice(written)
    question = Question(**chosen)  # type: ignore[arg-type]
    return replace(
        question,
        driver_system=source.choice([None, ("true",), ("false",), ("*",), ("true", "false"), ("*", "true")]),
        sort=source.choice([None, (source.choice(SORTED),), tuple(source.sample(SORTED, 2))]),
        offset=source.choice([None, None, 0, 1, 5]),
        limit=source.choice([None, None, 0, 1, 7]),
    )


def expected(log: Sequence[Record], asked: Question) -> list[Record]:
    """What answers a question. Times are written alike, so that as text they are in order."""
    found = [shown for shown in log if matches(shown, asked)]
    for sort in reversed(asked.sort or ("id",)):
        name = sort.removeprefix("-")
        if sort == (asked.sort or ("id",))[-1]:
            found.sort(key=lambda shown: int(str(shown["id"])), reverse=sort.startswith("-"))
        found.sort(key=lambda shown, name=name: sort_key(shown, name), reverse=sort.startswith("-"))  # type: ignore[misc]
    begin = asked.offset or 0
    return found[begin:] if asked.limit is None else found[begin : begin + asked.limit]


def sort_key(shown: Mapping[str, Json], name: str) -> tuple[int, ...]:
    """Text sorts by code point, and a missing name as an empty one."""
    if name in ("first-name", "last-name", "suffix"):
        named = NAMES.get(int(str(shown["userId"])), (None, None, None))
        return tuple(map(ord, named[("first-name", "last-name", "suffix").index(name)] or ""))
    if name == "id":
        return (int(str(shown["id"])),)
    member = {"uuid": "uuid", "event-time": "eventTime", "last-changed-date": "lastChangedDate"}[name]
    return tuple(map(ord, str(shown[member]).lower()))


def matches(shown: Mapping[str, Json], asked: Question) -> bool:
    """Whether a record is one of those asked for."""
    asset = shown.get("assetId")
    terminal = TERMINALS.get(asset) if isinstance(asset, int) else None
    listed: list[tuple[Json, Sequence[object] | None]] = [
        (shown["userId"], asked.user_id),
        (asset, asked.asset_id),
        (str(shown["uuid"]).lower(), None if asked.uuid is None else [one.lower() for one in asked.uuid]),
        (terminal, asked.home_terminal_id),
        (shown["eventType"], asked.event_type),
        (shown.get("note"), asked.note),
        (shown["recordStatus"], asked.record_status),
        (shown["recordOrigin"], asked.record_origin),
    ]
    if any(values is not None and value not in values for value, values in listed):
        return False
    deleted = shown.get("deletedAt")
    if asked.from_deleted_at is None:
        is_within = deleted is None
    else:
        is_within = asked.from_deleted_at == "*" or (deleted is not None and str(deleted) > asked.from_deleted_at)
    event, changed = str(shown["eventTime"]), str(shown["lastChangedDate"])
    system = asked.driver_system or ("false",)
    is_system = "true" if shown["username"] == SYSTEM else "false"
    shift = asked.can_adl_hours_work_shift_start
    start = shown.get("canAdlHoursWorkShiftStart")
    return (
        is_within
        and (asked.from_event_time is None or event >= asked.from_event_time)
        and (asked.to_event_time is None or event <= asked.to_event_time)
        and (asked.from_change_timestamp is None or changed >= asked.from_change_timestamp)
        and (asked.to_change_timestamp is None or changed < asked.to_change_timestamp)
        and ("*" in system or is_system in system)
        and (asked.driver_edit is None or asked.driver_edit == str(shown["driverEdit"]).lower())
        and (shift is None or (start is not None and shift[0] <= str(start) <= (*shift, "9")[1]))
    )


async def register(database: Database) -> None:
    """Makes persons and vehicles known that have names and terminals."""
    for user_id, (first, last, suffix) in NAMES.items():
        columns = {"first_name": first, "last_name": last, "suffix": suffix}
        await database.write(add_person(user_id, f"user{user_id}", **columns))
    for terminal in (634, 635, 636):
        await database.write(add_terminal(terminal, f"T{terminal}"))
    for asset_id, terminal in TERMINALS.items():
        await database.write(add_asset(asset_id, f"Unit {asset_id}", terminal))


async def fill(database: Database, source: random.Random) -> list[Record]:
    """A log of four changes: new records, and at the last ones edits too."""
    for number, at in enumerate(CHANGES):
        kept = await keep(database, *(draw_record(source) for _ in range(30)), now=at)
        if number >= 2:
            active = [
                shown
                for shown in await whole_log(database)
                if shown["recordStatus"] == "Active" and "deletedAt" not in shown
            ]
            chosen = source.sample(active, 6)
            await edit(database, *({"id": one["id"], "note": f"edited {number}"} for one in chosen), now=at)
        assert kept
    return await whole_log(database)
