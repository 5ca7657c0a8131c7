"""The write-ahead log that lies beside a SQLite file: made sure of before a start builds on it, and set aside.

A commit whose sync failed is refused, and its pages are in the log all the same: Linux takes for written what it could
not write, and says nothing at the next sync. As long as a process has the log open, SQLite knows where the last good
commit ends, and writes over the rest. A start that finds the log goes by the pages themselves: it would take the
refused commit for a good one, answer its repetition as a duplicate, and build on pages that a power cut takes away.
"""

import os
import sqlite3
import time
from contextlib import suppress
from os import fsync, pwrite
from pathlib import Path

_PIECE_BYTES = 1 << 20


def log_of(path: Path) -> Path:
    """Where SQLite keeps the log of a file."""
    return Path(f"{path}-wal")


def is_log_left(path: Path) -> bool:
    """Whether a process ended without writing the log back into the file, or has it open still."""
    try:
        return log_of(path).stat().st_size > 0
    except FileNotFoundError:
        return False


def make_sure_of_log(path: Path, connection: sqlite3.Connection) -> None:
    """Writes the log's bytes again in their places and syncs them, so that what can be read of it is on the disk.

    A power cut meanwhile changes nothing, for the bytes are the same. `connection` keeps others from appending.
    Raises `sqlite3.Error` and `OSError`.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        with suppress(FileNotFoundError):  # written back by whoever had it
            _write_again(log_of(path))
    finally:
        connection.execute("ROLLBACK")


def _write_again(log: Path) -> None:
    descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    try:
        offset = 0
        while piece := os.pread(descriptor, _PIECE_BYTES, offset):
            offset += pwrite(descriptor, piece, offset)
        fsync(descriptor)
    finally:
        os.close(descriptor)


def set_log_aside(path: Path) -> Path | None:
    """Renames the write-ahead log of a file that was replaced, so that it is not played into the new one.

    It holds the last commits of the old file: together with that one, under its old name, it is whole. Gives where it
    went, None when there is none.
    """
    log = log_of(path)
    aside = Path(f"{log}.of-replaced-{time.time_ns() // 1_000_000_000}")
    try:
        log.rename(aside)
    except OSError:
        return None
    with suppress(OSError):
        os.unlink(f"{path}-shm")
    return aside
