"""Readers of the changes feed and of the stream as clients are: they give up, come back, and ask now here, now there.

Each follows its cursor until it has seen the change that the round ends with, and keeps what it got in order. What it
should have got is judged by `feed`.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

Entry = dict[str, Any]

LIMITS = (1, 2, 7, 40, 100, 100, 400, 1000, 1000)
PATIENCE = 120.0


@dataclass(eq=False)
class Reader:
    """Somebody who follows the changes that a key may see."""

    name: str
    headers: Mapping[str, str]
    terminals: frozenset[str] | None
    last: str
    """The violation with whose creation the round ends for this key."""
    chance: random.Random
    entries: list[Entry] = field(default_factory=list)
    requests: int = 0
    broken_off: int = 0
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Whatever is committed from now on, it is to get."""

    @property
    def has_ended(self) -> bool:
        return bool(self.entries) and self.entries[-1]["violationId"] == self.last

    async def follow_pages(self, processes: Sequence[httpx2.AsyncClient], start: str | None) -> None:
        """By `GET /v1/changes`: any limit, any wait, some requests left before their answer."""
        cursor = start
        self.has_begun.set()
        async with asyncio.timeout(PATIENCE):
            while not self.has_ended:
                parameters = {"limit": str(self.chance.choice(LIMITS)), "wait": str(self.chance.choice((0, 1, 2, 30)))}
                if cursor is not None:
                    parameters["after"] = cursor
                seconds = self.chance.uniform(0.0, 0.2) if self.chance.random() < 0.2 else PATIENCE
                self.requests += 1
                try:
                    answer = await self.chance.choice(processes).get(
                        "/v1/changes", params=parameters, headers=self.headers, timeout=_patience(seconds)
                    )
                except httpx2.ReadTimeout:
                    self.broken_off += 1
                    continue
                assert answer.status_code == 200, answer.text
                page = answer.json()
                got: list[Entry] = page["data"]
                cursor = page["pagination"]["nextCursor"]
                if got and self.chance.random() < 0.1:
                    # It stopped before it had done with all of the page, and goes on where it was.
                    del got[self.chance.randint(1, len(got)) :]
                    cursor = got[-1]["cursor"]
                self.entries += got

    async def follow_stream(self, processes: Sequence[httpx2.AsyncClient], start: str | None) -> None:
        """By `GET /v1/stream`: disconnects at any moment and comes back with the last id, to another process."""
        last_id = start
        if last_id is not None:
            self.has_begun.set()
        turn = self.chance.randrange(len(processes))
        async with asyncio.timeout(PATIENCE):
            while not self.has_ended:
                turn = (turn + 1) % len(processes)
                most = self.chance.choice((0, 1, 3, 20, 200, 2000))
                seconds = self.chance.choice((0.05, 0.3, 2.0))
                headers = {**self.headers, **({} if last_id is None else {"Last-Event-ID": last_id})}
                if not self.entries and last_id is None:
                    seconds = PATIENCE
                leaves_at = time.monotonic() + seconds
                self.requests += 1
                try:
                    async with processes[turn].stream(
                        "GET", "/v1/stream", headers=headers, timeout=_patience(seconds)
                    ) as answer:
                        assert answer.status_code == 200, answer.status_code
                        async for event in _events(answer):
                            last_id = event.get("id", last_id)
                            self.has_begun.set()
                            if "data" not in event:
                                continue
                            entry: Entry = json.loads(event["data"])
                            assert (entry["cursor"], entry["type"]) == (event["id"], event["event"])
                            self.entries.append(entry)
                            most -= 1
                            if most < 0 or self.has_ended:
                                break
                            if time.monotonic() > leaves_at:
                                self.broken_off += 1
                                break
                except httpx2.ReadTimeout:
                    self.broken_off += 1


def _patience(seconds: float) -> httpx2.Timeout:
    """Leaves when nothing is answered for so long. Never while connecting: the connection would be left open."""
    return httpx2.Timeout(PATIENCE, read=seconds)


async def _events(answer: httpx2.Response) -> AsyncIterator[dict[str, str]]:
    """The blocks of a stream that are complete, comments left out."""
    rest = ""
    async for text in answer.aiter_text():
        *blocks, rest = (rest + text).split("\n\n")
        for block in blocks:
            lines = [line for line in block.split("\n") if line and not line.startswith(":")]
            if lines:
                yield dict(line.split(": ", 1) for line in lines)
