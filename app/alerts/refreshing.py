"""Alerts told again: an Alertmanager forgets what it does not hear of, and loses everything when it restarts.

Each alert that fires by our account is sent again every ten minutes, many in one request, as the violation is then: so
an alert whose violation was invalidated, changed or deleted meanwhile is put right as well. Contract section 7.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from app.alerts.delivering import Alert, Deliverer
from app.alerts.rules import Verdict
from app.alerts.sending import Sender
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import WriteScript
from app.hooks.firing import firing_before
from app.hooks.model import Kind
from app.hooks.store import Hook
from app.maven.times import MINUTE
from app.outbox.model import Status
from app.violations.moments import present_violations

log = structlog.get_logger(__name__)

REFRESH = 10 * MINUTE
"""How often an alert is sent again, in microseconds."""
TOGETHER = 200
RETRY_SECONDS = 30.0
"""After an Alertmanager could not be reached."""


class AlertRefresher:
    """Sends alerts again. A slow Alertmanager holds up none of the others."""

    def __init__(self, database: Database, deliverer: Deliverer, sender: Sender, clock: Callable[[], int]) -> None:
        self._database = database
        self._deliverer = deliverer
        self._sender = sender
        self._clock = clock
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._not_before: dict[int, float] = {}

    def refresh(self, hooks: Sequence[Hook]) -> None:
        """Begins to send again what is due, for hooks for which that is not under way."""
        now = asyncio.get_running_loop().time()
        for hook in hooks:
            if (
                hook.kind is Kind.ALERTMANAGER
                and hook.pk not in self._under_way
                and self._not_before.get(hook.pk, 0.0) <= now
            ):
                task = asyncio.create_task(self._refresh_safely(hook))
                self._under_way[hook.pk] = task
                task.add_done_callback(lambda _, pk=hook.pk: self._under_way.pop(pk, None))  # type: ignore[misc]

    async def aclose(self) -> None:
        """Breaks off what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh_safely(self, hook: Hook) -> None:
        try:
            if not await self.refresh_one(hook):
                self._not_before[hook.pk] = asyncio.get_running_loop().time() + RETRY_SECONDS
        except DatabaseUnavailable:
            pass
        except Exception:
            log.exception("alerts.refresh_crashed", hook=hook.id)
            self._not_before[hook.pk] = asyncio.get_running_loop().time() + RETRY_SECONDS

    async def refresh_one(self, hook: Hook) -> bool:
        """Sends again what of a hook is due; False when the Alertmanager did not take it."""
        dialect = self._database.dialect
        while True:
            due = await self._database.read(firing_before(hook.pk, self._clock() - REFRESH, TOGETHER))
            if not due:
                return True
            present = await self._database.read(present_violations(dialect, [one.violation_pk for one in due]))
            alerts: list[Alert] = []
            for one in due:
                alert = self._deliverer.alert_of(hook, one.violation_pk, present.get(one.violation_pk), one)
                assert alert is not None  # of what fires there is always something to tell
                alerts.append(alert)
            attempt = await self._sender.post_alerts(hook, [document for a in alerts for document in a.documents])
            if not attempt.is_success:
                log.warning("alerts.refresh_failed", hook=hook.id, outcome=attempt.outcome, detail=attempt.detail)
                return False
            await self._database.write(_note(alerts))
            log.debug("alerts.refreshed", hook=hook.id, alerts=len(alerts))


def _note(alerts: Sequence[Alert]) -> WriteScript[None]:
    for alert in alerts:
        yield from alert.along(Verdict(Status.SUCCEEDED))
