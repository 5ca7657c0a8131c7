"""The SQLite file: how it is opened, who serves it, who writes it, and whether it is still the same file."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.db.errors import DatabaseUnavailable, DatabaseUnusable

BUSY_SECONDS = 2.0
"""How long to wait for a lock that another connection holds."""


def connect(path: Path, *, mode: str, cache_kib: int) -> sqlite3.Connection:
    """A connection in autocommit. `mode` is `rw` or `ro`; neither makes a file. Raises `sqlite3.Error`."""
    name = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{name}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        timeout=BUSY_SECONDS,
    )
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute("PRAGMA temp_store = memory")
    return connection


def version_of(path: Path) -> str | None:
    """The schema version of a file, None when it has none yet. Raises `sqlite3.Error`, and `DatabaseUnusable` for a
    file of something else.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = connect(path, mode="rw", cache_kib=1_000)
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise DatabaseUnusable(f"{path} is a SQLite file of another program; name another file in HOS_DATABASE_URL")
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return rows[0][0] if rows else None
    finally:
        connection.close()


def hold_for_serving(path: Path) -> IO[str]:
    """Takes the file for one serving process, until the returned handle is closed or the process ends.

    Raises `DatabaseUnusable` when another process serves it.
    """
    handle = Path(f"{path}-serve.lock").open("a+", encoding="ascii")  # noqa: SIM115 - held for the life of the process
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise DatabaseUnusable(
            f"{path} is already served by process {holder}. SQLite has one serving process; "
            "stop it first, name another file in HOS_DATABASE_URL, or use PostgreSQL for several."
        ) from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


@contextmanager
def writing_lock(path: Path, *, seconds: float) -> Iterator[None]:
    """Holds the right to write the file among processes. Raises `DatabaseUnavailable` after `seconds`."""
    descriptor = os.open(f"{path}-write.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _lock(descriptor, seconds)
        yield
    finally:
        os.close(descriptor)  # which gives the lock back


def _lock(descriptor: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DatabaseUnavailable("another process is writing the database file") from None
            time.sleep(0.002)


class FileGuard:
    """Remembers which file was opened. SQLite goes on writing to a deleted file without a word; we do not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def require_same_file(self) -> None:
        """Raises `DatabaseUnavailable` when the file is gone or another one took its place."""
        found = self._look()
        if found is None:
            raise DatabaseUnavailable(f"the database file {self._path} is gone")
        if found != self._identity:
            raise DatabaseUnavailable(f"the database file {self._path} was replaced by another one; restart to use it")
