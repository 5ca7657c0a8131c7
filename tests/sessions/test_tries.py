"""How often signing in may fail: from one address, and from all together; and that failures are forgotten."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.db.database import Database, open_database
from app.maven.times import SECOND
from app.sessions.tries import MOST_FAILURES, MOST_FAILURES_OF_ALL, WINDOW, begin_try, forget_tries
from tests.ingest.kept import NOW, count, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as one:
        yield one


async def wait_of(database: Database, address: str, now: int) -> int:
    return await database.write(begin_try(database.dialect, address, now))


async def test_failures_are_forgotten(database: Database) -> None:
    for n in range(MOST_FAILURES):
        assert await wait_of(database, "a", NOW + n * SECOND) == 0
    now = NOW + MOST_FAILURES * SECOND
    waiting = await wait_of(database, "a", now)
    assert waiting == NOW + WINDOW - now
    assert await wait_of(database, "b", now) == 0
    assert await wait_of(database, "a", now + waiting - 1) == 1
    assert await wait_of(database, "a", now + waiting) == 0
    assert await wait_of(database, "a", now + waiting) == SECOND  # until the second failure is as old
    await database.write(forget_tries("a"))
    assert await wait_of(database, "a", now + waiting) == 0
    assert await count(database, "sign_in_tries") == 2


async def test_failures_of_all_together_are_bounded(database: Database) -> None:
    for number in range(MOST_FAILURES_OF_ALL):
        assert await wait_of(database, str(number), NOW) == 0
    assert await wait_of(database, "somebody else", NOW) == WINDOW
    assert await wait_of(database, "somebody else", NOW + WINDOW) == 0
    assert await count(database, "sign_in_tries") == 1


async def test_many_at_once_in_many_processes_are_counted(postgresql_url: str) -> None:
    several = [await open_database(postgresql_url, pool_size=1) for _ in range(3)]
    try:
        waits = await asyncio.gather(*(wait_of(several[n % 3], "a", NOW) for n in range(MOST_FAILURES * 3)))
        assert waits.count(0) == MOST_FAILURES
    finally:
        for one in several:
            await one.close()
