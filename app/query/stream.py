"""`GET /v1/stream`: the changes feed as server-sent events (contract section 5; WHATWG HTML, section 9.2).

Starts with what is committed from now on, or behind the cursor in `Last-Event-ID`, or in the parameter `after` for
clients that cannot send the header. Each event has the name of its change, the cursor of the feed as id, and the entry
as data in one line. A stream ends when its key is revoked or changed, when the process stops, when the database does
not answer or the client does not read; the client reconnects with `Last-Event-ID` and misses nothing.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus, SendTimeoutError
from starlette.types import Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.context import QueryContext
from app.query.feed import Change, Page, open_position, read_page, seal_position
from app.query.live import LiveChanges
from app.web.answers import header, unavailable
from app.web.parameters import read_parameters
from app.web.problems import Problem

PING_SECONDS = 15
RECHECK_SECONDS = 2.0
"""How often the key of a stream is judged anew. With the key ring's own delay a revocation holds within 5 s."""

RETRY_MILLISECONDS = 2000
"""How long a browser waits before it reconnects."""

SEND_SECONDS = 40.0
"""How long one event may wait for a client that does not read; the server's own deadline is shorter."""

PAGE_ENTRIES = 100
PAGE_BYTES = 256 * 1024
"""What one stream reads of the past at a time."""

CHUNK_BYTES = 32 * 1024


class ChangeStream:
    """The endpoint, an ASGI application."""

    def __init__(self, context: QueryContext, live: LiveChanges) -> None:
        self._context = context
        self._live = live
        # The library would end streams by looking into uvicorn; here the process says itself when it stops.
        AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._context.authenticate(scope, KeyScope.READ)
        parameters = read_parameters(scope["query_string"], ("after",))
        name, cursor = "after", parameters.text("after")
        if last_event_id := header(scope, "last-event-id"):
            name, cursor = "Last-Event-ID", last_event_id
        try:
            newest = await self._live.watch.newest()
        except DatabaseUnavailable as error:
            raise unavailable() from error
        after = newest if cursor is None else open_position(self._context.cursors, name, cursor, newest)
        events = self._events(scope, key, after, newest, is_resumed=cursor is not None)
        response = EventSourceResponse(events, ping=PING_SECONDS, sep="\n", send_timeout=SEND_SECONDS)
        with suppress(SendTimeoutError):  # to one who does not read there is nothing to say
            await response(scope, receive, send)

    async def _events(
        self, scope: Scope, key: ApiKey, after: int, newest: int, *, is_resumed: bool
    ) -> AsyncIterator[bytes]:
        """The stream behind number `after`, in chunks of whole events. `newest` has been given out already."""
        yield self._greeting(key, after, is_resumed)
        position = after
        with self._live.audience(key.terminals, newest) as audience:
            while self._may_go_on(scope, key):
                if position < audience.floor:
                    page = await self._read_past(key, position)
                    if page is None:
                        return
                    changes, position = page.changes, page.read_to
                else:
                    changes, position = audience.after(position), max(position, self._live.read_to)
                    if not changes:
                        await audience.wait(RECHECK_SECONDS)
                for chunk in self._chunks(changes):
                    if not self._may_go_on(scope, key):
                        return
                    yield chunk

    def _greeting(self, key: ApiKey, after: int, is_resumed: bool) -> bytes:
        """What a stream begins with: when to reconnect, and the id to do it with before the first event has come.

        An id without data is no event for the client, but it is what it reconnects with. A limited key gets none: the
        numbers move with what others are sent, and two cursors would tell.
        """
        retry = b"retry: %d\n" % RETRY_MILLISECONDS
        if is_resumed or key.terminals is not None:
            return retry + b"\n"
        return b"%bid: %b\n\n" % (retry, seal_position(self._context.cursors, after).encode())

    def _may_go_on(self, scope: Scope, key: ApiKey) -> bool:
        """Whether the process goes on and the key still is what it was."""
        if self._context.stopping.is_set():
            return False
        try:
            return self._context.authenticate(scope, KeyScope.READ) == key
        except Problem:
            return False

    async def _read_past(self, key: ApiKey, position: int) -> Page | None:
        """A page from the database; None when it does not answer, or is not what it was."""
        try:
            newest = await self._live.watch.newest()
            if newest < position:
                return None
            return await read_page(self._context.database, key.terminals, position, newest, PAGE_ENTRIES, PAGE_BYTES)
        except DatabaseUnavailable:
            return None

    def _chunks(self, changes: list[Change]) -> Iterator[bytes]:
        """Events for the wire, several in one chunk as long as they are small."""
        chunk: list[bytes] = []
        size = 0
        for change in changes:
            entry = change.render(self._context.cursors, self._context.renderer)
            cursor = seal_position(self._context.cursors, change.seq)
            chunk += (b"id: ", cursor.encode(), b"\nevent: ", change.name.encode(), b"\ndata: ", entry, b"\n\n")
            size += len(entry)
            if size >= CHUNK_BYTES:
                yield b"".join(chunk)
                chunk, size = [], 0
        if chunk:
            yield b"".join(chunk)
