"""What Ctrl-C and SIGTERM do to a simulation while it runs.

Owns the handling of both signals; what is ended, and how, is the caller's.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def on_interrupt(first: Callable[[], object], again: Callable[[], object]) -> Iterator[None]:
    """Call `first` at the first Ctrl-C or SIGTERM, `again` at every other; nothing where signals cannot be had."""
    loop = asyncio.get_running_loop()
    had_one = False

    def interrupted() -> None:
        nonlocal had_one
        (again if had_one else first)()
        had_one = True

    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, interrupted)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
