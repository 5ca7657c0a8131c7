"""What `doctor` looks at: settings, the database and how it is set up, credentials, clocks, Maven.

Each look gives findings and changes nothing: a SQLite file that is missing or behind is neither made nor migrated.
"""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from app.clock import now
from app.commands.examination_postgresql import (
    CLOCK_FAIL_SECONDS,
    CLOCK_WARN_SECONDS,
    look_at_months,
    look_at_server,
    look_at_standby,
    look_at_structure,
)
from app.commands.findings import Finding, Grade, failing, ok, warn
from app.commands.running import opened
from app.db.database import Database
from app.db.errors import DatabaseRefused, DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite_damage import REMEDY
from app.db.statements import Dialect
from app.db.urls import dialect_of, sqlite_path
from app.db.version import HEAD
from app.dialling.addresses import is_loopback
from app.keys.schema import Scope
from app.keys.store import list_keys
from app.maven.times import MINUTE, SECOND, format_time
from app.settings import Settings, short_secrets, unknown_settings

MENDED_SQLITE = (3, 51, 3)
"""From 3.7.0 on, every version before this one can corrupt a WAL that several connections write or checkpoint."""
EARLIEST_NOW = 1_767_225_600 * SECOND
"""The first of January 2026: no honest clock is before this program."""
LITTLE_SPACE, NO_SPACE = 1 << 30, 100 << 20
CHECK_SECONDS = 10
"""To look through a SQLite file."""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, one after the other; what depends on something broken is left out."""
    for finding in [*_look_at_settings(settings), *_look_at_clock()]:
        yield finding
    is_ready = True
    if dialect_of(settings.database_url.get_secret_value()) is Dialect.SQLITE:
        path = sqlite_path(settings.database_url.get_secret_value())
        for finding in _look_at_file(path):
            is_ready &= finding.grade is not Grade.FAIL
            yield finding
        is_ready &= path.exists()
    if is_ready:
        async for finding in _look_inside(settings):
            yield finding
    async for finding in _look_at_maven(settings):
        yield finding


def _look_at_settings(settings: Settings) -> Iterator[Finding]:
    yield ok("settings are valid")
    for name in unknown_settings():
        yield warn(f"{name} is set and no setting of this version", "see .env.example for the names there are")
    for name in short_secrets(settings):
        yield warn(f"{name} holds a secret of less than 16 characters", "make a longer one: openssl rand -base64 32")


def _look_at_clock() -> Iterator[Finding]:
    if now() < EARLIEST_NOW:
        yield failing(f"this machine's clock says {format_time(max(0, now()))}", "set it, and keep it by NTP")
    else:
        yield ok(f"this machine's clock says {format_time(now())}")


def _look_at_file(path: Path) -> Iterator[Finding]:
    """A SQLite file from outside, and its schema version and journal through a connection that cannot write."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < MENDED_SQLITE:
        yield ok(f"SQLite {version}: before 3.51.3 only one may write at a time; ours take turns")
    else:
        yield ok(f"SQLite {version}")
    if not path.exists():
        yield warn(f"there is no file {path} yet", "the first serve or migrate makes it")
        return
    yield from _look_at_permissions(path)
    yield _look_at_space(path)
    yield from _look_at_schema(path)
    yield _look_at_serving(path)


def _look_at_permissions(path: Path) -> Iterator[Finding]:
    for place in (path, path.absolute().parent):
        if not os.access(place, os.R_OK | os.W_OK):
            yield failing(f"{place} cannot be read and written by this user", "give it to the user that serves")
            return
    # In a folder that is closed to others, what a file allows them does not matter.
    if path.stat().st_mode & 0o007 and path.absolute().parent.stat().st_mode & 0o001:
        yield warn(f"every user of this machine can read {path}", f"chmod o= {path}: it names drivers")
    else:
        yield ok(f"{path} can be read and written, and not by everybody")


def _look_at_space(path: Path) -> Finding:
    free = shutil.disk_usage(path.absolute().parent).free
    what = f"{free / (1 << 30):,.1f} GiB are free beside {path}"
    if free < NO_SPACE:
        return failing(what, "make room; without it nothing can be committed")
    return warn(what, "make room before it runs out") if free < LITTLE_SPACE else ok(what)


def _look_at_schema(path: Path) -> Iterator[Finding]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        try:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
            state = _state_of_pages(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield failing(f"{path} is no database of this program: {error}", "name another file in HOS_DATABASE_URL")
        return
    if [row[0] for row in rows] != [HEAD]:
        found = rows[0][0] if rows else "none"
        yield failing(f"the schema is at version {found}, this program needs {HEAD}", "run: hos-receiver migrate")
        return
    yield ok(f"the schema is at version {HEAD}")
    yield state
    if journal == "wal":
        yield ok("the journal mode is wal")
    else:
        yield warn(f"the journal mode is {journal}", "the next start sets it to wal; keep other programs off the file")


def _state_of_pages(connection: sqlite3.Connection) -> Finding:
    """What SQLite's own check says, as far as it comes. Raises `sqlite3.Error`."""
    deadline = time.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        first: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_INTERRUPT":
            raise
        return ok(f"its pages are sound as far as {CHECK_SECONDS} s went; restore --check looks at all of a backup")
    if first == "ok":
        return ok("its pages are sound")
    return failing(f"the file is damaged: {' '.join(first.split())[:200]}", f"stop; {REMEDY}")


def _look_at_serving(path: Path) -> Finding:
    lock = Path(f"{path}-serve.lock")
    if not lock.exists():
        return ok("nobody serves the file now")
    with lock.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return ok(f"the file is served by process {handle.read().decode('ascii', 'replace').strip() or 'unknown'}")
    return ok("nobody serves the file now")


async def _look_inside(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with opened(settings) as database:
            yield ok(f"the {'SQLite' if database.dialect is Dialect.SQLITE else 'PostgreSQL'} database answers")
            match database.dialect:
                case Dialect.SQLITE:
                    pass  # was looked at from outside
                case Dialect.POSTGRESQL:
                    yield ok(f"the schema is at version {HEAD}")
                    for finding in await look_at_server(database):
                        yield finding
                    yield await look_at_structure(settings)
                    yield await look_at_months(database)
                    if (found := await look_at_standby(settings)) is not None:
                        yield found
                case _:
                    assert_never(database.dialect)
            yield await _look_at_last_receipt(database)
            for finding in await _look_at_credentials(settings, database):
                yield finding
    except (DatabaseUnusable, DatabaseUnavailable, DatabaseRefused) as error:
        yield failing(f"the database cannot be used: {error}", "mend that, then call the doctor again")


async def _look_at_last_receipt(database: Database) -> Finding:
    last: int = (await database.fetch("SELECT last_received_at FROM ledger WHERE pk = 1"))[0][0]
    ahead = (last - now()) / SECOND
    if ahead >= CLOCK_WARN_SECONDS:
        what = f"the last receipt is {ahead:,.1f} s in this machine's future"
        to_do = "set the clock by NTP; until then all receipts bear that time"
        return failing(what, to_do) if ahead >= CLOCK_FAIL_SECONDS else warn(what, to_do)
    return ok(f"the last receipt was at {format_time(last)}" if last else "nothing was received yet")


async def _look_at_credentials(settings: Settings, database: Database) -> list[Finding]:
    in_force = [r.key for r in await database.read(list_keys()) if r.revoked_at is None]
    has_admin = settings.admin_key is not None or any(Scope.ADMIN in key.scopes for key in in_force)
    has_webhook = bool(settings.webhook_secrets) or any(Scope.WEBHOOK in key.scopes for key in in_force)
    lacking = warn if is_loopback(settings.host) else failing
    return [
        ok("there is an admin key")
        if has_admin
        else lacking("there is no admin key", "hos-receiver keys create NAME --scope admin, or set HOS_ADMIN_KEY"),
        ok("there is a webhook credential")
        if has_webhook
        else lacking(
            "there is no webhook credential",
            "hos-receiver keys create NAME --scope webhook, or set HOS_WEBHOOK_SECRETS",
        ),
    ]


async def _look_at_maven(settings: Settings) -> AsyncIterator[Finding]:
    """Asks Maven's queue for its newest page, which changes nothing there or here."""
    if settings.maven_api_key is None:
        yield ok("Maven is not polled: HOS_MAVEN_API_KEY is not set")
        return
    # Here, because an HTTP client is much to load where there is nothing to ask.
    from app.maven.ijson_grammar import NotJson
    from app.maven.queue_client import KeyRefused, QueueFailed
    from app.maven.queue_page import read_page
    from app.maven.times import DAY
    from app.polling import open_client

    address = urlsplit(settings.maven_url)
    if address.scheme == "http" and not is_loopback(address.hostname or ""):
        yield warn("HOS_MAVEN_URL is http://: the API key goes over the network as it is", "take https://")
    async with open_client(settings) as client:
        try:
            answer = await client.ask(now() - MINUTE)
            read_page(answer.body, now() + DAY)
        except NotJson as error:
            yield failing(f"Maven's answer cannot be read: {error}", "check HOS_MAVEN_URL: is it Maven that answers?")
            return
        except KeyRefused as error:
            yield failing(str(error), "take the key of this fleet and this environment from Maven's portal")
            return
        except QueueFailed as error:
            yield failing(str(error), "check HOS_MAVEN_URL, the network, and Maven's own status; polling tries again")
            return
    yield ok("Maven answers and takes the API key")
    if answer.ahead is not None:
        # The header has whole seconds.
        apart = max(0.0, abs(answer.ahead) / SECOND - 1)
        what = f"Maven's clock and this machine's are {apart:.1f} s apart"
        yield warn(what, "set this machine's by NTP") if apart >= CLOCK_FAIL_SECONDS else ok(what)
