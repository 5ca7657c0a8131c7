"""The one writer of a process: takes all deliveries that wait and commits them together.

Requests queue and wait for their commit; while one transaction is being synced to disk the next batch gathers, so group
commit costs no added delay. The queue is bounded, every delivery has a deadline, and a database that fails fails only
those who wait at that moment. What the events mean is left to `keeping` and the rooms below.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.db.database import Database
from app.db.errors import DatabaseRefused, DatabaseUnavailable, Withdrawn
from app.hooks.subscriptions import HookBook
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, Kept, keep_deliveries
from app.violations.rules import Outcome

log = structlog.get_logger(__name__)

BATCH_EVENTS = 2000
BATCH_BYTES = 16 * 1024 * 1024
"""How much one transaction takes, which are two large deliveries: they share a commit and many pages of the indexes."""

_EVENT_OVERHEAD_BYTES = 4096
"""What an event costs in memory beside its bytes, roughly, once it is parsed."""
ANSWER_SECONDS = 8.0
"""How long a delivery may wait for its commit; the contract promises an answer within 10 s."""


class Overloaded(Exception):
    """The queue is full. Nothing of this delivery was kept."""


class WriterMetrics(Protocol):
    """What the writer tells of itself."""

    def events_kept(self, event_type: str, channel: Channel, outcome: Outcome, count: int) -> None: ...
    def batch_committed(self, events: int, seconds: float) -> None: ...
    def commit_failed(self, reason: str) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    delivery: Delivery
    future: "asyncio.Future[list[Kept]]"
    expires_at: float
    weight: int


class Writer:
    """Commits deliveries in groups. One per process; started and stopped by the lifespan."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        metrics: WriterMetrics,
        *,
        queue_events: int = 20_000,
        queue_bytes: int = 64 * 1024 * 1024,
        answer_seconds: float = ANSWER_SECONDS,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._queue_events = queue_events
        self._queue_bytes = queue_bytes
        self._answer_seconds = answer_seconds
        self._on_commit = on_commit
        self._hooks = HookBook()
        self._queue: deque[_Waiting] = deque()
        self._in_flight: list[_Waiting] = []
        self._events = 0
        self._bytes = 0
        self._work = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._available = True
        self._is_stopped = False

    @property
    def depth(self) -> int:
        """Events that wait or are being written."""
        return self._events

    def start(self) -> None:
        """Begins to take deliveries."""
        self._tasks = [asyncio.create_task(self._write_for_ever()), asyncio.create_task(self._expire_for_ever())]

    async def stop(self) -> None:
        """Writes what waits, then ends. What cannot be written in time is answered as unavailable."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                while self._queue or self._in_flight:
                    waiting = [w.future for w in (*self._queue, *self._in_flight)]
                    await asyncio.wait(waiting)
        except TimeoutError:
            self._fail([*self._queue, *self._in_flight], DatabaseUnavailable("the service is stopping"))
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def submit(self, delivery: Delivery, began: float | None = None) -> list[Kept]:
        """What became of each event, once it is on disk. Raises `Overloaded`, `DatabaseUnavailable`, or what withdrew
        the script that goes along. The time a delivery has runs from `began`, by the loop's clock, or from now.

        A delivery that is larger than the whole queue is taken when nothing else waits: refused, it would be for ever.
        """
        if self._is_stopped:
            raise DatabaseUnavailable("the service is stopping")
        count = len(delivery.events)
        weight = delivery.size + count * _EVENT_OVERHEAD_BYTES
        is_full = self._events + count > self._queue_events or self._bytes + weight > self._queue_bytes
        if is_full and self._events:
            raise Overloaded
        loop = asyncio.get_running_loop()
        expires_at = (loop.time() if began is None else began) + self._answer_seconds
        waiting = _Waiting(delivery, loop.create_future(), expires_at, weight)
        self._events += count
        self._bytes += weight
        self._queue.append(waiting)
        self._work.set()
        try:
            return await waiting.future
        finally:
            self._events -= count
            self._bytes -= weight

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        events = size = 0
        while self._queue:
            head = self._queue[0]
            if batch and (events + len(head.delivery.events) > BATCH_EVENTS or size + head.weight > BATCH_BYTES):
                break
            self._queue.popleft()
            if head.future.done():
                continue  # its request gave up or ran out of time: nothing was promised
            batch.append(head)
            events += len(head.delivery.events)
            size += head.weight
        return batch

    async def _write_for_ever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                await self._gather()
                self._in_flight = self._take()
                try:
                    if self._in_flight:
                        await self._commit(self._in_flight)
                except Exception as error:  # whoever counts or listens must not end the writing
                    log.exception("writer.crashed")
                    self._fail(self._in_flight, DatabaseUnavailable(f"the writer failed: {type(error).__name__}"))
                self._in_flight = []

    async def _gather(self) -> None:
        """Lets requests that are ready now join the batch: goes on as soon as a turn of the loop brings no more."""
        seen = 0
        while seen != (seen := len(self._queue)) and seen < BATCH_EVENTS:  # noqa: ASYNC110 - one turn each, not a wait
            await asyncio.sleep(0)

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            deliveries = [w.delivery for w in batch]
            script = keep_deliveries(self._database.dialect, deliveries, self._clock(), self._hooks)
            results = await self._database.write(script)
        except DatabaseUnavailable as error:
            self._metrics.commit_failed("unavailable")
            self._say(available=False, reason=str(error))
            self._fail(batch, error)
        except Exception as error:  # one delivery that cannot be kept must not take the others with it
            await self._isolate(batch, error)
        else:
            self._say(available=True, reason="")
            for waiting, kept in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(kept)
            self._count(batch, results, loop.time() - began)
            self._on_commit()

    def _count(self, batch: Sequence[_Waiting], results: Sequence[Sequence[Kept]], seconds: float) -> None:
        """Counts a batch by kinds of events: a counter moved once per kind costs less than once per event."""
        kinds: dict[tuple[str | None, Channel, Outcome], int] = {}
        for waiting, of_delivery in zip(batch, results, strict=True):
            channel = waiting.delivery.channel
            for event, kept in zip(waiting.delivery.events, of_delivery, strict=True):
                kind = event.event_type, channel, kept.outcome
                kinds[kind] = kinds.get(kind, 0) + 1
        for (event_type, channel, outcome), count in kinds.items():
            self._metrics.events_kept(event_type or "", channel, outcome, count)
        self._metrics.batch_committed(sum(kinds.values()), seconds)

    async def _isolate(self, batch: Sequence[_Waiting], error: Exception) -> None:
        if len(batch) > 1:
            for waiting in batch:
                if not waiting.future.done():
                    await self._commit([waiting])
            return
        if isinstance(error, Withdrawn):
            self._fail(batch, error)
            return
        refused = isinstance(error, DatabaseRefused)
        self._metrics.commit_failed("refused" if refused else "crashed")
        # What a database says of a value it refuses may quote it, and a log must not.
        log.error("delivery.refused", error=type(error).__name__, exc_info=None if refused else error)
        self._fail(batch, DatabaseUnavailable("this delivery could not be stored"))

    def _fail(self, batch: Sequence[_Waiting], error: Exception) -> None:
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(error)

    def _say(self, *, available: bool, reason: str) -> None:
        """One line when the database goes and one when it is back, not one per delivery."""
        if available != self._available:
            self._available = available
            if available:
                log.info("database.recovered")
            else:
                log.error("database.lost", reason=reason)

    async def _expire_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.25)
            now = loop.time()
            late = [w for w in (*self._in_flight, *self._queue) if w.expires_at <= now]
            if late:
                self._metrics.commit_failed("too_slow")
                self._fail(late, DatabaseUnavailable(f"the database did not commit within {self._answer_seconds:g} s"))
