"""`hos-receiver drivers`: who is who, taken from files and listed. May run beside `serve`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.clock import now
from app.commands.cells import cell
from app.commands.running import complain, fail, group, opened, run, settings_or_fail
from app.identities.files import Kind, Sheet, read_sheet
from app.identities.merging import Misfit
from app.identities.registering import NotRegistered, Registered, plan_registering, register
from app.identities.schema import shown_identity
from app.identities.store import Identity, list_identities

MOST_SHOWN = 20
"""Errors told of one import."""

PAGE = 1000

drivers = group("drivers", "Drivers' identities: who is who in Maven, VisTracks and Catena. Import, list.")


@drivers.command("import")
def import_identities(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="Drivers as CSV with a header, or JSON, then with the others too; - for standard input.",
        ),
    ] = None,
    assets: Annotated[str | None, typer.Option(help="VisTracks' vehicles, as CSV or JSON.", metavar="FILE")] = None,
    terminals: Annotated[str | None, typer.Option(help="Home terminals, as CSV or JSON.", metavar="FILE")] = None,
    vehicles: Annotated[
        str | None, typer.Option(help="Catena's vehicles and trailers, as CSV or JSON.", metavar="FILE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, and write nothing.")] = False,
) -> None:
    """Register drivers, vehicles and home terminals: all that the files have, or nothing.

    A row is merged into the driver whom its driverId, userId or catenaDriverId names. What it leaves out, or has as an
    empty cell, stays as it was.
    """
    given = [
        (name, kinds)
        for name, kinds in (
            (file, tuple(Kind)),
            (assets, (Kind.ASSETS,)),
            (terminals, (Kind.TERMINALS,)),
            (vehicles, (Kind.VEHICLES,)),
        )
        if name is not None
    ]
    if not given:
        raise typer.BadParameter("say what to register: FILE, --assets, --terminals or --vehicles", param_hint="FILE")
    if [name for name, _ in given].count("-") > 1:
        raise typer.BadParameter("standard input can be read once only", param_hint="FILE")
    settings = settings_or_fail()
    sheet = Sheet()
    for name, kinds in given:
        read_sheet(_read(name), "standard input" if name == "-" else name, kinds, sheet)
    if sheet.misfits:
        _refuse(sheet.misfits)
    rows = {kind: sheet.entries.get(kind, []) for kind in Kind}

    async def work() -> Registered:
        async with opened(settings) as database:
            parts = rows[Kind.DRIVERS], rows[Kind.ASSETS], rows[Kind.TERMINALS]
            of_catena = rows[Kind.VEHICLES]
            if dry_run:
                return (await database.read(plan_registering(database.dialect, *parts, of_catena))).registered
            return await database.write(register(database.dialect, *parts, now(), of_catena))

    try:
        registered = run(work())
    except NotRegistered as error:
        _refuse(error.misfits)
    typer.echo(f"{'Would register' if dry_run else 'Registered'} {_told(registered, sheet)}.")


@drivers.command("list")
def show() -> None:
    """List drivers in the order they became known: their ids, name, terminal, time zone, log day and ruleset.

    The columns are driverId, userId, username, catenaDriverId, name, terminalCode, timeZone, logDayStart and ruleset,
    separated by tabs; a hyphen stands for what is not known.
    """
    settings = settings_or_fail()

    async def read() -> bool:
        after, is_empty = 0, True
        async with opened(settings) as database:
            while page := await database.read(list_identities(after, PAGE)):
                for identity in page:
                    typer.echo("\t".join(_cells(identity)))
                after, is_empty = page[-1].pk, False
        return is_empty

    if run(read()):
        typer.echo("There are no drivers.", err=True)


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        fail(f"cannot read {name}: {error.strerror or error}")


def _refuse(misfits: Sequence[Misfit]) -> NoReturn:
    for misfit in misfits[:MOST_SHOWN]:
        complain(" ".join(f"{misfit.place}: {misfit.sentence}".split()))
    if len(misfits) > MOST_SHOWN:
        complain(f"and {len(misfits) - MOST_SHOWN} more")
    raise typer.Exit(1)


def _told(registered: Registered, sheet: Sheet) -> str:
    parts = {
        Kind.DRIVERS: f"{_counted(registered.drivers, 'driver')}"
        f" ({registered.new_drivers} new, {registered.merged_drivers} merged)",
        Kind.ASSETS: _counted(registered.assets, "asset"),
        Kind.TERMINALS: _counted(registered.terminals, "terminal"),
        Kind.VEHICLES: _counted(registered.vehicles, "vehicle"),
    }
    return ", ".join(parts[kind] for kind in Kind if kind in sheet.entries) or "nothing"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cells(identity: Identity) -> list[str]:
    shown = shown_identity(identity)
    name = " ".join(str(shown[part]) for part in ("firstName", "lastName", "suffix") if shown[part] is not None)
    ids = [shown[field] for field in ("driverId", "userId", "username", "catenaDriverId")]
    rest = [shown[field] for field in ("terminalCode", "timeZone", "logDayStart", "ruleset")]
    return [cell(value) for value in (*ids, name or None, *rest)]
