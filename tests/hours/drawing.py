"""What hypothesis draws: logs as letters on a grid, with rests and work of the lengths that the limits ask about.

All begin with 34 hours off duty, so that each limit is known from then on.
"""

from itertools import accumulate

from hypothesis import strategies as st

OFF_AT_FIRST = 34


def drawn_letters(an_hour: int) -> st.SearchStrategy[str]:
    """Days of rests and work; every rest may be off duty, in the berth or both."""
    half = an_hour // 2
    rest = st.lists(
        st.tuples(st.sampled_from("OS"), _lengths(half, [1, 2, 3, 4, 6, 8, 14, 16, 20])), min_size=1, max_size=3
    )
    work = st.lists(st.tuples(st.sampled_from("DDN"), _lengths(half, [1, 2, 4, 6, 8, 12, 16])), min_size=1, max_size=3)
    shifts = st.lists(st.tuples(work, rest), min_size=1, max_size=8)
    return shifts.map(lambda drawn: _begun(an_hour, [run for pair in drawn for part in pair for run in part]))


def drawn_weeks(an_hour: int) -> st.SearchStrategy[str]:
    """Long working days with short nights, and now and then the rest that restarts the count."""
    half = an_hour // 2
    work = st.lists(st.tuples(st.sampled_from("DN"), _lengths(half, [6, 8, 10])), min_size=2, max_size=3)
    rest = st.tuples(st.sampled_from("OS"), _lengths(half, [8, 16, 18, 20, 20, 67, 68]))
    shifts = st.lists(st.tuples(work, rest), min_size=6, max_size=12)
    return shifts.map(lambda drawn: _begun(an_hour, [run for runs, night in drawn for run in [*runs, night]]))


def day_starts_of(letters: str, first: int, short_day: int) -> list[int]:
    """The starts of log days on a grid of half hours, one of them an hour short, from 8 days before the log on."""
    lengths = [46 if day == short_day + 8 else 48 for day in range(len(letters) // 46 + 10)]
    return list(accumulate(lengths, initial=first - 9 * 48))


def _lengths(half: int, half_hours: list[int]) -> st.SearchStrategy[int]:
    """Lengths that matter to a limit, and a step more or less."""
    return st.tuples(st.sampled_from(half_hours), st.sampled_from([0, 0, 0, -1, 1])).map(
        lambda drawn: max(1, drawn[0] * half + drawn[1])
    )


def _begun(an_hour: int, runs: list[tuple[str, int]]) -> str:
    return "O" * (OFF_AT_FIRST * an_hour) + "".join(letter * length for letter, length in runs)
