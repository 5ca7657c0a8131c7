"""Logs written as text, so that a worked example can be checked by hand.

`log_of("off 10, on 1:30, drive 8")` begins at midnight of day 0; a day is a log day. `drawn_log("OOSDN")` has one
letter for each step of a grid. Instants are written as day and time of day.
"""

from app.hours.limits import SEVENTY_EIGHT, Cycle, Limit, find_excess
from app.hours.spans import Duty, Log, Span
from app.maven.times import DAY, HOUR, MINUTE

MIDNIGHT = 20_000 * DAY
WORDS = {"off": Duty.OFF_DUTY, "berth": Duty.SLEEPER, "drive": Duty.DRIVING, "on": Duty.ON_DUTY}
LETTERS = {"O": Duty.OFF_DUTY, "S": Duty.SLEEPER, "D": Duty.DRIVING, "N": Duty.ON_DUTY}


def at(day: int, time: str) -> int:
    """An instant, such as `at(1, "06:30")`."""
    return MIDNIGHT + day * DAY + length_of(time)


def length_of(text: str) -> int:
    """A length written as hours or hours and minutes, `8` or `8:30`."""
    hours, _, minutes = text.partition(":")
    return int(hours) * HOUR + int(minutes or 0) * MINUTE


def log_of(text: str, start: int = MIDNIGHT, adverse: tuple[tuple[int, int], ...] = ()) -> Log:
    """A log from its duties and their lengths in order; `gap` is time without a log."""
    spans = []
    for word, length in (entry.split() for entry in text.split(",")):
        end = start + length_of(length)
        if word != "gap":
            spans.append(Span(WORDS[word], start, end))
        start = end
    return Log(tuple(spans), every_day(start), adverse)


def every_day(until: int) -> tuple[int, ...]:
    """The starts of days of 24 hours, from a day before the first midnight on."""
    return tuple(range(MIDNIGHT - DAY, until + DAY, DAY))


def drawn_log(letters: str, step: int, day_starts: tuple[int, ...] | None = None) -> Log:
    """A log from one letter for each step."""
    spans = tuple(
        Span(LETTERS[letter], MIDNIGHT + number * step, MIDNIGHT + (number + 1) * step)
        for number, letter in enumerate(letters)
    )
    return Log(spans, every_day(spans[-1].end) if day_starts is None else day_starts)


def excess_steps(log: Log, limit: Limit, step: int, cycle: Cycle = SEVENTY_EIGHT) -> set[int]:
    """The numbers of the steps that lie beyond a limit; all excess must lie on the grid."""
    steps: set[int] = set()
    for excess in find_excess(log, limit, cycle):
        first, early = divmod(excess.start - MIDNIGHT, step)
        last, late = divmod(excess.end - MIDNIGHT, step)
        assert (early, late) == (0, 0)
        assert first < last
        steps.update(range(first, last))
    return steps


def told(log: Log, limit: Limit, cycle: Cycle = SEVENTY_EIGHT) -> list[str]:
    """The excess as text, each such as `0 20:00-21:30`: day and time of the start, time of the end."""
    return [f"{_tell(excess.start)}-{_tell(excess.end)[-5:]}" for excess in find_excess(log, limit, cycle)]


def _tell(instant: int) -> str:
    day, rest = divmod(instant - MIDNIGHT, DAY)
    return f"{day} {rest // HOUR:02}:{rest % HOUR // MINUTE:02}"
