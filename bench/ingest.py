"""Benchmarks of taking events in: single events at 64 connections, large batches, memory, and the afternoon's
receiver.
"""

import itertools
import statistics
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.db.migrate import upgrade
from bench.events import make_batches, make_events
from bench.fixtures import fill
from bench.load import LoadResult, post, run_load
from bench.report import Report
from bench.servers import TOKEN, Running, receiver, reference, serving

CONNECTIONS = 64
WEBHOOK = "/webhooks/maven"


@dataclass(slots=True)
class Setting:
    """What a benchmark works with."""

    folder: Path
    rounds: int
    seconds: float
    rows: int
    report: Report
    postgresql_url: str = ""
    _number: int = 0

    def new_sqlite(self) -> str:
        """The URL of a file that does not exist yet."""
        self._number += 1
        return f"sqlite:///{self.folder}/{self._number}.db"

    def new_postgresql(self) -> str:
        """The URL of a fresh, migrated database."""
        self._number += 1
        name = f"bench_{self._number}"
        with psycopg.connect(self.postgresql_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = self.postgresql_url.replace("/postgres?", f"/{name}?")
        upgrade(url)
        return url


def serve_product(url: str, **settings: str) -> AbstractContextManager[Running]:
    """The product, as shipped."""
    command, port, environment = receiver(url, **settings)
    return serving(command, port, environment=environment)


def serve_reference(name: str, **environment: str) -> AbstractContextManager[Running]:
    """A server of `bench.reference_servers`."""
    command, port, given = reference(name, **environment)
    return serving(command, port, environment=given)


WARM_UP = 2000
MOST_PER_SECOND = 20_000


def requests_of(seed: int, seconds: float) -> list[bytes]:
    """More requests than any server here answers in that time, made before the clock runs: making one costs the load
    generator as much as sending it, and on PostgreSQL they share a core.
    """
    most = WARM_UP + int(MOST_PER_SECOND * seconds)
    return [post(WEBHOOK, event, TOKEN) for event in itertools.islice(make_events(seed), most)]


def single_events(server: Running, requests: list[bytes], seconds: float) -> LoadResult:
    left = iter(requests)
    run_load(server.port, itertools.islice(left, WARM_UP), connections=CONNECTIONS, seconds=seconds)
    result = run_load(server.port, left, connections=CONNECTIONS, seconds=seconds)
    if set(result.answers) != {200}:
        raise RuntimeError(f"answers other than 200: {dict(result.answers)}")
    return result


def _against_ceiling(setting: Setting, name: str, urls: Iterator[str], bound: float, p99_bound: float) -> None:
    ratios: list[float] = []
    latencies: list[float] = []
    rates: list[float] = []
    for number in range(setting.rounds):
        requests = requests_of(number, setting.seconds)
        with serve_reference("ceiling") as server:
            ceiling = single_events(server, requests, setting.seconds)
        with serve_product(next(urls)) as server:
            product = single_events(server, requests, setting.seconds)
        ratios.append(product.rate / ceiling.rate)
        rates.append(product.rate)
        latencies.append(product.percentile(0.99) * 1000)
    note = f"{statistics.median(rates):,.0f} events/s"
    setting.report.at_least(f"durable ingest / ceiling, {name}", ratios, bound, note=note)
    setting.report.at_most(f"p99 at saturation, {name}", latencies, p99_bound, " ms")


def single_events_sqlite(setting: Setting) -> None:
    """Durable ingest of single events on SQLite against the same stack without a database."""
    _against_ceiling(setting, "SQLite", iter(setting.new_sqlite, ""), 0.40, 30)


def single_events_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL, which has the other core (and shares it with the load generator)."""
    _against_ceiling(setting, "PostgreSQL", iter(setting.new_postgresql, ""), 0.50, 15)


def _against_afternoon(setting: Setting, name: str, urls: Iterator[str]) -> None:
    ratios: list[float] = []
    for number in range(max(1, setting.rounds // 2)):
        requests = requests_of(number, setting.seconds)
        with serve_reference("afternoon", BENCH_DATABASE_URL=next(urls)) as server:
            afternoon = single_events(server, requests, setting.seconds)
        with serve_product(next(urls)) as server:
            product = single_events(server, requests, setting.seconds)
        ratios.append(product.rate / afternoon.rate)
    setting.report.at_least(f"ingest / a receiver of an afternoon, {name}", ratios, 10, "x")


def afternoon_sqlite(setting: Setting) -> None:
    """Against FastAPI with a session per request, on SQLite."""
    _against_afternoon(setting, "SQLite", iter(setting.new_sqlite, ""))


def afternoon_postgresql(setting: Setting) -> None:
    """Against FastAPI with a session per request, on PostgreSQL."""
    _against_afternoon(setting, "PostgreSQL", iter(setting.new_postgresql, ""))


def batches_on_a_million(setting: Setting) -> None:
    """Batches of 1,000 events on SQLite on a database that holds `rows` already; then memory and the next start."""
    url = setting.new_sqlite()
    fill(url, setting.rows)
    rates: list[float] = []
    memory: list[float] = []
    starts: list[float] = []
    for number in range(setting.rounds):
        with serve_product(url) as server:
            starts.append(server.started_in)
            server.use_all_cores()
            bodies = list(itertools.islice(make_batches(1000 + number, 1000), 40))
            requests = [post(WEBHOOK, body, TOKEN) for body in bodies]
            result = run_load(server.port, iter(requests), connections=4, seconds=120)
            if set(result.answers) != {200}:
                raise RuntimeError(f"answers other than 200: {dict(result.answers)}")
            rates.append(len(bodies) * 1000 / result.seconds)
            memory.append(server.resident_mib)
    report = setting.report
    report.at_least(f"batches of 1,000 on {setting.rows:,} violations, SQLite", rates, 20_000, " events/s")
    report.at_most(f"start to ready on {setting.rows:,} violations", starts, 1.5, " s")
    with serve_product(setting.new_sqlite()) as server:
        server.use_all_cores()
        batches = (post(WEBHOOK, body, TOKEN) for body in itertools.islice(make_batches(7, 1000), setting.rows // 1000))
        run_load(server.port, batches, connections=4, seconds=600)
        memory.append(server.resident_mib)
    report.at_most(f"resident memory after {setting.rows:,} events", memory[-1:], 150, " MiB")
