"""Notices that something was committed, by this process or by any other.

Owns the one question behind long polls and streams: did the numbering of events move on? The writer of this process
says so itself; commits of other processes are seen by looking at the ledger, and only while somebody waits. What was
committed, and who may see it, is left to `feed` and `live`.
"""

import asyncio
import contextlib

import structlog

from app.db.database import Database
from app.db.errors import DatabaseUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
"""How late a commit of another process may be seen."""

PAUSE_SECONDS = 0.02
"""Between two looks at the ledger, however often the writer commits: many commits are then seen as one."""


class ChangeWatch:
    """Waits for commits. One per process, used from its event loop alone; costs nothing while nobody waits."""

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._look_now = asyncio.Event()
        self._waiting: dict[asyncio.Future[int], int] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def notify(self) -> None:
        """Called by the writer after each commit of this process."""
        self._look_now.set()

    async def newest(self) -> int:
        """The newest number given out. Raises `DatabaseUnavailable`."""
        rows = await self._database.fetch("SELECT last_seq FROM ledger WHERE pk = 1")
        newest: int = rows[0][0]
        return newest

    async def wait_beyond(self, seq: int, timeout: float | None) -> int | None:
        """The newest number as soon as it is above `seq`; None after `timeout` seconds without one (None: no limit).

        While the database cannot be read nothing is seen, and the waiting goes on.
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[future] = seq
        self._look_now.set()
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_while_awaited(), name="change-watch")
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            return None
        finally:
            del self._waiting[future]
            self._look_now.set()  # so that the task sees at once that nobody waits any more

    async def _look_while_awaited(self) -> None:
        try:
            while self._waiting:
                self._look_now.clear()
                try:
                    self._tell(await self.newest())
                except DatabaseUnavailable:
                    pass  # it may come back; readiness and metrics say that it is away
                except Exception:
                    log.exception("changes.watch_failed")
                await asyncio.sleep(PAUSE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._look_now.wait()
        finally:
            self._looking = None

    def _tell(self, newest: int) -> None:
        for future, seq in self._waiting.items():
            if newest > seq and not future.done():
                future.set_result(newest)
