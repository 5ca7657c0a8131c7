"""A process stops in time with status 0, and what was received is answered: contract section 4, the last paragraph."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.web.wire import Client, Served, served, wait_until

# What is allowed for everything; the contract's own 10 s, shortened as the deadlines are.
STOP = {
    "stop_upload_seconds": 0.3,
    "stop_unread_seconds": 0.3,
    "stop_request_seconds": 0.8,
    "stop_lifespan_seconds": 0.5,
    "stop_seconds": 3.0,
}
PROMPT_SECONDS = 0.7
LIMIT_SECONDS = 2.5


def get(server: Served, path: str, *, receive_buffer: int | None = None) -> Client:
    """A client whose request the server has begun to handle."""
    client = server.connect(receive_buffer=receive_buffer)
    client.send(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    # Another answer on the same loop, asked for later, says that this one was taken up.
    assert server.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status in (200, 405)
    return client


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_at_once(number: int) -> None:
    with served(STOP) as server, server.connect() as silent, server.connect() as idle:
        idle.send(b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.read_answer().status == 200
        silent.send(b"\r\n")
        assert server.stop(number) < PROMPT_SECONDS
        assert idle.read_to_end()[0] == b""
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "lifespan ended\n"


def test_what_was_received_is_answered() -> None:
    with served(STOP) as server, get(server, "/little") as client, get(server, "/poll") as poll:
        client.send(b"GET /items/queued HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.stop() < PROMPT_SECONDS
        assert poll.read_answer().body == b"ended"
        assert client.read_answer().body == b"done"


def test_handlers_that_do_not_end_are_cancelled_with_503() -> None:
    with served(STOP) as server, get(server, "/vain") as client:
        assert STOP["stop_request_seconds"] < server.stop() < LIMIT_SECONDS
        answer = client.read_answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert answer.json["type"] == "/problems/stopping"
        assert int(answer.headers["retry-after"]) > 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


def test_uploads_under_way_are_ended_with_503() -> None:
    with served(STOP) as server, server.connect() as body, server.connect() as head:
        body.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        head.send(b"POST /echo HTTP/1.1\r\nHo")
        assert server.ask(b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        assert server.stop() < 2 * STOP["stop_upload_seconds"] + PROMPT_SECONDS
        for client in (body, head):
            answer = client.read_answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert answer.json["type"] == "/problems/stopping"
            assert answer.json["requestId"] == answer.headers["x-request-id"]
            assert "retry-after" in answer.headers


def test_an_upload_that_ends_in_time_is_answered() -> None:
    with served({**STOP, "stop_upload_seconds": 3.0}) as server, server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        assert server.ask(b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refusing(server.port))
        client.send(b"67890")
        assert client.read_answer().json["bytes"] == 10
        assert server.process.wait(5) == 0


@pytest.mark.parametrize("path", ["/flood", "/large"])
def test_answers_that_nobody_reads_are_dropped(path: str) -> None:
    with served(STOP) as server, get(server, path, receive_buffer=4096):
        assert server.stop() < LIMIT_SECONDS


def test_a_stream_that_is_read_but_does_not_end_is_broken_off() -> None:
    with served(STOP) as server, server.connect() as client:
        client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: client._fill() and len(client.received) > 100_000)
        server.process.send_signal(signal.SIGTERM)
        received, seconds = client.read_to_end()
        assert seconds < LIMIT_SECONDS
        assert not received.endswith(b"0\r\n\r\n")
        assert server.process.wait(5) == 0


def test_a_blocked_loop_does_not_outlive_the_last_deadline() -> None:
    with served(STOP) as server, get(server, "/block"):
        assert server.stop() < STOP["stop_seconds"] + PROMPT_SECONDS


def test_later_requests_are_refused() -> None:
    with served({**STOP, "stop_request_seconds": 1.5, "stop_seconds": 9.0}) as server, get(server, "/vain") as first:
        with server.connect() as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
            assert client.read_answer().status == 200
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: is_refusing(server.port))
            assert client.read_to_end()[0] == b""
        # On the connection that still waits for its answer, the next one comes after it or never.
        first.send(b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.read_answer().status == 503
        assert server.process.wait(5) == 0


def test_a_second_signal_leaves_at_once() -> None:
    with served({**STOP, "stop_request_seconds": 60.0, "stop_seconds": 90.0}) as server, get(server, "/vain"):
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refusing(server.port) and time.monotonic() > began + 0.6)
        assert server.stop() < PROMPT_SECONDS


def test_the_same_signal_twice_is_one_wish() -> None:
    with served(STOP) as server, get(server, "/little") as client:
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
        assert client.read_answer().body == b"done"
        assert server.process.wait(5) == 0


def test_a_failing_start_has_status_1() -> None:
    with served(STOP, environment={"FAIL_TO_START": "1"}) as server:
        assert server.process.wait(5) == 1


def is_refusing(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def pids_of(server: Served, count: int) -> set[int]:
    """The workers that answer, asked until there are as many."""
    pids: set[int] = set()

    def ask() -> bool:
        pid = server.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").json["pid"]
        assert isinstance(pid, int)
        pids.add(pid)
        return len(pids) >= count

    wait_until(ask)
    return pids


def test_workers_share_a_port_and_stop_together() -> None:
    with served(STOP, workers=2) as server, get(server, "/poll") as poll, get(server, "/little") as client:
        assert server.process.pid not in pids_of(server, 2)
        # As a supervisor does that signals the whole group: every worker is told twice.
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(5) == 0
        assert poll.read_answer().body == b"ended"
        assert client.read_answer().body == b"done"
        assert is_refusing(server.port)


def test_workers_stop_in_time_whatever_clients_do() -> None:
    with served(STOP, workers=2) as server, get(server, "/vain"), get(server, "/flood", receive_buffer=4096):
        assert server.stop(signal.SIGINT) < LIMIT_SECONDS


def test_a_worker_that_died_is_replaced() -> None:
    with served(STOP, workers=2) as server:
        before = pids_of(server, 2)
        with server.connect() as client:
            client.send(b"GET /die HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.read_to_end()[0] == b""
        after = pids_of(server, 2)
        wait_until(lambda: bool(pids_of(server, 2) - before))
        assert len(before & after) == 1
        assert server.stop() < LIMIT_SECONDS


def test_workers_end_when_their_parent_is_killed() -> None:
    with served(STOP, workers=2) as server:
        server.process.kill()
        wait_until(lambda: is_refusing(server.port))


def test_workers_that_cannot_start_end_it_all_with_status_1() -> None:
    with served(STOP, workers=2, environment={"FAIL_TO_START": "1"}) as server:
        assert server.process.wait(5) == 1


def test_a_worker_that_dies_before_it_is_ready_is_replaced_when_another_serves(tmp_path: Path) -> None:
    with served(STOP, workers=2, environment={"SECOND_DIES": str(tmp_path)}) as server:
        assert len(pids_of(server, 2)) == 2
        assert server.stop() < LIMIT_SECONDS
