"""`Retry-After`: how long another server asks to be left alone (RFC 9110 section 10.2.3)."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECOND = 1_000_000


def retry_after_seconds(headers: Mapping[str, str], now: int, most: float) -> float | None:
    """The seconds that an answer asks to wait, 0 to `most`; None when it asks for nothing that can be read.

    Names of headers are in lower case; `now` is in microseconds since 1970 UTC. A date is compared with the server's
    own clock where it shows one.
    """
    given = headers.get("retry-after", "").strip()
    try:
        if given.isascii() and given.isdigit():
            seconds = float(given)
        else:
            sent = seconds_of_date(headers)
            seconds = parsedate_to_datetime(given).timestamp() - (now / _SECOND if sent is None else sent)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), most)


def seconds_of_date(headers: Mapping[str, str]) -> int | None:
    """The header `Date` in seconds since 1970, None when there is none that can be read."""
    try:
        said = parsedate_to_datetime(headers["date"])
        return int((said if said.tzinfo is not None else said.replace(tzinfo=UTC)).timestamp())
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
