"""Sees to it that there are tables for the months to come. Does nothing on SQLite.

`migrate` makes them, and every process that serves looks once an hour, if its role may make tables. Where nobody makes
them, events go to the rest table: nothing is lost, but their month cannot be dropped as a whole.
"""

import asyncio
from collections.abc import Callable

import structlog

from app.db.database import Database
from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable
from app.inbox.months import Month, make_month, missing_months

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_SECONDS = 3600.0


async def make_missing_months(database: Database, now: int) -> list[Month]:
    """Makes tables for the month of `now` (microseconds since 1970 UTC) and those ahead; gives those that it made.

    Raises `DatabaseUnavailable`, also when this role may not make tables, and `DatabaseConflict` when rows of a month
    without a table lie among the rest already.
    """
    missing = await database.read(missing_months(database.dialect, now))
    return [month for month in missing if await database.write(make_month(month))]


async def make_months_for_ever(database: Database, clock: Callable[[], int]) -> None:
    """Looks once an hour whether a month has to be made. Says once why it cannot."""
    said = ""
    while True:
        try:
            for month in await make_missing_months(database, clock()):
                log.info("month.made", table=month.table("events"))
            said = ""
        except (DatabaseUnavailable, DatabaseConflict, DatabaseRefused) as error:
            if str(error) != said:
                log.warning("month.not_made", reason=str(error))
            said = str(error)
        await asyncio.sleep(LOOK_SECONDS)
