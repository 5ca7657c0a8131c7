"""A database that is about to be filled: its schema is made where there is none, and no other one is touched."""

import asyncio

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.db.errors import DatabaseUnusable
from app.db.migrate import upgrade
from app.db.postgresql_connection import CONNECT_ERRORS, connect
from app.db.postgresql_url import connect_arguments
from app.db.sqlite_file import make_private_file, version_of, writing_lock
from app.db.statements import Dialect
from app.db.urls import dialect_of, sqlite_path
from app.db.version import HEAD


async def make_schema(url: str) -> None:
    """Brings a database without tables to the newest schema; one that is there already stays as it is.

    Raises `DatabaseUnusable` for a database of an older or newer schema, and where it cannot be reached or made.
    """
    version = await _schema_version(url)
    if version not in (None, HEAD):
        raise DatabaseUnusable(f"the database to fill is at schema version {version}: it is not a new one")
    if version is None:
        try:
            await asyncio.to_thread(_upgrade, url)
        except (*CONNECT_ERRORS, SQLAlchemyError) as error:
            raise DatabaseUnusable(f"cannot make the schema: {str(error) or type(error).__name__}") from error


def _upgrade(url: str) -> None:
    if dialect_of(url) is Dialect.POSTGRESQL:
        upgrade(url)
        return
    path = sqlite_path(url)
    with writing_lock(path, seconds=10):
        upgrade(url)


async def _schema_version(url: str) -> str | None:
    match dialect_of(url):
        case Dialect.SQLITE:
            path = sqlite_path(url)
            try:
                make_private_file(path)
                return version_of(path)
            except OSError as error:
                raise DatabaseUnusable(f"cannot open the SQLite file {path}: {error}") from error
        case Dialect.POSTGRESQL:
            return await _postgresql_version(url)


async def _postgresql_version(url: str) -> str | None:
    try:
        connection = await connect(connect_arguments(url))
    except CONNECT_ERRORS as error:
        raise DatabaseUnusable(f"cannot connect to PostgreSQL: {str(error) or type(error).__name__}") from error
    try:
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    except CONNECT_ERRORS as error:
        raise DatabaseUnusable(f"PostgreSQL: {error}") from error
    finally:
        connection.terminate()
    return found
