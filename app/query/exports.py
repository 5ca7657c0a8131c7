"""All matching violations as CSV or NDJSON, streamed with bounded memory.

Which violations, and their order, come from one snapshot; the events that hold their details never change and are
read piece by piece.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from app.db.database import Database
from app.db.statements import Row
from app.keys.schema import Scope as KeyScope
from app.maven.times import SECOND, format_time
from app.query.context import QueryContext
from app.query.filters import ViolationFilter
from app.query.pages import fetch_payload
from app.query.violations import Found, Order, all_in_order, payloads
from app.violations.schema import State, csv_header, render_csv, render_violation
from app.web.streaming import Streamed

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


async def begin_export(context: QueryContext, asked: ViolationFilter, order: Order, form: Format) -> Streamed:
    """An answer that streams violations; its first piece is read already. Raises `DatabaseUnavailable`."""
    pieces = export_pieces(context.database, asked, order, form)
    now = format_time(context.clock() // SECOND * SECOND).replace(":", "")
    headers = [
        (b"content-type", form.media_type),
        (b"content-disposition", f'attachment; filename="violations-{now}.{form.extension}"'.encode()),
        (b"vary", b"accept"),
    ]
    first = await anext(pieces)
    return Streamed(pieces, first, headers, lambda scope: context.authenticate(scope, KeyScope.READ), context.stopping)


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
