"""A page of Maven's queue: its events, when they were saved, and where to read on.

Owns the envelope of `GET /return-events` and the rule by which reading goes on (contract section 6): it never stands
still, never passes by what could still be read, and says which time it had to leave behind. Pure: asking for pages is
`queue_client`'s, what an event means `events`'.
"""

import json
import re
from dataclasses import dataclass

import orjson

from app.maven.events import ReadEvent, read_delivery
from app.maven.ijson_grammar import Json, NotJson
from app.maven.times import SECOND, parse_time

MAX_EVENTS = 100_000
"""Events in a page; the client's limit on bytes is reached first."""

DAY = 86_400 * SECOND
RETENTION = 30 * DAY
"""How long Maven keeps an event."""

_MILLISECOND = 1000
_DOUBLED_COLON = re.compile(":{2,}")


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One answer of the queue; times are microseconds since 1970 UTC, by Maven's clock."""

    events: list[ReadEvent]
    oldest: int | None
    """The least `timestamp` of its events, None when none has one that can be read."""
    newest: int | None
    next_start: int | None
    """Where Maven says that the next page begins, None when it does not say, or not so that it can be read."""
    has_next: bool


@dataclass(frozen=True, slots=True)
class Onward:
    """Where to read on, None at the end; and the time that had to be left behind, if any."""

    start: int | None
    left_behind: tuple[int, int] | None = None


class NoWayOn(Exception):
    """A page says that there are more events, and nothing in it tells where."""


def read_page(body: bytes, limit: int) -> QueuePage:
    """Read an answer; `limit` is the latest time that an event can honestly bear, for one wrong clock must not move
    reading into the future. Raises NotJson for what is no page.
    """
    try:
        page: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        page = _read_loosely(body)
    listed = page.get("events") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(listed, list) or page.get("eventType") is not None:
        raise NotJson("The answer is no page of return events: it has no array `events`.")
    pagination = page.get("pagination")
    pagination = pagination if isinstance(pagination, dict) else {}
    times = [time for event in listed if (time := _saved_at(event)) is not None and time <= limit]
    next_start = _read_time(pagination.get("nextPageStartTime"))
    has_next = pagination.get("hasNextPage")
    if not isinstance(has_next, bool):
        has_next = str(has_next).lower() == "true"
    oldest, newest = min(times, default=None), max(times, default=None)
    del page, listed  # so that a page is not in memory twice
    return QueuePage(
        events=read_delivery(body, MAX_EVENTS),
        oldest=oldest,
        newest=newest,
        next_start=None if next_start is None or next_start > limit else next_start,
        has_next=has_next,
    )


def _read_loosely(body: bytes) -> Json:
    """JSON that the strict parser refuses although its events may be well: lone surrogates in one of them, say."""
    try:
        page: Json = json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson("The answer is not JSON.") from None
    return page


def _saved_at(event: Json) -> int | None:
    return _read_time(event.get("timestamp")) if isinstance(event, dict) else None


def _read_time(value: Json) -> int | None:
    """A time as Maven writes it: ISO 8601, with doubled colons at times, as in its own example; or milliseconds since
    1970."""
    if isinstance(value, str):
        try:
            return parse_time(_DOUBLED_COLON.sub(":", value.strip()))
        except ValueError:
            return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 8_000_000_000_000:
        return value * _MILLISECOND
    return None


def read_on(start: int, page: QueuePage) -> Onward:
    """Where to read on after the page that was asked for from `start`. Raises NoWayOn.

    Maven's word counts when it leads on. Else the newest event does: beginning there once more reads nothing too
    little. When all events of a page bear the time asked for, there may be more of them than any page shows: the next
    instant is as far back as one can begin without standing still.
    """
    if not page.has_next:
        return Onward(None)
    if page.next_start is not None and page.next_start > start:
        return Onward(page.next_start)
    if page.newest is not None and page.newest > start:
        return Onward(page.newest)
    if page.newest is not None and page.newest == start:
        # Maven writes milliseconds. A time that has microseconds comes from a clock that has them.
        after = start + (1 if start % _MILLISECOND else _MILLISECOND)
        return Onward(after, (start, after - 1))
    raise NoWayOn
