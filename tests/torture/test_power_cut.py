"""The power cuts prove something: a disk that lies is found out, and what was recorded is the whole file."""

import os
import random
import sqlite3
from pathlib import Path

import pytest

from app.db.errors import DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite import SqliteDatabase
from app.db.urls import sqlite_path
from tests.command_line import caller
from tests.ingest.kept import count, created, keep, opened
from tests.torture.course import Course
from tests.torture.cut_model import Fate, files_after, heeds_all
from tests.torture.power_cut import run
from tests.torture.recorded_disk import FULL, Failure, SyncFailed, Write, recorded_disk

TRIES = 100


@pytest.mark.parametrize("name", ["hos.db", "hos.db-wal", "."], ids=["database", "log", "directory"])
def test_a_disk_that_lies_about_a_sync_is_found_out(name: str, tmp_path: Path) -> None:
    course = Course("power-cut", 1, TRIES, tmp_path)
    with pytest.raises((AssertionError, DatabaseUnavailable, DatabaseUnusable)) as caught:
        run(course, lambda synced: synced == name)
    assert [note for note in caught.value.__notes__ if note.startswith("Cut after")]


def small_work(file: Path) -> None:
    """Commits in a log, a checkpoint, and a log begun anew."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
    for n in range(3):
        connection.execute("INSERT INTO t VALUES (?)", (bytes([n]) * 5000,))
        connection.execute("PRAGMA wal_checkpoint(truncate)")
    connection.execute("INSERT INTO t VALUES (?)", (b"last" * 2000,))
    connection.close()


def test_a_disk_that_keeps_all_is_the_file_byte_for_byte(tmp_path: Path) -> None:
    with recorded_disk(tmp_path) as disk:
        small_work(tmp_path / "x.db")
    kept = Fate(kept=1.0, torn=0.0, chance=random.Random(1))
    after = files_after({}, disk.steps, kept)
    assert after == {"x.db": (tmp_path / "x.db").read_bytes()}


def test_what_was_synced_is_there_whatever_becomes_of_the_rest(tmp_path: Path) -> None:
    with recorded_disk(tmp_path) as disk:
        small_work(tmp_path / "x.db")
    lost = Fate(kept=0.0, torn=0.0, chance=random.Random(1))
    # The last thing is to sync the file; that the log beside it is gone need not be known, for all of it is in there.
    assert files_after({}, disk.steps, lost)["x.db"] == (tmp_path / "x.db").read_bytes()
    # Where nobody heeds a sync, nothing is.
    assert files_after({}, disk.steps, lost, lambda name: True).get("x.db", b"") == b""


def test_a_torn_write_is_torn_at_sectors() -> None:
    content = bytearray(b"." * 2000)
    step = Write(1, 500, b"x" * 1300)
    states = set()
    for seed in range(200):
        torn = bytearray(content)
        Fate(kept=0.0, torn=1.0, chance=random.Random(seed)).write(torn, step)
        assert torn[:500] == content[:500]
        assert torn[1800:] == content[1800:]
        pieces = (torn[500:512], torn[512:1024], torn[1024:1536], torn[1536:1800])
        assert all(len(set(piece)) == 1 for piece in pieces)
        states.add(tuple(piece[0] for piece in pieces))
    assert len(states) == 16
    assert not heeds_all("any")


async def test_a_failing_disk_is_what_the_product_sees(sqlite_url: str) -> None:
    directory = sqlite_path(sqlite_url).parent
    with recorded_disk(directory) as disk:
        async with opened(sqlite_url) as database:
            failure: list[Failure] = [FULL]
            disk.judge = lambda what, name: failure[0] if failure and what == "write" else None
            with pytest.raises(DatabaseUnavailable, match="full"):
                await keep(database, created("lost"))
            failure[0] = Failure(10 | 4 << 8)
            disk.judge = lambda what, name: failure[0] if failure and what == "sync" else None
            with pytest.raises(DatabaseUnavailable, match="I/O"):
                await keep(database, created("lost"))
            assert any(isinstance(step, SyncFailed) for step in disk.steps)
            failure.clear()
            await keep(database, created("kept"))
            assert [row[0] for row in await database.fetch("SELECT id FROM violations")] == ["kept"]


async def test_a_file_that_was_emptied_is_refused_at_the_next_start(sqlite_url: str) -> None:
    serving = await SqliteDatabase.open(sqlite_url, serving=True)
    await keep(serving, created("before"))
    os.truncate(serving.path, 0)
    with pytest.raises(DatabaseUnavailable, match="cut short"):
        await keep(serving, created("after"))
    await serving.close()
    with pytest.raises(DatabaseUnusable):
        await (await SqliteDatabase.open(sqlite_url, serving=True)).close()


def test_doctor_tells_of_a_damaged_file(sqlite_url: str) -> None:
    file = sqlite_path(sqlite_url)
    connection = sqlite3.connect(file)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
    connection.close()
    with file.open("r+b") as handle:
        handle.seek((page - 1) * 4096)
        handle.write(b"\xa5" * 4096)
    settings = {"HOS_ADMIN_KEY": "k" * 32, "HOS_WEBHOOK_SECRETS": "t" * 32}
    answer = caller(sqlite_url)("doctor", **settings)
    assert "the file is damaged" in answer.output
    assert answer.exit_code == 1


async def test_a_file_that_was_cut_short_is_left_as_it_is_and_refused_at_the_next_start(sqlite_url: str) -> None:
    serving = await SqliteDatabase.open(sqlite_url, serving=True)
    await keep(serving, created("before"))
    await serving.close()
    serving = await SqliteDatabase.open(sqlite_url, serving=True)
    await keep(serving, created("in the log"))
    os.truncate(serving.path, 100_000)
    with pytest.raises(DatabaseUnavailable, match="cut short"):
        await keep(serving, created("after"))
    await serving.close()
    assert serving.path.stat().st_size == 100_000
    for _ in range(2):
        with pytest.raises(DatabaseUnusable, match=r"was cut short: \d+ of its \d+ pages are gone"):
            await SqliteDatabase.open(sqlite_url, serving=True)
    assert serving.path.stat().st_size == 100_000


def log_of(database: SqliteDatabase) -> Path:
    return Path(f"{database.path}-wal")


async def test_pages_that_are_in_the_log_alone_are_not_missed(sqlite_url: str) -> None:
    """As after a power cut while the log was written back: the first page tells of pages that are not there yet."""
    serving = await SqliteDatabase.open(sqlite_url, serving=True)
    short = serving.path.stat().st_size
    for n in range(40):
        await keep(serving, created(f"v{n}", note="x" * 5000))
    log = log_of(serving).read_bytes()
    await serving.close()
    assert serving.path.stat().st_size > short + 100_000
    os.truncate(serving.path, short)
    log_of(serving).write_bytes(log)
    again = await SqliteDatabase.open(sqlite_url, serving=True)
    assert await count(again, "violations") == 40
    await again.close()
