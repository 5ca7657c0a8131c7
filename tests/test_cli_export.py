"""`export`: the same violations and events as the API gives, to a file or a pipe."""

import asyncio
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from tests.command_line import Call, caller, environment
from tests.ingest.kept import NOW, created, invalidated, keep, opened
from tests.maven.examples import Json, as_bytes, violation_data

PRETTY = json.dumps(created("P", unknownField=1.50), indent=2).replace("\n", "\r\n").encode()


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


def kept(database_url: str, *deliveries: bytes) -> None:
    """Takes deliveries in, as received."""

    async def work() -> None:
        async with opened(database_url) as database:
            for n, body in enumerate(deliveries):
                delivery = Delivery(read_delivery(body, 10_000), Channel.WEBHOOK)
                await database.write(keep_deliveries(database.dialect, [delivery], NOW + n))

    asyncio.run(work())


def fill(database_url: str) -> None:
    """V1 active, V2 active and newer, V3 invalidated."""
    kept(
        database_url,
        as_bytes(created("V1", startTime="2024-01-01T00:00:00Z")),
        as_bytes(created("V2", startTime="2024-01-02T00:00:00Z", driverName='=SUM("A1")\nJr.')),
        as_bytes([created("V3"), invalidated("V3")]),
    )


def objects(text: str) -> list[dict[str, Json]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "arguments,expected",
    [
        ([], ["V2", "V1"]),
        (["--status", "active"], ["V2", "V1"]),
        (["--status", "invalidated"], ["V3"]),
        (["--status", "all"], ["V2", "V1", "V3"]),
    ],
)
def test_violations_as_ndjson(call: Call, database_url: str, arguments: list[str], expected: list[str]) -> None:
    fill(database_url)
    result = call("export", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    found = objects(result.stdout)
    assert [one["id"] for one in found] == expected
    assert {"status", "durationMinutes", "regulation", "revision", "startData"} <= found[0].keys()


def test_violations_as_csv(call: Call, database_url: str) -> None:
    fill(database_url)
    result = call("export", "--format", "csv", "--status", "all")
    rows = list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))
    assert [row["id"] for row in rows] == ["V2", "V1", "V3"]
    assert [row["status"] for row in rows] == ["active", "active", "invalidated"]
    assert not rows[0]["driverName"].startswith("=")


def test_events_with_their_payloads_as_received(call: Call, database_url: str) -> None:
    odd = b' {"data":%s , "eventType":"violationCreated","id":"e-1"}' % as_bytes(violation_data(id="E", x=1.50))
    kept(database_url, PRETTY, odd, as_bytes(invalidated("P")))
    result = call("export", "--what", "events")
    lines = result.stdout_bytes.splitlines()
    found = [json.loads(line) for line in lines]
    assert [list(one) for one in found] == [
        ["receivedAt", "channel", "eventId", "eventType", "eventTime", "outcome", "payload"]
    ] * 3
    assert [(one["eventId"], one["eventType"], one["outcome"]) for one in found] == [
        (None, "violationCreated", "created"),
        ("e-1", "violationCreated", "created"),
        (None, "violationInvalidated", "invalidated"),
    ]
    assert {one["channel"] for one in found} == {"webhook"}
    assert lines[0].endswith(b'"payload":' + PRETTY.replace(b"\r\n", b"  ") + b"}")
    assert lines[1].endswith(b'"payload":' + odd.strip() + b"}")


def test_large_events_and_more_than_a_chunk_of_them(call: Call, database_url: str) -> None:
    many: list[Json] = [created(f"V{n:03}", note="x" * (20_000 if n % 100 == 7 else 1)) for n in range(450)]
    kept(database_url, as_bytes(many))
    events = objects(call("export", "--what", "events").stdout)
    assert [event["payload"] for event in events] == many
    violations = objects(call("export").stdout)
    assert sorted(str(one["id"]) for one in violations) == [f"V{n:03}" for n in range(450)]


@pytest.mark.parametrize("what", ["violations", "events"])
def test_an_empty_database_gives_nothing(call: Call, what: str) -> None:
    result = call("export", "--what", what)
    assert (result.exit_code, result.stdout) == (0, "")


def test_an_empty_csv_has_its_header(call: Call) -> None:
    assert call("export", "--format", "csv").stdout.startswith("id,status,")


def test_a_file_is_there_when_it_is_whole(call: Call, database_url: str, tmp_path: Path) -> None:
    fill(database_url)
    file = tmp_path / "out.ndjson"
    file.write_text("older")
    result = call("export", "--out", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert [one["id"] for one in objects(file.read_text())] == ["V2", "V1"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_failing_export_leaves_the_older_file(tmp_path: Path) -> None:
    file = tmp_path / "out.ndjson"
    file.write_text("older")
    result = caller("postgresql://u@127.0.0.1:9/d")("export", "--out", str(file))
    assert result.exit_code == 1
    assert file.read_text() == "older"
    assert not Path(f"{file}.part").exists()


def test_a_place_that_cannot_be_written_is_one_line(call: Call, tmp_path: Path) -> None:
    result = call("export", "--out", str(tmp_path / "none" / "out"))
    assert result.exit_code == 1
    assert result.stderr == f"hos-receiver: cannot write to {tmp_path}/none/out: No such file or directory\n"


@pytest.mark.parametrize(
    "arguments", [["--what", "events", "--format", "csv"], ["--what", "events", "--status", "all"], ["--format", "xml"]]
)
def test_wrong_usage_is_status_2(call: Call, arguments: list[str]) -> None:
    assert call("export", *arguments).exit_code == 2


def test_a_reader_that_has_had_enough_is_no_trouble(database_url: str, tmp_path: Path) -> None:
    async def fill_much() -> None:
        async with opened(database_url) as database:
            await keep(database, *(created(f"V{n}") for n in range(1000)))

    asyncio.run(fill_much())
    with subprocess.Popen(
        [sys.executable, "-m", "app", "export", "--what", "events"],
        cwd=tmp_path,
        env=environment(HOS_DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"receivedAt"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1
