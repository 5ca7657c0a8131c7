"""How often signing in may fail: from one address, and from all together; and that failures are forgotten."""

from app.dashboard.attempts import MOST_FAILURES, MOST_FAILURES_OF_ALL, WINDOW_SECONDS, Attempts


def test_failures_are_forgotten() -> None:
    now = 1000.0
    attempts = Attempts(lambda: now)
    for _ in range(MOST_FAILURES):
        assert attempts.wait_seconds("a") == 0
        attempts.failed("a")
        now += 1
    waiting = attempts.wait_seconds("a")
    assert 0 < waiting <= WINDOW_SECONDS
    assert attempts.wait_seconds("b") == 0
    now += waiting
    assert attempts.wait_seconds("a") == 0
    attempts.failed("a")
    now += 0.5
    assert 0 < attempts.wait_seconds("a") < 1  # until the second failure is as old
    attempts.succeeded("a")
    assert attempts.wait_seconds("a") == 0


def test_failures_of_all_together_are_bounded() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    for number in range(MOST_FAILURES_OF_ALL):
        attempts.failed(str(number))
    assert attempts.wait_seconds("somebody else") == WINDOW_SECONDS
    now = WINDOW_SECONDS
    assert attempts.wait_seconds("somebody else") == 0
