"""Seconds since 1970 as Maven writes them: UTC instants and the carrier's log day.

Owns the rule of daylight saving time in the United States (15 U.S.C. 260a, unchanged since 2007) instead of asking
the time zone files of the machine, so that the same seed gives the same log days everywhere.
"""

from datetime import date, timedelta
from functools import lru_cache

DAY = 86_400
_EPOCH = date(1970, 1, 1)


@lru_cache(maxsize=1024)
def day_of(number: int) -> str:
    """`YYYY-MM-DD` of a day counted from 1970-01-01."""
    return (_EPOCH + timedelta(days=number)).isoformat()


def utc_instant(seconds: int) -> str:
    """An ISO 8601 UTC time to the second, as in Maven's example: `2024-01-01T00:00:00Z`."""
    day, rest = divmod(seconds, DAY)
    hour, rest = divmod(rest, 3600)
    minute, second = divmod(rest, 60)
    return f"{day_of(day)}T{hour:02d}:{minute:02d}:{second:02d}Z"


def local_day(seconds: int, utc_offset_hours: int, observes_dst: bool) -> str:
    """The calendar day of an instant where standard time is `utc_offset_hours` (negative in the west) from UTC."""
    standard = seconds + utc_offset_hours * 3600
    if observes_dst:
        begins, ends = _daylight_saving(int(day_of(standard // DAY)[:4]))
        if begins <= standard < ends:
            standard += 3600
    return day_of(standard // DAY)


@lru_cache(maxsize=256)
def _daylight_saving(year: int) -> tuple[int, int]:
    """When it begins and ends, in seconds of local standard time: 2 a.m. standard, and 2 a.m. daylight, which is 1
    a.m.
    """
    second_sunday_of_march = 14 - date(year, 3, 14).isoweekday() % 7
    first_sunday_of_november = 7 - date(year, 11, 7).isoweekday() % 7
    begins = (date(year, 3, second_sunday_of_march) - _EPOCH).days * DAY + 2 * 3600
    ends = (date(year, 11, first_sunday_of_november) - _EPOCH).days * DAY + 3600
    return begins, ends
