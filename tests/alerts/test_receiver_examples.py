"""The receivers of docs/examples run, on real deliveries: what we signed is taken, once; what we did not sign is not.

The guide shows parts of them word for word.
"""

import asyncio
import json
import re
import runpy
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from app.dialling.standard_webhooks import new_secret, sign
from app.hooks.schema import HookChanges, read_body
from app.hooks.store import Hook
from app.outbox.model import Status
from tests.alerts.alerted import PATIENCE, House, alerting_on, created, eventually
from tests.command_line import ROOT, environment
from tests.programs import find_program

EXAMPLES = ROOT / "docs" / "examples"
GUIDE = ROOT / "docs" / "alerts.md"
NOWHERE = "http://127.0.0.1:9/"
BODY = b'{"type":"violation.created","timestamp":"2026-01-05T14:02:12Z","data":{"id":"v1"}}'
VERIFY = ["receive_hook.py", "verify_with_library.py"]


def python() -> list[str]:
    return [sys.executable, str(EXAMPLES / "receive_hook.py")]


def node() -> list[str]:
    return [find_program("node", "nodejs"), str(EXAMPLES / "receive_hook.mjs")]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver at work, in a process of its own."""

    url: str
    _lines: asyncio.StreamReader

    async def message(self) -> dict[str, Any]:
        """The next message for which it did its work."""
        async with asyncio.timeout(PATIENCE):
            message: dict[str, Any] = json.loads(await self._lines.readline())
            return message


@asynccontextmanager
async def receiving(program: Sequence[str], secret: str) -> AsyncIterator[Receiver]:
    """Runs an example with a secret, on a free port."""
    process = await asyncio.create_subprocess_exec(
        *program,
        "0",
        env=environment() | {"HOOK_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            said = (await process.stderr.readline()).decode()
        listens = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", said)
        assert listens is not None, said
        yield Receiver(listens[1], process.stdout)
    finally:
        process.kill()
        # Reads to the end too, so that nothing is left open.
        await process.communicate()


async def lead_to(house: House, hook: Hook, receiver: Receiver) -> None:
    await house.desk.change(hook.id, read_body(HookChanges, json.dumps({"url": receiver.url}).encode()))


def headers_of(secrets: Sequence[str], at: float, body: bytes = BODY, message_id: str = "msg_1") -> dict[str, str]:
    """What we send beside a body that we signed at an instant, in seconds since 1970."""
    signature = sign(secrets, message_id, int(at), body)
    return {"webhook-id": message_id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


@pytest.mark.parametrize("program", [python, node])
async def test_a_delivery_is_taken_and_its_work_is_done_once(sqlite_url: str, program: Callable[[], list[str]]) -> None:
    async with alerting_on(sqlite_url) as house:
        hook, secret = await house.hook(NOWHERE)
        async with receiving(program(), secret) as receiver:
            await lead_to(house, hook, receiver)
            async with house.delivering():
                await house.keep(created("v1"))
                message = await receiver.message()
                (record,) = await house.ended(hook, 1)
                await house.deliveries.replay(hook.id, "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
                repeated, _ = await house.ended(hook, 2)
                await house.keep(created("v2"))
                following = await receiver.message()
    assert (message["type"], message["data"]["id"]) == ("violation.created", "v1")
    assert (record.status, record.response_status) == (Status.SUCCEEDED, 204)
    assert (repeated.status, repeated.response_status) == (Status.SUCCEEDED, 204)
    assert following["data"]["id"] == "v2"


@pytest.mark.parametrize("program", [python, node])
async def test_a_secret_that_is_rotated_is_good_until_it_ends(
    sqlite_url: str, program: Callable[[], list[str]]
) -> None:
    async with alerting_on(sqlite_url) as house, house.delivering():
        hook, old = await house.hook(NOWHERE)
        new, _ = await house.desk.rotate_secret(hook.id)
        for number, secret in enumerate((old, new), 1):
            async with receiving(program(), secret) as receiver:
                await lead_to(house, hook, receiver)
                await house.keep(created(f"v{number}"))
                message = await receiver.message()
                assert message["data"]["id"] == f"v{number}"
                await house.ended(hook, number)
        await house.desk.rotate_secret(hook.id, grace_hours=0)
        async with receiving(program(), new) as receiver:
            await lead_to(house, hook, receiver)
            await house.keep(created("after"))

            async def is_refused() -> bool:
                newest, *_ = await house.records(hook)
                return (newest.status, newest.response_status) == (Status.PENDING, 401)

            await eventually(is_refused, "the receiver refuses what is signed with another secret")


@pytest.mark.parametrize("program", [python, node])
async def test_what_is_not_signed_by_us_now_is_refused(program: Callable[[], list[str]]) -> None:
    secret, now = new_secret(), time.time()
    good = headers_of([secret], now)
    wrong = {
        "another body": (good, BODY.replace(b"v1", b"v2")),
        "another id": (good | {"webhook-id": "msg_2"}, BODY),
        "another time": (good | {"webhook-timestamp": str(int(now) - 1)}, BODY),
        "too old": (headers_of([secret], now - 360), BODY),
        "too new": (headers_of([secret], now + 360), BODY),
        "another secret": (headers_of([new_secret()], now), BODY),
        "no time": (good | {"webhook-timestamp": "now"}, BODY),
        "no signature": (good | {"webhook-signature": ""}, BODY),
        "not a signature": (good | {"webhook-signature": "v1, v1,? v2"}, BODY),
        "no headers": ({}, BODY),
        **{f"no {name}": ({key: good[key] for key in good if key != name}, BODY) for name in good},
    }
    async with receiving(program(), secret) as receiver, httpx2.AsyncClient(trust_env=False) as client:
        for why, (headers, body) in wrong.items():
            answer = await client.post(receiver.url, content=body, headers=headers)
            assert answer.status_code == 401, why
        with suppress(httpx2.TransportError):  # it need not read to the end of what it does not want
            large = await client.post(receiver.url, content=b" " * (1024 * 1024 + 1), headers=good)
            assert large.status_code == 413
        assert (await client.post(receiver.url, content=BODY, headers=good)).status_code == 204
        assert await receiver.message() == json.loads(BODY)


@pytest.mark.parametrize("name", VERIFY)
def test_both_ways_to_verify_agree(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    old, new, now = new_secret(), new_secret(), time.time()
    monkeypatch.setenv("HOOK_SECRET", old)
    verify = runpy.run_path(str(EXAMPLES / name))["verify"]
    both = headers_of([new, old], now)
    verify(old, both, BODY)
    verify(new, both, BODY)
    for secret, headers, body in (
        (new_secret(), both, BODY),
        (old, both, BODY + b" "),
        (old, headers_of([new], now), BODY),
        (old, headers_of([old], now - 360), BODY),
        (old, headers_of([old], now + 360), BODY),
    ):
        with pytest.raises(ValueError, match=r"(?i)message|signature"):
            verify(secret, headers, body)


def test_the_guide_shows_the_examples_as_they_are() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    shown = re.findall(r"^```(python|js)\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    files = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.iterdir()}
    assert [language for language, _ in shown] == ["python", "python", "js"]
    for _, text in shown:
        assert any(text in whole for whole in files.values()), text
    assert {name for name in files if f"](examples/{name})" not in guide} == set()
