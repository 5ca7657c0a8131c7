"""The clocks at an instant: what is left, what is passed, what is not known, and that they agree with the excess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hours.clocks import Clocks, clocks_at
from app.hours.limits import SEVENTY_EIGHT, Limit, find_excess
from app.maven.times import HOUR, MINUTE
from tests.hours.drawing import drawn_letters, drawn_weeks
from tests.hours.logs import MIDNIGHT, at, drawn_log, excess_steps, log_of

UNKNOWN = Clocks(None, None, None, None, None)
DAY_AFTER_RESTART = "off 34, on 1, drive 4, on 0:30, drive 5, off 1, drive 3, off 12"
"""On duty from 10 on day 1; driving 11-15, 15:30-20:30 and 21:30-00:30."""


def clocks(driving: str, window: str, until_break: str, cycle: str, ends_at: int | None) -> Clocks:
    """Clocks from hours and minutes, `-` before what is passed."""

    def micros(text: str) -> int:
        hours, _, minutes = text.removeprefix("-").partition(":")
        return (int(hours) * HOUR + int(minutes or 0) * MINUTE) * (-1 if text.startswith("-") else 1)

    return Clocks(micros(driving), micros(window), micros(until_break), micros(cycle), ends_at)


@pytest.mark.parametrize(
    "instant, shown",
    [
        # In a rest with 10 hours behind it no 14 hours run.
        (at(1, "9"), Clocks(11 * HOUR, 14 * HOUR, 8 * HOUR, None, None)),
        (at(1, "10"), clocks("11", "14", "8", "70", at(2, "0"))),
        (at(1, "11"), clocks("11", "13", "8", "69", at(2, "0"))),
        (at(1, "15"), clocks("7", "9", "4", "65", at(2, "0"))),
        # 29 minutes of a break are none, 30 are one.
        (at(1, "15:29"), clocks("7", "8:31", "4", "64:31", at(2, "0"))),
        (at(1, "15:30"), clocks("7", "8:30", "8", "64:30", at(2, "0"))),
        (at(1, "20:30"), clocks("2", "3:30", "3", "59:30", at(2, "0"))),
        (at(1, "21:30"), clocks("2", "2:30", "8", "59:30", at(2, "0"))),
        (at(2, "0:30"), clocks("-1", "-0:30", "5", "56:30", at(2, "0"))),
        # An hour later the rest has not brought back more than the break.
        (at(2, "1:30"), clocks("-1", "-1:30", "8", "56:30", at(2, "0"))),
        (at(2, "10:29"), clocks("-1", "-10:29", "8", "56:30", at(2, "0"))),
        (at(2, "10:30"), clocks("11", "14", "8", "56:30", None)),
        # The end of the log is known, what comes after it is not.
        (at(2, "12:30"), clocks("11", "14", "8", "56:30", None)),
        (at(2, "12:31"), UNKNOWN),
        (at(0, "0") - 1, UNKNOWN),
    ],
)
def test_clocks_through_a_day(instant: int, shown: Clocks) -> None:
    assert clocks_at(log_of(DAY_AFTER_RESTART), instant, SEVENTY_EIGHT) == shown


def test_each_clock_is_known_for_itself() -> None:
    log = log_of("on 1, off 0:30, drive 2, gap 1, off 10, drive 1")
    assert clocks_at(log, at(0, "3"), SEVENTY_EIGHT) == Clocks(None, None, 6 * HOUR + 30 * MINUTE, None, None)
    assert clocks_at(log, at(0, "4"), SEVENTY_EIGHT) == UNKNOWN
    assert clocks_at(log, at(0, "15"), SEVENTY_EIGHT) == Clocks(
        10 * HOUR + 30 * MINUTE, 13 * HOUR + 30 * MINUTE, 7 * HOUR + 30 * MINUTE, None, at(1, "4:30")
    )


def test_the_window_ends_later_by_the_rest_that_is_left_out() -> None:
    # On duty at 01, a pause 08-11, in the berth 19-02.
    paired = log_of("off 10, on 3, drive 4, off 3, on 5, drive 3, berth 7, drive 1", at(-1, "15"))
    alone = log_of("off 10, on 3, drive 4, off 3, on 5, drive 3, off 7, drive 1", at(-1, "15"))
    assert [clocks_at(log, at(0, "16"), SEVENTY_EIGHT).window_ends_at for log in (paired, alone)] == [
        at(0, "18"),
        at(0, "15"),
    ]
    # After the berth the 14 hours count from 11:00 and without the 7 hours.
    assert clocks_at(paired, at(1, "2"), SEVENTY_EIGHT).window_ends_at == at(1, "8")
    assert clocks_at(paired, at(1, "2"), SEVENTY_EIGHT).driving_left == 8 * HOUR


def test_a_rest_under_way_counts_as_far_as_it_is_over() -> None:
    # On duty at 01, a pause 04-08, driving until 10, in the berth 10-18; until 17 the two are no pair.
    log = log_of("off 10, on 3, off 4, drive 2, berth 8", at(-1, "15"))
    left = [clocks_at(log, at(0, time), SEVENTY_EIGHT).window_left for time in ("10", "16", "17", "18")]
    # The pause is left out all the time, because the berth makes it one of a pair in the end.
    assert left == [9 * HOUR, 3 * HOUR, 12 * HOUR, 12 * HOUR]


def test_a_rest_under_way_is_no_partner_of_its_own() -> None:
    # On duty at 01, in the berth from 06: 8 hours of it are no pair with anything.
    log = log_of("off 10, on 5, berth 8", at(-1, "15"))
    left = [clocks_at(log, at(0, time), SEVENTY_EIGHT).window_left for time in ("12", "14")]
    assert left == [3 * HOUR, HOUR]


def test_a_window_that_ended_before_a_rest_does_not_end_later_for_it() -> None:
    # On duty at 06, 14 hours at 20:00; the pause 21-24 is left out because of the 10 hours in the berth before.
    log = log_of("berth 10, on 8, drive 7, off 3, drive 1", at(-1, "20"))
    shown = clocks_at(log, at(1, "1"), SEVENTY_EIGHT)
    assert shown.window_ends_at == at(0, "20")
    assert shown.window_left == -2 * HOUR


def test_a_claim_of_adverse_conditions_moves_both_clocks() -> None:
    log = log_of("off 34, drive 5, on 1", adverse=((at(1, "14"), at(1, "20")),))
    before, after = (clocks_at(log, instant, SEVENTY_EIGHT) for instant in (at(1, "14") - 1, at(1, "14")))
    assert (before.driving_left, after.driving_left) == (7 * HOUR + 1, 9 * HOUR)
    assert (before.window_ends_at, after.window_ends_at) == (at(2, "0"), at(2, "2"))


@pytest.mark.parametrize("limit", Limit, ids=lambda limit: limit.value)
@given(letters=drawn_letters(an_hour=2) | drawn_weeks(an_hour=2), chosen=st.integers(0, 10_000))
def test_driving_is_beyond_a_limit_when_its_clock_is_run_down(limit: Limit, letters: str, chosen: int) -> None:
    log = drawn_log(letters, HOUR // 2)
    beyond = excess_steps(log, limit, HOUR // 2)
    drives = [step for step, letter in enumerate(letters) if letter == "D"]
    for step in drives[chosen % 7 :: 7]:
        shown = clocks_at(log, MIDNIGHT + step * (HOUR // 2), SEVENTY_EIGHT)
        left = {
            Limit.DRIVING: shown.driving_left,
            Limit.WINDOW: shown.window_left,
            Limit.BREAK: shown.break_left,
            Limit.CYCLE: shown.cycle_left,
        }[limit]
        assert left is not None
        assert (left <= 0) == (step in beyond)


def test_the_total_of_the_excess_is_what_the_clock_is_passed_by() -> None:
    log = log_of("off 34, drive 15, on 1")
    excess = find_excess(log, Limit.DRIVING, SEVENTY_EIGHT)
    assert sum(one.end - one.start for one in excess) == 4 * HOUR
    assert clocks_at(log, at(2, "2"), SEVENTY_EIGHT).driving_left == -4 * HOUR
