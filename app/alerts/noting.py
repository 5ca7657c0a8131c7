"""Noting what became of attempts: on disk, many in one transaction; in the log, a line each; in the metrics.

Owns also how a hook fares: since when it fails, and that it is disabled. Sending, and what follows for a lane, is left
to `worker`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import orjson
import structlog

from app.alerts.lanes import Lane
from app.alerts.rules import FAILING_REASON, Along, Attempt, Verdict, has_failed_long
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect, WriteScript
from app.hooks.model import Kind
from app.hooks.store import Health, note_health
from app.maven.times import SECOND, format_time
from app.outbox.model import Status
from app.outbox.store import Due, Result, record_results

log = structlog.get_logger(__name__)

GATHER_SECONDS, SLOW_GATHER_SECONDS = 0.005, 0.1
"""How long results are gathered, usually, and while deliveries give way to receipt, which waits for these writes."""
RETRY_SECONDS = 0.5
MOST_TOGETHER = 500
KEPT_FAILURES = 20
"""Failed attempts that a delivery remembers, the last ones."""
SUCCESS_NOTED_EVERY = 60 * SECOND
"""How exact the last success of a hook is, in microseconds: noting each would cost as much as delivering."""


class WorkerMetrics(Protocol):
    """What the worker tells of itself."""

    def hook_attempted(self, kind: Kind, outcome: str, seconds: float) -> None: ...
    def hook_delivery_ended(self, kind: Kind, status: Status) -> None: ...
    def hook_disabled(self, kind: Kind) -> None: ...


@dataclass(frozen=True, slots=True)
class Noted:
    """An attempt and what follows from it."""

    lane: Lane
    due: Due
    attempt: Attempt
    verdict: Verdict
    attempted_at: int
    along: Along | None
    message_id: str


class Notebook:
    """Results that wait for the disk."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        metrics: WorkerMetrics,
        gives_way: Callable[[], bool],
        on_noted: Callable[[list[Noted]], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._gives_way = gives_way
        self._on_noted = on_noted
        self._results: list[Noted] = []
        self._has_some = asyncio.Event()

    @property
    def size(self) -> int:
        """How many wait."""
        return len(self._results)

    def add(self, noted: Noted) -> None:
        """Takes a result, and logs and counts it."""
        self._say(noted)
        self._results.append(noted)
        self._has_some.set()

    async def note_for_ever(self) -> None:
        """Writes what waits, again and again; when the database fails, later."""
        while True:
            await self._has_some.wait()
            await asyncio.sleep(SLOW_GATHER_SECONDS if self._gives_way() else GATHER_SECONDS)
            try:
                await self.note_rest()
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("outbox.noting_failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def note_rest(self) -> None:
        """Writes all that waits. Raises `DatabaseUnavailable`; what was not written waits on."""
        while self._results:
            some = self._results[:MOST_TOGETHER]
            health = _health_of(some, self._clock())
            await self._database.write(_record(self._database.dialect, some, health))
            del self._results[: len(some)]
            self._follow(health, some)
            self._on_noted(some)
        self._has_some.clear()

    def _follow(self, health: Sequence[Health], some: Sequence[Noted]) -> None:
        """Lets the lanes know how their hooks fare, and announces those that were disabled."""
        lanes = {one.lane.hook.pk: one.lane for one in some}
        for note in health:
            lane = lanes[note.hook_pk]
            was_enabled = lane.is_enabled
            lane.hook = replace(
                lane.hook,
                failing_since=note.failing_since,
                last_success_at=note.last_success_at or lane.hook.last_success_at,
                disabled_at=lane.hook.disabled_at or note.disabled_at,
            )
            if was_enabled and note.disabled_at is not None:
                lane.empty()
                self._metrics.hook_disabled(lane.hook.kind)
                log.error(
                    "hook.disabled",
                    hook=lane.hook.id,
                    name=lane.hook.name,
                    kind=lane.hook.kind.word,
                    reason=note.disabled_reason,
                    failing_since=None if note.failing_since is None else format_time(note.failing_since),
                    hint="what it misses is kept for it; enable it again when it can be reached",
                )

    def _say(self, noted: Noted) -> None:
        """One line that tells the whole story of an attempt."""
        lane, due, attempt, verdict = noted.lane, noted.due, noted.attempt, noted.verdict
        self._metrics.hook_attempted(lane.hook.kind, attempt.outcome, attempt.seconds)
        if verdict.status is not Status.PENDING:
            self._metrics.hook_delivery_ended(lane.hook.kind, verdict.status)
        told = {
            "hook": lane.hook.id,
            "kind": lane.hook.kind.word,
            "delivery": due.pk,
            "message": noted.message_id,
            "type": due.topic.word,
            "attempt": due.attempts + 1,
            "outcome": attempt.outcome,
            "status": verdict.status.word,
            "response_status": attempt.response_status,
            "seconds": round(attempt.seconds, 3),
            "age_seconds": round(max(0, noted.attempted_at - due.created_at) / SECOND, 3),
        }
        if attempt.is_success:
            log.info("delivery.attempted", **told)
            return
        told["detail"] = attempt.detail
        if verdict.status is Status.PENDING:
            told["again_at"] = format_time(verdict.due_at)
        log.warning("delivery.attempted", **told)


def _record(dialect: Dialect, some: Sequence[Noted], health: Sequence[Health]) -> WriteScript[None]:
    # First, for it may take the ledger, which others lock before they lock deliveries.
    for one in some:
        if one.along is not None:
            yield from one.along(one.verdict)
    yield from record_results(dialect, [_result(one) for one in some])
    if health:
        yield from note_health(dialect, health)


def _result(noted: Noted) -> Result:
    attempt, verdict = noted.attempt, noted.verdict
    return Result(
        noted.due,
        verdict.status,
        verdict.due_at,
        noted.attempted_at,
        attempt.response_status,
        attempt.detail,
        noted.due.failures if attempt.is_success else _failures(noted),
    )


def _failures(noted: Noted) -> str:
    known = [] if noted.due.failures is None else orjson.loads(noted.due.failures)
    known.append(
        {
            "at": format_time(noted.attempted_at),
            "outcome": noted.attempt.outcome,
            "responseStatus": noted.attempt.response_status,
            "detail": noted.attempt.detail,
            "seconds": round(noted.attempt.seconds, 3),
        }
    )
    return orjson.dumps(known[-KEPT_FAILURES:]).decode()


def _health_of(some: Sequence[Noted], now: int) -> list[Health]:
    """How hooks fare after these attempts, for those of which it is to be noted: the newest attempt decides."""
    newest = {one.lane.hook.pk: one for one in some}
    failed: dict[int, list[Noted]] = {}
    for one in some:
        if not one.attempt.is_success:
            failed.setdefault(one.lane.hook.pk, []).append(one)
    succeeded = {one.lane.hook.pk for one in some if one.attempt.is_success}
    reasons = {one.lane.hook.pk: one.verdict.disables for one in some if one.verdict.disables is not None}
    notes: list[Health] = []
    for pk, one in newest.items():
        hook = one.lane.hook
        if one.attempt.is_success and pk not in reasons:
            if hook.failing_since is not None or (hook.last_success_at or 0) + SUCCESS_NOTED_EVERY <= now:
                notes.append(Health(pk, None, last_success_at=now))
            continue
        since = now if hook.failing_since is None or pk in succeeded else hook.failing_since
        reason = reasons.get(pk) or (FAILING_REASON if has_failed_long(since, now) else None)
        if hook.kind is Kind.CONNECTION:
            reason = None  # whatever is accepted for it is tried, and ends
        notes.append(
            Health(
                pk,
                since,
                last_success_at=now if pk in succeeded else None,
                last_failure_at=one.attempted_at,
                last_error=one.attempt.detail,
                rests_until=max(o.verdict.rests_until for o in failed[pk]) or None,
                disabled_at=None if reason is None else now,
                disabled_reason=reason,
            )
        )
    return notes
