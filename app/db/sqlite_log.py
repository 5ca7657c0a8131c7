"""The write-ahead log that lies beside a SQLite file: read, made sure of before a start builds on it, and set aside.

A commit whose sync failed is refused, and its pages are in the log all the same: Linux takes for written what it could
not write, and says nothing at the next sync. As long as a process has the log open, SQLite knows where the last good
commit ends, and writes over the rest. A start that finds the log goes by the pages themselves: it would take the
refused commit for a good one, answer its repetition as a duplicate, and build on pages that a power cut takes away.
"""

import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from os import fsync, pwrite
from pathlib import Path
from typing import BinaryIO, NamedTuple

_PIECE_BYTES = 1 << 20

_HEADER = struct.Struct(">IIII8s8s")
_FRAME_HEADER = struct.Struct(">II8s8s")
"""https://www.sqlite.org/fileformat2.html#the_write_ahead_log"""

_written_to: dict[tuple[int, int], int] = {}
"""Descriptors of database files by their inodes. They stay open until the process ends: closing one would give back the
locks that SQLite holds on the file in this process.
"""


def log_of(path: Path) -> Path:
    """Where SQLite keeps the log of a file."""
    return Path(f"{path}-wal")


def is_log_left(path: Path) -> bool:
    """Whether a process ended without writing the log back into the file, or has it open still."""
    try:
        return log_of(path).stat().st_size > 0
    except FileNotFoundError:
        return False


class _Frame(NamedTuple):
    """A page in a log."""

    page: int
    """Its number in the file, from 1."""
    data_at: int
    """Where its bytes begin in the log."""


class _Header(NamedTuple):
    page_size: int
    salts: bytes
    """Differ each time a log is begun anew; frames that bear others are left from before."""


def _header_of(log: BinaryIO) -> _Header | None:
    header = log.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    _, _, page_size, _, salts, _ = _HEADER.unpack(header)
    return _Header(page_size, salts)


def _frame_at(log: BinaryIO, header: _Header, number: int) -> _Frame | None:
    """A frame by its number from 0; None where the log ends, or what was before it was begun anew."""
    at = _HEADER.size + number * (_FRAME_HEADER.size + header.page_size)
    log.seek(at)
    frame = log.read(_FRAME_HEADER.size)
    if len(frame) < _FRAME_HEADER.size:
        return None
    page, _, salts, _ = _FRAME_HEADER.unpack(frame)
    return _Frame(page, at + _FRAME_HEADER.size) if salts == header.salts else None


def _frames(log: BinaryIO, header: _Header) -> Iterator[_Frame]:
    number = 0
    while (frame := _frame_at(log, header, number)) is not None:
        yield frame
        number += 1


def pages_in_log(path: Path) -> set[int]:
    """The pages of a file of which a version is in its log, or in what a torn write left at the log's end."""
    with suppress(FileNotFoundError), log_of(path).open("rb") as log:
        header = _header_of(log)
        if header is not None:
            return {frame.page for frame in _frames(log, header)}
    return set()


def is_log_long(path: Path, frames: int) -> bool:
    """Whether the log has that many frames since it was begun."""
    with suppress(FileNotFoundError), log_of(path).open("rb") as log:
        header = _header_of(log)
        return header is not None and _frame_at(log, header, frames - 1) is not None
    return False


def write_back_again(path: Path, frames: int) -> None:
    """Writes the pages of the log's first `frames` frames into the file again, and syncs it. They must all be committed
    ones, and nobody may append to the log, or write it back, meanwhile. Raises `OSError`.

    A power cut meanwhile changes nothing, for the log has them all.
    """
    with log_of(path).open("rb") as log:
        header = _header_of(log)
        if header is None:
            return
        latest = {frame.page: frame for frame, _ in zip(_frames(log, header), range(frames), strict=False)}
        descriptor = _descriptor_of(path)
        for frame in latest.values():
            log.seek(frame.data_at)
            _write_all(descriptor, log.read(header.page_size), (frame.page - 1) * header.page_size)
        fsync(descriptor)


def _descriptor_of(path: Path) -> int:
    status = path.stat()
    inode = (status.st_dev, status.st_ino)
    if inode not in _written_to:
        _written_to[inode] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    return _written_to[inode]


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


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
            _write_all(descriptor, piece, offset)
            offset += len(piece)
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
