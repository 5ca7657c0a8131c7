"""Alerting over a database, with a clock that a test can set on, and receivers on loopback that say what it tells them.

Events come in by the script that the writer runs; the worker is the one that `serve` runs.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from standardwebhooks.webhooks import Webhook

from app.alerts.chores import Chores
from app.alerts.contents import MessageIds
from app.alerts.delivering import Deliverer
from app.alerts.delivery_desk import DeliveryDesk
from app.alerts.desk import HookDesk
from app.alerts.lease import Lease
from app.alerts.messages import Message
from app.alerts.sending import Sender
from app.alerts.worker import Worker
from app.db.database import Database, open_database
from app.dialling.addresses import AddressGuard
from app.dialling.client import Patience, open_dialler
from app.dialling.errors import DialRefused
from app.dialling.sealing import Seal
from app.hooks.model import Kind
from app.hooks.schema import NewHook, read_body
from app.hooks.store import Hook
from app.hooks.subscriptions import HookBook
from app.inbox.model import Channel
from app.inbox.store import cursor_key
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from app.outbox.model import Status
from app.outbox.records import Record
from tests.dialling.answering import Request
from tests.maven.examples import Json, as_bytes, violation_data

LOCAL = ("127.0.0.0/8", "::1/128")
PATIENCE = 20.0
SECOND = 1_000_000
ALL = tuple(Status)


class Clock:
    """The present, which a test may set on."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead

    def pass_by(self, seconds: float) -> None:
        self.ahead += round(seconds * SECOND)


class Counted:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, str]] = []
        self.ended: list[tuple[str, str]] = []
        self.disabled: list[str] = []

    def hook_attempted(self, kind: Kind, outcome: str, seconds: float) -> None:
        self.attempts.append((kind.word, outcome))

    def hook_delivery_ended(self, kind: Kind, status: Status) -> None:
        self.ended.append((kind.word, status.word))

    def hook_disabled(self, kind: Kind) -> None:
        self.disabled.append(kind.word)


@dataclass
class Phone:
    """Stands where Apprise does, and remembers what it was given."""

    told: list[tuple[str, Message]] = field(default_factory=list)

    async def check(self, url: str) -> str:
        if "://" not in url:
            raise DialRefused("The Apprise URL is not one that Apprise knows.")
        return f"{url.split('://')[0]}://****"

    async def send(self, url: str, message: Message) -> None:
        self.told.append((url, message))


@dataclass(eq=False)
class House:
    """Everything that alerting is made of."""

    database: Database
    clock: Clock
    sender: Sender
    deliverer: Deliverer
    desk: HookDesk
    deliveries: DeliveryDesk
    chores: Chores
    metrics: Counted
    phone: Phone
    wake: asyncio.Event
    book: HookBook

    async def hook(self, url: str, **more: object) -> tuple[Hook, str]:
        """A new hook, and its secret."""
        asked = read_body(NewHook, json.dumps({"name": "Safety", "url": url, **more}).encode())
        hook, secret = await self.desk.create(asked)
        return hook, secret or ""

    async def keep(self, *events: Mapping[str, Json]) -> None:
        """Commits events in one transaction, as the writer does."""
        read = read_delivery(as_bytes(list(events)), 10_000)
        delivery = Delivery(read, Channel.WEBHOOK)
        await self.database.write(keep_deliveries(self.database.dialect, [delivery], self.clock(), self.book))
        self.wake.set()

    async def records(self, hook: Hook, *statuses: Status) -> list[Record]:
        """The deliveries of a hook, newest first."""
        _, found = await self.deliveries.list_some(hook.id, statuses or ALL, None, 1000)
        return found

    def worker(self) -> Worker:
        """A worker that begins when it is told to."""
        lease = Lease(self.database)
        return Worker(self.database, self.deliverer, self.clock, self.metrics, self.wake, lease=lease, draw=lambda: 0.5)

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[Worker]:
        """A worker at work."""
        worker = self.worker()
        task = asyncio.create_task(worker.deliver_for_ever())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ended(self, hook: Hook, count: int) -> list[Record]:
        """The deliveries of a hook once so many of them have ended."""
        found: list[Record] = []

        async def have_ended() -> bool:
            found[:] = await self.records(hook, Status.SUCCEEDED, Status.FAILED, Status.DEAD)
            return len(found) >= count

        await eventually(have_ended, f"{count} deliveries have ended")
        return found


@asynccontextmanager
async def alerting_on(
    url: str,
    *,
    allowed: tuple[str, ...] = LOCAL,
    seal: Seal | None = None,
    patience: Patience | None = None,
    link_of: Callable[[str], str | None] = lambda violation_id: f"https://hos.example.com/v/{violation_id}",
) -> AsyncIterator[House]:
    """Alerting on the database that `url` names."""
    database = await open_database(url)
    clock, metrics, phone, wake = Clock(), Counted(), Phone(), asyncio.Event()
    seal = seal or Seal(None)
    try:
        async with open_dialler(AddressGuard(allowed), patience=patience or Patience()) as dialler:
            sender = Sender(dialler, phone, seal, clock)
            ids = MessageIds(await database.read(cursor_key()))
            deliverer = Deliverer(database, sender, ids, clock, link_of)
            desk = HookDesk(database, sender, deliverer, seal, clock, wake.set)
            chores = Chores(database, deliverer, sender, seal, clock, 90)
            yield House(
                *(database, clock, sender, deliverer, desk, DeliveryDesk(desk), chores, metrics, phone),
                wake=wake,
                book=HookBook(),
            )
            await chores.aclose()
    finally:
        await database.close()


async def eventually(is_so: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Returns as soon as it is so, whether asked by a function or a coroutine function."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = is_so()
                if asyncio.iscoroutine(answer):
                    answer = await answer
                if answer:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


def created(violation_id: str = "v1", **changes: Json) -> dict[str, Json]:
    return {"eventType": "violationCreated", **violation_data(id=violation_id, **changes)}


def invalidated(violation_id: str = "v1", **changes: Json) -> dict[str, Json]:
    changes = {"eventTime": "2024-01-02T00:00:00Z", **changes}
    return {"eventType": "violationInvalidated", **violation_data(id=violation_id, **changes)}


def message_of(request: Request) -> dict[str, object]:
    """The message in a request."""
    message: dict[str, object] = json.loads(request.body)
    return message


def verified(request: Request, secret: str) -> dict[str, object]:
    """The message in a request, by the Standard Webhooks library. Raises when the signature is wrong."""
    message: dict[str, object] = Webhook(secret).verify(request.body, request.headers)
    return message


def told_of(requests: list[Request]) -> list[tuple[str, str]]:
    """What requests tell: violation and type, in the order they came."""
    messages = [message_of(request) for request in requests]
    return [(str(m["data"]["id"]), str(m["type"]).removeprefix("violation.")) for m in messages]  # type: ignore[index]
