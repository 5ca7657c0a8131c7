"""`export --what everything`, `import` and `copy` as an operator calls them."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.carrying.carried import fill
from tests.command_line import Call, caller, environment
from tests.complaints import complaints
from tests.databases import Databases, PostgresqlDatabases, SqliteDatabases
from tests.ingest.kept import opened

WARNING = (
    "hos-receiver: this holds personal data, hashes of keys and secrets of hooks: keep it as safe as the database\n"
)
NOT_NEW = "hos-receiver: the database to fill is not a new one: there are gaps in it\n"
FIGURES = r"\d+ rows of \d+ tables, 7 events of 5 violations among them; SHA-256 [0-9a-f]{64}"


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


@pytest.fixture
def filled_url(database_url: str) -> str:
    """A database with something in every table."""

    async def work() -> None:
        async with opened(database_url) as database:
            await fill(database)

    asyncio.run(work())
    return database_url


@pytest.fixture
def everything(call: Call, filled_url: str, tmp_path: Path) -> Path:
    """An export of it."""
    file = tmp_path / "everything.ndjson"
    result = call("export", "--what", "everything", "--out", str(file))
    assert (result.exit_code, result.stdout, complaints(result.stderr)) == (0, "", WARNING)
    return file


def test_an_export_of_everything_is_private_and_comes_back(databases: Databases, everything: Path) -> None:
    assert everything.stat().st_mode & 0o777 == 0o600
    with databases.empty() as url:
        call = caller(url)
        imported = call("import", str(everything))
        assert (imported.exit_code, complaints(imported.stderr)) == (0, "")
        assert re.fullmatch(rf"Imported {FIGURES}\.\n", imported.stdout)
        again = everything.with_name("again.ndjson")
        assert call("export", "--what", "everything", "--out", str(again)).exit_code == 0
        assert again.read_bytes() == everything.read_bytes()
        refused = call("import", str(everything))
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert (
            complaints(refused.stderr) == "hos-receiver: the database to fill is not a new one: there are gaps in it\n"
        )


def test_it_goes_through_a_pipe(everything: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/piped.db"
    with everything.open("rb") as lines:
        done = subprocess.run(
            [sys.executable, "-m", "app", "import", "-"],
            cwd=tmp_path,
            env=environment(HOS_DATABASE_URL=url),
            stdin=lines,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, complaints(done.stderr)) == (0, "")
    assert caller(url)("export", "--what", "everything").stdout_bytes == everything.read_bytes()


def test_a_file_that_was_altered_is_one_line_with_its_number(databases: Databases, everything: Path) -> None:
    lines = everything.read_bytes().splitlines(keepends=True)
    everything.write_bytes(b"".join(lines[:12]))
    with databases.empty() as url:
        refused = caller(url)("import", str(everything))
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert complaints(refused.stderr) == (
            f"hos-receiver: {everything} was not imported: line 13 is missing: the file was cut short\n"
        )
        everything.write_bytes(b"".join(lines))
        assert caller(url)("import", str(everything)).exit_code == 0, "the database is as new as before"


def test_a_file_that_is_not_there_is_one_line(call: Call) -> None:
    result = call("import", "no-such-file")
    assert (result.exit_code, result.stderr) == (
        1,
        "hos-receiver: cannot read no-such-file: No such file or directory\n",
    )


@pytest.mark.parametrize("arguments", [["--format", "csv"], ["--status", "all"]])
def test_everything_goes_with_no_other_option(call: Call, arguments: list[str]) -> None:
    assert call("export", "--what", "everything", *arguments).exit_code == 2


def test_sqlite_is_copied_to_postgresql_and_back(
    sqlite_databases: SqliteDatabases, postgresql_databases: PostgresqlDatabases, call: Call, filled_url: str
) -> None:
    with postgresql_databases.empty() as there, sqlite_databases.empty() as back:
        first = call("copy", there)
        assert (first.exit_code, complaints(first.stderr)) == (0, "")
        assert re.fullmatch(rf"Copied {FIGURES}\.\n", first.stdout)
        second = caller(there)("copy", back)
        assert (second.exit_code, second.stdout, complaints(second.stderr)) == (0, first.stdout, "")
        assert caller(back)("rebuild", "--check").stdout == call("rebuild", "--check").stdout
        refused = call("copy", there)
        assert refused.exit_code == 1
        assert (
            complaints(refused.stderr) == "hos-receiver: the database to fill is not a new one: there are gaps in it\n"
        )


def test_a_copy_needs_another_database(call: Call, database_url: str) -> None:
    itself = call("copy", database_url)
    assert itself.exit_code == 1
    assert "is the database of HOS_DATABASE_URL itself" in itself.stderr
    assert call("copy", "mysql://h/d").exit_code == 2
    away = call("copy", "postgresql://u:hunter2@127.0.0.1:9/d")
    assert away.exit_code == 1
    assert away.stderr == "hos-receiver: cannot connect to PostgreSQL: 127.0.0.1:9: connection refused\n"
