"""A `serve` whose disk can be made to fail, and load on it: deliveries and reads, with every answer remembered."""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from app.db.database import open_database
from app.db.statements import Rows
from tests.command_line import SECONDS, environment, free_port
from tests.events import CREATED, INVALIDATED, Told
from tests.ingest.served import ADMIN, TOKEN
from tests.maven.examples import as_bytes, violation_data, without
from tests.torture.cut_workload import FILE, SENDER
from tests.violations.stored import assert_holds

SENDERS = 6
PAUSE_SECONDS = 0.02
"""Of each sender between two deliveries, so that a trial measures outages and not throughput."""
ANSWER_SECONDS = 10.0
START_SECONDS = 120.0
"""A start is no part of what is tried here, and many trials may share a machine."""


@dataclass(frozen=True)
class Answer:
    """An answer to one delivery; moments by `time.monotonic`."""

    began_at: float
    ended_at: float
    status: int
    events: list[Told]
    broken: list[bytes]

    @property
    def is_acknowledgement(self) -> bool:
        return self.status < 300


class TroubledService:
    """A service on a copy of `template` in the directory `data` of `directory`, which can be started again."""

    def __init__(self, directory: Path, template: Path) -> None:
        self.directory = directory / "data"
        self.file = self.directory / FILE
        self.trouble = directory / "trouble"
        self._log = directory / "log"
        shutil.copyfile(template, self.file)
        self.url = f"sqlite:///{self.file}"
        self.sent: dict[str, Told] = {}
        self.answers: list[Answer] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> str:
        """What was logged since the last start."""
        return self._log.read_text()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self._port = free_port()
        given = {"HOS_DATABASE_URL": self.url, "HOS_WEBHOOK_SECRETS": TOKEN}
        given["HOS_ADMIN_KEY"] = ADMIN["Authorization"].removeprefix("Bearer ")
        command = [sys.executable, "-m", "tests.torture.cut_serve", str(self.directory), str(self.trouble)]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*command, "serve", "--port", str(self._port)],
                cwd=self.directory.parent,
                env=environment(**given),
                stdout=log,
                stderr=log,
            )

    async def start(self) -> bool:
        """Whether it answers now; False when it refused to start, and has ended."""
        self._process = self._spawn()
        deadline = time.monotonic() + START_SECONDS
        async with self.client() as client:
            while self._process.poll() is None:
                with suppress(httpx2.TransportError):
                    if (await client.get("/healthz")).status_code == 200:
                        return True
                assert time.monotonic() < deadline, self.log
                await asyncio.sleep(0.02)
        return False

    def stop(self) -> int:
        """Ends it in order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.base_url, trust_env=False, timeout=ANSWER_SECONDS + 5)

    @contextmanager
    def failing(self, word: str) -> Iterator[None]:
        """The disk does what `cut_serve` knows by this word."""
        self.trouble.write_text(word, encoding="ascii")
        try:
            yield
        finally:
            self.trouble.unlink()

    async def fetch(self, sql: str) -> Rows:
        """Asks the file beside the service, as a command does."""
        database = await open_database(self.url)
        try:
            return await database.fetch(sql)
        finally:
            await database.close()

    async def assert_nothing_is_lost(self) -> int:
        """Every acknowledged event and quarantine entry is there, and none that nobody sent; how many events."""
        kept = {row[0] for row in await self.fetch("SELECT identity FROM events")}
        assert kept <= self.sent.keys()
        told = self.acknowledged
        lost = told.keys() - kept
        assert not lost, f"{len(lost)} of {len(told)} acknowledged events are lost"
        bodies = {bytes(row[0]) for row in await self.fetch("SELECT body FROM quarantine")}
        assert {body for one in self.answers if one.is_acknowledgement for body in one.broken} <= bodies
        return len(told)

    @property
    def acknowledged(self) -> dict[str, Told]:
        """Events that were, by identity."""
        return {event.read().identity: event for one in self.answers if one.is_acknowledgement for event in one.events}

    async def assert_whole(self) -> None:
        """The file is sound, and its violations are what its events make them."""
        database = await open_database(self.url)
        try:
            assert [row[0] for row in await database.fetch("PRAGMA integrity_check")] == ["ok"]
            kept = await database.fetch("SELECT identity FROM events")
            held = await assert_holds(database, [self.sent[row[0]] for row in kept])
            assert len(await database.fetch("SELECT 1 FROM violations")) == len(held)
        finally:
            await database.close()


@dataclass
class Load:
    """Senders and a reader at work. `answers` are those of the deliveries."""

    service: TroubledService
    chance: random.Random
    answers: list[Answer] = field(default_factory=list)
    reads: list[tuple[str, int]] = field(default_factory=list)
    is_over: bool = False

    def _delivery(self) -> tuple[list[Told], list[bytes]]:
        events = []
        for _ in range(self.chance.choice([1, 1, 1, 3])):
            event_type = self.chance.choice([CREATED, CREATED, INVALIDATED])
            number = len(self.service.sent)
            data = without(violation_data(id=f"v{self.chance.randrange(60)}", n=number), "startData", "endData")
            data["eventTime"] = f"2024-01-{self.chance.randint(1, 28):02d}T00:00:00Z"
            event = Told(event_type, data, as_bytes({"eventType": event_type, **data}))
            self.service.sent[event.read().identity] = event
            events.append(event)
        return events, [b'{"eventType":"violationCreated","n":%d}' % number] * (self.chance.random() < 0.2)

    async def deliver(self, client: httpx2.AsyncClient) -> Answer:
        """One delivery, answered as promised: 2xx or 503, in time."""
        events, broken = self._delivery()
        body = b"[" + b",".join([*(event.body for event in events), *broken]) + b"]"
        began_at = time.monotonic()
        answer = await client.post("/webhooks/maven", content=body, headers=SENDER)
        one = Answer(began_at, time.monotonic(), answer.status_code, events, broken)
        assert one.status in (207 if broken else 200, 503), answer.text
        assert one.ended_at - one.began_at < ANSWER_SECONDS, f"answered after {one.ended_at - one.began_at:.1f} s"
        if one.status == 503:
            assert int(answer.headers["retry-after"]) >= 1
        self.answers.append(one)
        self.service.answers.append(one)
        return one

    async def _send(self, client: httpx2.AsyncClient) -> None:
        while not self.is_over:
            await self.deliver(client)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, client: httpx2.AsyncClient) -> None:
        while not self.is_over:
            for path in ("/v1/violations?limit=5", "/readyz", "/v1/changes?limit=5", "/healthz"):
                began_at = time.monotonic()
                answer = await client.get(path, headers=ADMIN)
                assert answer.status_code in ((200,) if path == "/healthz" else (200, 503)), f"{path}: {answer.text}"
                assert time.monotonic() - began_at < ANSWER_SECONDS
                self.reads.append((path, answer.status_code))
            await asyncio.sleep(PAUSE_SECONDS)

    async def until(self, work: "asyncio.Task[None]", count: int) -> None:
        """Waits for so many answers to what is sent from now on."""
        now = time.monotonic()
        deadline = now + SECONDS
        while sum(one.began_at > now for one in self.answers) < count:
            assert not work.done(), "a sender has ended"
            assert time.monotonic() < deadline, "no answers"
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """While the block runs, it is sent and read. What went wrong there is raised at the end."""
        async with self.service.client() as client:

            async def all_of_it() -> None:
                async with asyncio.TaskGroup() as group:
                    for _ in range(SENDERS):
                        group.create_task(self._send(client))
                    group.create_task(self._read(client))

            work = asyncio.create_task(all_of_it())
            try:
                yield work
            finally:
                self.is_over = True
                await work
