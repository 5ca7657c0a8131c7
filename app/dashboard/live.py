"""`GET /live`: pages are told that something changed, and fetch their live part again; nothing else is sent.

A stream of changes to every page would cost a busy receiver more than receiving. So a page is told at most as often
as all open pages together can be served with `SHARE` of one core, by what serving one has cost of late; each waits a
random part of that time first, so that they do not come at once. While little happens that is at once. A page limited
to terminals is told only of changes it can see.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from time import perf_counter

import structlog
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.pages import LIVE_HEADER, Handler
from app.db.arguments import Arguments
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.keys.ring import KeysUnknown
from app.maven.times import SECOND
from app.query.feed import Terminals
from app.query.watch import ChangeWatch
from app.violations.rules import Outcome
from app.web.waiting import Waiters

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SHARE = 0.02
"""Of one core, for serving live parts."""
AROUND_SECONDS = 0.0008
"""What a request for a live part costs around its handler: reading it, its session, sending the answer. Measured with
500 pages; without it a part that is kept seemed to cost nothing, and all pages came within a second."""
LONGEST_SPREAD = 120.0
FEW_PAGES = 50
FEW_SPREAD = 0.5
"""So few pages may come within this time: nobody waits longer for a change that comes after some quiet. How often they
are told is bounded all the same."""
SHORTEST_PAUSE = 0.25
"""Seconds between two ticks, at least."""
JUDGE_SECONDS = 2.0
ASK_SECONDS = 20.0
"""How often the database is asked whether a session goes on; a key's revocation holds at once."""
RETRY_MILLISECONDS = 3000
PING_SECONDS = 15
SEND_SECONDS = 40.0


class Audience(Waiters):
    """The open pages of one visibility."""

    def __init__(self, terminals: Terminals) -> None:
        super().__init__()
        self.terminals = terminals
        self.pages = 0
        self.tick = b""
        self.number = 0
        """How many ticks there were."""

    def tell(self, tick: bytes) -> None:
        """Wakes all pages with a tick."""
        self.tick = tick
        self.number += 1
        self.wake()


class Ticker:
    """Tells open pages of changes. Works only while there are some; one per process."""

    def __init__(self, database: Database, watch: ChangeWatch, clock: Callable[[], int]) -> None:
        self._database = database
        self._watch = watch
        self._clock = clock
        self._audiences: dict[Terminals, Audience] = {}
        self._task: asyncio.Task[None] | None = None
        self._cost = 0.01
        self.is_following = False
        """Whether every change from now on is told."""

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return sum(audience.pages for audience in self._audiences.values())

    def note_cost(self, seconds: float) -> None:
        """Takes in what serving one live part has cost."""
        self._cost += (min(seconds, 1.0) - self._cost) * 0.1

    def counting(self, handler: Handler) -> Handler:
        """A page's handler, which takes in what it costs when an open page asks for itself again."""

        async def answer(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
            if LIVE_HEADER not in request.headers:
                return await handler(context, visitor, request)
            began = perf_counter()
            try:
                return await handler(context, visitor, request)
            finally:
                self.note_cost(perf_counter() - began)

        return answer

    @property
    def spread_seconds(self) -> float:
        """Over how long the pages come to fetch what is new."""
        return min(LONGEST_SPREAD, self.pages * (AROUND_SECONDS + self._cost) / SHARE)

    def join(self, terminals: Terminals) -> Audience:
        """Opens a page; `leave` closes it."""
        audience = self._audiences.setdefault(terminals, Audience(terminals))
        audience.pages += 1
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="pages-follow")
        return audience

    def leave(self, audience: Audience) -> None:
        """Closes a page."""
        audience.pages -= 1
        if not audience.pages:
            self._audiences.pop(audience.terminals, None)
        if not self._audiences and self._task is not None:
            self._task.cancel()
            self._task = None
            self.is_following = False

    def tell_all(self) -> None:
        """Tells every page, of what is no event: a review was given."""
        tick = self._tick()
        for audience in self._audiences.values():
            audience.tell(tick)

    def _tick(self) -> bytes:
        seconds = self.spread_seconds
        spread = round(1000 * (seconds if self.pages > FEW_PAGES else min(seconds, FEW_SPREAD)))
        return b'event: changed\ndata: {"at":%d,"spread":%d}\n\n' % (self._clock() // 1000, spread)

    async def _follow(self) -> None:
        position: int | None = None
        while True:
            try:
                if position is None:
                    position = await self._watch.newest()
                    self.is_following = True
                    for audience in self._audiences.values():
                        audience.wake()
                newest = await self._watch.wait_beyond(position, None)
                assert newest is not None
                tick = self._tick()
                for audience in list(self._audiences.values()):
                    if await self._sees(audience.terminals, position, newest):
                        audience.tell(tick)
                position = newest
                await asyncio.sleep(max(SHORTEST_PAUSE, self.spread_seconds))
            except DatabaseUnavailable:
                await asyncio.sleep(1)
            except Exception:
                log.exception("pages.follow_failed")
                await asyncio.sleep(1)

    async def _sees(self, terminals: Terminals, after: int, up_to: int) -> bool:
        if terminals is None:
            return True
        arguments = Arguments(self._database.dialect)
        sql = (
            "SELECT 1 FROM events AS e JOIN violations AS v ON v.pk = e.violation_pk"
            f" WHERE e.seq > {arguments.add(after)} AND e.seq <= {arguments.add(up_to)}"
            f" AND e.outcome < {int(Outcome.SUPERSEDED)} AND {arguments.one_of('v.terminal_code', sorted(terminals))}"
            " LIMIT 1"
        )
        return bool(await self._database.fetch(sql, *arguments.values))


class LiveStream:
    """The answer to a page that wants to be told."""

    def __init__(self, context: DashboardContext, ticker: Ticker, visitor: Visitor) -> None:
        self._context = context
        self._ticker = ticker
        self._visitor = visitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = EventSourceResponse(self._ticks(), ping=PING_SECONDS, sep="\n", send_timeout=SEND_SECONDS)
        with suppress(SendTimeoutError):  # to one who does not read there is nothing to say
            await answer(scope, receive, send)

    async def _ticks(self) -> AsyncIterator[bytes]:
        audience = self._ticker.join(self._visitor.key.terminals)
        number = audience.number
        stopping = self._context.query.stopping
        try:
            while not (self._ticker.is_following or stopping.is_set()):
                await audience.wait(JUDGE_SECONDS)
            # A page that was away fetches what it missed; what comes from now on it is told.
            yield b'retry: %d\nevent: changed\ndata: {"at":%d,"spread":0}\n\n' % (
                RETRY_MILLISECONDS,
                self._context.clock() // 1000,
            )
            asked_at = self._context.clock()
            while not stopping.is_set():
                await audience.wait(JUDGE_SECONDS)
                if self._context.clock() - asked_at >= ASK_SECONDS * SECOND or not self._holds():
                    asked_at = self._context.clock()
                    if not await self._goes_on():
                        break
                if audience.number != number:
                    number = audience.number
                    yield audience.tick
            if not stopping.is_set():
                yield b"event: ended\ndata: {}\n\n"
        finally:
            self._ticker.leave(audience)

    def _holds(self) -> bool:
        try:
            held = self._context.sessions.held_now(self._visitor.token)
        except KeysUnknown:
            return True  # nothing is told of that could not be read
        return held == self._visitor.key

    async def _goes_on(self) -> bool:
        try:
            return await self._context.sessions.find(self._visitor.token, is_use=False) == self._visitor.key
        except (DatabaseUnavailable, KeysUnknown):
            return True


def live_page(ticker: Ticker) -> Handler:
    """The handler of `GET /live`."""

    async def answer(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
        return LiveStream(context, ticker, visitor)

    return answer
