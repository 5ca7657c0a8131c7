"""What every command needs to run: the settings, the database, and one clear line when it fails.

Exit statuses: 0 done, 1 failed, 2 wrong usage (typer's own), 130 interrupted.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import NoReturn, TypeVar

import typer

from app.db.database import Database, open_database
from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable, DatabaseUnusable
from app.first_start import NotAdmitted
from app.settings import Settings, WrongSetting, read_settings

T = TypeVar("T")

PROGRAM = "hos-receiver"


def group(name: str, summary: str) -> typer.Typer:
    """A group of commands, all dressed alike."""
    return typer.Typer(
        name=name,
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def complain(message: str) -> None:
    """Says what is wrong on standard error, each line with the program's name."""
    for line in message.splitlines():
        typer.echo(f"{PROGRAM}: {line}", err=True)


def fail(message: str) -> NoReturn:
    """Ends with status 1 and one clear line."""
    complain(" ".join(message.split()))
    raise typer.Exit(1)


def settings_or_fail(**given: object) -> Settings:
    """The settings, or status 1 with a line for each wrong one. Options not given leave the environment in force."""
    try:
        return read_settings(**{name: value for name, value in given.items() if value is not None})
    except WrongSetting as error:
        complain(str(error))
        raise typer.Exit(1) from None


def run(work: Coroutine[object, object, T]) -> T:
    """Runs a command's coroutine; what the database refuses becomes one clear line."""
    try:
        return asyncio.run(work)
    except (DatabaseUnusable, DatabaseUnavailable, DatabaseConflict, DatabaseRefused, NotAdmitted) as error:
        fail(str(error))


@asynccontextmanager
async def opened(settings: Settings, *, serving: bool = False) -> AsyncIterator[Database]:
    """The database that the settings name, closed afterwards. `serving` keeps a SQLite file from being served."""
    database = await open_database(settings.database_url.get_secret_value(), serving=serving, pool_size=2)
    try:
        yield database
    finally:
        await database.close()
