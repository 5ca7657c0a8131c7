"""One reading of Maven's queue: where it begins, what each page moves, and what may be missing (contract section 6).

Owns the position, the gaps, and reading the last days again. When to read, and who may, is the poller's; the way from
page to page `pulling`'s; what is remembered `channels`'.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog

from app.channels.store import (
    Gap,
    GapReason,
    QueueState,
    begin_reading,
    change_source,
    move_position,
    note_reconciliation,
    note_success,
    record_gaps,
)
from app.db.database import Database
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.ingest.pulling import Committed, Pulled, Quarantined, Walk
from app.ingest.writer import Writer
from app.maven.queue_client import KeyRefused, QueueClient, QueueFailed
from app.maven.queue_page import RETENTION
from app.maven.times import DAY, HOUR, MINUTE, SECOND, format_time

log = structlog.get_logger(__name__)

NO_WAY_TRIES = 3
"""How often in a row a page must show no way on before its time counts as possibly lost."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back readings go, and how often the last days are read again."""

    overlap_seconds: float = 300.0
    """How far each reading goes back behind the newest event known: Maven may show events late."""
    reconcile_hours: float = 24.0
    """How often the last days are read again; 0 for never."""
    reconcile_days: int = 3


class PollingMetrics(Protocol):
    """What polling tells of itself."""

    def queue_polled(self, outcome: str) -> None: ...
    def queue_reconciled(self, differences: int) -> None: ...


class QueueReader:
    """Reads the queue for the holder of the lease."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        client: QueueClient,
        reach: Reach,
        clock: Callable[[], int],
        metrics: PollingMetrics,
        holder: str,
    ) -> None:
        self._database = database
        self._writer = writer
        self._client = client
        self._reach = reach
        self._clock = clock
        self._metrics = metrics
        self._holder = holder
        self._ahead = 0
        """How far Maven's clock is ahead of ours, microseconds, as it was seen last."""
        self._recorded: list[Gap] = []
        self._quarantined = Quarantined()
        self._overlap = round(reach.overlap_seconds * SECOND)
        self._reconciles_from = 0

    async def read(self, state: QueueState) -> Pulled:
        """Reads everything that is new, and the last days again when that is due.

        Raises `QueueFailed`, `LeaseLost` and `DatabaseUnavailable`; pages before that are kept.
        """
        if state.source is not None and state.source != self._client.address:
            log.warning("maven.source_changed", was=state.source, now=self._client.address)
            await self._database.write(change_source(self._holder, self._client.address))
            state = replace(state, position=None, resume_at=None, last_success_at=None, reconciled_at=None)
        pulled = await self._read_on(state)
        await self._reconcile(state)
        return pulled

    async def _read_on(self, state: QueueState) -> Pulled:
        start, lost = self._start_of(state)
        await self._database.write(self._begin(lost))
        self._say_gaps()
        walk = self._walk(state)
        pulled = await walk.go(start, on_page=lambda _: self._say_gaps())
        again, _ = self._start_of(state)
        if again < start - MINUTE:
            # Our clock is ahead: what it took for 30 days ago is later than the oldest that Maven holds.
            pulled = await walk.go(again, on_page=lambda _: self._say_gaps())
        await self._database.write(note_success(self._holder, self._clock(), self._since(start)))
        self._metrics.queue_polled("ok")
        if state.errors_in_row:
            log.info("maven.poll_recovered", errors_in_row=state.errors_in_row)
        say = log.info if pulled.new or pulled.quarantined else log.debug
        say(
            "maven.polled",
            pages=pulled.pages,
            events=pulled.seen,
            ours=pulled.ours,
            new=pulled.new,
            quarantined=pulled.quarantined,
        )
        return pulled

    def _walk(self, state: QueueState) -> Walk:
        return Walk(self._client, self._writer, self._clock, partial(self._cover, state), self._quarantined)

    def _earliest(self) -> int:
        """The oldest time of which Maven holds events, by whichever clock is behind."""
        return max(0, self._clock() + min(0, self._ahead) - RETENTION)

    def _start_of(self, state: QueueState) -> tuple[int, Gap | None]:
        """Where reading begins, and what is doubtful when the position is of no use."""
        now, earliest = self._clock(), self._earliest()
        if state.position is not None and state.position > now + DAY:
            return earliest, Gap(GapReason.POSITION_RESET, min(state.last_success_at or earliest, now), state.position)
        if state.resume_at is not None:
            return max(earliest, state.resume_at), None
        return earliest if state.position is None else max(earliest, state.position - self._overlap), None

    def _since(self, start: int) -> int:
        """Since when everything was read by a reading that began at `start`: all, when Maven holds nothing older."""
        return 0 if start <= self._earliest() else start

    def _begin(self, lost: Gap | None) -> WriteScript[None]:
        now = self._clock()
        yield from begin_reading(self._holder, now, self._client.address, anew=lost is not None)
        self._recorded = yield from record_gaps(Channel.POLL, [] if lost is None else [lost], now)

    def _cover(self, state: QueueState, committed: Committed) -> WriteScript[None]:
        """With each page: the position comes up to its newest event, but never into our own future."""
        now = self._clock()
        self._ahead = committed.ahead
        reached, resume_at = committed.reached, committed.next_start
        if resume_at is not None:
            # Not closer than Maven may still show events late: a reading that is broken off there begins with them.
            resume_at = min(resume_at, now + self._ahead - self._overlap)
        elif committed.has_no_way_on:
            resume_at = state.resume_at
        yield from move_position(self._holder, None if reached is None else min(reached, now), resume_at)
        # Not before the first page, because only now it is known how Maven's clock stands to ours.
        gaps = [*self._unread(state), *committed.gaps]
        if state.errors_in_row < NO_WAY_TRIES - 1:  # it may be a passing whim of Maven's
            gaps = [gap for gap in gaps if gap.reason is not GapReason.NO_WAY_ON]
        self._recorded = yield from record_gaps(Channel.POLL, gaps, now)

    def _unread(self, state: QueueState) -> list[Gap]:
        """The time that Maven no longer holds and nobody read."""
        known_to = max(state.position or 0, min(state.last_success_at or 0, self._clock()))
        earliest = self._earliest()
        # While the very first reading is still at the oldest events, Maven drops one or the other of them.
        edge = HOUR if state.last_success_at is None else 0
        return [Gap(GapReason.NOT_POLLED, known_to, earliest)] if 0 < known_to < earliest - edge else []

    def _say_gaps(self) -> None:
        """Says what was recorded, once it is committed."""
        recorded, self._recorded = self._recorded, []
        for gap in recorded:
            since, until = format_time(gap.from_at), format_time(gap.to_at)
            log.error("channel.gap_recorded", channel="poll", reason=gap.reason.value, since=since, until=until)

    async def _reconcile(self, state: QueueState) -> None:
        """Reads the last days again when that is due. What is new then came late, or was lost on the way.

        When it fails it rests for an hour: what is new was read all the same. Raises `KeyRefused`.
        """
        now = self._clock()
        if self._reach.reconcile_hours <= 0 or self._reconciles_from > now:
            return
        if state.reconciled_at is not None:
            if 0 <= now - state.reconciled_at < self._reach.reconcile_hours * HOUR:
                return
            start = max(self._earliest(), now - self._reach.reconcile_days * DAY)
            again = Walk(self._client, self._writer, self._clock, self._record, self._quarantined)
            try:
                pulled = await again.go(start, on_page=lambda _: self._say_gaps())
            except KeyRefused:
                raise
            except QueueFailed as error:
                self._reconciles_from = now + max(HOUR, round((error.retry_after or 0) * SECOND))
                log.warning("maven.reconcile_failed", reason=str(error), again_in_seconds=HOUR // SECOND)
                return
            self._metrics.queue_reconciled(pulled.new)
            say = log.warning if pulled.new else log.info
            say("maven.reconciled", days=self._reach.reconcile_days, events=pulled.seen, missing=pulled.new)
        # The first reading of all went back 30 days: there is nothing to compare yet.
        await self._database.write(note_reconciliation(self._holder, now))

    def _record(self, committed: Committed) -> WriteScript[None]:
        """With a page that is read again: the position stays."""
        self._recorded = yield from record_gaps(
            Channel.POLL, [gap for gap in committed.gaps if gap.reason is GapReason.CROWDED], self._clock()
        )
