"""`serve` killed with -9 while it takes events in and tells of them: every change arrives, and in order."""

import asyncio
import random
from pathlib import Path

import httpx2
import pytest

from tests.alerts.alerted import LOCAL, created, eventually, invalidated, told_of
from tests.command_line import Served, serving
from tests.databases import Databases
from tests.dialling.answering import Request, answering, http
from tests.ingest.served import ADMIN, TOKEN

VIOLATIONS = 12
SETTINGS = {
    "HOS_WEBHOOK_SECRETS": TOKEN,
    "HOS_ADMIN_KEY": ADMIN["Authorization"].removeprefix("Bearer "),
    "HOS_HOOK_ALLOWED_NETWORKS": ",".join(LOCAL),
}


class Moody:
    """Answers with errors now and then, and remembers what it took."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.taken: list[Request] = []
        self.failed: set[str] = set()

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        message_id = request.headers["webhook-id"]
        # Twice in a row would be a wait of five minutes.
        status = 500 if message_id not in self.failed and self.chance.random() < 0.2 else 200
        if status == 200:
            self.taken.append(request)
        self.failed.add(message_id)
        writer.write(http(status))
        return True


@pytest.mark.parametrize("seed", [1])
async def test_nothing_is_lost_or_out_of_order(databases: Databases, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    moody = Moody(chance)
    kills = 3 if databases.dialect.value == "sqlite" else 1  # there a killed process's lease lasts for 30 s
    expected: list[tuple[str, str]] = []
    with databases.fresh() as url:
        async with answering(moody.reply) as server:
            settings = {"HOS_DATABASE_URL": url, **SETTINGS}
            has_hook = False
            for life in range(kills + 1):
                folder = tmp_path / str(life)
                folder.mkdir()
                with serving(cwd=folder, **settings) as served:
                    if not has_hook:
                        await _post(served, "/v1/hooks", {"name": "x", "url": server.url}, ADMIN)
                        has_hook = True
                    for _ in range(10):
                        expected.append(await _change(served, chance, expected))
                    await asyncio.sleep(chance.uniform(0, 0.4))
                    if life < kills:
                        served.process.kill()
                        await asyncio.to_thread(served.process.wait)
                    else:
                        await eventually(lambda: len(_firsts(moody.taken)) == len(expected), "all is told", 50)
                        assert served.stop() == 0
    firsts = _firsts(moody.taken)
    for violation in {name for name, _ in expected}:
        assert [told for told in firsts if told[0] == violation] == [t for t in expected if t[0] == violation]


async def _post(served: Served, path: str, body: object, headers: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=served.url, trust_env=False, timeout=20) as client:
        answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text


async def _change(served: Served, chance: random.Random, told: list[tuple[str, str]]) -> tuple[str, str]:
    """Makes the next change of some violation."""
    name = f"v{chance.randrange(VIOLATIONS)}"
    turn = sum(1 for which, _ in told if which == name)
    at = f"2024-01-01T00:00:{turn:02}Z"
    event = invalidated(name, eventTime=at) if turn % 2 else created(name, eventTime=at)
    await _post(served, "/webhooks/maven", event, {"apiKey": TOKEN})
    return name, "invalidated" if turn % 2 else "reopened" if turn else "created"


def _firsts(taken: list[Request]) -> list[tuple[str, str]]:
    """What was told, each message the first time that it came; one message tells one thing."""
    by_id: dict[str, tuple[str, str]] = {}
    for request, told in zip(taken, told_of(taken), strict=True):
        assert by_id.setdefault(request.headers["webhook-id"], told) == told
    return list(by_id.values())
