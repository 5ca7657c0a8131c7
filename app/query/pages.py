"""Pages: violations rendered, the cursor to the next one, and the envelope around both.

A cursor holds where the page ended, in the order of its query, and is bound to endpoint, filter, order and what the
key may see; not to `limit`, which may change between pages. A page ends early, with a cursor, when its texts are
large together.
"""

import asyncio
from collections.abc import Sequence

import orjson

from app.db.database import Database
from app.db.statements import Rows
from app.maven.events import read_data
from app.query.context import QueryContext
from app.query.filters import ViolationFilter
from app.query.violations import Found, Order, Position, large_payload, page, payloads
from app.web.cursors import bad_cursor

PAGE_BYTES = 8 * 1024 * 1024
"""Rendered bytes after which a page ends, unless it has one item only."""

LONGEST_INLINE = 1024
"""UTF-8 bytes of a text that a cursor holds itself. For a longer one it names the event that has it."""

_TURN = 50
"""Violations rendered before others get a turn on the event loop."""


def list_purpose(endpoint: str, asked: ViolationFilter, order: Order) -> str:
    """What the cursors of a list are bound to."""
    return f"{endpoint}:{order.column}:{'down' if order.descending else 'up'}:{asked.fingerprint()}"


async def fetch_payload(database: Database, seq: int) -> bytes | None:
    """The payload of one event; None when it is no longer there."""
    statement = large_payload(seq)
    rows = await database.fetch(statement.sql, *statement.args)
    return bytes(rows[0][0]) if rows else None


async def violation_page(
    context: QueryContext, endpoint: str, asked: ViolationFilter, order: Order, limit: int, cursor: str | None
) -> bytes:
    """One page of a list as JSON. Raises `Problem` 400 for a cursor of another query."""
    after = None if cursor is None else await _open(context, list_purpose(endpoint, asked, order), cursor)
    database = context.database
    statement = page(database.dialect, asked, order, after, limit + 1)
    rows = await database.fetch(statement.sql, *statement.args)
    rendered, last = await _render(context, rows[:limit])
    if last == len(rows) - 1:
        return envelope(rendered, None)
    return envelope(rendered, _seal(context, list_purpose(endpoint, asked, order), Found.of(rows[last])))


async def _render(context: QueryContext, rows: Rows) -> tuple[list[bytes], int]:
    """The violations of a page, and the number of the row it ends with."""
    page_of = [Found.of(row) for row in rows]
    known = [context.renderer.find(found.details_seq, found.state) for found in page_of]
    needed = [found.details_seq for found, text in zip(page_of, known, strict=True) if text is None]
    fetched = await _fetch_payloads(context.database, needed) if needed else {}
    rendered: list[bytes] = []
    size = 0
    for number, (found, text) in enumerate(zip(page_of, known, strict=True)):
        if text is None:
            payload = fetched.pop(found.details_seq, None) or await fetch_payload(context.database, found.details_seq)
            if payload is None:  # deleted since the page was read
                continue
            text = context.renderer.render(found.details_seq, payload, found.state)
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        size += len(text)
        if size > PAGE_BYTES and rendered:
            return rendered, number - 1
        rendered.append(text)
    return rendered, len(rows) - 1


async def _fetch_payloads(database: Database, seqs: list[int]) -> dict[int, bytes]:
    """Payloads of events that are not large, by their numbers."""
    statement = payloads(database.dialect, seqs)
    rows = await database.fetch(statement.sql, *statement.args)
    return {row[0]: bytes(row[1]) for row in rows if row[1] is not None}


def envelope(items: Sequence[bytes], next_cursor: str | None) -> bytes:
    """The JSON of a list."""
    if next_cursor is None:
        end = b'],"pagination":{"nextCursor":null,"hasNextPage":false}}'
    else:
        end = b'],"pagination":{"nextCursor":"%b","hasNextPage":true}}' % next_cursor.encode()
    return b'{"data":[' + b",".join(items) + end


def _seal(context: QueryContext, purpose: str, last: Found) -> str:
    if isinstance(last.value, str) and len(last.value.encode()) > LONGEST_INLINE:
        return context.cursors.seal(purpose, orjson.dumps([last.details_seq]))
    return context.cursors.seal(purpose, orjson.dumps([last.value, last.id]))


async def _open(context: QueryContext, purpose: str, cursor: str) -> Position:
    plain = orjson.loads(context.cursors.open(purpose, cursor))
    if len(plain) == 2:
        return Position(plain[0], plain[1])
    payload = await fetch_payload(context.database, plain[0])
    if payload is None:
        raise bad_cursor()
    data = read_data(payload)
    return Position(data.driverName, data.id)
