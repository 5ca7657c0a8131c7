"""SQLite: one writing connection in one thread, reading connections in threads of their own.

Owns every pragma, lock and guard of the file. Durable means WAL with `synchronous=FULL`: a commit returns after fsync.
A whole script runs inside the thread, so the event loop never waits for a disk. Writers of other processes (the
commands that run beside `serve`) are kept apart by a lock file around each transaction, checkpoints included: SQLite up
to 3.51.2 can corrupt a WAL that two connections write or checkpoint in the same instant.
"""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite_checkpoints import Checkpoints
from app.db.sqlite_damage import REMEDY, close_without_writing
from app.db.sqlite_file import (
    BUSY_SECONDS,
    FileGuard,
    connect,
    hold_for_serving,
    is_served,
    make_private_file,
    version_of,
    writing_lock,
)
from app.db.sqlite_log import is_log_left, make_sure_of_log, set_log_aside
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, Row, Rows, WriteScript, shape_of
from app.db.threads import DatabaseThread
from app.db.urls import sqlite_path
from app.db.version import HEAD

T = TypeVar("T")

log = structlog.get_logger(__name__)

READERS = 3
STREAMS = 4
"""Exports that may hold a snapshot at one time; a snapshot keeps the WAL from shrinking."""

READ_SECONDS = 8.0
WRITE_SECONDS = 8.0
START_SECONDS = 60.0
"""Making sure of a log that was left, 160 MiB at most, on a slow disk."""

CHECKPOINT_PAGES = 32_000
"""WAL pages between checkpoints, 125 MiB. A checkpoint writes each page once, however often it changed, and waits for
the disk for about a tenth of a second; with few of them, less than one request in a hundred meets one under load.
Larger is no faster, and makes the longest wait longer."""

LOG_BYTES = 160 * 2**20
"""What is left of the WAL after a checkpoint; more than it grows to, for cutting it and growing it again costs time."""

SWITCH_SECONDS = 0.0005
"""How long the writing thread waits for the interpreter lock. At Python's 5 ms a busy event loop starves it."""


_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def translate(error: Exception) -> Exception:
    if isinstance(error, sqlite3.IntegrityError):
        return DatabaseConflict(str(error))
    if isinstance(error, sqlite3.DataError | sqlite3.ProgrammingError | OverflowError | UnicodeError):
        return DatabaseRefused(str(error))
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorname", "").startswith(_DAMAGED):
        return DatabaseUnavailable(f"the SQLite file is damaged ({error}); {REMEDY}")
    if isinstance(error, sqlite3.Error | OSError):
        return DatabaseUnavailable(f"SQLite: {error}")
    return error


FAILURES = (sqlite3.Error, OverflowError, UnicodeError)
"""What a statement can fail with; the others are faults of a script."""


def placeholders(sql: str) -> str:
    """`$1` as SQLite wants it: `?1`."""
    return sql.replace("$", "?")


def _run_statement(connection: sqlite3.Connection, statement: Fetch | Execute | Insert) -> list[Row]:
    match statement:
        case Fetch(sql, args) | Execute(sql, args):
            return connection.execute(placeholders(sql), args).fetchall()
        case Insert(model, rows, replace):
            shape = shape_of(model)
            sql = (
                f"INSERT INTO {shape.name} ({', '.join(shape.columns)}) VALUES ({', '.join('?' * len(shape.columns))})"
            )
            connection.executemany(sql + shape.conflict_clause() if replace else sql, rows)
            return []


def run_script(connection: sqlite3.Connection, script: WriteScript[T] | ReadScript[T]) -> T:
    try:
        statement = next(script)
        while True:
            statement = script.send(_run_statement(connection, statement))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        script.close()


def _nobody_else_serves(path: Path, held: IO[str] | None) -> bool:
    return held is not None or not is_served(path)


def _write_back(path: Path) -> None:
    """Makes sure of a log that was left, and writes it back into the file."""
    connection = connect(path, mode="rw", cache_kib=1_000)
    try:
        make_sure_of_log(path, connection)
    except BaseException:
        close_without_writing(connection)
        raise
    connection.close()


class SqliteDatabase:
    """`Database` over one SQLite file."""

    dialect = Dialect.SQLITE

    def __init__(self, path: Path, guard: FileGuard) -> None:
        self.path = path
        self._guard = guard
        self._writer: sqlite3.Connection | None = None
        self._anchor: sqlite3.Connection | None = None
        """Reads nothing. As long as it is open, SQLite knows which part of the log was committed."""
        self._is_log_sure = True
        self._checkpoints = Checkpoints(path)
        self._write_thread = DatabaseThread("sqlite-writer")
        self._readers: dict[str, sqlite3.Connection] = {}
        self._read_threads = [DatabaseThread(f"sqlite-reader-{n}") for n in range(READERS)]
        self._streams = asyncio.Semaphore(STREAMS)
        self._serving: IO[str] | None = None
        self.read_seconds = READ_SECONDS

    @classmethod
    async def open(cls, url: str, *, serving: bool = False) -> "SqliteDatabase":
        """Opens (and creates or migrates) the file. Raises `DatabaseUnusable` with one clear sentence."""
        path = sqlite_path(url)
        held: IO[str] | None = None
        try:
            make_private_file(path)
            held = hold_for_serving(path) if serving else None
            with writing_lock(path, seconds=10):
                version = version_of(path)
                if version is not None and version > HEAD:
                    raise DatabaseUnusable(
                        f"{path} is at schema version {version}, which is newer than this program's {HEAD}; "
                        "start the version of hos-receiver that made it, or a later one"
                    )
                is_unsure = is_log_left(path) and _nobody_else_serves(path, held)
                if version != HEAD:
                    from app.db.migrate import upgrade  # Alembic takes time and memory that most starts can do without

                    if is_unsure:
                        _write_back(path)
                        is_unsure = False
                    await asyncio.to_thread(upgrade, url)
            database = cls(path, FileGuard(path))
            database._serving = held
            database._is_log_sure = not is_unsure
            await database._write_thread.run(database._begin, START_SECONDS)
        except BaseException as error:
            if held is not None:
                held.close()
            if isinstance(error, sqlite3.Error | SQLAlchemyError | OSError | DatabaseUnavailable):
                raise DatabaseUnusable(f"cannot open the SQLite file {path}: {error}") from error
            raise
        sys.setswitchinterval(SWITCH_SECONDS)
        return database

    def _begin(self) -> None:
        # Waited for in this thread: nobody who waits on the event loop could be waited for there.
        with writing_lock(self.path, seconds=10):
            connection = self._open_writer()
            self._anchor = connect(self.path, mode="ro", cache_kib=100)
            self._anchor.execute("SELECT count(*) FROM ledger").fetchall()
            if self._serving is not None:  # a command that only reads has no need to wait for it
                self._is_sure(connection)

    def _make_sure_of_log(self, connection: sqlite3.Connection) -> None:
        if not self._is_log_sure:
            make_sure_of_log(self.path, connection)
            self._is_log_sure = True

    def _is_sure(self, connection: sqlite3.Connection) -> bool:
        """Whether the log may be written back by a connection."""
        try:
            self._make_sure_of_log(connection)
            self._checkpoints.make_sure()
        except (sqlite3.Error, OSError) as error:  # what can be read is read; each write tries again
            log.warning("database.log_unsure", file=str(self.path), error=str(error))
            return False
        return True

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            connection = connect(self.path, mode="rw", cache_kib=24_000)
            try:
                connection.execute("PRAGMA journal_mode = wal")
                connection.execute("PRAGMA synchronous = full")
                connection.execute("PRAGMA foreign_keys = on")
                connection.execute("PRAGMA wal_autocheckpoint = 0")
                connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
                connection.execute("SELECT count(*) FROM ledger").fetchall()
            except sqlite3.Error:
                connection.close()
                raise
            self._writer = connection
        return self._writer

    def _write(self, script: WriteScript[T]) -> T:
        self._guard.require_same_file()
        try:
            connection = self._open_writer()
        except sqlite3.Error as error:
            raise translate(error) from error
        try:
            with writing_lock(self.path, seconds=BUSY_SECONDS):
                self._make_sure_of_log(connection)
                connection.execute("BEGIN IMMEDIATE")
                result = run_script(connection, script)
                connection.execute("COMMIT")
                if _nobody_else_serves(self.path, self._serving):
                    self._checkpoints.after_commit(connection, CHECKPOINT_PAGES)
            self._guard.require_same_file()
        except BaseException as error:
            self._roll_back(connection, error)
            raise translate(error) if isinstance(error, Exception) else error from error
        return result

    def _roll_back(self, connection: sqlite3.Connection, error: BaseException) -> None:
        broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError)
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                broken = True
        if broken:  # after an I/O error only a fresh connection is known to be sound
            self._writer = None
            connection.close()

    async def write(self, script: WriteScript[T]) -> T:
        return await self._write_thread.run(lambda: self._write(script), WRITE_SECONDS)

    def _reader(self, name: str) -> sqlite3.Connection:
        connection = self._readers.get(name)
        if connection is None:
            # The first one answers alone while questions come one by one, and is worth a larger cache than the others.
            cache_kib = 24_000 if name == self._read_threads[0].name else 4_000
            connection = self._readers[name] = connect(self.path, mode="ro", cache_kib=cache_kib)
            connection.row_factory = sqlite3.Row
        return connection

    def _forget_reader(self, name: str) -> None:
        connection = self._readers.pop(name, None)
        if connection is not None:
            connection.close()

    def _guarded(self, name: str, work: Callable[[sqlite3.Connection], T]) -> Callable[[], T]:
        def run() -> T:
            try:
                return work(self._reader(name))
            except FAILURES as error:
                self._forget_reader(name)
                raise translate(error) from error

        return run

    async def _in_reader(self, work: Callable[[sqlite3.Connection], T]) -> T:
        thread = min(self._read_threads, key=lambda t: t.waiting)
        try:
            return await thread.run(self._guarded(thread.name, work), self.read_seconds)
        except DatabaseUnavailable:
            connection = self._readers.get(thread.name)
            if connection is not None and thread.waiting:
                connection.interrupt()
            raise

    async def fetch(self, sql: str, *args: object) -> Rows:
        return await self._in_reader(lambda connection: connection.execute(placeholders(sql), args).fetchall())

    async def read(self, script: ReadScript[T]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN")
            try:
                return run_script(connection, script)
            finally:
                connection.execute("ROLLBACK")

        return await self._in_reader(work)

    async def stream(self, sql: str, *args: object, chunk: int = 500) -> AsyncIterator[Sequence[Row]]:
        if self._streams.locked():
            raise DatabaseUnavailable(f"{STREAMS} exports are running already")
        async with self._streams:
            thread = DatabaseThread("sqlite-export")
            connection: sqlite3.Connection | None = None
            try:

                def begin() -> tuple[sqlite3.Connection, sqlite3.Cursor]:
                    opened = connect(self.path, mode="ro", cache_kib=4_000)
                    opened.execute("PRAGMA temp_store = file")  # a sort of everything must not be held in memory
                    opened.row_factory = sqlite3.Row
                    try:
                        return opened, opened.execute(placeholders(sql), args)
                    except BaseException:
                        opened.close()
                        raise

                connection, cursor = await thread.run(begin, READ_SECONDS)
                while rows := await thread.run(lambda: cursor.fetchmany(chunk), READ_SECONDS):
                    yield rows
            except FAILURES as error:
                raise translate(error) from error
            finally:
                if connection is not None:
                    connection.interrupt()
                    thread.last(connection.close)
                thread.stop()

    async def check(self) -> None:
        self._guard.require_same_file()
        rows = await self.fetch("SELECT version_num FROM alembic_version")
        if [row[0] for row in rows] != [HEAD]:
            raise DatabaseUnavailable("the database is at another schema version than this program")

    def _close_writer(self) -> None:
        """The last connection to close writes the WAL back, which is writing too."""
        anchor, self._anchor = self._anchor, None
        if anchor is not None:
            anchor.close()
        writer, self._writer = self._writer, None
        if writer is not None:
            with ExitStack() as stack:
                with suppress(DatabaseUnavailable, OSError):
                    stack.enter_context(writing_lock(self.path, seconds=BUSY_SECONDS))
                if self._guard.is_cut_short():
                    close_without_writing(writer)
                    log.error("database.cut_short", file=str(self.path))
                    return
                if not self._guard.is_same_file():
                    writer.close()
                    log.warning("database.log_set_aside", file=str(set_log_aside(self.path)))
                elif self._is_sure(writer):
                    writer.close()
                else:
                    close_without_writing(writer)

    async def close(self) -> None:
        for thread in self._read_threads:
            thread.last(lambda name=thread.name: self._forget_reader(name))  # type: ignore[misc]
            thread.stop()
        for thread in self._read_threads:
            await asyncio.to_thread(thread.join, 3.0)
        # After the readers: the last connection writes the log back, and they cannot.
        self._write_thread.last(self._close_writer)
        self._write_thread.stop()
        await asyncio.to_thread(self._write_thread.join, 3.0)
        if self._serving is not None:
            self._serving.close()
            self._serving = None
