"""PostgreSQL through asyncpg: a pool for reading, one connection of its own for writing.

Owns connection settings, time limits and the translation of the driver's errors. A connection that failed is thrown
away and the next use makes a new one, so that the service heals by itself when the database is back.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any, TypeVar

import asyncpg
import orjson

from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable, DatabaseUnusable, Withdrawn
from app.db.postgresql_connection import CONNECT_ERRORS, CONNECT_SECONDS, connect
from app.db.postgresql_url import connect_arguments
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, Row, Rows, WriteScript, shape_of
from app.db.version import HEAD

T = TypeVar("T")

ACQUIRE_SECONDS = CONNECT_SECONDS + 0.5
STATEMENT_SECONDS = 7.0
READ_SECONDS = 8.0
STREAM_SECONDS = 600.0
STREAMS = 8
"""Exports that a process may make at one time; each holds a connection of the server's, which has not many."""

_REFUSED = (asyncpg.DataError, asyncpg.exceptions.SyntaxOrAccessError, asyncpg.exceptions.ProgramLimitExceededError)
_PLAIN = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, DatabaseConflict, Withdrawn)
"""After these the connection is sound, and only the transaction has to be rolled back."""

FAILED = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


def translate(error: Exception) -> Exception:
    """The driver's error as one of ours."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return DatabaseConflict(error.as_dict().get("constraint_name") or str(error))
    if isinstance(error, asyncpg.InsufficientPrivilegeError | asyncpg.UndefinedTableError):
        return DatabaseUnavailable(f"PostgreSQL: {error}")
    if isinstance(error, _REFUSED):
        return DatabaseRefused(str(error))
    if isinstance(error, FAILED):
        return DatabaseUnavailable(f"PostgreSQL: {str(error) or type(error).__name__}")
    return error


@cache
def replace_sql(model: Any) -> str:
    """An INSERT that replaces: rows as one JSON document, and each binary column as an array beside it.

    New rows go by COPY, which cannot replace. Taking the document apart is the server's work, on its own core; as one
    array per column, encoding cost this process a third more (`bench/drivers.py`).
    """
    shape = shape_of(model)
    plain = [(n, t) for n, t in zip(shape.columns, shape.postgresql_types, strict=True) if t != "BYTEA"]
    binary = [n for n, t in zip(shape.columns, shape.postgresql_types, strict=True) if t == "BYTEA"]
    record = ", ".join(f"{name} {sql_type}" for name, sql_type in plain)
    arrays = [f"unnest(${n}::bytea[])" for n, _ in enumerate(binary, 2)]
    sources = ", ".join([f"json_to_recordset($1::json) AS ({record})", *arrays])
    names = ", ".join([*(name for name, _ in plain), *binary])
    return f"INSERT INTO {shape.name} ({names}) SELECT * FROM ROWS FROM ({sources}){shape.conflict_clause()}"


def replace_arguments(model: Any, rows: Sequence[tuple[object, ...]]) -> list[object]:
    """What `replace_sql` takes."""
    shape = shape_of(model)
    binary = [n for n, sql_type in enumerate(shape.postgresql_types) if sql_type == "BYTEA"]
    plain = [(n, name) for n, name in enumerate(shape.columns) if n not in binary]
    document = orjson.dumps([{name: row[n] for n, name in plain} for row in rows]).decode()
    return [document, *([row[n] for row in rows] for n in binary)]


async def _run_statement(connection: Any, statement: Fetch | Execute | Insert) -> list[Row]:
    match statement:
        case Fetch(sql, args) | Execute(sql, args):
            found: list[Row] = await connection.fetch(sql, *args)
            return found
        case Insert(model, rows, replace):
            if rows and replace:
                await connection.execute(replace_sql(model), *replace_arguments(model, rows))
            elif rows:
                shape = shape_of(model)
                await connection.copy_records_to_table(shape.name, records=rows, columns=shape.columns)
            return []


async def run_script(connection: Any, script: WriteScript[T] | ReadScript[T]) -> T:
    try:
        statement = next(script)
        while True:
            statement = script.send(await _run_statement(connection, statement))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        script.close()


async def _prepare(connection: Any) -> None:
    """Makes a new connection durable: a commit waits at least for the local disk."""
    level = await connection.fetchval("SHOW synchronous_commit")
    if level not in ("on", "remote_apply"):
        await connection.execute("SET synchronous_commit = on")


class PostgresqlDatabase:
    """`Database` over one PostgreSQL database."""

    dialect = Dialect.POSTGRESQL

    def __init__(self, url: str, pool: Any) -> None:
        self._arguments = connect_arguments(url)
        self._pool = pool
        self._writer: Any = None
        self._write_turn = asyncio.Lock()
        self._warned: list[str] = []
        """What the server warned of in the transaction that is being written."""
        self._streams = asyncio.Semaphore(STREAMS)

    @classmethod
    async def open(cls, url: str, *, pool_size: int) -> "PostgresqlDatabase":
        """Connects, and refuses a database that is behind or ahead of this program with `DatabaseUnusable`."""
        arguments = connect_arguments(url)
        try:
            pool = await asyncpg.create_pool(
                connect=lambda *_, **own: connect(arguments, **own, command_timeout=STATEMENT_SECONDS),
                min_size=1,
                max_size=pool_size,
                max_inactive_connection_lifetime=60,
            )
        except CONNECT_ERRORS as error:
            raise DatabaseUnusable(f"cannot connect to PostgreSQL: {str(error) or type(error).__name__}") from error
        database = cls(url, pool)
        try:
            version = await database.schema_version()
            if version is None or version < HEAD:
                what = "is empty" if version is None else f"is at schema version {version}, this program needs {HEAD}"
                raise DatabaseUnusable(f"the PostgreSQL database {what}; run: hos-receiver migrate")
            if version > HEAD:
                raise DatabaseUnusable(
                    f"the PostgreSQL database is at schema version {version}, newer than this program's {HEAD}; start"
                    " the version of hos-receiver that migrated it, or a later one"
                )
        except (DatabaseUnavailable, DatabaseUnusable) as error:
            await database.close()
            raise DatabaseUnusable(str(error)) from error
        return database

    async def schema_version(self) -> str | None:
        """The schema version found, None when there is none."""
        try:
            rows = await self.fetch("SELECT version_num FROM alembic_version")
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, asyncpg.UndefinedTableError):
                return None
            raise
        return rows[0][0] if rows else None

    async def _write_connection(self) -> Any:
        if self._writer is None or self._writer.is_closed():
            self._writer = await connect(self._arguments, command_timeout=STATEMENT_SECONDS)
            await _prepare(self._writer)
            self._writer.add_log_listener(self._note_warning)
        return self._writer

    def _note_warning(self, connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if message.severity_en == "WARNING":
            self._warned.append(str(message))

    async def write(self, script: WriteScript[T]) -> T:
        try:
            async with asyncio.timeout(STATEMENT_SECONDS), self._write_turn:
                try:
                    return await self._transact(script)
                except BaseException as error:
                    await self._clear_writer(error)
                    raise
        except Exception as error:
            raise translate(error) from error

    async def _transact(self, script: WriteScript[T]) -> T:
        connection = await self._write_connection()
        # Whatever level the role has: at any other, who had to wait for the ledger would be refused.
        await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        result = await run_script(connection, script)
        self._warned.clear()
        await connection.execute("COMMIT")
        if self._warned:
            # Somebody ended the wait for the standby: the commit is on this disk alone, which is less than promised.
            raise DatabaseUnavailable(f"PostgreSQL committed with a warning: {self._warned[0]}")
        return result

    async def _clear_writer(self, error: BaseException) -> None:
        """Rolls back after a plain refusal; otherwise the connection is not to be trusted and goes."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            if isinstance(error, _PLAIN):
                with suppress(*FAILED):
                    await writer.execute("ROLLBACK", timeout=1)
                    self._writer = writer
        finally:
            if self._writer is None:
                writer.terminate()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Any]:
        """A connection of the pool, for `READ_SECONDS` in all. After a failure it is dropped: to end a statement, the
        driver waits for a server that may not answer.
        """
        try:
            async with asyncio.timeout(READ_SECONDS), self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                try:
                    yield connection
                except BaseException:
                    connection.terminate()
                    raise
        except Exception as error:
            raise translate(error) from error

    async def fetch(self, sql: str, *args: object) -> Rows:
        async with self._reading() as connection:
            rows: Rows = await connection.fetch(sql, *args)
            return rows

    async def read(self, script: ReadScript[T]) -> T:
        async with self._reading() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            result = await run_script(connection, script)
            await connection.execute("COMMIT")
            return result

    async def stream(self, sql: str, *args: object, chunk: int = 500) -> AsyncIterator[Sequence[Row]]:
        if self._streams.locked():
            raise DatabaseUnavailable(f"{STREAMS} exports are running already")
        async with self._streams:
            async for rows in self._stream(sql, args, chunk):
                yield rows

    async def _stream(self, sql: str, args: tuple[object, ...], chunk: int) -> AsyncIterator[Sequence[Row]]:
        try:
            connection = await connect(self._arguments, command_timeout=STATEMENT_SECONDS)
            try:
                await connection.transaction(isolation="repeatable_read", readonly=True).start()
                # A client may take its time with each chunk.
                for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                    await connection.execute(f"SET LOCAL {name} = {int(STREAM_SECONDS * 1000)}")
                cursor = await connection.cursor(sql, *args)
                while rows := await cursor.fetch(chunk, timeout=STATEMENT_SECONDS):
                    yield rows
            finally:
                connection.terminate()
        except FAILED as error:
            raise translate(error) from error

    async def check(self) -> None:
        version = await self.schema_version()
        if version != HEAD:
            raise DatabaseUnavailable(f"the database is at schema version {version}, this program needs {HEAD}")

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None
        try:
            await asyncio.wait_for(self._pool.close(), 2)
        except TimeoutError:
            self._pool.terminate()
