"""The application put together: settings and a database in, an ASGI application out.

The one place that knows every room. Everything is built in the lifespan, where the database can be opened, and taken
apart in reverse; nothing happens at import.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from zoneinfo import ZoneInfo

import structlog
from pydantic import SecretStr
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from app.alerting import connection_desk, delivering, open_alerting
from app.alerts.pace import Pace
from app.alerts.routes import HookRoutes
from app.alerts.routes import routes as hook_routes
from app.api_description.routes import routes as description_routes
from app.clock import now
from app.dashboard.context import DashboardContext
from app.dashboard.routes import routes as dashboard_routes
from app.dashboard.single_sign_on import Door
from app.db.database import Database, open_database
from app.driver_histories.context import HistoriesContext, make_turns
from app.driver_histories.identity import routes as identity_routes
from app.driver_histories.routes import routes as history_routes
from app.dvir_logs.context import InspectionsContext
from app.dvir_logs.routes import routes as inspection_routes
from app.inbox.month_tables import make_months_for_ever
from app.inbox.store import cursor_key
from app.ingest.credentials import WebhookGate
from app.ingest.quarantine import QuarantineDesk
from app.ingest.quarantine import routes as quarantine_routes
from app.ingest.routes import WEBHOOK_PATH, Limits, MavenWebhook
from app.ingest.routes import routes as ingest_routes
from app.ingest.writer import Writer
from app.inspections.connections import LOCAL_ID, ensure_local, find_connection
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.keys.tokens import TokenSeal
from app.logging import configure_logging
from app.maven.times import HOUR, MINUTE
from app.query.context import QueryContext
from app.query.routes import routes as query_routes
from app.query.watch import ChangeWatch
from app.sessions.book import Lifetimes, SessionBook
from app.settings import Settings, read_settings
from app.sign_on.grants import read_groups
from app.web.authentication import authenticate, authenticate_either_way
from app.web.cursors import CursorSeal
from app.web.health import Health
from app.web.health import routes as health_routes
from app.web.metrics import Metrics
from app.web.middleware import Frame, Stopping

log = structlog.get_logger(__name__)

VERSION = version("hos-receiver")


def fixed_keys(settings: Settings) -> list[tuple[str, ApiKey]]:
    """Keys that come from the settings rather than the database."""
    if settings.admin_key is None:
        return []
    scopes = frozenset(KeyScope) - {KeyScope.WEBHOOK}
    return [(settings.admin_key.get_secret_value(), ApiKey("admin", scopes))]


def _spare_the_collector() -> None:
    """Takes what lives as long as the process out of garbage collection, and makes collections rarer.

    Events are trees without cycles and are freed by counting; looking through them for cycles cost a tenth of ingest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _plain(secrets: tuple[SecretStr, ...]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]


def _lifetimes(settings: Settings) -> Lifetimes:
    return Lifetimes(settings.session_idle_minutes * MINUTE, settings.session_hours * HOUR)


async def _open_door(settings: Settings, stack: AsyncExitStack) -> Door | None:
    """The way in by single sign-on, if it is set up."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.oidc_groups is None:
        return None
    from app.sign_on.provider import Client, open_sign_on  # its libraries take memory that others can do without

    secret = settings.oidc_client_secret
    client = Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=None if secret is None else secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        groups_claim=settings.oidc_groups_claim,
    )
    sign_on = await stack.enter_async_context(open_sign_on(client, now, time.monotonic))
    return Door(sign_on, read_groups(settings.oidc_groups))


async def _open_reads(settings: Settings, database: Database, metrics: Metrics, stack: AsyncExitStack) -> Database:
    """What lists, exports and pages are read from: the database, or beside it a standby."""
    if settings.database_read_url is None:
        return database
    from app.db.postgresql import PostgresqlDatabase  # its driver takes memory that those with SQLite can do without
    from app.db.standby import StandbyReads

    assert isinstance(database, PostgresqlDatabase)
    reads = StandbyReads(database, settings.database_read_url.get_secret_value(), settings.database_pool)
    stack.push_async_callback(reads.close)
    metrics.add_gauge("hos_reads_by_standby", "Reads that the standby did.", lambda: float(reads.by_standby))
    metrics.add_gauge("hos_reads_by_primary", "Reads that the primary did.", lambda: float(reads.by_primary))
    return reads


class Application:
    """The ASGI application: Starlette's router in our frame, which makes a problem of every exception.

    Starlette's own two layers of exception handling are left out: they would do the same once more, on every request.
    """

    def __init__(self, settings: Settings, stopping: Stopping) -> None:
        self._settings = settings
        self._stopping = stopping
        self._router = Router(lifespan=self._lifespan, redirect_slashes=False)
        self._frame: ASGIApp = Frame(self._route, stopping)
        self._webhook: ASGIApp = self._router

    @property
    def routes(self) -> list[BaseRoute]:
        """What is served, once the lifespan has begun."""
        return self._router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # by this the router knows that an HTTPException will find somebody
        if scope["type"] == "lifespan":
            await self._router(scope, receive, send)
        else:
            await self._frame(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliveries go straight to their endpoint: the router's way there would cost a tenth of what they cost."""
        if scope["path"] == WEBHOOK_PATH and scope["method"] == "POST":
            await self._webhook(scope, receive, send)
        else:
            await self._router(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, application: "Application") -> AsyncIterator[None]:
        settings = self._settings
        async with AsyncExitStack() as stack:
            database = await open_database(
                settings.database_url.get_secret_value(), serving=True, pool_size=settings.database_pool
            )
            stack.push_async_callback(database.close)
            await self._build(database, stack)
            _spare_the_collector()
            log.info("service.started", version=VERSION, database=database.dialect.value)
            yield
        log.info("service.stopped")

    async def _build(self, database: Database, stack: AsyncExitStack) -> None:
        settings = self._settings
        metrics = Metrics(VERSION)
        watch = ChangeWatch(database)
        secret = await database.read(cursor_key())
        ring = KeyRing(database, fixed_keys(settings), time.monotonic, TokenSeal(secret))
        await ring.refresh()
        bell = asyncio.Event()

        def announce() -> None:
            watch.notify()
            bell.set()

        writer = Writer(database, now, metrics, queue_events=settings.queue_events, on_commit=announce)
        pace = Pace(metrics.count_kept, lambda: writer.depth)
        alerting = await stack.enter_async_context(open_alerting(database, settings, bell.set))
        await stack.enter_async_context(delivering(database, alerting, metrics, settings, bell, pace))
        writer.start()
        stack.push_async_callback(writer.stop)
        if settings.maven_api_key is not None:
            from app.polling import polling  # an HTTP client takes memory that a receiver alone can do without

            await stack.enter_async_context(polling(database, writer, metrics, settings))
        health = Health(database, metrics, self._stopping, settings.metrics_token)
        for work in (ring.refresh_for_ever, health.observe_for_ever, partial(make_months_for_ever, database, now)):
            task = asyncio.create_task(work())
            stack.callback(task.cancel)
        metrics.add_gauge("hos_queue_events", "Events that wait for their commit.", lambda: float(writer.depth))
        judge = partial(authenticate, ring)
        query = QueryContext(
            database=await _open_reads(settings, database, metrics, stack),
            cursors=CursorSeal(secret),
            clock=now,
            stopping=self._stopping,
            authenticate=judge,
            watch=watch,
            metrics=metrics,
        )
        histories = HistoriesContext(
            database=database,
            reads=query.database,
            authenticate=partial(authenticate_either_way, ring),
            clock=now,
            stopping=self._stopping,
            metrics=metrics,
            turns=make_turns(),
            max_body_bytes=settings.max_body_bytes,
            account_id=settings.log_account_id,
            is_strict=settings.log_strict,
        )
        inspections = InspectionsContext(
            database=database,
            reads=query.database,
            authenticate=judge,
            ring=ring,
            cursors=query.cursors,
            desk=connection_desk(database, alerting, bell.set),
            forward_now=alerting.deliverer.forwarder.forward_now,
            clock=now,
            metrics=metrics,
            stopping=self._stopping,
            on_change=bell.set,
        )
        if not await database.read(find_connection(LOCAL_ID)):
            await database.write(ensure_local(now()))
        limits = Limits(settings.max_body_bytes, settings.max_batch_events, settings.invalid_status)
        gate = WebhookGate(_plain(settings.webhook_secrets), ring)
        desk = QuarantineDesk(database, writer, judge, query.cursors)
        self._webhook = webhook = MavenWebhook(gate, writer, metrics, limits)
        dashboard = DashboardContext(
            query=query,
            sessions=SessionBook(database, ring, _lifetimes(settings), now),
            ring=ring,
            hooks=alerting.desk,
            writer=writer,
            clock=now,
            zones={terminal: ZoneInfo(zone) for terminal, zone in settings.terminal_zones},
            public_url=settings.public_url,
            door=await _open_door(settings, stack),
            version=VERSION,
        )
        self._router.routes[:] = [
            *ingest_routes(webhook),
            *query_routes(query),
            *quarantine_routes(desk),
            *hook_routes(HookRoutes(alerting.desk, judge, query.cursors)),
            *history_routes(histories),
            *identity_routes(database, judge, now),
            *inspection_routes(inspections),
            *dashboard_routes(dashboard),
            *health_routes(health),
            *description_routes(VERSION),
        ]


def create_app(stopping: Stopping, settings: Settings | None = None) -> ASGIApp:
    """The application of one process. Without settings it is the whole process's, also one that was spawned: it reads
    them from the environment and sets up logging by them.
    """
    if settings is None:
        settings = read_settings()
        configure_logging(settings.log_format, settings.log_level)
    return Application(settings, stopping)
