"""Rests: which of them start the 11 and the 14 hours anew, and which do not count toward the 14.

Owns 49 CFR 395.3(a)(1) (10 consecutive hours) and the split of the sleeper berth in 395.1(g)(1)(ii), as of 2020. How
long the limits are is left to `limits`. All times are microseconds since 1970 UTC.

How the split is read. Two rests are a pair when each has at least 2 hours, one of them at least 7 consecutive hours in
the sleeper berth, and both together at least 10; the order is free, and other rests may lie between them, but no full
one. Once the second has ended, the limits count from the end of the first. A rest of a pair is left out of the 14
hours, also for the driving between the two, although the second is yet to come then (FMCSA, questions on the 2020
changes, number 4: of several pairings the one with no or the fewest violations). So at each instant that reading is
taken that leaves the driver the most.

A full rest of which 7 consecutive hours were in the berth starts everything anew *and* is one of a pair: a pause before
it stays left out, and one after it too. Without them it is not: FMCSA's answers of November 2020 say that 10 hours off
duty cannot be paired with a berth that follows. Hence the one case in which more rest makes a violation: 9 hours off
duty can be one of a pair, 10 cannot, and a pair has no 10 between its rests. The regulation has it so; the engine does
not smooth it over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from app.hours.spans import RESTING, Duty, Stretch, find_runs
from app.maven.times import HOUR

FULL_REST = 10 * HOUR
SHORTEST_OF_PAIR = 2 * HOUR
BERTH_OF_PAIR = 7 * HOUR


@dataclass(frozen=True, slots=True)
class Rest:
    """A longest run of nothing but off duty and sleeper berth; `berths` are its runs in the sleeper berth."""

    start: int
    end: int
    berths: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def is_full(self) -> bool:
        """Whether it has the 10 consecutive hours of 395.3(a)(1)."""
        return self.length >= FULL_REST

    @property
    def can_pair(self) -> bool:
        """Whether it can be one of a pair at all: not too short, and not a full rest without the berth."""
        return self.length >= SHORTEST_OF_PAIR and (self.has_long_berth or not self.is_full)

    @property
    def has_long_berth(self) -> bool:
        """Whether it has the 7 consecutive hours in the berth that one rest of a pair needs."""
        return any(end - start >= BERTH_OF_PAIR for start, end in self.berths)

    def until(self, at: int) -> "Rest":
        """What of this rest was over at an instant after its start."""
        if self.end <= at:
            return self
        return Rest(self.start, at, tuple((start, min(end, at)) for start, end in self.berths if start < at))


def find_rests(stretch: Stretch) -> list[Rest]:
    """The rests that can be one of a pair or more, in order.

    The first may have begun before the stretch did; it is taken as it is seen.
    """
    rests = []
    for start, end in find_runs(stretch.spans, RESTING):
        if end - start >= SHORTEST_OF_PAIR:
            inside = [span for span in stretch.spans if start <= span.start < end]
            rests.append(Rest(start, end, tuple(find_runs(inside, {Duty.SLEEPER}))))
    return rests


def is_pair(first: Rest, second: Rest) -> bool:
    """Whether two rests are a pair, 395.1(g)(1)(ii), as far as it depends on themselves."""
    return (
        first.can_pair
        and second.can_pair
        and (first.has_long_berth or second.has_long_berth)
        and first.length + second.length >= FULL_REST
    )


def rests_until(rests: Iterable[Rest], at: int) -> list[Rest]:
    """The rests that are over at an instant, and as the last one that under way, as if it ended now."""
    return [rest.until(at) for rest in rests if rest.start < at]


def find_anchors(past: Sequence[Rest]) -> list[Rest]:
    """The rests from whose end the 11 and the 14 hours may be counted; none if no full rest is known.

    The last full rest, and after it each that is the first of a pair of which both are over.
    """
    full = max((number for number, rest in enumerate(past) if rest.is_full), default=None)
    if full is None:
        return []
    since = past[full + 1 :]
    firsts = [rest for number, rest in enumerate(since) if any(is_pair(rest, later) for later in since[number + 1 :])]
    return [past[full], *firsts]


def find_excluded(anchor: Rest, past: Sequence[Rest], rests: Sequence[Rest], at: int) -> list[Rest]:
    """The rests between an anchor and an instant that do not count toward the 14 hours.

    `past` is what `rests_until` gives of `rests` at the instant. At most one that is a pair with the anchor, and one
    other that is a pair with a rest still to come or under way: those two that leave the driver the most.
    """
    inside = [rest for rest in past if rest.start >= anchor.end]
    to_come = _up_to_full_rest(rest for rest in rests if rest.end > at)
    with_anchor = [None, *(rest for rest in inside if is_pair(anchor, rest))]
    with_later = [None, *(rest for rest in inside if _has_partner(rest, to_come))]
    choices = (
        [rest for rest in choice if rest is not None]
        for choice in product(with_anchor, with_later)
        if choice[0] is not choice[1] or choice[0] is None
    )
    return sorted(max(choices, key=lambda choice: sum(rest.length for rest in choice)), key=lambda rest: rest.start)


def _up_to_full_rest(rests: Iterable[Rest]) -> list[Rest]:
    found = []
    for rest in rests:
        found.append(rest)
        if rest.is_full:
            break
    return found


def _has_partner(rest: Rest, to_come: Sequence[Rest]) -> bool:
    # A rest under way is in both lists and no partner of its own.
    return any(rest.start < later.start and is_pair(rest, later) for later in to_come)
