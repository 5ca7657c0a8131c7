"""The migrations: what they make is what the models say, on both databases, however often and by how many they run."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import app.channels.model
import app.duty_log.model
import app.holds.model
import app.hooks.model
import app.identities.model
import app.inbox.model
import app.inspections.model
import app.keys.model
import app.outbox.model
import app.reviews.model
import app.sessions.model
import app.violations.model  # noqa: F401 - the tables are known once their modules are
from app.db import migrate
from app.db.database import open_database
from app.db.version import HEAD
from app.inbox.store import cursor_key
from tests.databases import Databases

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "app" / "db" / "migrations"

TABLES = {
    *("events", "violations", "violation_versions", "quarantine", "api_keys", "ledger"),
    *("maven_queue", "gaps", "hooks", "firing_alerts", "deliveries", "outbox", "reviews", "sessions", "sign_in_tries"),
    *("legal_holds", "driver_identities", "assets", "home_terminals", "duty_ledger", "duty_records"),
    *("connections", "resource_operations", "operation_logs", "dvir_logs", "dvir_defects", "catena_vehicles"),
}


async def version_and_key(url: str) -> bytes:
    database = await open_database(url)
    try:
        await database.check()
        return await database.read(cursor_key())
    finally:
        await database.close()


def test_there_is_one_head_and_the_program_knows_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_versions_sort_as_text_in_their_order() -> None:
    # "Newer than this program" is decided by comparing them so.
    names = sorted(path.name.split("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
    assert names == [f"{number:04d}" for number in range(1, len(names) + 1)]


def test_migrations_make_what_the_models_say(databases: Databases) -> None:
    assert set(SQLModel.metadata.tables) >= TABLES
    with databases.fresh() as url:
        assert migrate.differences(url, SQLModel.metadata) == []


def test_a_difference_would_be_noticed(databases: Databases) -> None:
    with databases.fresh() as url:

        def add_column(connection: Connection) -> None:
            connection.execute(text("ALTER TABLE events ADD COLUMN extra TEXT"))

        migrate._run(url, add_column)
        assert migrate.differences(url, SQLModel.metadata) != []


def test_migrating_again_changes_nothing(databases: Databases) -> None:
    with databases.empty() as url:
        migrate.upgrade(url)
        first = asyncio.run(version_and_key(url))
        migrate.upgrade(url)
        assert asyncio.run(version_and_key(url)) == first
        assert len(first) == 32


def test_every_database_has_a_cursor_key_of_its_own(databases: Databases) -> None:
    with databases.empty() as one, databases.empty() as other:
        migrate.upgrade(one)
        migrate.upgrade(other)
        assert asyncio.run(version_and_key(one)) != asyncio.run(version_and_key(other))


def test_down_and_up_again(databases: Databases) -> None:
    with databases.fresh() as url:
        migrate._run(url, lambda connection: command.downgrade(migrate._config(connection), "base"))
        left = migrate.differences(url, SQLModel.metadata)
        assert len([d for d in left if isinstance(d, tuple) and d[0] == "add_table"]) == len(TABLES)
        migrate.upgrade(url)
        assert migrate.differences(url, SQLModel.metadata) == []
        assert len(asyncio.run(version_and_key(url))) == 32


def test_several_at_once(databases: Databases) -> None:
    with databases.empty() as url:
        script = "import sys; from app.db.migrate import upgrade; upgrade(sys.argv[1])"
        several = [
            subprocess.Popen([sys.executable, "-c", script, url], cwd=ROOT, stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        for process in several:
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
        assert migrate.differences(url, SQLModel.metadata) == []


def test_a_migration_that_is_cut_short_leaves_nothing(databases: Databases) -> None:
    class CutShort(Exception):
        pass

    with databases.empty() as url:

        def half(connection: Connection) -> None:
            migrate._upgrade(connection)
            raise CutShort

        with pytest.raises(CutShort):
            migrate._run(url, half)
        left = migrate.differences(url, SQLModel.metadata)
        assert len([d for d in left if isinstance(d, tuple) and d[0] == "add_table"]) == len(TABLES)
        migrate.upgrade(url)
        assert migrate.differences(url, SQLModel.metadata) == []
