"""Which inspections may go, and how they go: none within three months (49 CFR 396.11(a)(4)), none with open defects.

A report goes with its defects and the operation that created it; an operation that failed goes by its own age. What a
legal hold covers, by driver or terminal, stays.
"""

from dataclasses import dataclass

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, WriteScript
from app.holds.store import cover_in_force
from app.inbox.store import open_ledger
from app.inspections.words import OperationStatus
from app.maven.times import DAY

LEAST_DAYS = 92
"""Three months."""
PORTION = 500


@dataclass(frozen=True, slots=True)
class GoneInspections:
    """What went in one transaction, and where the next one goes on; None when there is nothing more."""

    reports: int
    operations: int
    after: int | None


def delete_reports(
    dialect: Dialect, before: int, after: int, now: int, *, is_dry: bool
) -> WriteScript[GoneInspections]:
    """Deletes some reports with keys after `after` that were kept before an instant (microseconds since 1970 UTC) and
    that nothing keeps; with `is_dry` they are only counted.
    """
    before = min(before, now - LEAST_DAYS * DAY)
    yield from open_ledger(dialect, now)  # nobody places a hold meanwhile
    cover = yield from cover_in_force()
    drivers, terminals = any_of(dialect, 4), any_of(dialect, 5)
    rows = yield Fetch(
        "SELECT l.pk, l.id FROM dvir_logs AS l WHERE l.pk > $1 AND l.created_at < $2"
        " AND (SELECT count(*) FROM dvir_defects AS d WHERE d.dvir_log_pk = l.pk AND d.resolved_at IS NULL) = 0"
        " AND (SELECT count(*) FROM driver_identities AS i WHERE i.catena_driver_id = l.driver_id"
        f" AND (coalesce(i.driver_id, i.username) IN {drivers} OR i.terminal_code IN {terminals})) = 0"
        " ORDER BY l.pk LIMIT $3",
        (
            after,
            before,
            PORTION,
            list_argument(dialect, cover.driver_ids),
            list_argument(dialect, cover.terminal_codes),
        ),
    )
    if not rows:
        return GoneInspections(0, 0, None)
    operations = yield Fetch(
        f"SELECT pk FROM resource_operations WHERE resource_id IN {any_of(dialect, 1)}",
        (list_argument(dialect, [row[1] for row in rows]),),
    )
    if not is_dry:
        yield from _delete_operations(dialect, [row[0] for row in operations])
        keys = (list_argument(dialect, [row[0] for row in rows]),)
        yield Execute(f"DELETE FROM dvir_defects WHERE dvir_log_pk IN {any_of(dialect, 1, 'bigint')}", keys)
        yield Execute(f"DELETE FROM dvir_logs WHERE pk IN {any_of(dialect, 1, 'bigint')}", keys)
    return GoneInspections(len(rows), len(operations), rows[-1][0])


def delete_failed(dialect: Dialect, before: int, after: int, now: int, *, is_dry: bool) -> WriteScript[GoneInspections]:
    """Deletes some operations with keys after `after` that failed and were accepted before an instant."""
    rows = yield Fetch(
        f"SELECT pk FROM resource_operations WHERE pk > $1 AND status = {int(OperationStatus.FAILED)}"
        " AND created_at < $2 ORDER BY pk LIMIT $3",
        (after, min(before, now - LEAST_DAYS * DAY), PORTION),
    )
    if not rows:
        return GoneInspections(0, 0, None)
    if not is_dry:
        yield from _delete_operations(dialect, [row[0] for row in rows])
    return GoneInspections(0, len(rows), rows[-1][0])


def _delete_operations(dialect: Dialect, keys: list[int]) -> WriteScript[None]:
    listed = (list_argument(dialect, keys),)
    yield Execute(f"DELETE FROM operation_logs WHERE operation_pk IN {any_of(dialect, 1, 'bigint')}", listed)
    yield Execute(f"DELETE FROM resource_operations WHERE pk IN {any_of(dialect, 1, 'bigint')}", listed)
