"""One request to Maven's queue over real HTTP: what is sent, what comes back, and what every failure means."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.maven.queue_client import KeyRefused, Patience, QueueClient, QueueFailed, open_queue
from app.maven.standin import FaultName, StandIn
from app.maven.standin.held_events import HeldEvents
from app.maven.times import SECOND, parse_time
from tests.ingest.maven_standin import standing_in

pytestmark = pytest.mark.anyio

NOW = parse_time("2026-01-01T12:00:00Z")
IMPATIENT = Patience(request_seconds=0.5, connect_seconds=0.5, silence_seconds=0.2, page_bytes=100_000)


@asynccontextmanager
async def asking(key: str = "standin", patience: Patience = IMPATIENT) -> AsyncIterator[tuple[QueueClient, StandIn]]:
    standin = StandIn(HeldEvents(), clock=lambda: NOW + 90 * SECOND)
    async with standing_in(standin) as url, open_queue(f"{url}/", key, lambda: NOW, patience) as client:
        yield client, standin


async def test_it_asks_as_maven_documents() -> None:
    async with asking() as (client, standin):
        answer = await client.ask(NOW - 1_500_000, NOW)
        asked = standin.asked[-1]
        assert (asked.path, asked.start_time, asked.end_time) == (
            "/return-events",
            "2026-01-01T11:59:58.500Z",
            "2026-01-01T12:00:00.000Z",
        )
        assert answer.body.startswith(b'{"events":[]')
        assert answer.ahead == 90 * SECOND
        await client.ask(NOW + 1)
        assert standin.asked[-1].start_time == "2026-01-01T12:00:00.000001Z"
        assert standin.asked[-1].end_time is None


@pytest.mark.parametrize("key", ["wrong", "Standin"])
async def test_a_wrong_key_is_refused_and_not_shown(key: str) -> None:
    async with asking(key) as (client, _):
        with pytest.raises(KeyRefused) as refused:
            await client.ask(NOW)
    assert "HOS_MAVEN_API_KEY" in str(refused.value)
    assert key not in str(refused.value)
    assert refused.value.outcome == "refused"


@pytest.mark.parametrize(
    "fault,outcome,told",
    [
        (FaultName.FORBIDDEN, "refused", "403"),
        (FaultName.SERVER_ERROR, "status", "500"),
        (FaultName.UNAVAILABLE, "status", "503"),
        (FaultName.REDIRECT, "status", "redirect"),
        (FaultName.RESET, "unreachable", "cannot be reached"),
        (FaultName.SLOW, "timeout", "in time"),
        (FaultName.SILENT, "timeout", "in time"),
        (FaultName.ENDLESS, "too_large", "larger than 100,000 bytes"),
    ],
)
async def test_a_failure_says_what_it_is(fault: FaultName, outcome: str, told: str) -> None:
    async with asking() as (client, standin):
        standin.faults.switch_on(fault)
        with pytest.raises(QueueFailed, match=told) as failed:
            await client.ask(NOW)
        assert failed.value.outcome == outcome
        assert "\n" not in str(failed.value)
        standin.faults.clear()
        await client.ask(NOW)


async def test_an_answer_that_trickles_has_an_end() -> None:
    async with asking(patience=Patience(request_seconds=0.4, silence_seconds=5)) as (client, standin):
        standin.faults.slow_seconds = 0.05
        standin.faults.switch_on(FaultName.SLOW)
        with pytest.raises(QueueFailed, match=r"not complete within 0\.4 s"):
            await client.ask(NOW)


@pytest.mark.parametrize("seconds,heeded", [(30, 30.0), (0, 0.0), (100_000, 3600.0)])
async def test_retry_after_is_told_up_to_an_hour(seconds: int, heeded: float) -> None:
    async with asking() as (client, standin):
        standin.faults.retry_after_seconds = seconds
        standin.faults.switch_on(FaultName.TOO_MANY_REQUESTS)
        with pytest.raises(QueueFailed, match="429") as failed:
            await client.ask(NOW)
        assert failed.value.retry_after == heeded


async def test_nobody_there_is_unreachable() -> None:
    async with open_queue("http://127.0.0.1:1", "key", lambda: NOW, IMPATIENT) as client:
        with pytest.raises(QueueFailed, match="cannot be reached") as failed:
            await client.ask(NOW)
    assert failed.value.outcome == "unreachable"
