"""The clocks of a driver at an instant: what is left of each limit.

Owns how the four answers of `limits` are put side by side, as an ELD shows them. It counts nothing itself.
"""

from dataclasses import dataclass

from app.hours.limits import Cycle, Gauge, Limit
from app.hours.spans import Log, split_at_gaps


@dataclass(frozen=True, slots=True)
class Clocks:
    """What each limit leaves, in microseconds; negative is how much it is passed, None is that the log does not tell.

    `window_ends_at` is when the 14 hours end, in microseconds since 1970 UTC; None also during a rest of 10 hours or
    more, when no 14 hours run.
    """

    driving_left: int | None
    window_left: int | None
    break_left: int | None
    cycle_left: int | None
    window_ends_at: int | None


def clocks_at(log: Log, at: int, cycle: Cycle) -> Clocks:
    """The clocks at an instant, in microseconds since 1970 UTC, for a driver who would drive off just then.

    The instant may be the end of the log. All clocks are None at an instant of which there is no log. They agree with
    `find_excess`: what came after the instant counts too, so a rest that a later one makes a pair has stopped the 14
    hours, although the driver could not know it yet.
    """
    for stretch in split_at_gaps(log.spans):
        if stretch.has_at(at):
            gauge = Gauge(log, stretch, cycle)
            return Clocks(
                driving_left=gauge.measure_left(Limit.DRIVING, at),
                window_left=gauge.measure_left(Limit.WINDOW, at),
                break_left=gauge.measure_left(Limit.BREAK, at),
                cycle_left=gauge.measure_left(Limit.CYCLE, at),
                window_ends_at=gauge.window_end(at),
            )
    return Clocks(None, None, None, None, None)
