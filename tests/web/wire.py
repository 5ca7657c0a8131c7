"""Talking to a served process in raw bytes, for the tests of the server. Every wait has a deadline."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 8.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed


@dataclass
class Served:
    process: subprocess.Popen[str]
    port: int

    def connect(self, *, receive_buffer: int | None = None) -> "Client":
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self.port))
        return Client(sock)

    def ask(self, request: bytes) -> Answer:
        with self.connect() as client:
            client.send(request)
            return client.read_answer()

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Signals, waits, asserts status 0, and gives the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(PATIENCE) == 0
        return time.monotonic() - began


class Client:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def _fill(self) -> bool:
        data = self.sock.recv(65536)
        self.received += data
        return bool(data)

    def read_answer(self, method: str = "GET") -> Answer:
        """The next answer on this connection; EOFError when there is none."""
        while b"\r\n\r\n" not in self.received:
            if not self._fill():
                raise EOFError(self.received)
        head, _, rest = self.received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = 0 if method == "HEAD" else int(headers["content-length"])
        self.received = rest
        while len(self.received) < length:
            if not self._fill():
                raise EOFError(self.received)
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(lines[0].split()[1]), headers, body)

    def read_to_end(self) -> tuple[bytes, float]:
        """What comes until the server closes, and how many seconds that took. A reset counts as an end."""
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            while self._fill():
                pass
        return self.received, time.monotonic() - began

    def is_reset(self) -> bool:
        """Whether the server has dropped the connection; found out without reading."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def wait_until(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


@contextlib.contextmanager
def served(
    deadlines: Mapping[str, float], *, workers: int = 1, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    terms = json.dumps({"workers": workers, "deadlines": dict(deadlines)})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.web.serving", terms],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        yield Served(process, int(line) if line else 0)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
