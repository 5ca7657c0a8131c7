"""Maven's ways to write time: instants, log dates and durations.

Owns the one grammar for them (contract section 4) and the one way they are given back. An instant is a number of
microseconds since 1970 UTC everywhere in the project, so that two databases, cursors and comparisons agree; a log date
stays text, because it is the carrier's day and no UTC time can tell it. Which field holds which is left to `schema`.
"""

import re
from datetime import UTC, date, datetime
from functools import lru_cache

from app.maven.faults import excerpt

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_INSTANT = 0
LAST_INSTANT = (date(2200, 1, 1).toordinal() - _EPOCH_DAY) * 86_400 * SECOND - 1

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"T([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]+))?)?"
    r"(?:Z|([+-])([01][0-9]|2[0-3])(?::([0-5][0-9]))?)?"
)
_LOG_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DURATION = re.compile(r"([0-9]{1,4}):([0-5][0-9])")

_MINUTES = {f"{hour:02}:{minute:02}": (hour * 60 + minute) * MINUTE for hour in range(24) for minute in range(60)}
_SECONDS = {f":{second:02}Z": second * SECOND for second in range(60)}
_WHOLE_SECONDS = {f":{second:02}": second * SECOND for second in range(60)}
_MILLIS = {f".{milli:03}Z": milli * 1000 for milli in range(1000)}


def parse_time(text: str) -> int:
    """Read an ISO 8601 date and time as microseconds since 1970 UTC (contract section 4).

    Extended calendar form only; without an offset it means UTC. Fractions are cut to the microsecond, and `:60` is the
    last microsecond before the next minute. Raises ValueError with a sentence when it is none, or is not in 1970-2199.
    """
    try:  # the two usual forms; looked up, because this is done several times for each event
        if len(text) == 24:
            return _midnight(text[:11]) + _MINUTES[text[11:16]] + _WHOLE_SECONDS[text[16:19]] + _MILLIS[text[19:]]
        return _midnight(text[:11]) + _MINUTES[text[11:16]] + _SECONDS[text[16:]]
    except (KeyError, ValueError):
        pass
    return _parse_any_time(text)


@lru_cache(1024)
def _midnight(day: str) -> int:
    """When a day of the years 1970 to 2199 begins, read from `2024-01-01T`. Raises ValueError for anything else."""
    if day[10:] != "T" or _LOG_DATE.fullmatch(day[:10]) is None:
        raise ValueError("no day")
    micros = (date.fromisoformat(day[:10]).toordinal() - _EPOCH_DAY) * 1440 * MINUTE
    if not FIRST_INSTANT <= micros <= LAST_INSTANT:
        raise ValueError("out of range")
    return micros


def _parse_any_time(text: str) -> int:
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"must be an ISO 8601 date and time such as 2024-01-01T00:00:00Z, not {excerpt(text)}")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        ordinal = date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        raise ValueError(f"must be a date and time that exists, not {excerpt(text)}") from None
    micros = ((ordinal - _EPOCH_DAY) * 1440 + int(hour) * 60 + int(minute)) * MINUTE
    if second == "60":
        micros += MINUTE - 1
    elif second is not None:
        micros += int(second) * SECOND
        if fraction is not None:
            micros += int(fraction[:6].ljust(6, "0"))
    if sign is not None:
        offset = (int(offset_hours) * 60 + int(offset_minutes or 0)) * MINUTE
        micros += offset if sign == "-" else -offset
    if not FIRST_INSTANT <= micros <= LAST_INSTANT:
        raise ValueError(f"must be a time in the years 1970 to 2199 UTC, not {excerpt(text)}")
    return micros


def format_time(micros: int) -> str:
    """Write microseconds since 1970 UTC as `2024-01-01T00:00:00Z`, with six fraction digits if it has a fraction."""
    seconds, fraction = divmod(micros, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{text}.{fraction:06d}Z" if fraction else f"{text}Z"


def format_millis(micros: int) -> str:
    """Write microseconds since 1970 UTC as `2024-01-01T00:00:00.000Z`; what is finer is cut off."""
    seconds, fraction = divmod(micros, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{fraction // 1000:03d}Z"


@lru_cache(1024)
def parse_log_date(text: str) -> str:
    """Check that the text is a calendar date `YYYY-MM-DD` and give it back. Raises ValueError with a sentence."""
    if _LOG_DATE.fullmatch(text) is None:
        raise ValueError(f"must be a date written YYYY-MM-DD, not {excerpt(text)}")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"must be a date that exists, not {excerpt(text)}") from None
    return text


@lru_cache(1024)
def parse_duration(text: str) -> int:
    """Read Maven's `H:MM` as minutes; hours 0-9999, minutes 00-59. Raises ValueError with a sentence."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a duration written H:MM, hours 0 to 9999 and minutes 00 to 59, not {excerpt(text)}")
    return int(match[1]) * 60 + int(match[2])
