"""Alerting put together: settings and a database in, a worker that delivers and a desk for hooks out.

For `serve`, which delivers beside everything else, and for the commands that handle hooks alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from app.alerts.apprise_sender import AppriseSender
from app.alerts.chores import Chores
from app.alerts.contents import MessageIds
from app.alerts.delivering import Deliverer
from app.alerts.desk import HookDesk
from app.alerts.noting import WorkerMetrics
from app.alerts.pace import Pace
from app.alerts.sending import Sender
from app.alerts.worker import Worker
from app.clock import now
from app.db.database import Database
from app.dialling.addresses import AddressGuard
from app.dialling.client import open_dialler
from app.dialling.sealing import Seal
from app.dvir_logs.desk import ConnectionDesk
from app.hooks.model import Kind
from app.inbox.store import cursor_key
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Alerting:
    """What alerting needs to work, together."""

    desk: HookDesk
    deliverer: Deliverer
    sender: Sender
    seal: Seal


@asynccontextmanager
async def open_alerting(
    database: Database, settings: Settings, on_change: Callable[[], None] = lambda: None
) -> AsyncIterator[Alerting]:
    """Everything but the worker. `on_change` is told when there may be something to deliver."""
    key = None if settings.secret_key is None else settings.secret_key.get_secret_value()
    seal = await asyncio.to_thread(Seal, key)  # deriving keys takes a tenth of a second
    ids = MessageIds(await database.read(cursor_key()))
    async with AsyncExitStack() as stack:
        guard = AddressGuard(settings.hook_allowed_networks)
        dialler = await stack.enter_async_context(open_dialler(guard))
        apprise = await stack.enter_async_context(aclosing(AppriseSender(settings.hook_allowed_networks)))
        sender = Sender(dialler, apprise, seal, now)
        deliverer = Deliverer(database, sender, ids, now, link_of(settings.public_url))
        yield Alerting(HookDesk(database, sender, deliverer, seal, now, on_change), deliverer, sender, seal)


def link_of(public_url: str | None) -> Callable[[str], str | None]:
    """Where to look at a violation by its id; nowhere when it is not known under which address we are reached."""
    if public_url is None:
        return lambda violation_id: None
    base = public_url.rstrip("/")
    return lambda violation_id: f"{base}/violations/{quote(violation_id, safe='')}"


def connection_desk(database: Database, alerting: Alerting, on_change: Callable[[], None]) -> ConnectionDesk:
    """The desk for connections, which dials and seals as hooks do."""
    judge = partial(alerting.sender.check, Kind.CONNECTION)
    return ConnectionDesk(database, alerting.seal, judge, alerting.deliverer.forwarder.post_nothing, now, on_change)


@asynccontextmanager
async def delivering(
    database: Database,
    alerting: Alerting,
    metrics: WorkerMetrics,
    settings: Settings,
    bell: asyncio.Event,
    pace: Pace,
) -> AsyncIterator[Worker]:
    """Delivers while the block runs, if no other process does.

    `bell` is set when there may be something new.
    """
    worker = Worker(database, alerting.deliverer, now, metrics, bell, pace=pace)
    chores = Chores(database, alerting.deliverer, alerting.sender, alerting.seal, now, settings.hook_retention_days)
    tasks = [asyncio.create_task(worker.deliver_for_ever()), asyncio.create_task(chores.work_for_ever(worker.lease))]
    try:
        yield worker
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await chores.aclose()
