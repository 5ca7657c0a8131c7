"""Reading from a standby of PostgreSQL without ever being behind: `StandbyReads`, a `Database` over a primary and it.

Before a read the primary is asked how far it has come; the standby reads when it has come as far, for which it is given
a moment, and the primary does otherwise. So an answer holds everything that was committed when its question came,
whichever process committed it, and nobody has to think of which database answered. Reads that come together ask once.
Writing goes to the primary. What makes a standby, and keeps it near, is the operator's (`docs/operations.md`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import TypeVar

import structlog

from app.db.database import Database
from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.postgresql import PostgresqlDatabase
from app.db.statements import ReadScript, Row, Rows, WriteScript

T = TypeVar("T")
Position = tuple[int, int]
"""How far a server has come: bytes of the write-ahead log, and the newest number of an event. The second tells a
standby that followed another primary for a while."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

WAIT_SECONDS = 0.1
"""What the standby is given to catch up."""
LOOK_SECONDS = 0.005
REST_SECONDS = 5.0
"""After a failure the standby is left alone for so long."""

_OF_PRIMARY = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint, last_seq FROM ledger WHERE pk = 1"
_OF_STANDBY = (
    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END)::bigint, last_seq"
    " FROM ledger WHERE pk = 1"
)


class _Question:
    """A question to a server that many ask at once: each gets an answer that was asked for after it came."""

    def __init__(self, ask: Callable[[], Coroutine[object, object, Position | None]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[Position | None] | None = None
        self._next: asyncio.Task[Position | None] | None = None

    async def answer(self) -> Position | None:
        """Raises what asking raises."""
        if self._asking is None or self._asking.done():
            task = self._asking = _unminded(self._ask())
        else:
            task = self._next = self._next or _unminded(self._ask_after(self._asking))
        return await asyncio.shield(task)

    async def _ask_after(self, first: asyncio.Task[Position | None]) -> Position | None:
        await asyncio.wait([first])
        self._asking, self._next = self._next, None
        return await self._ask()


def _unminded(work: Coroutine[object, object, T]) -> asyncio.Task[T]:
    """A task whose failure is no news when everybody who waited for it has left."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


class StandbyReads:
    """`Database` that reads from a standby where that makes no difference."""

    def __init__(
        self, primary: PostgresqlDatabase, standby_url: str, pool_size: int, rest_seconds: float = REST_SECONDS
    ) -> None:
        self._primary = primary
        self._url = standby_url
        self._pool_size = pool_size
        self._rest_seconds = rest_seconds
        self._standby: PostgresqlDatabase | None = None
        self._opening: asyncio.Task[None] | None = None
        self._rests_until = 0.0
        self._is_lost = False
        self._asked_of_primary = _Question(self._position_of_primary)
        self._asked_of_standby = _Question(self._position_of_standby)
        self.by_standby = 0
        self.by_primary = 0
        """Reads that each has done."""

    dialect = PostgresqlDatabase.dialect

    async def _position_of_primary(self) -> Position | None:
        row = (await self._primary.fetch(_OF_PRIMARY))[0]
        return row[0], row[1]

    async def _position_of_standby(self) -> Position | None:
        assert self._standby is not None
        row = (await self._standby.fetch(_OF_STANDBY))[0]
        return None if row[0] is None else (row[0], row[1])

    async def _open(self) -> None:
        standby = await PostgresqlDatabase.open(self._url, pool_size=self._pool_size)
        keys = [await one.fetch("SELECT cursor_key FROM ledger WHERE pk = 1") for one in (standby, self._primary)]
        if bytes(keys[0][0][0]) != bytes(keys[1][0][0]):
            await standby.close()
            raise DatabaseUnusable("HOS_DATABASE_READ_URL is a copy of another database")
        self._standby = standby

    async def _opened(self) -> PostgresqlDatabase:
        """The standby; what it takes to open goes on when nobody can wait for it any longer."""
        while self._standby is None:
            opening = self._opening = self._opening or _unminded(self._open())
            try:
                await asyncio.shield(opening)
            finally:
                if opening.done():
                    self._opening = None
        return self._standby

    async def _current_standby(self) -> PostgresqlDatabase | None:
        """The standby, once it has all that the primary has now; None when it is away or does not come in time."""
        if time.monotonic() < self._rests_until:
            return None
        wanted = await self._asked_of_primary.answer()  # a primary that is away is nobody's to hide
        assert wanted is not None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._as_far_as(wanted)
        except TimeoutError:
            self._note_lost(f"it has not come as far as the primary within {WAIT_SECONDS} s")
        except (DatabaseUnavailable, DatabaseUnusable) as error:
            self._note_lost(str(error))
        return None

    async def _as_far_as(self, wanted: Position) -> PostgresqlDatabase:
        standby = await self._opened()
        while True:
            found = await self._asked_of_standby.answer()
            if found is None:
                raise DatabaseUnavailable("HOS_DATABASE_READ_URL is no standby")
            if found[0] >= wanted[0] and found[1] >= wanted[1]:
                self._note_back()
                return standby
            await asyncio.sleep(LOOK_SECONDS)

    def _note_lost(self, reason: str) -> None:
        self._rests_until = time.monotonic() + self._rest_seconds
        if not self._is_lost:
            log.warning("standby.lost", reason=reason)
        self._is_lost = True

    def _note_back(self) -> None:
        if self._is_lost:
            log.info("standby.recovered")
        self._is_lost = False

    async def _reader(self) -> PostgresqlDatabase:
        standby = await self._current_standby()
        if standby is None:
            self.by_primary += 1
            return self._primary
        self.by_standby += 1
        return standby

    async def fetch(self, sql: str, *args: object) -> Rows:
        return await self._watched(await self._reader(), lambda database: database.fetch(sql, *args))

    async def read(self, script: ReadScript[T]) -> T:
        return await self._watched(await self._reader(), lambda database: database.read(script))

    async def _watched(self, database: PostgresqlDatabase, work: Callable[[Database], Awaitable[T]]) -> T:
        try:
            return await work(database)
        except DatabaseUnavailable as error:
            if database is self._standby:  # it also ends what stands in the way of replaying
                self._note_lost(str(error))
            raise

    async def write(self, script: WriteScript[T]) -> T:
        return await self._primary.write(script)

    async def stream(self, sql: str, *args: object, chunk: int = 500) -> AsyncIterator[Sequence[Row]]:
        async for rows in (await self._reader()).stream(sql, *args, chunk=chunk):
            yield rows

    async def check(self) -> None:
        await self._primary.check()

    async def close(self) -> None:
        """Closes the standby's connections; the primary is its owner's."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._standby is not None:
            await self._standby.close()
