"""The four limits for drivers who carry property, and the driving beyond them.

Owns 49 CFR 395.3 as of 2020 with the 2 hours more of 395.1(b)(1): what is left of a limit at an instant, whether the
log tells it, and which stretches of driving lie beyond. It explains a violation that Maven ELD reported and never
overrides it; what it does not look at is in `NOT_CONSIDERED`. Rests and their pairs are left to `rests`. All times
are microseconds since 1970 UTC.

Only what is certain from the log is reported. Behind a gap nothing is known: for the 11 and the 14 hours up to a rest
of 10 hours, for the break up to 30 minutes without driving or 8 hours of driving, and for the 60/70 hours up to a
rest of 34 hours or until a whole period of days is in the log. Two things a longer log may still mend: a rest after its
end may make one in it part of a pair, and a rest with which it begins is taken as it is seen.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from app.hours.rests import Rest, find_anchors, find_excluded, find_rests, rests_until
from app.hours.spans import NOT_DRIVING, WORKING, Duty, Log, Stretch, Tally, find_runs, split_at_gaps
from app.maven.times import HOUR, MINUTE

DRIVING_HOURS = 11 * HOUR
WINDOW_HOURS = 14 * HOUR
DRIVING_BEFORE_BREAK = 8 * HOUR
BREAK = 30 * MINUTE
RESTART = 34 * HOUR
ADVERSE_EXTENSION = 2 * HOUR

NOT_CONSIDERED: tuple[str, ...] = (
    "short-haul operations, 49 CFR 395.1(e)",
    "the 16-hour exception, 49 CFR 395.1(o)",
    "time in the passenger seat beside a rest in the sleeper berth, 49 CFR 395.1(g)(1)(i)(D)",
    "emergency conditions, 49 CFR 395.1(b)(2)",
    "driver-salespersons, 49 CFR 395.1(c)",
    "oilfield operations, 49 CFR 395.1(d)",
    "retail store deliveries, 49 CFR 395.1(f)",
    "Alaska and Hawaii, 49 CFR 395.1(h) and (i)",
    "agricultural operations, 49 CFR 395.1(k)",
    "ground water well drilling, 49 CFR 395.1(l)",
    "construction materials and equipment, 49 CFR 395.1(m)",
    "utility service vehicles, 49 CFR 395.1(n)",
    "other operations excepted in 49 CFR 395.1 and by 49 CFR 395.3(a)(3)(ii)",
    "emergency relief, 49 CFR 390.23",
    "exemptions and waivers under 49 CFR 381",
    "personal conveyance and yard moves, unless the log has them as off duty and on duty",
    "passenger-carrying vehicles, 49 CFR 395.5, and the rules of states and other countries",
)


class Limit(Enum):
    """The limits of 49 CFR 395.3: (a)(3)(i), (a)(2), (a)(3)(ii) and (b)."""

    DRIVING = "driving"  # 11 hours of driving
    WINDOW = "window"  # no driving after 14 hours
    BREAK = "break"  # 30 minutes after 8 hours of driving
    CYCLE = "cycle"  # 60 or 70 hours on duty in 7 or 8 days


@dataclass(frozen=True, slots=True)
class Cycle:
    """How many hours on duty in how many consecutive days end the driving, 49 CFR 395.3(b)."""

    hours: int
    days: int


SEVENTY_EIGHT = Cycle(70, 8)
SIXTY_SEVEN = Cycle(60, 7)


@dataclass(frozen=True, slots=True)
class Excess:
    """A longest stretch of driving beyond a limit."""

    limit: Limit
    start: int
    end: int


def find_excess(log: Log, limit: Limit, cycle: Cycle) -> list[Excess]:
    """The driving beyond a limit that is certain from the log, in order."""
    found: list[Excess] = []
    for stretch in split_at_gaps(log.spans):
        gauge = Gauge(log, stretch, cycle)
        for drive in find_runs(stretch.spans, {Duty.DRIVING}):
            for start, end in pairwise(gauge.cut_drive(limit, *drive)):
                left = gauge.measure_left(limit, start)
                if left is None or start + max(0, left) >= end:
                    continue
                beyond = start + max(0, left)
                if found and found[-1].end == beyond:
                    beyond = found.pop().start
                found.append(Excess(limit, beyond, end))
    return found


def known_from(log: Log, limit: Limit, cycle: Cycle, at: int) -> bool:
    """Whether the log reaches back far enough, without a gap, to judge a limit at an instant."""
    return measure_left(log, limit, cycle, at) is not None


def measure_left(log: Log, limit: Limit, cycle: Cycle, at: int) -> int | None:
    """How much driving a limit leaves at an instant; negative when it is passed, None when the log does not tell."""
    for stretch in split_at_gaps(log.spans):
        if stretch.has_at(at):
            return Gauge(log, stretch, cycle).measure_left(limit, at)
    return None


class Gauge:
    """What is left of each limit at the instants of one unbroken stretch of a log.

    A rest under way counts for what is over of it: the answer is what is left to a driver who drives off now. What the
    log tells of the time after the instant counts where the regulation lets it, for the second rest of a pair.
    """

    def __init__(self, log: Log, stretch: Stretch, cycle: Cycle) -> None:
        self._log = log
        self._stretch = stretch
        self._cycle = cycle
        self._rests = find_rests(stretch)
        self._breaks = [run for run in find_runs(stretch.spans, NOT_DRIVING) if run[1] - run[0] >= BREAK]
        self._driven = Tally(stretch, {Duty.DRIVING})
        self._worked = Tally(stretch, WORKING)

    def measure_left(self, limit: Limit, at: int) -> int | None:
        """How much driving a limit leaves at an instant of the stretch; None when the stretch does not tell."""
        match limit:
            case Limit.DRIVING:
                return self._driving_left(at)
            case Limit.WINDOW:
                return self._window_left(at)
            case Limit.BREAK:
                left, is_exact = self._break_left(at)
                return left if is_exact or left <= 0 else None
            case Limit.CYCLE:
                return self._cycle_left(at)

    def cut_drive(self, limit: Limit, start: int, end: int) -> list[int]:
        """Where to cut a drive so that in each piece what is left of a limit shrinks as the time passes."""
        match limit:
            case Limit.DRIVING | Limit.WINDOW:
                cuts: Sequence[int] = [claimed for claimed, _ in self._log.adverse]
            case Limit.BREAK:
                cuts = [start + self._break_left(start)[0]]
            case Limit.CYCLE:
                cuts = self._log.day_starts
        return [start, *sorted({cut for cut in cuts if start < cut < end}), end]

    def window_end(self, at: int) -> int | None:
        """When the 14 hours end that run at an instant, if no more rest is left out.

        None when the stretch does not tell, and during a full rest, when none run.
        """
        best = self._best_window(at)
        if best is None or self._is_in_full_rest(at):
            return None
        anchor, excluded = best
        end = anchor.end + WINDOW_HOURS + self._extension(anchor, at)
        for rest in excluded:
            if rest.start < end:
                end += rest.length
        return end

    def _is_in_full_rest(self, at: int) -> bool:
        return any(
            rest.start < at <= rest.end and rest.until(at).is_full and (at < rest.end or at == self._stretch.end)
            for rest in self._rests
        )

    def _driving_left(self, at: int) -> int | None:
        anchors = find_anchors(rests_until(self._rests, at))
        return max(
            (DRIVING_HOURS + self._extension(anchor, at) - self._driven.between(anchor.end, at) for anchor in anchors),
            default=None,
        )

    def _window_left(self, at: int) -> int | None:
        best = self._best_window(at)
        return None if best is None else self._left_of_window(best, at)

    def _best_window(self, at: int) -> tuple[Rest, list[Rest]] | None:
        past = rests_until(self._rests, at)
        windows = [(anchor, find_excluded(anchor, past, self._rests, at)) for anchor in find_anchors(past)]
        return max(windows, key=lambda window: self._left_of_window(window, at), default=None)

    def _left_of_window(self, window: tuple[Rest, list[Rest]], at: int) -> int:
        anchor, excluded = window
        passed = at - anchor.end - sum(rest.length for rest in excluded)
        return WINDOW_HOURS + self._extension(anchor, at) - passed

    def _extension(self, anchor: Rest, at: int) -> int:
        """The 2 hours of 395.1(b)(1), from a claim on to the end of the shift that it was made in."""
        is_claimed = any(start <= at and end > anchor.end for start, end in self._log.adverse)
        return ADVERSE_EXTENSION if is_claimed else 0

    def _break_left(self, at: int) -> tuple[int, bool]:
        """What is left at most, and whether it is just that: without a break in the stretch there may be less."""
        over = [min(end, at) for start, end in self._breaks if start + BREAK <= at]
        since = over[-1] if over else self._stretch.start
        return DRIVING_BEFORE_BREAK - self._driven.between(since, at), bool(over)

    def _cycle_left(self, at: int) -> int | None:
        day_starts = self._log.day_starts
        first_day = bisect_right(day_starts, at) - self._cycle.days
        restarts = [rest.end for rest in rests_until(self._rests, at) if rest.length >= RESTART]
        if first_day >= 0 and self._stretch.start <= day_starts[first_day]:
            since = max([day_starts[first_day], *restarts[-1:]])
        elif restarts and day_starts and restarts[-1] >= day_starts[max(0, first_day)]:
            since = restarts[-1]
        else:
            return None
        return self._cycle.hours * HOUR - self._worked.between(since, at)
