"""The verdict on an attempt: a table of answers, and what holds for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.rules import (
    DISABLED_AFTER,
    GONE_REASON,
    RETRY_SECONDS,
    Attempt,
    has_failed_long,
    judge,
)
from app.outbox.model import Status

NOW = 1_767_225_600_000_000
SECOND = 1_000_000

CONTRACT = ["5 s", "5 min", "30 min", "2 h", "5 h", "10 h", "14 h", "20 h", "24 h"]
UNITS = {"s": 1, "min": 60, "h": 3600}


def test_the_schedule_is_the_contracts() -> None:
    assert list(RETRY_SECONDS) == [int(text.split()[0]) * UNITS[text.split()[1]] for text in CONTRACT]


@pytest.mark.parametrize("status", [300, 302, 307, 400, 401, 404, 409, 422, 429, 500, 502, 503, 504])
def test_whatever_is_not_2xx_is_tried_again(status: int) -> None:
    verdict = judge(Attempt("status", status), 0, NOW, 0.5)
    assert (verdict.status, verdict.due_at, verdict.disables) == (Status.PENDING, NOW + 5 * SECOND, None)


@pytest.mark.parametrize(
    "outcome", ["timeout", "unreachable", "tls", "protocol", "too_large", "refused", "unreadable", "crashed"]
)
def test_no_answer_is_tried_again(outcome: str) -> None:
    assert judge(Attempt(outcome), 0, NOW, 0.5).status is Status.PENDING  # type: ignore[arg-type]


def test_a_delivery_succeeds() -> None:
    assert judge(Attempt("succeeded", 204), 9, NOW, 0.5).status is Status.SUCCEEDED


def test_gone_fails_for_good_and_disables() -> None:
    verdict = judge(Attempt("status", 410, retry_after=60.0), 0, NOW, 0.5)
    assert (verdict.status, verdict.disables) == (Status.FAILED, GONE_REASON)


def test_what_is_purged_fails_and_disables_nothing() -> None:
    verdict = judge(Attempt("purged"), 0, NOW, 0.5)
    assert (verdict.status, verdict.disables) == (Status.FAILED, None)


@given(tries=st.integers(0, 8), draw=st.floats(0, 1))
def test_each_wait_is_the_schedules_give_or_take_a_fifth(tries: int, draw: float) -> None:
    verdict = judge(Attempt("timeout"), tries, NOW, draw)
    wait = (verdict.due_at - NOW) / SECOND
    assert 0.8 * RETRY_SECONDS[tries] - 1e-6 <= wait <= 1.2 * RETRY_SECONDS[tries] + 1e-6


@given(tries=st.integers(9, 1000), draw=st.floats(0, 1))
def test_after_the_last_wait_a_delivery_is_dead(tries: int, draw: float) -> None:
    assert judge(Attempt("status", 500), tries, NOW, draw).status is Status.DEAD


@given(tries=st.integers(0, 8), asked=st.floats(0, 1e7), draw=st.floats(0, 1))
def test_a_receiver_is_left_alone_as_long_as_it_asks_up_to_a_day(tries: int, asked: float, draw: float) -> None:
    verdict = judge(Attempt("status", 429, retry_after=asked), tries, NOW, draw)
    heard = min(asked, 86_400.0)
    assert verdict.due_at >= NOW + int(heard * SECOND)
    assert verdict.due_at >= verdict.rests_until
    assert verdict.due_at <= NOW + round(max(heard, 1.2 * RETRY_SECONDS[tries]) * SECOND) + 1


@pytest.mark.parametrize(
    "since, has_failed", [(None, False), (NOW - DISABLED_AFTER + 1, False), (NOW - DISABLED_AFTER, True)]
)
def test_five_days_of_nothing_but_failures_are_enough(since: int | None, has_failed: bool) -> None:
    assert has_failed_long(since, NOW) is has_failed
    assert DISABLED_AFTER == 5 * 86_400 * SECOND
