"""Killed with -9 while it reads Maven's queue: afterwards everything in the queue is here, each event once.

On PostgreSQL also with a second process, which goes on when the first is killed.
"""

import asyncio
import random
import time
from functools import partial
from pathlib import Path

import pytest

from app.channels.store import list_gaps, queue_state
from app.db.database import Database, open_database
from app.maven.standin import StandIn
from app.maven.standin.envelopes import enveloped
from app.maven.standin.held_events import HeldEvents
from app.maven.times import SECOND
from tests.command_line import eventually, started
from tests.ingest.served import service_on
from tests.ingest.standin_thread import standing_in_thread
from tests.maven.examples import violation_data

pytestmark = pytest.mark.anyio

COUNT = 1500
ROUNDS = 6
SETTINGS = {"HOS_MAVEN_POLL_SECONDS": "0.3", "HOS_MAVEN_API_KEY": "standin"}


def now() -> int:
    return time.time_ns() // 1000


def filled_queue(page_size: int) -> StandIn:
    held = HeldEvents()
    begin = now() - 86_400 * SECOND
    for number in range(COUNT):
        at = begin + number * SECOND
        data = violation_data(id=f"v{number}")
        held.add(at, enveloped(f"e{number}", "violationCreated", at, data))
        if number % 10 == 0:
            held.add(
                at, enveloped(f"i{number}", "violationInvalidated", at, {**data, "eventTime": "2025-01-01T00:00:00Z"})
            )
    return StandIn(held, page_size=page_size)


def was_asked(standin: StandIn, times: int) -> bool:
    return standin.request_count >= times


async def count(database: Database, table: str) -> int:
    rows = await database.fetch(f"SELECT count(*) FROM {table}")
    return int(rows[0][0])


async def assert_all_is_here_once(database_url: str) -> None:
    database = await open_database(database_url)
    try:
        assert await count(database, "violations") == COUNT
        assert await count(database, "events") == COUNT + COUNT // 10
        rows = await database.fetch("SELECT count(*) FROM violations WHERE status = 1")
        assert rows[0][0] == COUNT // 10
        assert await database.read(list_gaps(10)) == []
    finally:
        await database.close()


async def read_completely(database_url: str) -> bool:
    database = await open_database(database_url)
    try:
        return (await database.read(queue_state(database.dialect))).last_success_at is not None
    finally:
        await database.close()


def test_killed_at_any_moment_it_reads_everything_once(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    standin = filled_queue(page_size=20)
    with standing_in_thread(standin) as url:
        for _ in range(ROUNDS):
            with service_on(database_url, tmp_path, HOS_MAVEN_URL=url, **SETTINGS) as service:
                enough = standin.request_count + chance.randint(1, 12)
                eventually(partial(was_asked, standin, enough), "Maven is asked")
                time.sleep(chance.random() * 0.02)  # which is what makes it any moment; nothing waits for it
                service.served.process.kill()
                service.served.process.wait()
        with service_on(database_url, tmp_path, HOS_MAVEN_URL=url, **SETTINGS) as service:
            eventually(lambda: service.get("/v1/status").json()["channels"]["poll"]["state"] == "working", "it is read")
            assert service.served.stop() == 0
    asyncio.run(assert_all_is_here_once(database_url))


def test_of_two_processes_the_other_takes_over(postgresql_url: str, tmp_path: Path) -> None:
    standin = filled_queue(page_size=20)
    settings = {"HOS_DATABASE_URL": postgresql_url, "HOS_LOG_FORMAT": "json", **SETTINGS}
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with (
        standing_in_thread(standin) as url,
        started("poll", cwd=folders[0], HOS_MAVEN_URL=url, **settings) as one,
    ):
        eventually(lambda: standin.request_count >= 10, "Maven is asked")
        with started("poll", cwd=folders[1], HOS_MAVEN_URL=url, **settings) as other:
            eventually(lambda: "poller.started" in (folders[1] / "stderr.txt").read_text(), "the other has started")
            one.kill()
            one.wait()
            killed_at = time.monotonic()
            asked = standin.request_count
            eventually(lambda: standin.request_count > asked, "the other asks")
            # A lease of at least a second, and a look every quarter of it.
            assert time.monotonic() - killed_at < 5
            eventually(lambda: asyncio.run(read_completely(postgresql_url)), "it is read")
            other.terminate()
            assert other.wait(15) == 0
    asyncio.run(assert_all_is_here_once(postgresql_url))
