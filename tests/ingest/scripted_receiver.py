"""A small real HTTP server on loopback that answers as a test wants it to, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the server read it; `number` counts from 0."""

    number: int
    target: str
    headers: dict[str, str]
    body: bytes

    def events(self) -> list[Any]:
        content = json.loads(self.body)
        return content if isinstance(content, list) else [content]


Reply: TypeAlias = Callable[[Asked], tuple[int, dict[str, str], bytes] | None]
"""Status, headers and body to answer with, or None to drop the connection."""


@dataclass(slots=True)
class Server:
    """Answers by `reply`, which gives status, headers and body, or None to drop the connection."""

    reply: Reply
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    listener: asyncio.Server | None = None

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers["content-length"]))
        asked = Asked(len(self.asked), head[0].split(" ")[1], headers, body)
        self.asked.append(asked)
        replied = self.reply(asked)
        if replied is None:
            return False
        status, more, content = replied
        if status in {200, 207}:
            self.taken += [json.dumps(event, sort_keys=True) for event in asked.events()]
        fields = {"Content-Length": str(len(content)), **more}
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + content)
        await writer.drain()
        return True


def results(asked: Asked, outcome: str = "created") -> tuple[int, dict[str, str], bytes]:
    """What a receiver answers that understood everything."""
    listed = [{"violationId": "v", "eventId": None, "outcome": outcome} for _ in asked.events()]
    return 200, {}, json.dumps({"results": listed, "accepted": len(listed), "quarantined": 0}).encode()


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[Server]:
    server = Server(reply)
    conversations: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(server.converse(reader, writer)))

    server.listener = listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


def last_line(told: str) -> str:
    return told.rstrip("\n").split("\n")[-1]
