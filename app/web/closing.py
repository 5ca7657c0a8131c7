"""The end of a connection: the last answer, and a close that lets it arrive.

Owns the bytes that the server itself answers with, and the transport that knows the ways to close. When and why a
connection ends is decided in `deadlines`.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from starlette.types import Scope

from app.web.middleware import sent_request_id
from app.web.problems import JSON_TYPE, Problem, render_problem, request_instance

# Makes closing a socket reset the connection, instead of leaving the kernel with what nobody reads.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


# The head of an answer is shorter; whatever is longer does not wait for company.
HELD_BYTES = 2048


class ClosingTransport(asyncio.Transport):
    """A transport whose `close` lets the last answer arrive, and which sends head and body of an answer in one go.

    Closing a socket with unread input resets the connection, and the client may never see what was written before. So
    when the request is not read to its end, only our side is closed, and the rest is read and dropped for a while.

    A short write waits for the next one of the same turn of the loop: uvicorn writes an answer in two pieces, and each
    would be a system call here and a wake-up at the client, a sixth of what a small answer costs.
    """

    def __init__(self, transport: asyncio.Transport, begin_closing: Callable[[], None]) -> None:
        super().__init__()
        self.inner = transport
        self.begin_closing = begin_closing
        self.is_done = False
        self.held = b""
        self.writes = 0
        self.call_soon = asyncio.get_running_loop().call_soon

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes += 1
        if self.held:
            held, self.held = self.held, b""
            self.inner.write(held + data)
        elif len(data) <= HELD_BYTES:
            self.held = bytes(data)
            self.call_soon(self.flush)
        else:
            self.inner.write(data)

    def flush(self) -> None:
        """Sends what is held back; to a client that has gone meanwhile there is nothing to send."""
        if self.held:
            held, self.held = self.held, b""
            if not self.inner.is_closing():
                self.inner.write(held)

    def close(self) -> None:
        if self.is_done:
            return
        self.flush()
        self.is_done = True
        self.begin_closing()

    def is_closing(self) -> bool:
        return self.is_done or self.inner.is_closing()

    def pause_reading(self) -> None:
        self.inner.pause_reading()

    def resume_reading(self) -> None:
        self.inner.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.inner.get_extra_info(name, default)

    def abort(self) -> None:
        self.is_done = True
        if self.inner.get_write_buffer_size() and (sock := self.inner.get_extra_info("socket")) is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.inner.abort()


def render_last_answer(problem: Problem, scope: Scope | None) -> bytes:
    """A problem as the raw bytes of a last answer. `scope` is None when no request was understood so far."""
    request_id, instance, method = f"c-{secrets.token_hex(8)}", "/", "GET"
    if scope is not None:
        instance, method = request_instance(scope), scope["method"]
        request_id = sent_request_id(scope["headers"]) or request_id
    body = render_problem(problem, request_id, instance)
    head = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        f"date: {formatdate(usegmt=True)}",
        f"content-type: {JSON_TYPE}",
        f"content-length: {len(body)}",
        *(f"{name.lower()}: {value}" for name, value in problem.headers.items() if name != "Connection"),
        f"x-request-id: {request_id}",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "connection: close",
        "\r\n",
    ]
    return "\r\n".join(head).encode("ascii") + (b"" if method == "HEAD" else body)
