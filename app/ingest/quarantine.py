"""The quarantine as an operator handles it: look, retry, discard (contract sections 2 and 5).

An entry is bytes that were not understood when they came. A retry reads them again with today's program: what is
understood now takes the ordinary way in, by channel `replay`, and the entry goes in the same transaction.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope as AsgiScope

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Fetch, ReadScript, Row
from app.inbox.model import Channel
from app.inbox.store import discard
from app.ingest.keeping import Delivery, Kept
from app.ingest.routes import results_of
from app.ingest.writer import Overloaded, Writer
from app.keys.schema import ApiKey, Scope
from app.maven.events import NotJson, ReadEvent, RejectedEvent, TooManyEvents, read_delivery
from app.maven.times import format_time
from app.violations.rules import Outcome
from app.web.cursors import CursorSeal
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters
from app.web.problems import (
    FORBIDDEN,
    INVALID_EVENTS,
    NOT_FOUND,
    OVERLOADED,
    UNAVAILABLE,
    Problem,
)

T = TypeVar("T")

RETRY_MAX_EVENTS = 100_000
BEGINNING_BYTES = 200
_PURPOSE = "quarantine"
_COLUMNS = "pk, body, errors, channel, count, received_at, last_received_at"


@dataclass(frozen=True, slots=True)
class Entry:
    """One quarantine entry; times are microseconds since 1970."""

    pk: int
    body: bytes
    errors: list[dict[str, str]]
    channel: Channel
    count: int
    received_at: int
    last_received_at: int

    def shown(self) -> dict[str, object]:
        """The entry on the wire."""
        return {
            "id": str(self.pk),
            "receivedAt": format_time(self.received_at),
            "lastReceivedAt": format_time(self.last_received_at),
            "count": self.count,
            "channel": self.channel.word,
            "errors": self.errors,
            "bodyBase64": base64.b64encode(self.body).decode(),
        }


def _entry(row: Row) -> Entry:
    return Entry(row[0], bytes(row[1]), orjson.loads(row[2]), Channel(row[3]), row[4], row[5], row[6])


def list_entries(after: int, limit: int) -> ReadScript[list[Entry]]:
    """Entries after an id, oldest first."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM quarantine WHERE pk > $1 ORDER BY pk LIMIT $2", (after, limit))
    return [_entry(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Head:
    """An entry as a list shows it, without its bytes; times are microseconds since 1970."""

    pk: int
    beginning: bytes
    """The first bytes, `BEGINNING_BYTES` at most."""
    size: int
    errors: list[dict[str, str]]
    channel: Channel
    count: int
    last_received_at: int


def list_heads(before: int | None, limit: int) -> ReadScript[list[Head]]:
    """Entries numbered below `before`, newest first."""
    below = "" if before is None else " WHERE pk < $2"
    rows = yield Fetch(
        f"SELECT pk, substr(body, 1, {BEGINNING_BYTES}), length(body), errors, channel, count, last_received_at"
        f" FROM quarantine{below} ORDER BY pk DESC LIMIT $1",
        (limit,) if before is None else (limit, before),
    )
    # Of no bytes, SQLite's substr gives NULL.
    return [Head(r[0], bytes(r[1] or b""), r[2], orjson.loads(r[3]), Channel(r[4]), r[5], r[6]) for r in rows]


def count_entries() -> ReadScript[int]:
    """How many entries there are."""
    rows = yield Fetch("SELECT count(*) FROM quarantine")
    count: int = rows[0][0]
    return count


def find_entry(pk: int) -> ReadScript[Entry | None]:
    """One entry, None when it is not there."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM quarantine WHERE pk = $1", (pk,))
    return _entry(rows[0]) if rows else None


class StillNotUnderstood(Exception):
    """A retry that changed nothing: the entry stays. Carries the errors found today."""

    def __init__(self, errors: list[dict[str, object]]) -> None:
        super().__init__("still not understood")
        self.errors = errors


def reread(entry: Entry) -> Sequence[ReadEvent]:
    """The events of an entry as today's program reads them. Raises `StillNotUnderstood` when there are none."""
    try:
        events = read_delivery(entry.body, RETRY_MAX_EVENTS)
    except (NotJson, TooManyEvents) as error:
        raise StillNotUnderstood([{"event": 0, "pointer": "", "detail": str(error)}]) from None
    rejected = [(n, e) for n, e in enumerate(events) if isinstance(e, RejectedEvent)]
    if events and len(rejected) == len(events):
        raise StillNotUnderstood(
            [{"event": n, "pointer": f.pointer, "detail": f.detail} for n, e in rejected for f in e.faults]
        )
    return events


def retried(events: Sequence[ReadEvent], entry: Entry) -> Delivery:
    """The delivery of an entry's events; the entry goes in the same transaction."""
    return Delivery(events, Channel.REPLAY, size=len(entry.body), along=lambda: discard(entry.pk))


async def named_entry(database: Database, text: str) -> Entry:
    """The entry whose id a path names. Raises `Problem` 404, and `DatabaseUnavailable`."""
    is_id = text.isascii() and text.isdigit() and len(text) <= 18
    entry = await database.read(find_entry(int(text))) if is_id else None
    if entry is None:
        raise Problem(NOT_FOUND, "There is no such quarantine entry; it may have been retried or discarded.")
    return entry


async def retry_entry(writer: Writer, entry: Entry) -> tuple[Sequence[ReadEvent], list[Kept]]:
    """Reads an entry again; gives its events and what became of each. Then the entry is gone.

    Raises `StillNotUnderstood`, `Problem` 429 when too much waits to be written, and `DatabaseUnavailable`.
    """
    events = reread(entry)
    try:
        return events, await writer.submit(retried(events, entry))
    except Overloaded:
        raise Problem(OVERLOADED, "Too many events wait to be written.", headers={"Retry-After": "1"}) from None


class QuarantineDesk:
    """The quarantine endpoints; for admin keys that are not limited to terminals."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        authenticate: Callable[[AsgiScope, Scope], ApiKey],
        cursors: CursorSeal,
    ) -> None:
        self._database = database
        self._writer = writer
        self._authenticate = authenticate
        self._cursors = cursors

    def _admit(self, request: Request) -> None:
        key = self._authenticate(request.scope, Scope.ADMIN)
        if key.terminals is not None:
            raise Problem(FORBIDDEN, "The quarantine may hold events of any terminal; this key is limited to some.")

    async def list_all(self, request: Request) -> Response:
        """`GET /v1/quarantine`."""
        self._admit(request)
        parameters = read_parameters(request.scope["query_string"], ("limit", "cursor"))
        limit = parameters.limit()
        cursor = parameters.text("cursor")
        after = 0 if cursor is None else int.from_bytes(self._cursors.open(_PURPOSE, cursor), "big")
        entries = await self._read(list_entries(after, limit + 1))
        more = len(entries) > limit
        shown = entries[:limit]
        following = self._cursors.seal(_PURPOSE, shown[-1].pk.to_bytes(8, "big")) if more else None
        return _json({"data": [e.shown() for e in shown], "pagination": {"nextCursor": following, "hasNextPage": more}})

    async def one(self, request: Request) -> Response:
        """`GET` and `DELETE /v1/quarantine/{id}`."""
        self._admit(request)
        read_parameters(request.scope["query_string"], ())
        entry = await self._find(request)
        if request.method != "DELETE":
            return _json(entry.shown())
        try:
            await self._database.write(discard(entry.pk))
        except DatabaseUnavailable:
            raise _unavailable() from None
        return Response(status_code=204)

    async def retry(self, request: Request) -> Response:
        """`POST /v1/quarantine/{id}/retry`."""
        self._admit(request)
        read_parameters(request.scope["query_string"], ())
        entry = await self._find(request)
        try:
            events, kept = await retry_entry(self._writer, entry)
        except StillNotUnderstood as error:
            raise Problem(
                INVALID_EVENTS,
                "The entry is still not understood; it stays in quarantine.",
                errors=error.errors,
                quarantine_ids=[str(entry.pk)],
            ) from None
        except DatabaseUnavailable:
            raise _unavailable() from None
        quarantined = sum(k.outcome is Outcome.QUARANTINED for k in kept)
        return _json(results_of(events, kept, quarantined), 207 if quarantined else 200)

    async def _find(self, request: Request) -> Entry:
        try:
            return await named_entry(self._database, decode_segment(request.path_params["id"]))
        except DatabaseUnavailable:
            raise _unavailable() from None

    async def _read(self, script: ReadScript[T]) -> T:
        try:
            return await self._database.read(script)
        except DatabaseUnavailable:
            raise _unavailable() from None


def _unavailable() -> Problem:
    return Problem(UNAVAILABLE, "The database does not answer now.", headers={"Retry-After": "2"})


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def routes(desk: QuarantineDesk) -> list[BaseRoute]:
    """The routes of this room."""
    return [
        Route("/v1/quarantine", desk.list_all, name="list_quarantine"),
        Route("/v1/quarantine/{id}", desk.one, methods=["GET", "DELETE"], name="quarantine_entry"),
        Route("/v1/quarantine/{id}/retry", desk.retry, methods=["POST"], name="retry_quarantine"),
    ]
