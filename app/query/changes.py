"""`GET /v1/changes`: the feed as pages, and as a long poll (contract section 5).

A page begins behind the cursor `after` and ends with the cursor to go on from. With `wait` an empty page is held
back until the first entry that the key sees, or until the time is up, the client or the key is gone, or the process
stops. What an entry is, and what a key sees, is said by `feed`; `live` tells when to look again.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.context import QueryContext
from app.query.feed import Page, Terminals, open_position, read_page, seal_position
from app.query.live import LiveChanges
from app.query.stream import ChangeStream
from app.query.watch import ChangeWatch
from app.web.answers import Json, unavailable
from app.web.parameters import Parameters, read_parameters

MOST_WAIT_SECONDS = 30

RECHECK_SECONDS = 2.0
"""How often a waiting reader's key is judged anew. With the key ring's own delay a revocation holds within 5 s."""

REMEMBERED = 1024
"""Cursors behind which nothing was found, the latest."""

TURN = 50
"""Entries rendered before others get a turn on the event loop."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one request asks for."""

    terminals: Terminals
    after: int
    limit: int


class Changes:
    """The endpoint, an ASGI application."""

    def __init__(self, context: QueryContext, live: LiveChanges) -> None:
        self._context = context
        self._live = live
        # How far nothing was found behind a cursor: a limited key that polls with an old cursor, because nothing it may
        # see happens, does not read the history of the others each time.
        self._seen_empty: OrderedDict[tuple[Terminals, int], int] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._context.authenticate(scope, KeyScope.READ)
        parameters = read_parameters(scope["query_string"], ("after", "wait", "limit"))
        try:
            body = await self._answer(scope, receive, key, parameters)
        except DatabaseUnavailable as error:
            raise unavailable() from error
        if body is not None:
            await Json(body)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, key: ApiKey, parameters: Parameters) -> bytes | None:
        """The body; None when the client has gone."""
        began = time.perf_counter()
        limit = parameters.limit()
        seconds = parameters.integer("wait", 0, MOST_WAIT_SECONDS) or 0
        cursor = parameters.text("after")
        newest = await self._live.watch.newest()
        after = 0 if cursor is None else open_position(self._context.cursors, "after", cursor, newest)
        asked = _Asked(key.terminals, after, limit)
        page = await self._look(asked, newest)
        self._context.metrics.query_answered("/v1/changes", time.perf_counter() - began)
        if not page.changes and seconds:
            async with _disconnection(receive) as gone:
                page = await self._wait(scope, key, asked, page, seconds, gone)
                if gone.done():
                    return None
        return await self._render(asked, page)

    async def _look(self, asked: _Asked, newest: int) -> Page:
        """The page up to `newest`.

        A violation comes into view only by a change that is in view itself. So where nothing was found once, nothing is
        found until something is found behind it.
        """
        known = (asked.terminals, asked.after)
        begin = self._seen_empty.get(known, asked.after)
        if asked.after < begin <= newest:
            page = await read_page(self._context.database, asked.terminals, begin, newest, 1)
            if page.changes:
                page = await read_page(self._context.database, asked.terminals, asked.after, newest, asked.limit)
        else:
            page = await read_page(self._context.database, asked.terminals, asked.after, newest, asked.limit)
        if page.changes:
            self._seen_empty.pop(known, None)
        else:
            self._seen_empty[known] = newest
            self._seen_empty.move_to_end(known)
            if len(self._seen_empty) > REMEMBERED:
                self._seen_empty.popitem(last=False)
        return page

    async def _wait(
        self, scope: Scope, key: ApiKey, asked: _Asked, page: Page, seconds: float, gone: "asyncio.Future[None]"
    ) -> Page:
        """The first page with an entry, or the empty one when the waiting ended without."""
        until = time.monotonic() + seconds
        with self._live.audience(asked.terminals, page.read_to) as audience:
            while not page.changes and not gone.done() and not self._context.stopping.is_set():
                remaining = until - time.monotonic()
                if remaining <= 0:
                    break
                if page.read_to < audience.floor or audience.after(page.read_to):
                    page = await self._look(asked, await self._live.watch.newest())
                else:
                    await audience.wait(min(remaining, RECHECK_SECONDS), gone)
                    if self._context.authenticate(scope, KeyScope.READ) != key:
                        break  # what the key may see has changed: the next request is judged by that
        return page

    async def _render(self, asked: _Asked, page: Page) -> bytes:
        cursors, renderer = self._context.cursors, self._context.renderer
        entries: list[bytes] = []
        for change in page.changes:
            entries.append(change.render(cursors, renderer))
            if len(entries) % TURN == 0:
                await asyncio.sleep(0)
        position = page.changes[-1].seq if page.changes else asked.after
        return b'{"data":[%b],"pagination":{"nextCursor":"%b","hasNextPage":%b}}' % (
            b",".join(entries),
            seal_position(cursors, position).encode(),
            b"true" if page.has_more else b"false",
        )


@asynccontextmanager
async def _disconnection(receive: Receive) -> AsyncIterator["asyncio.Future[None]"]:
    """A future that is done when the client has gone."""

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(listen(), name="changes-disconnection")
    try:
        yield task
    finally:
        task.cancel()


def routes(context: QueryContext, watch: ChangeWatch) -> list[BaseRoute]:
    """The feed and the stream, which share what they wait for."""
    live = LiveChanges(context.database, watch, context.stopping)
    return [
        Route("/v1/changes", Changes(context, live), methods=["GET"]),
        Route("/v1/stream", ChangeStream(context, live), methods=["GET"]),
    ]
