"""Liveness, readiness and the metrics page."""

import asyncio
import hmac
import time
from collections.abc import Callable

import structlog
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.channels.store import QueueState, open_gaps, queue_state
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.hooks.store import count_disabled
from app.inbox.store import last_events
from app.maven.times import SECOND
from app.outbox.store import oldest_pending
from app.web.authentication import bearer_token
from app.web.metrics import Metrics
from app.web.middleware import Stopping
from app.web.problems import STOPPING, UNAUTHENTICATED, UNAVAILABLE, Problem

log = structlog.get_logger(__name__)

OBSERVE_SECONDS = 5.0


class Health:
    """What the service says of itself."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        stopping: Stopping,
        metrics_token: SecretStr | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._database = database
        self._metrics = metrics
        self._stopping = stopping
        self._metrics_token = metrics_token
        self._quarantined: float | None = None
        self._is_ready = False
        self._queue: QueueState | None = None
        self._gaps: float | None = None
        self._pending: tuple[int, int | None] | None = None
        self._hooks: tuple[int, int] | None = None
        metrics.add_gauge("hos_maven_lag_seconds", "Time since all of Maven's queue was read.", self._lag)
        metrics.add_gauge(
            "hos_maven_errors_in_row", "Failed readings of Maven's queue since the last good one.", self._errors
        )
        metrics.add_gauge("hos_maven_key_refused", "1 while Maven refuses the API key.", self._key_refused)
        metrics.add_gauge("hos_gaps", "Times whose events may be missing, closed ones apart.", lambda: self._gaps)
        metrics.add_gauge(
            "hos_hook_pending_deliveries",
            "Deliveries that wait for hooks that are enabled.",
            lambda: None if self._pending is None else float(self._pending[0]),
        )
        metrics.add_gauge(
            "hos_hook_oldest_pending_seconds", "Age of the oldest of them, 0 without one.", self._oldest_pending
        )
        metrics.add_gauge("hos_hooks", "Hooks.", lambda: None if self._hooks is None else float(self._hooks[0]))
        metrics.add_gauge(
            "hos_hooks_disabled",
            "Hooks that are disabled, by a person or by failing.",
            lambda: None if self._hooks is None else float(self._hooks[1]),
        )
        metrics.add_gauge("hos_quarantine_entries", "Entries in quarantine.", lambda: self._quarantined)
        metrics.add_gauge("hos_ready", "1 when the service is ready, as seen last.", lambda: float(self._is_ready))

    async def observe_for_ever(self) -> None:
        """Keeps what the metrics page shows of the database fresh, so that a scrape never waits for it."""
        while True:
            try:
                await self._observe()
            except DatabaseUnavailable:
                self._is_ready = False
            except Exception:
                log.exception("health.observation_failed")
            await asyncio.sleep(OBSERVE_SECONDS)

    async def _observe(self) -> None:
        await self._database.check()
        self._is_ready = not self._stopping.is_set()
        rows = await self._database.fetch("SELECT count(*) FROM quarantine")
        self._quarantined = float(rows[0][0])
        self._gaps = float(await self._database.read(open_gaps()))
        for channel, seen_at in (await self._database.read(last_events())).items():
            if seen_at is not None:
                self._metrics.event_seen(channel, seen_at / SECOND)
        self._queue = await self._database.read(queue_state(self._database.dialect))
        self._hooks = await self._database.read(count_disabled())
        self._pending = await self._database.read(oldest_pending())

    def _oldest_pending(self) -> float | None:
        if self._pending is None:
            return None
        made_at = self._pending[1]
        return 0.0 if made_at is None else max(0.0, self._clock() - made_at / SECOND)

    def _lag(self) -> float | None:
        if self._queue is None or self._queue.last_success_at is None:
            return None
        return max(0.0, self._clock() - self._queue.last_success_at / SECOND)

    def _errors(self) -> float | None:
        return None if self._queue is None or not self._queue.asked_at else float(self._queue.errors_in_row)

    def _key_refused(self) -> float | None:
        return None if self._queue is None or not self._queue.asked_at else float(self._queue.refused_at is not None)

    async def alive(self, request: Request) -> Response:
        """`GET /healthz`: the process answers."""
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """`GET /readyz`: the service can do its work now."""
        if self._stopping.is_set():
            raise Problem(STOPPING, "The service is stopping.", headers={"Retry-After": "5"})
        try:
            await self._database.check()
            queue = await self._database.read(queue_state(self._database.dialect))
        except DatabaseUnavailable as error:
            self._is_ready = False
            log.warning("readiness.refused", reason=str(error))
            raise Problem(
                UNAVAILABLE,
                "The database is unreachable, replaced, or at another schema.",
                headers={"Retry-After": "2"},
            ) from None
        self._is_ready = True
        # Whether Maven lets itself be polled does not make the service less ready: others still post, and read.
        return JSONResponse({"status": "ready", "polling": queue.word})

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: Prometheus. Totals only; with `HOS_METRICS_TOKEN` set, for its bearer alone."""
        if self._metrics_token is not None:
            offered = (bearer_token(request.scope) or "").encode()
            if not hmac.compare_digest(offered, self._metrics_token.get_secret_value().encode()):
                raise Problem(
                    UNAUTHENTICATED,
                    "Metrics need the token of HOS_METRICS_TOKEN.",
                    headers={"WWW-Authenticate": 'Bearer realm="hos-receiver metrics"'},
                )
        return Response(self._metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def routes(health: Health) -> list[BaseRoute]:
    """The routes of this room."""
    return [
        Route("/healthz", health.alive, name="alive"),
        Route("/readyz", health.ready, name="ready"),
        Route("/metrics", health.metrics, name="metrics"),
    ]
