"""Large bodies take turns: parsed, they take ten times the room of their bytes, and a crowd of them all the memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turns:
    """The turns of one process at one kind of work.

    `crowded` and `late` make the exceptions for whom too many wait before already, and whose turn does not come within
    `seconds`.
    """

    def __init__(
        self,
        at_once: int,
        waiting: int,
        seconds: float,
        *,
        crowded: Callable[[], Exception],
        late: Callable[[], Exception],
    ) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._waiting = 0
        self._seconds = seconds
        self._crowded = crowded
        self._late = late

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Waits for a turn; gives when the wait began, by the loop's clock."""
        if self._waiting >= self._most_waiting:
            raise self._crowded()
        began = asyncio.get_running_loop().time()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise self._late() from None
        finally:
            self._waiting -= 1
        try:
            yield began
        finally:
            self._turns.release()
