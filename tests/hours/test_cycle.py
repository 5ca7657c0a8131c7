"""The 60 hours in 7 days and the 70 in 8, and the rest of 34 hours that restarts them."""

import pytest

from app.hours.clocks import clocks_at
from app.hours.limits import SEVENTY_EIGHT, SIXTY_SEVEN, Cycle, Limit, known_from
from app.hours.spans import Log
from app.maven.times import HOUR
from tests.hours.logs import MIDNIGHT, at, log_of, told

# Sunday to Saturday of the table in FMCSA's guide, each on duty from 6 o'clock on: 62 hours.
GUIDE_WEEK = (
    "off 24, off 6, on 10, off 8, off 6, on 8:30, off 9:30, off 6, on 12:30, off 5:30, "
    "off 6, on 9, off 9, off 6, on 10, off 8, off 6, on 12, off 6"
)


def test_the_table_of_the_guide() -> None:
    log = log_of(f"{GUIDE_WEEK}, off 6, on 5, off 1")
    assert clocks_at(log, at(7, "0"), SEVENTY_EIGHT).cycle_left == 8 * HOUR
    assert clocks_at(log, at(7, "11"), SEVENTY_EIGHT).cycle_left == 3 * HOUR
    # In 7 days it is 67 hours too, for Sunday had none: 7 more than 60.
    assert clocks_at(log, at(7, "11"), SIXTY_SEVEN).cycle_left == -7 * HOUR


def test_driving_beyond_the_table_of_the_guide() -> None:
    assert told(log_of(f"{GUIDE_WEEK}, off 6, on 5, drive 4"), Limit.CYCLE) == ["7 14:00-15:00"]
    assert told(log_of(f"{GUIDE_WEEK}, off 6, on 5, drive 3, on 4"), Limit.CYCLE) == []


def test_the_day_after_the_table_of_the_guide() -> None:
    # On Sunday at 15 the 70 hours are used up. Monday drops a Sunday without work, and Tuesday the 10 hours of Monday.
    log = log_of(f"{GUIDE_WEEK}, off 6, on 8, off 10, off 23, drive 12")
    assert told(log, Limit.CYCLE) == ["8 23:00-00:00", "9 09:00-11:00"]


FULL_WEEK = ", ".join(["off 10, on 10, off 4"] * 7)
"""70 hours in the 7 days from day 0 to day 6, each from 10 to 20."""


def test_at_midnight_the_oldest_day_is_no_longer_counted() -> None:
    assert told(log_of(f"{FULL_WEEK}, off 22, drive 3"), Limit.CYCLE) == ["7 22:00-00:00"]


def test_a_day_of_23_hours_ends_an_hour_earlier() -> None:
    log = log_of(f"{FULL_WEEK}, off 22, drive 3")
    day_starts = tuple(MIDNIGHT + day * 24 * HOUR - (HOUR if day > 3 else 0) for day in range(9))
    assert told(Log(log.spans, day_starts), Limit.CYCLE) == ["7 22:00-23:00"]


def test_a_day_of_25_hours_ends_an_hour_later() -> None:
    log = log_of(f"{FULL_WEEK}, off 22, drive 3:30")
    day_starts = tuple(MIDNIGHT + day * 24 * HOUR + (HOUR if day > 3 else 0) for day in range(9))
    assert told(Log(log.spans, day_starts), Limit.CYCLE) == ["7 22:00-01:00"]


@pytest.mark.parametrize(
    "rest, cycle, beyond",
    [
        # From 20 on day 6 on: 34 hours end at 6 on day 8.
        ("off 34", SEVENTY_EIGHT, []),
        ("off 20, berth 14", SEVENTY_EIGHT, []),
        # A minute less: of the 8 days from day 1 to 8 there are 60 hours, and 10 are left.
        ("off 33:59", SEVENTY_EIGHT, ["8 15:59-16:59"]),
        # In 7 days, 2 to 8, there are 50, and 10 are left too.
        ("off 33:59", SIXTY_SEVEN, ["8 15:59-16:59"]),
        ("off 34", SIXTY_SEVEN, []),
    ],
)
def test_34_hours_restart_the_count(rest: str, cycle: Cycle, beyond: list[str]) -> None:
    assert told(log_of(f"{FULL_WEEK.removesuffix(', off 4')}, {rest}, drive 11"), Limit.CYCLE, cycle) == beyond


def test_work_after_the_limit_is_allowed_and_counted() -> None:
    log = log_of(f"{FULL_WEEK}, off 10, on 2, drive 1")
    assert told(log, Limit.CYCLE) == ["7 12:00-13:00"]
    assert clocks_at(log, at(7, "12"), SEVENTY_EIGHT).cycle_left == -2 * HOUR


def test_known_when_all_days_are_in_the_log() -> None:
    log = log_of(f"{FULL_WEEK}, off 10, drive 1, off 20")
    assert not known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(7, "0") - 1)
    assert known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(7, "0"))
    assert known_from(log, Limit.CYCLE, SIXTY_SEVEN, at(6, "0"))
    assert not known_from(log, Limit.CYCLE, SIXTY_SEVEN, at(6, "0") - 1)


def test_a_log_that_begins_within_the_first_day_is_not_enough() -> None:
    log = log_of(f"off 9, on 10, off 4, {FULL_WEEK}, off 10, drive 1", at(-1, "1"))
    assert not known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(6, "23"))
    assert known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(7, "0"))
    assert told(log, Limit.CYCLE) == ["7 10:00-11:00"]


def test_a_gap_is_not_enough_up_to_a_restart() -> None:
    log = log_of(f"{FULL_WEEK}, off 10, gap 0:01, drive 2, off 34, drive 10")
    assert told(log, Limit.CYCLE) == []
    assert not known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(7, "12"))
    assert not known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(8, "22:00"))
    assert known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(8, "22:01"))


def test_without_log_days_only_nothing_is_known() -> None:
    log = log_of("off 34, drive 1")
    assert not known_from(Log(log.spans, ()), Limit.CYCLE, SEVENTY_EIGHT, at(1, "10:30"))
    assert known_from(log, Limit.CYCLE, SEVENTY_EIGHT, at(1, "10:30"))
    # The restart at 10 was before the first log day that is known, so it may be more than 8 days ago.
    assert not known_from(Log(log.spans, (at(1, "10:15"),)), Limit.CYCLE, SEVENTY_EIGHT, at(1, "10:30"))
