"""Connections end in time, and end well: contract section 4, statuses 400, 408, 413 and 431, over real sockets."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.web.wire import Answer, Client, Served, served, wait_until

REQUEST_SECONDS = 0.6
UNREAD_SECONDS = 0.5
# What a check every tenth of a second, a busy machine and the closing of a socket may add.
SLACK = 1.5

ECHO = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    terms = {
        "request_seconds": REQUEST_SECONDS,
        "unread_seconds": UNREAD_SECONDS,
        "linger_seconds": 0.5,
        "keep_alive_seconds": 1,
    }
    with served(terms) as running:
        yield running


def assert_problem(answer: Answer, status: int, slug: str, instance: str) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json) == {"type", "title", "status", "detail", "instance", "requestId"}
    assert answer.json["type"] == f"/problems/{slug}"
    assert answer.json["status"] == status
    assert answer.json["instance"] == instance
    assert answer.json["requestId"] == answer.headers["x-request-id"] != ""


def assert_closed_with(client: Client, status: int, slug: str, instance: str) -> None:
    answer = client.read_answer()
    assert_problem(answer, status, slug, instance)
    assert answer.headers["connection"] == "close"
    rest, seconds = client.read_to_end()
    assert rest == b""
    assert seconds < SLACK


@pytest.mark.parametrize(
    "sent,instance",
    [
        (b"", "/"),
        (b"\r\n\r\n", "/"),
        (b"POST /ec", "/"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Le", "/"),
        (ECHO % (10, b"12345"), "/echo"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", "/echo"),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n", "/echo"),
        # Nobody reads this body; the handler only waits.
        (b"GET /vain HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", "/vain"),
    ],
)
def test_an_incomplete_request_is_ended_with_408(server: Served, sent: bytes, instance: str) -> None:
    with server.connect() as client:
        began = time.monotonic()
        client.send(sent)
        assert_closed_with(client, 408, "request-timeout", instance)
        assert REQUEST_SECONDS - 0.1 <= time.monotonic() - began <= REQUEST_SECONDS + SLACK


def test_a_trickling_body_gains_no_time(server: Served) -> None:
    with server.connect() as client:
        began = time.monotonic()
        client.send(ECHO % (1000, b""))
        while not client.received:
            client.send(b"x")
            client.sock.settimeout(0.1)
            try:
                client.received += client.sock.recv(65536)
            except TimeoutError:
                assert time.monotonic() - began < REQUEST_SECONDS + SLACK
        client.sock.settimeout(5)
        assert_closed_with(client, 408, "request-timeout", "/echo")


def test_the_request_id_of_the_client_is_on_its_408(server: Served) -> None:
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nX-Request-Id: mine.1\r\nContent-Length: 3\r\n\r\n")
        assert client.read_answer().headers["x-request-id"] == "mine.1"


def test_a_deadline_counts_from_each_request(server: Served) -> None:
    with server.connect() as client:
        until = time.monotonic() + REQUEST_SECONDS * 2
        while time.monotonic() < until:
            client.send(ECHO % (5, b"12345"))
            assert client.read_answer().status == 200
        client.send(b"GET /items/1 HT")
        assert_closed_with(client, 408, "request-timeout", "/")


def test_an_idle_connection_is_closed_without_a_word(server: Served) -> None:
    with server.connect() as client:
        client.send(ECHO % (5, b"12345"))
        assert client.read_answer().status == 200
        rest, seconds = client.read_to_end()
        assert rest == b""
        assert 0.8 <= seconds <= 1 + SLACK


def test_a_connection_answered_before_its_body_came_is_idle_afterwards(server: Served) -> None:
    with server.connect() as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        assert client.read_answer().status == 200
        client.send(b"abc")
        client.send(ECHO % (5, b"12345"))
        assert client.read_answer().status == 200
        client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        assert client.read_answer().status == 200
        client.send(b"abc")
        rest, seconds = client.read_to_end()
        assert rest == b""
        assert seconds <= 1 + SLACK


def test_an_early_answer_does_not_free_a_stalled_body(server: Served) -> None:
    with server.connect() as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        assert client.read_answer().status == 200
        rest, seconds = client.read_to_end()
        assert rest == b""
        assert seconds <= REQUEST_SECONDS + SLACK


def test_pipelined_requests_are_answered_in_their_order(server: Served) -> None:
    with server.connect() as client:
        client.send(b"".join(b"GET /items/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(50)))
        assert [client.read_answer().json["id"] for _ in range(50)] == [str(number) for number in range(50)]
        client.send(ECHO % (3, b"abc") + b"GET /items/last HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.read_answer().json["bytes"] == 3
        assert client.read_answer().json["id"] == "last"


def test_what_comes_before_a_broken_request_is_answered(server: Served) -> None:
    with server.connect() as client:
        client.send(ECHO % (3, b"abc") + ECHO % (4, b"abcd") + b"NONSENSE\r\n\r\n")
        assert client.read_answer().json["bytes"] == 3
        assert client.read_answer().json["bytes"] == 4
        rest, seconds = client.read_to_end()
        assert b"HTTP/1.1 200" not in rest
        assert seconds < SLACK


@pytest.mark.parametrize(
    "sent,instance",
    [
        (b"NONSENSE\r\n\r\n", "/"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "/"),
        (b"GET / HTTP/9.9\r\n\r\n", "/"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", "/"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "/"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "/"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "/"),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "/echo"),
        (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", "/"),
    ],
)
def test_what_is_no_http_gets_400(server: Served, sent: bytes, instance: str) -> None:
    with server.connect() as client:
        client.send(sent)
        assert_closed_with(client, 400, "bad-request", instance)


@pytest.mark.parametrize(
    "begin,more",
    [
        (b"GET / HTTP/1.1\r\n", b"X-A: %s\r\n" % (b"a" * 1000)),
        (b"GET /", b"a" * 1000),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: %s\r\n" % (b"a" * 1000)),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5", b";a=" + b"b" * 1000),
    ],
)
def test_headers_without_end_get_431(server: Served, begin: bytes, more: bytes) -> None:
    with server.connect() as client:
        client.send(begin)
        for _ in range(600):
            client.send(more)
        answer = client.read_answer()
        assert answer.status == 431
        assert answer.json["type"] == "/problems/headers-too-large"


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("size,status", [(63 * 1024, 200), (65 * 1024, 431), (120 * 1024, 431)])
def test_whole_headers_over_the_limit_get_431(server: Served, size: int, status: int, number: int) -> None:
    large = b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nX-A: %s\r\n\r\nabc" % (b"a" * size)
    with server.connect() as client:
        client.send(ECHO % (3, b"abc") * number + large)
        for _ in range(number):
            assert client.read_answer().status == 200
        if number and status == 431:
            assert client.read_to_end()[0] == b""
        else:
            assert client.read_answer().status == status


def test_large_bodies_do_not_count_as_headers(server: Served) -> None:
    with server.connect() as client:
        client.send((ECHO % (90_000, b"x" * 90_000)) * 3)
        assert [client.read_answer().status for _ in range(3)] == [200, 200, 200]


def test_an_announced_size_beyond_the_limit_is_refused_before_the_body(server: Served) -> None:
    with server.connect() as client:
        client.send(ECHO % (100_001, b""))
        assert_closed_with(client, 413, "too-large", "/echo")


def test_a_refusal_is_read_although_the_body_was_sent_whole(server: Served) -> None:
    with server.connect() as client:
        client.send(ECHO % (5_000_000, b"x" * 5_000_000))
        assert_closed_with(client, 413, "too-large", "/echo")


def test_chunks_beyond_the_limit_are_refused(server: Served) -> None:
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):
            client.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        assert_closed_with(client, 413, "too-large", "/echo")


def test_chunks_up_to_the_limit_are_taken(server: Served) -> None:
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10):
            client.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        client.send(b"0\r\n\r\n")
        assert client.read_answer().json["bytes"] == 100_000


def test_a_body_that_we_are_slow_to_read_is_not_late(server: Served) -> None:
    with server.connect() as client:
        body = b"x" * 100_000
        # In two parts: the second is sent, but not looked at before the deadline.
        client.send(b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body[:70_000])
        client.send(body[70_000:])
        assert client.read_answer().json["bytes"] == 100_000


def test_trailers_do_not_become_headers(server: Served) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = server.ask(head + b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert answer.json["headers"] == ["host", "transfer-encoding"]


def test_an_upgrade_that_is_not_offered_is_passed_over(server: Served) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\n" + upgrade + b"Content-Length: 3\r\n\r\nabc"
    with server.connect() as client:
        client.send(request + request)
        answers = [client.read_answer() for _ in range(2)]
        client.send(request)
        answers.append(client.read_answer())
        assert [answer.json["bytes"] for answer in answers] == [3, 3, 3]
        assert answers[0].json["headers"] == ["host", "connection", "content-length"]


def test_a_client_that_does_not_read_is_dropped(server: Served) -> None:
    with server.connect(receive_buffer=4096) as client:
        client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(client.is_reset)


def test_an_answer_that_waits_for_its_reader_is_dropped_too(server: Served) -> None:
    with server.connect(receive_buffer=4096) as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wait_until(client.is_reset)


def test_a_client_that_reads_gets_all(server: Served) -> None:
    answer = server.ask(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    assert len(answer.body) == 10_000_000


def test_head_has_the_headers_alone(server: Served) -> None:
    with server.connect() as client:
        client.send(b"HEAD /items/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.read_answer("HEAD")
        assert (answer.status, answer.headers["content-length"]) == (200, "10")
        client.send(ECHO % (1, b"x"))
        assert client.read_answer().status == 200


@pytest.mark.parametrize(
    "request_line,status,slug,instance",
    [
        ("GET /nowhere?a=b", 404, "not-found", "/nowhere"),
        ("PATCH /echo", 405, "method-not-allowed", "/echo"),
        ("GET /items/%ff", 400, "invalid-path", "/items/%ff"),
        ("GET /items/a%2", 400, "invalid-path", "/items/a%2"),
        ("GET /crash", 500, "crashed", "/crash"),
    ],
)
def test_every_error_is_a_problem(server: Served, request_line: str, status: int, slug: str, instance: str) -> None:
    answer = server.ask(f"{request_line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert_problem(answer, status, slug, instance)
    assert "hunter2" not in json.dumps(answer.json)
    if status == 405:
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "segment,decoded",
    [("a%2Fb", "a/b"), ("%E9%BB%9E", "點"), ("%252F", "%2F"), ("a+b", "a+b"), ("%41%2e%2E", "A.."), ("%20", " ")],
)
def test_any_id_reaches_its_route(server: Served, segment: str, decoded: str) -> None:
    assert server.ask(f"GET /items/{segment} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).json["id"] == decoded
