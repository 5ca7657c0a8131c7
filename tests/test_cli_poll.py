"""`poll`, `backfill` and what `doctor` says of Maven: what they print, how they end, what they leave."""

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from app.channels.store import queue_state
from app.db.database import open_database
from app.maven.standin import FaultName, StandIn
from app.maven.standin.envelopes import enveloped
from app.maven.standin.held_events import HeldEvents
from app.maven.times import SECOND, format_time
from tests.command_line import eventually, run, started
from tests.ingest.standin_thread import standing_in_thread
from tests.maven.examples import violation_data

HOUR = 3600 * SECOND
DAY = 24 * HOUR


@pytest.fixture
def standin() -> StandIn:
    """Three events of ours, two days and one hour ago and now, and one of another type."""
    held = HeldEvents()
    now = time.time_ns() // 1000
    for number, at in enumerate((now - 2 * DAY, now - HOUR, now)):
        held.add(at, enveloped(f"e{number}", "violationCreated", at, violation_data(id=f"v{number}")))
    held.add(now - HOUR, enveloped("f", "ManifestClosed", now, {}))
    return StandIn(held, page_size=10)


@pytest.fixture
def maven(standin: StandIn) -> Iterator[dict[str, str]]:
    """Settings that lead to it."""
    with standing_in_thread(standin) as url:
        yield {"HOS_MAVEN_URL": url, "HOS_MAVEN_API_KEY": standin.api_key, "HOS_MAVEN_POLL_SECONDS": "0.1"}


class Call(Protocol):
    """Runs a command in a process of its own, because it sets up logging for all of it."""

    def __call__(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]": ...


@pytest.fixture
def call(database_url: str, tmp_path: Path) -> Call:
    return partial(run, cwd=tmp_path, HOS_DATABASE_URL=database_url, HOS_LOG_FORMAT="json", COLUMNS="200")


def ids(url: str) -> list[str]:
    async def read() -> list[str]:
        database = await open_database(url)
        try:
            return [row[0] for row in await database.fetch("SELECT id FROM violations ORDER BY id")]
        finally:
            await database.close()

    return asyncio.run(read())


def position(url: str) -> int | None:
    async def read() -> int | None:
        database = await open_database(url)
        try:
            return (await database.read(queue_state(database.dialect))).position
        finally:
            await database.close()

    return asyncio.run(read())


@pytest.mark.parametrize("command", [["poll"], ["poll", "--once"], ["backfill", "--since", "2026-01-01T00:00:00Z"]])
def test_without_a_key_it_says_which_setting_lacks(sqlite_url: str, tmp_path: Path, command: list[str]) -> None:
    done = run(*command, cwd=tmp_path, HOS_DATABASE_URL=sqlite_url)
    assert (done.returncode, done.stderr) == (
        1,
        "hos-receiver: there is no API key of Maven's; set HOS_MAVEN_API_KEY\n",
    )


def test_poll_once_reads_what_is_there_and_ends(call: Call, database_url: str, maven: dict[str, str]) -> None:
    done = call("poll", "--once", **maven)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith(" 3 ours, 3 new, 0 quarantined")
    assert ids(database_url) == ["v0", "v1", "v2"]
    again = call("poll", "--once", **maven)
    assert again.stdout == "1 events, 1 ours, 0 new, 0 quarantined\n"


def test_poll_once_with_a_wrong_key_ends_with_one_line(call: Call, maven: dict[str, str]) -> None:
    done = call("poll", "--once", **{**maven, "HOS_MAVEN_API_KEY": "a wrong one"})
    assert done.returncode == 1
    assert done.stderr == "hos-receiver: Maven refused the API key (status 401); check HOS_MAVEN_API_KEY\n"


def test_poll_once_says_what_went_wrong(call: Call, standin: StandIn, maven: dict[str, str]) -> None:
    standin.faults.switch_on(FaultName.SERVER_ERROR)
    done = call("poll", "--once", **maven)
    assert done.returncode == 1
    assert done.stderr.startswith("hos-receiver: Maven answered 500")
    assert len(done.stderr.splitlines()) == 1


def test_poll_goes_on_until_it_is_stopped(
    database_url: str, tmp_path: Path, standin: StandIn, maven: dict[str, str]
) -> None:
    settings = {"HOS_DATABASE_URL": database_url, "HOS_LOG_FORMAT": "json", **maven}
    with started("poll", cwd=tmp_path, **settings) as process:
        eventually(lambda: standin.request_count > 6, "it polls")
        process.terminate()
        assert process.wait(15) == 0
    log = (tmp_path / "stderr.txt").read_text()
    assert '"event": "poller.started"' in log
    assert '"event": "poller.stopped"' in log
    assert standin.api_key not in log.replace(maven["HOS_MAVEN_URL"], "")
    assert ids(database_url) == ["v0", "v1", "v2"]


def test_poll_with_a_wrong_key_ends(database_url: str, tmp_path: Path, maven: dict[str, str]) -> None:
    settings = {**maven, "HOS_DATABASE_URL": database_url, "HOS_MAVEN_API_KEY": "a-wrong-one"}
    with started("poll", cwd=tmp_path, **settings) as process:
        assert process.wait(15) == 1
    last = (tmp_path / "stderr.txt").read_text().splitlines()[-1]
    assert last == "hos-receiver: Maven refused the API key (status 401); check HOS_MAVEN_API_KEY"


def test_backfill_reads_a_range_and_leaves_the_position(call: Call, database_url: str, maven: dict[str, str]) -> None:
    now = time.time_ns() // 1000
    since, until = format_time(now - 3 * DAY), format_time(now - DAY)
    done = call("backfill", "--since", since, "--until", until, **maven)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"1 events, 1 ours, 1 new, 0 quarantined, up to {until}\n"
    assert ids(database_url) == ["v0"]
    done = call("backfill", "--since", since, **maven)
    assert " 3 ours, 2 new, 0 quarantined, up to " in done.stdout
    assert position(database_url) is None


def test_backfill_goes_no_further_back_than_maven(call: Call, maven: dict[str, str]) -> None:
    done = call("backfill", "--since", "2020-01-01T00:00:00Z", **maven)
    assert done.returncode == 0
    assert done.stderr.startswith("hos-receiver: Maven keeps events for 30 days; reading begins at 20")
    assert " 3 ours, 3 new" in done.stdout


def test_backfill_tries_again_and_gives_up_with_where_to_go_on(
    call: Call, standin: StandIn, maven: dict[str, str]
) -> None:
    since = format_time(time.time_ns() // 1000 - 3 * DAY)
    standin.faults.switch_on(FaultName.SERVER_ERROR, 2)
    done = call("backfill", "--since", since, **maven)
    assert done.returncode == 0
    assert done.stderr.count("trying again") == 2
    standin.faults.switch_on(FaultName.SERVER_ERROR)
    done = call("backfill", "--since", since, **maven)
    assert done.returncode == 1
    assert f"go on later with --since {since}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "options,told",
    [
        (["--since", "yesterday"], "--since"),
        (["--since", "2026-01-01"], "--since"),
        (["--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"], "--until"),
        (["--since", "2150-01-01T00:00:00Z"], "future"),
        ([], "--since"),
    ],
)
def test_backfill_wants_times(sqlite_url: str, tmp_path: Path, options: list[str], told: str) -> None:
    done = run("backfill", *options, cwd=tmp_path, HOS_DATABASE_URL=sqlite_url, HOS_MAVEN_API_KEY="k", COLUMNS="200")
    assert done.returncode == 2
    assert told in done.stderr


def test_the_doctor_asks_maven(call: Call, standin: StandIn, maven: dict[str, str]) -> None:
    assert "Maven is not polled: HOS_MAVEN_API_KEY is not set" in call("doctor").stdout
    told = call("doctor", **maven).stdout
    assert "ok    Maven answers and takes the API key" in told
    assert "ok    Maven's clock and this machine's are " in told
    standin.faults.switch_on(FaultName.SKEWED_CLOCK, 1)
    assert re.search(
        r"^warn  Maven's clock and this machine's are 359[0-9]\.[0-9] s apart", call("doctor", **maven).stdout, re.M
    )
    done = call("doctor", **{**maven, "HOS_MAVEN_API_KEY": "a wrong one"})
    assert done.returncode == 1
    assert "FAIL  Maven refused the API key (status 401); check HOS_MAVEN_API_KEY — " in done.stdout
    standin.faults.switch_on(FaultName.SERVER_ERROR, 1)
    assert "FAIL  Maven answered 500" in call("doctor", **maven).stdout
    done = call("doctor", HOS_MAVEN_URL="http://127.0.0.1:1", HOS_MAVEN_API_KEY="k")
    assert "FAIL  Maven cannot be reached" in done.stdout
