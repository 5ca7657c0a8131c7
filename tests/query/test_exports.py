"""Exports: all violations, whole or visibly broken off, and nothing left behind."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Scope

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Row
from app.query.exports import CHUNK, PIECE_BYTES
from tests.databases import Databases
from tests.maven.examples import as_bytes, flat_event
from tests.query.desk import ALL_SEEING, Desk, desk_on, open_desk

pytestmark = pytest.mark.anyio

PATIENCE = 15.0


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened


def creations(count: int) -> bytes:
    return as_bytes([flat_event(id=f"v{number:04}") for number in range(count)])


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


async def test_csv_has_all_violations_and_its_headers(desk: Desk) -> None:
    count = 2 * CHUNK + 1
    await desk.receive(creations(count))
    answer = await desk.get("/v1/violations", accept="text/csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert "charset=utf-8" in answer.headers["content-type"]
    assert re.fullmatch(r'attachment; filename="[\w-]+\.csv"', answer.headers["content-disposition"])
    assert answer.headers["vary"] == "accept"
    assert "content-length" not in answer.headers
    lines = answer.text.split("\r\n")
    assert lines.pop() == ""
    assert lines[0].startswith("id,status,driverId,driverName,terminalCode,type,startTime,")
    assert "\n" not in "".join(lines)
    assert [row["id"] for row in rows_of(answer.text)] == [f"v{number:04}" for number in range(count)]


async def test_ndjson_has_the_violations_of_the_list(desk: Desk) -> None:
    await desk.receive(creations(CHUNK))
    answer = await desk.get("/v1/violations", accept="application/x-ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].endswith('.ndjson"')
    assert answer.content.endswith(b"}\n")
    assert [json.loads(line) for line in answer.content.splitlines()] == await desk.walk("/v1/violations")


async def test_an_empty_export(desk: Desk) -> None:
    assert rows_of((await desk.get("/v1/violations", accept="text/csv")).text) == []
    assert (await desk.get("/v1/violations", accept="application/x-ndjson")).content == b""


async def test_filters_and_order_hold(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id=name, driverName=name) for name in ("b", "a", "c")]))
    await desk.receive(as_bytes(flat_event("violationInvalidated", id="c")))
    answer = await desk.get("/v1/violations?sort=-driverName&status=all&driverId=JDOE123", accept="text/csv")
    assert [(row["id"], row["status"]) for row in rows_of(answer.text)] == [
        ("c", "invalidated"),
        ("b", "active"),
        ("a", "active"),
    ]


@pytest.mark.parametrize("query", ["limit=10", "cursor=abc", "foo=1", "status=x"])
async def test_pages_and_typos_are_400(desk: Desk, query: str) -> None:
    assert (await desk.get(f"/v1/violations?{query}", accept="text/csv")).status_code == 400


async def test_what_is_not_offered_is_406(desk: Desk) -> None:
    answer = await desk.get("/v1/violations", accept="application/vnd.ms-excel")
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    assert "text/csv" in answer.json()["detail"]


async def test_head_streams_nothing(desk: Desk) -> None:
    await desk.receive(creations(3))
    answer = await desk.get("/v1/violations", method="HEAD", accept="text/csv")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-disposition" in answer.headers


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\uffff\ufffe"), max_size=8) | st.sampled_from(
    ["=1+1", "+x", "-x", "@x", "\t=1", "\r\n", ' "=1', "\uff1d1", "'=1", 'a,"b"\r\nc', "\u2028"]
)


@settings(max_examples=20)
@given(names=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
async def test_hostile_cells_come_back(databases: Databases, names: list[tuple[str, str, str]]) -> None:
    bodies = [
        flat_event(id=f"v{n}", driverName=a, terminalCode=b, type=c, powerUnitNumber=None)
        for n, (a, b, c) in enumerate(names)
    ]
    with databases.fresh() as url:
        async with open_desk(url) as desk:
            await desk.receive(as_bytes(bodies))
            rows = rows_of((await desk.get("/v1/violations", accept="text/csv")).content.decode())
    assert len(rows) == len(names)
    for row, wanted in zip(rows, names, strict=True):
        for cell, text in zip((row["driverName"], row["terminalCode"], row["type"]), wanted, strict=True):
            assert cell in (text, "'" + text)
            assert cell.lstrip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20")
        assert row["powerUnitNumber"] == ""


async def test_large_events_are_exported_whole(desk: Desk) -> None:
    csv.field_size_limit(4 * PIECE_BYTES)
    texts = ["x" * (2 * PIECE_BYTES), "y", "z" * (2 * PIECE_BYTES)]
    await desk.receive(*(as_bytes(flat_event(id=f"v{n}", longDescription=text)) for n, text in enumerate(texts)))
    for accept in ("text/csv", "application/x-ndjson"):
        answer = await desk.get("/v1/violations", accept=accept)
        if accept == "text/csv":
            found = [row["longDescription"] for row in rows_of(answer.text)]
        else:
            found = [json.loads(line)["longDescription"] for line in answer.content.splitlines()]
        assert found == texts


class Failing:
    """A database whose export fails after some chunks; what it does otherwise is the real one's."""

    def __init__(self, database: Database, chunks: int) -> None:
        self._database = database
        self._chunks = chunks
        self.dialect = database.dialect
        self.fetch, self.read, self.write = database.fetch, database.read, database.write
        self.check, self.close = database.check, database.close
        self.is_closed = False

    async def stream(self, sql: str, *args: object, chunk: int = 500) -> AsyncIterator[Sequence[Row]]:
        given = 0
        try:
            async for rows in self._database.stream(sql, *args, chunk=chunk):
                yield rows
                given += 1
                if given == self._chunks:
                    raise DatabaseUnavailable("the server closed the connection")
        finally:
            self.is_closed = True


@dataclass
class Client:
    """A client that may go, and may not read. `messages` are what it was sent."""

    messages: list[Message] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    served: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first piece of the body."""

    @property
    def has_all(self) -> bool:
        """Whether the answer came to its end."""
        return not self.messages[-1].get("more_body", False)


async def ask(desk: Desk, client: Client) -> None:
    """Asks for an export by ASGI, and returns when the application is done with it."""
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/violations",
        "raw_path": b"/v1/violations",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {ALL_SEEING}".encode()), (b"accept", b"text/csv")],
    }
    is_sent = False

    async def receive() -> Message:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await client.gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        client.messages.append(message)
        if message["type"] == "http.response.body":
            client.served.set()
            await client.reading.wait()

    async with asyncio.timeout(PATIENCE):
        await desk.app(scope, receive, send)


async def test_trouble_on_the_way_leaves_the_answer_without_an_end(desk: Desk) -> None:
    await desk.receive(creations(3 * CHUNK))
    failing = Failing(desk.database, chunks=2)
    async with desk_on(failing, desk.context.cursors) as failing_desk:
        client = Client()
        client.reading.set()
        await ask(failing_desk, client)
    assert client.messages[0]["status"] == 200
    assert len(client.messages) > 1
    assert not client.has_all
    assert failing.is_closed


async def test_a_whole_export_has_an_end(desk: Desk) -> None:
    await desk.receive(creations(3 * CHUNK))
    client = Client()
    client.reading.set()
    await ask(desk, client)
    assert client.has_all
    assert len(rows_of(b"".join(m.get("body", b"") for m in client.messages[1:]).decode())) == 3 * CHUNK


@pytest.mark.parametrize("ending", ["gone", "stopping", "revoked"])
async def test_an_export_ends_when_nobody_may_or_will_read_any_more(desk: Desk, ending: str) -> None:
    await desk.receive(creations(3 * CHUNK))
    watched = Failing(desk.database, chunks=100)
    async with desk_on(watched, desk.context.cursors) as watched_desk:
        client = Client()
        asking = asyncio.create_task(ask(watched_desk, client))
        async with asyncio.timeout(PATIENCE):
            await client.served.wait()
        match ending:
            case "gone":
                client.gone.set()
            case "stopping":
                watched_desk.context.stopping.set()
            case _:
                del watched_desk.keys[ALL_SEEING]
        await asking
    assert not client.has_all
    assert watched.is_closed
