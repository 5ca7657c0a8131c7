"""`purge` of inspections: none within three months, none with open defects, none that a hold covers."""

import pytest

from app.db.database import Database
from app.dvir_logs.purge import purge_inspections
from app.holds.store import Cover, place_hold
from app.inspections.connections import LOCAL_ID, ensure_local, find_connection
from app.inspections.operations import Attempted, accept_operation, note_attempt
from app.inspections.retention import LEAST_DAYS, GoneInspections
from app.inspections.schema import Fields
from app.inspections.words import OperationStatus
from app.maven.times import DAY
from tests.ingest.kept import NOW, change, count, opened

DRIVER = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
VEHICLE = "5f0d6a1c-7a53-4c0b-9a57-6a0f3a0f1b7e"
LIMIT = NOW + 100 * DAY
CLOCK = LIMIT + LEAST_DAYS * DAY + 1


async def inspect(database: Database, *, at: int = NOW, **fields: object) -> None:
    """Keeps a report of one driver and vehicle by the local connection."""
    local = await database.read(find_connection(LOCAL_ID))
    if local is None:
        await database.write(ensure_local(NOW))
        local = await database.read(find_connection(LOCAL_ID))
    assert local is not None
    report: Fields = {"connection_id": LOCAL_ID, "driver_id": DRIVER, "vehicle_id": VEHICLE, "log_type": "unknown"}
    whole: Fields = {**report, "defect_count": 0, **fields}  # type: ignore[dict-item]
    await database.write(accept_operation(database.dialect, local, whole, DRIVER, at, is_sync=False))


async def purged(database: Database, *, before: int = LIMIT, clock: int = CLOCK, dry: bool = False) -> GoneInspections:
    return await purge_inspections(database, before, is_dry=dry, clock=lambda: clock)


async def test_old_reports_go_with_their_operations(database_url: str) -> None:
    async with opened(database_url) as database:
        await inspect(database, at=LIMIT - 1)
        await inspect(database, at=LIMIT)
        assert await purged(database, dry=True) == GoneInspections(1, 1, None)
        assert await count(database, "dvir_logs") == 2
        assert await purged(database) == GoneInspections(1, 1, None)
        for table in ("dvir_logs", "resource_operations", "operation_logs"):
            assert await count(database, table) == 1
        assert await purged(database) == GoneInspections(0, 0, None)


async def test_nothing_goes_within_three_months(database_url: str) -> None:
    async with opened(database_url) as database:
        await inspect(database, at=NOW)
        soon = NOW + LEAST_DAYS * DAY
        assert await purged(database, before=soon, clock=soon) == GoneInspections(0, 0, None)
        assert await purged(database, before=soon, clock=soon + 1) == GoneInspections(1, 1, None)


async def test_open_defects_keep_their_report_until_they_are_corrected(database_url: str) -> None:
    async with opened(database_url) as database:
        await inspect(database, defects=["brakes"], occurred_at="2024-01-01T00:00:00Z")
        assert await purged(database) == GoneInspections(0, 0, None)
        await inspect(database, status="defect_corrected", occurred_at="2024-01-02T00:00:00Z")
        assert await purged(database) == GoneInspections(2, 2, None)
        assert await count(database, "dvir_defects") == 0


async def test_what_failed_goes_by_its_own_age_and_what_waits_stays(database_url: str) -> None:
    async with opened(database_url) as database:
        await inspect(database)
        await change(database, "UPDATE resource_operations SET status = 0, resource_id = NULL")
        assert (await purged(database)).operations == 0
        rows = await database.fetch("SELECT id FROM resource_operations")
        failed = Attempted(NOW, is_success=False, error_type="rejected")
        script = note_attempt(database.dialect, rows[0][0], failed, OperationStatus.FAILED, NOW)
        await database.write(script)
        assert (await purged(database)).operations == 1
        assert await count(database, "operation_logs") == 0


@pytest.mark.parametrize(
    "cover",
    [Cover(driver_ids=frozenset({"D7"})), Cover(terminal_codes=frozenset({"PGH"}))],
    ids=["driver", "terminal"],
)
async def test_what_a_hold_covers_stays(database_url: str, cover: Cover) -> None:
    async with opened(database_url) as database:
        await inspect(database)
        await inspect(database, driver_id=VEHICLE)
        await change(
            database,
            "INSERT INTO driver_identities (driver_id, catena_driver_id, terminal_code, changed_at)"
            " VALUES ('D7', $1, 'PGH', 0)",
            DRIVER,
        )
        await database.write(place_hold(database.dialect, "case", cover, None, "tester", LIMIT))
        assert await purged(database) == GoneInspections(1, 1, None)
        assert [row[0] for row in await database.fetch("SELECT driver_id FROM dvir_logs")] == [DRIVER]
