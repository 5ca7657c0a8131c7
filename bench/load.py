"""A load generator lean enough to keep a server busy from one core: keep-alive connections, one request each in
flight.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import uvloop


@dataclass(slots=True)
class LoadResult:
    """What one run saw. Latencies are seconds."""

    seconds: float
    answers: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return sum(self.answers.values()) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that `share` of the answers stayed under."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


class _Connection(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it was answered."""

    def __init__(
        self, requests: Iterator[bytes], result: LoadResult, until: Callable[[], bool], done: Callable[[], None]
    ):
        self._requests = requests
        self._result = result
        self._is_over = until
        self._done = done
        self._buffer = b""
        self._asked_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its bases
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        request = None if self._is_over() else next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._asked_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            self._buffer = buffer
            return
        at = buffer.find(b"content-length: ", 0, head)
        length = int(buffer[at + 16 : buffer.index(b"\r", at)]) if at >= 0 else 0
        if len(buffer) < head + 4 + length:
            self._buffer = buffer
            return
        self._buffer = b""
        self._result.answers[int(buffer[9:12])] += 1
        self._result.latencies.append(time.perf_counter() - self._asked_at)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()


async def _run(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> LoadResult:
    loop = asyncio.get_running_loop()
    result = LoadResult(seconds)
    ends_at = time.perf_counter() + seconds
    left = connections
    finished = asyncio.Event()

    def done() -> None:
        nonlocal left
        left -= 1
        if not left:
            finished.set()

    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(
            lambda: _Connection(requests, result, lambda: time.perf_counter() >= ends_at, done), "127.0.0.1", port
        )
    async with asyncio.timeout(seconds + 30):
        await finished.wait()
    result.seconds = time.perf_counter() - began
    return result


def run_load(port: int, requests: Iterator[bytes], *, connections: int = 64, seconds: float = 4.0) -> LoadResult:
    """Asks `requests` over `connections` for `seconds`, or until they end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, connections, seconds))


def post(path: str, body: bytes, token: str) -> bytes:
    """A POST with JSON, as bytes on the wire."""
    return (
        b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %b\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (path.encode(), token.encode(), len(body), body)
    )


def get(path: str, token: str) -> bytes:
    """A GET, as bytes on the wire."""
    return b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %b\r\n\r\n" % (path.encode(), token.encode())
