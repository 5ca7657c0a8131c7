"""`hos-receiver export`: violations or events to a file or a pipe. May run beside `serve`."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from app.commands.running import complain, fail, opened, run, settings_or_fail
from app.db.database import Database
from app.progress import OnProgress, shown_progress
from app.query.event_lines import event_lines
from app.query.exports import FORMATS, export_pieces
from app.query.filters import ViolationFilter
from app.query.violations import NEWEST_FIRST, ORDERS
from app.violations.model import ACTIVE, INVALIDATED

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
STATUSES = {"active": (ACTIVE,), "invalidated": (INVALIDATED,), "all": (ACTIVE, INVALIDATED)}


def export_data(
    what: Annotated[
        Literal["violations", "events", "everything"],
        typer.Option(help="Violations as they stand, events as received, or everything for import."),
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
    """Write violations, newest start first, events, oldest receipt first, or everything.

    Violations read as in the API: one JSON object or CSV row each. An event is a line with receivedAt, channel,
    eventId, eventType, eventTime, outcome, and its payload as received. Everything is each row of the database, with
    hashes of keys and secrets of hooks; a file of it can be read by its owner only, and taken in by import.
    """
    if what != "violations" and form == "csv":
        raise typer.BadParameter("only violations are written as csv", param_hint="--format")
    if what != "violations" and status is not None:
        raise typer.BadParameter("it goes with --what violations", param_hint="--status")
    settings = settings_or_fail()
    url = settings.database_url.get_secret_value()

    async def pieces() -> AsyncIterator[bytes]:
        if what == "everything":
            # Here, because it takes both databases and all tables, which other commands can do without.
            from app.carrying.carry import everything_lines

            async for piece in everything_lines(url):
                yield piece
            return
        async with opened(settings) as database:
            async for piece in chosen(database):
                yield piece

    def chosen(database: Database) -> AsyncIterator[bytes]:
        if what == "events":
            return event_lines(database)
        asked = ViolationFilter(statuses=STATUSES[status or "active"])
        return export_pieces(database, asked, ORDERS[NEWEST_FIRST], FORMATS[MEDIA_TYPES[form]])

    async def write(file: BinaryIO, on_progress: OnProgress | None) -> None:
        written = 0
        async for piece in pieces():
            file.write(piece)
            written += len(piece)
            if on_progress is not None:
                on_progress(written // 1024, None)
        file.flush()

    # A bar in between the lines that a terminal shows would spoil both.
    is_shown = out == "-" and sys.stdout.isatty()
    try:
        with (
            _opened(out, is_private=what == "everything") as file,
            nullcontext() if is_shown else shown_progress("export", "KiB") as on_progress,
        ):
            run(write(file, on_progress))
    except BrokenPipeError:
        raise  # who read has had enough
    except OSError as error:
        fail(f"cannot write to {out}: {error.strerror or error}")
    if what == "everything":
        complain("this holds personal data, hashes of keys and secrets of hooks: keep it as safe as the database")


@contextmanager
def _opened(out: str, *, is_private: bool) -> Iterator[BinaryIO]:
    """Where to write. A file gets its name only when everything is in it; a private one is its owner's only."""
    if out == "-":
        yield sys.stdout.buffer
        return
    partial = Path(f"{out}.part")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, _NEW_FILE, 0o600 if is_private else 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
