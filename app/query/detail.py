"""`GET /v1/violations/{id}` with its reviews and its entity tag, and `GET /v1/violations/{id}/events`."""

import re

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from app.keys.schema import ApiKey
from app.maven.faults import excerpt, find_unstorable
from app.query.context import QueryContext
from app.query.event_lines import render_event
from app.query.filters import may_see
from app.query.pages import PAGE_BYTES, envelope, fetch_payload
from app.query.violations import ONE_VIOLATION, Found, events_of
from app.reviews.schema import Review, shown_reviews
from app.reviews.store import reviews_of
from app.violations.regulation import TABLE_VERSION
from app.web.answers import Json, header, path_text
from app.web.parameters import read_parameters
from app.web.problems import NOT_FOUND, Problem

EVENT_PARAMETERS = frozenset(["limit", "cursor"])

WIRE_VERSION = 2
"""Counts up when the same violation is written differently, so that what clients hold no longer counts as current."""

ONE_WITH_REVIEW = (
    "SELECT one.*, (SELECT max(r.pk) FROM reviews AS r WHERE r.violation_id = one.id) AS review_pk"
    f" FROM ({ONE_VIOLATION}) AS one"
)
"""The same with the key of its newest review, null when there is none."""

# One of a list, up to its comma. Lists may have empty elements (RFC 9110 section 5.6.1), and tags may have commas.
_ENTITY_TAG = re.compile(r"[ \t,]*(?:W/)?(\"[\x21\x23-\x7e\x80-\xff]*\")[ \t]*(?:,|\Z)")


class NotModified:
    """The answer that what the client holds is current."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": self._headers})
        await send({"type": "http.response.body"})


async def show_violation(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """One violation, or 304 when `If-None-Match` has its entity tag."""
    violation_id = path_text(scope, "id")
    read_parameters(scope["query_string"], ())
    rows = [] if find_unstorable(violation_id) else await context.database.fetch(ONE_WITH_REVIEW, violation_id)
    if not rows or not may_see(key, rows[0]["terminal_code"]):
        raise unknown_violation(violation_id)
    found = Found.of(rows[0])
    review_pk: int | None = rows[0]["review_pk"]
    tag = _entity_tag(context, found, review_pk)
    # A client may keep the answer and ask each time whether it is current; no cache in between may.
    headers = [(b"etag", tag.encode()), (b"cache-control", b"private, no-cache"), (b"vary", b"authorization")]
    if _is_held(header(scope, "if-none-match"), tag):
        return NotModified(headers)
    assert found.payload is not None
    history = [] if review_pk is None else await _history(context, violation_id, review_pk)
    text = context.renderer.render(found.details_seq, found.payload, found.state)
    return Json(b'%b,"review":%b}' % (text[:-1], orjson.dumps(shown_reviews(history))), headers)


async def _history(context: QueryContext, violation_id: str, review_pk: int) -> list[Review]:
    """The reviews up to one, which the entity tag names; later ones are left for the next answer."""
    reviews = await context.database.read(reviews_of(violation_id))
    history = [review for review in reviews if review.pk <= review_pk]
    if not history or history[-1].pk < review_pk:  # purged this moment, with the violation
        raise unknown_violation(violation_id)
    return history


def unknown_violation(violation_id: str) -> Problem:
    """The problem that there is no such violation, or none that the key sees."""
    return Problem(NOT_FOUND, f"There is no violation with the id {excerpt(violation_id)}.")


def _entity_tag(context: QueryContext, found: Found, review_pk: int | None) -> str:
    """A strong entity tag: equal only when the answer is, byte for byte."""
    state = found.state
    numbers = (found.details_seq, state.revision, state.last_received_at, review_pk)
    parts = (WIRE_VERSION, TABLE_VERSION, found.id, *numbers)
    return f'"{context.cursors.fingerprint("violation", orjson.dumps(parts))}"'


def _is_held(if_none_match: str | None, tag: str) -> bool:
    """Whether the client holds what the tag names, compared weakly as RFC 9110 section 13.1.2 has it.

    A header that is not a list of entity tags from end to end says nothing.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    is_named, end = False, 0
    while match := _ENTITY_TAG.match(if_none_match, end):
        is_named |= match[1] == tag
        end = match.end()
    return is_named and not if_none_match[end:].strip(" \t,")


async def list_events(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """The events of one violation, oldest receipt first, each with its payload as received."""
    violation_id = path_text(scope, "id")
    parameters = read_parameters(scope["query_string"], EVENT_PARAMETERS)
    limit = parameters.limit()
    if find_unstorable(violation_id):
        raise unknown_violation(violation_id)
    purpose = f"events:{violation_id}"
    cursor = parameters.text("cursor")
    after = 0 if cursor is None else int.from_bytes(context.cursors.open(purpose, cursor), "big")
    answer = await context.database.read(events_of(violation_id, after, limit + 1))
    if answer is None or not may_see(key, answer[0]):
        raise unknown_violation(violation_id)
    rows = answer[1]
    rendered: list[bytes] = []
    size = 0
    for row in rows[:limit]:
        payload = row["payload"]
        if payload is None:
            payload = await fetch_payload(context.database, row["seq"])
        size += len(payload or b"")
        if size > PAGE_BYTES and rendered:
            break
        rendered.append(render_event(row, payload))
    if len(rendered) == len(rows):
        return Json(envelope(rendered, None))
    last_seq: int = rows[len(rendered) - 1]["seq"]
    return Json(envelope(rendered, context.cursors.seal(purpose, last_seq.to_bytes(8, "big"))))
