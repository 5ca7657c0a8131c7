"""The end of inspections that must no longer be kept, some at a time, so that it may run beside `serve`."""

import asyncio
import time
from collections.abc import Callable

from app.db.database import Database
from app.inspections.retention import GoneInspections, delete_failed, delete_reports


async def purge_inspections(
    database: Database, before: int, *, is_dry: bool, clock: Callable[[], int]
) -> GoneInspections:
    """Deletes reports that were kept before `before` (microseconds since 1970 UTC), and operations that failed before
    then, but for what has to stay. Raises what `Database` raises; another run goes on from there.
    """
    reports = operations = 0
    for delete in (delete_reports, delete_failed):
        after: int | None = 0
        while after is not None:
            began = time.monotonic()
            gone = await database.write(delete(database.dialect, before, after, clock(), is_dry=is_dry))
            reports += gone.reports
            operations += gone.operations
            after = gone.after
            await asyncio.sleep(time.monotonic() - began)
    return GoneInspections(reports, operations, None)
