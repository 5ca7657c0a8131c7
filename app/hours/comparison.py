"""A violation that Maven ELD reported beside what the driver's log shows.

Owns when the two agree, what differs, and the words for it when there is nothing to compare. It explains and never
overrides: Maven's report stands as it came. What lies beyond a limit is left to `limits`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from app.hours.limits import BREAK, Cycle, Excess, Limit, find_excess, known_from
from app.hours.rests import FULL_REST
from app.hours.spans import NOT_DRIVING, RESTING, Log, Stretch, find_runs, split_at_gaps
from app.maven.times import HOUR, MINUTE

# Maven gives whole minutes, for the start and for the length, and an ELD may round each of them.
TOLERANCE = 2 * MINUTE
# Excess this near to what Maven reports is held to be what it reports.
NEARBY = HOUR

_NO_ENTRY = "The log has no entry for the start of this violation."
_BROKEN_OFF = "The log has a gap or ends before this violation does."
_NO_EXCESS = "The log shows no driving beyond this limit here."
_TOO_SHORT = {
    Limit.DRIVING: "The log does not reach back without a gap to a full rest of 10 hours.",
    Limit.WINDOW: "The log does not reach back without a gap to a full rest of 10 hours.",
    Limit.BREAK: "The log does not reach back without a gap to a break of 30 minutes.",
    Limit.CYCLE: "The log does not reach back without a gap over {days} days or to a rest of 34 hours.",
}


class Verdict(Enum):
    """What became of a comparison."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_ENOUGH_LOG = "not_enough_log"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the log shows of a violation that was reported.

    `start_difference` is the log's start minus the reported one, `length_difference` the driving beyond the limit by
    the log minus the reported length, both in microseconds and None when there is nothing to subtract. `found` is the
    driving beyond the limit that belongs to the report. `reason` says in a sentence why there is nothing to compare.
    """

    verdict: Verdict
    start_difference: int | None
    length_difference: int | None
    found: tuple[Excess, ...]
    reason: str | None


def compare(log: Log, limit: Limit, cycle: Cycle, start: int, end: int | None, length: int | None) -> Comparison:
    """Hold a reported violation against the log: its start and end (instants) and its length (microseconds).

    Without a length it is end - start, without an end it is start + length; without both only the starts are compared.

    Found is the excess of this limit that overlaps the report or lies less than an hour from it, all of one shift: no
    full rest (for the break: no break) lies between. Of several shifts it is the one that overlaps the report most,
    else the nearest. The two agree when starts and lengths differ by at most `TOLERANCE`. Because Maven's violation
    ends when the driver leaves Drive, or only when the rest begins, a part of what was found may be what it reports:
    if some stretches that follow one another agree, they are what is found. Likewise the length of the excess is its
    driving or the time from its first start to its last end, and the reported one is the length or the time from
    start to end, whichever two differ least.
    """
    known_end = end if end is not None else start + (length or 0)
    reason = _find_lack(log, limit, cycle, start, known_end)
    if reason is not None:
        return Comparison(Verdict.NOT_ENOUGH_LOG, None, None, (), reason)
    lengths = [span for span in (length, None if end is None else end - start) if span is not None]
    shift = _find_shift(log, limit, cycle, start, known_end)
    if not shift:
        reported = length if length is not None or end is None else end - start
        return Comparison(Verdict.DIFFERS, None, None if reported is None else -reported, (), _NO_EXCESS)
    for found in _parts(shift):
        differences = found[0].start - start, _length_difference(found, lengths)
        if all(abs(difference or 0) <= TOLERANCE for difference in differences):
            return Comparison(Verdict.AGREES, *differences, found, None)
    return Comparison(Verdict.DIFFERS, shift[0].start - start, _length_difference(shift, lengths), shift, None)


def _find_lack(log: Log, limit: Limit, cycle: Cycle, start: int, end: int) -> str | None:
    """Why the log does not do to judge a limit from start to end, as a sentence; None when it does."""
    stretch = _stretch_at(log, start)
    if stretch is None:
        return _NO_ENTRY
    if not known_from(log, limit, cycle, start):
        return _TOO_SHORT[limit].format(days=cycle.days)
    if stretch.end < end - TOLERANCE:
        return _BROKEN_OFF
    return None


def _stretch_at(log: Log, at: int) -> Stretch | None:
    return next((stretch for stretch in split_at_gaps(log.spans) if stretch.start <= at < stretch.end), None)


def _find_shift(log: Log, limit: Limit, cycle: Cycle, start: int, end: int) -> tuple[Excess, ...]:
    """The excess at or near the report, of one shift; empty if there is none."""
    near = [
        excess
        for excess in find_excess(log, limit, cycle)
        if excess.start < end + NEARBY and excess.end > start - NEARBY
    ]
    if limit is Limit.BREAK:
        parting = [run for run in find_runs(log.spans, NOT_DRIVING) if run[1] - run[0] >= BREAK]
    else:
        parting = [run for run in find_runs(log.spans, RESTING) if run[1] - run[0] >= FULL_REST]

    def parted(excess: Excess) -> int:
        return sum(rest_end <= excess.start for _, rest_end in parting)

    def nearness(shift: tuple[Excess, ...]) -> tuple[int, int]:
        overlap = sum(max(0, min(excess.end, end) - max(excess.start, start)) for excess in shift)
        return overlap, -abs(shift[0].start - start)

    return max((tuple(shift) for _, shift in groupby(near, parted)), key=nearness, default=())


def _parts(shift: tuple[Excess, ...]) -> Iterator[tuple[Excess, ...]]:
    """All that follows one another in a shift, the longest first."""
    for size in range(len(shift), 0, -1):
        for first in range(len(shift) - size + 1):
            yield shift[first : first + size]


def _length_difference(found: tuple[Excess, ...], lengths: list[int]) -> int | None:
    driven = sum(excess.end - excess.start for excess in found)
    passed = found[-1].end - found[0].start
    differences = [mine - reported for mine in (driven, passed) for reported in lengths]
    return min(differences, key=abs, default=None)
