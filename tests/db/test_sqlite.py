"""The SQLite file: durable, guarded, one process that serves, and 503 that heals for every way a disk lets one down."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.db.database import open_database
from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite import SqliteDatabase
from app.db.sqlite_file import writing_lock
from app.db.statements import Execute, Fetch, WriteScript
from app.db.urls import sqlite_path
from app.db.version import HEAD

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[SqliteDatabase]:
    opened = await SqliteDatabase.open(sqlite_url, serving=True)
    yield opened
    await opened.close()


def count_up() -> WriteScript[int]:
    rows = yield Execute("UPDATE ledger SET last_seq = last_seq + 1 WHERE pk = 1 RETURNING last_seq")
    return rows[0][0]  # type: ignore[no-any-return]


@contextmanager
def other_process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_commits_are_durable(database: SqliteDatabase) -> None:
    def pragmas() -> WriteScript[list[object]]:
        found = []
        for name in ("journal_mode", "synchronous", "foreign_keys"):
            rows = yield Fetch(f"PRAGMA {name}")
            found.append(rows[0][0])
        return found

    assert await database.write(pragmas()) == ["wal", 2, 1]


async def test_a_file_is_made_with_its_directory_and_found_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/deep/hos.db"
    for expected in (1, 2):
        database = await open_database(url)
        await database.check()
        assert await database.write(count_up()) == expected
        await database.close()


@pytest.mark.parametrize(
    "name", ["with space", "per%41cent", "ques?tion", "ha#sh", "ünï", "a'b", 'a"b', "file:x", "a&b=c"]
)
async def test_any_file_name_names_that_file(tmp_path: Path, name: str) -> None:
    quoted = name.replace("%", "%25").replace("?", "%3F")
    database = await open_database(f"sqlite:///{tmp_path}/{quoted}.db")
    await database.write(count_up())
    await database.close()
    assert set(os.listdir(tmp_path)) == {f"{name}.db", f"{name}.db-write.lock"}


async def test_a_second_serving_process_is_refused(database: SqliteDatabase, sqlite_url: str) -> None:
    with pytest.raises(DatabaseUnusable, match=rf"already served by process {os.getpid()}"):
        await SqliteDatabase.open(sqlite_url, serving=True)
    # The commands run beside it.
    beside = await SqliteDatabase.open(sqlite_url)
    assert await beside.write(count_up()) == 1
    await beside.close()
    assert await database.write(count_up()) == 2


async def test_serving_may_begin_again_when_the_first_has_ended(sqlite_url: str) -> None:
    for _ in range(2):
        database = await SqliteDatabase.open(sqlite_url, serving=True)
        await database.close()


async def test_a_killed_serving_process_leaves_the_file_free(sqlite_url: str) -> None:
    script = (
        "import sys; from pathlib import Path; from app.db.sqlite_file import hold_for_serving;"
        "held = hold_for_serving(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with other_process("-c", script, str(sqlite_path(sqlite_url))) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatabaseUnusable, match=rf"already served by process {holder.pid}"):
            await SqliteDatabase.open(sqlite_url, serving=True)
        holder.kill()
        holder.wait()
        database = await SqliteDatabase.open(sqlite_url, serving=True)
        await database.close()


async def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    with pytest.raises(DatabaseUnusable, match="another program"):
        await open_database(f"sqlite:///{file}")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"not a database, but text of some length " * 200, b"SQLite format 3\0" + b"\1" * 5000]
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "text.db"
    file.write_bytes(content)
    with pytest.raises(DatabaseUnusable, match="cannot open"):
        await open_database(f"sqlite:///{file}")
    assert file.read_bytes() == content


async def test_a_newer_schema_is_refused(sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_path(sqlite_url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for serving in (True, False):
        with pytest.raises(DatabaseUnusable, match="version 9999, which is newer"):
            await SqliteDatabase.open(sqlite_url, serving=serving)


async def test_a_schema_changed_underneath_is_not_ready(database: SqliteDatabase) -> None:
    with sqlite3.connect(database.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        with pytest.raises(DatabaseUnavailable, match="schema"):
            await database.check()
        connection.execute("UPDATE alembic_version SET version_num = ?", (HEAD,))
    connection.close()
    await database.check()


async def test_a_directory_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="cannot open"):
        await open_database(f"sqlite:///{tmp_path}")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnusable, match="cannot open"):
        await open_database(f"sqlite:///{tmp_path}/file/hos.db")


async def test_a_deleted_file_is_noticed(database: SqliteDatabase) -> None:
    await database.write(count_up())
    aside = database.path.with_suffix(".aside")
    database.path.rename(aside)
    with pytest.raises(DatabaseUnavailable, match="is gone"):
        await database.write(count_up())
    with pytest.raises(DatabaseUnavailable, match="is gone"):
        await database.check()
    # The very file comes back.
    aside.rename(database.path)
    await database.check()
    assert await database.write(count_up()) == 2


async def test_a_file_cut_short_is_noticed(database: SqliteDatabase) -> None:
    await database.check()
    os.truncate(database.path, 0)
    with pytest.raises(DatabaseUnavailable, match="cut short"):
        await database.write(count_up())
    with pytest.raises(DatabaseUnavailable, match="cut short"):
        await database.check()


async def test_the_log_of_a_replaced_file_is_not_played_into_the_new_one(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("old", "new")]
    for url, rounds in zip(urls, (1, 3), strict=True):
        made = await SqliteDatabase.open(url)
        for _ in range(rounds):
            await made.write(count_up())
        await made.close()
    serving = await SqliteDatabase.open(urls[0], serving=True)
    await serving.write(count_up())  # stays in the log for now
    (tmp_path / "old.db").rename(tmp_path / "kept.db")
    (tmp_path / "new.db").rename(tmp_path / "old.db")
    with pytest.raises(DatabaseUnavailable, match="replaced"):
        await serving.write(count_up())
    await serving.close()
    (log_of_old,) = tmp_path.glob("old.db-wal.of-replaced-*")  # noqa: ASYNC240 - a test waits for nobody
    restarted = await SqliteDatabase.open(urls[0])
    assert (await restarted.fetch("SELECT last_seq FROM ledger"))[0][0] == 3
    await restarted.close()
    log_of_old.rename(tmp_path / "kept.db-wal")
    kept = await SqliteDatabase.open(f"sqlite:///{tmp_path}/kept.db")
    assert (await kept.fetch("SELECT last_seq FROM ledger"))[0][0] == 2
    await kept.close()


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    made = await SqliteDatabase.open(f"sqlite:///{tmp_path}/data/hos.db")
    await made.close()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / "hos.db").stat().st_mode & 0o077 == 0


async def test_a_replaced_file_is_noticed(database: SqliteDatabase) -> None:
    await database.write(count_up())
    copy = database.path.with_suffix(".copy")
    shutil.copyfile(database.path, copy)
    copy.replace(database.path)
    with pytest.raises(DatabaseUnavailable, match="replaced"):
        await database.write(count_up())
    with pytest.raises(DatabaseUnavailable, match="replaced"):
        await database.check()


async def test_a_lock_of_another_connection_fails_in_time_and_heals(database: SqliteDatabase) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="locked"):
        await database.write(count_up())
    assert time.monotonic() - began < 5
    await database.check()  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert await database.write(count_up()) == 1


async def test_a_writing_process_that_does_not_end_fails_in_time_and_heals(database: SqliteDatabase) -> None:
    with writing_lock(database.path, seconds=1):
        with pytest.raises(DatabaseUnavailable, match="another process is writing"):
            await database.write(count_up())
        await database.check()
    assert await database.write(count_up()) == 1


FULL_DISK = """
import asyncio, resource, signal, sys
from app.db.errors import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.db.statements import Execute

def add(n):
    yield Execute(
        "INSERT INTO quarantine (body_hash, body, errors, channel, count, received_at, last_received_at)"
        " VALUES ($1, $2, '[]', 0, 1, 0, 0)", (str(n), b"x" * 20000))

async def main(url):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    database = await SqliteDatabase.open(url)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    kept, refused = [], 0
    for n in range(60):
        try:
            await database.write(add(n))
            kept.append(str(n))
        except DatabaseUnavailable:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept and refused >= 20, (kept, refused)
    await database.write(add("healed"))
    rows = await database.fetch("SELECT body_hash FROM quarantine ORDER BY pk")
    assert [row[0] for row in rows] == [*kept, "healed"], (rows, kept)
    await database.check()
    await database.close()
    print("well", flush=True)

asyncio.run(main(sys.argv[1]))
"""


def test_a_full_disk_refuses_keeps_what_was_committed_and_heals(sqlite_url: str) -> None:
    with other_process("-c", FULL_DISK, sqlite_url) as process:
        out, _ = process.communicate(timeout=30)
    assert out == "well\n"


UNWRITABLE = """
import asyncio, os, sys
from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite import SqliteDatabase
from app.db.statements import Execute

def add():
    rows = yield Execute("UPDATE ledger SET last_seq = last_seq + 1 WHERE pk = 1 RETURNING last_seq")
    return rows[0][0]

async def main(directory):
    url = f"sqlite:///{directory}/hos.db"
    database = await SqliteDatabase.open(url)
    assert await database.write(add()) == 1
    if os.geteuid() == 0:  # whom no permission binds
        for path in (directory, *os.scandir(directory)):
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
    os.unlink(f"{directory}/hos.db-write.lock")
    os.chmod(directory, 0o500)
    for _ in range(2):
        try:
            await database.write(add())
        except DatabaseUnavailable as error:
            assert "Permission denied" in str(error), error
        else:
            raise AssertionError
    os.chmod(directory, 0o700)
    assert await database.write(add()) == 2
    await database.close()

    os.chmod(f"{directory}/hos.db", 0o400)
    os.chmod(directory, 0o500)
    try:
        await SqliteDatabase.open(url)
    except DatabaseUnusable as error:
        assert "cannot open the SQLite file" in str(error), error
    else:
        raise AssertionError
    os.chmod(directory, 0o700)
    print("well", flush=True)

asyncio.run(main(sys.argv[1]))
"""


def test_a_directory_that_became_read_only_refuses_and_heals() -> None:
    # Not under pytest's own directory, which another user may not enter.
    with tempfile.TemporaryDirectory() as name, other_process("-c", UNWRITABLE, name) as process:
        out, _ = process.communicate(timeout=30)
    assert out == "well\n"


async def test_a_reader_that_takes_too_long_is_given_up_and_the_next_is_answered(database: SqliteDatabase) -> None:
    database.read_seconds = 0.3
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    for _ in range(6):
        with pytest.raises(DatabaseUnavailable, match="did not answer"):
            await database.fetch(endless)
    deadline = time.monotonic() + 5
    while True:
        try:
            await database.check()
            break
        except DatabaseUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)


async def test_exports_are_few_at_a_time(database: SqliteDatabase) -> None:
    streams = [database.stream("SELECT 1") for _ in range(5)]
    for stream in streams[:4]:
        await anext(stream)
    with pytest.raises(DatabaseUnavailable, match="exports"):
        await anext(streams[4])
    for stream in streams[:4]:
        await stream.aclose()  # type: ignore[attr-defined]
    again = database.stream("SELECT 1")
    assert len(await anext(again)) == 1
    await again.aclose()  # type: ignore[attr-defined]
