"""`hos-receiver quarantine`: look at what was not understood, and have it read again. May run beside `serve`."""

import base64
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import typer

from app.clock import now
from app.commands.running import complain, fail, group, opened, run, settings_or_fail
from app.db.database import Database
from app.ingest.keeping import Kept, keep_deliveries
from app.ingest.quarantine import Entry, StillNotUnderstood, find_entry, list_entries, reread, retried
from app.maven.times import format_time
from app.violations.rules import Outcome

quarantine = group("quarantine", "What was not understood: list it, show it, read it again.")

PAGE = 20
"""Entries read at a time; each may have megabytes."""
MOST_ID = 2**63 - 1


def entry_id_of(text: str) -> int:
    """An entry's id as typed. Raises `typer.BadParameter`."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= MOST_ID):
        raise typer.BadParameter(f"must be a whole number from 1, not {text[:60]!r}")
    return int(text)


EntryId = Annotated[int, typer.Argument(parser=entry_id_of, metavar="ID", help="The entry's id, as the list shows it.")]


async def _entries(database: Database) -> AsyncIterator[Entry]:
    """All entries there are, oldest first."""
    after = 0
    while page := await database.read(list_entries(after, PAGE)):
        for entry in page:
            yield entry
        after = page[-1].pk


@quarantine.command("list")
def show_all() -> None:
    """List entries, oldest first: id, when first received, how often, by which channel, the first error."""
    settings = settings_or_fail()

    async def show() -> None:
        is_empty = True
        async with opened(settings) as database:
            async for entry in _entries(database):
                is_empty = False
                received = format_time(entry.received_at)
                first = _sentence(entry.errors[0]) if entry.errors else ""
                typer.echo(f"{entry.pk}\t{received}\t{entry.count}x\t{entry.channel.word}\t{first}")
        if is_empty:
            typer.echo("The quarantine is empty.", err=True)

    run(show())


def _sentence(error: dict[str, str]) -> str:
    pointer = error.get("pointer", "")
    return f"{pointer}: {error.get('detail', '')}" if pointer else str(error.get("detail", ""))


@quarantine.command("show")
def show_one(
    entry_id: EntryId,
    raw: Annotated[bool, typer.Option("--raw", help="Write the bytes alone, exactly as received.")] = False,
) -> None:
    """Show an entry: why it was not understood, and its bytes, as text where they are text and in base64 otherwise."""
    settings = settings_or_fail()

    async def find() -> Entry | None:
        async with opened(settings) as database:
            return await database.read(find_entry(entry_id))

    entry = run(find())
    if entry is None:
        fail(f"there is no quarantine entry {entry_id}; see: hos-receiver quarantine list")
    if raw:
        sys.stdout.buffer.write(entry.body)
        sys.stdout.buffer.flush()
        return
    text = _printable(entry.body)
    typer.echo(f"id        {entry.pk}")
    typer.echo(f"received  {format_time(entry.received_at)}")
    if entry.count > 1:
        typer.echo(f"repeated  {entry.count} times in all, at last {format_time(entry.last_received_at)}")
    typer.echo(f"channel   {entry.channel.word}")
    for error in entry.errors:
        typer.echo(f"error     {_sentence(error)}")
    typer.echo(f"body      {len(entry.body)} bytes{'' if text is not None else ', in base64'}")
    typer.echo("")
    typer.echo(base64.b64encode(entry.body).decode() if text is None else text)


def _printable(body: bytes) -> str | None:
    """The body as text when a terminal can show it without harm."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text.translate({9: 32, 10: 32, 13: 32}).isprintable() else None


@quarantine.command("retry")
def retry(
    entry_ids: Annotated[
        list[int] | None, typer.Argument(parser=entry_id_of, metavar="ID", help="Ids of entries.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every entry there is.")] = False,
) -> None:
    """Read entries again with this version of the program.

    What is understood now is kept like any event that comes in, and leaves the quarantine. Ends with status 1 when
    something stays.
    """
    if every == bool(entry_ids):
        raise typer.BadParameter("give the ids of entries, or --all", param_hint="ID")
    settings = settings_or_fail()

    async def retry_them() -> tuple[bool, bool]:
        """Whether something stayed, and whether an entry was not there at all."""
        all_left = all_found = True
        async with opened(settings) as database:
            if every:
                # Parts that are still not understood come back as new entries, with greater ids; once is enough.
                last = (await database.fetch("SELECT max(pk) FROM quarantine"))[0][0] or 0
                async for entry in _entries(database):
                    if entry.pk > last:
                        break
                    all_left &= await _retry(database, entry)
                return not all_left, False
            for entry_id in dict.fromkeys(entry_ids or ()):
                found = await database.read(find_entry(entry_id))
                if found is None:
                    complain(f"there is no quarantine entry {entry_id}; see: hos-receiver quarantine list")
                    all_found = False
                else:
                    all_left &= await _retry(database, found)
        return not all_left, not all_found

    has_stayed, has_missed = run(retry_them())
    if has_stayed:
        fail("not everything left the quarantine")
    if has_missed:
        raise typer.Exit(1)


async def _retry(database: Database, entry: Entry) -> bool:
    """Whether the entry left the quarantine with all that was in it. Says what became of it."""
    try:
        events = reread(entry)
    except StillNotUnderstood as error:
        first = error.errors[0]
        more = f" (and {len(error.errors) - 1} more)" if len(error.errors) > 1 else ""
        typer.echo(f"{entry.pk}: still not understood: {first['pointer'] or 'the event'}: {first['detail']}{more}")
        return False
    delivery = retried(events, entry)
    kept = (await database.write(keep_deliveries(database.dialect, [delivery], now())))[0]
    typer.echo(f"{entry.pk}: {_outcomes(kept)}")
    return all(k.outcome is not Outcome.QUARANTINED for k in kept)


def _outcomes(kept: Sequence[Kept]) -> str:
    counts: dict[str, int] = {}
    for one in kept:
        if one.outcome is not Outcome.QUARANTINED:
            counts[one.outcome.word] = counts.get(one.outcome.word, 0) + 1
    parts = [f"{word} {count}" for word, count in counts.items()]
    parts += [f"in quarantine as {one.quarantine_id}" for one in kept if one.quarantine_id is not None]
    return ", ".join(parts) or "held no events"
