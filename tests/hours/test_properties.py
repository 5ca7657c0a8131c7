"""What must hold for every log: more rest never makes a violation, and how a log is written down changes nothing."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.hours.limits import SEVENTY_EIGHT, Excess, Limit, find_excess
from app.hours.spans import Duty, Log, Span
from app.maven.times import HOUR, MINUTE
from tests.hours.drawing import drawn_letters, drawn_weeks
from tests.hours.logs import MIDNIGHT, drawn_log, excess_steps

STEP = HOUR // 2
letters_of_days = drawn_letters(an_hour=2) | drawn_weeks(an_hour=2)
each_limit = pytest.mark.parametrize("limit", Limit, ids=lambda limit: limit.value)


def full_rests_without_berth(letters: str) -> set[tuple[int, int]]:
    return {rest.span() for rest in re.finditer("[OS]{20,}", letters) if "S" * 14 not in rest[0]}


@each_limit
@given(
    letters=letters_of_days, rested=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 24)), min_size=1, max_size=4)
)
def test_more_rest_never_makes_excess(limit: Limit, letters: str, rested: list[tuple[int, int]]) -> None:
    """But for one thing: a rest that grows to 10 hours off duty can no longer be one of a pair (`app.hours.rests`)."""
    before = excess_steps(drawn_log(letters, STEP), limit, STEP)
    changed = list(letters)
    for first, length in rested:
        for step in range(first % len(letters), min(first % len(letters) + length, len(letters))):
            if changed[step] in "DN":
                changed[step] = "O"
    after = "".join(changed)
    if limit is Limit.WINDOW:
        assume(full_rests_without_berth(after) <= full_rests_without_berth(letters))
    assert excess_steps(drawn_log(after, STEP), limit, STEP) <= before


@each_limit
@given(letters=letters_of_days, moment=st.integers(0, 10_000))
def test_less_driving_never_makes_excess(limit: Limit, letters: str, moment: int) -> None:
    before = excess_steps(drawn_log(letters, STEP), limit, STEP)
    step = moment % len(letters)
    changed = letters[:step] + letters[step:].replace("D", "N", 6)
    assert excess_steps(drawn_log(changed, STEP), limit, STEP) <= before


@each_limit
@given(letters=letters_of_days, more=st.integers(34, 100))
def test_more_time_off_before_changes_nothing(limit: Limit, letters: str, more: int) -> None:
    log = drawn_log(letters, STEP)
    start = MIDNIGHT - more * HOUR
    longer = Log((Span(Duty.OFF_DUTY, start, MIDNIGHT), *log.spans), log.day_starts)
    assert find_excess(longer, limit, SEVENTY_EIGHT) == find_excess(log, limit, SEVENTY_EIGHT)


@each_limit
@given(letters=letters_of_days, cut=st.integers(0, 10_000))
def test_what_is_certain_without_the_past_stays_with_it(limit: Limit, letters: str, cut: int) -> None:
    whole = drawn_log(letters, STEP)
    cut %= len(letters)
    if letters[cut - 1 : cut + 1].strip("OS") == "":
        cut = next((step for step in range(cut, len(letters)) if letters[step] in "DN"), len(letters) - 1)
    rest = Log(whole.spans[cut:], whole.day_starts)
    assert excess_steps(rest, limit, STEP) <= excess_steps(whole, limit, STEP)


@each_limit
@given(letters=letters_of_days, cuts=st.lists(st.integers(1, 59), min_size=1, max_size=3))
def test_a_span_may_be_written_as_several(limit: Limit, letters: str, cuts: list[int]) -> None:
    log = drawn_log(letters, STEP)
    pieces: list[Span] = []
    for number, span in enumerate(log.spans):
        middle = span.start + cuts[number % len(cuts)] * MINUTE // 2
        pieces += [Span(span.duty, span.start, middle), Span(span.duty, middle, span.end)]
    assert find_excess(Log(tuple(pieces), log.day_starts), limit, SEVENTY_EIGHT) == find_excess(
        log, limit, SEVENTY_EIGHT
    )


@each_limit
@given(letters=letters_of_days, shift=st.integers(-(10**15), 10**15))
def test_the_calendar_does_not_matter(limit: Limit, letters: str, shift: int) -> None:
    log = drawn_log(letters, STEP)
    shifted = Log(
        tuple(Span(span.duty, span.start + shift, span.end + shift) for span in log.spans),
        tuple(start + shift for start in log.day_starts),
    )
    assert find_excess(shifted, limit, SEVENTY_EIGHT) == [
        Excess(limit, excess.start + shift, excess.end + shift) for excess in find_excess(log, limit, SEVENTY_EIGHT)
    ]
