"""When the log is written back into the SQLite file, and what is done when that fails.

SQLite would do it by itself, and say nothing of a failure. It counts the pages that it could write back while a reader
still needed the log as done, and syncs them only with the last ones. When that sync fails, Linux forgets them, SQLite
writes the last ones again alone, and begins the log anew: the file is damaged. So a checkpoint that fails is noticed
here, and what SQLite counted before is written again before the next one.
"""

import sqlite3
from pathlib import Path

import structlog

from app.db.sqlite_log import is_log_long, write_back_again

log = structlog.get_logger(__name__)


class Checkpoints:
    """Those of one writing connection after another. To be called while others are kept from writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unsynced = 0
        """The log's first frames that SQLite counts as written back; they are synced with the others."""
        self._lost = 0
        """Those of them whose sync failed."""

    def after_commit(self, connection: sqlite3.Connection, pages: int) -> None:
        """Writes a log of `pages` pages or more back. Whatever comes of it, what was committed is safe in the log."""
        try:
            if is_log_long(self._path, pages):
                self.make_sure()
                self._write_back(connection)
        except (sqlite3.Error, OSError) as error:
            log.warning("database.checkpoint_failed", file=str(self._path), error=str(error))

    def make_sure(self) -> None:
        """Makes up for a sync that failed, so that SQLite may go on from where it believes to be. Raises `OSError`."""
        if self._lost:
            write_back_again(self._path, self._lost)
            self._lost = self._unsynced = 0

    def _write_back(self, connection: sqlite3.Connection) -> None:
        try:
            ((_, in_log, written),) = connection.execute("PRAGMA wal_checkpoint(passive)").fetchall()
        except sqlite3.Error:
            self._lost = self._unsynced
            raise
        if written >= 0:  # else somebody else writes back
            self._unsynced = written if written < in_log else 0
