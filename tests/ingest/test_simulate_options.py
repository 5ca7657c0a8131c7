"""What a simulation is asked for and what it shows: options, secrets, files instead of sending, progress, latencies."""

import asyncio
import io
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.ingest.simulate import DEFAULT_URL, SimulationOptions, find_secret, run_simulation
from app.ingest.simulate.options import webhook_url
from app.ingest.simulate.progress import shown_progress
from app.ingest.simulate.tally import Latencies, Tally
from app.maven.simulator import simulate
from tests.ingest.scripted_receiver import last_line, within

ROOT = Path(__file__).parent.parent.parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    "options, says",
    [
        ({"count": 0}, "count must be 1 or more"),
        ({"rate": -1.0}, "rate must be"),
        ({"rate": float("inf")}, "rate must be"),
        ({"batch": 0}, "batch must be 1 to"),
        ({"connections": 0}, "connections must be 1 to"),
        ({"url": "ftp://example.org"}, "url must begin with http:// or https://"),
        ({"url": "127.0.0.1:8000"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"secret": "whsec_!"}, "what follows whsec_ must be base64"),
        ({"secret": "tökén"}, "token must be printable ASCII"),
        ({"until": datetime(2026, 1, 1)}, "until must know its time zone"),  # noqa: DTZ001 - that is what is refused
        ({"until": datetime(1, 1, 2, tzinfo=UTC)}, "simulate: "),
        ({"drivers": 1, "days": 1, "count": 5000}, "1 drivers cannot have 5000 events"),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(options: dict[str, Any], says: str) -> None:
    out = io.StringIO()
    assert within(5, run_simulation(SimulationOptions(**{"seed": 1, **options}), out)) == 2
    assert says in out.getvalue()
    assert out.getvalue().count("\n") == 1


def test_takes_a_base_address_or_a_whole_one() -> None:
    assert webhook_url("http://127.0.0.1:8000") == DEFAULT_URL
    assert webhook_url("http://127.0.0.1:8000/") == DEFAULT_URL
    assert webhook_url(DEFAULT_URL) == DEFAULT_URL
    assert webhook_url("https://hos.example.org/in/maven?x=1") == "https://hos.example.org/in/maven?x=1"


def test_finds_its_secret() -> None:
    environment = {"HOS_SIMULATE_TOKEN": "simulated", "HOS_WEBHOOK_SECRETS": f"{SECRET}, shared"}
    assert find_secret("given", environment) == "given"
    assert find_secret(None, environment) == "simulated"
    assert find_secret(None, {**environment, "HOS_SIMULATE_TOKEN": ""}) == "shared"
    assert find_secret(None, {"HOS_WEBHOOK_SECRETS": SECRET}) == SECRET
    assert find_secret(None, {"HOS_WEBHOOK_SECRETS": " ,"}) is None
    assert find_secret(None, {}) is None


def test_without_a_seed_one_is_drawn_and_told_so_that_it_can_be_repeated(tmp_path: Path) -> None:
    told = io.StringIO()
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    assert within(5, run_simulation(SimulationOptions(count=20, out=str(first)), told)) == 0
    again = re.search(r"--seed (\d+) --until (\S+Z)", told.getvalue())
    assert again is not None
    until = datetime.fromisoformat(again[2])
    assert 0 <= (datetime.now(UTC) - until).total_seconds() < 7200
    options = SimulationOptions(count=20, seed=int(again[1]), until=until, out=str(second))
    assert within(5, run_simulation(options, told)) == 0
    assert first.read_bytes() == second.read_bytes()


def test_writes_request_bodies_instead_of_sending_them(tmp_path: Path) -> None:
    told = io.StringIO()
    path = tmp_path / "events.ndjson"
    assert within(5, run_simulation(SimulationOptions(seed=4, count=12, batch=5, out=str(path)), told)) == 0
    lines = path.read_bytes().splitlines()
    assert [len(json.loads(line)) for line in lines] == [5, 5, 2]
    assert lines[0] == b"[" + b",".join(delivery.body for delivery in itertools.islice(simulate(4, 12), 5)) + b"]"
    assert re.search(r"^written +12 events", told.getvalue(), re.MULTILINE)
    assert re.search(r"^expected +\d+ violations", told.getvalue(), re.MULTILINE)


def test_says_why_it_cannot_write(tmp_path: Path) -> None:
    told = io.StringIO()
    missing = tmp_path / "no" / "such" / "folder"
    assert within(5, run_simulation(SimulationOptions(seed=4, count=12, out=str(missing)), told)) == 1
    assert last_line(told.getvalue()) == f"simulate: cannot write to {missing}: No such file or directory"


PROGRAM = """
import asyncio, sys
from app.ingest.simulate import SimulationOptions, run_simulation
options = SimulationOptions(seed=4, count=int(sys.argv[1]), out="-", shape="flat")
sys.exit(asyncio.run(run_simulation(options, sys.stdout)))
"""


def test_standard_output_holds_events_and_nothing_else() -> None:
    command = [sys.executable, "-c", PROGRAM, "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=True)
    assert done.stdout.splitlines() == [delivery.body for delivery in simulate(4, 12, shape="flat")]
    assert b"written    12 events" in done.stderr


def test_ends_quietly_when_its_reader_has_had_enough() -> None:
    command = [sys.executable, "-c", PROGRAM, "100000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["eventType"] == "violationCreated"
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert b"Traceback" not in told
    assert b"Error" not in told


class Page(io.StringIO):
    """Something to write to that wakes who waits for a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self._written = asyncio.Event()

    def write(self, text: str) -> int:
        self._written.set()
        return super().write(text)

    async def until_told(self, part: str) -> None:
        async with asyncio.timeout(5):
            while part not in self.getvalue():
                self._written.clear()
                await self._written.wait()


class Terminal(Page):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("make_out", [Page, Terminal])
def test_progress_is_shown(make_out: Callable[[], Page]) -> None:
    async def watch() -> str:
        out, tally = make_out(), Tally()
        tally.retries["503"] += 2
        deliveries = list(simulate(1, 10))
        async with shown_progress(tally, 2000, out, seconds_between_lines=0.01):
            await out.until_told("0 of 2,000 events, 0/s, 2 retries")
            tally.take(deliveries, ["created"] * 10)
            await out.until_told("10 of 2,000 events")
        return out.getvalue()

    told = within(12, watch())
    assert ("\x1b[" in told) == (make_out is Terminal)


def test_latencies_are_kept_to_one_percent() -> None:
    latencies = Latencies()
    assert latencies.quantile(0.5) == 0.0
    for milliseconds in range(1, 1001):
        latencies.add(milliseconds / 1000)
    assert latencies.quantile(0.5) == pytest.approx(0.5, rel=0.011)
    assert latencies.quantile(0.99) == pytest.approx(0.99, rel=0.011)
    assert latencies.longest == latencies.quantile(1) == 1.0
    latencies.add(0.0)
    assert 0 < latencies.quantile(0.0001) < 0.00001
