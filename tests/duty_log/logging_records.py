"""Duty records for tests: the JSON that a sender posts, and its way into a database."""

from uuid import uuid4

import orjson

from app.db.database import Database
from app.duty_log.schema import Fields, read_records
from app.duty_log.terms import Terms
from app.duty_log.writing import edit_records, keep_records
from app.maven.ijson_grammar import Json
from app.maven.times import format_millis, parse_time

NOW = parse_time("2024-02-01T00:00:00Z")


def record(event_type: str = "OnDuty", at: int | str = NOW, **changes: Json) -> Fields:
    """A new record of user 7, with a uuid of its own; `at` is its eventTime."""
    return {
        "userId": 7,
        "uuid": str(uuid4()),
        "recordStatus": "Active",
        "username": "jo@example.com",
        "eventType": event_type,
        "recordOrigin": "Driver",
        "eventTime": at if isinstance(at, str) else format_millis(at),
        **changes,
    }


def unidentified(event_type: str = "Driving", at: int | str = NOW, **changes: Json) -> Fields:
    """The same of what was driven while nobody was signed in, in vehicle 70."""
    system: Fields = {"userId": 1, "username": "unidentifiedDriver", "recordOrigin": "Auto", "assetId": 70}
    return record(event_type, at, **{**system, **changes})


async def post(database: Database, *records: Fields, at: int = NOW, strict: bool = False) -> list[Fields]:
    """Keeps records as one array, read as it would be from a request; gives them as they are shown."""
    return await _write(database, records, at, strict, is_edit=False)


async def put(database: Database, *edits: Fields, at: int = NOW, strict: bool = False) -> list[Fields]:
    """Edits records as one array."""
    return await _write(database, edits, at, strict, is_edit=True)


async def _write(
    database: Database, items: tuple[Fields, ...], at: int, strict: bool, *, is_edit: bool
) -> list[Fields]:
    body = orjson.dumps(list(items))
    fields = [one for some in read_records(body, is_edit=is_edit, is_strict=strict) for one in some]
    script = (edit_records if is_edit else keep_records)(database.dialect, fields, Terms(at, 1, strict))
    return [orjson.loads(shown) for shown in await database.write(script)]
