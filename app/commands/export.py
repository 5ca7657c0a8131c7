"""`hos-receiver export`: violations or events to a file or a pipe. May run beside `serve`."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from app.commands.running import fail, opened, run, settings_or_fail
from app.db.database import Database
from app.progress import OnProgress, shown_progress
from app.query.event_lines import event_lines
from app.query.exports import FORMATS, export_pieces
from app.query.filters import ViolationFilter
from app.query.violations import NEWEST_FIRST, ORDERS
from app.violations.model import ACTIVE, INVALIDATED

MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
STATUSES = {"active": (ACTIVE,), "invalidated": (INVALIDATED,), "all": (ACTIVE, INVALIDATED)}


def export_data(
    what: Annotated[
        Literal["violations", "events"], typer.Option(help="Violations as they stand, or events as received.")
    ] = "violations",
    form: Annotated[
        Literal["ndjson", "csv"], typer.Option("--format", help="NDJSON, or CSV for violations.")
    ] = "ndjson",
    status: Annotated[
        Literal["active", "invalidated", "all"] | None,
        typer.Option(help="Violations of this status alone; active when left out, as in the API.", show_default=False),
    ] = None,
    out: Annotated[
        str, typer.Option(help="The file to write, - for standard output. It is there when it is whole.")
    ] = "-",
) -> None:
    """Write violations, newest start first, or events, oldest receipt first.

    Violations read as in the API: one JSON object or CSV row each. An event is a line with receivedAt, channel,
    eventId, eventType, eventTime, outcome, and its payload as received.
    """
    if what == "events" and form == "csv":
        raise typer.BadParameter("events are written as ndjson only", param_hint="--format")
    if what == "events" and status is not None:
        raise typer.BadParameter("events have none; it goes with --what violations", param_hint="--status")
    settings = settings_or_fail()

    def pieces(database: Database) -> AsyncIterator[bytes]:
        if what == "events":
            return event_lines(database)
        asked = ViolationFilter(statuses=STATUSES[status or "active"])
        return export_pieces(database, asked, ORDERS[NEWEST_FIRST], FORMATS[MEDIA_TYPES[form]])

    async def write(file: BinaryIO, on_progress: OnProgress | None) -> None:
        written = 0
        async with opened(settings) as database:
            async for piece in pieces(database):
                file.write(piece)
                written += len(piece)
                if on_progress is not None:
                    on_progress(written // 1024, None)
        file.flush()

    # A bar in between the lines that a terminal shows would spoil both.
    is_shown = out == "-" and sys.stdout.isatty()
    try:
        with _opened(out) as file, nullcontext() if is_shown else shown_progress("export", "KiB") as on_progress:
            run(write(file, on_progress))
    except BrokenPipeError:
        raise  # who read has had enough
    except OSError as error:
        fail(f"cannot write to {out}: {error.strerror or error}")


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO]:
    """Where to write. A file gets its name only when everything is in it."""
    if out == "-":
        yield sys.stdout.buffer
        return
    partial = Path(f"{out}.part")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
