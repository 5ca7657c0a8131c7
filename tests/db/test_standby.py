"""A standby: reading from it is never behind what was committed, and no commit is acknowledged that it was to have
and has not.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.db.errors import DatabaseUnavailable
from app.db.migrate import upgrade
from app.db.postgresql import PostgresqlDatabase
from app.db.standby import StandbyReads
from app.db.statements import Execute, Fetch, ReadScript, WriteScript
from tests.command_line import caller, eventually
from tests.databases import PostgresqlDatabases
from tests.ingest.served import service_on
from tests.maven.examples import flat_event
from tests.torture.standby import Pair, replicated_postgresql


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if request.config.getoption("--db") == "sqlite":
        pytest.skip("--db sqlite")
    with replicated_postgresql() as servers:
        upgrade(servers.primary.url)
        servers.wait_until_streaming()
        yield servers


@contextlib.asynccontextmanager
async def reads_of(primary_url: str, standby_url: str, rest_seconds: float = 0.0) -> AsyncIterator[StandbyReads]:
    primary = await PostgresqlDatabase.open(primary_url, pool_size=4)
    reads = StandbyReads(primary, standby_url, 4, rest_seconds=rest_seconds)
    try:
        yield reads
    finally:
        await reads.close()
        await primary.close()


@pytest.fixture
async def reads(pair: Pair) -> AsyncIterator[StandbyReads]:
    async with reads_of(pair.primary.url, pair.standby.url, rest_seconds=0.2) as one:
        await until_the_standby_reads(one)
        yield one


async def until_the_standby_reads(reads: StandbyReads) -> None:
    async with asyncio.timeout(30):
        done = reads.by_standby
        while reads.by_standby == done:
            await reads.fetch("SELECT 1")


def count_up() -> WriteScript[int]:
    rows = yield Execute("UPDATE ledger SET hooks_revision = hooks_revision + 1 WHERE pk = 1 RETURNING hooks_revision")
    return rows[0][0]  # type: ignore[no-any-return]


def counted() -> ReadScript[tuple[int, bool]]:
    rows = yield Fetch("SELECT hooks_revision, pg_is_in_recovery() FROM ledger WHERE pk = 1")
    return rows[0][0], rows[0][1]


async def test_what_was_written_is_read(reads: StandbyReads) -> None:
    seen = set()
    for _ in range(50):
        written = await reads.write(count_up())
        found, by_standby = await reads.read(counted())
        assert found == written
        seen.add(by_standby)
    assert True in seen


async def test_what_another_process_wrote_is_read_by_all_who_ask_together(pair: Pair, reads: StandbyReads) -> None:
    other = await PostgresqlDatabase.open(pair.primary.url, pool_size=1)
    try:
        for _ in range(20):
            written = await other.write(count_up())
            found = await asyncio.gather(*(reads.read(counted()) for _ in range(8)))
            assert {one[0] for one in found} == {written}
    finally:
        await other.close()


async def test_exports_are_read_from_it_too(reads: StandbyReads) -> None:
    by_standby = reads.by_standby
    rows = [row[0] async for chunk in reads.stream("SELECT pg_is_in_recovery()") for row in chunk]
    assert rows == [True]
    assert reads.by_standby == by_standby + 1


async def test_a_standby_that_is_behind_is_passed_over_until_it_has_caught_up(pair: Pair, reads: StandbyReads) -> None:
    await asyncio.to_thread(pair.standby.ask, "SELECT pg_wal_replay_pause()")
    try:
        written = await reads.write(count_up())
        assert await reads.read(counted()) == (written, False)
        assert await reads.read(counted()) == (written, False)
    finally:
        await asyncio.to_thread(pair.standby.ask, "SELECT pg_wal_replay_resume()")
    await until_the_standby_reads(reads)
    assert await reads.read(counted()) == (written, True)


async def test_a_standby_that_hangs_or_is_gone_holds_nobody_up(pair: Pair, reads: StandbyReads) -> None:
    pair.standby.freeze()
    try:
        async with asyncio.timeout(5):
            assert (await reads.read(counted()))[1] is False
    finally:
        pair.standby.thaw()
    await until_the_standby_reads(reads)
    pair.primary.set_replication(synchronous=False)  # or commits would wait for a standby that is no more
    await asyncio.to_thread(pair.primary.reload)
    await asyncio.to_thread(pair.standby.kill)
    with contextlib.suppress(DatabaseUnavailable):  # a connection that it had may break under a question
        await reads.read(counted())
    assert (await reads.read(counted()))[1] is False
    await asyncio.to_thread(pair.standby.start)
    await until_the_standby_reads(reads)


async def test_a_commit_that_did_not_reach_the_standby_is_not_acknowledged(pair: Pair) -> None:
    """PostgreSQL commits all the same when somebody ends its waiting for the standby, and only warns of it."""
    database = await PostgresqlDatabase.open(pair.primary.url, pool_size=1)
    try:
        await database.write(count_up())
        pair.primary.set_replication(synchronous=True)
        await asyncio.to_thread(pair.primary.reload)
        await asyncio.to_thread(pair.standby.kill)
        writing = asyncio.create_task(database.write(count_up()))
        waits = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not writing.done() and await asyncio.to_thread(pair.primary.ask, waits) == 0:
            pass
        with pytest.raises(DatabaseUnavailable, match="committed with a warning"):
            await writing
        await asyncio.to_thread(pair.standby.start)
        await database.write(count_up())
    finally:
        await database.close()


async def test_a_primary_is_no_standby(pair: Pair) -> None:
    async with reads_of(pair.primary.url, pair.primary.url) as reads:
        assert (await reads.read(counted()))[1] is False
        assert reads.by_standby == 0


async def test_a_copy_of_another_database_is_not_read(pair: Pair, postgresql_databases: PostgresqlDatabases) -> None:
    with postgresql_databases.fresh() as url:
        async with reads_of(url, pair.standby.url) as reads:
            for _ in range(20):
                assert (await reads.read(counted()))[1] is False
            assert reads.by_standby == 0


async def test_a_primary_that_is_away_is_not_hidden(pair: Pair, reads: StandbyReads) -> None:
    pair.primary.freeze()
    try:
        with pytest.raises(DatabaseUnavailable):
            await reads.fetch("SELECT 1")
    finally:
        pair.primary.thaw()
    await until_the_standby_reads(reads)


def test_a_service_reads_from_it(pair: Pair, tmp_path: Path) -> None:
    with service_on(pair.primary.url, tmp_path, HOS_DATABASE_READ_URL=pair.standby.url) as service:

        def by_standby() -> float:
            text = service.client.get("/metrics").text
            return next(
                float(line.split()[1]) for line in text.splitlines() if line.startswith("hos_reads_by_standby ")
            )

        for n in range(10):
            assert service.post(flat_event(id=f"standby-{n}")).status_code == 200
            assert service.violation(f"standby-{n}")["status"] == "active"
        eventually(lambda: bool(service.get("/v1/violations")) and by_standby() > 0, "the standby reads")
        assert len(service.get("/v1/violations").json()["data"]) == 10
        assert service.get("/v1/violations", format="x").status_code == 400


def test_the_doctor_looks_at_it(pair: Pair) -> None:
    doctor = caller(pair.primary.url)
    keys = {"HOS_ADMIN_KEY": "k" * 32, "HOS_WEBHOOK_SECRETS": "t" * 32}
    seen = doctor("doctor", **keys, HOS_DATABASE_READ_URL=pair.standby.url)
    assert seen.exit_code == 0, seen.output
    assert re.search(r"^ok    the standby answers; ", seen.output, re.MULTILINE)
    assert re.search(r"^ok    there are tables for the months to come$", seen.output, re.MULTILINE)
    assert "no standby" in doctor("doctor", **keys, HOS_DATABASE_READ_URL=pair.primary.url).output
    away = doctor("doctor", **keys, HOS_DATABASE_READ_URL="postgresql://nobody@127.0.0.1:1/none")
    assert re.search(r"^warn  HOS_DATABASE_READ_URL: .*connection refused", away.output, re.MULTILINE)
