"""Databases and `serve` processes of a trial, and who may ask them what; shared by the trials that serve over HTTP."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from app.db.statements import Dialect
from app.keys.schema import Scope
from tests.command_line import Served, caller, serving
from tests.databases import Databases, PostgresqlDatabases, SqliteDatabases, running_postgresql
from tests.ingest.served import ADMIN, TOKEN

SENDER = {"apiKey": TOKEN, "Content-Type": "application/json"}
SETTINGS = {
    "HOS_WEBHOOK_SECRETS": TOKEN,
    "HOS_ADMIN_KEY": ADMIN["Authorization"].removeprefix("Bearer "),
    "HOS_LOG_FORMAT": "json",
}


@contextmanager
def databases_of(dialect: Dialect, directory: Path) -> Iterator[Databases]:
    """A source of databases; a PostgreSQL server of its own, or files under `directory`."""
    match dialect:
        case Dialect.SQLITE:
            folder = directory / "sqlite"
            folder.mkdir()
            yield SqliteDatabases(folder)
        case Dialect.POSTGRESQL:
            with running_postgresql() as server, closing(PostgresqlDatabases(server.url)) as databases:
                yield databases


def make_key(url: str, name: str, terminals: Sequence[str] = ()) -> dict[str, str]:
    """The header of a new reading key, limited to terminals if any are given."""
    options = [word for terminal in terminals for word in ("--terminal", terminal)]
    result = caller(url)("keys", "create", name, "--scope", Scope.READ, *options)
    assert result.exit_code == 0, result.output
    return {"Authorization": f"Bearer {result.stdout.splitlines()[-1]}"}


@contextmanager
def several_serving(count: int, url: str, directory: Path, **settings: str) -> Iterator[list[Served]]:
    """So many `serve` processes on one database, each with a log of its own."""
    with ExitStack() as stack:
        processes = []
        for number in range(count):
            folder = directory / f"serve-{number}"
            folder.mkdir(parents=True)
            given = {"HOS_DATABASE_URL": url, **SETTINGS, **settings}
            processes.append(stack.enter_context(serving(cwd=folder, **given)))
        yield processes
