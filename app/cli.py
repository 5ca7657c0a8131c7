"""The command `hos-receiver`: wiring of settings to rooms, one function per command, exit statuses 0, 1 and 2.

What a command does lives in the rooms; here are its options, its one clear line on failure, and what it prints.
"""

import asyncio
import sys
import time
from collections.abc import Coroutine
from typing import Annotated, NoReturn, TypeVar

import typer

from app.db.database import Database, dialect_of, open_database
from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable, DatabaseUnusable
from app.db.statements import Dialect
from app.first_start import NotAdmitted, admit, greeting
from app.keys.schema import Scope, hash_key, new_key
from app.keys.store import create_key, list_keys, revoke_key
from app.logging import configure_logging
from app.settings import Settings, WrongSetting, read_settings

T = TypeVar("T")

app = typer.Typer(
    name="hos-receiver",
    help="Receives Maven ELD's hours-of-service violations and answers which are active, for which driver.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
keys_app = typer.Typer(help="API keys and webhook tokens.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys_app, name="keys")


def fail(message: str) -> NoReturn:
    """Ends with status 1 and one clear line."""
    typer.echo(f"hos-receiver: {message}", err=True)
    raise typer.Exit(1)


def settings_or_fail(**given: object) -> Settings:
    """The settings, or status 1 with what is wrong with them. Options not given leave the environment in force."""
    try:
        return read_settings(**{name: value for name, value in given.items() if value is not None})
    except WrongSetting as error:
        fail(str(error))


def run(work: Coroutine[object, object, T]) -> T:
    """Runs a command's coroutine; what the database refuses becomes one clear line."""
    try:
        return asyncio.run(work)
    except (DatabaseUnusable, DatabaseUnavailable, DatabaseConflict, DatabaseRefused, NotAdmitted) as error:
        fail(str(error))


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


async def opened(settings: Settings) -> Database:
    """The database the settings name."""
    return await open_database(settings.database_url.get_secret_value(), pool_size=2)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; HOS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one; HOS_PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes to serve with, PostgreSQL only; HOS_WORKERS.")] = None,
) -> None:
    """Serve the webhook, the API and the metrics."""
    from app.main import create_app
    from app.web.deadlines import Deadlines
    from app.web.server import bind
    from app.web.server import serve as run_server

    settings = settings_or_fail(host=host, port=port, workers=workers)
    configure_logging(settings.log_format, settings.log_level)
    try:
        dialect = dialect_of(settings.database_url.get_secret_value())
    except DatabaseUnusable as error:
        fail(str(error))
    if dialect is Dialect.SQLITE and settings.workers > 1:
        fail("SQLite has one serving process; use PostgreSQL for --workers (contract of one writer per file).")

    async def prepare() -> str:
        database = await opened(settings)
        try:
            credentials = await admit(settings, database)
        finally:
            await database.close()
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        return greeting(credentials, f"http://{shown}:{sockets[0].getsockname()[1]}")

    try:
        sockets = bind(settings.host, settings.port)
    except OSError as error:
        fail(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")
    typer.echo(run(prepare()))
    sys.stdout.flush()
    status = run_server(
        create_app,
        settings.host,
        settings.port,
        workers=settings.workers,
        deadlines=Deadlines(request_seconds=settings.request_seconds),
        forwarded_allow_ips=settings.forwarded_allow_ips or None,
        sockets=sockets,
    )
    raise typer.Exit(status)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema. Safe to run again."""
    from app.db.migrate import HEAD, upgrade

    settings = settings_or_fail()
    try:
        upgrade(settings.database_url.get_secret_value())
    except DatabaseUnusable as error:
        fail(str(error))
    except Exception as error:
        fail(f"migration failed, nothing was changed: {error}")
    typer.echo(f"The database is at schema version {HEAD}.")


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="A name for people, unique among keys in force.")],
    scope: Annotated[list[Scope], typer.Option(help="What the key may do; repeat for several.")],
    terminal: Annotated[list[str] | None, typer.Option(help="Limit to a terminal code; repeat for several.")] = None,
) -> None:
    """Make a key and print it alone on the last line. It is shown this once; only its hash is kept."""
    if not name or (name == "admin" and settings_or_fail().admin_key is not None):
        raise typer.BadParameter("this name is taken by HOS_ADMIN_KEY; choose another", param_hint="NAME")
    settings = settings_or_fail()
    key = new_key(frozenset(scope))

    async def make() -> None:
        database = await opened(settings)
        try:
            await database.write(create_key(name, hash_key(key), scope, terminal or None, now()))
        finally:
            await database.close()

    run(make())
    typer.echo(f"Key {name} ({', '.join(sorted(scope))}{', terminals ' + ', '.join(terminal) if terminal else ''}):")
    typer.echo(key)


@keys_app.command("list")
def keys_list() -> None:
    """List keys: name, scopes, terminals, when made, when revoked. Never the keys themselves."""
    from app.maven.times import format_time

    settings = settings_or_fail()

    async def read() -> list[str]:
        database = await opened(settings)
        try:
            records = await database.read(list_keys())
        finally:
            await database.close()
        return [
            "\t".join(
                (
                    r.key.name,
                    ",".join(sorted(r.key.scopes)),
                    "all terminals" if r.key.terminals is None else ",".join(sorted(r.key.terminals)),
                    f"made {format_time(r.created_at)}",
                    "in force" if r.revoked_at is None else f"revoked {format_time(r.revoked_at)}",
                )
            )
            for r in records
        ]

    for line in run(read()):
        typer.echo(line)


@keys_app.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """End a key. Running processes follow within five seconds."""
    settings = settings_or_fail()

    async def end() -> bool:
        database = await opened(settings)
        try:
            return await database.write(revoke_key(name, now()))
        finally:
            await database.close()

    if not run(end()):
        fail(f"no key named {name} is in force; see: hos-receiver keys list")
    typer.echo(f"Key {name} is revoked.")


def main() -> None:
    """The console script."""
    app()
