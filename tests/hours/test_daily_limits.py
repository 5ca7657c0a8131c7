"""The 11 hours, the 14 hours and the break on days that can be checked by hand, without a split of the sleeper berth.

After the examples of FMCSA's Interstate Truck Driver's Guide to Hours of Service.
"""

import pytest

from app.hours.limits import SEVENTY_EIGHT, Limit, find_excess, known_from
from tests.hours.logs import at, log_of, told

EVENING = at(-1, "20")
"""10 hours before 06:00."""


@pytest.mark.parametrize(
    "day, beyond",
    [
        # On duty at 6, so no driving after 20, however much time off was in between.
        ("off 10, on 1, drive 4, off 2, drive 5, on 1, drive 2", ["0 20:00-21:00"]),
        ("off 10, on 1, drive 4, off 9, drive 3", ["0 20:00-23:00"]),
        ("off 10, on 1, drive 4, off 2, drive 5, on 1, drive 1, on 5", []),
        # Work after the 14 hours is allowed, driving is not; each drive is a stretch of its own.
        ("off 10, drive 8, on 7, drive 1, on 1, drive 1", ["0 21:00-22:00", "0 23:00-00:00"]),
        # 10 hours off in one piece start the day anew, in whichever way they are spent; a minute less does not.
        ("off 10, on 13, off 4, berth 2, off 4, drive 2", []),
        ("off 10, on 13, off 9:59, drive 2", ["1 04:59-06:59"]),
        ("off 10, on 13, off 5, on 0:01, off 9:59, drive 1", ["1 10:00-11:00"]),
    ],
)
def test_no_driving_after_14_hours(day: str, beyond: list[str]) -> None:
    assert told(log_of(day, EVENING), Limit.WINDOW) == beyond


@pytest.mark.parametrize(
    "day, beyond",
    [
        # On duty at 6, driving from 7 to 14, half an hour off, and 4 hours more: at 18:30 the 11 hours are over.
        ("off 10, on 1, drive 7, off 0:30, drive 4", []),
        ("off 10, on 1, drive 7, off 0:30, drive 5", ["0 18:30-19:30"]),
        ("off 10, on 1, drive 7, off 0:30, drive 4, off 1, drive 1", ["0 19:30-20:30"]),
        ("off 10, drive 12, off 10, drive 11", ["0 17:00-18:00"]),
        ("off 10, drive 11, off 9:59, drive 2", ["1 02:59-04:59"]),
    ],
)
def test_no_driving_beyond_11_hours_of_it(day: str, beyond: list[str]) -> None:
    assert told(log_of(day, EVENING), Limit.DRIVING) == beyond


@pytest.mark.parametrize(
    "day, beyond",
    [
        ("off 10, drive 8, off 0:30, drive 3", []),
        ("off 10, drive 9", ["0 14:00-15:00"]),
        # What is not driving interrupts it, on duty too, and in any mixture; but in one piece.
        ("off 10, drive 4, on 0:30, drive 8", []),
        ("off 10, drive 4, on 0:10, off 0:10, berth 0:10, drive 8", []),
        ("off 10, drive 4, on 0:29, drive 5", ["0 14:29-15:29"]),
        ("off 10, drive 4, on 0:20, drive 3, on 0:20, drive 2", ["0 14:40-15:40"]),
        # It is 8 hours of driving, not 8 hours since the start of the day.
        ("off 10, on 5, drive 8", []),
        ("off 10, drive 8, on 0:29, drive 1, off 0:30, drive 1", ["0 14:29-15:29"]),
    ],
)
def test_no_driving_after_8_hours_of_it_without_a_break(day: str, beyond: list[str]) -> None:
    assert told(log_of(day, EVENING), Limit.BREAK) == beyond


ADVERSE_DAY = "off 10, drive 7, off 0:30, drive 6:30, on 1, drive 2"
"""11 hours of driving at 17:30, 13 at 19:30; 14 hours at 20:00, 16 at 22:00; driving until 20:00 and 21:00 to 23:00."""


@pytest.mark.parametrize(
    "claim, driving, window",
    [
        (None, ["0 17:30-20:00", "0 21:00-23:00"], ["0 21:00-23:00"]),
        ((at(0, "17"), at(0, "23")), ["0 19:30-20:00", "0 21:00-23:00"], ["0 22:00-23:00"]),
        # From the claim on: what was beyond the limit before it stays beyond.
        ((at(0, "18"), at(0, "23")), ["0 17:30-18:00", "0 19:30-20:00", "0 21:00-23:00"], ["0 22:00-23:00"]),
        ((at(0, "21:30"), at(0, "23")), ["0 17:30-20:00", "0 21:00-23:00"], ["0 21:00-21:30", "0 22:00-23:00"]),
        # A claim of the shift before is over.
        ((at(-1, "18"), at(-1, "20")), ["0 17:30-20:00", "0 21:00-23:00"], ["0 21:00-23:00"]),
    ],
    ids=["none", "before", "late", "too late", "day before"],
)
def test_adverse_conditions_give_2_hours_more(
    claim: tuple[int, int] | None, driving: list[str], window: list[str]
) -> None:
    log = log_of(ADVERSE_DAY, EVENING, (claim,) if claim else ())
    assert told(log, Limit.DRIVING) == driving
    assert told(log, Limit.WINDOW) == window
    assert told(log, Limit.BREAK) == told(log_of(ADVERSE_DAY, EVENING), Limit.BREAK)


def test_a_gap_hides_what_was_before_it() -> None:
    log = log_of("off 10, drive 6, gap 0:01, drive 7, off 10, drive 12", EVENING)
    assert told(log, Limit.DRIVING) == ["1 16:01-17:01"]
    assert told(log, Limit.WINDOW) == []
    # 7 hours after the gap prove nothing; 12 hours do.
    assert told(log, Limit.BREAK) == ["1 13:01-17:01"]


@pytest.mark.parametrize("limit", [Limit.DRIVING, Limit.WINDOW], ids=lambda limit: limit.value)
def test_known_from_a_full_rest_on(limit: Limit) -> None:
    log = log_of("off 9:59, drive 2, off 10, drive 2, gap 1, drive 1, on 2", at(0, "0"))
    instants = ["9:59", "11:59", "21:58", "21:59", "23:59"]
    assert [known_from(log, limit, SEVENTY_EIGHT, at(0, time)) for time in instants] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert [known_from(log, limit, SEVENTY_EIGHT, at(1, time)) for time in ["0:30", "1", "2"]] == [False, False, False]


def test_a_break_is_known_from_30_minutes_or_8_hours_on() -> None:
    log = log_of("on 0:29, drive 8:01, on 0:30, drive 1, gap 1, drive 1", at(0, "0"))
    instants = ["0:29", "8:28", "8:29", "8:30", "8:31", "9", "10", "10:01", "11:30"]
    known = [known_from(log, Limit.BREAK, SEVENTY_EIGHT, at(0, time)) for time in instants]
    assert known == [False, False, True, True, True, True, True, False, False]
    assert told(log, Limit.BREAK) == ["0 08:29-08:30"]


def test_no_driving_at_all_is_no_excess() -> None:
    for limit in Limit:
        assert find_excess(log_of("off 10, on 20", EVENING), limit, SEVENTY_EIGHT) == []
