"""`quarantine`: what was not understood is listed, shown byte for byte, and read again."""

import asyncio
import base64
import re

import pytest
from typer.testing import Result

from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import Fault, RejectedEvent
from tests.command_line import Call, caller
from tests.ingest.kept import NOW, change, count, created, keep, opened, violations
from tests.maven.examples import Json, as_bytes, without

BROKEN = without(created("V1"), "driverId")


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


def kept(database_url: str, *deliveries: Json) -> None:
    """Takes events in, each as a delivery of its own."""

    async def work() -> None:
        async with opened(database_url) as database:
            for delivery in deliveries:
                await keep(database, delivery)

    asyncio.run(work())


def unreadable(database_url: str, body: bytes) -> None:
    """A body that was not JSON."""

    async def work() -> None:
        async with opened(database_url) as database:
            event = RejectedEvent(None, None, None, (Fault("", "not JSON"),), body)
            await database.write(keep_deliveries(database.dialect, [Delivery([event], Channel.WEBHOOK)], NOW))

    asyncio.run(work())


def altered(database_url: str, body: bytes) -> None:
    """Makes the bytes of every entry these, as if the program had not understood them at the time."""

    async def work() -> None:
        async with opened(database_url) as database:
            await change(database, "UPDATE quarantine SET body = $1", body)

    asyncio.run(work())


def left(database_url: str) -> tuple[int, int]:
    """Entries in quarantine, and violations."""

    async def work() -> tuple[int, int]:
        async with opened(database_url) as database:
            return await count(database, "quarantine"), len(await violations(database))

    return asyncio.run(work())


def ids(result: Result) -> list[str]:
    return [line.split("\t")[0] for line in result.stdout.splitlines()]


def test_an_empty_quarantine(call: Call) -> None:
    result = call("quarantine", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "The quarantine is empty.\n")


def test_list_shows_id_receipt_count_channel_and_the_first_error(call: Call, database_url: str) -> None:
    kept(database_url, BROKEN, BROKEN, created("V2", startTime=7))
    unreadable(database_url, b"<xml/>")
    lines = [line.split("\t") for line in call("quarantine", "list").stdout.splitlines()]
    assert [line[2:4] for line in lines] == [["2x", "webhook"], ["1x", "webhook"], ["1x", "webhook"]]
    assert all(line[1] == "2027-01-15T08:00:00Z" for line in lines)
    assert lines[0][4].startswith("/driverId: ")
    assert lines[1][4].startswith("/startTime: ")
    assert lines[2][4] == "not JSON"


def test_list_goes_on_beyond_a_page(call: Call, database_url: str) -> None:
    kept(database_url, *(without(created(f"V{n}"), "driverId") for n in range(45)))
    listed = ids(call("quarantine", "list"))
    assert len(set(listed)) == 45
    assert listed == sorted(listed, key=int)


def test_show_prints_errors_and_the_body(call: Call, database_url: str) -> None:
    kept(database_url, BROKEN, BROKEN)
    (entry,) = ids(call("quarantine", "list"))
    result = call("quarantine", "show", entry)
    assert result.exit_code == 0
    head, body = result.stdout.split("\n\n", 1)
    assert re.search(r"^error     /driverId: ", head, re.MULTILINE)
    assert "repeated  2 times" in head
    assert body == as_bytes(BROKEN).decode() + "\n"


@pytest.mark.parametrize("body", [b"\xff\x00\xfe", b'{"a":"\x1b[2J"}', b"\xe2\x80\xae{}"])
def test_show_gives_what_could_harm_a_terminal_in_base64(call: Call, database_url: str, body: bytes) -> None:
    unreadable(database_url, body)
    (entry,) = ids(call("quarantine", "list"))
    result = call("quarantine", "show", entry)
    assert "in base64" in result.stdout
    assert result.stdout.splitlines()[-1] == base64.b64encode(body).decode()


@pytest.mark.parametrize("body", [b"\xff\x00\xfe", b'{"text": "line\r\n"', b""])
def test_show_raw_gives_the_exact_bytes(call: Call, database_url: str, body: bytes) -> None:
    unreadable(database_url, body)
    (entry,) = ids(call("quarantine", "list"))
    assert call("quarantine", "show", entry, "--raw").stdout_bytes == body


def test_showing_what_is_not_there_fails(call: Call) -> None:
    result = call("quarantine", "show", "12345")
    assert result.exit_code == 1
    assert result.stderr == "hos-receiver: there is no quarantine entry 12345; see: hos-receiver quarantine list\n"


@pytest.mark.parametrize("entry", ["abc", "0", "-1", str(2**63)])
def test_an_id_must_be_one(call: Call, entry: str) -> None:
    assert call("quarantine", "show", entry).exit_code == 2
    assert call("quarantine", "retry", entry).exit_code == 2


@pytest.mark.parametrize("command", ["show", "retry"])
def test_an_id_that_is_no_number_is_said_plainly(call: Call, command: str) -> None:
    assert "must be a whole number from 1, not 'abc'" in call("quarantine", command, "abc").stderr


def test_retry_of_what_is_still_not_understood_fails_and_keeps_it(call: Call, database_url: str) -> None:
    kept(database_url, BROKEN)
    (entry,) = ids(call("quarantine", "list"))
    result = call("quarantine", "retry", entry)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{entry}: still not understood: /driverId: ")
    assert result.stderr == "hos-receiver: not everything left the quarantine\n"
    assert left(database_url) == (1, 0)


def test_retry_of_what_is_understood_now_takes_it_in_by_replay(call: Call, database_url: str) -> None:
    kept(database_url, BROKEN)
    altered(database_url, as_bytes(created("V1")))
    (entry,) = ids(call("quarantine", "list"))
    result = call("quarantine", "retry", entry)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{entry}: created 1\n", "")
    assert left(database_url) == (0, 1)

    async def channels() -> list[int]:
        async with opened(database_url) as database:
            return [row[0] for row in await database.fetch("SELECT channel FROM events")]

    assert asyncio.run(channels()) == [Channel.REPLAY]


def test_retry_of_what_is_understood_in_part_keeps_the_rest(call: Call, database_url: str) -> None:
    unreadable(database_url, b"once not JSON")
    altered(database_url, as_bytes([created("V1"), BROKEN, created("V1")]))
    result = call("quarantine", "retry", "--all")
    assert result.exit_code == 1
    (rest,) = ids(call("quarantine", "list"))
    assert result.stdout.split(": ", 1)[1] == f"created 1, duplicate 1, in quarantine as {rest}\n"
    assert left(database_url) == (1, 1)


def test_retry_all_says_what_became_of_each(call: Call, database_url: str) -> None:
    kept(database_url, *(without(created(f"V{n}"), "driverId") for n in range(25)))
    result = call("quarantine", "retry", "--all")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 25
    assert left(database_url) == (25, 0)


def test_retry_all_of_nothing_is_done(call: Call) -> None:
    assert call("quarantine", "retry", "--all").exit_code == 0


def test_retry_names_ids_that_are_not_there_and_does_the_others(call: Call, database_url: str) -> None:
    kept(database_url, BROKEN)
    altered(database_url, as_bytes(created("V1")))
    (entry,) = ids(call("quarantine", "list"))
    result = call("quarantine", "retry", "999", entry, entry)
    assert result.exit_code == 1
    assert result.stderr == "hos-receiver: there is no quarantine entry 999; see: hos-receiver quarantine list\n"
    assert result.stdout == f"{entry}: created 1\n"
    assert left(database_url) == (0, 1)


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_retry_needs_ids_or_all(call: Call, arguments: list[str]) -> None:
    result = call("quarantine", "retry", *arguments)
    assert result.exit_code == 2
    assert "--all" in result.stderr
