"""What the stand-in's queue holds: order, pages that follow each other, retention, ids."""

from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.maven.standin import RETENTION, HeldEvents, HeldPage, enveloped, maven_time
from app.maven.times import SECOND, parse_time

MILLISECOND = SECOND // 1000
NOW = 1_700_000_000 * SECOND


def event(name: str) -> bytes:
    return b'{"id":"' + name.encode() + b'"}'


def held_at(*times: int) -> HeldEvents:
    """Events named by their order of adding, saved so many milliseconds after an hour before NOW."""
    held = HeldEvents()
    for number, time in enumerate(times):
        held.add(moment(time), event(str(number)))
    return held


def moment(milliseconds: int) -> int:
    return NOW - 3600 * SECOND + milliseconds * MILLISECOND


def names(events: list[bytes]) -> str:
    return " ".join(orjson.loads(one)["id"] for one in events)


def follow(held: HeldEvents, start: int, size: int) -> Iterator[HeldPage]:
    """The pages that a reader gets who believes every nextPageStartTime, as it is written."""
    while True:
        page = held.page(start, None, size, NOW)
        yield page
        if not page.has_next:
            return
        assert page.next_start_us is not None
        start = parse_time(maven_time(page.next_start_us))


def test_events_come_in_the_order_they_were_saved_and_then_added() -> None:
    held = held_at(20, 10, 30, 10, 20)
    assert names(held.page(0, None, 9, NOW).events) == "1 3 0 4 2"
    assert len(held) == 5


def test_both_ends_are_inclusive() -> None:
    held = held_at(10, 20, 30, 40)
    assert names(held.page(moment(20), moment(30), 9, NOW).events) == "1 2"
    assert names(held.page(moment(20) + 1, moment(30) - 1, 9, NOW).events) == ""


def test_a_page_says_where_the_next_begins() -> None:
    held = held_at(10, 20, 20, 30)
    assert held.page(0, None, 2, NOW) == HeldPage([event("0"), event("1")], True, moment(20))
    # Inclusive: event 1 comes again.
    assert held.page(moment(20), None, 2, NOW) == HeldPage([event("1"), event("2")], True, moment(30))
    assert held.page(moment(30), None, 2, NOW) == HeldPage([event("3")], False, moment(30))
    assert held.page(moment(31), None, 2, NOW) == HeldPage([], False, None)


def test_when_more_share_a_time_than_a_page_holds_the_next_does_not_move() -> None:
    held = held_at(10, 10, 10)
    page = held.page(moment(10), None, 2, NOW)
    assert (names(page.events), page.has_next, page.next_start_us) == ("0 1", True, moment(10))


def test_times_are_cut_to_milliseconds() -> None:
    held = HeldEvents()
    held.add(moment(7) + 999, event("late in its millisecond"))
    held.add(moment(7) + 1, event("early in it"))
    assert names(held.page(moment(7), moment(7), 9, NOW).events) == "late in its millisecond early in it"


def test_an_event_is_kept_for_30_days_and_not_shown_before_its_time() -> None:
    held = HeldEvents()
    for name, saved_at in (("a", NOW), ("b", NOW + 1000), ("c", NOW + RETENTION)):
        held.add(saved_at, event(name))
    assert names(held.page(0, None, 9, NOW).events) == "a"
    assert held.page(0, None, 1, NOW).has_next is False
    assert names(held.page(0, NOW + 2 * RETENTION, 9, NOW + RETENTION).events) == "a b c"
    assert names(held.page(0, None, 9, NOW + RETENTION + 1).events) == "b c"
    assert [tuple(held.census(now)) for now in (NOW - 1, NOW, NOW + RETENTION + 1)] == [(0, 0, 3), (0, 1, 2), (1, 2, 0)]


def test_events_are_found_by_id_also_those_added_later() -> None:
    held = held_at(10, 20, 30, 40)
    held.add(moment(50), event("1"))
    held.add(moment(20), b"no JSON")
    held.add(moment(20), b'["no object"]')
    held.add(moment(20), b'{"id": 3}')
    wanted = ["1", "3", "1", "unknown"]
    assert names(held.page(0, None, 9, NOW, wanted).events) == "1 3 1"
    held.add(moment(15), event("3"))
    held.add(moment(60), event("9"))
    assert names(held.page(0, None, 9, NOW, wanted).events) == "3 1 3 1"
    assert names(held.page(moment(16), moment(40), 9, NOW, wanted).events) == "1 3"
    assert held.page(0, None, 1, NOW, wanted) == HeldPage([event("3")], True, moment(20))
    assert held.page(0, None, 9, NOW, []) == HeldPage([], False, None)


MOMENTS = st.integers(0, 30)


@given(times=st.lists(MOMENTS, max_size=60), start=MOMENTS, spare=st.integers(0, 5))
def test_who_follows_the_pages_gets_every_event_in_order(times: list[int], start: int, spare: int) -> None:
    held = held_at(*times)
    size = max((times.count(time) for time in times), default=1) + spare
    expected = [event(str(number)) for number in sorted(range(len(times)), key=lambda n: (times[n], n))]
    expected = [one for one in expected if times[int(orjson.loads(one)["id"])] >= start]
    pages = list(follow(held, moment(start), size))
    got: list[bytes] = []
    for page in pages:
        assert len(page.events) <= size
        # What comes again is the end of what came before, and is skipped here.
        again = [one for one in page.events if one in got]
        assert page.events[: len(again)] == again
        assert got[len(got) - len(again) :] == again
        got += page.events[len(again) :]
    assert got == expected
    # Every page but the last brings something new.
    assert len(pages) <= max(1, len(expected))


@given(
    times=st.lists(MOMENTS, max_size=30),
    start=MOMENTS,
    end=st.none() | MOMENTS,
    size=st.integers(1, 8),
    now=st.integers(0, 40),
)
def test_a_page_is_what_a_search_through_everything_finds(
    times: list[int], start: int, end: int | None, size: int, now: int
) -> None:
    held = held_at(*times)
    page = held.page(moment(start), None if end is None else moment(end), size, moment(now))
    found = [number for number in sorted(range(len(times)), key=lambda n: (times[n], n)) if start <= times[number]]
    found = [number for number in found if times[number] <= now and (end is None or times[number] <= end)]
    assert page.events == [event(str(number)) for number in found[:size]]
    assert page.has_next == (len(found) > size)
    if page.has_next:
        assert page.next_start_us == moment(times[found[size]])


@pytest.mark.parametrize(
    "micros, text", [(0, "1970-01-01T00:00:00.000Z"), (1_681_077_342_999_999, "2023-04-09T21:55:42.999Z")]
)
def test_time_is_written_as_maven_writes_it(micros: int, text: str) -> None:
    assert maven_time(micros) == text
    assert orjson.loads(enveloped("e", "stopArrival", micros, {}))["timestamp"] == text
