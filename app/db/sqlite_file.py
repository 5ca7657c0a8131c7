"""The SQLite file: how it is opened, who serves it, who writes it, and whether it is still the same file."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite_damage import require_log_of_something, require_what_is_declared, require_whole

BUSY_SECONDS = 2.0
"""How long to wait for a lock that another connection holds."""

LOOK_SECONDS = 0.05
"""How long to wait for a lock that only `is_served` may hold, which lets go of it at once."""


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
    file of something else, and one that is not whole.
    """
    if not path.exists():
        return None
    require_log_of_something(path)
    if path.stat().st_size == 0:
        return None
    try:
        return _read_version(path, "ro")  # which writes nothing when it closes
    except sqlite3.OperationalError:
        return _read_version(path, "rw")  # a migration that was cut short has to be taken back first


def _read_version(path: Path, mode: str) -> str | None:
    try:
        connection = connect(path, mode=mode, cache_kib=1_000)
    except sqlite3.DatabaseError as error:
        if not isinstance(error, sqlite3.OperationalError):
            require_what_is_declared(path)
        raise
    try:
        require_whole(path, connection)
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
    handle = _serving_lock_of(path).open("a+", encoding="ascii")
    if not _take(handle.fileno(), LOOK_SECONDS):
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise DatabaseUnusable(
            f"{path} is already served by process {holder}. SQLite has one serving process; "
            "stop it first, name another file in HOS_DATABASE_URL, or use PostgreSQL for several."
        )
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def is_served(path: Path) -> bool:
    """Whether a process serves the file."""
    with suppress(FileNotFoundError), _serving_lock_of(path).open(encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _serving_lock_of(path: Path) -> Path:
    return Path(f"{path}-serve.lock")


@contextmanager
def writing_lock(path: Path, *, seconds: float) -> Iterator[None]:
    """Holds the right to write the file among processes. Raises `DatabaseUnavailable` after `seconds`."""
    descriptor = os.open(f"{path}-write.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _take(descriptor, seconds):
            raise DatabaseUnavailable("another process is writing the database file")
        yield
    finally:
        os.close(descriptor)  # which gives the lock back


def _take(descriptor: int, seconds: float) -> bool:
    """Takes the lock of a file; False when another holds it for longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)


class FileGuard:
    """Remembers which file was opened. SQLite goes on writing to a deleted file without a word; we do not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._size = 0
        found = self._look()
        if found is not None:
            self._identity, self._size = found

    def _look(self) -> tuple[tuple[int, int], int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return (status.st_dev, status.st_ino), status.st_size

    def require_same_file(self) -> None:
        """Raises `DatabaseUnavailable` when the file is gone or cut short, or another one took its place."""
        found = self._look()
        if found is None:
            raise DatabaseUnavailable(f"the database file {self._path} is gone")
        identity, size = found
        if identity != self._identity:
            raise DatabaseUnavailable(f"the database file {self._path} was replaced by another one; restart to use it")
        if size < self._size:
            raise DatabaseUnavailable(f"the database file {self._path} was cut short; stop and restore it")
        self._size = size

    def is_cut_short(self) -> bool:
        """Whether the file is there and shorter than it was."""
        found = self._look()
        return found is not None and found[0] == self._identity and found[1] < self._size

    def is_same_file(self) -> bool:
        """Whether the file at the path is the one that was opened."""
        found = self._look()
        return found is not None and found[0] == self._identity


def make_private_file(path: Path) -> None:
    """Makes an empty database file that only its owner reads, and its folder likewise, unless they are there."""
    made = [folder for folder in path.absolute().parents if not folder.exists()]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in made:
        sync(folder.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def sync(path: Path) -> None:
    """Sees to it that a file's content, or what was made in a folder, is there after a power cut. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
