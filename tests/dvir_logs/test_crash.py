"""`serve` killed with -9 while it takes reports and forwards them: each is forwarded, by one key, and ends."""

import asyncio
import json
import random
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from app.alerts.chores import INTERRUPTED_AFTER
from app.db.database import open_database
from app.db.statements import Execute, WriteScript
from tests.alerts.alerted import LOCAL, alerting_on, eventually
from tests.command_line import Served, serving
from tests.databases import Databases
from tests.dialling.answering import Request, answering
from tests.dvir_logs.depot import ADMIN, CONNECTIONS, LOGS, Shown, bearer, logs_of, operation_path, taken
from tests.ingest.served import TOKEN
from tests.inspections.samples import report

SETTINGS = {
    "HOS_ADMIN_KEY": ADMIN,
    "HOS_WEBHOOK_SECRETS": TOKEN,
    "HOS_HOOK_ALLOWED_NETWORKS": ",".join(LOCAL),
}
LIVES = 3
SENT = 8
"""Reports in each life."""
SECOND = 1_000_000


class Provider:
    """Takes reports; while `is_slow` it takes them and says nothing. One key is one report, as providers have it."""

    def __init__(self) -> None:
        self.is_slow = False
        self.bodies: dict[str, set[bytes]] = {}
        self.times: dict[str, int] = {}
        self.asked = asyncio.Event()

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        key = request.headers["idempotency-key"]
        self.bodies.setdefault(key, set()).add(request.body)
        self.times[key] = self.times.get(key, 0) + 1
        self.asked.set()
        if self.is_slow:
            await asyncio.sleep(60)
        writer.write(taken(f"at-the-provider-{key}"))
        return True


async def ask(served: Served, method: str, path: str, body: Mapping[str, object] | None = None) -> Shown:
    async with httpx2.AsyncClient(base_url=served.url, trust_env=False, timeout=20, headers=bearer(ADMIN)) as client:
        answer = await client.request(method, path, json=body)
    assert answer.status_code in (200, 201, 202), answer.text
    shown: Shown = answer.json()
    return shown


async def free_the_lease(url: str) -> None:
    """A process that was killed has the lease for up to 30 s; that is not what is tested here."""

    def script() -> WriteScript[None]:
        yield Execute("UPDATE outbox SET leased_until = 0")

    database = await open_database(url)
    try:
        await database.write(script())
    finally:
        await database.close()


async def test_every_report_is_forwarded_by_one_key_and_ends(databases: Databases, tmp_path: Path) -> None:
    chance = random.Random(3)
    sent: list[Shown] = []
    provider = Provider()
    with databases.fresh() as url:
        async with answering(provider.reply) as server:
            connection = ""
            for life in range(LIVES):
                with serving(cwd=tmp_path, HOS_DATABASE_URL=url, **SETTINGS) as served:
                    if not connection:
                        asked = {"name": "x", "kind": "http", "url": server.url}
                        connection = str((await ask(served, "POST", CONNECTIONS, asked))["id"])
                    is_last = life == LIVES - 1
                    provider.is_slow = life == 1
                    provider.asked.clear()
                    for number in range(SENT):
                        fields = report(connection, driver_comment=f"{life}-{number}")
                        sent.append(await ask(served, "POST", LOGS, fields))
                        await asyncio.sleep(chance.choice([0, 0, 0.004, 0.02]))
                    if is_last:
                        ended = [await wait_for_end(served, one) for one in sent]
                        listed = await ask(served, "GET", f"{LOGS}?size=1000")
                        assert served.stop() == 0
                        continue
                    if provider.is_slow:
                        await asyncio.wait_for(provider.asked.wait(), 20)  # killed while one is under way
                    served.process.kill()
                    await asyncio.to_thread(served.process.wait)
                await free_the_lease(url)
    assert len(sent) == LIVES * SENT
    for one in ended:
        key = str(one["id"])
        assert (one["status"], one["source_id"]) == ("success", f"at-the-provider-{key}")
        assert len(logs_of(one)) == 1  # what was not noted was not known to have been tried
        (body,) = provider.bodies[key]
        assert json.loads(body)["driver_comment"] == one["payload"]["driver_comment"]  # type: ignore[index, call-overload]
    assert provider.bodies.keys() == {one["id"] for one in sent}
    assert max(provider.times.values()) > 1  # one was under way when it was killed
    shown = {one["id"] for one in listed["items"]}  # type: ignore[union-attr, index, call-overload]
    assert (listed["total"], shown) == (len(sent), {one["resource_id"] for one in ended})


async def wait_for_end(served: Served, sent: Shown) -> Shown:
    found: Shown = {}

    async def has_ended() -> bool:
        found.update(await ask(served, "GET", operation_path(sent)))
        return found["status"] != "pending"

    await eventually(has_ended, "the operation has ended", 30)
    return found


@pytest.mark.parametrize("end", ["killed", "left"])
async def test_somebody_waits_for_a_provider_and_the_process_or_the_client_goes(
    databases: Databases, tmp_path: Path, end: str
) -> None:
    provider = Provider()
    provider.is_slow = end == "killed"
    answer_now = asyncio.Event()

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        if end == "left":
            provider.asked.set()
            await answer_now.wait()
        return await provider.reply(request, writer)

    with databases.fresh() as url:
        async with answering(reply) as server:
            with serving(cwd=tmp_path, HOS_DATABASE_URL=url, **SETTINGS) as served:
                asked = {"name": "x", "kind": "http", "url": server.url}
                connection = str((await ask(served, "POST", CONNECTIONS, asked))["id"])
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                writer.write(raw_request(report(connection)))
                await asyncio.wait_for(provider.asked.wait(), 20)
                sent = await only_operation(url, connection)
                if end == "killed":
                    served.process.kill()
                    await asyncio.to_thread(served.process.wait)
                    assert await reader.read() == b""
                    writer.close()
                else:
                    writer.transport.abort()
                    answer_now.set()
                    ended = await wait_for_end(served, sent)
                    assert (ended["status"], ended["source_id"]) == ("success", f"at-the-provider-{sent['id']}")
                    assert served.stop() == 0
            if end == "left":
                return
            await free_the_lease(url)
            async with alerting_on(url) as house:
                house.clock.pass_by(INTERRUPTED_AFTER / SECOND + 1)
                await house.chores.end_interrupted()
            with serving(cwd=tmp_path, HOS_DATABASE_URL=url, **SETTINGS) as served:
                ended = await ask(served, "GET", operation_path(sent))
                (log,) = logs_of(ended)
                assert (ended["status"], log["error_type"]) == ("failed", "interrupted")
                assert (await ask(served, "GET", LOGS))["total"] == 0
    assert list(provider.times.values()) == [1]


def raw_request(fields: Mapping[str, object]) -> bytes:
    body = json.dumps(fields).encode()
    head = (
        f"POST {LOGS}?is_sync=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def only_operation(url: str, connection: str) -> Shown:
    database = await open_database(url)
    try:
        rows = await database.fetch("SELECT id FROM resource_operations")
    finally:
        await database.close()
    ((operation_id,),) = [tuple(row) for row in rows]
    return {"id": operation_id, "connection_id": connection}


async def test_a_service_that_stops_says_how_it_ended(sqlite_url: str, tmp_path: Path) -> None:
    provider = Provider()
    provider.is_slow = True
    async with answering(provider.reply) as server:
        with serving(cwd=tmp_path, HOS_DATABASE_URL=sqlite_url, **SETTINGS) as served:
            asked = {"name": "x", "kind": "http", "url": server.url}
            connection = str((await ask(served, "POST", CONNECTIONS, asked))["id"])
            waiting = asyncio.create_task(ask(served, "POST", f"{LOGS}?is_sync=true", report(connection)))
            await asyncio.wait_for(provider.asked.wait(), 20)
            assert await asyncio.to_thread(served.stop) == 0
            ended = await waiting
    (log,) = logs_of(ended)
    assert (ended["status"], log["error_type"]) == ("failed", "interrupted")
    assert list(provider.times) == [ended["id"]]
    assert await only_operation(sqlite_url, connection) == {"connection_id": connection, "id": ended["id"]}
