"""What a sync that failed left in SQLite's log is not built on: neither by the same process, nor by the next start.

Linux takes what it could not write for written. The next sync says nothing of it, whoever reads finds it, and the power
takes it, with all that was committed behind it.
"""

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog

from app.db import sqlite
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.db.sqlite_log import is_log_left, log_of
from app.db.urls import sqlite_path
from tests.ingest.kept import created, keep, opened
from tests.torture.cut_model import Fate, files_after
from tests.torture.power_cut import put_files
from tests.torture.recorded_disk import SYNC_ERROR, RecordedDisk, Write, recorded_disk

TAKEN = ["after", "before", "refused"]


def everything_lost() -> Fate:
    """Of what was not synced nothing is left."""
    return Fate(kept=0.0, torn=0.0, chance=random.Random(1))


def contents(directory: Path) -> dict[str, bytes]:
    """A database's files as the operating system reads them."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith(("-shm", ".lock"))}


def fail_syncs(disk: RecordedDisk, *, failing: bool) -> None:
    disk.judge = lambda what, name: SYNC_ERROR if failing and what == "sync" else None


async def refuse(database: Database, disk: RecordedDisk) -> None:
    """A delivery that is kept, and one that cannot be synced."""
    await keep(database, created("before"))
    fail_syncs(disk, failing=True)
    with pytest.raises(DatabaseUnavailable, match="I/O"):
        await keep(database, created("refused"))


async def send_again(database: Database) -> None:
    """What was refused comes again, and something new; both are taken."""
    await keep(database, created("refused"))
    await keep(database, created("after"))


async def violations_in(directory: Path, files: Mapping[str, bytes], name: str) -> list[str]:
    """What a start finds after a power cut that left these files."""
    put_files(directory, files)
    async with opened(f"sqlite:///{directory / name}") as database:
        assert [row[0] for row in await database.fetch("PRAGMA integrity_check")] == ["ok"]
        return sorted(row[0] for row in await database.fetch("SELECT id FROM violations"))


async def test_by_the_same_process(sqlite_url: str, tmp_path: Path) -> None:
    file = sqlite_path(sqlite_url)
    before = contents(file.parent)
    with recorded_disk(file.parent) as disk:
        async with opened(sqlite_url) as database:
            await refuse(database, disk)
            fail_syncs(disk, failing=False)
            await send_again(database)
            steps = list(disk.steps)
    assert await violations_in(tmp_path / "cut", files_after(before, steps, everything_lost()), file.name) == TAKEN


async def test_by_the_next_start_after_a_stop(sqlite_url: str, tmp_path: Path) -> None:
    file = sqlite_path(sqlite_url)
    before = contents(file.parent)
    with recorded_disk(file.parent) as disk:
        async with opened(sqlite_url) as database:
            await refuse(database, disk)
        assert is_log_left(file), "with failing syncs the log cannot be written back"
        fail_syncs(disk, failing=False)
        async with opened(sqlite_url) as database:
            await send_again(database)
            steps = list(disk.steps)
    assert await violations_in(tmp_path / "cut", files_after(before, steps, everything_lost()), file.name) == TAKEN


async def test_by_the_next_start_after_a_kill(sqlite_url: str, tmp_path: Path) -> None:
    file = sqlite_path(sqlite_url)
    before = contents(file.parent)
    next_life = tmp_path / "next"
    with recorded_disk(file.parent) as disk:
        async with opened(sqlite_url) as database:
            await refuse(database, disk)
            on_disk = files_after(before, disk.steps, everything_lost())
            # A killed process leaves its files as they are read, and nothing is tidied up.
            shutil.copytree(file.parent, next_life, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
            fail_syncs(disk, failing=False)
    with recorded_disk(next_life) as disk:
        async with opened(f"sqlite:///{next_life / file.name}") as database:
            await send_again(database)
            steps = list(disk.steps)
    assert await violations_in(tmp_path / "cut", files_after(on_disk, steps, everything_lost()), file.name) == TAKEN


async def test_by_a_checkpoint_that_left_off_for_a_reader(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite counts the pages that it could write back as done, and syncs them with the last ones: then that fails."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 400)
    file = sqlite_path(sqlite_url)
    before = contents(file.parent)
    with recorded_disk(file.parent) as disk:
        async with opened(sqlite_url) as database:
            n = 0

            async def grow_log(pages: int) -> None:
                nonlocal n
                size = log_of(file).stat().st_size
                while log_of(file).stat().st_size < size + pages * 4096:
                    await keep(database, created(f"v{n:03}", note="x" * 3000))
                    n += 1

            await grow_log(200)
            with disk.reading(file.name):
                await grow_log(250)
            disk.judge = lambda what, name: SYNC_ERROR if what == "sync" and name == file.name else None
            await keep(database, created("fails"))
            fail_syncs(disk, failing=False)
            for m in range(10):
                await keep(database, created(f"w{m}"))
            steps = list(disk.steps)
            taken = [row[0] for row in await database.fetch("SELECT id FROM violations ORDER BY id")]
    assert await violations_in(tmp_path / "cut", files_after(before, steps, everything_lost()), file.name) == taken


async def test_a_start_on_a_disk_that_fails_reads_and_does_not_build_on_the_log(sqlite_url: str) -> None:
    file = sqlite_path(sqlite_url)
    with recorded_disk(file.parent) as disk:
        async with opened(sqlite_url) as database:
            await refuse(database, disk)
        size = file.stat().st_size
        serving = await SqliteDatabase.open(sqlite_url, serving=True)
        assert "before" in {row[0] for row in await serving.fetch("SELECT id FROM violations")}
        with pytest.raises(DatabaseUnavailable, match="Input/output error"):
            await keep(serving, created("after"))
        with structlog.testing.capture_logs() as logs:
            await serving.close()
        assert [line["event"] for line in logs] == ["database.log_unsure"]
        assert is_log_left(file)
        assert file.stat().st_size == size, "a log that may not be on the disk was written back"
        fail_syncs(disk, failing=False)
        serving = await SqliteDatabase.open(sqlite_url, serving=True)
        await keep(serving, created("after"))
        await serving.close()


async def test_commands_leave_checkpoints_to_the_server_beside_them(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has to know what was written back when a sync fails."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
    file = sqlite_path(sqlite_url)
    with recorded_disk(file.parent) as disk:
        serving = await SqliteDatabase.open(sqlite_url, serving=True)
        beside = await SqliteDatabase.open(sqlite_url)
        for database, files_written in ((beside, 1), (serving, 2)):
            steps = len(disk.steps)
            await keep(database, created(f"to {files_written} files"))
            assert len({step.file for step in disk.steps[steps:] if isinstance(step, Write)}) == files_written
        await beside.close()
        await serving.close()
