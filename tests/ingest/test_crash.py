"""Killed with -9 at any moment: every event that was answered 2xx is there, the rows are whole, and it starts again."""

import asyncio
import random
from itertools import pairwise
from pathlib import Path

import httpx2

from app.db.database import open_database
from app.inbox.months import NUMBERS
from tests.events import CREATED, INVALIDATED, Told
from tests.ingest.served import PATIENCE, TOKEN, Service, service_on
from tests.maven.examples import as_bytes, violation_data, without
from tests.violations.stored import assert_holds

ROUNDS = 8
SENDERS = 12
HEADERS = {"apiKey": TOKEN, "Content-Type": "application/json"}


class Sender:
    """Sends deliveries without end, and remembers what it sent and what was answered."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.sent: list[Told] = []
        self.acknowledged: list[Told] = []
        self.quarantined: list[bytes] = []
        self.answers = 0
        self.awaited = 0
        self.is_enough = asyncio.Event()
        self._number = 0

    def _event(self) -> Told:
        self._number += 1
        event_type = self.source.choice([CREATED, CREATED, INVALIDATED])
        data = without(violation_data(id=f"v{self.source.randrange(200)}", n=self._number), "startData", "endData")
        data["eventTime"] = f"2024-01-{self.source.randint(1, 28):02d}T00:00:00Z"
        return Told(event_type, data, as_bytes({"eventType": event_type, **data}))

    async def send_until_it_dies(self, client: httpx2.AsyncClient) -> None:
        while True:
            events = [self._event() for _ in range(self.source.choice([1, 1, 1, 2, 20]))]
            broken = b'{"eventType":"violationCreated","n":%d}' % self._number
            self.sent += events
            body = b"[" + b",".join([*(event.body for event in events), broken]) + b"]"
            try:
                answer = await client.post("/webhooks/maven", content=body, headers=HEADERS)
            except httpx2.TransportError:
                return
            assert answer.status_code == 207, answer.text
            assert answer.json()["accepted"] == len(events)
            self.acknowledged += events
            self.quarantined.append(broken)
            self.answers += 1
            if self.answers >= self.awaited:
                self.is_enough.set()


async def kill_under_load(service: Service, sender: Sender) -> None:
    """Kills the process after a random number of answers, which is a random moment for the other senders."""
    sender.awaited = sender.answers + sender.source.randint(1, 60)
    sender.is_enough.clear()
    limits = httpx2.Limits(max_connections=SENDERS)
    async with httpx2.AsyncClient(base_url=service.served.url, trust_env=False, limits=limits, timeout=20) as client:
        senders = [asyncio.create_task(sender.send_until_it_dies(client)) for _ in range(SENDERS)]
        await asyncio.wait_for(sender.is_enough.wait(), PATIENCE)
        service.served.process.kill()
        await asyncio.gather(*senders)


async def assert_nothing_was_lost(database_url: str, sender: Sender) -> None:
    database = await open_database(database_url)
    try:
        kept = {row[0] for row in await database.fetch("SELECT identity FROM events")}
        by_identity = {event.read().identity: event for event in sender.sent}
        assert kept <= by_identity.keys()
        lost = [event for event in sender.acknowledged if event.read().identity not in kept]
        assert lost == []
        held = await assert_holds(database, [by_identity[identity] for identity in kept])
        assert len(await database.fetch("SELECT 1 FROM violations")) == len(held)
        bodies = {bytes(row[0]) for row in await database.fetch("SELECT body FROM quarantine")}
        assert bodies >= set(sender.quarantined)
        rows = await database.fetch("SELECT seq FROM events ORDER BY seq")
        assert_no_number_is_left_out([row[0] for row in rows])
    finally:
        await database.close()


def assert_no_number_is_left_out(numbers: list[int]) -> None:
    """Numbers go up by one, but for the turn of a month."""
    first_ones = {number // NUMBERS * NUMBERS for number in numbers}
    assert all(b == a + 1 or b in first_ones for a, b in pairwise(numbers))


async def test_no_acknowledged_event_is_lost(database_url: str, tmp_path: Path) -> None:
    sender = Sender(random.Random(1))
    for _ in range(ROUNDS):
        with service_on(database_url, tmp_path) as service:
            await kill_under_load(service, sender)
    assert sender.answers >= ROUNDS
    await assert_nothing_was_lost(database_url, sender)
    with service_on(database_url, tmp_path) as service:
        assert service.client.get("/readyz").status_code == 200
        again = [event.body for event in sender.acknowledged[-5:]]
        answer = service.post(b"[" + b",".join(again) + b"]")
        assert [one["outcome"] for one in answer.json()["results"]] == ["duplicate"] * len(again)
