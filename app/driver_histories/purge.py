"""The end of duty records that must no longer be kept, some at a time, so that it may run beside `serve`."""

import asyncio
import time
from collections.abc import Callable

from app.db.database import Database
from app.duty_log.retention import GoneRecords, delete_records, old_uuids

SPAN = 2000
"""Ids looked at in one transaction."""


async def purge_records(
    database: Database,
    before: int,
    *,
    is_dry: bool,
    clock: Callable[[], int],
    on_progress: Callable[[int, int], None],
) -> GoneRecords:
    """Deletes duty records whose last version was received before `before` (microseconds since 1970 UTC), but for those
    that are evidence of a violation that is kept, or that a hold covers.

    `on_progress` is told how many ids are done, and of how many. Raises what `Database` raises; what was deleted until
    then stays deleted, and another run goes on from there.
    """
    rows = await database.fetch("SELECT min(id), max(id) FROM duty_records")
    first, most = rows[0]
    gone = kept = 0
    start = first
    while start is not None and start <= most:
        last = min(start + SPAN - 1, most)
        uuids = await database.read(old_uuids(database.dialect, start, last, before))
        if uuids:
            began = time.monotonic()
            found = await database.write(delete_records(database.dialect, uuids, before, clock(), is_dry=is_dry))
            gone += found.records
            kept += found.kept
            await asyncio.sleep(time.monotonic() - began)
        on_progress(last - first + 1, most - first + 1)
        start = (await database.fetch("SELECT min(id) FROM duty_records WHERE id > $1", last))[0][0]
    return GoneRecords(gone, kept)
