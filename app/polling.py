"""The poller put together: settings, database and writer in, a poller of Maven's queue out.

For `serve`, which polls beside everything else, and for the commands that poll or backfill alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from app.clock import now
from app.db.database import Database
from app.inbox.store import cursor_key
from app.ingest.poller import Poller, Polling, mark_of_key
from app.ingest.queue_reader import PollingMetrics, Reach
from app.ingest.writer import Writer
from app.maven.queue_client import QueueClient, open_queue
from app.settings import Settings

log = structlog.get_logger(__name__)


@asynccontextmanager
async def polling(
    database: Database, writer: Writer, metrics: PollingMetrics, settings: Settings
) -> AsyncIterator[None]:
    """Polls Maven's queue while the block runs."""
    async with open_poller(database, writer, metrics, settings) as poller:
        say_started(settings)
        task = asyncio.create_task(poller.poll_for_ever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def say_started(settings: Settings) -> None:
    """Logs which Maven is polled, and how often."""
    log.info("poller.started", url=settings.maven_url, poll_seconds=settings.maven_poll_seconds)


@asynccontextmanager
async def open_poller(
    database: Database, writer: Writer, metrics: PollingMetrics, settings: Settings, *, ends_when_refused: bool = False
) -> AsyncIterator[Poller]:
    """A poller of the Maven that the settings name; there must be a key."""
    how = Polling(
        poll_seconds=settings.maven_poll_seconds,
        key_mark=mark_of_key(await database.read(cursor_key()), _api_key(settings)),
        ends_when_refused=ends_when_refused,
    )
    reach = Reach(
        overlap_seconds=settings.maven_overlap_seconds,
        reconcile_hours=settings.maven_reconcile_hours,
        reconcile_days=settings.maven_reconcile_days,
    )
    async with open_client(settings) as client:
        yield Poller(database, writer, client, how, reach, now, metrics)


def open_client(settings: Settings) -> AbstractAsyncContextManager[QueueClient]:
    """A client of the Maven that the settings name; there must be a key."""
    return open_queue(settings.maven_url, _api_key(settings), now)


def _api_key(settings: Settings) -> str:
    assert settings.maven_api_key is not None
    return settings.maven_api_key.get_secret_value()
