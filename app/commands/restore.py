"""`hos-receiver restore`: whether a backup is good, and putting it in the place of the database."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from urllib.parse import quote

import typer

from app.carrying.figures import FIGURES, Figures
from app.clock import now
from app.commands.running import complain, fail, run, settings_or_fail
from app.db.database import open_database
from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite_backup import copy_file, faults_of, fetch_from, put_in_place, require_another_file
from app.db.sqlite_file import version_of
from app.db.statements import Dialect
from app.db.urls import dialect_of, sqlite_path
from app.db.version import HEAD
from app.ingest.rebuild import Rebuilt, rebuild
from app.progress import shown_progress


def restore_backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The backup; none with --check on PostgreSQL.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the backup is good; status 1 when it is not.")
    ] = False,
) -> None:
    """Check a backup, and put it in the place of the SQLite database that the settings name.

    The file must not be served meanwhile. What was there is kept beside it under another name. With --check nothing
    is touched; on PostgreSQL that checks the database itself, which may be served.
    """
    settings = settings_or_fail()
    url = settings.database_url.get_secret_value()
    try:
        if dialect_of(url) is Dialect.POSTGRESQL:
            _check_postgresql(url, file, check)
            return
        if file is None:
            raise typer.BadParameter("name the backup", param_hint="FILE")
        path = sqlite_path(url)
        if not check:
            require_another_file(path, file)
        read = _checked(file, is_only_check=check)
        if not check:
            _put(file, path, read)
    except (DatabaseUnusable, DatabaseUnavailable) as error:
        fail(str(error))
    except sqlite3.Error as error:
        fail(f"{file} is no sound SQLite file: {error}")
    except OSError as error:
        fail(f"cannot restore {file}: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")


def _check_postgresql(url: str, file: Path | None, check: bool) -> None:
    if not check or file is not None:
        fail(
            "restore puts SQLite files in place; restore PostgreSQL with its own tools (docs/operations.md, Backup) and"
            " look through it with: hos-receiver restore --check"
        )
    rebuilt = run(_compared(url))
    _say(rebuilt)
    if rebuilt.differences:
        fail("the violations differ from their events; to put them right: hos-receiver rebuild")
    typer.echo(f"The database is good: schema version {HEAD}, {rebuilt.summary()}.")


def _checked(file: Path, *, is_only_check: bool) -> str:
    """Looks a backup through on a copy of it, and says what is in it; the SHA-256 of what was read."""
    if not file.is_file():
        fail(f"there is no file {file}")
    with TemporaryDirectory(prefix="hos-restore-") as folder:
        copy = Path(folder) / "copy.db"
        read = copy_file(file, copy)
        version = version_of(copy)
        if version is None:
            fail(f"{file} is no backup of hos-receiver: it has no schema version")
        if not version.isdecimal() or version > HEAD:
            fail(
                f"{file} is at schema version {version}, which this program does not know; it knows those up to {HEAD}"
            )
        faults = faults_of(copy)
        if faults:
            fail(f"{file} is damaged: {faults[0]}")
        figures = Figures.of(fetch_from(copy, FIGURES))
        rebuilt = run(_compared(f"sqlite:///{quote(str(copy))}"))
    _say(rebuilt)
    if rebuilt.differences and is_only_check:
        fail(f"{file} is sound, but its violations differ from their events; after a restore run: hos-receiver rebuild")
    typer.echo(f"{file} is {'sound' if rebuilt.differences else 'good'}: {figures.told()}, {rebuilt.summary()}.")
    if rebuilt.differences:
        complain("violations differ from their events; to put them right after this: hos-receiver rebuild")
    return read


def _say(rebuilt: Rebuilt) -> None:
    for line in rebuilt.listed:
        typer.echo(line)


async def _compared(url: str) -> Rebuilt:
    """Opens a database, which brings a SQLite file to the newest schema, and compares violations with events."""
    database = await open_database(url, pool_size=2)
    try:
        with shown_progress("check", "violations") as on_progress:
            return await rebuild(database, repair=False, clock=now, on_progress=on_progress)
    finally:
        await database.close()


def _put(file: Path, path: Path, read: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = Path(f"{path}.restoring")
    try:
        if copy_file(file, part) != read:
            fail(f"{file} changed while it was read; nothing was restored")
        kept = put_in_place(part, path)
    finally:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            with suppress(OSError):
                leftover.unlink()
    for old in kept:
        typer.echo(f"Kept what was there: {old}")
    typer.echo(f"Restored {path}. The next start brings it to schema version {HEAD}.")
