"""`hos-receiver rebuild`: compute all violations anew from the events."""

from typing import Annotated

import typer

from app.clock import now
from app.commands.running import fail, opened, run, settings_or_fail
from app.ingest.rebuild import Rebuilt, rebuild
from app.progress import shown_progress


def rebuild_violations(
    check: Annotated[
        bool, typer.Option("--check", help="Only report differences, change nothing; status 1 when there are any.")
    ] = False,
) -> None:
    """Compute every violation anew from its events, report each difference and put it right.

    A sound database has none. On SQLite the file must not be served meanwhile, except for --check.
    """
    settings = settings_or_fail()

    async def work() -> Rebuilt:
        async with opened(settings, serving=not check) as database:
            with shown_progress("rebuild", "violations") as on_progress:
                return await rebuild(database, repair=not check, clock=now, on_progress=on_progress)

    rebuilt = run(work())
    for line in rebuilt.listed:
        typer.echo(line)
    if rebuilt.differences > len(rebuilt.listed):
        typer.echo(f"… and {rebuilt.differences - len(rebuilt.listed):,} more differences")
    typer.echo(rebuilt.summary())
    if rebuilt.unrepaired:
        fail(
            f"{rebuilt.unrepaired:,} violations differ from their events; to put them right: hos-receiver rebuild"
            if check
            else f"{rebuilt.unrepaired:,} violations could not be put right"
        )
