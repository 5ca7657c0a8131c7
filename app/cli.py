"""The command `hos-receiver`: all its commands under one roof, `serve` and `migrate` themselves, and how it ends.

What a command does lives in the rooms; its options, its one clear line on failure and what it prints are `commands/`'s.
"""

import errno
import importlib
import sys
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Annotated

import structlog
import typer

from app.clock import now
from app.commands.running import PROGRAM, complain, fail, group, opened, run, settings_or_fail
from app.db.statements import Dialect
from app.db.urls import dialect_of
from app.first_start import admit, greeting
from app.logging import configure_logging
from app.settings import Settings, WrongSetting, read_settings, short_secrets, unknown_settings

INTERRUPTED = 130


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of HOS_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, instead of HOS_PORT; 0 for a free one.", min=0, max=65535)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes to serve with, instead of HOS_WORKERS.", min=1, max=64)
    ] = None,
) -> None:
    """Serve the webhook, the API and the metrics.

    The first start on this machine alone makes an admin key and a webhook token and shows them once. SQLite is served
    by one process; several need PostgreSQL.
    """
    from app.main import create_app
    from app.web.deadlines import Deadlines
    from app.web.server import bind
    from app.web.server import serve as run_server

    settings = settings_or_fail(host=host, port=port, workers=workers)
    configure_logging(settings.log_format, settings.log_level)
    dialect = dialect_of(settings.database_url.get_secret_value())
    if dialect is Dialect.SQLITE and settings.workers > 1:
        fail("SQLite is served by one process; for several set HOS_DATABASE_URL to a PostgreSQL database")
    with ExitStack() as stack:
        try:
            sockets = [stack.enter_context(sock) for sock in bind(settings.host, settings.port)]
        except OSError as error:
            hint = "; choose another with HOS_PORT or --port" if error.errno == errno.EADDRINUSE else ""
            fail(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}{hint}")
        typer.echo(run(_prepare(settings, sockets[0].getsockname()[1])))
        sys.stdout.flush()
        _warn_of(settings)
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


async def _prepare(settings: Settings, port: int) -> str:
    """What to print before serving, once it is sure that this may be served."""
    # As a server, so that a second one on the same SQLite file stops here, before it makes any key.
    async with opened(settings, serving=True) as database:
        credentials = await admit(settings, database)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    return greeting(credentials, f"http://{shown}:{port}")


def _warn_of(settings: Settings) -> None:
    log = structlog.get_logger(__name__)
    for name in short_secrets(settings):
        log.warning("setting.too_short", name=name, hint="a secret of less than 16 characters can be guessed")
    for name in unknown_settings():
        log.warning("setting.not_known", name=name, hint="see .env.example for the names there are")


def migrate() -> None:
    """Bring the database to the newest schema. Safe to run again."""
    from app.db.migrate import upgrade
    from app.db.version import HEAD
    from app.inbox.month_tables import make_missing_months

    settings = settings_or_fail()
    url = settings.database_url.get_secret_value()

    async def complete() -> None:
        async with opened(settings) as database:  # opening a SQLite file migrates it, in turn with other processes
            await make_missing_months(database, now())

    if dialect_of(url) is Dialect.POSTGRESQL:
        from app.db.postgresql_connection import NotConnected

        try:
            upgrade(url)
        except NotConnected as error:
            fail(f"cannot connect to PostgreSQL: {error}")
        except Exception as error:
            fail(f"the migration failed and changed nothing: {str(error) or type(error).__name__}")
    run(complete())
    typer.echo(f"The database is at schema version {HEAD}.")


ELSEWHERE: Mapping[str, tuple[str, str, str | None]] = {
    "keys": ("keys", "keys", None),
    "hooks": ("hooks", "hooks", None),
    "connections": ("connections", "connections", None),
    "quarantine": ("quarantine", "quarantine", None),
    "poll": ("poll", "poll_queue", "Poll Maven's queue without serving."),
    "backfill": ("poll", "backfill_events", "Read a range of Maven's queue again."),
    "rebuild": ("rebuild", "rebuild_violations", "Compute all violations anew from the events."),
    "export": ("export", "export_data", "Write violations, events or everything to a file or a pipe."),
    "import": ("import_", "import_data", "Take an export of everything into a new database."),
    "copy": ("copy", "copy_database", "Copy everything into a new database, of either kind."),
    "backup": ("backup", "back_up", "Copy the SQLite database to a file, also while it is served."),
    "restore": ("restore", "restore_backup", "Check a backup, and put it in the place of the SQLite database."),
    "purge": ("purge", "purge_violations", "Delete what is older than HOS_RETENTION_DAYS."),
    "holds": ("holds", "holds", None),
    "drivers": ("drivers", "drivers", None),
    "simulate": ("simulate", "simulate_events", "Send a believable stream of events to a receiver."),
    "doctor": ("doctor", "examine_installation", "Say what is wrong with this installation."),
}
"""Commands by name: their module in `commands/`, what it calls them, and what `--help` says; a group says it itself."""


def command_line(asked: str | None = None) -> typer.Typer:
    """The command `hos-receiver` with all its commands, or with no other than the one that is asked for: to load what
    all of them need takes half a second.
    """
    whole = group(
        PROGRAM, "Receives Maven ELD's hours-of-service violations and answers which are active, for which driver."
    )
    whole.command()(serve)
    whole.command()(migrate)
    is_known = asked in ("serve", "migrate", *ELSEWHERE)
    for name, (module, attribute, summary) in ELSEWHERE.items():
        if is_known and name != asked:
            continue
        found = getattr(importlib.import_module(f"app.commands.{module}"), attribute)
        if isinstance(found, typer.Typer):
            whole.add_typer(found)
        else:
            whole.command(name, short_help=summary)(found)
    return whole


def main() -> None:
    """The console script. Whatever happens ends in a status and at most one line that says why."""
    try:
        command_line(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name=PROGRAM)
    except KeyboardInterrupt:
        _end_interrupted()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _end_interrupted()
        raise
    except Exception as error:
        if _is_debugging():
            traceback.print_exc()
        complain(f"{type(error).__name__}: {' '.join(str(error).split())} (HOS_LOG_LEVEL=debug shows where)")
        sys.exit(1)


def _end_interrupted() -> None:
    complain("interrupted")
    sys.exit(INTERRUPTED)


def _is_debugging() -> bool:
    try:
        return read_settings().log_level == "debug"
    except WrongSetting:
        return False
