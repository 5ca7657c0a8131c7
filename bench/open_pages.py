"""Open pages for benchmarks, as browsers have them: `python -m bench.open_pages PORT PAGES KEY`.

Each has a session of its own, a connection with `GET /live`, and another one on which it fetches the overview's live
part, when it is told to and after the random wait it is told of: what `pages.js` does, without drawing. Says `ready`
on its output once all pages are open and have fetched once; on SIGTERM it says what it did, as JSON.
"""

import asyncio
import json
import random
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode

import uvloop

_TICK = re.compile(rb'event: changed\ndata: {"at":(\d+),"spread":(\d+)}')
_RETRY_SECONDS = 1.1
"""After which a page asks again whose part was made before the change it was told of."""


@dataclass(slots=True)
class _Count:
    """What all pages did since they were open."""

    fetched: int = 0
    failed: int = 0
    ticks: int = 0
    bytes: int = 0
    seconds: float = 0.0
    longest_spread: float = 0.0


class _Page:
    """One page."""

    def __init__(self, port: int, cookie: str, count: _Count) -> None:
        self._port = port
        self._cookie = cookie
        self._count = count
        self._wanted = 0
        self._spread = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_open = asyncio.Event()

    async def listen(self) -> None:
        """Follows `GET /live` for ever."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._request("/live", "accept: text/event-stream\r\n"))
        buffer = b""
        while data := await reader.read(65536):
            buffer = (buffer + data)[-1000:]
            for told in _TICK.finditer(buffer):
                self._count.ticks += 1
                spread = self._spread = int(told[2]) / 1000
                self._count.longest_spread = max(spread, self._count.longest_spread)
                self._wanted = max(self._wanted, int(told[1]))
                self._plan(random.random() * spread)
                buffer = buffer[told.end() :] if told.end() <= len(buffer) else b""
                break
        raise RuntimeError("a page's stream ended")

    def close(self) -> None:
        """Asks for nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _request(self, path: str, headers: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: hos_session={self._cookie}\r\n{headers}\r\n".encode()

    def _plan(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        task = asyncio.ensure_future(self._fetch())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self) -> None:
        began = time.perf_counter()
        async with self._lock:
            try:
                made_at, size = await self._ask()
            except (OSError, asyncio.IncompleteReadError, ValueError, AttributeError):
                self._count.failed += 1
                self._connection = None
                self._plan(5)
                return
        self._count.fetched += 1
        self._count.bytes += size
        self._count.seconds += time.perf_counter() - began
        self.is_open.set()
        if made_at < self._wanted:
            self._plan(_RETRY_SECONDS + random.random() * self._spread)

    async def _ask(self) -> tuple[int, int]:
        """When the part was made, and its bytes on the wire."""
        if self._connection is None:
            self._connection = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._connection
        writer.write(self._request("/", "x-live: 1\r\naccept: text/html\r\naccept-encoding: gzip\r\n"))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise ValueError(head[:20])
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        await reader.readexactly(length)
        return int(head.partition(b"x-made-at: ")[2].partition(b"\r")[0]), len(head) + length


def sign_in(port: int, key: str) -> str:
    """Signs in with an API key; the cookie's value."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    form = {"content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", urlencode({"key": key, "next": "/"}), form)
    answer = connection.getresponse()
    cookie = answer.headers.get("set-cookie", "")
    connection.close()
    if answer.status != 303 or not cookie.startswith("hos_session="):
        raise RuntimeError(f"no sign-in: {answer.status}")
    return cookie.partition("=")[2].partition(";")[0]


async def _run(port: int, cookies: list[str]) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    count = _Count()
    pages = [_Page(port, cookie, count) for cookie in cookies]
    tasks = [asyncio.create_task(page.listen()) for page in pages]
    async with asyncio.timeout(60):
        for page in pages:
            await page.is_open.wait()
    for name in ("fetched", "failed", "ticks", "bytes"):
        setattr(count, name, 0)
    count.seconds = count.longest_spread = 0.0
    used = _cpu_seconds()
    began = time.perf_counter()
    print("ready", flush=True)
    await over.wait()
    seconds = time.perf_counter() - began
    told = {name: getattr(count, name) for name in _Count.__slots__}
    ended = sum(task.done() for task in tasks)
    print(json.dumps({**told, "open_seconds": seconds, "ended": ended, "cpu": (_cpu_seconds() - used) / seconds}))
    for page in pages:
        page.close()
    for task in tasks:
        task.cancel()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    port, pages, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    cookies = [sign_in(port, key) for _ in range(pages)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(port, cookies))


if __name__ == "__main__":
    main()
