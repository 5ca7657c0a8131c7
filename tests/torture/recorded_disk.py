"""SQLite's way to the disk, watched: which bytes were written, when they were synced, and failures on demand.

Stands between SQLite and its own VFS: the file objects stay SQLite's, and so do locks and shared memory; only writing,
syncing, cutting, making and deleting pass through here, and are passed on. So does what the product writes into
SQLite's files by itself. Works where Python's `sqlite3` uses the system's library. What a recording means for a disk
that loses its power is left to `cut_model`.
"""

import ctypes
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from unittest.mock import patch

from app.db import sqlite_log


class Found(NamedTuple):
    """A file that was there before, opened for the first time."""

    file: int
    name: str


class Created(NamedTuple):
    file: int
    name: str


class Write(NamedTuple):
    file: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    file: int
    size: int


class Sync(NamedTuple):
    """A sync that returned well. The first one of a journal or log by each who opened it syncs the directory as well:
    SQLite's `UNIXFILE_DIRSYNC`, and strace shows it.
    """

    file: int
    with_directory: bool


class SyncFailed(NamedTuple):
    """A sync that reported an error: what was to be written is taken for written by Linux, and may be lost."""

    file: int


class Delete(NamedTuple):
    name: str
    with_directory: bool


Step: TypeAlias = Found | Created | Write | Truncate | Sync | SyncFailed | Delete


class Failure(NamedTuple):
    """What SQLite is told instead of success; `share` of a write is done all the same."""

    code: int
    share: float = 0.0


FULL = Failure(13)
FULL_HALFWAY = Failure(13, 0.5)
READ_ONLY = Failure(8)
WRITE_ERROR = Failure(10 | 3 << 8)
SYNC_ERROR = Failure(10 | 4 << 8)

Judge: TypeAlias = Callable[[str, str], Failure | None]
"""Asked before every `write`, `sync` and `truncate` of the file so named; may take its time, as a disk may."""

_IO_ERROR = 10
_DELETE_ERROR = _IO_ERROR | 10 << 8
_OPEN_CREATE = 0x00000004
_OPEN_JOURNALS = 0x00000800 | 0x00004000 | 0x00080000
"""`SQLITE_OPEN_MAIN_JOURNAL`, `_SUPER_JOURNAL`, `_WAL`: opened to be made, they sync their directory too."""

_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class _Methods(Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = (
        ("iVersion", c_int),
        *((name, c_void_p) for name in ("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize", "xLock")),
        *((name, c_void_p) for name in ("xUnlock", "xCheckReservedLock", "xFileControl", "xSectorSize")),
        *((name, c_void_p) for name in ("xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier")),
        *((name, c_void_p) for name in ("xShmUnmap", "xFetch", "xUnfetch")),
    )


class _File(Structure):
    """`sqlite3_file`; SQLite's own has more behind it."""

    _fields_ = (("pMethods", c_void_p),)


class _Vfs(Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = (
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        *((name, c_void_p) for name in ("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError")),
        *((name, c_void_p) for name in ("xDlSym", "xDlClose", "xRandomness", "xSleep", "xCurrentTime")),
        *((name, c_void_p) for name in ("xGetLastError", "xCurrentTimeInt64", "xSetSystemCall", "xGetSystemCall")),
        ("xNextSystemCall", c_void_p),
    )


def find_library() -> str:
    """The library that Python's `sqlite3` uses. Skips the test where it has one built in; on CI that is an error."""
    connection = sqlite3.connect(":memory:")  # the library may be loaded no earlier
    connection.close()
    maps = Path("/proc/self/maps")
    if maps.exists():
        for line in maps.read_text(encoding="utf-8", errors="replace").splitlines():
            path = line.partition("/")[2]
            if Path(path).name.startswith("libsqlite3.so"):
                return f"/{path}"
    missing = "this Python's sqlite3 does not use the system's libsqlite3.so, so its writes cannot be watched"
    assert "CI" not in os.environ, missing
    import pytest  # which a serving process that is watched has no use for

    pytest.skip(missing)


def _forget(step: Step) -> None:
    pass


class RecordedDisk:
    """What SQLite does to the files of one directory while it is watched: `steps`, and what is to go wrong: `judge`.

    Without `keeps_steps` none is remembered, for a process that lives long.
    """

    def __init__(self, directory: Path, *, keeps_steps: bool = True) -> None:
        self.steps: list[Step] = []
        self.note: Callable[[Step], None] = self.steps.append if keeps_steps else _forget
        self.judge: Judge = lambda what, name: None
        self._directory = f"{directory.resolve()}{os.sep}"
        self._numbers: dict[str, int] = {}
        self._count = 0

    def concerns(self, path: str) -> bool:
        return path.startswith(self._directory)

    def opened(self, path: str, is_new: bool) -> tuple[int, str]:
        """The number and the name of a file that was opened."""
        name = path.removeprefix(self._directory)
        if is_new or name not in self._numbers:
            self._count += 1
            self._numbers[name] = self._count
            self.note(Created(self._count, name) if is_new else Found(self._count, name))
        return self._numbers[name], name

    def deleted(self, path: str, with_directory: bool) -> None:
        name = path.removeprefix(self._directory)
        self._numbers.pop(name, None)
        self.note(Delete(name, with_directory))

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Somebody reads the database file so named, as it is now, while the block runs."""
        connection = sqlite3.connect(f"file:{self._directory}{name}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            yield
        finally:
            connection.close()

    @contextmanager
    def our_own_writes(self) -> Iterator[None]:
        """Watches what the product itself writes into SQLite's files."""

        def writing(descriptor: int, data: bytes, offset: int) -> int:
            file, name = self._open_as(descriptor)
            self._fail("write", name)
            self.note(Write(file, offset, data))
            return os.pwrite(descriptor, data, offset)

        def syncing(descriptor: int) -> None:
            file, name = self._open_as(descriptor)
            try:
                self._fail("sync", name)
            except OSError:
                self.note(SyncFailed(file))
                raise
            os.fsync(descriptor)
            self.note(Sync(file, with_directory=False))

        with patch.multiple(sqlite_log, pwrite=writing, fsync=syncing):
            yield

    def _open_as(self, descriptor: int) -> tuple[int, str]:
        return self.opened(os.readlink(f"/proc/self/fd/{descriptor}"), is_new=False)

    def _fail(self, what: str, name: str) -> None:
        if self.judge(what, name) is not None:
            raise OSError(errno.EIO, os.strerror(errno.EIO), name)


class _Open:
    """A file that SQLite has open."""

    __slots__ = ("disk", "file", "name", "owes_directory")

    def __init__(self, disk: RecordedDisk, file: int, name: str, owes_directory: bool) -> None:
        self.disk = disk
        self.file = file
        self.name = name
        self.owes_directory = owes_directory


class _Watch:
    """The one VFS of ours in this process. It is never taken apart, for files opened through it may outlive a test."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(find_library())
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._library.sqlite3_vfs_find.argtypes = [c_char_p]
        self._library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        self._usual = self._library.sqlite3_vfs_find(None)
        usual = self._usual.contents
        assert usual.iVersion >= 3
        self._files: dict[int, _Open] = {}
        self._tables: dict[int, _Methods] = {}
        self._kept: list[Any] = []
        self.disk: RecordedDisk | None = None
        self._open_usual, self._delete_usual = _OPEN(usual.xOpen), _DELETE(usual.xDelete)
        self._vfs = _Vfs.from_buffer_copy(usual)
        self._vfs.zName, self._vfs.pNext = b"recorded", None
        self._vfs.xOpen = self._keep(_OPEN(self._open))
        self._vfs.xDelete = self._keep(_DELETE(self._delete))

    def _keep(self, callback: Any) -> int | None:
        self._kept.append(callback)
        return ctypes.cast(callback, c_void_p).value

    def begin(self, disk: RecordedDisk) -> None:
        assert self.disk is None, "one disk is watched at a time"
        self.disk = disk
        assert self._library.sqlite3_vfs_register(byref(self._vfs), 1) == 0

    def end(self) -> None:
        assert self._library.sqlite3_vfs_register(self._usual, 1) == 0
        self.disk = None

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:
        path = None if name is None else os.fsdecode(ctypes.string_at(name))
        is_new = path is not None and not os.path.exists(path)
        # The name goes on as the pointer that came: SQLite keeps parameters behind it.
        code: int = self._open_usual(ctypes.addressof(self._usual.contents), name, file, flags, out)
        disk = self.disk
        if code == 0 and path is not None and disk is not None and disk.concerns(path):
            number, short = disk.opened(path, is_new)
            owes_directory = bool(flags & _OPEN_CREATE) and bool(flags & _OPEN_JOURNALS)
            self._files[file] = _Open(disk, number, short, owes_directory)
            header = _File.from_address(file)
            header.pMethods = ctypes.addressof(self._watched(header.pMethods))
        return code

    def _delete(self, vfs: int, name: int, with_directory: int) -> int:
        code: int = self._delete_usual(ctypes.addressof(self._usual.contents), name, with_directory)
        path = os.fsdecode(ctypes.string_at(name))
        disk = self.disk
        if disk is not None and disk.concerns(path) and code in (0, _DELETE_ERROR):
            disk.deleted(path, bool(with_directory) and code == 0)
        return code

    def _watched(self, address: int) -> _Methods:
        """SQLite's table of what a file can do, with ours in the place of what changes the disk."""
        if address in self._tables:
            return self._tables[address]
        usual = _Methods.from_address(address)
        assert usual.iVersion == 3
        table = _Methods.from_buffer_copy(usual)
        close, write = _CLOSE(usual.xClose), _WRITE(usual.xWrite)
        truncate, sync = _TRUNCATE(usual.xTruncate), _SYNC(usual.xSync)
        files = self._files

        def closing(file: int) -> int:
            files.pop(file, None)
            return int(close(file))

        def writing(file: int, data: int, length: int, offset: int) -> int:
            one = files[file]
            failure = one.disk.judge("write", one.name)
            done = length if failure is None else int(length * failure.share)
            if done:
                one.disk.note(Write(one.file, offset, ctypes.string_at(data, done)))
                code = int(write(file, data, done, offset))
                if code:
                    return code
            return 0 if failure is None else failure.code

        def truncating(file: int, size: int) -> int:
            one = files[file]
            failure = one.disk.judge("truncate", one.name)
            if failure is not None:
                return failure.code
            one.disk.note(Truncate(one.file, size))
            return int(truncate(file, size))

        def syncing(file: int, flags: int) -> int:
            one = files[file]
            failure = one.disk.judge("sync", one.name)
            code = int(sync(file, flags)) if failure is None else failure.code
            if code:
                one.disk.note(SyncFailed(one.file))
            else:
                one.disk.note(Sync(one.file, one.owes_directory))
                one.owes_directory = False
            return code

        table.xClose, table.xWrite = self._keep(_CLOSE(closing)), self._keep(_WRITE(writing))
        table.xTruncate, table.xSync = self._keep(_TRUNCATE(truncating)), self._keep(_SYNC(syncing))
        self._tables[address] = table
        return table


_watches: list[_Watch] = []


@contextmanager
def recorded_disk(directory: Path, *, keeps_steps: bool = True) -> Iterator[RecordedDisk]:
    """Watches the SQLite files of a directory that are opened while the block runs. Close them before it ends."""
    if not _watches:
        _watches.append(_Watch())
    (watch,) = _watches
    disk = RecordedDisk(directory, keeps_steps=keeps_steps)
    watch.begin(disk)
    try:
        with disk.our_own_writes():
            yield disk
    finally:
        watch.end()
