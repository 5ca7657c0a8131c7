"""Fixtures that every room's tests may ask for: databases of both dialects, the event loop, how hypothesis searches.

`--db sqlite|postgresql|all` (default all) chooses the databases. PostgreSQL is started for the session from a wheel;
with `HOS_TEST_DATABASE_URL` (a libpq URL whose user may create databases) that server is used instead.
"""

import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

import hypothesis
import pytest
from hypothesis import HealthCheck

from app.db.statements import Dialect
from tests.databases import Databases, PostgresqlDatabases, SqliteDatabases, running_postgresql

# A shared machine stalls for a second now and then: how long an example takes says nothing about it. On CI the same
# examples are tried each time, so that a red build is red because of its commit.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


_LONGEST = ("tests/torture/", "tests/deploy/test_proxies", "tests/ingest/test_crash", "tests/ingest/test_poller_crash")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--db",
        choices=["sqlite", "postgresql", "all"],
        default="all",
        help="the databases that tests run on (default: all)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A run that is told to end takes its PostgreSQL with it.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit_orderly)
    # A shell that starts a run in the background has it ignore interrupts, and so would every command that is tried.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit_orderly(number: int, frame: FrameType | None) -> None:
    pytest.exit("terminated", returncode=128 + number)


def _chosen(config: pytest.Config) -> list[Dialect]:
    choice = config.getoption("--db")
    return [dialect for dialect in Dialect if choice in ("all", dialect.value)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Several processes take one file after the other: the longest ones first, or one process has them at the end.
    items.sort(key=lambda item: not any(part in item.nodeid for part in _LONGEST))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "databases" in metafunc.fixturenames:
        chosen = _chosen(metafunc.config)
        metafunc.parametrize("databases", chosen, indirect=True, scope="session", ids=[d.value for d in chosen])


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Coroutine tests run on the loop that `serve` runs on."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """SQLite files, for tests of what only SQLite does."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_databases(request: pytest.FixtureRequest) -> Iterator[PostgresqlDatabases]:
    """Databases on a PostgreSQL server, for tests of what only PostgreSQL does; skipped with `--db sqlite`."""
    if Dialect.POSTGRESQL not in _chosen(request.config):
        pytest.skip("--db sqlite")
    if url := os.environ.get("HOS_TEST_DATABASE_URL"):
        databases = PostgresqlDatabases(url)
        yield databases
        databases.close()
        return
    with running_postgresql() as server:
        databases = PostgresqlDatabases(server.url)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    """A source of databases, for tests that want several; each test once for every dialect chosen."""
    dialect: Dialect = request.param
    match dialect:
        case Dialect.SQLITE:
            sqlite: SqliteDatabases = request.getfixturevalue("sqlite_databases")
            return sqlite
        case Dialect.POSTGRESQL:
            postgresql: PostgresqlDatabases = request.getfixturevalue("postgresql_databases")
            return postgresql


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of a new database at the newest schema; each test once for every dialect chosen."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_databases: SqliteDatabases) -> Iterator[str]:
    """The URL of a new SQLite database at the newest schema."""
    with sqlite_databases.fresh() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_databases: PostgresqlDatabases) -> Iterator[str]:
    """The URL of a new PostgreSQL database at the newest schema; skipped with `--db sqlite`."""
    with postgresql_databases.fresh() as url:
        yield url
