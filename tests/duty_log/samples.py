"""Duty records as tests write them down, and the registry's rows beside them."""

import json
from collections.abc import Iterable, Mapping, Sequence

from app.db.database import Database
from app.db.statements import Execute, WriteScript
from app.duty_log.schema import Fields, read_records
from app.duty_log.terms import Terms
from app.duty_log.writing import edit_records, keep_records
from app.maven.ijson_grammar import Json

NOW = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""

ACCOUNT = 1_248_692
SYSTEM = "unidentifiedDriver"
Record = dict[str, Json]


def uuid_of(number: int) -> str:
    """A UUID by a number."""
    return f"00000000-0000-4000-8000-{number:012x}"


def record(**changes: Json) -> Record:
    """A new record with the required fields alone, and whatever the test adds."""
    return {
        "userId": 1253132,
        "uuid": uuid_of(1),
        "recordStatus": "Active",
        "username": "johndoe@mail.com",
        "eventType": "OnDuty",
        "recordOrigin": "Driver",
        "eventTime": "2016-11-10T01:28:15.229Z",
        **changes,
    }


def without(fields: Mapping[str, Json], *names: str) -> Record:
    """The same without some fields."""
    return {name: value for name, value in fields.items() if name not in names}


def read_new(records: Sequence[Mapping[str, Json]], *, is_strict: bool = False) -> list[Fields]:
    """New records as a POST would bring them."""
    return _read(records, is_edit=False, is_strict=is_strict)


def read_edits(edits: Sequence[Mapping[str, Json]], *, is_strict: bool = False) -> list[Fields]:
    """Edits as a PUT would bring them."""
    return _read(edits, is_edit=True, is_strict=is_strict)


def _read(items: Sequence[Mapping[str, Json]], *, is_edit: bool, is_strict: bool) -> list[Fields]:
    body = json.dumps(items).encode()
    return [one for some in read_records(body, is_edit=is_edit, is_strict=is_strict) for one in some]


def terms(now: int = NOW, *, is_strict: bool = False, terminals: Iterable[str] | None = None) -> Terms:
    """On what terms a test writes."""
    return Terms(now, ACCOUNT, is_strict, None if terminals is None else frozenset(terminals))


async def keep(database: Database, *records: Mapping[str, Json], now: int = NOW) -> list[Record]:
    """Keeps new records, and gives them as they are answered."""
    script = keep_records(database.dialect, read_new(records), terms(now))
    return [json.loads(shown) for shown in await database.write(script)]


async def edit(database: Database, *edits: Mapping[str, Json], now: int = NOW) -> list[Record]:
    """Edits records, and gives the new versions."""
    script = edit_records(database.dialect, read_edits(edits), terms(now))
    return [json.loads(shown) for shown in await database.write(script)]


def shown_in(column: bytes) -> Record:
    """A record as a database has its JSON."""
    found: Record = json.loads(bytes(column))
    return found


async def whole_log(database: Database) -> list[Record]:
    """Every version of every record, oldest first."""
    return [shown_in(row[0]) for row in await database.fetch("SELECT shown FROM duty_records ORDER BY id")]


def add_person(user_id: int, username: str, **columns: object) -> WriteScript[None]:
    """Registers a driver; further columns are those of `driver_identities`."""
    named = {"user_id": user_id, "username": username, "changed_at": NOW, **columns}
    yield _inserting("driver_identities", named)


def add_asset(asset_id: int, name: str | None = None, home_terminal_id: int | None = None) -> WriteScript[None]:
    """Registers a vehicle."""
    named = {"asset_id": asset_id, "name": name, "home_terminal_id": home_terminal_id, "changed_at": NOW}
    yield _inserting("assets", named)


def add_terminal(home_terminal_id: int, code: str | None) -> WriteScript[None]:
    """Registers a home terminal."""
    yield _inserting("home_terminals", {"home_terminal_id": home_terminal_id, "code": code, "changed_at": NOW})


def _inserting(table: str, named: Mapping[str, object]) -> Execute:
    places = ", ".join(f"${number}" for number in range(1, len(named) + 1))
    return Execute(f"INSERT INTO {table} ({', '.join(named)}) VALUES ({places})", tuple(named.values()))
