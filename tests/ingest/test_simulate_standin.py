"""The stand-in for Maven's queue over real HTTP: pages, each of its faults, a quick end; and the command."""

import asyncio
import json
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.maven.standin import FAULT_DESCRIPTIONS, FaultName, Faults, HeldEvents, StandIn, fill_from_simulation
from app.maven.times import SECOND, parse_time
from tests.command_line import Call, caller, started
from tests.ingest.maven_standin import standing_in

UNTIL = datetime(2024, 3, 1, tzinfo=UTC)
NOW = int(UNTIL.timestamp()) * SECOND
START = "2024-02-20T00:00:00.000Z"
HOUR = 3600 * SECOND


def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await work

    asyncio.run(bounded())


class Maven:
    """A stand-in that is served, and a client that knows its key."""

    def __init__(self, standin: StandIn, url: str, client: httpx2.AsyncClient) -> None:
        self.standin = standin
        self.url = f"{url}/return-events"
        self.client = client

    async def get(self, start: str = START, **more: str) -> httpx2.Response:
        return await self.client.get(self.url, params={"startTime": start, **more}, headers={"apiKey": "standin"})

    def stream(self) -> Any:
        return self.client.stream("GET", self.url, params={"startTime": START}, headers={"apiKey": "standin"})


def polling(poll: Callable[[Maven], Awaitable[None]], *, page_size: int = 100, **faults: Any) -> None:
    """Let a test talk to a stand-in that has 200 violations of ten days, 400 other events, and a clock that stands."""

    async def serve() -> None:
        held = HeldEvents()
        fill_from_simulation(held, seed=1, count=200, days=10, until=UNTIL)
        standin = StandIn(held, page_size=page_size, clock=lambda: NOW, faults=Faults(**faults))
        async with standing_in(standin) as url, httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            await poll(Maven(standin, url, client))

    within(20, serve())


def test_who_follows_the_pages_reads_the_whole_queue() -> None:
    async def poll(maven: Maven) -> None:
        read: dict[str, str] = {}
        start, pages = START, 0
        while True:
            content = (await maven.get(start)).json()
            read.update((event["id"], event["timestamp"]) for event in content["events"])
            pages += 1
            if not content["pagination"]["hasNextPage"]:
                break
            start = content["pagination"]["nextPageStartTime"]
        held = maven.standin.held.page(0, None, 10_000, NOW).events
        assert list(read) == list(dict.fromkeys(json.loads(event)["id"] for event in held))
        assert len(held) // 7 < pages <= len(held) // 6 + 1
        assert maven.standin.request_count == pages

    polling(poll, page_size=7)


async def see_malformed_next(maven: Maven) -> None:
    next_time = (await maven.get()).json()["pagination"]["nextPageStartTime"]
    assert re.fullmatch(r"2024-02-\d\dT\d\d:\d\d::\d\d\.\d{3}Z", next_time)


async def see_missing_next(maven: Maven) -> None:
    content = (await maven.get()).json()
    assert content["pagination"] == {"hasNextPage": True}
    assert len(content["events"]) == 100


async def see_next_stays(maven: Maven) -> None:
    content = (await maven.get("2024-02-25T00:00:00Z")).json()
    assert content["pagination"] == {"nextPageStartTime": "2024-02-25T00:00:00.000Z", "hasNextPage": True}


def see_error(status: int, kind: str, retry_after: str | None = None) -> Callable[[Maven], Awaitable[None]]:
    async def see(maven: Maven) -> None:
        answer = await maven.get()
        assert (answer.status_code, answer.json()["type"]) == (status, kind)
        assert answer.headers.get("Retry-After") == retry_after

    return see


async def see_redirect(maven: Maven) -> None:
    answer = await maven.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.invalid/return-events")


async def see_reset(maven: Maven) -> None:
    async with maven.stream() as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError, match=r"received [1-9]\d* bytes, expected \d+"):
            await answer.aread()


async def see_slow(maven: Maven) -> None:
    async with maven.stream() as answer:
        assert [chunk async for chunk in first(answer, 1)] == [b"{"]


async def see_endless(maven: Maven) -> None:
    async with maven.stream() as answer:
        assert "Content-Length" not in answer.headers
        assert sum([len(chunk) async for chunk in first(answer, 5_000_000)]) >= 5_000_000


async def first(answer: httpx2.Response, size: int) -> Any:
    """The chunks of an answer until they are of a size."""
    async for chunk in answer.aiter_raw():
        yield chunk
        size -= len(chunk)
        if size <= 0:
            return


async def see_silent(maven: Maven) -> None:
    asking = asyncio.create_task(maven.get())
    await maven.standin.until_asked(1)
    # Others are answered meanwhile.
    maven.standin.faults.clear()
    assert (await maven.get()).status_code == 200
    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def see_not_json(maven: Maven) -> None:
    answer = await maven.get()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")


async def see_odd_data(maven: Maven) -> None:
    odd = (await maven.get()).json()["events"]
    maven.standin.faults.clear()
    usual = (await maven.get()).json()["events"]
    changed = [one for one, other in zip(odd, usual, strict=True) if one != other]
    assert 15 < len(changed) < 60
    kinds = {type(event["data"]) if isinstance(event, dict) and "data" in event else None for event in changed}
    assert kinds == {dict, str, list, int, type(None), None}
    assert any(isinstance(event, dict) and "timestamp" not in event for event in changed)


async def see_skewed_clock(maven: Maven) -> None:
    skewed = await maven.get("2024-02-25T01:00:00Z")
    maven.standin.faults.clear()
    usual = await maven.get("2024-02-25T00:00:00Z")
    assert (skewed.headers["Date"], usual.headers["Date"]) == (
        "Fri, 01 Mar 2024 01:00:00 GMT",
        "Fri, 01 Mar 2024 00:00:00 GMT",
    )
    for one, other in zip(skewed.json()["events"], usual.json()["events"], strict=True):
        assert parse_time(one.pop("timestamp")) == parse_time(other.pop("timestamp")) + HOUR
        assert one == other
    next_times = [parse_time(answer.json()["pagination"]["nextPageStartTime"]) for answer in (skewed, usual)]
    assert next_times[0] == next_times[1] + HOUR


async def see_empty_page(maven: Maven) -> None:
    content = (await maven.get()).json()
    assert content["events"] == []
    assert content["pagination"]["hasNextPage"] is True
    maven.standin.faults.clear()
    # Nothing is passed over: it goes on at the first event that was left out.
    [event] = (await maven.get(endTime=content["pagination"]["nextPageStartTime"])).json()["events"]
    assert event["timestamp"] == content["pagination"]["nextPageStartTime"]


SEEN: dict[FaultName, Callable[[Maven], Awaitable[None]]] = {
    FaultName.MALFORMED_NEXT: see_malformed_next,
    FaultName.MISSING_NEXT: see_missing_next,
    FaultName.NEXT_STAYS: see_next_stays,
    FaultName.UNAUTHORIZED: see_error(401, "UNAUTHORIZED"),
    FaultName.FORBIDDEN: see_error(403, "FORBIDDEN"),
    FaultName.TOO_MANY_REQUESTS: see_error(429, "TOO_MANY_REQUESTS", "7"),
    FaultName.SERVER_ERROR: see_error(500, "SERVER_ERROR"),
    FaultName.UNAVAILABLE: see_error(503, "SERVICE_UNAVAILABLE", "7"),
    FaultName.REDIRECT: see_redirect,
    FaultName.RESET: see_reset,
    FaultName.SLOW: see_slow,
    FaultName.ENDLESS: see_endless,
    FaultName.SILENT: see_silent,
    FaultName.NOT_JSON: see_not_json,
    FaultName.ODD_DATA: see_odd_data,
    FaultName.SKEWED_CLOCK: see_skewed_clock,
    FaultName.EMPTY_PAGE: see_empty_page,
}


@pytest.mark.parametrize("fault", list(FaultName))
def test_each_fault_can_be_seen_and_ends_when_it_is_switched_off(fault: FaultName) -> None:
    async def poll(maven: Maven) -> None:
        maven.standin.faults.switch_on(fault)
        await SEEN[fault](maven)
        assert list(maven.standin.asked[0].faults) == [fault]
        maven.standin.faults.clear()
        content = (await maven.get()).json()
        assert len(content["events"]) == 100
        assert maven.standin.asked[-1].faults == ()
        assert content["pagination"]["nextPageStartTime"] == maven.standin.asked[-1].next_start_time

    polling(poll, retry_after_seconds=7, slow_seconds=3600)


def test_an_empty_page_of_an_empty_queue_stays_where_it_was_asked() -> None:
    async def poll(maven: Maven) -> None:
        maven.standin.faults.switch_on("empty-page")
        pagination = (await maven.get("2024-03-01T00:00:00Z")).json()["pagination"]
        assert pagination == {"nextPageStartTime": "2024-03-01T00:00:00.000Z", "hasNextPage": True}

    polling(poll)


def test_it_ends_at_once_whatever_is_open() -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        standin = StandIn(HeldEvents(), faults=Faults(slow_seconds=3600))
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            async with standing_in(standin) as url:
                maven = Maven(standin, url, client)
                asking = []
                for number, fault in enumerate(("silent", "slow", "endless"), 1):
                    standin.faults.clear()
                    standin.faults.switch_on(fault)
                    asking.append(asyncio.create_task(maven.get()))
                    await standin.until_asked(number)
                began = loop.time()
            assert loop.time() - began < 2
            ended = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(one, httpx2.TransportError) for one in ended)
        with socket.socket() as sock:
            assert sock.connect_ex(("127.0.0.1", httpx2.URL(url).port or 0)) != 0

    within(20, serve())


# The command.


@pytest.fixture
def call() -> Call:
    """Commands that need no database."""
    return caller("postgresql://nobody@127.0.0.1:9/nothing")


def lines_of(process: "subprocess.Popen[str]") -> list[str]:
    """What the command prints until it is ready."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("poll it with: "):
        lines.append(process.stdout.readline().rstrip("\n"))
        assert lines[-1], f"it ended after {lines}"
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    arguments = ["--count", "90", "--seed", "5", "--api-key", "it's", "--page-size", "60", "--others", "1"]
    faults = ["--fault", "unavailable:1", "--fault", "malformed-next"]
    with started("simulate", "--serve-maven", "0", *arguments, *faults, cwd=tmp_path) as process:
        lines = lines_of(process)
        found = re.fullmatch(
            r"standing in for Maven on (http://127\.0\.0\.1:\d+) with API key it's: 90 events of violations, 90 others",
            lines[0],
        )
        assert found is not None
        url = found[1]
        assert f"fault unavailable, for 1 request only: {FAULT_DESCRIPTIONS[FaultName.UNAVAILABLE]}" in lines
        assert f"fault malformed-next: {FAULT_DESCRIPTIONS[FaultName.MALFORMED_NEXT]}" in lines
        apart = ["HOS_PORT=8001", "HOS_DATABASE_URL=sqlite:///data/standin.db"]
        assert shlex.split(lines[-1])[3:] == [f"HOS_MAVEN_URL={url}", "HOS_MAVEN_API_KEY=it's", *apart, "make", "run"]
        start = (datetime.now(UTC) - timedelta(days=31)).strftime("%Y-%m-%dT%H:%M:%SZ")
        with httpx2.Client(trust_env=False, timeout=10) as client:
            answers = [
                client.get(f"{url}/return-events", params={"startTime": start}, headers={"apiKey": key})
                for key in ("it's", "it's", "its")
            ]
            assert [answer.status_code for answer in answers] == [503, 200, 401]
            content = answers[1].json()
            assert len(content["events"]) == 60
            assert "::" in content["pagination"]["nextPageStartTime"]
            # Now ends the stream, and not when the simulation's own dates do.
            assert content["events"][0]["timestamp"] > start
            process.send_signal(number)
            assert process.wait(10) == 0
    assert (tmp_path / "stderr.txt").read_text() == ""


def test_the_command_ends_also_while_someone_waits_in_vain(tmp_path: Path) -> None:
    with started("simulate", "--serve-maven", "0", "--count", "9", "--fault", "silent", cwd=tmp_path) as process:
        url = lines_of(process)[0].split()[5]
        with socket.create_connection(("127.0.0.1", httpx2.URL(url).port or 0), timeout=10) as client:
            client.sendall(b"GET /return-events HTTP/1.1\r\nHost: maven\r\n\r\n")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert (tmp_path / "stderr.txt").read_text() == ""


def test_what_lies_ahead_or_too_far_back_is_counted(tmp_path: Path) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    arguments = ["--count", "300", "--days", "60", "--until", tomorrow, "--others", "0"]
    with started("simulate", "--serve-maven", "0", *arguments, cwd=tmp_path) as process:
        text = "\n".join(lines_of(process))
    gone = re.search(r"^older than the 30 days that Maven keeps events, and so not shown: (\d+)$", text, re.M)
    ahead = re.search(r"^still to come, each at its time: (\d+)$", text, re.M)
    assert gone is not None
    assert ahead is not None
    assert 100 < int(gone[1]) < 200
    assert 0 < int(ahead[1]) < 30


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--serve-maven", "0", "--fault", "nope"], "a fault must be NAME, or NAME:N for the first N requests only,"),
        (["--serve-maven", "0", "--page-size", "0"], "--page-size must be 1 to 10000 events"),
        (["--serve-maven", "0", "--others", "-1"], "--others must be 0 or more events for each of ours"),
        (["--serve-maven", "65536"], "--serve-maven must be a port, 0 to 65535 (0 takes a free one)"),
        (["--serve-maven", "0", "--api-key", ""], "--api-key must be 1 to 200 visible ASCII characters"),
        (["--serve-maven", "0", "--count", "333334"], "--count and --others make more than 1,000,000 events"),
        (["--serve-maven", "0", "--count", "0"], "count must be 1 or more"),
        (["--serve-maven", "0", "--days", "3660", "--until", "1972-01-01T00:00:00Z"], "start must lie in the years"),
        (["--serve-maven", "0", "--token", "x"], "--token does not go with --serve-maven"),
        (["--serve-maven", "0", "--out", "-"], "--out does not go with --serve-maven"),
        (["--fault", "slow"], "--fault needs --serve-maven"),
        (["--page-size", "100"], "--page-size needs --serve-maven"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments: list[str], says: str, call: Call) -> None:
    result = call("simulate", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"hos-receiver: simulate: {says}")
    assert result.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_status_1(call: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = call("simulate", "--serve-maven", str(port), "--count", "5")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"hos-receiver: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
