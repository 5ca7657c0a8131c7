"""What the endpoint answers: a page of events, or one of Maven's errors; with the faults that change what is said.

Owns status, headers and body. Which of them a request gets, and how the bytes come, is `endpoint.py`'s.
"""

from collections.abc import Collection
from email.utils import formatdate
from typing import NamedTuple

import orjson

from app.maven.standin.envelopes import maven_time, shifted
from app.maven.standin.faults import FaultName, Faults
from app.maven.standin.held_events import HeldEvents
from app.maven.standin.odd_data import make_some_odd
from app.maven.times import SECOND

_HTML = b"<!doctype html>\n<title>Maven Machines</title>\n<p>We are down for maintenance, and will be back soon.</p>\n"


class Query(NamedTuple):
    """What was asked for; times in microseconds since 1970 UTC, both inclusive."""

    start_us: int
    end_us: int | None
    ids: Collection[str] | None


class Answer(NamedTuple):
    """An answer before it is sent. The last three are what its pagination says, None where it is no page."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    event_count: int = 0
    has_next: bool | None = None
    next_start_time: str | None = None


def error(status: int, kind: str, message: str, *more: tuple[str, str]) -> Answer:
    """An error in Maven's envelope, `{"type": "SCREAMING_SNAKE", "message": …}`, with further headers."""
    body = orjson.dumps({"type": kind, "message": message})
    return Answer(status, [("Content-Type", "application/json; charset=utf-8"), *more], body)


def not_found() -> Answer:
    """404 for every other address, in the words of the real one."""
    return error(404, "NOT_FOUND", "Requested resource not found")


def unauthorized() -> Answer:
    """401: the key is missing or wrong."""
    return error(401, "UNAUTHORIZED", "Missing or invalid apiKey")


def bad_request(message: str) -> Answer:
    """400, with what is wrong."""
    return error(400, "BAD_REQUEST", message)


def answer_instead(name: FaultName, faults: Faults) -> Answer | None:
    """What a fault says in place of a page; None when it says nothing.

    Maven documents neither 403 nor 429; they come in the same envelope, as a gateway of theirs would answer.
    """
    retry_after = ("Retry-After", str(faults.retry_after_seconds))
    match name:
        case FaultName.UNAUTHORIZED:
            return unauthorized()
        case FaultName.FORBIDDEN:
            return error(403, "FORBIDDEN", "This apiKey may not read return events")
        case FaultName.TOO_MANY_REQUESTS:
            return error(429, "TOO_MANY_REQUESTS", "Too many requests", retry_after)
        case FaultName.SERVER_ERROR:
            return error(500, "SERVER_ERROR", "A server error has occurred")
        case FaultName.UNAVAILABLE:
            return error(503, "SERVICE_UNAVAILABLE", "Service unavailable", retry_after)
        case FaultName.REDIRECT:
            return Answer(302, [("Location", faults.redirect_to)], b"")
        case FaultName.NOT_JSON:
            return Answer(200, [("Content-Type", "text/html; charset=utf-8")], _HTML)
        case _:
            return None


def answer_page(
    held: HeldEvents, query: Query, size: int, now_us: int, shown: Collection[FaultName], faults: Faults
) -> Answer:
    """The page that the query asks for, as the faults in `shown` leave it."""
    # With a skewed clock Maven lives an hour ahead altogether: what it saves, and what it is asked for.
    skew = faults.skew_us if FaultName.SKEWED_CLOCK in shown else 0
    is_emptied = FaultName.EMPTY_PAGE in shown
    end = None if query.end_us is None else query.end_us - skew
    page = held.page(query.start_us - skew, end, 0 if is_emptied else size, now_us, query.ids)
    events, has_next = page.events, page.has_next or is_emptied
    next_time = None if page.next_start_us is None else maven_time(page.next_start_us + skew)
    if FaultName.ODD_DATA in shown:
        events = make_some_odd(events, faults.odd_every)
    if skew:
        events = [shifted(event, skew) for event in events]
    if FaultName.NEXT_STAYS in shown or (is_emptied and next_time is None):
        next_time = maven_time(query.start_us)
    if FaultName.MALFORMED_NEXT in shown and next_time is not None:
        next_time = f"{next_time[:16]}:{next_time[16:]}"
    pagination: dict[str, object] = {"nextPageStartTime": next_time, "hasNextPage": has_next}
    if FaultName.MISSING_NEXT in shown:
        next_time = None
        del pagination["nextPageStartTime"]
    body = b'{"events":[' + b",".join(events) + b'],"pagination":' + orjson.dumps(pagination) + b"}"
    return Answer(200, [("Content-Type", "application/json; charset=utf-8")], body, len(events), has_next, next_time)


def date_header(now_us: int) -> str:
    """The time of an answer as the Date header has it (RFC 9110, 6.6.1)."""
    return formatdate(now_us // SECOND, usegmt=True)
