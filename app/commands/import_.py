"""`hos-receiver import`: an export of everything taken into a new database."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, BinaryIO

import typer

from app.commands.running import fail, run, settings_or_fail
from app.progress import shown_progress


def import_data(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What export --what everything wrote, - for standard input.")
    ],
) -> None:
    """Take an export of everything into the database of HOS_DATABASE_URL, which has to be new.

    A file that was cut short or altered is refused with the number of the line, and nothing of it is kept. An export
    of the new database is the same file again.
    """
    # Here, because it takes both databases and all tables, which other commands can do without.
    from app.carrying.carry import Carried, CarriedOtherwise, carry_in
    from app.carrying.lines import NotAsWritten
    from app.carrying.tables import NotEmpty

    settings = settings_or_fail()
    url = settings.database_url.get_secret_value()

    async def work(lines: BinaryIO) -> Carried:
        with shown_progress("import", "rows") as on_progress:
            return await carry_in(lines, url, on_progress)

    try:
        with _opened(file) as lines:
            carried = run(work(lines))
    except NotAsWritten as error:
        fail(f"{file} was not imported: {error}")
    except NotEmpty as error:
        fail(f"the database to fill is not a new one: {error}")
    except CarriedOtherwise as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror or error}")
    typer.echo(f"Imported {carried.told()}.")


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with open(file, "rb") as lines:
        yield lines
