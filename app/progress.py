"""How long work shows that it goes on: a bar on a terminal, a plain line every few seconds anywhere else.

On standard error, so that a command's output stays what it is for. The rooms below know only a callable that takes how
much is done and how much there is; what it looks like is decided here.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_SECONDS = 5.0


class OnProgress(Protocol):
    """Takes how much is done, how much there is in all (None while nobody knows), and a few words about it."""

    def __call__(self, done: int, total: int | None, told: str = "") -> None: ...


@contextmanager
def shown_progress(
    title: str, unit: str, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[OnProgress]:
    """Shows progress while the block runs. `unit` is what is counted, in the plural."""
    console = Console(file=stream or sys.stderr)
    if console.is_terminal and not console.is_dumb_terminal:
        with _bar(console, unit) as progress:
            task = progress.add_task(title, total=None, told="")

            def show(done: int, total: int | None, told: str = "") -> None:
                progress.update(task, completed=done, total=total, told=told)

            yield show
    else:
        yield _Lines(title, unit, stream or sys.stderr, clock)


def _bar(console: Console, unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
        console=console,
    )


class _Lines:
    """One line every `LINE_SECONDS`, and none for work that is done sooner."""

    def __init__(self, title: str, unit: str, stream: TextIO, clock: Callable[[], float]) -> None:
        self._title = title
        self._unit = unit
        self._stream = stream
        self._clock = clock
        self._said_at = clock()

    def __call__(self, done: int, total: int | None, told: str = "") -> None:
        now = self._clock()
        if now - self._said_at < LINE_SECONDS:
            return
        self._said_at = now
        amount = f"{done:,} {self._unit}" if total is None else f"{done:,} of {total:,} {self._unit}"
        share = f" ({done * 100 // total} %)" if total else ""
        self._stream.write(f"{self._title}: {amount}{share}{told and f', {told}'}\n")
        self._stream.flush()
