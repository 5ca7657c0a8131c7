"""The load of the trials: deliveries of all kinds from many senders at once, and a record of what they were promised.

A sender sends again what was not acknowledged, as Maven would, until it is. Readers read meanwhile. All run in one
thread of their own, so that a trial may kill and wait. What the database must hold afterwards is in `load_checks`.
"""

import asyncio
import gzip
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx2

from tests.events import CREATED, INVALIDATED, Told
from tests.ingest.served import ADMIN, SECRET, TOKEN
from tests.maven.examples import Json, as_bytes, enveloped, page, violation_data, without

SENDERS = 12
SETTINGS = {"HOS_WEBHOOK_SECRETS": f"{SECRET},{TOKEN}", "HOS_ADMIN_KEY": "an-admin-key-for-tests"}
ANSWER_SECONDS = 10.0
PATIENCE_SECONDS = 20.0
AGAIN_SECONDS = 0.1
ANSWERS_SECONDS = 120.0
"""A start takes one second, and half a minute where much else is done."""
OUTCOMES = frozenset(["created", "updated", "invalidated", "reopened", "duplicate", "superseded"])
PATHS = (
    "/v1/violations?limit=20",
    "/v1/violations?status=all&limit=5&sort=driverName",
    "/v1/drivers?limit=20",
    "/v1/stats",
    "/v1/changes?limit=20",
    "/v1/drivers/JDOE123/violations?limit=10",
    "/readyz",
)
AWAY = (429, 503)


class Exchange(NamedTuple):
    """A request and what came of it; times by `time.monotonic`, no status when the connection failed."""

    began_at: float
    ended_at: float
    status: int | None
    path: str


@dataclass(slots=True)
class Record:
    """What was sent to one database, and what was acknowledged."""

    sent: dict[str, Told] = field(default_factory=dict)
    """Events by identity."""
    payloads: dict[str, set[bytes]] = field(default_factory=dict)
    """In which bytes each identity was sent."""
    acknowledged: set[str] = field(default_factory=set)
    broken: set[bytes] = field(default_factory=set)
    quarantined: set[bytes] = field(default_factory=set)
    """What was broken and acknowledged as such, each with an id."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery: its bytes, and what must be kept once it is acknowledged."""

    body: bytes
    status: int
    identities: tuple[str, ...]
    broken: tuple[bytes, ...] = ()
    is_packed: bool = False


class Packing:
    """Makes deliveries by chance, and notes in `record` what is in them."""

    def __init__(self, chance: random.Random, record: Record, place: str, ids: int = 30) -> None:
        self.chance = chance
        self.record = record
        self._place = place
        self._ids = [f"{place}-{number}" for number in range(ids)]
        self._number = 0

    def go_on(self, chance: random.Random, place: str, ids: int = 30) -> None:
        """New chance and mostly new violations, as a new round has; one in five events is of an older violation."""
        # Its own, for it is drawn from in another thread, and the rest of the round must not depend on that.
        self.chance, self._place, self._number = random.Random(chance.random()), place, 0
        self._ids = [
            *(f"{place}-{number}" for number in range(ids)),
            *self.chance.sample(self._ids, min(len(self._ids), ids // 4)),
        ]

    def parcel(self) -> Parcel:
        """The next delivery."""
        kind = self.chance.random()
        if kind < 0.03:
            broken = [self._broken() for _ in range(self.chance.randint(1, 3))]
            return Parcel(b"[" + b",".join(broken) + b"]", 422, (), tuple(broken))
        if kind < 0.05:
            self._number += 1
            whole = b'{"eventType": "violationCreated", "place": "%s %d", ' % (self._place.encode(), self._number)
            self.record.broken.add(whole)
            return Parcel(whole, 400, (), (whole,))
        if kind < 0.45:
            identity, body = self._event()
            return Parcel(body, 200, (identity,))
        events = [self._event() for _ in range(self.chance.choice([2, 2, 3, 5, 20]))]
        identities = tuple(identity for identity, _ in events)
        bodies = [body for _, body in events]
        if kind < 0.55:
            return Parcel(as_bytes(page(*map(json.loads, bodies))), 200, identities)
        if kind < 0.70:
            broken = [self._broken()]
            mixed = [*bodies, *broken]
            self.chance.shuffle(mixed)
            return Parcel(b"[" + b",".join(mixed) + b"]", 207, identities, tuple(broken))
        batch = b"[" + b",".join(bodies) + b"]"
        if kind < 0.85:
            return Parcel(gzip.compress(batch, 1), 200, identities, is_packed=True)
        return Parcel(batch, 200, identities)

    def batch(self, count: int) -> Parcel:
        """So many events in one array."""
        events = [self._event() for _ in range(count)]
        return Parcel(b"[" + b",".join(body for _, body in events) + b"]", 200, tuple(name for name, _ in events))

    def _broken(self) -> bytes:
        self._number += 1
        body = b'{"eventType":"violationCreated","place":"%s %d"}' % (self._place.encode(), self._number)
        self.record.broken.add(body)
        return body

    def _event(self) -> tuple[str, bytes]:
        """Mostly a new one; sometimes one that was sent before, perhaps in another shape."""
        if self.record.sent and self.chance.random() < 0.1:
            # The newest are those that may be on their way at this moment.
            known = self.chance.choice(list(self.record.sent.values())[-200:])
            event = Told(known.event_type, known.data, self._shaped(known.event_type, known.data))
        else:
            event = self._new_event()
        identity = event.read().identity
        self.record.payloads.setdefault(identity, set()).add(event.body)
        self.record.sent.setdefault(identity, event)
        return identity, event.body

    def _new_event(self) -> Told:
        self._number += 1
        event_type = self.chance.choice([CREATED, CREATED, INVALIDATED])
        data = violation_data(
            id=self.chance.choice(self._ids),
            eventTime=f"2024-01-{self.chance.randint(1, 28):02d}T00:00:00Z",
            driverId=f"D{self.chance.randrange(9)}",
            note=f"{self._place} {self._number}",
        )
        if self.chance.random() < 0.8:
            data = without(data, "startData", "endData")
        return Told(event_type, data, self._shaped(event_type, data))

    def _shaped(self, event_type: str, data: dict[str, Json]) -> bytes:
        if self.chance.random() < 0.8:
            return as_bytes({"eventType": event_type, **data})
        return as_bytes(enveloped(data, event_type, f"e{self.chance.randrange(10**9)}"))


class Load:
    """Senders, and readers if any, on the service at `url`, which may change while they go on.

    Every answer must be the right one; a service that is away is asked again. Both is told by `exchanges`.
    """

    def __init__(self, packing: Packing, url: str, *, senders: int = SENDERS, readers: int = 0) -> None:
        self.packing = packing
        self.url = url
        self.answers = 0
        """Deliveries acknowledged so far."""
        self.exchanges: list[Exchange] = []
        self.is_patient = False
        """Whether being away is an error too: what is asked is to be answered."""
        self._waiting: list[Parcel | None] = [None] * senders
        self._readers = readers
        self._is_over = False
        self._has_failed = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sends and reads while the body runs, and finishes what is under way. Raises what went wrong meanwhile.

        A delivery that was not acknowledged to the end is sent again by the next run.
        """
        self._is_over = self._has_failed = False
        with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
            done = pool.submit(asyncio.run, self._run())
            try:
                yield
            finally:
                self._is_over = True
                done.result()

    def await_answers(self, count: int) -> None:
        """Returns after so many more deliveries were acknowledged; fails when that takes two minutes."""
        enough = self.answers + count
        deadline = time.monotonic() + ANSWERS_SECONDS
        while self.answers < enough and not self._has_failed:
            assert time.monotonic() < deadline, f"{enough - self.answers} missing, after {self.exchanges[-12:]}"
            time.sleep(0.01)

    async def _run(self) -> None:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=len(self._waiting) + self._readers)
        async with httpx2.AsyncClient(trust_env=False, limits=limits, timeout=PATIENCE_SECONDS) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for number in range(len(self._waiting)):
                        group.create_task(self._send(client, number))
                    for number in range(self._readers):
                        group.create_task(self._read(client, number))
            finally:
                self._has_failed = True  # or has ended: nothing more is to be waited for

    async def _send(self, client: httpx2.AsyncClient, number: int) -> None:
        while not self._is_over:
            parcel = self._waiting[number] = self._waiting[number] or self.packing.parcel()
            headers = {"apiKey": TOKEN, "Content-Type": "application/json"}
            if parcel.is_packed:
                headers["Content-Encoding"] = "gzip"
            answer = await self._exchange(client, "POST", "/webhooks/maven", headers, parcel.body)
            if answer is None:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self.note(parcel, answer)
            self._waiting[number] = None
            self.answers += 1

    async def _read(self, client: httpx2.AsyncClient, number: int) -> None:
        while not self._is_over:
            path = PATHS[number % len(PATHS)]
            number += 1
            answer = await self._exchange(client, "GET", path, ADMIN)
            assert answer is None or answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
            await asyncio.sleep(AGAIN_SECONDS)

    async def _exchange(
        self, client: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> httpx2.Response | None:
        """An answer; None when the service is away, and asking again is right."""
        began_at = time.monotonic()
        status = None
        try:
            answer = await client.request(method, self.url + path, headers=headers, content=body)
            status = answer.status_code
        except httpx2.TransportError as error:
            if self.is_patient or isinstance(error, httpx2.ReadTimeout):
                raise AssertionError(f"no answer to {method} {path}: {error!r}") from error
            return None
        finally:
            self.exchanges.append(Exchange(began_at, time.monotonic(), status, path))
        if status in AWAY and not self.is_patient:
            assert path == "/readyz" or "retry-after" in answer.headers, answer.headers
            return None
        return answer

    def note(self, parcel: Parcel, answer: httpx2.Response) -> None:
        """Checks an answer against what was sent, and notes what it promises."""
        assert answer.status_code == parcel.status, f"{answer.status_code} for {parcel}: {answer.text}"
        told = answer.json()
        if parcel.status < 400:
            outcomes = [one["outcome"] for one in told["results"]]
            assert len(outcomes) == len(parcel.identities) + len(parcel.broken)
            assert outcomes.count("quarantined") == told["quarantined"] == len(parcel.broken)
            assert {*outcomes} - {"quarantined"} <= OUTCOMES
        else:
            assert len(told["quarantineIds"]) == len(set(parcel.broken))
        self.packing.record.acknowledged.update(parcel.identities)
        self.packing.record.quarantined.update(parcel.broken)


@contextmanager
def held_port() -> Iterator[int]:
    """A port of this machine that nobody else gets, also while no server listens there.

    It is bound and not listened on. Without that, who connects to it again and again is given it as their own port one
    day, and talks to themselves.
    """
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        yield port
