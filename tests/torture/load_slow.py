"""Clients that are slow on purpose, many at once, each on a raw socket: what they do, and how the server ends it.

A client whose connection was closed comes again, so that there are always as many. Which ends are right is judged here;
what honest clients see meanwhile is `slow_clients`.
"""

import asyncio
import errno
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from tests.ingest.served import TOKEN
from tests.torture.load_waiting import ProcessorWaits

COMING_EACH_SECOND = 100
LATE_SECONDS = 5.0
"""What may be added to a deadline, besides the time that the server waited for a processor."""
ANSWER_WAIT_SECONDS = 10.0
"""How long an answer may take to begin."""
UNREAD_SECONDS = 30.0
"""How long an answer may wait for who does not read."""
KEY = b"Authorization: Bearer an-admin-key-for-tests\r\n"
POST = b"POST /webhooks/maven HTTP/1.1\r\nHost: x\r\napiKey: %s\r\nContent-Type: application/json\r\n" % TOKEN.encode()
EXPORT = b"GET /v1/violations?status=all HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n" + KEY + b"\r\n"
STREAM = b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n" + KEY + b"\r\n"
LIST = b"GET /v1/violations?status=all&limit=50 HTTP/1.1\r\nHost: x\r\n" + KEY + b"\r\n"
BODY = b'{"eventType": "violationCreated", "id": "slow"'

_Kind = Callable[[socket.socket, random.Random], Awaitable[None]]


class Storm:
    """Slow clients on one port: `at_once` for each source of chance, from `begin` to the end of `running`."""

    def __init__(
        self,
        port: int,
        chances: Sequence[random.Random],
        at_once: int,
        request_seconds: float,
        waits: ProcessorWaits,
    ) -> None:
        self.ends: Counter[str] = Counter()
        """How often which kind of connection ended in which way."""
        self.most_open = 0
        self.latest_seconds = 0.0
        """How long after its deadline a request got its 408, at most."""
        self._address = ("127.0.0.1", port)
        self._chances = [random.Random(chance.random()) for chance in chances for _ in range(at_once)]
        self._request_seconds = request_seconds
        self._waits = waits
        self._open = 0
        self._is_begun = threading.Event()
        self._is_over = False
        self._is_end_expected = False
        # Of a hundred. Those whose answers are costly are few: this is about slow clients, not about too much work.
        shares: list[tuple[int, _Kind]] = [
            (20, self._silent),
            (20, self._slow_head),
            (20, self._slow_body),
            (15, self._slow_chunks),
            (10, self._half_closed),
            (12, self._stalled_stream),
            (1, self._stalled_export),
            (1, self._sipped_export),
            (1, self._stalled_pipeline),
        ]
        self._kinds = [kind for share, kind in shares for _ in range(share)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Raises what was wrong with the end of a connection, when the body is done."""
        with ThreadPoolExecutor(1, thread_name_prefix="storm") as pool:
            done = pool.submit(self._run)
            try:
                yield
            finally:
                self._is_over = True
                self._is_begun.set()
                done.result()

    def begin(self) -> None:
        """They come now, one after the other."""
        self._is_begun.set()

    def goes_on(self) -> bool:
        """False when something was wrong already."""
        return not self._is_over

    def expect_the_end(self) -> None:
        """From now on the server may close any connection."""
        self._is_end_expected = True

    def _run(self) -> None:
        self._is_begun.wait()
        try:
            asyncio.run(self._storm())
        finally:
            self._is_over = True

    async def _storm(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number, chance in enumerate(self._chances):
                group.create_task(self._come_again(self._kinds[number % len(self._kinds)], chance))

    async def _come_again(self, kind: _Kind, chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0, len(self._chances) / COMING_EACH_SECOND))
        while not self._is_over and not self._is_end_expected:
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                try:
                    await asyncio.get_running_loop().sock_connect(sock, self._address)
                    self._open += 1
                    self.most_open = max(self.most_open, self._open)
                    try:
                        await kind(sock, chance)
                    finally:
                        self._open -= 1
                except OSError as error:
                    if not self._is_end_expected:
                        raise AssertionError(f"{kind.__name__}: {error!r}") from error
            await asyncio.sleep(chance.uniform(0, 0.2))

    # Requests that do not come to their end

    async def _silent(self, sock: socket.socket, chance: random.Random) -> None:
        await self._assert_timeout("silent", sock, time.monotonic(), b"", chance)

    async def _slow_head(self, sock: socket.socket, chance: random.Random) -> None:
        head = b"GET /v1/violations HTTP/1.1\r\nHost: x\r\nX-Slow: "
        await self._assert_timeout("head", sock, time.monotonic(), head + b"x" * 10_000, chance)

    async def _slow_body(self, sock: socket.socket, chance: random.Random) -> None:
        began_at = time.monotonic()
        await asyncio.get_running_loop().sock_sendall(sock, POST + b"Content-Length: 9999\r\n\r\n")
        await self._assert_timeout("body", sock, began_at, BODY + b" " * 9000, chance)

    async def _slow_chunks(self, sock: socket.socket, chance: random.Random) -> None:
        began_at = time.monotonic()
        await asyncio.get_running_loop().sock_sendall(sock, POST + b"Transfer-Encoding: chunked\r\n\r\n")
        await self._assert_timeout("chunks", sock, began_at, b"1\r\n \r\n" * 9000, chance)

    async def _assert_timeout(
        self, what: str, sock: socket.socket, began_at: float, rest: bytes, chance: random.Random
    ) -> None:
        """Sends the rest byte by byte, and reads the 408 that ends it in time."""
        is_late = self._deadline(began_at, self._request_seconds + LATE_SECONDS)
        answer = asyncio.ensure_future(_read_to_end(sock))
        try:
            number = 0
            while not self._is_over and not self._is_end_expected:
                done, _ = await asyncio.wait([answer], timeout=chance.uniform(0.05, 0.5))
                if done:
                    break
                assert not is_late(), f"{what}: still open after {time.monotonic() - began_at:.1f} s"
                with suppress(OSError):
                    number += sock.send(rest[number : number + 1])
            if self._is_over or self._is_end_expected:
                return
            assert answer.result()[9:12] == b"408", f"{what}: {answer.result()!r}"
            self.latest_seconds = max(self.latest_seconds, time.monotonic() - began_at - self._request_seconds)
            self.ends["408"] += 1
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)  # it must let go of the socket before that is closed

    def _deadline(self, began_at: float, seconds: float) -> Callable[[], bool]:
        """Whether so much time has passed, beside what the server waited for a processor."""
        waited = self._waits.so_far()
        return lambda: time.monotonic() - began_at > seconds + self._waits.so_far() - waited

    async def _half_closed(self, sock: socket.socket, chance: random.Random) -> None:
        began_at = time.monotonic()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, (POST + b"Content-Length: 50\r\n\r\n" + BODY)[: chance.randint(1, 150)])
        sock.shutdown(socket.SHUT_WR)
        is_late = self._deadline(began_at, self._request_seconds + LATE_SECONDS)
        answer = await _read_to_end(sock)
        assert not answer.startswith(b"HTTP/1.1 2"), answer
        assert not is_late(), f"half closed: still open after {time.monotonic() - began_at:.1f} s"
        self.ends["half closed"] += 1
        await asyncio.sleep(chance.uniform(0.5, 2))  # it ends at once, and would come thousands of times

    # Answers that nobody reads

    async def _stalled_stream(self, sock: socket.socket, chance: random.Random) -> None:
        await self._stall("streams", sock, STREAM, must_end=False)

    async def _stalled_export(self, sock: socket.socket, chance: random.Random) -> None:
        await self._stall("exports", sock, EXPORT, must_end=True)

    async def _stalled_pipeline(self, sock: socket.socket, chance: random.Random) -> None:
        await self._stall("lists", sock, LIST * 120, must_end=True)

    async def _stall(self, what: str, sock: socket.socket, asked: bytes, *, must_end: bool) -> None:
        """Reads nothing until the server drops it. One whose answer fits into what the system holds is not dropped."""
        loop = asyncio.get_running_loop()
        began_at = time.monotonic()
        is_late = self._deadline(began_at, UNREAD_SECONDS + ANSWER_WAIT_SECONDS + LATE_SECONDS)
        await loop.sock_sendall(sock, asked)
        while not self._is_over and not self._is_end_expected:
            await asyncio.sleep(0.3)
            if _is_reset(sock):
                self.ends[f"stalled {what} dropped"] += 1
                return
            if must_end and is_late():
                assert _status(sock) in (b"503", b""), f"{what}: not dropped after {time.monotonic() - began_at:.0f} s"
                self.ends[f"stalled {what} refused"] += 1
                return

    async def _sipped_export(self, sock: socket.socket, chance: random.Random) -> None:
        """Reads a little at a time, for as long as the server has the patience."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, EXPORT)
        part = begin = b""
        try:
            while not self._is_over and not self._is_end_expected:
                async with asyncio.timeout(4 * ANSWER_WAIT_SECONDS):
                    part = await loop.sock_recv(sock, 64)
                begin = begin or part
                if not part:
                    break
                await asyncio.sleep(0.2)
        except ConnectionResetError:
            self.ends["sipped exports dropped"] += 1
        except TimeoutError:  # all of an answer was read, and the connection waits for the next request
            if begin[9:12] != b"503":
                raise
            self.ends["sipped exports refused"] += 1


def _is_reset(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (errno.ECONNRESET, errno.EPIPE)


def _status(sock: socket.socket) -> bytes:
    """The status of an answer that is left unread; empty when none came, or the connection is closed."""
    try:
        return sock.recv(12, socket.MSG_PEEK)[9:12]
    except OSError:
        return b""


async def _read_to_end(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    parts = []
    while part := await loop.sock_recv(sock, 4096):
        parts.append(part)
    return b"".join(parts)
