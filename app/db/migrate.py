"""Bringing a database to the newest schema: one Alembic stream for both databases."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, Index, MetaData, create_engine, event, pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.statements import Dialect
from app.db.types import UNIQUE_BUT_FOR_PARTS
from app.db.urls import dialect_of, sqlite_path

_ADVISORY_LOCK = 0x484F53


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    command.upgrade(_config(connection), "head")


def _sqlite(url: str, work: Callable[[Connection], None]) -> None:
    engine = create_engine(URL.create("sqlite", database=str(sqlite_path(url).absolute())), poolclass=pool.NullPool)

    @event.listens_for(engine, "connect")
    def _durable(connection, record):  # type: ignore[no-untyped-def]
        # The driver would begin no transaction for DDL, and a migration that is cut short would stay half done.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = full")

    @event.listens_for(engine, "begin")
    def _alone(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        work(connection)
    engine.dispose()


async def _postgresql(url: str, work: Callable[[Connection], None]) -> None:
    from app.db.postgresql_connection import connect
    from app.db.postgresql_url import connect_arguments

    arguments = connect_arguments(url)
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        arguments["server_settings"].pop(name)  # a migration may take its time
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(arguments, seconds=10), poolclass=pool.NullPool
    )
    async with engine.begin() as connection:
        await connection.run_sync(work)
    await engine.dispose()


def _run(url: str, work: Callable[[Connection], None]) -> None:
    match dialect_of(url):
        case Dialect.SQLITE:
            _sqlite(url, work)
        case Dialect.POSTGRESQL:
            asyncio.run(_postgresql(url, work))


def upgrade(url: str) -> None:
    """Migrates the database to `version.HEAD`. Safe to run twice and by two at once. Blocks."""
    _run(url, _upgrade)


def _is_so_for_parts(index: Index, found: object) -> bool:
    """Whether an index differs from the one found only in that it is unique."""
    columns = [column.name for column in index.columns]
    return (
        isinstance(found, Index)
        and index.info == UNIQUE_BUT_FOR_PARTS
        and [column.name for column in found.columns] == columns
    )


def _parts_of_tables(connection: Connection) -> set[str]:
    """The tables that are parts of others; no model speaks of them."""
    if connection.dialect.name != "postgresql":
        return set()
    return {row[0] for row in connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition")}


def differences(url: str, metadata: MetaData) -> list[object]:
    """What Alembic would still change so that the database equals the models; empty when nothing."""
    from alembic.autogenerate import compare_metadata

    found: list[object] = []

    def compare(connection: Connection) -> None:
        parts = _parts_of_tables(connection)

        def is_compared(thing: object, name: str | None, kind: str, reflected: bool, counterpart: object) -> bool:
            return name not in parts and not (isinstance(thing, Index) and _is_so_for_parts(thing, counterpart))

        options = {"compare_type": True, "include_object": is_compared}
        found.extend(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    _run(url, compare)
    return found
