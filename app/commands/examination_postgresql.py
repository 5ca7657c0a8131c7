"""What `doctor` looks at on PostgreSQL: how the server is set up, the tables, those of months to come, the standby."""

import asyncio
import time

from sqlalchemy.exc import SQLAlchemyError

from app.clock import now
from app.commands.findings import Finding, failing, ok, warn
from app.db.database import Database
from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.statements import table_of
from app.db.version import HEAD
from app.inbox.months import missing_months
from app.settings import Settings

OLDEST_POSTGRESQL = 14
CLOCK_WARN_SECONDS = 2.0
CLOCK_FAIL_SECONDS = 60.0


async def look_at_months(database: Database) -> Finding:
    """Whether there are tables for the events to come."""
    missing = await database.read(missing_months(database.dialect, now()))
    if missing:
        names = ", ".join(month.table("events") for month in missing)
        return warn(
            f"there are no tables {names}", "run: hos-receiver migrate; until then their events lie in events_rest"
        )
    return ok("there are tables for the months to come")


async def look_at_structure(settings: Settings) -> Finding:
    """Whether every table, column and index of this version is there: a restore that failed leaves some away."""
    # Alembic takes time and memory that other commands can do without.
    from app.carrying.tables import TABLES
    from app.db.migrate import differences

    metadata = table_of(TABLES[0].model).metadata
    try:
        found = await asyncio.to_thread(differences, settings.database_url.get_secret_value(), metadata)
    except SQLAlchemyError as error:
        return warn(f"the tables cannot be looked at: {error}", "call the doctor with the role that serves")
    if found:
        return failing(
            f"the tables are not those of schema version {HEAD}: {len(found)} tables, columns or indexes differ",
            "a restore may have failed: put a backup into a new, empty database",
        )
    return ok("every table, column and index is there")


async def look_at_standby(settings: Settings) -> Finding | None:
    """What HOS_DATABASE_READ_URL leads to; None when it is not set."""
    if settings.database_read_url is None:
        return None
    from app.db.postgresql import PostgresqlDatabase

    try:
        standby = await PostgresqlDatabase.open(settings.database_read_url.get_secret_value(), pool_size=1)
    except DatabaseUnusable as error:
        return warn(f"HOS_DATABASE_READ_URL: {error}", "the primary does all reads until that is mended")
    try:
        rows = await standby.fetch(
            "SELECT pg_is_in_recovery(),"
            " extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision"
        )
    except DatabaseUnavailable as error:
        return warn(f"HOS_DATABASE_READ_URL: {error}", "the primary does all reads until that is mended")
    finally:
        await standby.close()
    is_standby, behind = rows[0]
    if not is_standby:
        return warn(
            "HOS_DATABASE_READ_URL leads to a server that is no standby", "name a standby; the primary does all reads"
        )
    last = "it has replayed nothing yet" if behind is None else f"its newest commit is {behind:,.0f} s old"
    return ok(f"the standby answers; {last}")


async def look_at_server(database: Database) -> list[Finding]:
    """Version, durability, encoding, role and clock."""
    began = time.time()
    rows = await database.fetch(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
        " current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'),"
        " current_setting('server_encoding'), pg_is_in_recovery(),"
        " extract(epoch FROM clock_timestamp())::double precision"
    )
    ended = time.time()
    number, version, synchronous_commit, fsync, full_page_writes, encoding, is_standby, clock = rows[0]
    findings = [
        ok(f"PostgreSQL {version}")
        if number >= OLDEST_POSTGRESQL * 10_000
        else warn(f"PostgreSQL {version} is older than any we test", f"take {OLDEST_POSTGRESQL} or newer"),
        ok(f"synchronous_commit is {synchronous_commit}")
        if synchronous_commit in ("on", "remote_apply")
        else warn(f"synchronous_commit is {synchronous_commit}", "our own writes set it to on; other programs' do not"),
    ]
    if fsync != "on" or full_page_writes != "on":
        findings.append(
            failing(f"fsync is {fsync}, full_page_writes {full_page_writes}", "turn both on: a crash can lose events")
        )
    if encoding != "UTF8":
        findings.append(failing(f"the database's encoding is {encoding}", "make the database with ENCODING 'UTF8'"))
    if is_standby:
        findings.append(failing("the server is a standby and takes no writes", "name the primary in HOS_DATABASE_URL"))
    # The server looked at its clock at some moment in between.
    apart = max(0.0, began - clock, clock - ended)
    what = f"the database's clock and this machine's are {apart:.1f} s apart"
    if apart >= CLOCK_FAIL_SECONDS:
        findings.append(failing(what, "set both by NTP"))
    else:
        findings.append(warn(what, "set both by NTP") if apart >= CLOCK_WARN_SECONDS else ok(what))
    return findings
