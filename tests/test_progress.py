"""How long work shows that it goes on, on a terminal and elsewhere."""

import io
import re

import pytest

from app.progress import LINE_SECONDS, shown_progress


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_off_a_terminal_is_a_plain_line_every_few_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    with shown_progress("rebuild", "violations", stream=stream, clock=clock) as on_progress:
        for done in range(0, 10_000, 1000):
            on_progress(done, 10_000)
            clock.now += LINE_SECONDS / 2
        on_progress(12, None)
    assert stream.getvalue().splitlines() == [
        "rebuild: 2,000 of 10,000 violations (20 %)",
        "rebuild: 4,000 of 10,000 violations (40 %)",
        "rebuild: 6,000 of 10,000 violations (60 %)",
        "rebuild: 8,000 of 10,000 violations (80 %)",
        "rebuild: 12 violations",
    ]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    with shown_progress("purge", "violations", stream=stream) as on_progress:
        on_progress(3, 10)
        on_progress(10, 10)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "purge" in text
    assert "10/10" in text
    assert "\x1b[" in stream.getvalue()


def test_progress_on_a_dumb_terminal_is_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream, clock = Terminal(), Clock()
    with shown_progress("purge", "violations", stream=stream, clock=clock) as on_progress:
        clock.now += LINE_SECONDS
        on_progress(3, 10)
    assert stream.getvalue() == "purge: 3 of 10 violations (30 %)\n"
