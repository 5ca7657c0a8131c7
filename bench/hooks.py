"""Benchmarks of alerting: what the outbox costs ingest, and how fast one core delivers to a thousand hooks."""

import itertools
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2

from bench.events import make_events
from bench.ingest import WEBHOOK, Setting, requests_of, serve_product, single_events
from bench.servers import ADMIN_KEY, LOAD_CORE, TOKEN, Running, free_port, pin

HOOKS = 1000
HANGING = 100
TOLD_PER_CHANGE = 5
DRIVERS = 5000
CHANGES_PER_SECOND = 200
BACKLOG_CHANGES = 2000

_ALLOWED = {"HOS_HOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}


@contextmanager
def _receiving() -> Iterator[str]:
    """A receiver on the other core; its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.hook_receiver", str(port)], preexec_fn=pin(LOAD_CORE))
    try:
        _until(lambda: _is_up(port), 10)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _is_up(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/stats", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def _until(is_so: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise RuntimeError("it did not come to be so in time")
        time.sleep(0.02)


def _make_hook(client: httpx2.Client, url: str, **more: object) -> None:
    answer = client.post("/v1/hooks", json={"name": "bench", "url": url, **more})
    if answer.status_code != 201:
        raise RuntimeError(f"no hook: {answer.text}")


def _client(server: Running) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"http://127.0.0.1:{server.port}",
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
        trust_env=False,
        timeout=30,
    )


def _ingest_rate(setting: Setting, url: str, number: int, receiver: str, hook: dict[str, object] | None) -> float:
    with serve_product(url, **_ALLOWED) as server:
        if hook is not None:
            with _client(server) as client:
                _make_hook(client, receiver, **hook)
        return single_events(server, requests_of(number, setting.seconds), setting.seconds).rate


def _outbox_cost(setting: Setting, name: str, urls: Iterator[str]) -> None:
    """Ingest with no hook, with one that does not match, one whose deliveries are kept for later, and one at work."""
    no_match: list[float] = []
    kept: list[float] = []
    live: list[float] = []
    with _receiving() as receiver:
        for number in range(setting.rounds):
            without = _ingest_rate(setting, next(urls), number, receiver, None)
            other = _ingest_rate(setting, next(urls), number, receiver, {"filter": {"terminalCodes": ["nowhere"]}})
            held = _ingest_rate(setting, next(urls), number, receiver, {"enabled": False})
            told = _ingest_rate(setting, next(urls), number, receiver, {})
            no_match.append((without / other - 1) * 100)
            kept.append((without / held - 1) * 100)
            live.append((without / told - 1) * 100)
    report = setting.report
    report.at_most(f"outbox, cost to ingest, no hook matches, {name}", no_match, 3, " %")
    report.at_most(f"outbox, cost to ingest, one hook matches, {name}", kept, 15, " %")
    report.at_most(f"the same while its deliveries are sent on the same core, {name}", live, 15, " %")


def outbox_cost_sqlite(setting: Setting) -> None:
    """What the outbox adds to ingest, on SQLite."""
    _outbox_cost(setting, "SQLite", iter(setting.new_sqlite, ""))


def outbox_cost_postgresql(setting: Setting) -> None:
    """What the outbox adds to ingest, on PostgreSQL."""
    _outbox_cost(setting, "PostgreSQL", iter(setting.new_postgresql, ""))


def _delivery(setting: Setting, name: str, urls: Iterator[str]) -> None:
    rates: list[float] = []
    p99: list[float] = []
    medians: list[float] = []
    for number in range(max(1, setting.rounds // 2)):
        with _receiving() as receiver, serve_product(next(urls), **_ALLOWED) as server, _client(server) as client:
            _make_hooks(client, receiver, number)
            steady = _steady(client, receiver, number, max(5.0, setting.seconds))
            medians.append(float(steady["p50"]))
            p99.append(float(steady["p99"]))
            rates.append(_backlog(client, receiver, number))
    note = f"median {statistics.median(medians) * 1000:.0f} ms"
    about = f"{HOOKS:,} hooks, {HANGING} never answer, {name}"
    setting.report.at_most(
        f"p99 from commit to delivery at {CHANGES_PER_SECOND} changes/s, {about}", p99, 1, " s", note
    )
    setting.report.at_least(f"webhooks delivered on one core, {about}", rates, 1000, "/s")


def _make_hooks(client: httpx2.Client, receiver: str, seed: int) -> None:
    """A change of each driver is owed to a few hooks."""
    chance = random.Random(seed)
    drivers = [f"DRIVER{n:05d}" for n in range(DRIVERS)] * TOLD_PER_CHANGE
    chance.shuffle(drivers)
    share = len(drivers) // HOOKS
    for n in range(HOOKS):
        path = "hang" if n < HANGING else "hook"
        theirs = sorted(set(drivers[n * share : (n + 1) * share]))
        _make_hook(client, f"{receiver}/{path}/{n}", filter={"driverIds": theirs})


def _steady(client: httpx2.Client, receiver: str, seed: int, seconds: float) -> dict[str, float]:
    """Changes at an even pace for a while; what the receiver saw of them."""
    events = make_events(seed, drivers=DRIVERS)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    httpx2.get(f"{receiver}/stats", trust_env=False)
    began = time.monotonic()
    for n in range(int(CHANGES_PER_SECOND * seconds)):
        time.sleep(max(0.0, began + n / CHANGES_PER_SECOND - time.monotonic()))
        answer = client.post(WEBHOOK, content=next(events), headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
    time.sleep(2)
    stats: dict[str, float] = httpx2.get(f"{receiver}/stats", trust_env=False).json()
    return stats


def _backlog(client: httpx2.Client, receiver: str, seed: int) -> float:
    """Deliveries per second of what is owed for many changes at once, to the hooks that answer."""
    events = itertools.islice(make_events(seed + 1000, drivers=DRIVERS), BACKLOG_CHANGES)
    httpx2.get(f"{receiver}/stats", trust_env=False)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    chosen = list(events)
    for n in range(0, len(chosen), 1000):
        body = b"[" + b",".join(chosen[n : n + 1000]) + b"]"
        assert client.post(WEBHOOK, content=body, headers=headers).status_code == 200
    quiet_since, seen, seconds = time.monotonic(), 0, 0.0
    while time.monotonic() - quiet_since < 2:
        time.sleep(0.5)
        stats = httpx2.get(f"{receiver}/stats?keep", trust_env=False).json()
        if stats["count"]:
            quiet_since = time.monotonic()
            seen += stats["count"]
            seconds += max(stats["seconds"], 0.0)
    least = BACKLOG_CHANGES * TOLD_PER_CHANGE * (HOOKS - HANGING) / HOOKS * 0.95
    if seen < least:
        raise RuntimeError(f"only {seen} of about {least / 0.95:.0f} deliveries came")
    return seen / seconds


def delivery_sqlite(setting: Setting) -> None:
    """A thousand hooks, of which a hundred never answer, on SQLite."""
    _delivery(setting, "SQLite", iter(setting.new_sqlite, ""))


def delivery_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL, which shares the other core with the receiver."""
    _delivery(setting, "PostgreSQL", iter(setting.new_postgresql, ""))
