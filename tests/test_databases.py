"""What the other tests build on: a fresh database is new, at the newest schema, and nobody else's."""

import pytest

from app.db.database import Database, open_database
from app.db.errors import DatabaseRefused, DatabaseUnavailable
from app.db.statements import Execute, WriteScript
from app.db.urls import dialect_of
from tests.databases import Databases, PostgresqlDatabases


def leave_a_mark() -> WriteScript[None]:
    yield Execute("CREATE TABLE mark (n integer)")


async def assert_unmarked(database: Database) -> None:
    await database.check()
    with pytest.raises((DatabaseRefused, DatabaseUnavailable), match="mark"):
        await database.fetch("SELECT n FROM mark")


async def test_fresh_databases_share_nothing(databases: Databases) -> None:
    with databases.fresh() as first, databases.fresh() as second:
        assert dialect_of(first) is dialect_of(second) is databases.dialect
        marked, other = await open_database(first), await open_database(second)
        try:
            await marked.write(leave_a_mark())
            assert len(await marked.fetch("SELECT n FROM mark")) == 0
            await assert_unmarked(other)
        finally:
            await marked.close()
            await other.close()
    with databases.fresh() as later:
        database = await open_database(later)
        try:
            await assert_unmarked(database)
        finally:
            await database.close()


async def test_a_postgresql_database_is_dropped_afterwards(postgresql_databases: PostgresqlDatabases) -> None:
    with postgresql_databases.fresh() as url, postgresql_databases.fresh() as witness:
        name = url.split("?")[0].rsplit("/", 1)[1]
        database = await open_database(witness)
        try:
            there = "SELECT 1 FROM pg_database WHERE datname = $1"
            assert len(await database.fetch(there, name)) == 1
            with postgresql_databases.empty() as other:
                other_name = other.split("?")[0].rsplit("/", 1)[1]
                assert len(await database.fetch(there, other_name)) == 1
            assert len(await database.fetch(there, other_name)) == 0
        finally:
            await database.close()
