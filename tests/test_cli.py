"""The command as a whole: its help, its statuses, how it ends when something unforeseen happens; and `simulate`."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
import typer
from typer.testing import CliRunner

from app.cli import command_line
from tests.command_line import Call, caller, run, serving, started
from tests.databases import Databases
from tests.ingest.kept import change, created, keep, opened

COMMANDS = {
    "serve",
    "migrate",
    "poll",
    "backfill",
    "rebuild",
    "simulate",
    "export",
    "import",
    "copy",
    "backup",
    "restore",
    "purge",
    "holds",
    "holds place",
    "holds list",
    "holds release",
    "drivers",
    "drivers import",
    "drivers list",
    "doctor",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "quarantine",
    "quarantine list",
    "quarantine show",
    "quarantine retry",
    "hooks",
    "hooks list",
    "hooks create",
    "hooks show",
    "hooks change",
    "hooks enable",
    "hooks disable",
    "hooks delete",
    "hooks test",
    "hooks rotate-secret",
    "hooks replay",
    "hooks deliveries",
    "hooks retry",
    "connections",
    "connections create",
    "connections list",
    "connections test",
    "connections remove",
}
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"


@pytest.fixture
def call() -> Call:
    """Commands that need no database."""
    return caller(NOWHERE)


def every_command() -> set[str]:
    found: set[str] = set()
    app = command_line()
    for command in app.registered_commands:
        found.add(command.name or name_of(command.callback))
    for group in app.registered_groups:
        assert isinstance(group.typer_instance, typer.Typer)
        name = str(group.typer_instance.info.name)
        found |= {name, *(f"{name} {c.name}" for c in group.typer_instance.registered_commands)}
    return found


def name_of(callback: Callable[..., object] | None) -> str:
    assert callback is not None
    return callback.__name__


def test_the_commands_are_those_of_the_contract() -> None:
    assert every_command() == COMMANDS


def test_one_command_is_loaded_alone_and_is_the_same() -> None:
    for name in sorted({command.partition(" ")[0] for command in COMMANDS}):
        alone, among_all = (
            CliRunner().invoke(line, [name, "--help"], prog_name="hos") for line in (command_line(name), command_line())
        )
        assert (alone.exit_code, alone.stdout) == (0, among_all.stdout), name
    loaded = (
        "import sys, app.cli; app.cli.command_line('keys'); print([one for one in sys.modules if 'commands' in one])"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, timeout=60)
    assert "app.commands.keys" in done.stdout
    assert "app.commands.hooks" not in done.stdout


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(call: Call, command: str) -> None:
    result = call(*command.split(), "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    usage, _, text = result.stdout.partition("\n\n")
    assert usage.startswith(f"Usage: hos-receiver {command} ")
    assert re.match(r"  [A-Z][^\n]{15,}", text), "says what it does"
    options = re.findall(r"^  (--[a-z-]+)(.*(?:\n {10,}.*)*)", text, re.MULTILINE)
    assert all(re.search(r"[A-Z].{5,}", explained) for _, explained in options), "explains each option"


def test_help_lists_every_command_with_a_whole_sentence(call: Call) -> None:
    listed = call("--help").stdout.split("Commands:\n")[1]
    lines = [line for line in listed.splitlines() if line.strip()]
    assert {line.split()[0] for line in lines} == {command for command in COMMANDS if " " not in command}
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--nonsense"], ["serve", "--port", "65536"], ["serve", "--port", "x"], ["keys", "x"]]
)
def test_wrong_usage_is_status_2(call: Call, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "Usage: hos-receiver" in result.stderr


@pytest.mark.parametrize(
    "command", ["rebuild", "purge --days 200", "export", "keys list", "quarantine list", "hooks list"]
)
def test_no_database_is_status_1_and_one_line(call: Call, command: str) -> None:
    result = call(*command.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(r"hos-receiver: cannot connect to PostgreSQL: [^\n]+\n", result.stderr)


@pytest.mark.parametrize(
    "url, why",
    [
        ("postgresql://u:secret@127.0.0.1:1/d", "127.0.0.1:1: connection refused"),
        ("postgresql://u:secret@name.invalid/d", "name.invalid:5432: name not known"),
        ("postgresql://u:secret@/d?host=/no/such/place&port=7", "/no/such/place/.s.PGSQL.7: there is no such socket"),
    ],
)
@pytest.mark.parametrize("command", ["serve --port 0", "migrate", "keys list"])
def test_a_server_out_of_reach_is_named_alike_by_all(tmp_path: Path, command: str, url: str, why: str) -> None:
    done = run(*command.split(), cwd=tmp_path, HOS_DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"hos-receiver: cannot connect to PostgreSQL: {why}\n"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@[bad/d",
        "postgresql://u:secret@h:65536/d",
        "postgresql://u:secret/s@h/d",
        "postgresql://u:secret#s@h/d",
        "postgresql://u:secret?s@h/d",
        "postgresql://u:secret@h/d?port=x",
        "postgresql://u:secret@/d?host=a,b&port=1,2,3",
        "postgresql:u:secret",
    ],
)
def test_an_address_that_is_none_is_one_line_without_the_password(url: str) -> None:
    result = caller(url)("migrate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "hos-receiver: HOS_DATABASE_URL must be a valid address, written postgresql://user:password@host:port/name\n"
    )


@pytest.mark.parametrize("command", ["migrate", "rebuild", "purge", "export", "simulate", "keys list", "doctor"])
def test_wrong_settings_are_status_1(call: Call, command: str) -> None:
    result = call(*command.split(), HOS_PORT="x", HOS_LOG_LEVEL="x")
    assert result.exit_code == 1
    assert all(line.startswith("hos-receiver: ") for line in result.stderr.splitlines())
    assert "HOS_PORT must be a whole number from 0 to 65535 (it is 'x')" in result.output


def test_it_runs_as_a_module_and_says_its_name(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: hos-receiver ")


def test_the_unforeseen_is_one_line_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hos.db"
    caller(url)("migrate")

    async def break_it() -> None:
        async with opened(url) as database:
            await keep(database, {"eventType": "violationCreated"})
            await change(database, "UPDATE quarantine SET channel = 9")

    asyncio.run(break_it())
    done = run("quarantine", "list", cwd=tmp_path, HOS_DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hos-receiver: ValueError: 9 is not a valid Channel (HOS_LOG_LEVEL=debug shows where)\n"
    debugged = run("quarantine", "list", cwd=tmp_path, HOS_DATABASE_URL=url, HOS_LOG_LEVEL="debug")
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr


def test_ctrl_c_ends_with_one_line_and_status_130(postgresql_databases: Databases, tmp_path: Path) -> None:
    with postgresql_databases.fresh() as url:

        async def hold() -> None:
            """Holds the ledger, so that a purge waits for its turn, and interrupts it there."""
            connection = await asyncpg.connect(url)
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT 1 FROM ledger FOR UPDATE")
            watcher = await asyncpg.connect(url)
            with started("purge", "--days", "200", cwd=tmp_path, HOS_DATABASE_URL=url) as process:
                waiting = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database()"
                )
                async with asyncio.timeout(30):
                    while not await watcher.fetchval(waiting):
                        assert process.poll() is None
                        await asyncio.sleep(0.02)
                process.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(process.wait, 30) == 130
            await transaction.rollback()
            await connection.close()
            await watcher.close()

        async def work() -> None:
            async with opened(url) as database:
                await keep(database, created("V1"), at=1)
            await hold()
            async with opened(url) as database:
                rows = await database.fetch("SELECT count(*) FROM violations")
                assert rows[0][0] == 1

        asyncio.run(work())
        assert (tmp_path / "stderr.txt").read_text() == "hos-receiver: interrupted\n"


# simulate


def test_simulate_reaches_a_server_with_the_credential_of_the_settings(tmp_path: Path) -> None:
    settings = {"HOS_WEBHOOK_SECRETS": "t" * 32, "HOS_ADMIN_KEY": "k" * 32}
    with serving(cwd=tmp_path, **settings) as served:
        call = caller(f"sqlite:///{tmp_path}/data/hos.db")
        arguments = ["simulate", "--count", "60", "--seed", "7", "--batch", "20", "--shape", "flat"]
        done = call(*arguments, HOS_PORT=str(served.port), **settings)
        assert (done.exit_code, done.stderr) == (0, "")
        assert "60 events answered" in done.stdout
        assert served.stop() == 0
    exported = caller(f"sqlite:///{tmp_path}/data/hos.db")("export", "--what", "events")
    assert 0 < len(exported.stdout.splitlines()) <= 60


def test_simulate_without_a_receiver_is_status_1(call: Call) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        result = call("simulate", "--token", "t", "--url", f"http://127.0.0.1:{sock.getsockname()[1]}")
    assert result.exit_code == 1
    assert "is the receiver running there?" in result.stdout


@pytest.mark.parametrize(
    "arguments", [["--count", "x"], ["--shape", "round"], ["--until", "tomorrow"], ["--count", "0"], ["--url", "x"]]
)
def test_simulate_refuses_options_that_cannot_be(call: Call, arguments: list[str]) -> None:
    assert call("simulate", *arguments).exit_code == 2


def test_simulate_repeats_itself_by_its_seed(call: Call, tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        arguments = ["--seed", "3", "--count", "50", "--until", "2026-01-01T00:00:00Z", "--out", str(file)]
        assert call("simulate", *arguments).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len([json.loads(line) for line in files[0].read_text().splitlines()]) == 50
