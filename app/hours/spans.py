"""Duty statuses as spans of time, and the log that they add up to.

Owns what a log may look like (sorted, nothing twice) and how it is read: equal duties that touch are one span, and a
gap between two spans is time that nobody has a log of, so that each unbroken stretch is read for itself. Which rests
and limits follow from a stretch is left to `rests` and `limits`. All times are microseconds since 1970 UTC.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, pairwise


class Duty(Enum):
    """The four duty statuses of 49 CFR 395.8(b)."""

    OFF_DUTY = "off_duty"
    SLEEPER = "sleeper"
    DRIVING = "driving"
    ON_DUTY = "on_duty"


RESTING = frozenset({Duty.OFF_DUTY, Duty.SLEEPER})
WORKING = frozenset({Duty.DRIVING, Duty.ON_DUTY})
NOT_DRIVING = frozenset(Duty) - {Duty.DRIVING}


@dataclass(frozen=True, slots=True)
class Span:
    """One duty status from its start up to its end."""

    duty: Duty
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Log:
    """What is known of one driver's time.

    `day_starts` are the starts of the carrier's log days, sorted, from the day in which the log begins to the one in
    which it ends. `adverse` are the stretches, each from a claim of adverse driving conditions to the end of what it
    was claimed for. Raises ValueError for spans that overlap or are not sorted, and for days or claims that are not
    in order.
    """

    spans: tuple[Span, ...]
    day_starts: tuple[int, ...]
    adverse: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        check_spans(self.spans)
        if any(later <= earlier for earlier, later in pairwise(self.day_starts)):
            raise ValueError("log days must be sorted and different")
        if any(end < start for start, end in self.adverse):
            raise ValueError("a claim of adverse driving conditions must not end before it starts")


@dataclass(frozen=True, slots=True)
class Stretch:
    """An unbroken stretch of a log: its spans touch, neighbours differ in duty, and there is at least one."""

    spans: tuple[Span, ...]

    @property
    def start(self) -> int:
        return self.spans[0].start

    @property
    def end(self) -> int:
        return self.spans[-1].end

    def has_at(self, at: int) -> bool:
        """Whether the stretch reaches up to this instant; its own end counts, for all before it is known."""
        return self.start <= at <= self.end


class Tally:
    """How much time some duties took between two instants of a stretch, without going through the stretch each time."""

    def __init__(self, stretch: Stretch, duties: Collection[Duty]) -> None:
        runs = find_runs(stretch.spans, duties)
        self._starts = [start for start, _ in runs]
        self._ends = [end for _, end in runs]
        self._before = [0, *accumulate(end - start for start, end in runs)]

    def between(self, start: int, end: int) -> int:
        """The time of these duties from start to end, in microseconds."""
        return self._until(end) - self._until(start)

    def _until(self, at: int) -> int:
        begun = bisect_right(self._starts, at)
        return self._before[begun] - (max(0, self._ends[begun - 1] - at) if begun else 0)


def check_spans(spans: Sequence[Span]) -> None:
    """Raise ValueError for a span that ends before it starts, and for spans that overlap or are not sorted."""
    if any(span.end < span.start for span in spans):
        raise ValueError("a duty status must not end before it starts")
    if any(later.start < earlier.end for earlier, later in pairwise(spans)):
        raise ValueError("duty statuses must be sorted and must not overlap")


def merge_spans(spans: Sequence[Span]) -> list[Span]:
    """The same log with as few spans as can be: equal duties that touch become one, spans without length go.

    Raises ValueError as `check_spans` does.
    """
    check_spans(spans)
    merged: list[Span] = []
    for span in spans:
        if span.start == span.end:
            continue
        if merged and merged[-1].duty is span.duty and merged[-1].end == span.start:
            span = Span(span.duty, merged.pop().start, span.end)
        merged.append(span)
    return merged


def split_at_gaps(spans: Sequence[Span]) -> Iterator[Stretch]:
    """The unbroken stretches of a log, oldest first. Raises ValueError as `check_spans` does."""
    touching: list[Span] = []
    for span in merge_spans(spans):
        if touching and touching[-1].end < span.start:
            yield Stretch(tuple(touching))
            touching = []
        touching.append(span)
    if touching:
        yield Stretch(tuple(touching))


def find_runs(spans: Sequence[Span], duties: Collection[Duty]) -> list[tuple[int, int]]:
    """Start and end of each longest run of nothing but these duties; the spans must be sorted."""
    runs: list[tuple[int, int]] = []
    for span in spans:
        if span.duty not in duties:
            continue
        start = runs.pop()[0] if runs and runs[-1][1] == span.start else span.start
        runs.append((start, span.end))
    return runs
