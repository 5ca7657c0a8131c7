"""429 and 503: a database that cannot commit is said in time, nothing acknowledged is lost, and it heals by itself."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from app.db.migrate import upgrade
from app.db.urls import sqlite_path
from tests.databases import PostgresqlDatabases, PostgresqlServer, running_postgresql
from tests.ingest.served import Service, assert_problem, service_on
from tests.maven.examples import flat_event

ANSWER_SECONDS = 10.0
HEALED_SECONDS = 5.0


@pytest.fixture
def service(sqlite_url: str, tmp_path: Path) -> Iterator[Service]:
    with service_on(sqlite_url, tmp_path) as running:
        yield running


def assert_unavailable(answer: httpx2.Response) -> None:
    problem = assert_problem(answer, 503)
    assert problem["type"] == "/problems/unavailable"
    assert int(answer.headers["retry-after"]) >= 1


def assert_healed(service: Service, event: object) -> None:
    began = time.monotonic()
    while (answer := service.post(event)).status_code == 503:
        assert time.monotonic() - began < HEALED_SECONDS
    assert answer.status_code == 200, answer.text
    while service.client.get("/readyz").status_code != 200:
        assert time.monotonic() - began < HEALED_SECONDS
    assert time.monotonic() - began < HEALED_SECONDS


def test_a_file_that_is_gone_and_comes_back(service: Service) -> None:
    assert service.post(flat_event(id="before")).status_code == 200
    assert service.client.get("/readyz").status_code == 200
    file = sqlite_path(service.database_url)
    file.rename(file.with_suffix(".aside"))
    assert_unavailable(service.post(flat_event(id="lost")))
    assert_unavailable(service.post(b"not json"))
    assert_problem(service.client.get("/readyz"), 503)
    assert service.client.get("/healthz").status_code == 200
    file.with_suffix(".aside").rename(file)
    assert_healed(service, flat_event(id="after"))
    assert service.violation("before")["status"] == "active"
    assert service.get("/v1/violations/lost").status_code == 404


def test_a_locked_file_is_said_in_time_and_the_queue_is_bounded(sqlite_url: str, tmp_path: Path) -> None:
    with service_on(sqlite_url, tmp_path, HOS_QUEUE_EVENTS="5") as service:
        other = sqlite3.connect(sqlite_path(sqlite_url), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with ThreadPoolExecutor(12) as senders:
            answers = list(senders.map(lambda n: service.post(flat_event(id=f"v{n}")), range(12)))
        assert time.monotonic() - began < ANSWER_SECONDS
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(429) == 7
        assert statuses.count(503) == 5
        for answer in answers:
            assert int(answer.headers["retry-after"]) >= 1
            assert_problem(answer, answer.status_code)
        other.execute("ROLLBACK")
        other.close()
        assert_healed(service, flat_event(id="after"))


@pytest.fixture(scope="module")
def own_server(postgresql_databases: PostgresqlDatabases) -> Iterator[PostgresqlServer]:
    """A server that may be stopped. Asked for after the shared one, so that `--db sqlite` skips it."""
    with running_postgresql() as server:
        upgrade(server.url)
        yield server


def test_a_server_that_restarts(own_server: PostgresqlServer, tmp_path: Path) -> None:
    with service_on(own_server.url, tmp_path) as service:
        assert service.post(flat_event(id="before")).status_code == 200
        own_server.stop()
        for event in (flat_event(id="lost"), flat_event(id="lost too")):
            began = time.monotonic()
            assert_unavailable(service.post(event))
            assert time.monotonic() - began < ANSWER_SECONDS
        assert_problem(service.client.get("/readyz"), 503)
        assert_problem(service.get("/v1/violations"), 503)
        own_server.start()
        assert_healed(service, flat_event(id="after"))
        assert service.violation("before")["status"] == "active"
        lost = [line for line in service.served.log.splitlines() if "database.lost" in line]
        recovered = [line for line in service.served.log.splitlines() if "database.recovered" in line]
        assert (len(lost), len(recovered)) == (1, 1)
