"""All matching violations as CSV or NDJSON, streamed with bounded memory.

Which violations, and their order, come from one snapshot; the events that hold their details never change and are
read piece by piece. The first piece is there before the answer begins, so that a database in trouble is a 503;
trouble afterwards breaks the connection off, because an export that ends orderly is complete.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from starlette.types import Receive, Scope, Send

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Row
from app.keys.schema import Scope as KeyScope
from app.maven.times import SECOND, format_time
from app.query.context import QueryContext
from app.query.filters import ViolationFilter
from app.query.pages import fetch_payload
from app.query.violations import Found, Order, all_in_order, payloads
from app.violations.schema import State, csv_header, render_csv, render_violation
from app.web.problems import Problem

log = structlog.get_logger(__name__)

CHUNK = 100
"""Violations read and rendered at a time; the event loop is held up for some milliseconds by that."""

PIECE_BYTES = 256 * 1024
"""Bytes after which a piece is sent."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write violations one after the other."""

    media_type: bytes
    extension: str
    header: bytes
    render: Callable[[bytes, State], bytes]


def _ndjson_line(payload: bytes, state: State) -> bytes:
    return render_violation(payload, state) + b"\n"


FORMATS = {
    "text/csv": Format(b"text/csv; charset=utf-8; header=present", "csv", csv_header(), render_csv),
    "application/x-ndjson": Format(b"application/x-ndjson", "ndjson", b"", _ndjson_line),
}
"""Formats by media type."""

JUDGE_SECONDS = 2.0
"""How often the key of a running export is judged again; a revocation holds within 5 s."""


class Export:
    """An answer that streams violations. Made by `begin`, sent by calling it, once."""

    def __init__(self, context: QueryContext, form: Format, pieces: AsyncGenerator[bytes, None], first: bytes) -> None:
        self._context = context
        self._format = form
        self._pieces = pieces
        self._first = first

    @classmethod
    async def begin(cls, context: QueryContext, asked: ViolationFilter, order: Order, form: Format) -> "Export":
        """Reads the first piece. Raises `DatabaseUnavailable`."""
        pieces = export_pieces(context.database, asked, order, form)
        return cls(context, form, pieces, await anext(pieces))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body"})
                return
            await self._send_while_wanted(scope, receive, send)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        now = format_time(self._context.clock() // SECOND * SECOND).replace(":", "")
        return [
            (b"content-type", self._format.media_type),
            (b"content-disposition", f'attachment; filename="violations-{now}.{self._format.extension}"'.encode()),
            (b"vary", b"accept"),
        ]

    async def _send_while_wanted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends everything, unless the client goes, its key ends, or the process stops: what is sent in part then has
        no end.
        """
        sending = asyncio.create_task(self._send_all(send))
        revoked = asyncio.create_task(self._until_revoked(scope))
        stopping = asyncio.create_task(self._context.stopping.wait())
        leaving = [asyncio.create_task(_until_gone(receive)), revoked, stopping]
        try:
            await asyncio.wait([sending, *leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, *leaving):
                task.cancel()
            outcome, *_ = await asyncio.gather(sending, *leaving, return_exceptions=True)
        if isinstance(outcome, DatabaseUnavailable):
            log.warning("export.broken_off", reason=str(outcome))
        elif isinstance(outcome, asyncio.CancelledError):
            is_revoked = revoked.done() and not revoked.cancelled()
            reason = "stopping" if self._context.stopping.is_set() else "key revoked" if is_revoked else "client gone"
            log.info("export.broken_off", reason=reason)
        elif isinstance(outcome, BaseException):
            raise outcome

    async def _until_revoked(self, scope: Scope) -> None:
        """Returns when the key that asked is no longer in force; keys that cannot be judged now are left alone."""
        while True:
            await asyncio.sleep(JUDGE_SECONDS)
            try:
                self._context.authenticate(scope, KeyScope.READ)
            except Problem as problem:
                if problem.status in (401, 403):
                    return

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def export_pieces(
    database: Database, asked: ViolationFilter, order: Order, form: Format
) -> AsyncGenerator[bytes, None]:
    """The text of an export; the first piece, which may be empty, when the first violations were read."""
    statement = all_in_order(database.dialect, asked, order)
    parts = [form.header]
    size = 0
    chunks = database.stream(statement.sql, *statement.args, chunk=CHUNK)
    try:
        async for rows in chunks:
            async for text in _rendered(database, rows, form):
                parts.append(text)
                size += len(text)
                if size >= PIECE_BYTES:
                    yield b"".join(parts)
                    parts, size = [], 0
            yield b"".join(parts)
            parts, size = [], 0
        yield b"".join(parts)
    finally:
        if isinstance(chunks, AsyncGenerator):  # lets go of the snapshot at once
            await chunks.aclose()


async def _rendered(database: Database, rows: Sequence[Row], form: Format) -> AsyncIterator[bytes]:
    found = [Found.of(row) for row in rows]
    statement = payloads(database.dialect, [one.details_seq for one in found])
    held = {row[0]: row[1] for row in await database.fetch(statement.sql, *statement.args)}
    for one in found:
        payload = held.get(one.details_seq)
        if payload is None:
            payload = await fetch_payload(database, one.details_seq)
        if payload is not None:  # else deleted since the export began
            yield form.render(bytes(payload), one.state)
