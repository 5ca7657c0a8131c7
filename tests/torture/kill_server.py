"""`serve` killed with -9 at any moment, from its first instruction on: what was acknowledged is there.

Rounds come in stretches. One stretch has one database, which is empty at first; at its end, and every few rounds, the
violations are compared with the oracle. On PostgreSQL some rounds have two workers, and only some of the processes are
killed.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import httpx2
import psutil

from tests.command_line import SECONDS, eventually, is_answered, started
from tests.databases import PostgresqlDatabases, SqliteDatabases, running_postgresql
from tests.torture.course import Course, Round, Trial
from tests.torture.load import SETTINGS, Load, Packing, Record, held_port
from tests.torture.load_checks import Watched, count_promises

STRETCH = 50
COMPARED_EVERY = 10
START_SECONDS = 1.5
"""A start takes about one second; beyond that it answers."""


class _Stretch:
    """Some rounds on one database."""

    def __init__(self, url: str, port: int, directory: Path, chance: random.Random) -> None:
        self.record = Record()
        self.watched = Watched(url, self.record)
        self.load = Load(Packing(chance, self.record, "first"), f"http://127.0.0.1:{port}")
        self.directory = directory
        self._port = port

    @contextmanager
    def serving(self, workers: int = 1) -> Iterator["subprocess.Popen[str]"]:
        """A `serve` that may not answer yet. Whatever is left of it in the end is killed."""
        arguments = ("serve", "--port", str(self._port), "--workers", str(workers))
        with started(*arguments, cwd=self.directory, HOS_DATABASE_URL=self.watched.url, **SETTINGS) as process:
            try:
                yield process
            finally:
                for one in _still_family(process):
                    with suppress(psutil.NoSuchProcess):
                        one.kill()

    @contextmanager
    def with_log(self) -> Iterator[None]:
        """Adds to an error what the server has logged."""
        try:
            yield
        except AssertionError as error:
            error.add_note(self.log())
            raise

    def log(self) -> str:
        return (self.directory / "stderr.txt").read_text()[-2000:]


def _family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """A process and all that come from it, the parent first."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _still_family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The same, with the parent held so that it starts no other while they are killed, which nobody would know of."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(process.pid).suspend()
    return _family(process)


def _kill(victims: list[psutil.Process], survivors: list[psutil.Process]) -> None:
    """Kills at once, then waits for the survivors of a family, which end by themselves."""
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    _, alive = psutil.wait_procs(survivors, timeout=SECONDS)
    assert alive == [], "workers without a parent go on"


def _play_round(one: Round, course: Course, stretch: _Stretch, several: bool) -> None:
    workers = 2 if several and one.chance.random() < 0.3 else 1
    stretch.load.packing.go_on(one.chance, f"r{one.number}")
    with stretch.serving(workers) as process, stretch.with_log(), stretch.load.running():
        if one.chance.random() < 0.25:
            course.count("while starting")
            time.sleep(one.chance.uniform(0, START_SECONDS))
            _kill(_still_family(process), [])
            return
        stretch.load.await_answers(1)
        stretch.watched.look(course)
        if workers > 1 and one.chance.random() < 0.5:
            course.count("of one worker")
            # Before all have started once, the death of one ends the whole.
            eventually(lambda: stretch.log().count("service.started") == workers, "all workers are started")
            stretch.load.await_answers(one.chance.randint(30, 60))
            _kill([one.chance.choice(_workers(_family(process)))], [])
        stretch.load.await_answers(one.chance.randint(1, 60))
        time.sleep(one.chance.uniform(0, 0.01))  # else it would always be the moment of an answer
        family = _still_family(process)
        if workers > 1 and one.chance.random() < 0.5:
            course.count("of the parent alone")
            _kill(family[:1], family[1:])
        else:
            _kill(family, [])
    assert process.wait(SECONDS) == -signal.SIGKILL, stretch.log()


def _workers(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that serve; the other child of the parent only tidies up after it."""
    return [one for one in family[1:] if "spawn_main" in " ".join(one.cmdline())]


def _compare(course: Course, stretch: _Stretch) -> None:
    """Starts it in peace, compares everything, and stops it in order."""
    with stretch.serving() as process:
        with httpx2.Client(trust_env=False) as client:
            ready = f"{stretch.load.url}/readyz"
            eventually(lambda: process.poll() is not None or is_answered(client, ready), "ready after a kill")
        assert process.poll() is None, stretch.log()
        stretch.watched.look_closely(course, stretch.directory)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0, stretch.log()


def _run(course: Course, fresh: Callable[[], AbstractContextManager[str]], *, several: bool) -> None:
    rounds = list(course.each_round())
    for begin in range(0, len(rounds), STRETCH):
        part = rounds[begin : begin + STRETCH]
        with fresh() as url, held_port() as port:
            stretch = _Stretch(url, port, course.directory, course.chance(part[0].number))
            for one in part:
                with course.told(one.number):
                    _play_round(one, course, stretch, several)
                    if one is part[-1] or one.number % COMPARED_EVERY == COMPARED_EVERY - 1:
                        _compare(course, stretch)
            count_promises(course, stretch.record)


def _on_sqlite(course: Course) -> None:
    _run(course, SqliteDatabases(course.directory).empty, several=False)


def _on_postgresql(course: Course) -> None:
    with running_postgresql() as server:
        databases = PostgresqlDatabases(server.url)
        try:
            _run(course, databases.fresh, several=True)
        finally:
            databases.close()


TRIALS = (
    Trial(
        "kill-server-sqlite",
        "No kill -9 of the server loses an acknowledged event or leaves a wrong state (SQLite).",
        "kills",
        short=2,
        full=1000,
        run=_on_sqlite,
    ),
    Trial(
        "kill-server-postgresql",
        "No kill -9 of the server or of a worker loses an acknowledged event or leaves a wrong state (PostgreSQL).",
        "kills",
        short=2,
        full=200,
        run=_on_postgresql,
    ),
)
