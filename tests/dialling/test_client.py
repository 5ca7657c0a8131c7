"""One POST over real HTTP: what is sent, what every answer gives, and how long and how much is waited for."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.dialling.addresses import AddressGuard
from app.dialling.client import Dialler, Patience, open_dialler
from app.dialling.connecting import HEAD_BYTES
from app.dialling.errors import DialFailed, DialRefused
from tests.dialling.answering import Reply, Request, Server, answering, http, saying, silent

pytestmark = pytest.mark.anyio

LOOPBACK = AddressGuard(["127.0.0.0/8"])
PATIENT = Patience(total_seconds=10, connect_seconds=5)
IMPATIENT = Patience(total_seconds=0.3, connect_seconds=0.2)


@asynccontextmanager
async def dialling(reply: Reply, patience: Patience = PATIENT) -> AsyncIterator[tuple[Dialler, Server]]:
    async with asyncio.timeout(30), answering(reply) as server, open_dialler(LOOPBACK, patience=patience) as dialler:
        yield dialler, server


async def test_what_is_sent() -> None:
    async with dialling(saying(http(200))) as (dialler, server):
        headers = {"Content-Type": "application/json", "webhook-id": "msg_1", "Host": "evil.example", "Connection": "x"}
        await dialler.post(f"{server.url}?a=b", b'{"a":1}', headers)
        await dialler.post(f"http://127.0.0.1:{server.port}", b"", {"User-Agent": "other"})
    first, second = server.asked
    assert first.line == "POST /hook?a=b HTTP/1.1"
    assert first.body == b'{"a":1}'
    assert first.headers == {
        "host": f"127.0.0.1:{server.port}",
        "content-length": "7",
        "content-type": "application/json",
        "webhook-id": "msg_1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "hos-receiver",
    }
    assert second.line == "POST / HTTP/1.1"
    assert second.headers["user-agent"] == "other"
    assert server.connections == 1


@pytest.mark.parametrize("status", [200, 201, 204, 299, 400, 401, 404, 410, 413, 429, 500, 502, 503, 599])
async def test_every_status_is_an_answer(status: int) -> None:
    body = b"" if status == 204 else b"said"
    async with dialling(saying(http(status, body, "Retry-After: 7"))) as (dialler, server):
        answer = await dialler.post(server.url, b"{}", {})
    assert (answer.status, answer.excerpt, answer.body) == (status, body.decode(), body)
    assert answer.headers["retry-after"] == "7"
    assert not answer.is_cut


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with answering(saying(http(200))) as elsewhere:
        redirect = saying(http(status, b"", f"Location: {elsewhere.url}"))
        async with dialling(redirect) as (dialler, server):
            answer = await dialler.post(server.url, b"{}", {})
    assert (answer.status, answer.headers["location"]) == (status, elsewhere.url)
    assert elsewhere.connections == 0
    assert len(server.asked) == 1


async def test_the_environment_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(saying(http(200))) as elsewhere, dialling(saying(http(200))) as (dialler, server):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
        await dialler.post(server.url, b"{}", {})
    assert (elsewhere.connections, len(server.asked)) == (0, 1)


async def test_the_excerpt_is_short_and_printable() -> None:
    body = b"\x00\x1b[31mred\r\n\tand \xff\xe2\x80\xae" + "ä".encode() * 5000
    async with dialling(saying(http(500, body))) as (dialler, server):
        answer = await dialler.post(server.url, b"{}", {})
    assert answer.excerpt.startswith("[31mred and \ufffd äää")
    assert len(answer.excerpt) == 200
    assert answer.excerpt.isprintable()
    assert answer.body == body


async def test_several_headers_of_one_name_are_joined() -> None:
    async with dialling(saying(http(200, b"", "X-A: 1", "x-a: 2"))) as (dialler, server):
        answer = await dialler.post(server.url, b"{}", {})
    assert answer.headers["x-a"] == "1, 2"


async def endless(request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()


async def test_an_endless_body_is_read_to_the_cap() -> None:
    async with dialling(endless) as (dialler, server):
        answer = await dialler.post(server.url, b"{}", {})
        assert (answer.status, answer.excerpt) == (200, "x" * 200)
        assert (len(answer.body), answer.is_cut) == (64 * 1024, True)
        assert len(dialler.idle) == 0


async def test_a_body_of_exactly_the_cap_is_whole() -> None:
    async with dialling(saying(http(200, b"x" * 65_536))) as (dialler, server):
        answer = await dialler.post(server.url, b"{}", {})
        assert (len(answer.body), answer.is_cut) == (65_536, False)
        assert len(dialler.idle) == 1


async def half_a_body(request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    return await silent(request, writer)


async def half_a_head(request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    return await silent(request, writer)


async def only_continues(request: Request, writer: asyncio.StreamWriter) -> bool:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await writer.drain()
        await asyncio.sleep(0)


async def ends(request: Request, writer: asyncio.StreamWriter) -> bool:
    return False


async def resets(request: Request, writer: asyncio.StreamWriter) -> bool:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


LONG_LINE = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * HEAD_BYTES + b"\r\n\r\n"
MANY_LINES = b"HTTP/1.1 200 OK\r\n" + b"X-Many: xxxxxxxxxxxxxxxxxxxx\r\n" * (HEAD_BYTES // 28 + 1)
NEVER_ENDING_LINE = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * HEAD_BYTES * 4
ENDS_INSIDE = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", goes_on=False)


@pytest.mark.parametrize(
    "reply, outcome, told",
    [
        pytest.param(silent, "timeout", "No complete answer from", id="silent"),
        pytest.param(half_a_head, "timeout", "within 0.3 s", id="half a head"),
        pytest.param(half_a_body, "timeout", "within 0.3 s", id="half a body"),
        pytest.param(only_continues, "timeout", "within 0.3 s", id="only 100s"),
        pytest.param(ends, "protocol", "Server disconnected", id="no answer"),
        pytest.param(resets, "unreachable", "broke the connection off", id="reset"),
        pytest.param(ENDS_INSIDE, "protocol", "peer closed", id="ends inside the body"),
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "protocol", "No HTTP answer", id="another protocol"),
        pytest.param(saying(b"HTTP/1.1 abc\r\n\r\n"), "protocol", "No HTTP answer", id="no status"),
        pytest.param(saying(http(200, b"", "Content-Length: 5")), "protocol", "conflicting", id="two lengths"),
        pytest.param(saying(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"), "protocol", "No HTTP answer", id="switch"),
        pytest.param(saying(LONG_LINE), "too_large", "head of the answer", id="one huge header"),
        pytest.param(saying(MANY_LINES + b"\r\n"), "too_large", "larger than 32,768 bytes", id="many headers"),
        pytest.param(saying(NEVER_ENDING_LINE), "too_large", "head of the answer", id="a head without end"),
    ],
)
async def test_what_is_no_answer(reply: Reply, outcome: str, told: str) -> None:
    async with dialling(reply, IMPATIENT if outcome == "timeout" else PATIENT) as (dialler, server):
        with pytest.raises(DialFailed, match=told) as failed:
            await dialler.post(f"{server.url}?token=secret", b"{}", {})
        assert failed.value.outcome == outcome
        assert "secret" not in str(failed.value)
        assert "\n" not in str(failed.value)
        assert len(dialler.idle) == 0
        assert len(server.asked) <= 1


async def test_nobody_listens() -> None:
    async with dialling(ends) as (dialler, server):
        pass
    async with asyncio.timeout(30), open_dialler(LOOPBACK) as dialler:
        with pytest.raises(DialFailed, match=rf"No connection to http://127.0.0.1:{server.port}: connection refused"):
            await dialler.post(server.url, b"{}", {})


async def test_a_header_that_cannot_be_sent_is_no_crash() -> None:
    async with dialling(saying(http(200))) as (dialler, server):
        with pytest.raises(DialFailed) as failed:
            await dialler.post(server.url, b"{}", {"x-a": "1\r\nX-B: 2"})
    assert failed.value.outcome == "protocol"
    assert server.asked == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://user:secret@127.0.0.1/", "http://127.1/", "http://[::1"])
async def test_a_url_that_is_wrong_is_refused(url: str) -> None:
    async with open_dialler(LOOPBACK) as dialler:
        for dial in (dialler.check(url), dialler.post(url, b"{}", {})):
            with pytest.raises(DialRefused, match=r"\.$") as refused:
                await dial
            assert "secret" not in str(refused.value)


async def test_a_slow_post_delays_no_other() -> None:
    async with dialling(silent) as (slow, stuck), dialling(saying(http(200))) as (dialler, server):
        waiting = asyncio.create_task(slow.post(stuck.url, b"{}", {}))
        assert (await dialler.post(server.url, b"{}", {})).status == 200
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
