"""Maven's ways to write time: instants, log dates and durations.

Owns the one grammar for them (contract section 4) and the one way they are given back. An instant is a number of
microseconds since 1970 UTC everywhere in the project, so that two databases, cursors and comparisons agree; a log date
stays text, because it is the carrier's day and no UTC time can tell it. Which field holds which is left to `schema`.
"""

import re
from datetime import UTC, date, datetime

from app.maven.faults import excerpt

SECOND = 1_000_000
MINUTE = 60 * SECOND

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


def parse_time(text: str) -> int:
    """Read an ISO 8601 date and time as microseconds since 1970 UTC (contract section 4).

    Extended calendar form only; without an offset it means UTC. Fractions are cut to the microsecond, and `:60` is the
    last microsecond before the next minute. Raises ValueError with a sentence when it is none, or is not in 1970-2199.
    """
    # Maven's own form, 20 characters ending in Z. The six separators leave fromisoformat only digits to judge, except
    # for 24:00, which newer versions of Python read as the next day.
    if len(text) == 20 and text[4::3] == "--T::Z" and text[11:13] != "24":
        try:
            micros = int(datetime.fromisoformat(text).timestamp()) * SECOND
        except ValueError:
            pass  # an impossible date, or :60
        else:
            if FIRST_INSTANT <= micros <= LAST_INSTANT:
                return micros
    return _parse_any_time(text)


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


def parse_log_date(text: str) -> str:
    """Check that the text is a calendar date `YYYY-MM-DD` and give it back. Raises ValueError with a sentence."""
    if _LOG_DATE.fullmatch(text) is None:
        raise ValueError(f"must be a date written YYYY-MM-DD, not {excerpt(text)}")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"must be a date that exists, not {excerpt(text)}") from None
    return text


def parse_duration(text: str) -> int:
    """Read Maven's `H:MM` as minutes; hours 0-9999, minutes 00-59. Raises ValueError with a sentence."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a duration written H:MM, hours 0 to 9999 and minutes 00 to 59, not {excerpt(text)}")
    return int(match[1]) * 60 + int(match[2])
