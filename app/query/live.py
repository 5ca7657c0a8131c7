"""New changes for all who wait in this process: read once, handed to each audience that sees them.

Readers with the same visibility form an audience. One task reads what was committed, only as far as some audience may
see it, and wakes the audiences it concerns; so an idle reader costs nothing per commit, however many there are. An
audience keeps a few of its newest entries; a reader that falls behind them goes on in the database. Reading the
database and judging keys is left to the readers.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.query.feed import Change, Page, Terminals, read_page
from app.query.watch import ChangeWatch
from app.web.middleware import Stopping
from app.web.waiting import Waiters

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

KEPT_ENTRIES = 100
KEPT_BYTES = 1024 * 1024
"""Payload bytes that one audience keeps."""

READ_ENTRIES = 200
READ_BYTES = 1024 * 1024
RETRY_SECONDS = 0.5


class Audience(Waiters):
    """The readers of one visibility, and the newest entries they see. `floor`: every entry after it is here."""

    def __init__(self, terminals: Terminals, floor: int) -> None:
        super().__init__()
        self.terminals = terminals
        self.floor = floor
        self.readers = 0
        self._entries: deque[Change] = deque()
        self._bytes = 0

    def after(self, seq: int) -> list[Change]:
        """The entries after `seq`, which must not be below the floor."""
        if not self._entries or self._entries[-1].seq <= seq:
            return []
        return [entry for entry in self._entries if entry.seq > seq]

    def add(self, entry: Change) -> None:
        """Takes an entry, and lets the oldest go."""
        self._entries.append(entry)
        self._bytes += len(entry.payload)
        while len(self._entries) > KEPT_ENTRIES or (self._bytes > KEPT_BYTES and len(self._entries) > 1):
            oldest = self._entries.popleft()
            self._bytes -= len(oldest.payload)
            self.floor = max(self.floor, oldest.seq)


class LiveChanges:
    """The audiences of one process. Works only while there is one; nothing has to be started or closed."""

    def __init__(self, database: Database, watch: ChangeWatch, stopping: Stopping) -> None:
        self.watch = watch
        self._database = database
        self._stopping = stopping
        self._audiences: dict[Terminals, Audience] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._read_to = 0
        self._reading_to = 0

    @property
    def read_to(self) -> int:
        """Up to here all entries were handed out."""
        return self._read_to

    @contextmanager
    def audience(self, terminals: Terminals, newest: int) -> Iterator[Audience]:
        """Joins the readers who see `terminals`. `newest` is a number that the database has given out already."""
        if not self._audiences:
            self._read_to = self._reading_to = newest
            self._tasks = [
                asyncio.create_task(self._follow(), name="changes-follow"),
                asyncio.create_task(self._end_with_process(), name="changes-end"),
            ]
        audience = self._audiences.get(terminals)
        if audience is None:
            # What is being read at this moment is read without regard to this audience.
            audience = self._audiences[terminals] = Audience(terminals, self._reading_to)
        audience.readers += 1
        try:
            yield audience
        finally:
            audience.readers -= 1
            if not audience.readers:
                del self._audiences[terminals]
            if not self._audiences:
                for task in self._tasks:
                    task.cancel()

    async def _end_with_process(self) -> None:
        await self._stopping.wait()
        for audience in self._audiences.values():
            audience.wake()

    async def _follow(self) -> None:
        while True:
            try:
                self._reading_to = await self.watch.wait_beyond(self._read_to, None) or self._read_to
                while self._read_to < self._reading_to:
                    self._hand_out(await self._read())
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("changes.follow_failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> Page:
        return await read_page(self._database, self._union(), self._read_to, self._reading_to, READ_ENTRIES, READ_BYTES)

    def _union(self) -> Terminals:
        """All that any audience sees."""
        seen: set[str] = set()
        for terminals in self._audiences:
            if terminals is None:
                return None
            seen |= terminals
        return frozenset(seen)

    def _hand_out(self, page: Page) -> None:
        self._read_to = page.read_to
        for audience in self._audiences.values():
            is_concerned = False
            for entry in page.changes:
                if entry.is_visible_to(audience.terminals):
                    audience.add(entry)
                    is_concerned = True
            if is_concerned:
                audience.wake()
