"""A carrier's log days: from midnight or noon to the next, by the clocks of the driver's home terminal (49 CFR 395.2).

A day is 23 or 25 hours long when the clocks change. Times are microseconds since 1970 UTC.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.maven.times import SECOND

NOON = 12
"""The other hour at which a log day may start; it is then the date on which it starts."""


@lru_cache(64)
def find_zone(name: str) -> ZoneInfo | None:
    """A time zone by its IANA name; None when this machine does not know it, though it was known where it was
    registered.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class LogDays:
    """How one driver's days are cut: the time zone, and the hour at which a day starts, 0 or 12."""

    zone: ZoneInfo
    start_hour: int = 0

    def start_of(self, day: date) -> int:
        """When a log day starts."""
        at = datetime.combine(day, time(self.start_hour), self.zone)
        return int(at.timestamp()) * SECOND

    def end_of(self, day: date) -> int:
        """When it ends: the start of the next."""
        return self.start_of(day + timedelta(days=1))

    def day_at(self, instant: int) -> date:
        """The log day that an instant belongs to."""
        local = datetime.fromtimestamp(instant // SECOND, self.zone)
        day = local.date() if local.hour >= self.start_hour else local.date() - timedelta(days=1)
        # Where midnight is left out by a change of clocks, a day starts later than its date.
        return day if self.start_of(day) <= instant else day - timedelta(days=1)

    def starts_between(self, first: date, last: date) -> tuple[int, ...]:
        """The starts of the days from `first` to `last`."""
        return tuple(self.start_of(first + timedelta(days=n)) for n in range((last - first).days + 1))
