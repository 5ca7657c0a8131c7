"""Copies of a SQLite file: made while it is served, looked through, and put in its place.

Owns files and what SQLite itself says of them. What has to be in a copy, and what it adds up to, is the callers'. Every
function blocks.
"""

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from app.db.errors import DatabaseUnusable
from app.db.sqlite_file import BUSY_SECONDS, connect, hold_for_serving, sync, writing_lock
from app.db.sqlite_log import log_of

STEP_PAGES = 512
"""Pages copied at a time, 2 MiB."""

SYNC_STEPS = 16
"""Steps after which the copy is synced. All of it at the end would hold up the syncs of the server beside it."""

_LOG_ENDINGS = ("-wal", "-shm")


@contextmanager
def private_part(to: Path) -> Iterator[Path]:
    """A new file beside `to` that only its owner reads. It takes the place of `to`, synced, when the block ends well,
    and is gone otherwise. Raises `OSError`.
    """
    part = Path(f"{to}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield part
        sync(part)
        part.replace(to)
        sync(to.parent)
    finally:
        part.unlink(missing_ok=True)


def copy_while_served(path: Path, to: Path, on_progress: Callable[[int, int], None]) -> None:
    """Copies a database into the empty file `to`, as it is at this moment, whoever writes meanwhile.

    The copy is one file without a write-ahead log. Reading holds up no writer; the log of the original grows until it
    is done. `on_progress` is told how many bytes are done, and of how many. Raises `sqlite3.Error` and `OSError`.
    """
    with closing(connect(path, mode="ro", cache_kib=4_000)) as source, closing(_plain(to)) as copy:
        # One snapshot for all of it: without one, the copy would begin anew with every commit of another process.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchall()
        page_bytes: int = source.execute("PRAGMA page_size").fetchone()[0]
        steps = 0

        def note(status: int, remaining: int, total: int) -> None:
            nonlocal steps
            steps += 1
            if steps % SYNC_STEPS == 0:
                sync(to)
            on_progress((total - remaining) * page_bytes, total * page_bytes)

        source.backup(copy, pages=STEP_PAGES, progress=note)
        source.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = delete")


def _plain(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
    connection.execute("PRAGMA synchronous = off")  # who makes the copy syncs it as a file
    return connection


def copy_file(path: Path, to: Path) -> str:
    """Copies a database that nobody writes to into the new private file `to`, and what is in its write-ahead log with
    it; the SHA-256 of what was read. The original is not touched. Raises `sqlite3.Error` and `OSError`.
    """
    digest = hashlib.sha256()
    for ending in ("", "-wal"):
        source, target = Path(f"{path}{ending}"), Path(f"{to}{ending}")
        if ending and not source.exists():
            continue
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with source.open("rb") as file, os.fdopen(descriptor, "wb") as copy:
            while piece := file.read(1 << 20):
                digest.update(piece)
                copy.write(piece)
    if log_of(to).exists():
        with closing(_plain(to)) as connection:
            connection.execute("PRAGMA journal_mode = delete")
    return digest.hexdigest()


def faults_of(path: Path) -> list[str]:
    """What SQLite finds wrong with a file, the first few; empty for a sound one. Raises `sqlite3.Error` for what is no
    SQLite file at all.
    """
    with closing(connect(path, mode="ro", cache_kib=24_000)) as connection:
        return [row[0] for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]


def fetch_from(path: Path, sql: str) -> tuple[object, ...]:
    """The first row of a SELECT on a file of any schema version. Raises `sqlite3.Error`."""
    with closing(connect(path, mode="ro", cache_kib=4_000)) as connection:
        row: tuple[object, ...] = connection.execute(sql).fetchone()
        return row


def put_in_place(copy: Path, path: Path) -> list[Path]:
    """Makes `copy`, a private file in the folder of `path`, the file at `path`; gives what was there, under new names.

    Nothing is deleted, and there is a whole file at `path` at every moment, if there was one. Raises
    `DatabaseUnusable` while a server has the file, `DatabaseUnavailable` while a command writes to it, and `OSError`.
    """
    with closing(hold_for_serving(path)), writing_lock(path, seconds=BUSY_SECONDS):
        aside = _free_name(path)
        kept: list[Path] = []
        if path.exists():
            _name_twice(path, aside)
            kept.append(aside)
        for ending in _LOG_ENDINGS:  # before the new file comes: it must never meet the log of the old one
            log = Path(f"{path}{ending}")
            if log.exists():
                kept.append(log.rename(f"{aside}{ending}"))
        sync(copy)
        copy.replace(path)
        sync(path.parent)
        return kept


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (Path(f"{path}.before-restore-{stamp}{number}") for number in ("", *(f"-{n}" for n in range(2, 1000))))
    for name in names:
        if not name.exists():
            return name
    raise DatabaseUnusable(f"there are too many files named {path}.before-restore-{stamp}")


def _name_twice(path: Path, aside: Path) -> None:
    with suppress(OSError):  # a file system without hard links
        os.link(path, aside)
        return
    path.rename(aside)


def require_another_file(path: Path, other: Path) -> None:
    """Raises `DatabaseUnusable` when both are one file."""
    with suppress(OSError):
        if os.path.samefile(path, other):
            raise DatabaseUnusable(f"{other} is the database itself; name another file")


def enough_room(path: Path, folder: Path) -> bool:
    """Whether a folder has room for a copy of a file. Raises `OSError`."""
    return shutil.disk_usage(folder).free > path.stat().st_size
