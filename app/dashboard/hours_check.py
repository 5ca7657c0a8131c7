"""The hours check: a violation as Maven reported it beside what the driver's log shows, in words for safety managers.

Owns how long a log is read for it, and the words for what `hours` found. It explains and never overrides: nothing that
is said here changes a violation.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from app.duty_log.driver_log import MOST_RECORDS, DriverLog
from app.duty_log.log_days import LogDays
from app.hours.clocks import clocks_at
from app.hours.comparison import Comparison, Verdict, compare
from app.hours.limits import SEVENTY_EIGHT, Cycle, Excess, Limit
from app.hours.spans import Log
from app.maven.schema import ViolationData
from app.maven.times import DAY, MINUTE
from app.violations.regulation import countable
from app.violations.telling import duration_in_words

DAYS_BEFORE = 9
"""Log days that are read before the one in which a violation began: 8 for the cycle, and one to begin with."""
LONGEST = 14 * DAY
"""Of a violation; what lasts longer is compared up to here."""

_CUT = "The log has too many records to be counted."
_NO_START = "Maven did not say when the violation began."
_TOO_FAR = "Log date and start of this violation lie too far apart."
_NO_CYCLE = "The ruleset does not say whether 60 hours in 7 days or 70 hours in 8 days hold."
_NOT_TOLD = "the log does not tell"


@dataclass(frozen=True, slots=True)
class ClockLine:
    """What was left of one limit."""

    limit: str
    left: str
    is_passed: bool
    until: int | None = None
    """When the 14 hours end, where that is known."""


@dataclass(frozen=True, slots=True)
class HoursCheck:
    """What the check says. Times are microseconds since 1970 UTC."""

    verdict: Verdict
    sentence: str
    at: int | None
    """When the violation began by Maven; of then are the clocks."""
    clocks: tuple[ClockLine, ...]
    found: tuple[Excess, ...]
    """Driving beyond the limit by the log."""
    adverse: tuple[int, ...]
    """When adverse driving conditions were claimed, in the day before the violation or in it."""


def end_of(data: ViolationData) -> int | None:
    """When a violation ended, by its end or else by its length; None when it has no start."""
    if data.startTime is None:
        return None
    length = (data.duration_minutes or 0) * MINUTE
    end = data.endTime if data.endTime is not None else data.startTime + length
    return min(max(end, data.startTime), data.startTime + LONGEST)


def log_needed(data: ViolationData, days: LogDays) -> tuple[date, int] | None:
    """From which log day and up to when the check reads the log; None when the violation has no start."""
    end = end_of(data)
    if data.startTime is None or end is None:
        return None
    return days.day_at(data.startTime) - timedelta(days=DAYS_BEFORE), end + DAY


def check_hours(log: DriverLog, days: LogDays, data: ViolationData) -> HoursCheck | None:
    """The check of a violation against a log that reaches as far as `log_needed` says; None where the ruleset or the
    type is not counted again.
    """
    counted = countable(data.ruleset, data.type)
    if counted is None:
        return None
    start, end = data.startTime, end_of(data)
    if start is None or end is None:
        return HoursCheck(Verdict.NOT_ENOUGH_LOG, _not_enough(_NO_START), None, (), (), ())
    if len(log.records) >= MOST_RECORDS:
        return HoursCheck(Verdict.NOT_ENOUGH_LOG, _not_enough(_CUT), start, (), (), ())
    kept = Log(log.duty_spans, days.starts_between(days.day_at(log.start), days.day_at(log.end)), log.adverse)
    clocks = tuple(_clock_lines(kept, start, counted.cycle))
    adverse = tuple(at for at, _ in log.adverse if start - DAY <= at <= end)
    if counted.limit is Limit.CYCLE and counted.cycle is None:
        return HoursCheck(Verdict.NOT_ENOUGH_LOG, _NO_CYCLE, start, clocks, (), adverse)
    minutes = data.duration_minutes
    comparison = compare(
        kept,
        counted.limit,
        counted.cycle or SEVENTY_EIGHT,
        start,
        None if data.endTime is None else end,
        None if minutes is None else minutes * MINUTE,
    )
    return HoursCheck(comparison.verdict, tell_comparison(comparison), start, clocks, comparison.found, adverse)


def tell_too_far(data: ViolationData) -> HoursCheck | None:
    """The check of a violation whose log was not read, because it lies too far from its log date."""
    if countable(data.ruleset, data.type) is None:
        return None
    return HoursCheck(Verdict.NOT_ENOUGH_LOG, _not_enough(_TOO_FAR), None, (), (), ())


def tell_comparison(comparison: Comparison) -> str:
    """What a comparison found, as sentences."""
    match comparison.verdict:
        case Verdict.AGREES:
            return "The log agrees: start and length are the same to within 2 minutes."
        case Verdict.NOT_ENOUGH_LOG:
            return _not_enough(comparison.reason or "")
        case Verdict.DIFFERS:
            if not comparison.found:
                return "The log differs: it shows no driving beyond this limit at that time."
            said = [
                _difference(comparison.start_difference, "it began", "at the same time", "later", "earlier"),
                _difference(comparison.length_difference, "lasted", "as long", "more", "less"),
            ]
            return f"The log differs: by the log {' and '.join(filter(None, said))}."


def _difference(micros: int | None, verb: str, same: str, more: str, less: str) -> str | None:
    if micros is None:
        return None
    minutes = round(abs(micros) / MINUTE)
    return f"{verb} {duration_in_words(minutes)} {more if micros > 0 else less}" if minutes else f"{verb} {same}"


def _not_enough(reason: str) -> str:
    return f"Not enough log. {reason}"


def _clock_lines(log: Log, at: int, cycle: Cycle | None) -> list[ClockLine]:
    clocks = clocks_at(log, at, cycle or SEVENTY_EIGHT)
    week = "60 or 70 hours on duty" if cycle is None else f"{cycle.hours} hours on duty in {cycle.days} days"
    return [
        _clock_line("11 hours of driving", clocks.driving_left),
        _clock_line("14 hours since coming on duty", clocks.window_left, clocks.window_ends_at),
        _clock_line("8 hours of driving before a break", clocks.break_left),
        _clock_line(week, None if cycle is None else clocks.cycle_left),
    ]


def _clock_line(limit: str, left: int | None, until: int | None = None) -> ClockLine:
    if left is None:
        return ClockLine(limit, _NOT_TOLD, is_passed=False)
    minutes = round(abs(left) / MINUTE)
    if left < 0 and minutes:
        return ClockLine(limit, f"passed by {duration_in_words(minutes)}", True, until)
    return ClockLine(limit, f"{duration_in_words(minutes)} left" if minutes else "none left", False, until)
