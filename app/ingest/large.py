"""Large deliveries take turns: four at a time, so that two are being read in a thread while two are being written.

Parsed, an event takes ten times the room of its bytes; a crowd of batches parsed at once would take all the memory, and
reading one on the event loop would hold up everybody else. Small deliveries do not pass here.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

from app.db.errors import DatabaseUnavailable
from app.ingest.writer import ANSWER_SECONDS, Overloaded
from app.maven.events import ReadEvent, read_delivery
from app.web.turns import Turns

LARGE_BYTES = 64 * 1024
TURNS = 4
WAITING = 256
"""Large deliveries that may wait for their turn; their bytes are in memory meanwhile."""

TURN_SECONDS = 4.0
"""How long one waits for its turn; what is left of its time is for reading and writing it."""


class LargeDeliveries:
    """The turns of one process."""

    def __init__(self) -> None:
        self._turns = Turns(
            TURNS,
            WAITING,
            TURN_SECONDS,
            crowded=Overloaded,
            late=lambda: DatabaseUnavailable("deliveries before this one were not written in time"),
        )
        self._reader = ThreadPoolExecutor(1, "delivery-reader")

    def turn(self) -> AbstractAsyncContextManager[float]:
        """Waits for a turn; gives when the wait began, by the loop's clock. Raises `Overloaded` when too many wait,
        `DatabaseUnavailable` when the turn does not come in time.
        """
        return self._turns.turn()

    async def read(self, body: bytes, max_events: int, began: float) -> list[ReadEvent]:
        """The events of a body. Raises `NotJson` and `TooManyEvents`, and `DatabaseUnavailable` when time is up."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(began + ANSWER_SECONDS):
                return await loop.run_in_executor(self._reader, read_delivery, body, max_events)
        except TimeoutError:
            raise DatabaseUnavailable("the delivery could not be read in time") from None
