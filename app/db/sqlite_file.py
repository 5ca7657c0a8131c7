"""The SQLite file as the operating system sees it: who serves it, who writes it, and whether it is still the same
file.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.db.errors import DatabaseUnavailable, DatabaseUnusable


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


_write_handles: dict[Path, int] = {}


@contextmanager
def writing_lock(path: Path, *, seconds: float) -> Iterator[None]:
    """Holds the right to write the file among processes. Raises `DatabaseUnavailable` after `seconds`."""
    descriptor = _write_handles.get(path)
    if descriptor is None:
        descriptor = _write_handles[path] = os.open(f"{path}-write.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DatabaseUnavailable("another process is writing the database file") from None
            time.sleep(0.002)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


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
