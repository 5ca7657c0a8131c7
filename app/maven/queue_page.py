"""A page of Maven's queue: its events, when they were saved, and where to read on.

Owns the envelope of `GET /return-events` and the rule by which reading goes on (contract section 6): it never stands
still, never passes by what could still be read, and says which time it had to leave behind. Pure: asking for pages is
`queue_client`'s, taking a page apart that is not whole `queue_split`'s, what an event means `events`'.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from app.maven.events import Fault, NotJson, ReadEvent, RejectedEvent, TooManyEvents, read_delivery
from app.maven.ijson_grammar import Json
from app.maven.queue_split import split_page
from app.maven.times import DAY, parse_time

RETENTION = 30 * DAY
"""How long Maven keeps an event (Maven, "Return events": 30 days from the date of creation)."""

WHOLE_BYTES = 4 * 1024 * 1024
PART_BYTES = 4 * 1024 * 1024
PART_EVENTS = 1000
"""A page that is larger than the first is read in parts of the others: read whole, it takes ten times its bytes."""

_MILLISECOND = 1000
_DOUBLED_COLON = re.compile(":{2,}")
_MOST_NESTED = 100_000
"""Events that one element of a page may hold, if it is a page itself."""

_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One answer of the queue; times are microseconds since 1970 UTC, by Maven's clock."""

    elements: int
    """How many events it has."""
    newest: int | None
    """The greatest `timestamp` of its events, None when none has one that can be read."""
    last: int | None
    """The `timestamp` of the last event that has one."""
    next_start: int | None
    """Where Maven says that the next page begins, None when it does not say, or not so that it can be read."""
    has_next: bool | None
    """Whether there are more, None when the page does not say so that it can be read."""
    parts: Iterable[list[ReadEvent]]
    """Its events in order. Read when they are asked for, once; large pages in several parts."""


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

    An event that is no JSON, or breaks it, is rejected alone; the page around it need only hold together.
    """
    if len(body) <= WHOLE_BYTES:
        page = _read_whole(body, limit)
        if page is not None:
            return page
    spans, rest = split_page(body)
    try:
        pagination = orjson.loads(rest).get("pagination")
    except (orjson.JSONDecodeError, AttributeError):
        pagination = None
    times = (_saved_at(_loaded(body[begin:end]), limit) for begin, end in spans)
    return _page(len(spans), times, pagination, limit, _parts(body, spans))


def _read_whole(body: bytes, limit: int) -> QueuePage | None:
    """A page that is sound as a whole, which nearly all are; None for any other."""
    page = _loaded(body)
    listed = page.get("events") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(listed, list) or page.get("eventType") is not None:
        return None  # no page, or one that would be read as an event
    try:
        events = read_delivery(body, _MOST_NESTED)
    except (NotJson, TooManyEvents):
        return None
    is_ambiguous = any(isinstance(e, RejectedEvent) and len(e.payload) > len(body) // 2 for e in events[:1])
    if len(events) != len(listed) or is_ambiguous:
        return None  # there are pages within, or the page itself may be what was rejected
    times = (_saved_at(event, limit) for event in listed)
    return _page(len(listed), times, page.get("pagination"), limit, [events])


def _page(
    elements: int,
    times: Iterable[int | None],
    pagination: Json,
    limit: int,
    parts: Iterable[list[ReadEvent]],
) -> QueuePage:
    known = [time for time in times if time is not None]
    says = pagination if isinstance(pagination, dict) else {}
    next_start = _read_time(says.get("nextPageStartTime"))
    return QueuePage(
        elements=elements,
        newest=max(known, default=None),
        last=known[-1] if known else None,
        next_start=None if next_start is None or next_start > limit else next_start,
        has_next=_read_answer(says.get("hasNextPage")),
        parts=parts,
    )


def _parts(body: bytes, spans: Sequence[tuple[int, int]]) -> Iterator[list[ReadEvent]]:
    part: list[ReadEvent] = []
    size = 0
    for begin, end in spans:
        if part and (len(part) >= PART_EVENTS or size + end - begin > PART_BYTES):
            yield part
            part, size = [], 0
        part += _read_element(body[begin:end])
        size += end - begin
    yield part


def _read_element(payload: bytes) -> list[ReadEvent]:
    try:
        return read_delivery(payload, _MOST_NESTED)
    except (NotJson, TooManyEvents) as error:
        return [RejectedEvent(None, None, None, (Fault("", str(error)),), payload)]


def _loaded(text: bytes) -> Json:
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value


def _saved_at(event: Json, limit: int) -> int | None:
    time = _read_time(event.get("timestamp")) if isinstance(event, dict) else None
    return None if time is None or time > limit else time


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


def _read_answer(value: Json) -> bool | None:
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def read_on(start: int, page: QueuePage) -> Onward:
    """Where to read on after the page that was asked for from `start`. Raises NoWayOn.

    From the page's own newest time wherever that leads on, for beginning there once more reads nothing too little: some
    say that the next page begins behind it, and mean only the events they have shown. From Maven's next start where
    that is earlier, as it is when events are not in the order of their times. When all events of a page bear the time
    asked for, there may be more of them than any page shows: the next instant is as far back as one can begin without
    standing still.
    """
    if page.has_next is False:
        return Onward(None)
    said = page.next_start if page.next_start is not None and page.next_start > start else None
    if page.newest is not None and page.newest > start:
        if said is not None and said <= page.newest:
            return Onward(said)
        return Onward(page.last if page.last is not None and page.last > start else page.newest)
    if page.has_next is None and said is None and page.newest != start:
        return Onward(None)  # nobody says that there are more, and this page shows none
    # Maven writes milliseconds. A time that has microseconds comes from a clock that has them.
    after = start + (1 if start % _MILLISECOND else _MILLISECOND)
    if said is not None:
        is_crowded = page.newest == start and said <= after
        return Onward(said, (start, said - 1) if is_crowded else None)
    if page.newest == start:
        # Where nobody says that there are more, a crowded time looks like the end of the queue, which is far likelier.
        return Onward(after, (start, after - 1) if page.has_next else None)
    raise NoWayOn
