"""Reading Maven's queue page by page, from a time to the end, and having each page kept before the next is asked for.

Owns the walk that the poller, `backfill` and reconciliation share: pages come as `queue_client` gives them, go the
way of every delivery, with whatever has to be committed together with them, and lead on by the rule of `queue_page`.
When to walk, and what the walk means for the position, is left to who asks for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from app.channels.store import Gap, GapReason
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, Kept
from app.ingest.writer import Overloaded, Writer
from app.maven.events import AcceptedEvent, NotJson, ReadEvent, RejectedEvent, TooManyEvents
from app.maven.queue_client import Answer, QueueClient, QueueFailed
from app.maven.queue_page import DAY, NoWayOn, Onward, QueuePage, read_on, read_page
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
    ahead: int = 0
    """How far Maven's clock is ahead of ours, microseconds, as far as it says."""
    gaps: list[Gap] = field(default_factory=list)

    def add(self, seen: int, events: list[ReadEvent], kept: list[Kept]) -> None:
        """One more page of `seen` events, and what became of those that were kept."""
        self.pages += 1
        self.seen += seen
        for event, one in zip(events, kept, strict=True):
            self.ours += isinstance(event, AcceptedEvent)
            self.new += one.outcome <= Outcome.SUPERSEDED
            self.quarantined += one.outcome is Outcome.QUARANTINED


@dataclass(frozen=True, slots=True)
class Committed:
    """What a page means beside its events, to be committed together with them: how far reading came, what had to be
    left behind, and how far Maven's clock is ahead of ours."""

    reached: int | None
    """Everything up to this time was read, None when the page says nothing of times."""
    gaps: list[Gap]
    ahead: int


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
        at: int | None = start
        asking = self._ask(start, end)
        try:
            while at is not None and (end is None or at <= end):
                answer = await asking
                pulled.ahead = answer.ahead if answer.ahead is not None else pulled.ahead
                limit = self._clock() + max(0, pulled.ahead) + DAY
                # Reading a large page takes a while, and others share the loop.
                page = await asyncio.to_thread(_read, answer.body, limit)
                onward, gaps = self._lead_on(at, page)
                if onward is not None and onward.start is not None and (end is None or onward.start <= end):
                    asking = self._ask(onward.start, end)  # Maven answers while this page is on its way to disk
                events = self._known.without(page.events)
                committed = Committed(_reach_of(page, onward), gaps, pulled.ahead)
                kept = await self._keep(events, len(answer.body), committed)
                self._known.add(events)
                pulled.add(len(page.events), events, kept)
                pulled.gaps += gaps
                pulled.reached = max(pulled.reached, at, page.newest or 0)
                on_page(pulled)
                if onward is None:
                    message = "Maven's page says that there are more events, and nothing in it tells where they begin"
                    raise QueueFailed("no_way_on", message)
                at = onward.start
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        return pulled

    def _ask(self, start: int, end: int | None) -> "asyncio.Task[Answer]":
        return asyncio.create_task(self._client.ask(start, end))

    def _lead_on(self, at: int, page: QueuePage) -> tuple[Onward | None, list[Gap]]:
        try:
            onward = read_on(at, page)
        except NoWayOn:
            return None, [Gap(GapReason.NO_WAY_ON, at, max(at, self._clock()))]
        if onward.left_behind is None:
            return onward, []
        return onward, [Gap(GapReason.CROWDED, *onward.left_behind)]

    async def _keep(self, events: list[ReadEvent], size: int, committed: Committed) -> list[Kept]:
        """Has the events kept, however long the writer is busy with others'."""
        while True:
            delivery = Delivery(events, Channel.POLL, size=size, along=lambda: self._covering(committed))
            try:
                return await self._writer.submit(delivery)
            except Overloaded:
                await asyncio.sleep(CROWDED_SECONDS)


def _reach_of(page: QueuePage, onward: Onward | None) -> int | None:
    """Up to where everything is read with this page: its newest event, but not beyond where the next one begins."""
    if page.newest is None or onward is None or onward.start is None:
        return page.newest
    return min(page.newest, onward.start)


def _read(body: bytes, limit: int) -> QueuePage:
    try:
        return read_page(body, limit)
    except (NotJson, TooManyEvents) as error:
        raise QueueFailed("malformed", f"Maven's answer cannot be read: {error}") from None
