"""Databases with events in them, for tests of what is done with events afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.database import Database, open_database
from app.db.statements import Execute, WriteScript, shape_of
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from app.violations.model import ViolationRow
from app.violations.rules import Outcome
from tests.maven.examples import Json, as_bytes, flat_event

DAY = 86_400_000_000
NOW = 1_800_000_000_000_000
"""A moment in 2027."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database, closed afterwards."""
    database = await open_database(url, pool_size=2)
    try:
        yield database
    finally:
        await database.close()


async def keep(database: Database, *events: Json, at: int = NOW) -> list[Outcome]:
    """Takes events in as one delivery, and gives their outcomes."""
    delivery = Delivery(read_delivery(as_bytes(list(events)), len(events)), Channel.WEBHOOK)
    kept = await database.write(keep_deliveries(database.dialect, [delivery], at))
    return [one.outcome for one in kept[0]]


async def change(database: Database, sql: str, *args: object) -> None:
    """Alters a database behind the program's back."""

    def script() -> WriteScript[None]:
        yield Execute(sql, args)

    await database.write(script())


async def violations(database: Database) -> list[tuple[object, ...]]:
    """All rows, by key."""
    columns = ", ".join(shape_of(ViolationRow).columns)
    return [tuple(row) for row in await database.fetch(f"SELECT {columns} FROM violations ORDER BY pk")]


async def count(database: Database, table: str) -> int:
    """Rows of a table."""
    number: int = (await database.fetch(f"SELECT count(*) FROM {table}"))[0][0]
    return number


def created(violation_id: str, **changes: Json) -> dict[str, Json]:
    """A creation of this violation."""
    return flat_event("violationCreated", id=violation_id, **changes)


def invalidated(violation_id: str, **changes: Json) -> dict[str, Json]:
    """An invalidation of this violation, a day later than its creation."""
    return flat_event("violationInvalidated", id=violation_id, **{"eventTime": "2024-01-02T00:00:00Z", **changes})
