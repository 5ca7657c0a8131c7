"""The sender of simulated events, against a small real HTTP server on loopback that answers as a test wants it to."""

import asyncio
import io
import itertools
import json
import os
import re
import signal
import socket
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from app.ingest.simulate import SimulationOptions, run_simulation
from app.ingest.simulate.sender import Credential, Sender, bundle, retry_after_seconds
from app.ingest.simulate.tally import Tally
from app.maven.simulator import ExpectedState, simulate
from tests.ingest.scripted_receiver import Asked, Reply, Server, last_line, results, serving, within

ROOT = Path(__file__).parent.parent.parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def simulate_against(reply: Reply, **options: Any) -> tuple[int, str, Server]:
    """Run a simulation against a server; the exit status, what was told, and what the server saw."""

    async def both() -> tuple[int, str, Server]:
        out = io.StringIO()
        async with serving(reply) as server:
            given = {"url": server.url, "seed": 1, "secret": "token", **options}
            status = await run_simulation(SimulationOptions(**given), out)
        return status, out.getvalue(), server

    return within(10, both())


def sent_events(count: int, **options: Any) -> list[str]:
    bodies = (json.loads(delivery.body) for delivery in simulate(1, count, **options))
    return sorted(json.dumps(body, sort_keys=True) for body in bodies)


def test_sends_every_event_and_sums_up() -> None:
    status, told, server = simulate_against(results, count=60, connections=4, secret="let-me-in")
    assert status == 0
    assert sorted(server.taken) == sent_events(60)
    for asked in server.asked:
        assert asked.target == "/webhooks/maven"
        assert asked.headers["authorization"] == "Bearer let-me-in"
        assert asked.headers["content-type"] == "application/json"
    expected = ExpectedState()
    for delivery in simulate(1, 60):
        expected.add(delivery)
    assert "--count 60 --seed 1 --until 2026-01-01T00:00:00Z" in told
    assert re.search(r"^sent +60 events answered in \d+\.\d s, [\d,]+ events/s$", told, re.MULTILINE)
    assert re.search(r"^outcomes +created 60$", told, re.MULTILINE)
    assert re.search(r"^retries +0$", told, re.MULTILINE)
    assert re.search(r"^latency +p50 \d+\.\d ms, p99 \d+\.\d ms, max \d+\.\d ms .* 4 connections$", told, re.MULTILINE)
    assert (
        f"expected   {expected.violations} violations of these events: "
        f"{expected.active} active, {expected.invalidated} invalidated\n"
    ) in told
    assert "unanswered" not in told
    assert "let-me-in" not in told


def test_sends_batches_as_arrays() -> None:
    status, _, server = simulate_against(results, count=25, batch=10, connections=1, shape="flat")
    assert status == 0
    assert [len(json.loads(asked.body)) for asked in server.asked] == [10, 10, 5]
    assert sorted(server.taken) == sent_events(25, shape="flat")


def test_counts_outcomes_and_what_was_quarantined() -> None:
    def reply(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.number == 0:
            return 422, {}, b'{"title": "Invalid events", "status": 422}'
        outcomes = ["created", "duplicate", "quarantined"]
        return 207, {}, json.dumps({"results": [{"outcome": outcome} for outcome in outcomes]}).encode()

    status, told, server = simulate_against(reply, count=9, batch=3, connections=1)
    assert status == 0
    assert len(server.asked) == 3
    assert re.search(r"^outcomes +created 2, duplicate 2, quarantined 5$", told, re.MULTILINE)


def test_sends_again_what_was_refused_dropped_or_lost() -> None:
    troubles = itertools.cycle(
        [
            (503, {"Retry-After": "0"}, b""),
            None,
            (429, {"Retry-After": "0"}, b""),
            (502, {}, b"bad gateway"),
            (408, {}, b""),
        ]
    )

    def reply(asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
        return next(troubles) if asked.number % 5 == 2 else results(asked)

    status, told, server = simulate_against(reply, count=90, batch=2, connections=3)
    assert status == 0
    assert sorted(server.taken) == sent_events(90)
    retries = re.search(r"^retries +(\d+) \((.*)\)$", told, re.MULTILINE)
    assert retries is not None
    assert int(retries[1]) == len(server.asked) - 45
    for cause in ("503", "429", "502", "408", "connection dropped"):
        assert f"{cause} " in retries[2]


def drive_sender(
    reply: Reply,
    count: int,
    *,
    rate: float = 0.0,
    batch: int = 1,
) -> list[float]:
    """Send over one connection with pauses that take no time; the pauses that were asked for, in seconds."""
    pauses: list[float] = []

    async def note(_: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)

    async def both() -> None:
        async with serving(reply) as server, httpx2.AsyncClient(trust_env=False) as client:
            sender = Sender(
                client,
                server.url,
                Credential(None, "m"),
                Tally(),
                rate=rate,
                patience_seconds=60,
                refused_seconds=60,
                pause=note,
            )
            await sender.send(bundle(simulate(1, count), batch), 1)

    within(10, both())
    return pauses


def test_waits_as_long_as_it_is_told_to() -> None:
    answers = iter([(429, {"Retry-After": "7"}, b""), (503, {"Retry-After": "12"}, b"")])
    pauses = drive_sender(lambda asked: next(answers, None) or results(asked), 1)
    assert pauses == [pytest.approx(7, abs=1), pytest.approx(12, abs=1)]


def test_waits_longer_each_time_when_it_is_not_told() -> None:
    pauses = drive_sender(lambda asked: (503, {}, b"") if asked.number < 8 else results(asked), 1)
    assert pauses == [pytest.approx(seconds, abs=0.05) for seconds in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5)]


def test_keeps_the_pace_it_was_given() -> None:
    pauses = drive_sender(results, 30, rate=10, batch=10)
    # Three requests of ten events at ten a second: at once, after one second and after two.
    assert pauses == [pytest.approx(1, abs=0.5), pytest.approx(2, abs=0.5)]


@pytest.mark.parametrize(
    "header, seconds",
    [
        (None, 3.0),
        ("2", 2.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("nan", 3.0),
        ("1e9", 3600.0),
        ("soon", 3.0),
        (format_datetime(datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC), usegmt=True), 30.0),
        (format_datetime(datetime(2025, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
        ("Thu, 01 Jan 2026 00:00:30", 3.0),
    ],
)
def test_reads_retry_after(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, datetime(2026, 1, 1, tzinfo=UTC), 3.0) == seconds


def test_stops_at_a_wrong_token_and_says_what_to_do() -> None:
    status, told, server = simulate_against(lambda _: (401, {}, b"{}"), count=500, connections=2)
    assert status == 1
    assert len(server.asked) <= 2
    assert last_line(told).startswith("simulate: 401 Unauthorized")
    assert "--token" in last_line(told)
    assert "HOS_SIMULATE_TOKEN" in last_line(told)
    # What was begun, and why it ended: nothing to sum up.
    assert told.count("\n") == 2


@pytest.mark.parametrize(
    "status, content, says",
    [
        (404, b'{"detail": "There is nothing at this address."}', "404 Said: There is nothing at this address."),
        (413, b'{"detail": "At most 1000 events."}', "413 Said: At most 1000 events.; a smaller --batch may help"),
        (400, b"no json", "answered 400 Said"),
        (302, b"", "answered 302 Said"),
        (200, b"<html>", "answered 200 Said, but not as a receiver"),
        (200, b'{"results": []}', "answered 200 Said, but not as a receiver"),
        (200, b'{"results": [{"outcome": 7}]}', "answered 200 Said, but not as a receiver"),
        (207, b'{"results": ["created"]}', "answered 207 Said, but not as a receiver"),
    ],
)
def test_stops_at_what_sending_again_cannot_mend(status: int, content: bytes, says: str) -> None:
    exit_status, told, server = simulate_against(lambda _: (status, {}, content), count=5, connections=1)
    assert exit_status == 1
    assert len(server.asked) == 1
    assert says in last_line(told)


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_without_a_token_nothing_is_sent() -> None:
    status, told, server = simulate_against(results, secret=None)
    assert (status, server.taken) == (1, [])
    assert told == "simulate: no webhook token; pass --token, set HOS_SIMULATE_TOKEN, or HOS_WEBHOOK_SECRETS\n"


def test_stops_at_once_when_nobody_listens() -> None:
    out = io.StringIO()
    url = f"http://127.0.0.1:{closed_port()}"
    assert within(10, run_simulation(SimulationOptions(url=url, secret="t", seed=1, count=5), out)) == 1
    assert last_line(out.getvalue()).startswith(f"simulate: cannot connect to {url}/webhooks/maven: ")
    assert "is the receiver running there?" in last_line(out.getvalue())
    assert out.getvalue().count("\n") == 2


def test_gives_up_when_nobody_listens_any_more() -> None:
    async def both() -> tuple[int, str]:
        out = io.StringIO()

        def reply(asked: Asked) -> tuple[int, dict[str, str], bytes]:
            assert server.listener is not None
            server.listener.close()
            status, _, content = results(asked)
            return status, {"Connection": "close"}, content

        async with serving(reply) as server:
            options = SimulationOptions(
                url=server.url, secret="t", seed=1, count=9, connections=1, refused_seconds=0.25
            )
            status = await run_simulation(options, out)
        return status, out.getvalue()

    status, told = within(10, both())
    assert status == 1
    assert re.search(r"^retries +\d+ \(connection refused \d+\)$", told, re.MULTILINE)
    assert "any more" in last_line(told)
    assert re.search(r"^sent +1 events answered", told, re.MULTILINE)
    assert re.search(r"^unanswered 1 events", told, re.MULTILINE)


def test_gives_up_after_its_patience() -> None:
    refusal = (503, {"Retry-After": "0"}, b"")
    status, told, _ = simulate_against(lambda _: refusal, count=5, connections=1, patience_seconds=0.1)
    assert status == 1
    assert last_line(told) == "simulate: no event was accepted for 0 s, at last: 503"


def test_an_interrupt_ends_after_the_requests_under_way() -> None:
    def reply(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.number == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return results(asked)

    status, told, server = simulate_against(reply, count=100_000, connections=2, secret="t")
    assert status == 1
    assert 6 <= len(server.taken) < 1000
    assert "stopping after the requests under way" in told
    assert last_line(told) == f"simulate: interrupted after {len(server.taken):,} of 100,000 events"
    assert "unanswered" not in told
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_ends_at_once() -> None:
    def reply(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.number < 3:
            return results(asked)
        for seconds in (0, 0.05):
            asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGTERM)
        # An answer that never ends: the request stays under way.
        return 200, {"Content-Length": "1000"}, b""

    status, told, server = simulate_against(reply, count=50, connections=1)
    assert status == 1
    assert len(server.asked) == 4
    assert re.search(r"^unanswered 1 events", told, re.MULTILINE)
    assert last_line(told) == "simulate: interrupted after 3 of 50 events"


def test_signs_with_a_signing_secret_and_keeps_the_id_of_a_repetition() -> None:
    def reply(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        Webhook(SECRET).verify(asked.body, asked.headers)
        return (503, {"Retry-After": "0"}, b"") if asked.number == 0 else results(asked)

    status, told, server = simulate_against(reply, count=3, connections=1, secret=SECRET)
    assert status == 0, told
    ids = [asked.headers["webhook-id"] for asked in server.asked]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert "authorization" not in server.asked[0].headers
