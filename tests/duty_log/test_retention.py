"""`purge` of duty records: what is old goes whole, but never the evidence of a violation that is kept."""

import pytest

from app.db.database import Database
from app.db.statements import Execute, WriteScript
from app.driver_histories.purge import purge_records
from app.duty_log.retention import GoneRecords
from app.holds.store import Cover, place_hold
from app.maven.times import DAY, HOUR, MINUTE, parse_time
from tests.duty_log.logging_records import post, put, record, unidentified
from tests.ingest.kept import NOW, change, created, invalidated, keep, opened

LIMIT = NOW + 100 * DAY
STARTED = parse_time("2024-01-15T12:00:00Z")


async def purged(database: Database, *, dry: bool = False) -> GoneRecords:
    return await purge_records(
        database, LIMIT, is_dry=dry, clock=lambda: LIMIT + DAY, on_progress=lambda done, total: None
    )


async def uuids(database: Database) -> list[str]:
    return [row[0] for row in await database.fetch("SELECT uuid FROM duty_records ORDER BY id")]


async def link(database: Database, **columns: object) -> None:
    """Lets the registry know more of user 7."""
    for column, value in columns.items():
        await change(database, f"UPDATE driver_identities SET {column} = $1 WHERE user_id = 7", value)


async def keep_violation(database: Database, **changes: str) -> None:
    fields = {"driverId": "D7", "startTime": "2024-01-15T12:00:00Z", "eventTime": "2024-01-15T15:00:00Z", **changes}
    await keep(database, created("V", **fields))


async def test_what_was_received_before_the_limit_goes(database_url: str) -> None:
    async with opened(database_url) as database:
        await post(database, record(), record("OffDuty"), at=LIMIT - 1000)
        (late,) = await post(database, record("Driving"), at=LIMIT)
        assert await purged(database, dry=True) == GoneRecords(2, 0)
        assert len(await uuids(database)) == 3
        assert await purged(database) == GoneRecords(2, 0)
        assert await uuids(database) == [late["uuid"]]
        assert await purged(database) == GoneRecords(0, 0)


async def test_an_empty_log_is_no_trouble(database_url: str) -> None:
    async with opened(database_url) as database:
        assert await purged(database) == GoneRecords(0, 0)


async def test_a_record_goes_with_all_its_versions_or_stays_with_them(database_url: str) -> None:
    async with opened(database_url) as database:
        edited, old = await post(database, record(), record(), at=NOW)
        await put(database, {"id": edited["id"], "note": "mended"}, at=LIMIT)
        await put(database, {"id": old["id"], "note": "mended long ago"}, at=NOW + DAY)
        assert await purged(database) == GoneRecords(2, 0)
        assert await uuids(database) == [edited["uuid"]] * 2


@pytest.mark.parametrize("state", ["active", "invalidated"])
async def test_evidence_of_a_violation_that_is_kept_stays(database_url: str, state: str) -> None:
    async with opened(database_url) as database:
        times = (STARTED - 9 * DAY, STARTED, STARTED + 3 * HOUR + 30 * MINUTE + DAY)
        within = await post(database, *(record(at=at) for at in times))
        await post(database, record(at=times[0] - 1000), record(at=times[2] + 1000), record(at=STARTED, userId=8))
        await link(database, driver_id="D7")
        await keep_violation(database)
        if state == "invalidated":
            await keep(database, invalidated("V", eventTime="2024-01-15T16:00:00Z"))
            await change(database, "UPDATE violations SET event_time = $1", STARTED + 3 * HOUR)
        assert await purged(database) == GoneRecords(3, 3)
        assert await uuids(database) == [one["uuid"] for one in within]
        await change(database, "DELETE FROM violations")
        assert await purged(database) == GoneRecords(3, 0)


async def test_a_driver_is_known_by_an_equal_username_too(database_url: str) -> None:
    async with opened(database_url) as database:
        await post(database, record(at=STARTED))
        await keep_violation(database, driverId="jo@example.com")
        assert await purged(database) == GoneRecords(0, 1)


async def test_unidentified_driving_is_evidence_for_the_vehicle(database_url: str) -> None:
    async with opened(database_url) as database:
        (kept, *_) = await post(
            database, unidentified(at=STARTED), unidentified(at=STARTED, assetId=71), unidentified(at=STARTED + 9 * DAY)
        )
        await change(database, "UPDATE assets SET name = $1 WHERE asset_id = 70", "T-70")
        await keep_violation(database, powerUnitNumber="T-70")
        assert await purged(database) == GoneRecords(2, 1)
        assert await uuids(database) == [kept["uuid"]]


@pytest.mark.parametrize(
    "cover",
    [Cover(driver_ids=frozenset({"D7"})), Cover(terminal_codes=frozenset({"PGH"}))],
    ids=["driver", "terminal"],
)
async def test_what_a_hold_covers_stays(database_url: str, cover: Cover) -> None:
    async with opened(database_url) as database:
        (held, _, of_vehicle, _) = await post(
            database, record(), record(userId=8), unidentified(), unidentified(assetId=71)
        )
        await link(database, driver_id="D7", terminal_code="PGH")

        def place_vehicle() -> WriteScript[None]:
            yield Execute("INSERT INTO home_terminals (home_terminal_id, code, changed_at) VALUES (5, 'PGH', 0)")
            yield Execute("UPDATE assets SET home_terminal_id = 5 WHERE asset_id = 70")

        await database.write(place_vehicle())
        await database.write(place_hold(database.dialect, "case", cover, None, "tester", LIMIT))
        expected = [held["uuid"]] + ([of_vehicle["uuid"]] if cover.terminal_codes else [])
        assert await purged(database) == GoneRecords(4 - len(expected), len(expected))
        assert await uuids(database) == expected
