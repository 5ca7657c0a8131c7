"""`hos-receiver poll` and `backfill`: read Maven's queue from the command line. Both may run beside `serve`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import structlog
import typer

from app.channels.store import LeaseLost, record_gaps
from app.clock import now
from app.commands.running import complain, fail, opened, run, settings_or_fail
from app.db.database import Database
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.ingest.poller import Poller
from app.ingest.pulling import Committed, Pulled, Quarantined, Walk
from app.ingest.writer import Writer
from app.logging import configure_logging
from app.maven.queue_client import KeyRefused, QueueFailed
from app.maven.queue_page import RETENTION
from app.maven.times import MINUTE, format_time, parse_time
from app.polling import open_client, open_poller, say_started
from app.progress import shown_progress
from app.settings import Settings
from app.web.metrics import Metrics

BACKFILL_TRIES = 5
"""How often in a row Maven may fail before a backfill ends."""

log = structlog.get_logger(__name__)


def poll_queue(
    once: Annotated[bool, typer.Option("--once", help="Read all that Maven has now, then end.")] = False,
) -> None:
    """Poll Maven's queue without serving: 30 days back at first, then what is new, until it is stopped.

    Of several processes on one database, serve among them, one polls; the others stand by. Ends with status 1 when
    Maven refuses the API key.
    """
    settings = _settings_with_key()
    _log_as(settings, is_summed_up=once)
    run(_poll_once(settings) if once else _poll_until_stopped(settings))


async def _poll_once(settings: Settings) -> None:
    try:
        async with _poller(settings) as poller:
            pulled = await poller.poll_once()
    except (LeaseLost, QueueFailed) as error:
        fail(str(error))
    typer.echo(f"{_told(pulled)}, {pulled.quarantined:,} quarantined")


async def _poll_until_stopped(settings: Settings) -> None:
    async def poll() -> None:
        async with _poller(settings) as poller:
            say_started(settings)
            await poller.poll_for_ever()

    task = asyncio.create_task(poll())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("poller.stopped")
    except KeyRefused as error:
        fail(str(error))


@asynccontextmanager
async def _poller(settings: Settings) -> AsyncIterator[Poller]:
    metrics = Metrics("")
    async with (
        opened(settings) as database,
        _writing(database, metrics) as writer,
        open_poller(database, writer, metrics, settings, ends_when_refused=True) as poller,
    ):
        yield poller


@asynccontextmanager
async def _writing(database: Database, metrics: Metrics) -> AsyncIterator[Writer]:
    writer = Writer(database, now, metrics)
    writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


def _settings_with_key() -> Settings:
    settings = settings_or_fail()
    if settings.maven_api_key is None:
        fail("there is no API key of Maven's; set HOS_MAVEN_API_KEY")
    return settings


def _log_as(settings: Settings, *, is_summed_up: bool) -> None:
    """Logs as the settings say; a command that says at its end what it did need not say so before."""
    level = "warning" if is_summed_up and settings.log_level == "info" else settings.log_level
    configure_logging(settings.log_format, level)


def _time_of(text: str, option: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _told(pulled: Pulled) -> str:
    return f"{pulled.seen:,} events, {pulled.ours:,} ours, {pulled.new:,} new"


def backfill_events(
    since: Annotated[
        str, typer.Option(help="The earliest time to read, such as 2026-01-01T00:00:00Z.", metavar="TIME")
    ],
    until: Annotated[
        str | None, typer.Option(help="The latest time to read; by default to the end of the queue.", metavar="TIME")
    ] = None,
) -> None:
    """Read a range of Maven's queue again. Events that are here already stay as they are.

    Maven keeps events for 30 days. May be interrupted and repeated at any time, also beside serve.
    """
    start = _time_of(since, "--since")
    end = None if until is None else _time_of(until, "--until")
    if end is not None and end < start:
        raise typer.BadParameter("must not be before --since", param_hint="--until")
    if start > now():
        raise typer.BadParameter("must not be in the future", param_hint="--since")
    settings = _settings_with_key()
    _log_as(settings, is_summed_up=True)
    earliest = now() - RETENTION
    if end is not None and end < earliest:
        fail(f"Maven keeps events for 30 days, back to {format_time(earliest)}; nothing of that range can be read")
    if start < earliest:
        complain(f"Maven keeps events for 30 days; reading begins at {format_time(earliest)}")
    pulled, last = run(_backfill(settings, max(start, earliest), end))
    typer.echo(f"{_told(pulled)}, {pulled.quarantined:,} quarantined, up to {format_time(last)}")
    for gap in pulled.gaps:
        typer.echo(f"possible loss ({gap.reason.value}): {format_time(gap.from_at)} to {format_time(gap.to_at)}")


async def _backfill(settings: Settings, start: int, end: int | None) -> tuple[Pulled, int]:
    """What was read, and up to which time."""
    last = now() if end is None else min(end, now())

    def cover(committed: Committed) -> WriteScript[None]:
        yield from record_gaps(Channel.POLL, committed.gaps, now())

    metrics = Metrics("")
    async with opened(settings) as database, _writing(database, metrics) as writer, open_client(settings) as client:
        walk = Walk(client, writer, now, cover, Quarantined())
        walk.pulled.reached = walk.pulled.next_start = start
        with shown_progress("backfill", "minutes") as on_progress:

            def show(pulled: Pulled) -> None:
                covered = max(0, min(pulled.reached, last) - start)
                on_progress(covered // MINUTE, max(1, (last - start) // MINUTE), _told(pulled))

            await _walk_patiently(walk, end, show, settings.maven_poll_seconds)
    return walk.pulled, last


async def _walk_patiently(walk: Walk, end: int | None, show: Callable[[Pulled], None], seconds: float) -> None:
    """Walks to the end; after a failure goes on where it was, until nothing has come for several tries."""
    failures = 0
    while True:
        pages = walk.pulled.pages
        try:
            await walk.go(walk.pulled.next_start, end, on_page=show)
            return
        except KeyRefused as error:
            fail(str(error))
        except QueueFailed as error:
            failures = 1 if walk.pulled.pages > pages else failures + 1
            if failures == BACKFILL_TRIES:
                fail(f"{error}; go on later with --since {format_time(walk.pulled.next_start)} ({_told(walk.pulled)})")
            wait = max(error.retry_after or 0.0, seconds * failures)
            complain(f"{error}; trying again in {wait:.0f} s ({failures} of {BACKFILL_TRIES - 1})")
            await asyncio.sleep(wait)
