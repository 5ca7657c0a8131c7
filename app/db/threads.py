"""A thread that runs database work in order and hands each result back to the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar, cast

from app.db.errors import DatabaseUnavailable

T = TypeVar("T")


class DatabaseThread:
    """Runs callables one after the other.

    Leaner than an executor: one queue, and one wake-up of the loop for all results that are there when it wakes.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting = 0
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._results: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._thread: Thread | None = None

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """The result of `work`. Raises `DatabaseUnavailable` when it is not there after `seconds`; the work may still
        be going on then."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            result: Any = None
            failure: BaseException | None = None
            try:
                result = work()
            except BaseException as error:
                failure = error
            self._results.append((future, result, failure))
            if len(self._results) == 1:  # whoever finds one more wakes nobody: the loop is about to look
                with suppress(RuntimeError):  # the loop has ended: nobody waits for this answer any more
                    loop.call_soon_threadsafe(self._hand_over)

        self.waiting += 1
        self._enqueue(job)
        timer = loop.call_later(seconds, _give_up, cast("asyncio.Future[object]", future), self.name, seconds)
        try:
            return await future
        finally:
            timer.cancel()

    def _hand_over(self) -> None:
        """In the loop: gives every result that is there to who waits for it."""
        while self._results:
            future, result, failure = self._results[0]
            self.waiting -= 1
            if not future.done():
                if failure is not None:
                    future.set_exception(failure)
                else:
                    future.set_result(result)
            self._results.popleft()

    def last(self, work: Callable[[], object]) -> None:
        """Queues work whose result nobody waits for, such as closing a connection."""

        def job() -> None:
            work()

        if self._thread is not None:
            self._enqueue(job)

    def stop(self) -> None:
        """Ends the thread after what is queued."""
        if self._thread is not None:
            self._queue.put(None)

    def join(self, seconds: float) -> None:
        """Waits for the thread's end, at most `seconds`."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _enqueue(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        self._queue.put(job)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job()


def _give_up(future: "asyncio.Future[object]", name: str, seconds: float) -> None:
    if not future.done():
        future.set_exception(DatabaseUnavailable(f"{name} did not answer within {seconds:g} s"))
