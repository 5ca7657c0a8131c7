"""A receiver of webhooks for benchmarks: answers at once, or never under `/hang`, and counts.

`python -m bench.hook_receiver PORT`. `GET /stats` gives how many messages came, and how long after the commit of their
change: both clocks are this machine's.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

from app.maven.times import parse_time

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_STAMP = b'"timestamp":"'


class Tally:
    """What came. Latencies are seconds."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.first_at = 0.0
        self.last_at = 0.0
        self.hanging = 0

    def note(self, body: bytes) -> None:
        """Notes one message."""
        now = time.time()
        at = body.index(_STAMP) + len(_STAMP)
        sent = parse_time(body[at : body.index(b'"', at)].decode())
        self.latencies.append(now - sent / 1e6)
        self.first_at = self.first_at or now
        self.last_at = now

    def shown(self) -> bytes:
        """As JSON; then it begins anew."""
        ordered = sorted(self.latencies)
        figures = {
            "count": len(ordered),
            "seconds": self.last_at - self.first_at,
            "p50": ordered[len(ordered) // 2] if ordered else 0,
            "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0,
            "hanging": self.hanging,
        }
        self.latencies, self.first_at = [], 0.0
        return json.dumps(figures).encode()


class Connection(asyncio.Protocol):
    """One connection, which may bring one message after the other."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            lower = self._buffer[:head].lower()
            at = lower.find(b"content-length: ")
            length = int(lower[at + 16 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < head + 4 + length:
                return
            body, self._buffer = self._buffer[head + 4 : head + 4 + length], self._buffer[head + 4 + length :]
            self._answer(lower, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        if head.startswith(b"get "):
            shown = self._tally.shown()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(shown), shown))
        elif head.startswith(b"post /hang"):
            self._tally.hanging += 1
        else:
            self._tally.note(body)
            self._transport.write(_OK)


async def serve(port: int) -> None:
    """Receives until it is ended."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", port, backlog=2048)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
