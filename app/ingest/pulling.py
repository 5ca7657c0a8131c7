"""Reading Maven's queue page by page, from a time to the end, and having each page kept before the next is asked for.

Owns the walk that the poller, `backfill` and reconciliation share: pages come as `queue_client` gives them, go the
way of every delivery, with whatever has to be committed together with them, and lead on by the rule of `queue_page`.
When to walk, and what the walk means for the position, is left to who asks for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TypeVar

from app.channels.store import Gap, GapReason
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, Kept
from app.ingest.writer import Overloaded, Writer
from app.maven.events import AcceptedEvent, IgnoredEvent, NotJson, ReadEvent, RejectedEvent
from app.maven.queue_client import Answer, QueueClient, QueueFailed
from app.maven.queue_page import NoWayOn, QueuePage, read_on, read_page
from app.maven.times import DAY
from app.violations.rules import Outcome

T = TypeVar("T")

CROWDED_SECONDS = 0.5
"""How long to wait when more events wait for their commit than may."""


@dataclass(slots=True)
class Pulled:
    """What a walk has brought so far. `new` events were not here before; `reached` is microseconds since 1970 UTC."""

    pages: int = 0
    seen: int = 0
    ours: int = 0
    new: int = 0
    quarantined: int = 0
    reached: int = 0
    next_start: int = 0
    """Where to go on when the walk was broken off."""
    ahead: int = 0
    """How far Maven's clock is ahead of ours, microseconds, as far as it says."""
    gaps: list[Gap] = field(default_factory=list)

    def add(self, seen: int, events: list[ReadEvent], kept: list[Kept]) -> None:
        """A part of a page with `seen` events, and what became of those that were submitted."""
        self.seen += seen
        for event, one in zip(events, kept, strict=True):
            self.ours += isinstance(event, AcceptedEvent)
            self.new += one.outcome <= Outcome.SUPERSEDED
            self.quarantined += one.outcome is Outcome.QUARANTINED


@dataclass(frozen=True, slots=True)
class Committed:
    """What a page means beside its events, to be committed together with them.

    Times are microseconds since 1970 UTC, by Maven's clock.
    """

    reached: int | None
    """Everything up to this time was read, None when the page says nothing of times."""
    next_start: int | None
    """Where reading goes on, None at the end of the queue."""
    gaps: list[Gap]
    ahead: int
    """How far Maven's clock is ahead of ours."""
    has_no_way_on: bool = False


Covering = Callable[[Committed], WriteScript[None]]
"""Makes the script that runs in the transaction of a page."""


class Quarantined:
    """Events that one process has put into quarantine lately.

    The same stretch of the queue is read again and again. What is not understood would be counted each time, and come
    back after an operator discarded it.
    """

    MOST = 10_000

    def __init__(self) -> None:
        self._digests: dict[bytes, None] = {}

    def without(self, events: list[ReadEvent]) -> list[ReadEvent]:
        """The events that were not put there before."""
        return [e for e in events if not isinstance(e, RejectedEvent) or _digest(e) not in self._digests]

    def add(self, events: list[ReadEvent]) -> None:
        """Remembers those of the events that were put there, the last ones when there are many."""
        for event in events:
            if isinstance(event, RejectedEvent):
                self._digests[_digest(event)] = None
        while len(self._digests) > self.MOST:
            del self._digests[next(iter(self._digests))]


def _digest(event: RejectedEvent) -> bytes:
    return sha256(event.payload).digest()


class Walk:
    """Reads the queue from a time on. One for each walk; `pulled` may be looked at while it goes."""

    def __init__(
        self, client: QueueClient, writer: Writer, clock: Callable[[], int], covering: Covering, known: Quarantined
    ) -> None:
        self._client = client
        self._writer = writer
        self._clock = clock
        self._covering = covering
        self._known = known
        self.pulled = Pulled()

    async def go(
        self, start: int, end: int | None = None, *, on_page: Callable[[Pulled], None] = lambda _: None
    ) -> Pulled:
        """Walks from `start` to the end of the queue, or to `end` inclusive; times are microseconds since 1970 UTC.

        Raises `QueueFailed`, `DatabaseUnavailable`, and what the covering script raises; pages before that are kept.
        """
        pulled = self.pulled
        pulled.next_start = start
        asking = self._ask(start, end)
        try:
            while end is None or pulled.next_start <= end:
                at = pulled.next_start
                answer = await asking
                pulled.ahead = answer.ahead if answer.ahead is not None else pulled.ahead
                limit = self._clock() + max(0, pulled.ahead) + DAY
                # Reading a large page takes a while, and others share the loop.
                page = await asyncio.to_thread(_read, answer.body, limit)
                committed = self._lead_on(at, page, pulled.ahead)
                following = committed.next_start
                if following is not None and (end is None or following <= end):
                    asking = self._ask(following, end)  # Maven answers while this page is on its way to disk
                await self._keep(page, committed)
                pulled.gaps += committed.gaps
                pulled.pages += 1
                pulled.reached = max(pulled.reached, at, committed.reached or 0)
                on_page(pulled)
                if committed.has_no_way_on:
                    message = "Maven's page says that there are more events, and nothing in it tells where they begin"
                    raise QueueFailed("no_way_on", message)
                if following is None:
                    break
                pulled.next_start = following
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        return pulled

    def _ask(self, start: int, end: int | None) -> "asyncio.Task[Answer]":
        return asyncio.create_task(self._client.ask(start, end))

    def _lead_on(self, at: int, page: QueuePage, ahead: int) -> Committed:
        try:
            onward = read_on(at, page)
        except NoWayOn:
            gap = Gap(GapReason.NO_WAY_ON, at, max(at, self._clock()))
            return Committed(page.newest, None, [gap], ahead, has_no_way_on=True)
        gaps = [] if onward.left_behind is None else [Gap(GapReason.CROWDED, *onward.left_behind)]
        reached = page.newest
        if reached is not None and onward.start is not None:
            reached = min(reached, onward.start)
        return Committed(reached, onward.start, gaps, ahead)

    async def _keep(self, page: QueuePage, committed: Committed) -> None:
        """Has the events kept part by part; what goes along is committed with the last part."""
        parts = iter(page.parts)
        part: list[ReadEvent] | None = await asyncio.to_thread(next, parts)
        while part is not None:
            following = await asyncio.to_thread(next, parts, None)
            events = self._known.without(part)
            kept = await self._submit(events, None if following is not None else committed)
            self._known.add(events)
            self.pulled.add(len(part), events, kept)
            part = following

    async def _submit(self, events: list[ReadEvent], committed: Committed | None) -> list[Kept]:
        """Has events kept, however long the writer is busy with others'."""
        size = sum(len(e.payload) for e in events if not isinstance(e, IgnoredEvent))
        along = None if committed is None else partial(self._covering, committed)
        while True:
            try:
                return await self._writer.submit(Delivery(events, Channel.POLL, size=size, along=along))
            except Overloaded:
                await asyncio.sleep(CROWDED_SECONDS)


def _read(body: bytes, limit: int) -> QueuePage:
    try:
        return read_page(body, limit)
    except NotJson as error:
        raise QueueFailed("malformed", f"Maven's answer cannot be read: {error}") from None
