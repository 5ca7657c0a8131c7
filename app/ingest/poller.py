"""The poller: reads Maven's queue, again and again, and knows how far it came (contract section 6).

Owns when to ask: once in an interval, later after errors, an hour later for a refused key, and never while another
process does. One of many holds the lease; everything that moves the position is committed on the condition that it
still does. What one reading does is `queue_reader`'s, what is remembered `channels`'.
"""

import asyncio
import hashlib
import hmac
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from app.channels.store import LeaseLost, QueueState, note_error, release_lease, take_lease
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.ingest.pulling import Pulled
from app.ingest.queue_reader import PollingMetrics, QueueReader, Reach
from app.ingest.writer import Writer
from app.maven.queue_client import KeyRefused, QueueClient, QueueFailed
from app.maven.times import HOUR, SECOND, format_time

log = structlog.get_logger(__name__)

REFUSED_KEY_WAITS = HOUR
LONGEST_BACKOFF_SECONDS = 300.0
LONGEST_BACKOFF_INTERVALS = 10
"""The backoff grows to the lesser of the two."""

SHORTEST_LEASE_SECONDS = 0.2
RELEASE_SECONDS = 1.0
RENEWALS = 4
"""How often the lease is renewed within its time, and how often others look whether it is free."""


@dataclass(frozen=True, slots=True)
class Polling:
    """When to poll."""

    poll_seconds: float = 30.0
    key_mark: str = ""
    """Tells this API key from others; see `mark_of_key`."""
    ends_when_refused: bool = False
    """Whether a refused key ends the poller, with `KeyRefused`."""

    @property
    def lease_seconds(self) -> float:
        """How long a lease lasts unless it is renewed."""
        return max(self.poll_seconds, SHORTEST_LEASE_SECONDS)


def mark_of_key(cursor_key: bytes, api_key: str) -> str:
    """A mark of an API key that tells it from others and gives nothing of it away."""
    return hmac.new(cursor_key, b"maven-key\n" + api_key.encode(), hashlib.sha256).hexdigest()[:32]


def _refused_lately(refused_at: int) -> str:
    return (
        f"Maven refused this API key at {format_time(refused_at)}; it is not tried again before"
        f" {format_time(refused_at + REFUSED_KEY_WAITS)}. Check HOS_MAVEN_API_KEY; poll --once tries it now"
    )


class Poller:
    """Reads the queue. One per process; of all processes on a database one at a time really does."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        client: QueueClient,
        polling: Polling,
        reach: Reach,
        clock: Callable[[], int],
        metrics: PollingMetrics,
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._polling = polling
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._draw = draw
        self.holder = uuid.uuid4().hex
        self._reader = QueueReader(database, writer, client, reach, clock, metrics, self.holder)
        self._rest = (0, 0)
        """When the last reading failed, and how long Maven is to be left alone then; microseconds."""
        self._is_refusal_said = False
        self.is_elsewhere = False
        """Whether another process held the lease when it was looked at last."""

    async def poll_for_ever(self) -> None:
        """Polls until it is cancelled, or Maven refuses the key and that is to end it. Gives the lease back."""
        try:
            while True:
                await self._pause(await self.turn())
        finally:
            await self._release()

    async def turn(self) -> float:
        """Reads the queue if it is time and nobody else does; gives the seconds until the next look.

        Whatever goes wrong is noted, logged and waited for; only `KeyRefused` is raised, when it is to end the poller.
        """
        look_again = self._polling.lease_seconds / RENEWALS
        try:
            state = await self._take_lease()
            if state is None and not self.is_elsewhere:
                log.info("poller.standing_by", reason="another process polls Maven's queue on this database")
            self.is_elsewhere = state is None
            if state is None:
                return look_again
            wait = self._wait_of(state)
            if wait <= 0:
                await self._read(state)
                wait = self._polling.poll_seconds
            return min(wait, look_again)
        except LeaseLost:
            log.warning("maven.lease_lost")
        except DatabaseUnavailable:
            self._metrics.queue_polled("database")  # the writer says when the database goes and comes
        except KeyRefused:
            raise
        except Exception:
            self._metrics.queue_polled("crashed")
            log.exception("maven.poll_crashed")
        return look_again

    def _wait_of(self, state: QueueState) -> float:
        """Seconds until Maven may be asked."""
        now = self._clock()
        if self._is_refused(state, now):
            assert state.refused_at is not None
            if self._polling.ends_when_refused:
                raise KeyRefused("refused", _refused_lately(state.refused_at))
            self._say_refused(_refused_lately(state.refused_at))
            return (state.refused_at + REFUSED_KEY_WAITS - now) / SECOND
        due = [(state.asked_at, round(self._polling.poll_seconds * SECOND)), self._rest]
        # A time that is ahead was noted before the clock was set back, and says nothing.
        return max(0, *(begin + length - now for begin, length in due if begin <= now)) / SECOND

    def _say_refused(self, reason: str) -> None:
        """One line, and one more for each start of a process that finds it so."""
        if not self._is_refusal_said:
            log.error("maven.key_refused", reason=reason)
            self._is_refusal_said = True

    def _is_refused(self, state: QueueState, now: int) -> bool:
        if state.refused_at is None or state.refused_key != self._polling.key_mark:
            return False
        return 0 <= now - state.refused_at < REFUSED_KEY_WAITS

    async def poll_once(self) -> Pulled:
        """Reads all that Maven has now, whenever it was read last. Raises `QueueFailed`, `KeyRefused` among them,
        `LeaseLost` when another process polls, and `DatabaseUnavailable`."""
        try:
            state = await self._take_lease(from_the_refused=True)
            if state is None:
                raise LeaseLost("another process polls Maven's queue on this database")
            return await self._read_noted(state)
        finally:
            await self._release()

    async def _take_lease(self, *, from_the_refused: bool = False) -> QueueState | None:
        duration = round(self._polling.lease_seconds * SECOND)
        script = take_lease(self._database.dialect, self.holder, duration, from_the_refused=from_the_refused)
        return await self._database.write(script)

    async def _release(self) -> None:
        with suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._database.write(release_lease(self.holder))

    async def _read(self, state: QueueState) -> None:
        """One reading of the queue, and what follows when it fails."""
        try:
            await self._read_noted(state)
        except KeyRefused as error:
            if self._polling.ends_when_refused:
                raise
            self._say_refused(f"{error}. It is tried again in an hour, or when it changes")
        except QueueFailed as error:
            errors = state.errors_in_row + 1
            wait = self._back_off(errors, error.retry_after)
            self._rest = (self._clock(), round(wait * SECOND))
            log.warning("maven.poll_failed", reason=str(error), errors_in_row=errors, again_in_seconds=round(wait, 1))

    async def _read_noted(self, state: QueueState) -> Pulled:
        """Reads the queue, and the last days again when that is due; notes how it went, and raises what it raised."""
        try:
            async with self._renewing():
                return await self._reader.read(state)
        except QueueFailed as error:
            self._metrics.queue_polled(error.outcome)
            refused_key = self._polling.key_mark if isinstance(error, KeyRefused) else None
            await self._database.write(note_error(self.holder, self._clock(), str(error), refused_key))
            raise

    def _back_off(self, errors: int, retry_after: float | None) -> float:
        """Seconds to wait after so many errors in a row: an interval, and up to twice as much with each more, by chance
        (full jitter), so that many clients do not come back at once."""
        interval = self._polling.poll_seconds
        most = min(LONGEST_BACKOFF_SECONDS, LONGEST_BACKOFF_INTERVALS * interval)
        wait = interval + self._draw() * min(most, interval * 2.0 ** min(errors - 1, 30))
        return wait if retry_after is None else max(wait, retry_after)

    @asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        """Renews the lease while the block runs, which may be long."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._polling.lease_seconds / RENEWALS)
                with suppress(DatabaseUnavailable):
                    await self._take_lease()

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            # Not by suppressing what `await task` raises: that might be the end of the poller itself.
            await asyncio.gather(task, return_exceptions=True)
