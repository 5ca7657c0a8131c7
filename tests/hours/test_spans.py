"""What a log may look like, and how spans become unbroken stretches."""

import pytest

from app.hours.spans import RESTING, WORKING, Duty, Log, Span, Tally, find_runs, merge_spans, split_at_gaps
from app.maven.times import HOUR
from tests.hours.logs import MIDNIGHT, at, log_of


def test_equal_duties_that_touch_are_one_span_and_nothing_has_no_length() -> None:
    log = log_of("off 1, on 0, off 2, drive 1, drive 0, drive 1, on 1")
    assert merge_spans(log.spans) == [
        Span(Duty.OFF_DUTY, at(0, "0"), at(0, "3")),
        Span(Duty.DRIVING, at(0, "3"), at(0, "5")),
        Span(Duty.ON_DUTY, at(0, "5"), at(0, "6")),
    ]


def test_equal_duties_with_a_gap_between_them_stay_two() -> None:
    first, second = split_at_gaps(log_of("off 1, gap 0:01, off 1, drive 1").spans)
    assert (first.start, first.end) == (at(0, "0"), at(0, "1"))
    assert (second.start, second.end) == (at(0, "1:01"), at(0, "3:01"))
    assert [span.duty for span in second.spans] == [Duty.OFF_DUTY, Duty.DRIVING]


def test_an_empty_log_has_no_stretch() -> None:
    assert list(split_at_gaps(())) == []


def test_runs_go_over_several_duties() -> None:
    spans = log_of("off 1, berth 2, on 1, drive 1, off 1, gap 1, berth 1").spans
    assert find_runs(spans, RESTING) == [(at(0, "0"), at(0, "3")), (at(0, "5"), at(0, "6")), (at(0, "7"), at(0, "8"))]
    assert find_runs(spans, WORKING) == [(at(0, "3"), at(0, "5"))]


@pytest.mark.parametrize(
    "start, end, hours",
    [
        ("0", "9", 5),
        ("0", "1", 0),
        ("1", "2", 1),
        ("2", "7", 3),
        ("3", "6", 1),
        ("4", "5", 0),
        ("6", "6", 0),
        ("8", "9", 0),
    ],
)
def test_a_tally_counts_parts_of_spans(start: str, end: str, hours: int) -> None:
    (stretch,) = split_at_gaps(log_of("off 1, drive 2, on 1, off 1, drive 3, off 1").spans)
    assert Tally(stretch, {Duty.DRIVING}).between(at(0, start), at(0, end)) == hours * HOUR


@pytest.mark.parametrize(
    "spans, complaint",
    [
        ([(0, 2), (1, 3)], "overlap"),
        ([(2, 3), (0, 1)], "sorted"),
        ([(2, 1)], "end before it starts"),
    ],
)
def test_a_log_that_cannot_be_is_refused(spans: list[tuple[int, int]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Log(tuple(Span(Duty.DRIVING, start, end) for start, end in spans), (0,))


def test_days_and_claims_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="log days"):
        Log((), (MIDNIGHT, MIDNIGHT))
    with pytest.raises(ValueError, match="adverse"):
        Log((), (), ((MIDNIGHT, MIDNIGHT - 1),))
