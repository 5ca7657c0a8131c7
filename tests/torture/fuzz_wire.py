"""Requests as bytes, answers as they come, and what every answer must be (contract section 4).

A connection keeps alive and takes one request after the other; a rough one is for a single piece of bytes that may be
no HTTP at all, and reads to the end.
"""

import asyncio
import zlib
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

ANSWER_SECONDS = 10.0
"""Contract section 4: an answer within so long of the whole request."""
SPARE_SECONDS = 5.0
"""How much later it may be seen here, on a machine that has other things to do."""
MEMBERS = {"type", "title", "status", "detail", "instance", "requestId"}
ANY_CURSOR = b"ANY-CURSOR"
"""Stands for a cursor that was given out lately."""
_LEAKS = (b"Traceback", b"sqlite3.", b"asyncpg.", b'File "')


@dataclass(slots=True)
class Ask:
    """One request. A rough one is of no certain form; of one that is cut the rest never comes."""

    kind: str
    data: bytes
    is_rough: bool = False
    is_cut: bool = False
    is_for_people: bool = False
    """Errors may be pages, because the client says that it is a browser."""

    @property
    def method(self) -> bytes:
        return self.data.partition(b" ")[0]

    def __str__(self) -> str:
        return f"{self.kind} {self.data[:600]!r}"


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes = b""

    @property
    def media_type(self) -> bytes:
        return self.headers.get(b"content-type", b"").partition(b";")[0]


def judge(ask: Ask, answer: Answer) -> None:
    """Asserts what holds of every answer, whatever was asked."""
    assert answer.status < 500 or answer.status == 503, f"{answer.status} {answer.body[:300]!r} for {ask}"
    assert answer.headers.get(b"x-request-id"), f"no request id for {ask}"
    assert not any(leak in answer.body and leak not in ask.data for leak in _LEAKS), f"{answer.body!r} for {ask}"
    if ask.method == b"HEAD" and not answer.body:
        return
    if answer.status < 400:
        if answer.media_type == b"application/json":
            orjson.loads(answer.body)
        return
    if ask.is_for_people and answer.media_type == b"text/html":
        return
    assert answer.media_type == b"application/problem+json", f"{answer.status} {answer.headers} for {ask}"
    problem = orjson.loads(answer.body)
    assert problem.keys() >= MEMBERS, f"{problem} for {ask}"
    assert problem["status"] == answer.status
    assert problem["requestId"].encode() == answer.headers[b"x-request-id"]
    assert problem["detail"]


@dataclass(eq=False)
class Wire:
    """A connection to one server. `counted` has the statuses that came."""

    port: int
    counted: dict[int, int] = field(default_factory=dict)
    last_cursor: bytes = b"none"
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        self._reader = self._writer = None

    async def ask(self, ask: Ask) -> Answer | None:
        """The answer, judged; None for a rough one, of which there may be several or none."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS + SPARE_SECONDS):
                return await (self._ask_roughly(ask) if ask.is_rough else self._ask(ask))
        except TimeoutError:
            raise AssertionError(f"no answer within {ANSWER_SECONDS:g} s for {ask}") from None

    async def _ask(self, ask: Ask) -> Answer:
        data = ask.data.replace(ANY_CURSOR, self.last_cursor, 1) if ANY_CURSOR in ask.data else ask.data
        while True:
            is_new = self._writer is None
            if self._writer is None or self._reader is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                self._writer.write(data)
                answer = await _read_answer(self._reader, ask.method)
                break
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                # A connection that was kept may be closed at any time between two requests.
                await self.close()
                if is_new:
                    raise AssertionError(f"closed without an answer for {ask}") from error
        self._note(ask, answer)
        if answer.headers.get(b"connection", b"").lower() == b"close":
            await self.close()
        return answer

    def _note(self, ask: Ask, answer: Answer) -> None:
        judge(ask, answer)
        self.counted[answer.status] = self.counted.get(answer.status, 0) + 1
        _, found, rest = answer.body.partition(b'"nextCursor":"')
        if found:
            self.last_cursor = rest.partition(b'"')[0]

    async def _ask_roughly(self, ask: Ask) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with suppress(ConnectionError):
                writer.write(ask.data)
                if not ask.is_cut:
                    # Who has said all lets the server end when it has answered all.
                    writer.write_eof()
                if ask.method == b"HEAD":
                    # Whether an answer has a body depends on whether the server could read as much as the method.
                    assert b" 500 " not in await reader.read(), f"500 for {ask}"
                    return
                while True:
                    answer = await _read_answer(reader, b"")
                    if answer.status >= 200:
                        self._note(ask, answer)
        except (asyncio.IncompleteReadError, ValueError) as error:
            rest = error.partial if isinstance(error, asyncio.IncompleteReadError) else b"?"
            assert not rest, f"what came is no answer: {rest[:300]!r} for {ask}"
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _read_answer(reader: asyncio.StreamReader, method: bytes) -> Answer:
    """The next answer. Raises `IncompleteReadError`, with nothing in it when nothing came."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    version, status, *_ = first.split(b" ", 2)
    if not version.startswith(b"HTTP/1."):
        raise ValueError(first)
    pairs = (line.partition(b": ") for line in lines)
    answer = Answer(int(status), {name.lower(): value for name, _, value in pairs})
    if method == b"HEAD" or answer.status in (204, 304) or answer.status < 200:
        return answer
    if answer.headers.get(b"transfer-encoding") == b"chunked":
        parts: list[bytes] = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        answer.body = b"".join(parts)
    elif b"content-length" in answer.headers:
        answer.body = await reader.readexactly(int(answer.headers[b"content-length"]))
    else:
        answer.body = await reader.read()
    if answer.headers.get(b"content-encoding") == b"gzip":
        answer.body = zlib.decompress(answer.body, 31)
    return answer
