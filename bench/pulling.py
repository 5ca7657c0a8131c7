"""The benchmark of pulling: a full queue of Maven's, drained by `poll --once` on one core."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.ingest import Setting
from bench.servers import LOAD_CORE, SERVER_CORE, free_port, pin

EVENTS = 100_000
"""In the queue, a third of them of violations, as a fleet's is mixed."""

PAGE_SIZE = 100
_LOOK_SECONDS = 0.05


@contextmanager
def _standing_in() -> Iterator[str]:
    """A stand-in for Maven on the other core, in a process of its own; gives its address."""
    port = free_port()
    ours = EVENTS // 3
    command = [
        *(sys.executable, "-m", "app", "simulate", "--serve-maven", str(port), "--seed", "1"),
        *("--count", str(ours), "--others", "2", "--page-size", str(PAGE_SIZE)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin(LOAD_CORE))
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the stand-in did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        assert process.stdout is not None
        process.stdout.close()


def _drain(url: str, maven: str) -> tuple[float, float]:
    """Events per second, from the start of the process to its end, and the most memory it had, MiB."""
    environment = {
        **os.environ,
        "HOS_DATABASE_URL": url,
        "HOS_MAVEN_URL": maven,
        "HOS_MAVEN_API_KEY": "standin",
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "poll", "--once"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=pin(SERVER_CORE),
    )
    watched = psutil.Process(process.pid)
    most = 0
    while process.poll() is None:
        try:
            most = max(most, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(_LOOK_SECONDS)
    told, _ = process.communicate()
    seconds = time.perf_counter() - began
    seen = re.match(r"([0-9,]+) events, ", told)
    if process.returncode != 0 or seen is None:
        raise RuntimeError(f"the queue was not drained: {told}")
    return int(seen[1].replace(",", "")) / seconds, most / 2**20


def _report(setting: Setting, name: str, urls: Iterator[str]) -> None:
    rates: list[float] = []
    memory: list[float] = []
    with _standing_in() as maven:
        for _ in range(setting.rounds):
            rate, most = _drain(next(urls), maven)
            rates.append(rate)
            memory.append(most)
    setting.report.at_least(f"a queue of {EVENTS:,} events drained on one core, {name}", rates, 5_000, " events/s")
    setting.report.at_most(f"resident memory meanwhile, {name}", memory, 200, " MiB")


def drain_sqlite(setting: Setting) -> None:
    """Maven's queue of a month into an empty SQLite file."""
    _report(setting, "SQLite", iter(setting.new_sqlite, ""))


def drain_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL, which shares the other core with the stand-in."""
    _report(setting, "PostgreSQL", iter(setting.new_postgresql, ""))
