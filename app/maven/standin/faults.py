"""The faults that the stand-in can show, by name, for ever or for the first requests only.

Owns their names, what they are, and which of them a request gets. What a fault does to an answer is `answers.py`'s and
`endpoint.py`'s.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from app.maven.times import HOUR


class FaultName(StrEnum):
    """A fault as it is written on the command line."""

    MALFORMED_NEXT = "malformed-next"
    MISSING_NEXT = "missing-next"
    NEXT_STAYS = "next-stays"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    TOO_MANY_REQUESTS = "too-many-requests"
    SERVER_ERROR = "server-error"
    UNAVAILABLE = "unavailable"
    REDIRECT = "redirect"
    RESET = "reset"
    SLOW = "slow"
    ENDLESS = "endless"
    SILENT = "silent"
    NOT_JSON = "not-json"
    ODD_DATA = "odd-data"
    SKEWED_CLOCK = "skewed-clock"
    EMPTY_PAGE = "empty-page"


FAULT_DESCRIPTIONS: dict[FaultName, str] = {
    FaultName.MALFORMED_NEXT: "nextPageStartTime as in Maven's own example, with two colons: 2023-04-09T21:55::42.000Z",
    FaultName.MISSING_NEXT: "the pagination has no nextPageStartTime",
    FaultName.NEXT_STAYS: "nextPageStartTime is the startTime that was asked for",
    FaultName.UNAUTHORIZED: "401, as for a wrong API key",
    FaultName.FORBIDDEN: "403",
    FaultName.TOO_MANY_REQUESTS: "429 with Retry-After",
    FaultName.SERVER_ERROR: "500",
    FaultName.UNAVAILABLE: "503 with Retry-After",
    FaultName.REDIRECT: "302 to another host",
    FaultName.RESET: "the connection breaks in the middle of the body",
    FaultName.SLOW: "the body comes byte by byte",
    FaultName.ENDLESS: "the body never ends",
    FaultName.SILENT: "no answer at all, until the client gives up",
    FaultName.NOT_JSON: "200 with an HTML page",
    FaultName.ODD_DATA: "some events have data of an unexpected shape, or no timestamp",
    FaultName.SKEWED_CLOCK: "Maven's clock, in timestamps and in the Date header, is an hour ahead",
    FaultName.EMPTY_PAGE: "no events, but hasNextPage",
}

# In place of a page; of those that are on, a request gets the one that was switched on first.
_INSTEAD = frozenset(
    {
        FaultName.UNAUTHORIZED,
        FaultName.FORBIDDEN,
        FaultName.TOO_MANY_REQUESTS,
        FaultName.SERVER_ERROR,
        FaultName.UNAVAILABLE,
        FaultName.REDIRECT,
        FaultName.SILENT,
        FaultName.NOT_JSON,
    }
)
# How the bytes of a page come; again one at a time. What is in neither set changes the page, all of them together.
_COMING = frozenset({FaultName.RESET, FaultName.SLOW, FaultName.ENDLESS})

_FAULT = re.compile(r"([a-z-]+)(?::([1-9][0-9]{0,8}))?")


def read_fault(text: str) -> tuple[FaultName, int | None]:
    """`NAME` or `NAME:N` as a fault and the number of requests that have it, None for all. Raises ValueError."""
    match = _FAULT.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return FaultName(match[1]), None if match[2] is None else int(match[2])
    except ValueError:
        allowed = ", ".join(FaultName)
        raise ValueError(
            f"a fault must be NAME, or NAME:N for the first N requests only, with NAME one of {allowed}; not {text!r}"
        ) from None


@dataclass(slots=True)
class Faults:
    """What is wrong now; a test may switch faults on and off between requests.

    `retry_after_seconds` is what 429 and 503 ask for; `slow_seconds` lie between two bytes of `slow`; `skew_us` is how
    far `skewed-clock` is ahead, in microseconds (negative: behind); `odd_every` alters one event in so many, 1 all.
    """

    retry_after_seconds: int = 30
    slow_seconds: float = 1.0
    skew_us: int = HOUR
    odd_every: int = 3
    # A name that nobody can own (RFC 2606), so that who follows it arrives nowhere.
    redirect_to: str = "https://elsewhere.invalid/return-events"
    _left: dict[FaultName, int | None] = field(default_factory=dict, init=False)

    @property
    def active(self) -> tuple[FaultName, ...]:
        """What is on, in the order it was switched on."""
        return tuple(self._left)

    def switch_on(self, name: FaultName | str, times: int | None = None) -> None:
        """Let all requests from now on have a fault, or the next `times`. ValueError for a name there is not."""
        if times is not None and times < 1:
            raise ValueError("times must be 1 or more")
        self._left[FaultName(name)] = times

    def switch_off(self, name: FaultName | str) -> None:
        """End a fault, if it is on."""
        self._left.pop(FaultName(name), None)

    def clear(self) -> None:
        """End all of them."""
        self._left.clear()

    def take_instead(self) -> FaultName | None:
        """The fault that this request gets in place of a page; counts it."""
        return self._take(next((name for name in self._left if name in _INSTEAD), None))

    def take_for_page(self) -> tuple[FaultName, ...]:
        """The faults of the page that this request gets; counts them."""
        coming = self._take(next((name for name in self._left if name in _COMING), None))
        changing = [name for name in self._left if name not in _INSTEAD and name not in _COMING]
        for name in changing:
            self._take(name)
        return (*changing, *(() if coming is None else (coming,)))

    def _take(self, name: FaultName | None) -> FaultName | None:
        left = None if name is None else self._left[name]
        if name is not None and left is not None:
            if left > 1:
                self._left[name] = left - 1
            else:
                del self._left[name]
        return name
