"""Running servers: edits of one record at the same time, and answers that outlive a kill."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from app.db.database import open_database
from app.db.statements import Dialect
from tests.command_line import Served, serving
from tests.databases import Databases
from tests.driver_histories.office import PATH, basic
from tests.duty_log.samples import Record, record, uuid_of

ADMIN_KEY = "an-admin-key-for-tests"
HEADERS = {**basic("admin", ADMIN_KEY), "Content-Type": "application/json"}
ALREADY = "Cannot edit a driver history that is already edited or deleted."
PATIENCE = 20.0
ROUNDS = 3
EDITORS = 8


@contextmanager
def serve_log(database_url: str, directory: Path) -> Iterator[Served]:
    """A `serve` process on a database."""
    directory.mkdir(exist_ok=True)
    with serving(
        cwd=directory, HOS_DATABASE_URL=database_url, HOS_ADMIN_KEY=ADMIN_KEY, HOS_WEBHOOK_SECRETS="a-webhook-token"
    ) as served:
        yield served


def client_of(served: Served) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=served.url, trust_env=False, timeout=PATIENCE, headers=HEADERS)


async def send(client: httpx2.AsyncClient, method: str, body: object) -> httpx2.Response:
    return await client.request(method, PATH, content=json.dumps(body).encode())


@pytest.mark.anyio
async def test_of_edits_at_the_same_time_one_wins(databases: Databases, tmp_path: Path) -> None:
    servers = 2 if databases.dialect is Dialect.POSTGRESQL else 1
    with databases.fresh() as url, ExitStack() as stack:
        served = [stack.enter_context(serve_log(url, tmp_path / str(number))) for number in range(servers)]
        clients = [client_of(one) for one in served for _ in range(EDITORS // servers)]
        try:
            sent: list[Record] = [record(uuid=uuid_of(number)) for number in range(ROUNDS)]
            posted = await asyncio.gather(*(send(client, "POST", sent) for client in clients))
            kept = posted[0].json()
            assert [answer.json() for answer in posted] == [kept] * EDITORS
            for one in kept:
                edits = [[{"id": one["id"], "note": f"by {number}"}] for number in range(EDITORS)]
                pairs = zip(clients, edits, strict=True)
                answers = await asyncio.gather(*(send(client, "PUT", edit) for client, edit in pairs))
                assert sorted(answer.status_code for answer in answers) == [200] + [409] * (EDITORS - 1)
                assert {a.json()["detail"] for a in answers if a.status_code == 409} == {ALREADY}
                (won,) = [answer.json()[0] for answer in answers if answer.status_code == 200]
                versions = (await clients[-1].get(PATH, params={"uuid": one["uuid"]})).json()
                assert [version["recordStatus"] for version in versions] == ["InactiveChanged", "Active"]
                assert versions[1] == won
        finally:
            for client in clients:
                await client.aclose()


@pytest.mark.anyio
async def test_what_was_answered_outlives_a_kill(databases: Databases, tmp_path: Path) -> None:
    answered: list[Record] = []
    sent = 0
    with databases.fresh() as url:
        for _ in range(ROUNDS):
            with serve_log(url, tmp_path / "one") as served:
                enough = asyncio.Event()
                before = len(answered)

                async def write(client: httpx2.AsyncClient, enough: asyncio.Event, before: int) -> None:
                    nonlocal sent
                    while True:
                        sent += 1
                        try:
                            answer = await send(client, "POST", [record(uuid=uuid_of(sent), note=str(sent))] * 2)
                            assert answer.status_code == 200, answer.text
                            answered.append(answer.json()[0])
                            change = [{"id": answer.json()[0]["id"], "note": "edited"}]
                            answer = await send(client, "PUT", change)
                        except httpx2.TransportError:
                            return
                        assert answer.status_code == 200, answer.text
                        answered.append(answer.json()[0])
                        if len(answered) >= before + 20:
                            enough.set()

                clients = [client_of(served) for _ in range(4)]
                writers = [asyncio.create_task(write(client, enough, before)) for client in clients]
                await asyncio.wait_for(enough.wait(), PATIENCE)
                served.process.kill()
                await asyncio.gather(*writers)
                for client in clients:
                    await client.aclose()
        database = await open_database(url)
        try:
            rows = await database.fetch("SELECT shown FROM duty_records ORDER BY id")
        finally:
            await database.close()
    kept = {shown["id"]: shown for shown in (json.loads(bytes(row[0])) for row in rows)}
    assert len(answered) >= ROUNDS * 20
    for one in answered:
        found = kept[one["id"]]
        assert (found["uuid"], found["note"], found["eventTime"]) == (one["uuid"], one["note"], one["eventTime"])
    active = [shown["uuid"] for shown in kept.values() if shown["recordStatus"] == "Active"]
    assert len(active) == len(set(active)) == len({shown["uuid"] for shown in kept.values()})
