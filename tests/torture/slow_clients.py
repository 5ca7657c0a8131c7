"""A storm of connections that are slow, silent, half closed or do not read, while honest clients go on.

Every honest request is answered rightly and in time, a request that does not come to its end is closed with 408, who
does not read is dropped, memory stays in bounds, and a stop in the midst of it takes less than 10 seconds. The slow
clients themselves are `load_slow`.
"""

import random
import resource
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx2
import psutil

from tests.databases import PostgresqlDatabases, SqliteDatabases, running_postgresql
from tests.ingest.served import TOKEN, Service, service_on
from tests.torture.course import Course, Trial
from tests.torture.load import ANSWER_SECONDS, Load, Packing, Record
from tests.torture.load_checks import Watched, count_promises
from tests.torture.load_slow import Storm
from tests.torture.load_waiting import ProcessorWaits

AT_ONCE = 100
"""Connections for each round; those of all rounds are there at the same time."""
LONG = 5
"""From so many rounds on, all that a client may do is seen to its end; of fewer, only what ends soon."""
SENDERS = 4
READERS = 4
BATCHES = 8
BATCH_EVENTS = 500
"""Enough for an export of some MiB, more than what the system takes for who does not read."""
STOP_SECONDS = 10.0
MOST_GROWTH_BYTES = 64 * 2**20
MOST_GROWTH_BYTES_EACH = 256 * 1024


def _run(course: Course, fresh: Callable[[], AbstractContextManager[str]]) -> None:
    is_long = course.rounds >= LONG
    request_seconds = 10 if is_long else 1
    chances = [one.chance for one in course.each_round()]
    _allow_connections(2 * AT_ONCE * len(chances) + 500)
    with fresh() as url, service_on(url, course.directory, HOS_REQUEST_SECONDS=str(request_seconds)) as service:
        record = Record()
        load = Load(Packing(course.chance(-1), record, "kept"), service.served.url, senders=SENDERS, readers=READERS)
        load.is_patient = True
        _fill(service, load)
        waits = ProcessorWaits(service.served.process.pid)
        storm = Storm(service.served.port, chances, AT_ONCE, request_seconds, waits)
        with course.told(course.first), storm.running():
            with load.running():
                load.await_answers(300)
                before = _memory(service)
                storm.begin()
                until = time.monotonic() + (60 if is_long else 2 * request_seconds + 1)
                most = before
                while time.monotonic() < until and storm.goes_on():
                    most = max(most, _memory(service))
                    waits.note()
                    time.sleep(0.1)
            _count(course, load, storm, waits, most - before)
            Watched(url, record).look(course)
            began_at = time.monotonic()
            storm.expect_the_end()
            assert service.served.stop() == 0, service.served.log
            course.most("stopped in ms", (time.monotonic() - began_at) * 1000)
            assert time.monotonic() - began_at <= STOP_SECONDS
        count_promises(course, record)


def _fill(service: Service, load: Load) -> None:
    load.packing.go_on(random.Random(1), "old", ids=20_000)
    for _ in range(BATCHES):
        parcel = load.packing.batch(BATCH_EVENTS)
        load.note(parcel, service.post(parcel.body))


def _memory(service: Service) -> int:
    """What the process takes, in bytes."""
    resident: int = psutil.Process(service.served.process.pid).memory_info().rss
    return resident


def _count(course: Course, load: Load, storm: Storm, waits: ProcessorWaits, growth_bytes: int) -> None:
    connections = storm.most_open
    course.most("at once", connections)
    for what, number in sorted(storm.ends.items()):
        course.count(what, number)
    course.most("latest 408 after its time in ms", storm.latest_seconds * 1000)
    course.count("honest requests", len(load.exchanges))
    course.most("slowest of them in ms", max(1000 * (one.ended_at - one.began_at) for one in load.exchanges))
    for one in load.exchanges:
        seconds = one.ended_at - one.began_at
        if seconds > ANSWER_SECONDS:
            assert seconds <= ANSWER_SECONDS + waits.between(one.began_at, one.ended_at), one
    course.most("MiB more memory", growth_bytes / 2**20)
    assert connections >= 0.8 * AT_ONCE * course.rounds, "too few connections for a storm"
    assert growth_bytes <= MOST_GROWTH_BYTES + connections * MOST_GROWTH_BYTES_EACH, growth_bytes
    _assert_exports(load.url)


def _assert_exports(url: str) -> None:
    """Whoever holds up all exports, nothing else waits for them: a page of the same list comes at once."""
    with httpx2.Client(base_url=url, trust_env=False, timeout=ANSWER_SECONDS) as client:
        asked = {"Authorization": "Bearer an-admin-key-for-tests"}
        assert client.get("/v1/violations?status=all&limit=1000", headers=asked).status_code == 200
        assert client.post("/webhooks/maven", content=b"[]", headers={"apiKey": TOKEN}).status_code == 200


def _allow_connections(files: int) -> None:
    """Raises the soft limit of open files of this process, as far as the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        most = files if hard == resource.RLIM_INFINITY else min(hard, files)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _on_databases(course: Course) -> None:
    """A long run is made on both databases, a short one on one of them."""
    is_either = course.rounds < LONG
    if not is_either or course.seed % 2 == 0:
        _run(course, SqliteDatabases(course.directory).fresh)
    if not is_either or course.seed % 2 == 1:
        with running_postgresql() as server:
            databases = PostgresqlDatabases(server.url)
            try:
                _run(course, databases.fresh)
            finally:
                databases.close()


TRIALS = (
    Trial(
        "slow-connections",
        "A thousand slow, silent and stalled connections hold up no honest client, and a stop takes less than 10 s.",
        "times 100 connections",
        short=1,
        full=10,
        run=_on_databases,
    ),
)
