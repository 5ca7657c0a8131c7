"""How values read on a page: times, days, counts, and texts of others."""

from datetime import UTC, date, datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dashboard.differences import LONGEST, differences
from app.dashboard.words import ago, clean, counted, log_day, moment, over, segment, shown, signed, terminal_moment
from app.maven.events import read_data
from app.maven.times import DAY, HOUR, LAST_INSTANT, MINUTE, SECOND, format_time
from tests.dashboard.reading import assert_inert, read
from tests.maven.examples import as_bytes, flat_event, vehicle_data

NEW_YORK = ZoneInfo("America/New_York")
INSTANTS = st.integers(0, LAST_INSTANT)
UNSEEN = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff\u00ad\x00\x1b\x7f\x9f"


@given(INSTANTS)
def test_a_moment_is_the_same_instant_in_both_zones(micros: int) -> None:
    found = read(str(moment(micros, NEW_YORK)))
    assert_inert(found)
    time = found.only("time")
    assert time["datetime"] == format_time(micros)
    utc = datetime.strptime(time.text, "%d %b %Y, %H:%M UTC").replace(tzinfo=UTC)
    whole = micros // MINUTE * MINUTE
    assert format_time(int(utc.timestamp()) * SECOND) == format_time(whole)
    local, _, name = found.only("span").text.rpartition(" ")
    assert name in ("EST", "EDT")
    there = datetime.strptime(f"{local} {'-0400' if name == 'EDT' else '-0500'}", "%d %b %Y, %H:%M %z")
    assert there == utc


def test_moments_without_zone_or_at_all() -> None:
    assert read(str(moment(0))).text == "1 Jan 1970, 00:00 UTC"
    assert read(str(moment(None, NEW_YORK))).text == "not known"
    zones = {"PGH": NEW_YORK}
    assert "EST" in terminal_moment(0, "PGH", zones)
    assert terminal_moment(0, "CLE", zones) == terminal_moment(0, None, zones) == moment(0)


@given(st.dates())
def test_a_log_date_is_the_same_day(day: date) -> None:
    number, name, year = log_day(day.isoformat()).split(" ")
    assert (int(number), int(year)) == (day.day, day.year)
    assert name == f"{day:%b}"


@pytest.mark.parametrize("text, words", [(None, "not known"), ("", ""), ("2024-13-01", "2024-13-01")])
def test_what_is_no_day(text: str | None, words: str) -> None:
    assert log_day(text) == words


@pytest.mark.parametrize(
    "micros, words",
    [
        (-MINUTE, "just now"),
        (MINUTE - 1, "just now"),
        (MINUTE, "1 min ago"),
        (HOUR - 1, "59 min ago"),
        (HOUR, "1 h ago"),
        (DAY - 1, "23 h ago"),
        (DAY, "1 day ago"),
        (400 * DAY, "400 days ago"),
    ],
)
def test_how_long_ago(micros: int, words: str) -> None:
    assert ago(LAST_INSTANT - micros, LAST_INSTANT) == words
    assert ago(None, LAST_INSTANT) == "never"


@given(st.integers(-(10**9), 10**9))
def test_counts_can_be_read_back(number: int) -> None:
    assert int(counted(number).replace(",", "")) == number
    text = signed(number)
    assert text[0] == ("+" if number > 0 else "\u2212" if number < 0 else "\u00b1")
    assert int(text[1:].replace(",", "")) == abs(number)


@given(st.none() | st.integers(0, 599_999))
def test_a_time_over_a_limit(minutes: int | None) -> None:
    words = over(minutes)
    if minutes is None:
        assert words == "not known"
    else:
        parts = [int(part) for part in words.replace(" min", "").split(" h ")]
        assert parts[-1] + 60 * (parts[0] if len(parts) == 2 else 0) == minutes


@given(st.text(st.characters() | st.sampled_from(UNSEEN + "\r\n\t ")), st.integers(1, 100))
def test_texts_of_others_are_one_line(text: str, most: int) -> None:
    line = shown(text, most)
    assert line == "not known" or len(line) <= most
    assert not set(line) & set(UNSEEN + "\r\n\t")
    assert line == line.strip(" ")
    for part in clean(text).split("\n"):
        assert not set(part) & set(UNSEEN + "\r\t")


@given(st.text(st.characters(codec="utf-8")))
def test_a_segment_is_one_segment(text: str) -> None:
    written = segment(text)
    assert unquote(written, errors="strict") == text
    assert not set(written) & set("/?#&;=+ \"'<>")


def test_differences_are_of_what_was_said() -> None:
    before = read_data(as_bytes(flat_event()))
    assert differences(before, before) == []
    renamed = flat_event(eventTime="2024-02-01T00:00:00Z", driverName="x" * 500, endTime="2024-01-01T01:00:00+01:00")
    ((name, was, now),) = differences(before, read_data(as_bytes(renamed)))
    assert (name, was) == ("driverName", "Doe, John")
    assert now is not None
    assert len(now) == LONGEST
    gone = read_data(as_bytes(flat_event(startData=None)))
    assert {name.split(".")[0] for name, _, _ in differences(before, gone)} == {"startData"}
    assert all(now is None for _, _, now in differences(before, gone))
    assert all(was is None for _, was, _ in differences(gone, before))
    moved = read_data(as_bytes(flat_event(endData=vehicle_data(odometer=1.5))))
    assert differences(before, moved) == [("endData.odometer", "12345.6", "1.5")]
