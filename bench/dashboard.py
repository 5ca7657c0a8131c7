"""Benchmarks of the dashboard: its first page against the API's answers for the same data, and what open pages cost
ingest.
"""

import json
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection

import psutil

from app.dashboard.overview_data import CHART_DAYS
from app.maven.times import DAY, SECOND, format_time
from bench.events import make_events
from bench.ingest import WARM_UP, WEBHOOK, Setting, requests_of, serve_product, single_events
from bench.open_pages import sign_in
from bench.past_year import fill_past_year
from bench.servers import ADMIN_KEY, LOAD_CORE, TOKEN, Running, pin

PAGES = 500
REPEATS = 10
"""Answers of which a round takes the median; of a first answer there is one for each start of the server."""

_BEARER = {"authorization": f"Bearer {ADMIN_KEY}"}
_LIVE_SECONDS = 12.0
"""At least, of one measurement with open pages: they come for what is new over some seconds."""
_DRIVER = re.compile(r'<th scope="rowgroup".*?<a href="/drivers/(.*?)"', re.DOTALL)
_PART = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def _now() -> int:
    return time.time_ns() // 1000


class _Client:
    """One connection that is kept, and what its answers took."""

    def __init__(self, server: Running) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        cookie = f"hos_session={sign_in(server.port, ADMIN_KEY)}"
        self._browser = {"cookie": cookie, "accept": "text/html", "accept-encoding": "gzip"}

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[float, bytes]:
        """Milliseconds until the whole answer is there, and its body."""
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text[:200]!r}")
        return took, text

    def page(self) -> float:
        """Milliseconds of the first page, as a browser asks for it."""
        return self.send("GET", "/", self._browser)[0]

    def shown(self) -> str:
        """The page as text."""
        return self.send("GET", "/", {"cookie": self._browser["cookie"], "accept": "text/html"})[1].decode()

    def api(self, drivers: Sequence[str]) -> float:
        """Milliseconds of all the API's answers that have what the page shows."""
        return sum(self.send("GET", path, _BEARER)[0] for path in _api_paths(drivers))

    def wire(self) -> tuple[int, int]:
        """Bytes of all answers that a browser asks for, heads included, and their number."""
        paths = ["/", *dict.fromkeys(_PART.findall(self.shown()))]
        size = 0
        for path in paths:
            self._connection.request("GET", path, headers=self._browser)
            answer = self._connection.getresponse()
            head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
            size += head + len(answer.read())
        return size, len(paths) + 1  # and the stream of changes

    def change(self, events: Iterator[bytes]) -> None:
        """Has something happen, after which no kept part is the present one."""
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        self.send("POST", WEBHOOK, headers, next(events))


def _api_paths(drivers: Sequence[str]) -> list[str]:
    now = _now()
    first = datetime.fromtimestamp((now - (CHART_DAYS - 1) * DAY) // SECOND, UTC).date().isoformat()
    return [
        "/v1/stats",
        f"/v1/stats?asOf={format_time(now - DAY)}",
        "/v1/drivers?limit=25",
        f"/v1/violations?driverId={','.join(drivers)}&limit=1000",
        f"/v1/stats?status=all&logDateFrom={first}",
    ]


def _overview(setting: Setting, name: str, url: str) -> None:
    fill_past_year(url, setting.rows, _now())
    measure_overview(setting, name, url)


def measure_overview(setting: Setting, name: str, url: str) -> None:
    """The first page of a database that is filled: after a start, after a change, and unchanged."""
    kinds = ("the first after a start", "after a change", "unchanged")
    pages: dict[str, list[float]] = {kind: [] for kind in kinds}
    answers: dict[str, list[float]] = {kind: [] for kind in kinds}
    wires: list[tuple[int, int]] = []
    events = make_events(1 << 20)
    with serve_product(url) as server, _Client(server) as client:  # warms the database
        drivers = _DRIVER.findall(client.shown())
        client.api(drivers)
    for _ in range(setting.rounds):
        with serve_product(url) as server, _Client(server) as client:
            answers[kinds[0]].append(client.api(drivers))
        with serve_product(url) as server, _Client(server) as client:
            pages[kinds[0]].append(client.page())
            client.api(drivers)
            after: tuple[list[float], list[float]] = ([], [])
            for _ in range(REPEATS):
                client.change(events)
                after[0].append(client.page())
                client.change(events)
                after[1].append(client.api(drivers))
            pages[kinds[1]].append(statistics.median(after[0]))
            answers[kinds[1]].append(statistics.median(after[1]))
            client.page()
            pages[kinds[2]].append(statistics.median(client.page() for _ in range(REPEATS)))
            answers[kinds[2]].append(statistics.median(client.api(drivers) for _ in range(REPEATS)))
            wires.append(client.wire())
    for kind in kinds:
        ratios = [page / answer for page, answer in zip(pages[kind], answers[kind], strict=True)]
        note = f"{statistics.median(pages[kind]):.3g} ms against {statistics.median(answers[kind]):.3g} ms"
        setting.report.at_most(f"the first page / the API's answers, {kind}, {name}", ratios, 3, "x", note)
    setting.report.at_most(f"the first page on the wire, {name}", [size / 1000 for size, _ in wires], 200, " kB")
    setting.report.at_most(f"requests of the first page, {name}", [float(n) for _, n in wires], 10)


def overview_sqlite(setting: Setting) -> None:
    """The first page of a large SQLite file."""
    _overview(setting, "SQLite", setting.new_sqlite())


def overview_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL, which has the other core (and shares it with the client)."""
    _overview(setting, "PostgreSQL", setting.new_postgresql())


@contextmanager
def _open_pages(server: Running, told: list[dict[str, float]]) -> Iterator[None]:
    """Pages in a process of their own on the other core; adds to `told` what they did meanwhile."""
    command = [sys.executable, "-m", "bench.open_pages", str(server.port), str(PAGES), ADMIN_KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin(LOAD_CORE))
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the pages did not open")
        yield
        process.send_signal(signal.SIGTERM)
        did = json.loads(process.communicate(timeout=30)[0])
        if did["ended"] or did["failed"] or not did["fetched"]:
            raise RuntimeError(f"the pages did not go on: {did}")
        told.append(did)
    finally:
        process.kill()
        process.wait()


def _load(server: Running, requests: list[bytes], seconds: float) -> tuple[float, float]:
    """Events per second, and the server's CPU time for each, warming up included, µs."""
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    result = single_events(server, requests, seconds)
    events = WARM_UP + sum(result.answers.values())
    return result.rate, (sum(process.cpu_times()[:2]) - before) / events * 1e6


def _live_pages(setting: Setting, name: str, new_url: Callable[[], str]) -> None:
    """Ingest with and without open pages, in turns of which every other begins with them."""
    seconds = max(_LIVE_SECONDS, setting.seconds)
    costs: list[float] = []
    cpu: list[float] = []
    told: list[dict[str, float]] = []
    rates: list[float] = []
    for number in range(setting.rounds):
        requests = requests_of(number, seconds)
        found: dict[bool, tuple[float, float]] = {}
        for has_pages in (False, True) if number % 2 == 0 else (True, False):
            with ExitStack() as stack:  # every sign-in is logged, therefore only warnings
                server = stack.enter_context(serve_product(new_url(), HOS_LOG_LEVEL="warning"))
                if has_pages:
                    stack.enter_context(_open_pages(server, told))
                found[has_pages] = _load(server, requests, seconds)
        rates.append(found[False][0])
        costs.append((found[False][0] / found[True][0] - 1) * 100)
        cpu.append((found[True][1] / found[False][1] - 1) * 100)
    parts = statistics.median(did["fetched"] / did["open_seconds"] for did in told)
    note = (
        f"{statistics.median(rates):,.0f} events/s without; server CPU per event {statistics.median(cpu):+.0f} %"
        f" ({min(cpu):+.0f} … {max(cpu):+.0f}); {parts:.0f} live parts/s,"
        f" spread over up to {max(did['longest_spread'] for did in told):.0f} s"
    )
    setting.report.at_most(f"{PAGES} open pages, cost to ingest, {name}", costs, 10, " %", note)


def live_pages_sqlite(setting: Setting) -> None:
    """What open pages cost ingest on SQLite."""
    _live_pages(setting, "SQLite", setting.new_sqlite)


def live_pages_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL, which shares the other core with the load generator and the pages."""
    _live_pages(setting, "PostgreSQL", setting.new_postgresql)
