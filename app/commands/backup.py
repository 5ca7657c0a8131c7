"""`hos-receiver backup`: a copy of the SQLite file, made while it is served, and looked through before it counts."""

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from app.carrying.figures import FIGURES, Figures
from app.commands.running import fail, settings_or_fail
from app.db.errors import DatabaseUnusable
from app.db.sqlite_backup import (
    copy_while_served,
    enough_room,
    faults_of,
    fetch_from,
    private_part,
    require_another_file,
)
from app.db.statements import Dialect
from app.db.urls import dialect_of, sqlite_path
from app.progress import shown_progress

MEBIBYTE = 1 << 20

_HAS_VERSION = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"


def back_up(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to put the copy. It is there when it is whole.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
) -> None:
    """Copy the SQLite database to a file, as it is at this moment, also while it is served.

    The copy is checked before it gets its name, and only its owner can read it. PostgreSQL has tools of its own for
    this: see "Backup" in docs/operations.md.
    """
    settings = settings_or_fail()
    url = settings.database_url.get_secret_value()
    try:
        if dialect_of(url) is Dialect.POSTGRESQL:
            fail(
                "backup copies SQLite files; back PostgreSQL up with pg_dump, or continuously with its write-ahead log"
                " (docs/operations.md, Backup)"
            )
        path = sqlite_path(url)
        require_another_file(path, file)
        if file.exists() and not force:
            fail(f"{file} is there already; name another file, or give --force to replace it")
        if not path.exists() or not fetch_from(path, _HAS_VERSION)[0]:
            fail(f"there is no database at {path}")
        typer.echo(_backed_up(path, file))
    except DatabaseUnusable as error:
        fail(str(error))
    except sqlite3.Error as error:
        fail(f"the backup failed: {error}")
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}")


def _backed_up(path: Path, file: Path) -> str:
    if not enough_room(path, file.absolute().parent):
        fail(f"there is not enough room for {file}: the database has {path.stat().st_size:,} bytes")
    with private_part(file) as part:
        with shown_progress("backup", "MiB") as on_progress:
            copy_while_served(path, part, lambda done, total: on_progress(done // MEBIBYTE, total // MEBIBYTE))
        faults = faults_of(part)
        if faults:
            fail(f"the database is damaged, and so is a copy of it: {faults[0]}")
        figures = Figures.of(fetch_from(part, FIGURES))
        size = part.stat().st_size
    return f"Backed up to {file}: {size:,} bytes, {figures.told()}."
