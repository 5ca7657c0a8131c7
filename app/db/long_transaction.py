"""One transaction for as long as it takes: everything read on one snapshot, or an empty database filled whole or not
at all.

`Database` is for work that ends within seconds. What goes over all rows is not, and has a connection of its own here,
without time limits, with bounded memory. Rows come in chunks; scripts run as anywhere else.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, Protocol, TypeVar, assert_never

from app.db import postgresql, sqlite
from app.db.errors import DatabaseUnavailable
from app.db.postgresql_connection import CONNECT_ERRORS
from app.db.postgresql_connection import connect as connect_postgresql
from app.db.postgresql_url import connect_arguments
from app.db.sqlite_file import connect, hold_for_serving, writing_lock
from app.db.statements import Dialect, Execute, ReadScript, Row, WriteScript
from app.db.threads import DatabaseThread
from app.db.urls import dialect_of, sqlite_path

T = TypeVar("T")

STEP_SECONDS = 3600.0
"""For one statement. Longer than any takes that is not stuck."""


class Snapshot(Protocol):
    """A database as it is at one moment. Every method raises what `Database` raises."""

    @property
    def dialect(self) -> Dialect: ...

    async def read(self, script: ReadScript[T]) -> T:
        """Runs a reading script on the snapshot."""
        ...

    def stream(self, sql: str, *args: object, chunk: int) -> AsyncIterator[Sequence[Row]]:
        """The rows of one SELECT in chunks; other statements may run in between."""
        ...


class Filling(Snapshot, Protocol):
    """A transaction that writes, sees what it wrote, and commits when its block ends well; nothing stays otherwise."""

    async def write(self, script: WriteScript[T]) -> T:
        """Runs a script within the transaction."""
        ...


def open_snapshot(url: str) -> AbstractAsyncContextManager[Snapshot]:
    """A snapshot of a database that is at the newest schema; writers go on. Raises `DatabaseUnavailable`."""
    match dialect_of(url):
        case Dialect.SQLITE:
            return _sqlite(url, is_writing=False)
        case Dialect.POSTGRESQL:
            return _postgresql(url, is_writing=False)
        case dialect:
            assert_never(dialect)


def open_filling(url: str) -> AbstractAsyncContextManager[Filling]:
    """The one transaction that fills a database, which nobody else may write to meanwhile: it is locked, and
    `DatabaseUnavailable` raised where it is in use.
    """
    match dialect_of(url):
        case Dialect.SQLITE:
            return _sqlite(url, is_writing=True)
        case Dialect.POSTGRESQL:
            return _postgresql(url, is_writing=True)
        case dialect:
            assert_never(dialect)


class _SqliteTransaction:
    dialect = Dialect.SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = DatabaseThread("sqlite-long")
        self._connection: sqlite3.Connection | None = None

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        assert connection is not None
        try:
            return await self._thread.run(lambda: work(connection), STEP_SECONDS)
        except sqlite.FAILURES as error:
            raise sqlite.translate(error) from error

    async def begin(self, *, is_writing: bool) -> None:
        try:
            self._connection = connect(self._path, mode="rw" if is_writing else "ro", cache_kib=24_000)
        except sqlite3.Error as error:
            raise sqlite.translate(error) from error
        self._connection.row_factory = sqlite3.Row
        statements = ["PRAGMA temp_store = file"]
        if is_writing:
            # A rollback journal keeps what was there, which is nothing; a write-ahead log would keep all that comes.
            statements += ["PRAGMA journal_mode = delete", "PRAGMA synchronous = full", "BEGIN EXCLUSIVE"]
        else:
            statements += ["BEGIN", "SELECT count(*) FROM ledger"]  # which takes the snapshot
        for statement in statements:
            await self._do(lambda connection, sql=statement: connection.execute(sql).fetchall())  # type: ignore[misc]

    async def end(self) -> None:
        await self._do(lambda connection: connection.execute("COMMIT").fetchall())

    def close(self) -> None:
        """Rolls back what was not committed."""
        if self._connection is not None:
            self._thread.last(self._connection.close)
        self._thread.stop()
        self._thread.join(STEP_SECONDS)

    async def write(self, script: WriteScript[T]) -> T:
        return await self._do(lambda connection: sqlite.run_script(connection, script))

    async def read(self, script: ReadScript[T]) -> T:
        return await self.write(script)

    async def stream(self, sql: str, *args: object, chunk: int) -> AsyncIterator[Sequence[Row]]:
        cursor = await self._do(lambda connection: connection.execute(sqlite.placeholders(sql), args))
        while rows := await self._do(lambda _: cursor.fetchmany(chunk)):
            yield rows


@asynccontextmanager
async def _sqlite(url: str, *, is_writing: bool) -> AsyncIterator[_SqliteTransaction]:
    path = sqlite_path(url)
    with ExitStack() as stack:
        if is_writing:
            stack.enter_context(closing(hold_for_serving(path)))
            stack.enter_context(writing_lock(path, seconds=10))
        transaction = _SqliteTransaction(path)
        stack.callback(transaction.close)
        await transaction.begin(is_writing=is_writing)
        yield transaction
        await transaction.end()


class _PostgresqlTransaction:
    dialect = Dialect.POSTGRESQL

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def execute(self, sql: str) -> None:
        def script() -> WriteScript[None]:
            yield Execute(sql)

        await self.write(script())

    async def write(self, script: WriteScript[T]) -> T:
        try:
            return await postgresql.run_script(self._connection, script)
        except postgresql.FAILED as error:
            raise postgresql.translate(error) from error

    async def read(self, script: ReadScript[T]) -> T:
        return await self.write(script)

    async def stream(self, sql: str, *args: object, chunk: int) -> AsyncIterator[Sequence[Row]]:
        try:
            cursor = await self._connection.cursor(sql, *args)
            while rows := await cursor.fetch(chunk):
                yield rows
        except postgresql.FAILED as error:
            raise postgresql.translate(error) from error


@asynccontextmanager
async def _postgresql(url: str, *, is_writing: bool) -> AsyncIterator[_PostgresqlTransaction]:
    arguments = connect_arguments(url)
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        arguments["server_settings"][name] = "0"
    try:
        connection = await connect_postgresql(arguments)
    except CONNECT_ERRORS as error:
        raise DatabaseUnavailable(f"cannot connect to PostgreSQL: {error}") from error
    transaction = _PostgresqlTransaction(connection)
    try:
        await transaction.execute("SET synchronous_commit = on")
        kind = "READ COMMITTED" if is_writing else "REPEATABLE READ READ ONLY"
        await transaction.execute(f"BEGIN ISOLATION LEVEL {kind}")
        await transaction.execute("SELECT last_seq FROM ledger")  # which takes the snapshot
        yield transaction
        await transaction.execute("COMMIT")
    finally:
        connection.terminate()
