"""Requests that want another protocol, and clients that close their side: answered once, and never round in circles."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.wire import Served, served

BODY = b'{"a":1}'


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served({"request_seconds": 5, "half_closed_seconds": 0.5}) as running:
        yield running


def post(*headers: bytes) -> bytes:
    """The head of a request whose body is `BODY`."""
    lines = [b"POST /echo HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(BODY), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def resident_bytes(server: Served) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("target,status", [(b"/echo", 405), (b"/none", 404), (b"x:443", 400)])
@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Connection: close\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"Connection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 5\r\n",
    ],
)
def test_connect_is_refused_once_and_the_connection_closed(
    server: Served, version: bytes, target: bytes, status: int, headers: bytes
) -> None:
    before, began = resident_bytes(server), time.monotonic()
    with server.connect() as client:
        client.send(b"CONNECT %s HTTP/%s\r\nHost: x\r\n%s\r\nhello" % (target, version, headers))
        answer = client.read_answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert answer.json["status"] == status
        assert client.read_to_end()[0] == b""
    assert server.ask(b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
    assert time.monotonic() - began < 3
    assert resident_bytes(server) - before < 20_000_000


def test_the_refusal_of_connect_is_read_although_much_follows_it(server: Served) -> None:
    with server.connect() as client:
        client.send(b"CONNECT /echo HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 5_000_000)
        assert client.read_answer().status == 405


@pytest.mark.parametrize("target,status", [(b"/echo", 405), (b"x:443", None)])
def test_connect_behind_another_request_waits_its_turn(server: Served, target: bytes, status: int | None) -> None:
    with server.connect() as client:
        client.send(post() + BODY + b"CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\nmore" % target)
        assert client.read_answer().json["bytes"] == len(BODY)
        if status is not None:
            answer = client.read_answer()
            assert (answer.status, answer.headers["connection"]) == (status, "close")
        rest, seconds = client.read_to_end()
    assert rest == b""
    assert seconds < 3


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.2"])
@pytest.mark.parametrize("connection", [b"Upgrade", b"Upgrade, close", b"close, Upgrade"])
@pytest.mark.parametrize("is_split", [False, True])
def test_an_offer_to_upgrade_is_passed_over(server: Served, protocol: bytes, connection: bytes, is_split: bool) -> None:
    head = post(b"Connection: " + connection, b"Upgrade: " + protocol)
    with server.connect() as client:
        if is_split:
            client.send(head[:-2])
            client.send(head[-2:])
            client.send(BODY)
        else:
            client.send(head + BODY)
        answer = client.read_answer()
        if b"close" in connection:
            assert client.read_to_end()[0] == b""
    assert answer.status == 200
    assert answer.json["bytes"] == len(BODY)


@pytest.mark.parametrize("request_text", [post() + BODY, b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_client_that_closes_its_side_gets_its_answer(server: Served, request_text: bytes) -> None:
    for _ in range(10):
        with server.connect() as client:
            client.send(request_text)
            client.sock.shutdown(socket.SHUT_WR)
            assert client.read_answer().status == 200
            assert client.read_to_end()[0] == b""


def test_half_a_request_is_not_waited_for(server: Served) -> None:
    with server.connect() as client:
        client.send(post() + BODY[:3])
        client.sock.shutdown(socket.SHUT_WR)
        rest, seconds = client.read_to_end()
    assert rest == b""
    assert seconds < 2


def test_whole_requests_are_answered_and_the_half_behind_them_forgotten(server: Served) -> None:
    get = b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    for half in (post() + BODY[:3], post()[:-3], b"NONSENSE\r\n\r\n", b""):
        with server.connect() as client:
            client.send(get + post() + BODY + get + half)
            client.sock.shutdown(socket.SHUT_WR)
            assert [client.read_answer().status for _ in range(3)] == [200, 200, 200]
            assert client.read_to_end()[0] == b""


def test_a_request_that_brings_something_has_the_time_that_its_answer_takes(server: Served) -> None:
    slow = b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n" + BODY  # longer than half_closed_seconds
    get = b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.connect() as client:
        client.send(get + slow + get)
        client.sock.shutdown(socket.SHUT_WR)
        assert [client.read_answer().status for _ in range(3)] == [200, 200, 200]
        assert client.read_to_end()[1] < 1


def test_an_answer_that_keeps_coming_is_not_cut(server: Served) -> None:
    with server.connect() as client:
        client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        client.sock.shutdown(socket.SHUT_WR)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert client.sock.recv(1_000_000)


def test_a_long_poll_of_a_client_that_is_gone_ends(server: Served) -> None:
    with server.connect() as client:
        client.send(b"GET /poll HTTP/1.1\r\nHost: x\r\n\r\n")
        client.sock.shutdown(socket.SHUT_WR)
        _, seconds = client.read_to_end()
    assert seconds < 3


def test_request_ids_do_not_count(server: Served) -> None:
    ids = [server.ask(b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n").headers["x-request-id"] for _ in range(20)]
    numbers = [int(one, 16) for one in ids]
    assert len(set(numbers)) == 20
    assert numbers != sorted(numbers)
