"""What is recorded before the power is cut: the real application answering on a watched disk, and all that it answered.

Three lives of the service on one file, and between them a purge and a rebuild by the commands' own functions. Every
answer is noted with how many steps the disk had done when it came, so that a cut after it must keep what it promised.
Asked by ASGI in this process, for only so does a step of the disk have a place among the answers.
"""

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import structlog

from app.db import sqlite
from app.db.database import open_database
from app.ingest.purge import purge
from app.ingest.rebuild import rebuild
from app.main import create_app
from app.settings import Settings
from app.web.middleware import Stopping
from tests.alerts.alerted import LOCAL
from tests.dialling.answering import answering, http, saying
from tests.events import CREATED, INVALIDATED, Told
from tests.ingest.kept import change
from tests.ingest.served import ADMIN, TOKEN
from tests.maven.examples import as_bytes, violation_data, without
from tests.torture.recorded_disk import SYNC_ERROR, Failure, RecordedDisk, Step, recorded_disk

FILE = "hos.db"
SENDER = {"apiKey": TOKEN, "Content-Type": "application/json"}
STEPS = 14
"""Of one life: enough that logs are begun anew, and few enough that thousands of cuts are quick."""
OLD_IDS = [f"old-{n}" for n in range(4)]
"""Violations of the first life alone, which the purge takes."""
IDS = [f"v{n}" for n in range(10)]


@dataclass(eq=False)
class Sent:
    """One delivery, whole or not at all: what was in it, and the position from which it must be there."""

    events: list[Told]
    broken: list[bytes]
    own: set[str] = field(default_factory=set)
    """Identities of the events that this delivery was the first to bring."""
    acknowledged_at: int | None = None


@dataclass(frozen=True)
class Reviewed:
    violation_id: str
    note: str
    acknowledged_at: int


@dataclass
class Recording:
    """A file as it was, what was done to it, and what was promised meanwhile. Positions count the steps before."""

    before: dict[str, bytes]
    steps: list[Step] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    reviewed: list[Reviewed] = field(default_factory=list)
    hooks_from: int = 0
    """Position from which the two hooks are there; no event was sent before."""
    purge_from: int = 0
    purge_until: int = 0
    sent_before_purge: int = 0
    """How many deliveries; the same violations may come anew in later ones."""
    purged_ids: set[str] = field(default_factory=set)
    purged_bodies: set[bytes] = field(default_factory=set)
    damaged_from: int = 0
    """From here to `rebuilt_at` rows are not what their events make them, until `rebuild` has run."""
    rebuilt_at: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    """`seq` of each event at the end, by identity."""


@contextmanager
def _frequent_checkpoints(pages: int | None) -> Iterator[None]:
    """The constant that says how long a log may grow, small, for a log of 125 MiB cannot be cut thousands of times."""
    usual = sqlite.CHECKPOINT_PAGES
    sqlite.CHECKPOINT_PAGES = usual if pages is None else pages
    try:
        yield
    finally:
        sqlite.CHECKPOINT_PAGES = usual


@asynccontextmanager
async def living(database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """The application from its start to its end, and who asks it without a socket."""
    settings: dict[str, Any] = {
        "database_url": database_url,
        "admin_key": ADMIN["Authorization"].removeprefix("Bearer "),
        "webhook_secrets": TOKEN,
        "hook_allowed_networks": ",".join(LOCAL),
    }
    application = create_app(Stopping(), Settings(_env_file=None, **settings))
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def live() -> None:
        await application(scope, told.get, said.put)

    life = asyncio.create_task(live())
    await told.put({"type": "lifespan.startup"})
    started = await said.get()
    assert started["type"] == "lifespan.startup.complete", started
    try:
        transport = httpx2.ASGITransport(application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://hos.test", timeout=20) as client:
            yield client
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await life


class Workload:
    """Someone who sends, reviews, and remembers what was answered when."""

    def __init__(self, recording: Recording, disk: RecordedDisk, chance: random.Random) -> None:
        self.recording = recording
        self.disk = disk
        self.chance = chance
        self.ids = OLD_IDS + IDS
        self._number = 0
        self._seen: set[str] = set()

    def _event(self) -> Told:
        self._number += 1
        event_type = self.chance.choice([CREATED, CREATED, INVALIDATED])
        violation_id = self.chance.choice(self.ids)
        terminal = ("PGH", "ERI")[len(violation_id + violation_id[-1:]) * ord(violation_id[-1]) % 2]
        data = violation_data(id=violation_id, terminalCode=terminal, n=self._number)
        if self.chance.random() < 0.8:
            data = without(data, "startData", "endData")
        data["eventTime"] = f"2024-01-{self.chance.randint(1, 28):02d}T00:00:00Z"
        return Told(event_type, data, as_bytes({"eventType": event_type, **data}))

    def _delivery(self) -> Sent:
        count = self.chance.choice([1, 1, 1, 2, 12])
        events = [self._event() for _ in range(count)]
        known = [event for sent in self.recording.sent for event in sent.events]
        if self.recording.purge_until:  # what was purged would be no duplicate any more
            known = [event for event in known if event.violation_id not in self.recording.purged_ids]
        if known and self.chance.random() < 0.4:
            events += self.chance.sample(known, min(len(known), 2))
        broken = []
        if self.chance.random() < 0.4:
            broken.append(b'{"eventType":"violationCreated","n":%d,"x":"%s"}' % (self._number, b"y" * 900))
            if self.chance.random() < 0.3:
                events = []
        sent = Sent(events, broken)
        sent.own = {event.read().identity for event in events} - self._seen
        self._seen |= sent.own
        self.recording.sent.append(sent)
        return sent

    async def _deliver(self, client: httpx2.AsyncClient, sent: Sent) -> None:
        body = b"[" + b",".join([*(event.body for event in sent.events), *sent.broken]) + b"]"
        for _ in range(8):
            answer = await client.post("/webhooks/maven", content=body, headers=SENDER)
            if answer.status_code != 503:
                break
        expected = 200 if not sent.broken else 207 if sent.events else 422
        assert answer.status_code in (expected, 503), answer.text
        if answer.status_code != 503:
            # 422 promises as much: what was not understood is kept before it is said so.
            sent.acknowledged_at = len(self.disk.steps)

    async def _review(self, client: httpx2.AsyncClient) -> None:
        violation_id = self.chance.choice(self.ids)
        self._number += 1
        note = f"note {self._number}"
        given = {"status": self.chance.choice(["acknowledged", "coached"]), "note": note}
        answer = await client.put(f"/v1/violations/{violation_id}/review", json=given, headers=ADMIN)
        assert answer.status_code in (200, 404, 503), answer.text
        if answer.status_code == 200:
            self.recording.reviewed.append(Reviewed(violation_id, note, len(self.disk.steps)))

    async def make_hooks(self, client: httpx2.AsyncClient, url: str) -> None:
        """One that is told of all, and one of a terminal alone."""
        for name, asked in (("all", {}), ("PGH", {"filter": {"terminalCodes": ["PGH"]}})):
            hook = {"name": name, "url": url, **asked}
            answer = await client.post("/v1/hooks", json=hook, headers=ADMIN)
            assert answer.status_code == 201, answer.text
        self.recording.hooks_from = len(self.disk.steps)

    async def live(self, client: httpx2.AsyncClient) -> None:
        """A life's requests, most of them one after another, some at once; and now and then someone who reads slowly,
        for whom the log cannot be written back whole.
        """
        with ExitStack() as slowly:
            for _ in range(STEPS):
                match self.chance.random():
                    case few if few < 0.15:
                        await self._review(client)
                    case some if some < 0.35:
                        await asyncio.gather(*(self._deliver(client, self._delivery()) for _ in range(3)))
                    case _:
                        await self._deliver(client, self._delivery())
                if self.chance.random() < 0.2:
                    slowly.close()
                elif self.chance.random() < 0.1:
                    slowly.enter_context(self.disk.reading(FILE))

    async def keep_house(self, database_url: str) -> None:
        """A purge of what the first life alone knew; rows that are damaged; a rebuild that mends them."""
        recording = self.recording
        before = time.time_ns() // 1000
        self.ids = IDS
        # Opened beside, so that the log is not written back at each step.
        database = await open_database(database_url)
        try:
            rows = await database.fetch("SELECT id FROM violations WHERE last_received_at < $1", before)
            recording.purged_ids = {row[0] for row in rows}
            bodies = await database.fetch("SELECT body FROM quarantine WHERE last_received_at < $1", before)
            recording.purged_bodies = {bytes(row[0]) for row in bodies}
            async with living(database_url) as client:  # what comes now is not old
                await self.live(client)
                rows = await database.fetch("SELECT id FROM violations WHERE last_received_at < $1", before)
                recording.purged_ids &= {row[0] for row in rows}
                bodies = await database.fetch("SELECT body FROM quarantine WHERE last_received_at < $1", before)
                recording.purged_bodies &= {bytes(row[0]) for row in bodies}
                recording.purge_from = len(self.disk.steps)
                recording.sent_before_purge = len(recording.sent)
                purged = await purge(
                    database, before, quarantine_too=True, dry_run=False, clock=_now, on_progress=_nobody_looks
                )
                recording.purge_until = len(self.disk.steps)
                assert purged.violations == len(recording.purged_ids)
            recording.damaged_from = len(self.disk.steps)
            await change(database, "UPDATE violations SET driver_name = 'damaged', revision = 99 WHERE pk % 2 = 0")
            rebuilt = await rebuild(database, repair=True, clock=_now, on_progress=_nobody_looks)
            assert rebuilt.unrepaired == 0
            recording.rebuilt_at = len(self.disk.steps)
        finally:
            await database.close()


def _now() -> int:
    return time.time_ns() // 1000


def _nobody_looks(done: int, of: int) -> None:
    pass


async def _work(workload: Workload, database_url: str, disk: RecordedDisk, failing: Callable[[str, str], Any]) -> None:
    async with answering(saying(http(200))) as receiver:
        async with living(database_url) as client:
            await workload.make_hooks(client, receiver.url)
            disk.judge = failing
            await workload.live(client)
        disk.judge = lambda what, name: None
        await workload.keep_house(database_url)
        disk.judge = failing
        async with living(database_url) as client:
            await workload.live(client)
        disk.judge = lambda what, name: None
    database = await open_database(database_url)
    try:
        rows = await database.fetch("SELECT identity, seq FROM events")
        workload.recording.numbers = {row[0]: row[1] for row in rows}
    finally:
        await database.close()


def record(template: Path, directory: Path, chance: random.Random) -> Recording:
    """Lets the service work on a copy of `template`, a migrated file, in `directory`, which is emptied. Blocks."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    shutil.copyfile(template, directory / FILE)
    recording = Recording({FILE: template.read_bytes()})
    share = chance.choice([0.0, 0.08, 0.3])

    def failing(what: str, name: str) -> Failure | None:
        return SYNC_ERROR if what == "sync" and chance.random() < share else None

    with (
        recorded_disk(directory) as disk,
        _frequent_checkpoints(chance.choice([None, 40, 150])),
        structlog.testing.capture_logs(),
    ):
        workload = Workload(recording, disk, chance)
        asyncio.run(_work(workload, f"sqlite:///{directory / FILE}", disk, failing))
    recording.steps = disk.steps
    return recording
