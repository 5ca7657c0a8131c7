"""PostgreSQL alone: durable whatever the role says, in time whatever the server does, and back within five seconds."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from app.db.database import open_database
from app.db.errors import DatabaseRefused, DatabaseUnavailable, DatabaseUnusable
from app.db.migrate import upgrade
from app.db.postgresql import STREAMS, PostgresqlDatabase
from app.db.statements import Execute, Fetch, ReadScript, WriteScript
from app.inbox.store import cursor_key, open_ledger
from tests.databases import PostgresqlDatabases, PostgresqlServer, running_postgresql

HEALED_SECONDS = 5.0
ANSWER_SECONDS = 10.0


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[PostgresqlDatabase]:
    opened = await PostgresqlDatabase.open(postgresql_url, pool_size=4)
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def plain_connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        connection.terminate()


def name_of(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[1]


def count_up() -> WriteScript[int]:
    rows = yield Execute("UPDATE ledger SET last_seq = last_seq + 1 WHERE pk = 1 RETURNING last_seq")
    return rows[0][0]  # type: ignore[no-any-return]


def show(setting: str) -> WriteScript[str]:
    rows = yield Fetch(f"SHOW {setting}")
    return rows[0][0]  # type: ignore[no-any-return]


async def stream_one(database: PostgresqlDatabase) -> object:
    stream = database.stream("SELECT cursor_key FROM ledger")
    try:
        return await anext(stream)
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


def all_ways(database: PostgresqlDatabase) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: database.write(count_up()),
        lambda: database.fetch("SELECT 1"),
        lambda: database.read(cursor_key()),
        lambda: stream_one(database),
        database.check,
    ]


async def assert_all_unavailable(database: PostgresqlDatabase) -> float:
    """Every way to use the database says so; gives the seconds that the slowest took."""

    async def fails(way: Callable[[], Awaitable[object]]) -> float:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await way()
        return time.monotonic() - began

    return max(await asyncio.gather(*(fails(way) for way in all_ways(database))))


async def assert_healed(database: PostgresqlDatabase) -> None:
    deadline = time.monotonic() + HEALED_SECONDS
    for way in all_ways(database):
        while True:
            try:
                await way()
                break
            except DatabaseUnavailable:
                assert time.monotonic() < deadline, "still unavailable"
                await asyncio.sleep(0.01)
    assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "level, in_force",
    [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
)
async def test_a_commit_waits_for_the_disk_whatever_the_database_says(
    postgresql_url: str, level: str, in_force: str
) -> None:
    async with plain_connection(postgresql_url) as other:
        await other.execute(f'ALTER DATABASE "{name_of(postgresql_url)}" SET synchronous_commit = {level}')
    database = await open_database(postgresql_url)
    try:
        assert await database.write(show("synchronous_commit")) == in_force
        async with plain_connection(postgresql_url) as other:
            pids = await other.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'hos-receiver'"
                " AND datname = current_database()"
            )
            for (pid,) in pids:
                await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        with contextlib.suppress(DatabaseUnavailable):
            await database.write(count_up())
        assert await database.write(show("synchronous_commit")) == in_force
    finally:
        await database.close()


async def test_writers_wait_for_each_other_at_any_default_isolation(postgresql_url: str) -> None:
    async with plain_connection(postgresql_url) as other:
        await other.execute(
            f'ALTER DATABASE "{name_of(postgresql_url)}" SET default_transaction_isolation = serializable'
        )
    databases = [await PostgresqlDatabase.open(postgresql_url, pool_size=1) for _ in range(2)]

    def number() -> WriteScript[int]:
        ledger = yield from open_ledger(databases[0].dialect, 0)
        yield Execute("UPDATE ledger SET last_seq = $1 WHERE pk = 1", (ledger.last_seq + 1,))
        return ledger.last_seq + 1

    try:
        found = await asyncio.gather(*(databases[n % 2].write(number()) for n in range(40)))
        assert sorted(found) == list(range(1, 41))
    finally:
        for database in databases:
            await database.close()


async def test_who_gives_up_waiting_leaves_the_connection_to_who_uses_it(
    database: PostgresqlDatabase, postgresql_url: str
) -> None:
    await database.write(count_up())
    async with plain_connection(postgresql_url) as other, other.transaction():
        await other.execute("SELECT 1 FROM ledger WHERE pk = 1 FOR UPDATE")
        first = asyncio.create_task(database.write(count_up()))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not await other.fetchval(waiting):  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.01)
        second = asyncio.create_task(database.write(count_up()))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
    assert await first == 2


async def test_a_lock_that_is_not_given_back_fails_in_time_and_heals(
    database: PostgresqlDatabase, postgresql_url: str
) -> None:
    async with plain_connection(postgresql_url) as other, other.transaction():
        await other.execute("SELECT 1 FROM ledger WHERE pk = 1 FOR UPDATE")
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await database.write(count_up())
        assert time.monotonic() - began < ANSWER_SECONDS
        await database.check()
    await assert_healed(database)


async def test_connections_that_were_ended_are_replaced(database: PostgresqlDatabase, postgresql_url: str) -> None:
    await database.write(count_up())
    async with plain_connection(postgresql_url) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    await assert_healed(database)


async def test_a_refused_statement_costs_nobody_else_anything(database: PostgresqlDatabase) -> None:
    def wrong() -> WriteScript[None]:
        yield Execute("UPDATE ledger SET nonsense = 1")

    with pytest.raises(DatabaseRefused):
        await database.write(wrong())
    for _ in range(10):
        with pytest.raises(DatabaseRefused):
            await database.fetch("SELECT nonsense FROM ledger")
    await assert_healed(database)


async def test_a_reading_script_that_is_cancelled_gives_its_connection_back(database: PostgresqlDatabase) -> None:
    def slow() -> ReadScript[None]:
        yield Fetch("SELECT pg_sleep(30)")

    for _ in range(8):  # more than the pool has
        task = asyncio.create_task(database.read(slow()))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait_for(database.check(), 2)


async def test_an_export_may_be_read_slowly(database: PostgresqlDatabase) -> None:
    limits = "SELECT current_setting($1)::interval > interval '5 minutes'"
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        async for rows in database.stream(limits, name):
            assert rows[0][0] is True


async def test_a_database_that_is_not_at_head_is_refused(postgresql_databases: PostgresqlDatabases) -> None:
    with postgresql_databases.empty() as url:
        with pytest.raises(DatabaseUnusable, match="is empty; run: hos-receiver migrate"):
            await open_database(url)
        await asyncio.to_thread(upgrade, url)
        await (await open_database(url)).close()
        async with plain_connection(url) as other:
            await other.execute("UPDATE alembic_version SET version_num = '0000'")
            with pytest.raises(DatabaseUnusable, match=r"version 0000, this program needs .*hos-receiver migrate"):
                await open_database(url)
            await other.execute("UPDATE alembic_version SET version_num = '9999'")
            with pytest.raises(DatabaseUnusable, match="version 9999, newer than"):
                await open_database(url)


async def test_a_schema_changed_underneath_is_not_ready(database: PostgresqlDatabase, postgresql_url: str) -> None:
    async with plain_connection(postgresql_url) as other:
        await other.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(DatabaseUnavailable, match="9999"):
            await database.check()
        await other.execute("ALTER TABLE alembic_version RENAME TO hidden")
        with pytest.raises(DatabaseUnavailable):
            await database.check()


@pytest.fixture
def silent_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket directory of a server that takes connections and never says a word, as a host without power."""
    directory = tmp_path_factory.mktemp("silent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / ".s.PGSQL.5432"))
        listener.listen(64)
        yield str(directory)


def with_hosts(url: str, *hosts: str) -> str:
    base, _, query = url.partition("?")
    (real,) = (part.partition("=")[2] for part in query.split("&") if part.startswith("host="))
    return f"{base}?host={','.join((*hosts, real))}"


def only_by_socket(url: str) -> None:
    if "host=/" not in url.replace("%2F", "/"):
        pytest.skip("HOS_TEST_DATABASE_URL is no socket directory")


async def test_the_next_host_is_taken_when_one_is_away_or_silent(
    postgresql_url: str, silent_host: str, tmp_path: Path
) -> None:
    only_by_socket(postgresql_url)
    url = with_hosts(postgresql_url, str(tmp_path), silent_host)
    began = time.monotonic()
    database = await PostgresqlDatabase.open(url, pool_size=2)
    try:
        assert await database.write(count_up()) == 1
        await database.check()
        assert time.monotonic() - began < ANSWER_SECONDS
    finally:
        await database.close()


async def test_a_silent_host_alone_is_unusable_in_time(silent_host: str) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseUnusable, match="cannot connect"):
        await open_database(f"postgresql://u@/d?host={silent_host}")
    assert time.monotonic() - began < ANSWER_SECONDS


async def test_hosts_that_take_no_writes_are_passed_over(postgresql_url: str, tmp_path: Path) -> None:
    only_by_socket(postgresql_url)
    several = with_hosts(postgresql_url, str(tmp_path))
    database = await PostgresqlDatabase.open(several, pool_size=1)
    try:
        async with plain_connection(postgresql_url) as other:
            await other.execute(f'ALTER DATABASE "{name_of(postgresql_url)}" SET default_transaction_read_only = on')
            with pytest.raises(DatabaseUnavailable):
                await database.write(count_up())
            with pytest.raises(DatabaseUnusable, match="cannot connect"):
                await open_database(several)
            await other.execute(
                f"SET default_transaction_read_only = off;"
                f'ALTER DATABASE "{name_of(postgresql_url)}" RESET default_transaction_read_only'
            )
        assert await database.write(count_up()) == 1
    finally:
        await database.close()


@pytest.mark.parametrize("query", ["user=nobody_of_that_name", "port=1"])
async def test_a_connection_that_is_refused_is_said_in_one_line(postgresql_url: str, query: str) -> None:
    only_by_socket(postgresql_url)
    url = postgresql_url.replace("postgres@", "") if "user=" in query else postgresql_url
    with pytest.raises(DatabaseUnusable, match=r"^cannot connect to PostgreSQL: [^\n]+$"):
        await open_database(f"{url}&{query}")


@pytest.fixture(scope="module")
def own_server(postgresql_databases: PostgresqlDatabases) -> Iterator[PostgresqlServer]:
    """A server that tests may stop. Asked for after the shared one, so that `--db sqlite` skips it."""
    with running_postgresql() as server:
        upgrade(server.url)
        yield server


async def test_a_server_that_restarts_is_used_again(own_server: PostgresqlServer) -> None:
    database = await PostgresqlDatabase.open(own_server.url, pool_size=4)
    try:
        before = await database.write(count_up())
        await asyncio.gather(*(database.fetch("SELECT 1") for _ in range(4)))
        await asyncio.to_thread(own_server.stop)
        assert await assert_all_unavailable(database) < ANSWER_SECONDS
        assert await assert_all_unavailable(database) < ANSWER_SECONDS
        await asyncio.to_thread(own_server.start)
        await assert_healed(database)
        assert await database.write(count_up()) > before
    finally:
        await database.close()


def processes_of(server: PostgresqlServer) -> list[int]:
    """The server's process and its children, the parent first."""
    parent = server.pid
    children = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                children.append(int(entry.name))
    return [parent, *children]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the server's processes in /proc")
async def test_a_server_that_hangs_is_given_up_in_time(own_server: PostgresqlServer) -> None:
    database = await PostgresqlDatabase.open(own_server.url, pool_size=4)
    try:
        await assert_healed(database)
        stopped = processes_of(own_server)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert await assert_all_unavailable(database) < ANSWER_SECONDS
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)
        await assert_healed(database)
    finally:
        await database.close()


async def test_more_exports_than_connections_are_refused(database: PostgresqlDatabase) -> None:
    streams = [database.stream("SELECT cursor_key FROM ledger, generate_series(1, 3)", chunk=1) for _ in range(STREAMS)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(DatabaseUnavailable, match="exports are running already"):
        await stream_one(database)
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    await stream_one(database)
