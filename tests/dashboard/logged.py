"""Duty logs for tests of pages: who is linked to whom, records as the API keeps them, and a fortnight that ends in a
violation of the 11 hours.
"""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID, uuid5

import orjson

from app.db.database import Database
from app.db.statements import Execute, WriteScript
from app.duty_log.schema import Fields
from app.duty_log.terms import Terms
from app.duty_log.words import SYSTEM_USERNAME
from app.duty_log.writing import edit_records, keep_records
from app.identities.store import introduce_assets
from app.maven.times import DAY, HOUR, MINUTE, format_millis

USER, NOBODY, TRUCK = 71, 900, 501
UUIDS = UUID("5b1f3a52-7f53-4d0c-9d55-6d3f2b1f0c11")


def record(at: int, event_type: str, *, user_id: int = USER, **fields: object) -> Fields:
    """A new record at an instant, with a uuid that only depends on it."""
    username = SYSTEM_USERNAME if user_id == NOBODY else f"user{user_id}"
    made: dict[str, object] = {
        "userId": user_id,
        "username": username,
        "uuid": str(uuid5(UUIDS, f"{user_id} {event_type} {at}")),
        "recordStatus": "Active",
        "recordOrigin": "Driver",
        "eventType": event_type,
        "eventTime": format_millis(at),
        "assetId": TRUCK,
    }
    return {name: value for name, value in {**made, **fields}.items() if value is not None}  # type: ignore[misc]


async def link(database: Database, driver_id: str | None, user_id: int | None = USER, **columns: object) -> None:
    """Makes a driver of Maven's and a user of the duty log one person."""
    row = {"driver_id": driver_id, "user_id": user_id, "username": f"user{user_id}", "changed_at": 1, **columns}
    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))

    def script() -> WriteScript[None]:
        yield Execute(f"INSERT INTO driver_identities ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))

    await database.write(script())


async def name_vehicle(database: Database, name: str, asset_id: int = TRUCK) -> None:
    """Gives a vehicle its number at the carrier."""

    def script() -> WriteScript[None]:
        yield from introduce_assets([(asset_id, None)], 1)
        yield Execute("UPDATE assets SET name = $1 WHERE asset_id = $2", (name, asset_id))

    await database.write(script())


async def keep(database: Database, records: Sequence[Fields], now: int) -> list[bytes]:
    """Keeps new records as the API does."""
    terms = Terms(now=now, account_id=1, is_strict=False)
    return await database.write(keep_records(database.dialect, records, terms))


async def edit(database: Database, record_id: int, now: int, **fields: object) -> None:
    """Edits a record as the API does."""
    terms = Terms(now=now, account_id=1, is_strict=False)
    edits: list[Mapping[str, object]] = [{"id": record_id, **fields}]
    await database.write(edit_records(database.dialect, edits, terms))  # type: ignore[arg-type]


def shift(start: int, *, is_last: bool = False) -> Iterator[Fields]:
    """A day's work from the time of coming on duty. The last one reaches 11 hours of driving, and goes on."""
    yield record(start, "OnDuty", location="Pittsburgh, PA", note="Pre-trip inspection")
    yield record(start + 30 * MINUTE, "Driving", recordOrigin="Auto")
    if is_last:
        yield record(start + 6 * HOUR, "OffDuty", location="Breezewood, PA", note="Lunch")
        yield record(start + 6 * HOUR + 45 * MINUTE, "Driving", recordOrigin="Auto")
        return
    yield record(start + 5 * HOUR, "OffDuty", location="Breezewood, PA", note="Lunch")
    yield record(start + 5 * HOUR + 30 * MINUTE, "Driving", recordOrigin="Auto")
    yield record(start + 9 * HOUR, "YardMoves", location="Carlisle, PA")
    yield record(start + 9 * HOUR + 40 * MINUTE, "OnDuty", location="Carlisle, PA", note="Unloading")
    yield record(start + 10 * HOUR, "PersonalUse", note="To the motel")
    yield record(start + 10 * HOUR + 45 * MINUTE, "Sleeper", location="Carlisle, PA")


LONG_SHIFT = 12 * HOUR + 15 * MINUTE
"""From coming on duty to the end of 11 hours of driving."""


def fortnight(start: int, end: int, until: int) -> list[Fields]:
    """Records of shifts, of which one passes the 11 hours from `start` to `end`, and of more up to `until`."""
    began = start - LONG_SHIFT
    records = [record(began - 12 * DAY, "OffDuty", location="Pittsburgh, PA")]
    for days in range(11, 0, -1):
        if days not in (6, 7):
            records += shift(began - days * DAY)
        elif days == 7:
            records.append(record(began - 7 * DAY, "OffDuty", location="Pittsburgh, PA", note="Home"))
    records += shift(began, is_last=True)
    records.append(record(end, "Sleeper", location="Carlisle, PA", note="No parking before"))
    for again in range(end + 14 * HOUR, until, DAY):
        records += shift(again)
    ended = format_millis(began - 2 * DAY - 3 * HOUR)
    records.append(
        record(began - 2 * DAY - 4 * HOUR, "Driving", user_id=NOBODY, autoEventEndTimestamp=ended, recordOrigin="Auto")
    )
    return records


async def keep_fortnight(database: Database, driver_id: str, start: int, end: int, now: int, **columns: object) -> None:
    """Links a driver and keeps a fortnight in which they pass the 11 hours from `start` to `end`, with an edit."""
    await link(database, driver_id, USER, **columns)
    await name_vehicle(database, "T-501")
    records = [one for one in fortnight(start, end, now) if str(one["eventTime"]) < format_millis(now)]
    answers = await keep(database, records, now)
    number = next(n for n, one in enumerate(records) if one["eventTime"] == format_millis(start - LONG_SHIFT))
    await edit(
        database,
        id_of(answers[number]),
        now,
        note="Pre-trip inspection and fuel",
        editReason="Fuel stop was missing",
        changeRequestedByName="Dana Fox",
    )


def id_of(shown: bytes) -> int:
    """The id of a version of a record."""
    return int(orjson.loads(shown)["id"])
