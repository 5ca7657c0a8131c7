"""`backup` and `restore` as an operator calls them: what is copied is whole, and what was there is never lost."""

import asyncio
import hashlib
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command

from app.db import migrate
from app.db.sqlite_backup import STEP_PAGES, copy_while_served
from app.db.sqlite_file import hold_for_serving, make_private_file
from app.db.version import HEAD
from tests.command_line import Call, caller, serving
from tests.complaints import complaints
from tests.databases import SqliteDatabases
from tests.ingest.kept import NOW, change, count, created, invalidated, keep, opened, violations

SECRETS = {"HOS_ADMIN_KEY": "k" * 32, "HOS_WEBHOOK_SECRETS": "t" * 32}


@pytest.fixture
def call(sqlite_url: str) -> Call:
    return caller(sqlite_url)


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """The file of the database."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


def filled(url: str, *names: str, at: int = NOW) -> None:
    """Two events of each violation."""

    async def work() -> None:
        async with opened(url) as database:
            for name in names:
                await keep(database, created(name), invalidated(name), at=at)

    asyncio.run(work())


def held(path: Path) -> list[str]:
    """The violations in a file, by id."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM violations ORDER BY id")]


def listing(folder: Path) -> dict[str, str]:
    """Every file of a folder, with the digest of its bytes."""
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir()}


def damage(path: Path) -> None:
    """Overwrites a page in the middle, as a bad disk would."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8192 * 4096)
        file.write(b"\xa5" * 4096)


# backup


def test_a_backup_is_one_private_file_with_everything(call: Call, sqlite_url: str, tmp_path: Path) -> None:
    filled(sqlite_url, "V0", "V1")
    file = tmp_path / "copy.db"
    result = call("backup", str(file))
    assert (result.exit_code, complaints(result.stderr)) == (0, "")
    size = f"{file.stat().st_size:,}"
    assert result.stdout == (
        f"Backed up to {file}: {size} bytes, schema version {HEAD}, 4 events, 2 violations, 0 in quarantine,"
        " newest received 2027-01-15T08:00:00Z.\n"
    )
    assert os.listdir(tmp_path) == ["copy.db"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert held(file) == ["V0", "V1"]


def test_a_backup_is_made_while_it_is_served(tmp_path: Path) -> None:
    call = caller(f"sqlite:///{tmp_path}/data/hos.db")
    with serving(cwd=tmp_path, **SECRETS) as served:
        simulated = call("simulate", "--count", "50", "--seed", "7", HOS_PORT=str(served.port), **SECRETS)
        assert simulated.exit_code == 0
        result = call("backup", str(tmp_path / "copy.db"))
        assert (result.exit_code, complaints(result.stderr)) == (0, "")
        assert served.stop() == 0
    kept = call("rebuild", "--check").stdout
    assert call("restore", "--check", str(tmp_path / "copy.db")).stdout.endswith(f", {kept.strip()}.\n")


async def test_writers_go_on_while_it_is_copied(sqlite_url: str, path: Path, tmp_path: Path) -> None:
    """A commit at every step, from another connection: the copy is the database of the moment it began."""
    async with opened(sqlite_url) as database:
        for n in range(3):
            await keep(database, *(created(f"V{n}-{m}", padding="x" * 3000) for m in range(700)))
        to = tmp_path / "copy.db"
        make_private_file(to)
        loop = asyncio.get_running_loop()
        steps: list[tuple[int, int]] = []

        def write_more(done: int, total: int) -> None:
            steps.append((done, total))
            asyncio.run_coroutine_threadsafe(keep(database, created(f"LATE{len(steps)}")), loop).result(20)

        await asyncio.to_thread(copy_while_served, path, to, write_more)
        assert len(steps) >= 3
        assert [done for done, _ in steps] == sorted({done for done, _ in steps})
        assert steps[0][0] == STEP_PAGES * 4096
        assert steps[-1][0] == steps[-1][1] == to.stat().st_size
        assert await count(database, "events") == 2100 + len(steps)
        assert len(held(to)) == 2100


def test_a_file_that_is_there_is_kept_unless_forced(call: Call, sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    refused = call("backup", str(file))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert complaints(refused.stderr) == (
        f"hos-receiver: {file} is there already; name another file, or give --force to replace it\n"
    )
    assert file.read_text() == "precious"
    filled(sqlite_url, "V0")
    assert call("backup", "--force", str(file)).exit_code == 0
    assert held(file) == ["V0"]


@pytest.mark.parametrize("is_link", [False, True])
def test_the_database_itself_is_no_place_for_its_backup(call: Call, path: Path, tmp_path: Path, is_link: bool) -> None:
    file = path
    if is_link:
        file = tmp_path / "link.db"
        file.symlink_to(path)
    for arguments in (["backup", "--force", str(file)], ["restore", str(file)]):
        refused = call(*arguments)
        assert refused.exit_code == 1
        assert complaints(refused.stderr) == f"hos-receiver: {file} is the database itself; name another file\n"


def test_there_has_to_be_something_to_back_up(tmp_path: Path) -> None:
    missing = tmp_path / "data" / "hos.db"
    result = caller(f"sqlite:///{missing}")("backup", str(tmp_path / "copy.db"))
    assert (result.exit_code, result.stderr) == (1, f"hos-receiver: there is no database at {missing}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(call: Call, tmp_path: Path) -> None:
    result = call("backup", str(tmp_path / "no" / "copy.db"))
    assert result.exit_code == 1
    assert re.fullmatch(r"hos-receiver: cannot write [^\n]+: No such file or directory\n", result.stderr)


def test_a_damaged_database_makes_no_backup(call: Call, sqlite_url: str, path: Path, tmp_path: Path) -> None:
    filled(sqlite_url, *(f"V{n}" for n in range(100)))
    file = tmp_path / "copy.db"
    file.write_text("the last good one")
    damage(path)
    result = call("backup", "--force", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(complaints(result.stderr).splitlines()) == 1
    assert file.read_text() == "the last good one"
    assert os.listdir(tmp_path) == ["copy.db"]


def at_revision(url: str, revision: str) -> None:
    migrate._run(url, lambda connection: command.upgrade(migrate._config(connection), revision))


def test_a_file_of_an_old_version_is_backed_up_as_it_is(sqlite_databases: SqliteDatabases, tmp_path: Path) -> None:
    with sqlite_databases.empty() as url:
        at_revision(url, "0001")
        result = caller(url)("backup", str(tmp_path / "copy.db"))
        assert (result.exit_code, complaints(result.stderr)) == (0, "")
        assert "schema version 0001, 0 events, 0 violations, 0 in quarantine, nothing received yet" in result.stdout


def test_postgresql_is_pointed_to_its_own_tools() -> None:
    call = caller("postgresql://u:hunter2@127.0.0.1:9/d")
    for arguments in (["backup", "x.db"], ["restore", "x.db"], ["restore", "--check", "x.db"]):
        result = call(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "docs/operations.md, Backup" in result.stderr
        assert len(complaints(result.stderr).splitlines()) == 1
        assert not Path("x.db").exists()


# restore


@pytest.fixture
def backup(call: Call, sqlite_url: str, tmp_path: Path) -> Path:
    """A backup with V0 and V1, of a database that has V2 too by now."""
    filled(sqlite_url, "V0", "V1")
    file = tmp_path / "backup.db"
    assert call("backup", str(file)).exit_code == 0
    filled(sqlite_url, "V2", at=NOW + 1)
    return file


def test_a_good_backup_is_checked_without_touching_anything(call: Call, path: Path, backup: Path) -> None:
    before = listing(backup.parent), listing(path.parent)
    result = call("restore", "--check", str(backup))
    assert (result.exit_code, complaints(result.stderr)) == (0, "")
    assert result.stdout == (
        f"{backup} is good: schema version {HEAD}, 4 events, 2 violations, 0 in quarantine,"
        " newest received 2027-01-15T08:00:00Z, 4 events, 2 violations, 0 differences.\n"
    )
    assert (listing(backup.parent), listing(path.parent)) == before


def test_a_restored_backup_takes_the_place_and_nothing_is_lost(
    call: Call, sqlite_url: str, path: Path, backup: Path
) -> None:
    present = path.read_bytes()
    result = call("restore", str(backup))
    assert (result.exit_code, complaints(result.stderr)) == (0, "")
    (aside,) = (Path(name) for name in re.findall(r"^Kept what was there: (.+)$", result.stdout, re.MULTILINE))
    assert re.fullmatch(r"hos\.db\.before-restore-\d{8}T\d{6}Z", aside.name)
    assert aside.read_bytes() == present
    assert held(path) == ["V0", "V1"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert call("rebuild", "--check").exit_code == 0
    filled(sqlite_url, "V3", at=NOW + 2)
    assert held(path) == ["V0", "V1", "V3"]
    again = call("restore", str(backup))
    assert again.exit_code == 0
    assert aside.read_bytes() == present, "a second restore keeps what the first one kept"
    # What was set aside can be restored itself.
    assert call("restore", str(aside)).exit_code == 0
    assert held(path) == ["V0", "V1", "V2"]


def test_the_log_of_the_old_file_is_never_played_into_the_new_one(
    call: Call, sqlite_url: str, path: Path, backup: Path
) -> None:
    """A killed server leaves its last commits in the log alone; they belong to the file that is set aside."""
    with closing(sqlite3.connect(path, isolation_level=None)) as killed:
        killed.execute("PRAGMA wal_autocheckpoint = 0")
        killed.execute("UPDATE violations SET id = 'ONLY-IN-LOG' WHERE id = 'V2'")
        log = Path(f"{path}-wal").read_bytes()
        result = call("restore", str(backup))
    assert (result.exit_code, complaints(result.stderr)) == (0, "")
    kept = [Path(name) for name in re.findall(r"^Kept what was there: (.+)$", result.stdout, re.MULTILINE)]
    assert [one.name.rpartition("Z")[2] for one in kept] == ["", "-wal", "-shm"]
    assert kept[1].read_bytes() == log
    assert held(path) == ["V0", "V1"]
    assert held(kept[0]) == ["ONLY-IN-LOG", "V0", "V1"]


def test_nothing_is_restored_while_it_is_served(call: Call, path: Path, backup: Path) -> None:
    before = listing(path.parent)
    with hold_for_serving(path):
        refused = call("restore", str(backup))
        assert refused.exit_code == 1
        assert f"is already served by process {os.getpid()}" in refused.stderr
        assert len(complaints(refused.stderr).splitlines()) == 1
        assert call("restore", "--check", str(backup)).exit_code == 0
    assert {name: found for name, found in listing(path.parent).items() if "lock" not in name} == {
        name: found for name, found in before.items() if "lock" not in name
    }


def test_a_machine_without_a_database_gets_one(backup: Path, tmp_path: Path) -> None:
    new = tmp_path / "new" / "hos.db"
    call = caller(f"sqlite:///{new}")
    result = call("restore", str(backup))
    assert (result.exit_code, complaints(result.stderr)) == (0, "")
    assert result.stdout.endswith(f"Restored {new}. The next start brings it to schema version {HEAD}.\n")
    assert call("rebuild", "--check").stdout == "4 events, 2 violations, 0 differences\n"


def test_a_backup_of_an_old_version_is_brought_up_at_the_next_start(
    sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    file = tmp_path / "old.db"
    with sqlite_databases.empty() as url:
        at_revision(url, "0003")
        assert caller(url)("backup", str(file)).exit_code == 0
    call = caller(f"sqlite:///{tmp_path}/hos.db")
    assert "is good: schema version 0003," in call("restore", str(file)).stdout
    assert call("migrate").exit_code == 0
    assert call("rebuild", "--check").exit_code == 0


def test_what_differs_from_its_events_is_told_and_can_be_restored(call: Call, path: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup, isolation_level=None)) as connection:
        connection.execute("UPDATE violations SET revision = 5 WHERE id = 'V1'")
    checked = call("restore", "--check", str(backup))
    assert checked.exit_code == 1
    assert checked.stdout == "violation V1: revision stored 5, computed 2\n"
    assert "its violations differ from their events" in checked.stderr
    result = call("restore", str(backup))
    assert result.exit_code == 0
    assert "is sound: " in result.stdout
    assert result.stderr.endswith("to put them right after this: hos-receiver rebuild\n")
    assert held(path) == ["V0", "V1"]
    assert call("rebuild").exit_code == 0
    assert call("rebuild", "--check").exit_code == 0


def spoil(file: Path, how: str) -> None:
    match how:
        case "damaged":
            damage(file)
        case "cut short":
            os.truncate(file, file.stat().st_size // 2)
        case "text":
            file.write_text("this is no database, however long it is" * 200)
        case "empty":
            os.truncate(file, 0)
        case "another program's":
            file.unlink()
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE recipes (name TEXT)")
        case "newer" | "unknown":
            with closing(sqlite3.connect(file, isolation_level=None)) as connection:
                version = "9999" if how == "newer" else "some words"
                connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        case "missing":
            file.unlink()


@pytest.mark.parametrize(
    "how", ["damaged", "cut short", "text", "empty", "another program's", "newer", "unknown", "missing"]
)
def test_what_is_no_good_backup_is_refused(call: Call, sqlite_url: str, path: Path, backup: Path, how: str) -> None:
    filled(sqlite_url, *(f"W{n}" for n in range(60)), at=NOW + 3)
    assert call("backup", "--force", str(backup)).exit_code == 0
    spoil(backup, how)
    before = listing(path.parent)
    for arguments in (["restore", "--check", str(backup)], ["restore", str(backup)]):
        refused = call(*arguments)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert re.fullmatch(r"hos-receiver: [^\n]+\n", complaints(refused.stderr))
    assert listing(path.parent) == before


def test_restore_wants_a_file(call: Call) -> None:
    assert call("restore").exit_code == 2
    assert call("restore", "--check").exit_code == 2


def test_the_database_of_postgresql_is_checked_in_place(postgresql_url: str) -> None:
    call = caller(postgresql_url)
    filled(postgresql_url, "V0")
    good = call("restore", "--check")
    assert (good.exit_code, complaints(good.stderr)) == (0, "")
    assert good.stdout == (f"The database is good: schema version {HEAD}, 2 events, 1 violations, 0 differences.\n")

    async def spoil_it() -> None:
        async with opened(postgresql_url) as database:
            await change(database, "UPDATE violations SET revision = 5")
            assert len(await violations(database)) == 1

    asyncio.run(spoil_it())
    bad = call("restore", "--check")
    assert bad.exit_code == 1
    assert bad.stdout == "violation V0: revision stored 5, computed 2\n"
