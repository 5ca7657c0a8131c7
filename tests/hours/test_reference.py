"""The engine finds the same driving beyond each limit as a plain count, step by step, on logs of all kinds."""

from hypothesis import event, given
from hypothesis import strategies as st

from app.hours.limits import SEVENTY_EIGHT, SIXTY_SEVEN, Cycle, Limit
from app.maven.times import HOUR
from tests.hours import reference
from tests.hours.drawing import day_starts_of, drawn_letters, drawn_weeks
from tests.hours.logs import MIDNIGHT, drawn_log, excess_steps


@given(drawn_letters(an_hour=2))
def test_driving_as_counted_step_by_step(letters: str) -> None:
    expected = reference.driving_excess(letters, 2)
    event(f"excess: {bool(expected)}")
    assert excess_steps(drawn_log(letters, HOUR // 2), Limit.DRIVING, HOUR // 2) == expected


@given(drawn_letters(an_hour=2))
def test_window_as_counted_step_by_step(letters: str) -> None:
    expected = reference.window_excess(letters, 2)
    event(f"excess: {bool(expected)}")
    assert excess_steps(drawn_log(letters, HOUR // 2), Limit.WINDOW, HOUR // 2) == expected


@given(drawn_letters(an_hour=4))
def test_break_as_counted_step_by_step(letters: str) -> None:
    expected = reference.break_excess(letters, 4)
    event(f"excess: {bool(expected)}")
    assert excess_steps(drawn_log(letters, HOUR // 4), Limit.BREAK, HOUR // 4) == expected


@given(drawn_weeks(an_hour=2), st.sampled_from([SEVENTY_EIGHT, SIXTY_SEVEN]), st.integers(0, 47), st.integers(0, 12))
def test_cycle_as_counted_step_by_step(letters: str, cycle: Cycle, first: int, short_day: int) -> None:
    day_starts = day_starts_of(letters, first, short_day)
    expected = reference.cycle_excess(letters, 2, cycle.hours, cycle.days, day_starts)
    event(f"excess: {bool(expected)}")
    starts = tuple(MIDNIGHT + start * (HOUR // 2) for start in day_starts)
    assert excess_steps(drawn_log(letters, HOUR // 2, starts), Limit.CYCLE, HOUR // 2, cycle) == expected
