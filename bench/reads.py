"""Benchmarks of reading: against a constant answer, and against a database with a hundredth of the history."""

import itertools
import random
from collections.abc import Callable, Iterator

import httpx2

from bench.fixtures import ACTIVE, DRIVERS, fill
from bench.ingest import Setting, serve_product, serve_reference
from bench.load import get, run_load
from bench.servers import ADMIN_KEY, Running

SMALL_ROWS = 10_000


def _drivers(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    while True:
        yield get(f"/v1/drivers/DRIVER{chance.randrange(DRIVERS):05d}/violations", ADMIN_KEY)


def driver_lookup(setting: Setting) -> None:
    """A driver's active violations over HTTP against an endpoint with a constant answer; five violations a driver."""
    url = setting.new_sqlite()
    fill(url, SMALL_ROWS)
    ratios: list[float] = []
    for number in range(setting.rounds):
        with serve_reference("ceiling") as server:
            constant = run_load(server.port, itertools.repeat(get("/readyz", "")), seconds=setting.seconds)
        with serve_product(url) as server:
            lookup = run_load(server.port, _drivers(number), seconds=setting.seconds)
        ratios.append(lookup.rate / constant.rate)
    setting.report.at_least("a driver's active violations / constant answer, SQLite", ratios, 0.25)


def _page_path(server: Running, path: str, share: float) -> str:
    """The path of a page at a share of the whole list's depth."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers, trust_env=False) as client:
        cursor = None
        for _ in range(int(ACTIVE * share) // 1000):
            following = f"&cursor={cursor}" if cursor else ""
            cursor = client.get(f"{path}limit=1000{following}").json()["pagination"]["nextCursor"]
    return f"{path}limit=50{f'&cursor={cursor}' if cursor else ''}"


def _growth(setting: Setting, name: str, new_url: Callable[[], str]) -> None:
    small, large = new_url(), new_url()
    fill(small, SMALL_ROWS)
    fill(large, setting.rows)
    cases: dict[str, Callable[[Running], Iterator[bytes]]] = {
        "a driver's active violations": lambda server: _drivers(1),
        "a page of drivers": lambda server: itertools.repeat(get("/v1/drivers?limit=50", ADMIN_KEY)),
        "first page of the list": lambda server: itertools.repeat(get("/v1/violations?limit=50", ADMIN_KEY)),
        "a deep page of the list": lambda server: itertools.repeat(
            get(_page_path(server, "/v1/violations?", 0.8), ADMIN_KEY)
        ),
    }
    for case, requests in cases.items():
        ratios: list[float] = []
        for _ in range(setting.rounds):
            costs = []
            for url in (small, large):
                with serve_product(url) as server:
                    made = requests(server)
                    run_load(server.port, made, connections=1, seconds=0.5)
                    result = run_load(server.port, made, connections=1, seconds=setting.seconds / 2)
                    costs.append(result.percentile(0.5))
            ratios.append(costs[1] / costs[0])
        setting.report.at_most(f"{case}: {setting.rows:,} / {SMALL_ROWS:,}, {name}", ratios, 1.5, "x")


def growth_sqlite(setting: Setting) -> None:
    """What reads cost with a hundred times the history and the same active violations, on SQLite."""
    _growth(setting, "SQLite", setting.new_sqlite)


def growth_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL."""
    _growth(setting, "PostgreSQL", setting.new_postgresql)
