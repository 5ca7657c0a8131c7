"""Who delivers: one of two workers on a PostgreSQL database, and the other when it is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.alerts.lease import Lease
from app.db.database import Database, open_database
from app.db.statements import Execute, WriteScript
from tests.alerts.alerted import alerting_on, created, eventually
from tests.dialling.answering import answering, http, saying


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Closed whatever a test finds: one left open would hold up the end of the run."""
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()


def _take_away() -> WriteScript[None]:
    yield Execute("UPDATE outbox SET leased_until = 0 WHERE pk = 1")


async def test_one_of_two_has_the_lease_until_it_ends_or_is_given_back(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database, opened(postgresql_url) as other_database:
        one, other = Lease(database), Lease(other_database)
        assert await one.take()
        assert one.may_dial
        assert not await other.take()
        assert not other.may_dial
        await database.write(_take_away())
        assert await other.take()
        assert not await one.take()
        assert not one.is_held
        await other.release()
        assert await one.take()


async def test_a_lease_that_lasts_less_than_a_dial_lets_none_begin(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        lease = Lease(database, lease_seconds=10)
        assert await lease.take()
        assert lease.is_held
        assert not lease.may_dial


async def test_a_sqlite_file_is_taken_over_at_once(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        assert await Lease(database).take()
        assert await Lease(database).take()


async def test_the_other_worker_takes_over(postgresql_url: str) -> None:
    async with (
        answering(saying(http(204))) as server,
        alerting_on(postgresql_url) as house,
        alerting_on(postgresql_url) as other,
    ):
        hook, _ = await house.hook(server.url)
        first = asyncio.create_task(house.worker().deliver_for_ever())
        await house.keep(created("v1"))
        await house.ended(hook, 1)
        second = asyncio.create_task(other.worker().deliver_for_ever())
        await house.keep(created("v2"))
        await house.ended(hook, 2)
        assert other.metrics.attempts == []
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await house.keep(created("v3"))
        await eventually(lambda: len(other.metrics.attempts) == 1, "the other delivers")
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    assert len(server.asked) == 3
