"""Databases of every schema version before the present one, as their own versions of the program filled them.

`NNNN.ndjson` has the rows of version NNNN, in the lines of an export of everything. Whoever adds a migration first runs
`python -m tests.upgrades`, which writes the file of the version that is to be left behind.
"""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from sqlalchemy import Connection, text

from app.db import migrate

FOLDER = Path(__file__).parent

SINGLE_ROWS = ("ledger", "maven_queue", "outbox", "duty_ledger")
"""Tables that a migration gives their one row."""


def revisions() -> list[str]:
    """The versions there are files of."""
    return sorted(path.stem for path in FOLDER.glob("*.ndjson"))


def rows(revision: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row of a version, with the name of its table."""
    for line in (FOLDER / f"{revision}.ndjson").read_bytes().splitlines():
        found = orjson.loads(line)
        if "row" in found:
            yield found["table"], found["row"]


def make(url: str, revision: str) -> None:
    """Makes the database of a version in an empty one."""

    def work(connection: Connection) -> None:
        command.upgrade(migrate._config(connection), revision)
        tables = {table for table, _ in rows(revision)}
        for table in tables.intersection(SINGLE_ROWS):
            connection.execute(text(f"DELETE FROM {table}"))
        for table, row in rows(revision):
            for name, value in row.items():
                if isinstance(value, dict):
                    row[name] = b64decode(value["base64"])
                elif name in ("payload", "body", "cursor_key", "shown") and value is not None:
                    row[name] = value.encode()
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)
        if connection.dialect.name == "postgresql":
            for table in tables:
                _go_on(connection, table)

    migrate._run(url, work)


def _go_on(connection: Connection, table: str) -> None:
    """The database gives out the keys after those that are there, as it did before."""
    has_key = "SELECT 1 FROM information_schema.columns WHERE table_name = :table AND column_name = 'pk'"
    if connection.execute(text(has_key), {"table": table}).first() is not None:
        sequence = f"pg_get_serial_sequence('{table}', 'pk')"
        connection.execute(text(f"SELECT setval({sequence}, max(pk)) FROM {table} WHERE {sequence} IS NOT NULL"))
