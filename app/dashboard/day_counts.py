"""Violations by log date, for the chart: what stands, and what was created and invalidated.

Of a large history this is most of what the overview costs. Where counting is slow, a count is kept for a while: the
chart may then lag behind the rest of the page, which is always counted anew.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, ReadScript
from app.query.filters import ViolationFilter, matching
from app.violations.model import ACTIVE, INVALIDATED

SLOW_SECONDS = 0.05
KEPT_SECONDS = 15.0
MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Day:
    """Violations of one log date."""

    log_date: str
    active: int
    invalidated: int


class DayCounts:
    """Counts by what was asked, those that took long."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], tuple[float, list[Day]]] = OrderedDict()

    def of(self, dialect: Dialect, asked: ViolationFilter, dates: Sequence[str]) -> ReadScript[list[Day]]:
        """The counts of each of these dates, whatever state is asked for."""
        key = (asked.fingerprint(), dates[0], dates[-1])
        began = monotonic()
        kept = self._kept.get(key)
        if kept is not None and began - kept[0] < KEPT_SECONDS:
            return kept[1]
        days = yield from _count(dialect, asked, dates)
        if monotonic() - began >= SLOW_SECONDS:
            self._kept[key] = (monotonic(), days)
            self._kept.move_to_end(key)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return days


def _count(dialect: Dialect, asked: ViolationFilter, dates: Sequence[str]) -> ReadScript[list[Day]]:
    first = max(filter(None, (dates[0], asked.log_date_from)))
    last = min(filter(None, (dates[-1], asked.log_date_to)))
    both = replace(asked, statuses=(ACTIVE, INVALIDATED), log_date_from=first, log_date_to=last)
    arguments = Arguments(dialect)
    parts = " UNION ALL ".join(
        f"SELECT v.log_date, v.status, count(*) AS n {clause} GROUP BY v.log_date, v.status"
        for status in both.statuses
        for clause in matching(both, arguments, status)
    )
    counts: dict[tuple[str, int], int] = {}
    for log_date, status, count in (yield Fetch(parts, tuple(arguments.values))):
        counts[log_date, status] = counts.get((log_date, status), 0) + count
    return [Day(day, counts.get((day, ACTIVE), 0), counts.get((day, INVALIDATED), 0)) for day in dates]
