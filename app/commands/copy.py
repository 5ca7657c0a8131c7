"""`hos-receiver copy`: everything from the configured database into a new one, of either kind."""

from typing import Annotated

import typer

from app.commands.running import complain, fail, run, settings_or_fail
from app.db.errors import DatabaseUnusable
from app.db.urls import dialect_of
from app.progress import shown_progress


def copy_database(
    target: Annotated[
        str, typer.Argument(metavar="TO_URL", help="A new database, written as HOS_DATABASE_URL would be.")
    ],
) -> None:
    """Copy everything from the database of HOS_DATABASE_URL into a new one, such as from SQLite to PostgreSQL.

    All rows go as they are, with their numbers, so that cursors, keys, sessions and hooks go on. The new database holds
    all of it, compared, or nothing. Stop serve first: what comes in after the copy began is not in it.
    """
    # Here, because it takes both databases and all tables, which other commands can do without.
    from app.carrying.carry import Carried, CarriedOtherwise, carry_over
    from app.carrying.tables import NotEmpty

    settings = settings_or_fail()
    source = settings.database_url.get_secret_value()
    try:
        dialect_of(target)
    except DatabaseUnusable:
        raise typer.BadParameter("must begin with sqlite:/// or postgresql://", param_hint="TO_URL") from None
    if target == source:
        fail("that is the database of HOS_DATABASE_URL itself; name another one")

    async def work() -> Carried:
        with shown_progress("copy", "rows") as on_progress:
            return await carry_over(source, target, on_progress)

    try:
        carried = run(work())
    except NotEmpty as error:
        fail(f"the database to fill is not a new one: {error}")
    except CarriedOtherwise as error:
        fail(str(error))
    typer.echo(f"Copied {carried.told()}.")
    if carried.came_meanwhile:
        complain(
            f"{carried.came_meanwhile:,} events came in after the copy began and are not in it: stop serve, and copy"
            " into another new database"
        )
