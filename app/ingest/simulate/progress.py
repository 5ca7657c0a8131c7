"""Progress of a simulation: a bar on a terminal, a plain line every few seconds elsewhere.

Owns how progress looks; the numbers are `tally.py`'s.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.ingest.simulate.tally import Tally

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_FRAMES = 0.2


@asynccontextmanager
async def shown_progress(
    tally: Tally, total: int, out: TextIO, seconds_between_lines: float = SECONDS_BETWEEN_LINES
) -> AsyncIterator[None]:
    """Show how far `tally` is on the way to `total` events while the block runs."""
    showing = asyncio.create_task(
        _draw_bar(tally, total, out) if out.isatty() else _write_lines(tally, total, out, seconds_between_lines)
    )
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


async def _write_lines(tally: Tally, total: int, out: TextIO, seconds: float) -> None:
    begun = time.monotonic()
    while True:
        await asyncio.sleep(seconds)
        out.write(tally.progress(total, time.monotonic() - begun) + "\n")
        out.flush()


async def _draw_bar(tally: Tally, total: int, out: TextIO) -> None:
    begun = time.monotonic()
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=total)
        while True:
            description = tally.progress(total, time.monotonic() - begun)
            bar.update(task, completed=tally.answered, description=description, refresh=True)
            await asyncio.sleep(SECONDS_BETWEEN_FRAMES)
