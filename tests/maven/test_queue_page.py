"""Pages of Maven's queue, and the rule by which reading goes on: it ends, and passes nothing by without naming it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.maven.events import AcceptedEvent, IgnoredEvent, NotJson, ReadEvent, RejectedEvent
from app.maven.queue_page import NoWayOn, Onward, QueuePage, read_on, read_page
from app.maven.queue_split import split_page
from app.maven.times import format_time, parse_time
from tests.maven.examples import as_bytes, enveloped, violation_data

START = parse_time("2026-01-01T00:00:00Z")
LIMIT = parse_time("2026-02-01T00:00:00Z")
MILLISECOND = 1000


def page(*events: Any, **pagination: Any) -> bytes:
    return as_bytes({"events": list(events), "pagination": pagination})


def events(read: QueuePage) -> list[ReadEvent]:
    return [event for part in read.parts for event in part]


def event(timestamp: Any, event_type: str = "violationCreated") -> dict[str, Any]:
    return {**enveloped(violation_data(), event_type), "timestamp": timestamp}


def test_a_page_has_events_times_and_a_next_start() -> None:
    body = page(
        event("2026-01-01T00:00:02.500Z"),
        event("2026-01-01T00:00:01.000Z", "ManifestClosed"),
        event("nonsense"),
        nextPageStartTime="2026-01-01T00:00:03.000Z",
        hasNextPage=True,
    )
    read = read_page(body, LIMIT)
    assert [type(e) for e in events(read)] == [AcceptedEvent, IgnoredEvent, AcceptedEvent]
    assert (read.elements, read.last, read.newest) == (3, START + 1_000_000, START + 2_500_000)
    assert (read.next_start, read.has_next) == (START + 3_000_000, True)


@pytest.mark.parametrize(
    "written,meant",
    [
        ("2023-04-09T21:55::42.000Z", "2023-04-09T21:55:42Z"),  # Maven's own example
        (" 2023-04-09T21:55:42Z ", "2023-04-09T21:55:42Z"),
        ("2023-04-09T23:55:42+02:00", "2023-04-09T21:55:42Z"),
        ("2023-04-09T21:55:42", "2023-04-09T21:55:42Z"),
        (1_681_077_342_000, "2023-04-09T21:55:42Z"),
        ("2023-04-09", None),
        ("", None),
        ("soon", None),
        (None, None),
        (True, None),
        (-1, None),
        (1.5, None),
        ({}, None),
        ("2126-01-01T00:00:00Z", None),  # beyond what any honest clock says
    ],
)
def test_a_next_start_is_read_tolerantly_or_not_at_all(written: Any, meant: str | None) -> None:
    read = read_page(page(nextPageStartTime=written, hasNextPage=True), LIMIT)
    assert read.next_start == (None if meant is None else parse_time(meant))


@pytest.mark.parametrize(
    "written,meant",
    [
        (True, True), ("true", True), ("True", True), (1, True), ("yes", True),
        (False, False), ("false", False), (0, False), ("no", False),
        (None, None), ("maybe", None), ([], None), (2, None),
    ],
)  # fmt: skip
def test_has_next_page(written: Any, meant: bool | None) -> None:
    assert read_page(page(hasNextPage=written), LIMIT).has_next is meant


@pytest.mark.parametrize("pagination", ["", ', "pagination": null', ', "pagination": "none"', ', "pagination": []'])
def test_a_page_may_say_nothing_of_others(pagination: str) -> None:
    read = read_page(f'{{"events": []{pagination}}}'.encode(), LIMIT)
    assert (events(read), read.newest, read.next_start, read.has_next) == ([], None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"events": {}}',
        b'{"events": [',
        b"\xff",
    ],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        read_page(body, LIMIT)


GOOD = as_bytes({**enveloped(violation_data()), "timestamp": "2026-01-01T00:00:01Z"})


@pytest.mark.parametrize(
    "odd",
    [
        GOOD.replace(b'"PGH"', b'"\\ud800"'),
        GOOD.replace(b'"PGH"', b'"\xff"'),
        GOOD.replace(b'"PGH"', b"NaN"),
        GOOD.replace(b'"PGH"', b"1e999"),
        GOOD.replace(b'"PGH"', b"[" * 2000 + b"]" * 2000),
        GOOD.replace(b'"PGH"', b"9" * 5000),
        GOOD.replace(b'"PGH"', b"tru"),
        GOOD.replace(b'"id":"event-1"', b'"id":"event-1","id":"event-2"'),
        b"nonsense",
    ],
    ids=range(9),
)
def test_an_event_that_breaks_the_rules_is_rejected_alone(odd: bytes) -> None:
    body = b'{"events": [%b, %b , %b], "pagination": {"hasNextPage": true}}' % (GOOD, odd, GOOD)
    read = read_page(body, LIMIT)
    found = events(read)
    assert [type(e) for e in found] == [AcceptedEvent, RejectedEvent, AcceptedEvent]
    assert isinstance(found[1], RejectedEvent)
    assert found[1].payload == odd
    assert found[1].faults
    assert (read.elements, read.newest, read.has_next) == (3, START + 1_000_000, True)


@pytest.mark.parametrize(
    "around",
    [
        b'{"pagination": {"hasNextPage": true, "odd": "\\ud800"}, "events": [%b]}',
        b'{"events": [], "events": [%b], "pagination": {"hasNextPage": true}}',
        b'{"events": [%b], "events": [], "pagination": {"hasNextPage": true}}',
        b'\xef\xbb\xbf {"x": {"events": [1]}, "events" : [ %b ], "pagination": {"hasNextPage": true}} ',
        b'{"events": [%b], "pagination": {"hasNextPage": true}, "deep": %b}' % (b"%b", b"[" * 2000 + b"]" * 2000),
    ],
    ids=range(5),
)
def test_a_page_that_is_broken_around_its_events_is_taken_apart(around: bytes) -> None:
    read = read_page(around % GOOD, LIMIT)
    assert [type(e) for e in events(read)] == [AcceptedEvent]
    assert read.newest == START + 1_000_000


def test_a_large_page_comes_in_parts() -> None:
    many = b",".join([GOOD] * 3500)
    read = read_page(b'{"events": [%b], "pagination": {"hasNextPage": false}}' % many, LIMIT)
    sizes = [len(part) for part in read.parts]
    assert (read.elements, sum(sizes), max(sizes)) == (3500, 3500, 1000)
    assert read.has_next is False


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\[]{},: é'),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='e"\\]', max_size=3), inner),
            max_leaves=8,
        ),
        max_size=6,
    )
)
def test_pages_are_split_where_their_elements_are(elements: list[Any]) -> None:
    for indent in (None, 2):
        body = json.dumps({"a": ["]"], "events": elements, "pagination": {"x": "[,"}}, indent=indent).encode()
        spans, rest = split_page(body)
        assert [json.loads(body[begin:end]) for begin, end in spans] == elements
        assert json.loads(rest) == {"a": ["]"], "events": [], "pagination": {"x": "[,"}}


@pytest.mark.parametrize("data", [None, "text", [], 7, {"id": 3}])
def test_odd_data_is_rejected_and_its_time_counts(data: Any) -> None:
    odd = {**event("2026-01-01T00:00:05Z"), "data": data}
    read = read_page(page(odd, hasNextPage=False), LIMIT)
    assert [type(e) for e in events(read)] == [RejectedEvent]
    assert read.newest == START + 5_000_000


def made(
    next_start: int | None, newest: int | None, *, has_next: bool | None = True, last: int | None = None
) -> QueuePage:
    return QueuePage(9, newest, last or newest, next_start, has_next, [])


NOW_CROWDED = Onward(START + MILLISECOND, (START, START + MILLISECOND - 1))


@pytest.mark.parametrize(
    "found,onward",
    [
        (made(9, 9, has_next=False), Onward(None)),
        (made(START + 5, START + 3), Onward(START + 3)),
        (made(START + 2, START + 3), Onward(START + 2)),
        (made(START, START + 3), Onward(START + 3)),
        (made(START - 1, START + 3), Onward(START + 3)),
        (made(None, START + 3), Onward(START + 3)),
        (made(None, START + 9, last=START + 3), Onward(START + 3)),
        (made(None, START + 9, last=START), Onward(START + 9)),
        (made(START + 9_000, START), Onward(START + 9_000)),
        (made(START + 9_000, None), Onward(START + 9_000)),
        (made(START + MILLISECOND, START), NOW_CROWDED),
        (made(None, START), NOW_CROWDED),
        (made(START, START), NOW_CROWDED),
        # Where nobody says whether there are more, the next page tells: it ends where nothing new comes.
        (made(None, START + 3, has_next=None), Onward(START + 3)),
        (made(None, START, has_next=None), Onward(START + MILLISECOND)),
        (made(None, None, has_next=None), Onward(None)),
        (made(START + 9_000, START, has_next=None), Onward(START + 9_000)),
    ],
)
def test_reading_goes_on(found: QueuePage, onward: Onward) -> None:
    assert read_on(START, found) == onward


def test_a_clock_with_microseconds_is_followed_by_the_microsecond() -> None:
    assert read_on(START + 7, made(None, START + 7)) == Onward(START + 8, (START + 7, START + 7))


@pytest.mark.parametrize("found", [made(None, None), made(START, None), made(None, START - 1)])
def test_without_any_hint_there_is_no_way_on(found: QueuePage) -> None:
    with pytest.raises(NoWayOn):
        read_on(START, found)


def malformed(start: int, last: int, following: int) -> str:
    return format_time(following).replace(":", "::", 1)


NEXT: dict[str, Callable[[int, int, int], Any]] = {
    "right": lambda start, last, following: format_time(following),
    "last": lambda start, last, following: format_time(last),
    "behind the last": lambda start, last, following: format_time(last + MILLISECOND),
    "malformed": malformed,
    "missing": lambda start, last, following: None,
    "stays": lambda start, last, following: format_time(start),
    "back": lambda start, last, following: format_time(start - 1_000_000),
}


@given(
    times=st.lists(st.integers(0, 40), max_size=60).map(sorted),
    size=st.integers(1, 7),
    said=st.lists(st.sampled_from(sorted(NEXT)), min_size=1, max_size=20),
    says_more=st.booleans(),
)
def test_every_event_is_read_or_named_as_left_behind(
    times: list[int], size: int, said: list[str], says_more: bool
) -> None:
    """A queue whose cursor is a time, and what its pages say of the next start as wrong as can be."""
    saved = [START + t * MILLISECOND for t in times]
    read: set[int] = set()
    left_behind: list[tuple[int, int]] = []
    at: int | None = START
    pages = 0
    while at is not None:
        pages += 1
        assert pages <= 3 * len(saved) + 3, "it goes round in circles"
        places = [n for n, t in enumerate(saved) if t >= at]
        shown, following = places[:size], places[size:]
        read.update(shown)
        pagination: dict[str, Any] = {"hasNextPage": bool(following)} if says_more else {}
        if following:
            last = saved[shown[-1]]
            pagination["nextPageStartTime"] = NEXT[said[pages % len(said)]](at, last, saved[following[0]])
        found = read_page(page(*(event(format_time(saved[n])) for n in shown), **pagination), LIMIT)
        onward = read_on(at, found)
        assert onward.start is None or onward.start > at
        if onward.left_behind is not None:
            left_behind.append(onward.left_behind)
        at = onward.start
    missing = {n for n in range(len(saved)) if n not in read}
    assert all(saved.count(saved[n]) > size for n in missing)
    # Where nobody says that there are more, a crowded time cannot be told from the end.
    if says_more:
        assert all(any(a <= saved[n] <= b for a, b in left_behind) for n in missing)
    # Where a page ends with the time it began with, and what it says of the next is wrong, there might be more.
    assert all(saved.count(a) >= size for a, _ in left_behind)
