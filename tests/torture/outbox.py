"""`serve` killed with -9 at any moment while events come in and hooks are told of them: all is told, and in order.

A round is one kill. Some rounds share a database; then everything is let to arrive, and judged. On PostgreSQL there are
two processes, and the one that lives takes over.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2

from app.db.database import Database, open_database
from app.db.statements import Dialect
from app.maven.events import read_data
from app.maven.schema import ViolationData
from app.outbox.model import Status
from app.violations.rules import Outcome
from tests.alerts.alerted import eventually
from tests.databases import Databases
from tests.dialling.answering import Request, Server, answering
from tests.events import CREATED, INVALIDATED
from tests.ingest.served import ADMIN
from tests.maven.examples import Json, as_bytes, flat_event
from tests.torture.course import Course, Round, Trial
from tests.torture.feed_house import SENDER, databases_of
from tests.torture.outbox_fleet import Fleet
from tests.torture.outbox_receivers import Change, Receiver

SHARED = 20
"""Rounds on one database."""
SENDERS = 3
VIOLATIONS = 5
"""Of each sender."""
SETTLE_SECONDS = 120.0
"""For deliveries to come in, and at the end for one of those that wait to be sent; all may take much longer."""

KIND = (0.0, ("500",))
GENTLE = (0.03, ("500", "close", "429", "cut"))
ROUGH = (0.25, ("500", "503", "429", "close", "cut", "404", "302"))
SILENT = (0.02, ("hang", "500"))

HOOKS: tuple[tuple[dict[str, object], Callable[[str, ViolationData], bool]], ...] = (
    ({}, lambda change, data: True),
    ({"filter": {"terminalCodes": ["PGH"]}}, lambda change, data: data.terminalCode == "PGH"),
    (
        {"events": ["violation.invalidated", "violation.reopened"]},
        lambda change, data: change in ("violation.invalidated", "violation.reopened"),
    ),
    (
        {"filter": {"minDurationMinutes": 200, "types": ["shift_drive"]}},
        lambda change, data: data.type == "shift_drive" and (data.duration_minutes or 0) >= 200,
    ),
)
"""What hooks ask for, and whether a change is for them."""


@dataclass(eq=False)
class Scene:
    """One database with its processes, its hooks and who sends events to it."""

    fleet: Fleet
    receivers: list[Receiver]
    chance: random.Random
    client: httpx2.AsyncClient
    turns: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    sent_again: int = 0
    is_over: bool = False
    """Set when senders are to end, each with its delivery acknowledged."""

    def _event(self, sender: int) -> dict[str, Json]:
        """The next event of some violation of a sender, newer than those before it."""
        name = f"{sender}-{self.chance.randrange(VIOLATIONS)}"
        minute, second = divmod(self.turns[name], 60)
        self.turns[name] += 1
        return flat_event(
            self.chance.choice((CREATED, CREATED, INVALIDATED)),
            id=name,
            eventTime=f"2024-01-01T{minute // 60:02}:{minute % 60:02}:{second:02}Z",
            terminalCode=self.chance.choice(("PGH", "PGH", "CLE", None)),
            duration=self.chance.choice(("3:10", "3:30", None)),
            type=self.chance.choice(("shift_drive", "Break")),
        )

    async def send(self, sender: int) -> None:
        """Sends deliveries, each until it is acknowledged, to whichever process lives."""
        while not self.is_over:
            body = as_bytes([self._event(sender) for _ in range(self.chance.choice((1, 1, 2, 5)))])
            while not await self._is_kept(body):
                self.sent_again += 1
            self.sent += 1
            await asyncio.sleep(self.chance.uniform(0, 0.03))

    async def _is_kept(self, body: bytes) -> bool:
        await self.fleet.has_lives.wait()
        url = f"{self.chance.choice(self.fleet.lives).served.url}/webhooks/maven"
        try:
            answer = await self.client.post(url, content=body, headers=SENDER)
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                return True
        except httpx2.TransportError:
            pass  # killed before it answered
        await asyncio.sleep(0.02)
        return False

    async def make_hooks(self, server: Server) -> None:
        url = self.fleet.lives[0].served.url
        for number, receiver in enumerate(self.receivers):
            asked = {"name": receiver.name, "url": f"{server.url}/{number}", **receiver.asked}
            answer = await self.client.post(f"{url}/v1/hooks", json=asked, headers=ADMIN)
            assert answer.status_code == 201, answer.text
            receiver.secret = answer.json()["secret"]


async def _play_some(url: str, folder: Path, course: Course, rounds: Sequence[Round]) -> None:
    """Rounds on one database."""
    chance = rounds[0].chance
    receivers = [
        Receiver(f"hook {number}", asked, random.Random(chance.random())) for number, (asked, _) in enumerate(HOOKS)
    ]

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        number = int(request.line.split()[1].rpartition("/")[2])
        return await receivers[number].take(request, writer)

    async with AsyncExitStack() as stack:
        database = await open_database(url, pool_size=2)
        stack.push_async_callback(database.close)
        server = await stack.enter_async_context(answering(reply))
        client = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=20))
        fleet = Fleet(url, database, folder)
        stack.callback(fleet.close)
        scene = Scene(fleet, receivers, chance, client)
        await fleet.fill()
        await scene.make_hooks(server)
        sending = [asyncio.create_task(scene.send(sender)) for sender in range(SENDERS)]
        try:
            for one in rounds:
                with course.told(one.number):
                    await _play_one(scene, one, sending)
            # Not cancelled: a connection that is just being opened would be left open.
            scene.is_over = True
            await asyncio.gather(*sending)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
        with course.told(rounds[-1].number):
            await _settle(scene, database)
            await fleet.end()
    course.count("deliveries in", scene.sent)
    course.count("sent again", scene.sent_again)
    course.count("told", sum(len({one.change for one in receiver.tries}) for receiver in receivers))
    course.count("tries", sum(len(receiver.tries) for receiver in receivers))
    course.count("refused", sum(len(receiver.refused) for receiver in receivers))


async def _play_one(scene: Scene, one: Round, sending: Sequence["asyncio.Task[None]"]) -> None:
    """One kill, and what comes after it."""
    fleet, chance = scene.fleet, one.chance
    # The first rounds of a run are had with every change, and must not take long: what is refused waits five seconds.
    moods: tuple[float, tuple[str, ...]] = chance.choice((GENTLE, GENTLE, ROUGH, SILENT))
    if one.number < 2:
        moods = GENTLE if fleet.size == 1 else KIND
    is_lease_ended = one.number < 2 or chance.random() < 0.9
    for receiver in scene.receivers:
        receiver.share, receiver.moods = moods
    enough = scene.sent + chance.randint(0, 40 if one.number < 2 else 120)

    def is_enough() -> bool:
        for task in sending:
            if task.done():
                task.result()
        return scene.sent >= enough

    await eventually(is_enough, "deliveries come in", SETTLE_SECONDS)
    await asyncio.sleep(chance.uniform(0, 0.1))
    holder = fleet.holder
    assert holder is not None
    life = holder if one.number == 0 or chance.random() < 0.7 else chance.choice(fleet.lives)
    await fleet.kill(life, is_lease_ended=is_lease_ended)
    if one.number >= 2 and chance.random() < 0.15:
        await fleet.start_in_vain(chance.uniform(0.2, 1.5))
    await fleet.fill()


async def _settle(scene: Scene, database: Database) -> None:
    """Lets everything arrive, and judges."""
    for receiver in scene.receivers:
        receiver.share = 0.0
    left, moved_at = -1, time.monotonic()
    while left:
        ((waiting,),) = await database.fetch(f"SELECT count(*) FROM deliveries WHERE status = {int(Status.PENDING)}")
        if waiting != left:
            left, moved_at = waiting, time.monotonic()
        assert time.monotonic() - moved_at < SETTLE_SECONDS, f"{waiting} wait, and none was sent for a while"
        await asyncio.sleep(0.2)
    rows = await database.fetch(
        "SELECT v.id, e.revision, e.outcome, d.payload FROM events AS e"
        " JOIN violations AS v ON v.pk = e.violation_pk JOIN events AS d ON d.seq = e.details_seq"
        f" WHERE e.outcome < {int(Outcome.SUPERSEDED)} ORDER BY e.seq"
    )
    changes = [(Change(row[0], row[1], f"violation.{Outcome(row[2]).word}"), read_data(bytes(row[3]))) for row in rows]
    owed = 0
    for receiver, (_, is_for) in zip(scene.receivers, HOOKS, strict=True):
        wanted = [change for change, data in changes if is_for(change.type, data)]
        receiver.judge(wanted)
        owed += len(wanted)
    rows = await database.fetch("SELECT status, count(*) FROM deliveries GROUP BY status")
    assert [tuple(row) for row in rows] == [(int(Status.SUCCEEDED), owed)]


def _play(dialect: Dialect, course: Course) -> None:
    with databases_of(dialect, course.directory) as databases:
        rounds = list(course.each_round())
        for first in range(0, len(rounds), SHARED):
            _play_on_one(databases, course, rounds[first : first + SHARED])


def _play_on_one(databases: Databases, course: Course, rounds: Sequence[Round]) -> None:
    folder = course.directory / str(rounds[0].number)
    with databases.fresh() as url:
        asyncio.run(_play_some(url, folder, course, rounds))


TRIALS = tuple(
    Trial(
        f"outbox-{dialect.value}",
        "Every change that a hook asks for is told at least once, in its order, under one id, whatever is killed.",
        "kills",
        short=2,
        full=200,
        run=partial(_play, dialect),
    )
    for dialect in Dialect
)
