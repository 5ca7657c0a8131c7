"""What is to be done about a SQLite file that is not what it was: telling that it was cut short, and leaving it alone.

SQLite opens a file that lost its end, and fills the hole with zeros when it next writes its log back; then nothing
tells that rows are gone. So a start looks whether every page is there, in the file or in its log, and a stop does not
write into a file that was cut short while it was served.
"""

import ctypes
import sqlite3
import sys
from pathlib import Path

from app.db.errors import DatabaseUnusable
from app.db.sqlite_log import is_log_left, log_of, pages_in_log

_FILE_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_LOCK_BYTE = 1 << 30
"""The page that holds this byte is never used."""

REMEDY = "put a backup in its place (hos-receiver restore), or look at what is left with SQLite's own tools"


def require_log_of_something(path: Path) -> None:
    """Raises `DatabaseUnusable` for an empty file beside which lies a log: it was emptied, and is no new one."""
    if path.stat().st_size == 0 and is_log_left(path):
        log = log_of(path).name
        raise DatabaseUnusable(
            f"{path} is empty, but the last commits to it lie in {log}: it was emptied; {REMEDY}."
            f" To begin anew, move {log} away"
        )


def require_whole(path: Path, connection: sqlite3.Connection) -> None:
    """Raises `DatabaseUnusable` when pages are neither in the file nor in its log. Of a whole file it reads little.

    `connection` must not write when it is closed. Raises `sqlite3.Error`.
    """
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    _require_pages(path, page_size, pages)


def require_what_is_declared(path: Path) -> None:
    """The same for a file that SQLite cannot even open, by what the file's own header says, if it has one."""
    with path.open("rb") as file:
        header = file.read(_FILE_HEADER_BYTES)
    page_size = 65536 if header[16:18] == b"\0\1" else int.from_bytes(header[16:18], "big")
    is_size = page_size >= 512 and page_size.bit_count() == 1  # else the header is spoiled too
    if header.startswith(_MAGIC) and len(header) == _FILE_HEADER_BYTES and is_size:
        _require_pages(path, page_size, int.from_bytes(header[28:32], "big"))


def _require_pages(path: Path, page_size: int, pages: int) -> None:
    # The log before the size: what is written back meanwhile is in the file then.
    logged = pages_in_log(path) if path.stat().st_size < pages * page_size else set()
    there = path.stat().st_size // page_size
    # Counted, not listed: a spoiled header may speak of billions.
    missing = pages - there - len({page for page in logged | {_LOCK_BYTE // page_size + 1} if there < page <= pages})
    if missing > 0:
        raise DatabaseUnusable(f"{path} was cut short: {missing} of its {pages} pages are gone; {REMEDY}")


def close_without_writing(connection: sqlite3.Connection) -> None:
    """Gives up a connection without the log being written back, as it is when the last one closes."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        connection.close()
    else:
        # Python cannot say so before 3.12. A connection that is never closed is closed by the process's end, which
        # writes nothing; one more reference keeps the interpreter from closing it first.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
