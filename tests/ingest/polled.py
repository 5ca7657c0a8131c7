"""A poller at work in a test: a database, a writer, a stand-in for Maven served on loopback, and one clock for all.

Time passes only when a test says so.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from app.channels.store import Gap, QueueState, list_gaps, queue_state
from app.db.database import Database, open_database
from app.db.statements import Execute, WriteScript
from app.ingest.poller import Poller, Polling
from app.ingest.queue_reader import Reach
from app.ingest.writer import Writer
from app.maven.queue_client import Patience, open_queue
from app.maven.standin import StandIn
from app.maven.standin.envelopes import enveloped
from app.maven.standin.held_events import HeldEvents
from app.maven.times import MINUTE, SECOND
from app.web.metrics import Metrics
from tests.ingest.maven_standin import standing_in
from tests.maven.examples import violation_data

BEGIN = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z, when the tests begin unless they say otherwise."""

HOUR = 60 * MINUTE
DAY = 24 * HOUR
IMPATIENT = Patience(request_seconds=0.5, connect_seconds=0.5, silence_seconds=0.2, page_bytes=200_000)


@dataclass
class Clock:
    """Microseconds since 1970, moved by hand."""

    now: int = BEGIN

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@dataclass
class Fleet:
    """What Maven's queue holds, and who reads it into which database."""

    database: Database
    writer: Writer
    standin: StandIn
    clock: Clock
    url: str
    metrics: Metrics
    saved: set[str] = field(default_factory=set)
    """Ids of the violations whose creation Maven has saved."""

    def save(self, violation_id: str, at: int, event_type: str = "violationCreated", **changes: Any) -> None:
        """Has Maven save an event at a time."""
        data = violation_data(id=violation_id, **changes)
        self.standin.held.add(at, enveloped(f"e-{violation_id}-{event_type}", event_type, at, data))
        self.saved.add(violation_id)

    def save_foreign(self, name: str, at: int) -> None:
        """Has Maven save an event of a type that is not ours."""
        self.standin.held.add(at, enveloped(name, "ManifestClosed", at, {"id": name}))

    @asynccontextmanager
    async def poller(
        self,
        *,
        key: str | None = None,
        patience: Patience = IMPATIENT,
        writer: Writer | None = None,
        database: Database | None = None,
        **polling: Any,
    ) -> AsyncIterator[Poller]:
        """A poller of a process of its own, as it were."""
        of_reach = {name: polling.pop(name) for name in [*polling] if name in Reach.__dataclass_fields__}
        how = replace(Polling(key_mark=key or self.standin.api_key), **polling)
        async with open_queue(self.url, key or self.standin.api_key, self.clock, patience) as client:
            yield Poller(
                database or self.database,
                writer or self.writer,
                client,
                how,
                Reach(**of_reach),
                self.clock,
                self.metrics,
                draw=lambda: 0.5,
            )

    async def read(self, **polling: Any) -> None:
        """One reading by a poller that begins anew, as after a restart long enough after the last."""
        self.clock.pass_seconds(3600 if polling.pop("later", False) else 31)
        await self.free_lease()
        async with self.poller(**polling) as poller:
            await poller.turn()

    async def free_lease(self) -> None:
        """As when the time of a lease is over."""
        await self.database.write(_free_lease())

    async def ids(self) -> set[str]:
        """Ids of all violations here."""
        return {row[0] for row in await self.database.fetch("SELECT id FROM violations")}

    async def events(self) -> int:
        """How many events are here."""
        rows = await self.database.fetch("SELECT count(*) FROM events")
        return int(rows[0][0])

    async def state(self) -> QueueState:
        """How the queue stands."""
        return await self.database.read(queue_state(self.database.dialect))

    async def gaps(self) -> list[Gap]:
        """The gaps recorded, newest first."""
        return [gap for _, gap in await self.database.read(list_gaps(1000))]

    def metric(self, name: str, **labels: str) -> float:
        """A value of the metrics page; 0 when it is not there."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


OFTEN = 25
"""Violations that `fill` has Maven save: three pages of events."""


def fill(fleet: Fleet, count: int = OFTEN, *, since: int = BEGIN - 20 * DAY, every: int = HOUR) -> None:
    """Violations one after the other, with two events of other types between them."""
    for number in range(count):
        at = since + number * every
        fleet.save(f"v{number}", at)
        fleet.save_foreign(f"f{number}", at + 1000 * SECOND)
        fleet.save_foreign(f"g{number}", at + 1100 * SECOND)


def _free_lease() -> WriteScript[None]:
    yield Execute("UPDATE maven_queue SET leased_until = 0 WHERE pk = 1")


@asynccontextmanager
async def fleet_on(database_url: str, *, page_size: int = 10) -> AsyncIterator[Fleet]:
    """A fleet whose queue is empty, and a database."""
    clock = Clock()
    standin = StandIn(HeldEvents(), page_size=page_size, clock=clock)
    metrics = Metrics("0", clock=lambda: clock.now / SECOND)
    database = await open_database(database_url)
    writer = Writer(database, clock, metrics)
    writer.start()
    try:
        async with standing_in(standin) as url:
            yield Fleet(database, writer, standin, clock, url, metrics)
    finally:
        await writer.stop()
        await database.close()
