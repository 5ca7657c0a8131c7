"""`migrate`, `rebuild`, `purge` and `doctor` as an operator calls them."""

import asyncio
import os
import re
import time
from pathlib import Path

import pytest

from app.db.sqlite_file import hold_for_serving
from app.db.version import HEAD
from tests.command_line import Call, caller
from tests.databases import Databases
from tests.ingest.kept import DAY, change, created, invalidated, keep, opened

SECRET_SETTINGS = {"HOS_ADMIN_KEY": "k" * 32, "HOS_WEBHOOK_SECRETS": "t" * 32}


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


def altered(database_url: str, sql: str, *args: object) -> None:
    async def work() -> None:
        async with opened(database_url) as database:
            await change(database, sql, *args)

    asyncio.run(work())


def filled(database_url: str, *ages: int) -> None:
    """A violation of two events for each age in days, V0 the first."""
    now = time.time_ns() // 1000

    async def work() -> None:
        async with opened(database_url) as database:
            for n, age in enumerate(ages):
                await keep(database, created(f"V{n}"), invalidated(f"V{n}"), at=now - age * DAY)

    asyncio.run(work())


# migrate


def test_migrate_makes_the_schema_and_may_run_again(databases: Databases) -> None:
    with databases.empty() as url:
        call = caller(url)
        for _ in range(2):
            result = call("migrate")
            assert (result.exit_code, result.stderr) == (0, "")
            assert result.stdout == f"The database is at schema version {HEAD}.\n"
        assert call("keys", "list").exit_code == 0


def test_postgresql_is_not_migrated_on_the_way(postgresql_databases: Databases) -> None:
    with postgresql_databases.empty() as url:
        result = caller(url)("keys", "list")
        assert result.exit_code == 1
        assert result.stderr == "hos-receiver: the PostgreSQL database is empty; run: hos-receiver migrate\n"


@pytest.mark.parametrize("command", ["migrate", "rebuild", "doctor"])
def test_a_server_that_is_not_there_is_one_line_without_the_password(command: str) -> None:
    result = caller("postgresql://u:hunter2@127.0.0.1:9/d")(command)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "hunter2" not in result.output


# rebuild


def test_rebuild_of_a_sound_database(call: Call, database_url: str) -> None:
    filled(database_url, 1, 2)
    for arguments in (["rebuild", "--check"], ["rebuild"]):
        result = call(*arguments)
        assert (result.exit_code, result.stdout) == (0, "4 events, 2 violations, 0 differences\n")
        assert result.stderr == ""


def test_rebuild_reports_and_repairs(call: Call, database_url: str) -> None:
    filled(database_url, 2, 1)
    altered(database_url, "UPDATE violations SET revision = 5 WHERE id = 'V1'")
    said = "violation V1: revision stored 5, computed 2\n4 events, 2 violations, 1 differences\n"
    checked = call("rebuild", "--check")
    assert (checked.exit_code, checked.stdout) == (1, said)
    assert checked.stderr == (
        "hos-receiver: 1 violations differ from their events; to put them right: hos-receiver rebuild\n"
    )
    repaired = call("rebuild")
    assert (repaired.exit_code, repaired.stdout, repaired.stderr) == (0, said, "")
    assert call("rebuild", "--check").exit_code == 0


def test_rebuild_lists_a_hundred_differences_and_counts_the_rest(call: Call, database_url: str) -> None:
    filled(database_url, *[1] * 130)
    altered(database_url, "UPDATE violations SET revision = 5")
    lines = call("rebuild").stdout.splitlines()
    assert len(lines) == 102
    assert lines[100:] == ["… and 30 more differences", "260 events, 130 violations, 130 differences"]


def test_rebuild_fails_when_something_cannot_be_put_right(call: Call, database_url: str) -> None:
    filled(database_url, 1)
    altered(database_url, "UPDATE events SET payload = $1", b"{}")
    result = call("rebuild")
    assert result.exit_code == 1
    assert re.search(r"event \d+ is not understood", result.stdout)
    assert result.stderr == "hos-receiver: 1 violations could not be put right\n"


def test_rebuild_refuses_a_file_that_is_served_but_may_check_it(sqlite_url: str) -> None:
    filled(sqlite_url, 1)
    call = caller(sqlite_url)
    with hold_for_serving(Path(sqlite_url.removeprefix("sqlite:///"))):
        refused = call("rebuild")
        assert refused.exit_code == 1
        assert f"is already served by process {os.getpid()}" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert call("rebuild", "--check").exit_code == 0
    assert call("rebuild").exit_code == 0


# purge


def test_purge_deletes_what_is_older(call: Call, database_url: str) -> None:
    filled(database_url, 500, 200, 1)
    dry = call("purge", "--dry-run", HOS_RETENTION_DAYS="365")
    assert dry.exit_code == 0
    assert dry.stdout.startswith("Would delete 1 violations with 2 events, received before 20")
    done = call("purge", HOS_RETENTION_DAYS="365")
    assert done.stdout.startswith("Deleted 1 violations with 2 events, received before 20")
    assert call("purge", "--days", "183", HOS_RETENTION_DAYS="365").stdout.startswith("Deleted 1 violations")
    assert call("rebuild", "--check").stdout == "2 events, 1 violations, 0 differences\n"


def test_purge_says_what_became_of_the_quarantine_when_asked(call: Call) -> None:
    result = call("purge", "--days", "200", "--quarantine")
    assert result.stdout.startswith("Deleted 0 violations with 0 events and 0 quarantine entries, received before ")


def test_purge_keeps_everything_unless_told_for_how_long(call: Call, database_url: str) -> None:
    filled(database_url, 5000)
    result = call("purge", "--force")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "hos-receiver: HOS_RETENTION_DAYS is 0, which keeps everything; set it, or give --days\n"


@pytest.mark.parametrize("arguments,setting", [(["--days", "182"], "0"), ([], "30"), (["--days", "1"], "400")])
def test_less_than_six_months_needs_force(call: Call, database_url: str, arguments: list[str], setting: str) -> None:
    filled(database_url, 300)
    result = call("purge", *arguments, HOS_RETENTION_DAYS=setting)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "49 CFR 395.8(k)" in result.stderr
    assert "--force" in result.stderr
    forced = call("purge", *arguments, "--force", HOS_RETENTION_DAYS=setting)
    assert forced.exit_code == 0
    assert forced.stdout.startswith("Deleted 1 violations")


@pytest.mark.parametrize("days", ["0", "-1", "x", "36501"])
def test_days_must_be_a_number_of_days(call: Call, days: str) -> None:
    assert call("purge", "--days", days, "--force").exit_code == 2


def test_the_longest_retention_keeps_everything(call: Call, database_url: str) -> None:
    filled(database_url, 5000)
    assert call("purge", "--days", "36500").stdout.startswith(
        "Deleted 0 violations with 0 events, received before 1970"
    )


# doctor


def lines_of(call: Call, **settings: str) -> tuple[int, list[str]]:
    result = call("doctor", **settings)
    return result.exit_code, result.stdout.splitlines()


def test_the_doctor_finds_nothing_wrong(call: Call) -> None:
    status, lines = lines_of(call, **SECRET_SETTINGS)
    assert status == 0
    assert all(line.startswith(("ok    ", "warn  ")) for line in lines)
    found = "\n".join(lines)
    for said in ("settings are valid", f"schema is at version {HEAD}", "admin key", "webhook credential", "clock"):
        assert said in found


def test_the_doctor_has_nothing_to_say_against_a_fresh_installation(tmp_path: Path) -> None:
    call = caller(f"sqlite:///{tmp_path}/data/hos.db")
    assert call("migrate").exit_code == 0
    status, lines = lines_of(call, **SECRET_SETTINGS)
    assert status == 0
    assert [line for line in lines if not line.startswith("ok    ") and "are free beside" not in line] == []


def test_the_doctor_names_wrong_settings(call: Call) -> None:
    result = call("doctor", HOS_PORT="x", HOS_LOG_LEVEL="loud")
    assert result.exit_code == 1
    assert [line[:14] for line in result.stdout.splitlines()] == ["FAIL  HOS_PORT", "FAIL  HOS_LOG_"]
    assert len(result.stderr.splitlines()) == 1


def test_the_doctor_warns_of_weak_and_unknown_settings(call: Call) -> None:
    status, lines = lines_of(call, HOS_ADMIN_KEY="short", HOS_WEBHOOK_SECRETS="t" * 32, HOS_PROT="1")
    assert status == 0
    assert any(line.startswith("warn  HOS_ADMIN_KEY holds a secret of less than 16") for line in lines)
    assert any(line.startswith("warn  HOS_PROT is set and no setting") for line in lines)


@pytest.mark.parametrize("host,status,grade", [("127.0.0.1", 0, "warn"), ("0.0.0.0", 1, "FAIL")])
def test_the_doctor_misses_credentials(call: Call, host: str, status: int, grade: str) -> None:
    found, lines = lines_of(call, HOS_HOST=host)
    assert found == status
    assert [line[:4] for line in lines if "there is no" in line] == [grade, grade]
    call("keys", "create", "a", "--scope", "admin")
    call("keys", "create", "w", "--scope", "webhook")
    found, lines = lines_of(call, HOS_HOST=host)
    assert found == 0
    assert not any("there is no" in line for line in lines)


def test_the_doctor_sees_a_clock_that_went_back(call: Call, database_url: str) -> None:
    filled(database_url, -2)
    status, lines = lines_of(call, **SECRET_SETTINGS)
    assert status == 1
    assert any(line.startswith("FAIL  the last receipt is 172,") for line in lines)


def test_the_doctor_makes_no_file(tmp_path: Path) -> None:
    status, lines = lines_of(caller(f"sqlite:///{tmp_path}/none/hos.db"))
    assert status == 0
    assert any(line.startswith(f"warn  there is no file {tmp_path}/none/hos.db yet") for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_does_not_touch_what_is_not_ours(tmp_path: Path) -> None:
    file = tmp_path / "hos.db"
    file.write_bytes(b"no database at all, but a text of some length")
    status, lines = lines_of(caller(f"sqlite:///{file}"))
    assert status == 1
    assert any(line.startswith(f"FAIL  {file} is no database of this program") for line in lines)
    assert file.read_bytes() == b"no database at all, but a text of some length"


def test_the_doctor_sees_an_older_schema(sqlite_url: str) -> None:
    altered(sqlite_url, "UPDATE alembic_version SET version_num = '0000'")
    status, lines = lines_of(caller(sqlite_url))
    assert status == 1
    assert any("FAIL  the schema is at version 0000" in line and "hos-receiver migrate" in line for line in lines)


def test_the_doctor_looks_at_the_file(sqlite_url: str) -> None:
    call = caller(sqlite_url)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    file.chmod(0o600)
    _, lines = lines_of(call)
    assert f"ok    {file} can be read and written, and not by everybody" in lines
    assert "ok    the journal mode is wal" in lines
    assert "ok    nobody serves the file now" in lines
    file.chmod(0o644)
    file.parent.chmod(0o700)
    _, lines = lines_of(call)
    assert f"ok    {file} can be read and written, and not by everybody" in lines
    file.parent.chmod(0o755)
    with hold_for_serving(file):
        _, lines = lines_of(call)
    assert any(line.startswith(f"warn  every user of this machine can read {file}") for line in lines)
    assert f"ok    the file is served by process {os.getpid()}" in lines


def test_the_doctor_looks_at_postgresql(postgresql_url: str) -> None:
    status, lines = lines_of(caller(postgresql_url), **SECRET_SETTINGS)
    assert status == 0
    assert "ok    synchronous_commit is on" in lines
    assert any(line.startswith("ok    PostgreSQL ") for line in lines)
    assert any(line.startswith("ok    the database's clock and this machine's are 0.") for line in lines)


def test_the_doctor_misses_an_index(postgresql_url: str) -> None:
    """As after a restore that failed; nothing else would tell before a commit is refused."""
    _, lines = lines_of(caller(postgresql_url), **SECRET_SETTINGS)
    assert "ok    every table, column and index is there" in lines
    altered(postgresql_url, "DROP INDEX violations_id")
    status, lines = lines_of(caller(postgresql_url), **SECRET_SETTINGS)
    assert status == 1
    wrong = f"FAIL  the tables are not those of schema version {HEAD}: 1 tables, columns or indexes differ"
    assert any(line.startswith(wrong) for line in lines)


def test_the_doctor_sees_lazy_commits_of_postgresql(postgresql_url: str) -> None:
    name = postgresql_url.split("?")[0].rsplit("/", 1)[1]
    altered(postgresql_url, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    status, lines = lines_of(caller(postgresql_url), **SECRET_SETTINGS)
    assert status == 0
    assert any(line.startswith("warn  synchronous_commit is off") for line in lines)
