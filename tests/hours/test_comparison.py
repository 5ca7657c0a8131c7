"""A reported violation beside the log: when the two agree, by how much they differ, and when there is no telling."""

import pytest

from app.hours.comparison import Comparison, Verdict, compare
from app.hours.limits import SEVENTY_EIGHT, SIXTY_SEVEN, Excess, Limit
from app.maven.times import HOUR, MINUTE
from tests.hours.logs import at, log_of

EVENING = at(-1, "20")
LONG_DRIVE = log_of("off 10, drive 13, off 12", EVENING)
"""11 hours of driving at 17:00, and on until 19:00."""


def compare_driving(start: str, end: str | None, length: int | None) -> Comparison:
    until = None if end is None else at(0, end)
    return compare(LONG_DRIVE, Limit.DRIVING, SEVENTY_EIGHT, at(0, start), until, length)


@pytest.mark.parametrize(
    "start, end, length, starts, lengths",
    [
        ("17:00", "19:00", 2 * HOUR, 0, 0),
        ("17:00", "19:00", None, 0, 0),
        ("17:00", None, 2 * HOUR, 0, 0),
        ("17:00", None, None, 0, None),
        ("16:58", "19:00", 2 * HOUR, 2 * MINUTE, 0),
        ("17:02", "19:02", 2 * HOUR + 2 * MINUTE, -2 * MINUTE, 0),
        ("17:00", "19:02", 2 * HOUR + 2 * MINUTE, 0, -2 * MINUTE),
        # The violation ends with the rest, 10 hours later; its length is the driving. Or the other way round.
        ("17:00", "29:00", 2 * HOUR, 0, 0),
        ("17:00", "19:00", 12 * HOUR, 0, 0),
    ],
)
def test_agrees_within_two_minutes(
    start: str, end: str | None, length: int | None, starts: int, lengths: int | None
) -> None:
    found = (Excess(Limit.DRIVING, at(0, "17"), at(0, "19")),)
    assert compare_driving(start, end, length) == Comparison(Verdict.AGREES, starts, lengths, found, None)


@pytest.mark.parametrize(
    "start, end, length, starts, lengths",
    [
        ("16:57", "19:00", 2 * HOUR, 3 * MINUTE, 0),
        ("17:03", "19:00", None, -3 * MINUTE, 3 * MINUTE),
        ("17:00", "19:03", 2 * HOUR + 3 * MINUTE, 0, -3 * MINUTE),
        ("18:00", "18:30", 30 * MINUTE, -HOUR, 90 * MINUTE),
        ("19:59", None, None, -2 * HOUR - 59 * MINUTE, None),
    ],
)
def test_differs_by_more(start: str, end: str | None, length: int | None, starts: int, lengths: int | None) -> None:
    found = (Excess(Limit.DRIVING, at(0, "17"), at(0, "19")),)
    assert compare_driving(start, end, length) == Comparison(Verdict.DIFFERS, starts, lengths, found, None)


@pytest.mark.parametrize(
    "start, end, length, lengths",
    [
        ("8:00", "9:00", None, -HOUR),
        ("8:00", "9:00", 30 * MINUTE, -30 * MINUTE),
        ("8:00", None, None, None),
        # An hour away is another matter.
        ("20:00", "21:00", HOUR, -HOUR),
        ("15:00", "16:00", HOUR, -HOUR),
    ],
)
def test_no_excess_where_one_is_reported(start: str, end: str | None, length: int | None, lengths: int | None) -> None:
    reason = "The log shows no driving beyond this limit here."
    assert compare_driving(start, end, length) == Comparison(Verdict.DIFFERS, None, lengths, (), reason)


TWO_DRIVES = log_of("off 10, on 14, drive 1, on 0:30, drive 1, off 10", EVENING)
"""14 hours at 20:00; driving until 21:00 and 21:30-22:30."""
FIRST = Excess(Limit.WINDOW, at(0, "20"), at(0, "21"))
SECOND = Excess(Limit.WINDOW, at(0, "21:30"), at(0, "22:30"))


@pytest.mark.parametrize(
    "start, end, length, found",
    [
        ("20:00", "22:30", 2 * HOUR, (FIRST, SECOND)),
        ("20:00", "22:30", None, (FIRST, SECOND)),
        ("20:00", None, 2 * HOUR, (FIRST, SECOND)),
        # One for each time that the driver drove.
        ("20:00", "21:00", HOUR, (FIRST,)),
        ("21:30", "22:30", HOUR, (SECOND,)),
    ],
)
def test_several_drives_are_one_violation_or_several(
    start: str, end: str | None, length: int | None, found: tuple[Excess, ...]
) -> None:
    until = None if end is None else at(0, end)
    shown = compare(TWO_DRIVES, Limit.WINDOW, SEVENTY_EIGHT, at(0, start), until, length)
    assert shown == Comparison(Verdict.AGREES, 0, 0, found, None)


def test_when_no_part_agrees_all_of_the_shift_is_shown() -> None:
    shown = compare(TWO_DRIVES, Limit.WINDOW, SEVENTY_EIGHT, at(0, "20"), at(0, "21:50"), 110 * MINUTE)
    assert shown == Comparison(Verdict.DIFFERS, 0, 10 * MINUTE, (FIRST, SECOND), None)


def test_shifts_are_kept_apart() -> None:
    # Beyond 11 hours from 17 to 18 and, after 10 hours, from 15 to 16 on day 1: the report reaches to the second.
    log = log_of("off 10, drive 12, off 10, drive 12, off 10", EVENING)
    first = Excess(Limit.DRIVING, at(0, "17"), at(0, "18"))
    second = Excess(Limit.DRIVING, at(1, "15"), at(1, "16"))
    shown = compare(log, Limit.DRIVING, SEVENTY_EIGHT, at(0, "17"), at(1, "14:30"), HOUR)
    assert shown == Comparison(Verdict.AGREES, 0, 0, (first,), None)
    shown = compare(log, Limit.DRIVING, SEVENTY_EIGHT, at(0, "18:30"), at(1, "16"), HOUR)
    assert shown.found == (second,)


def test_a_break_parts_what_is_beyond_the_break() -> None:
    log = log_of("off 10, drive 9, off 0:30, drive 8:20, off 10", EVENING)
    shown = compare(log, Limit.BREAK, SEVENTY_EIGHT, at(0, "14"), at(0, "23"), HOUR)
    assert shown.found == (Excess(Limit.BREAK, at(0, "14"), at(0, "15")),)
    assert shown.verdict is Verdict.AGREES
    shown = compare(log, Limit.BREAK, SEVENTY_EIGHT, at(0, "14"), at(0, "23"), HOUR // 2)
    assert shown.found == (Excess(Limit.BREAK, at(0, "14"), at(0, "15")),)
    assert shown.length_difference == HOUR // 2


@pytest.mark.parametrize(
    "limit, log, reason",
    [
        (Limit.DRIVING, "off 9, drive 12", "The log does not reach back without a gap to a full rest of 10 hours."),
        (Limit.WINDOW, "off 9, drive 12", "The log does not reach back without a gap to a full rest of 10 hours."),
        (Limit.BREAK, "drive 7, on 0:01, gap 5, drive 9", "The log has no entry for the start of this violation."),
        (Limit.BREAK, "on 0:29, drive 7:59", "The log has no entry for the start of this violation."),
        (Limit.BREAK, "gap 3, drive 9", "The log does not reach back without a gap to a break of 30 minutes."),
        (
            Limit.CYCLE,
            "off 33, drive 2",
            "The log does not reach back without a gap over 7 days or to a rest of 34 hours.",
        ),
        (Limit.DRIVING, "off 10, drive 2:30", "The log has a gap or ends before this violation does."),
        (
            Limit.DRIVING,
            "off 10, drive 2:30, gap 0:01, drive 1",
            "The log has a gap or ends before this violation does.",
        ),
    ],
)
def test_not_enough_log(limit: Limit, log: str, reason: str) -> None:
    shown = compare(log_of(log, at(-1, "24")), limit, SIXTY_SEVEN, at(0, "10"), at(0, "13"), 3 * HOUR)
    assert shown == Comparison(Verdict.NOT_ENOUGH_LOG, None, None, (), reason)


def test_a_report_that_starts_when_the_log_ends_is_not_in_it() -> None:
    shown = compare_driving("31:00", "31:00", 0)
    assert shown.reason == "The log has no entry for the start of this violation."


def test_a_log_that_ends_with_the_violation_is_enough() -> None:
    log = log_of("off 10, drive 12:58", EVENING)
    shown = compare(log, Limit.DRIVING, SEVENTY_EIGHT, at(0, "17"), at(0, "19"), 2 * HOUR)
    assert (shown.verdict, shown.length_difference) == (Verdict.AGREES, -2 * MINUTE)
