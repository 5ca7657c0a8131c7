"""The units as systemd itself judges them, and the backup that one of them runs, on both databases."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.db.statements import Dialect
from tests.command_line import environment, run
from tests.databases import Databases
from tests.deploy.reading import DEPLOY, KNOWN_SETTINGS, env_lines
from tests.programs import find_program, path_with_postgresql

SYSTEMD = DEPLOY / "systemd"
UNITS = sorted(path.name for path in [*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.timer")])
SERVICES = [name for name in UNITS if name.endswith(".service")]
MOST_EXPOSURE = 15
"""Of 100, as systemd-analyze counts."""


def text_of(name: str) -> str:
    return (SYSTEMD / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units in a directory, with programs that are there."""
    directory = tmp_path_factory.mktemp("units")
    for name in UNITS:
        text = text_of(name)
        assert text.count("/opt/hos-receiver/current/bin/") == (1 if name in SERVICES else 0)
        text = re.sub(r"/opt/hos-receiver/current/bin/\S+", sys.executable, text)
        (directory / name.replace("@.", "@8000.")).write_text(text)
    return directory


def test_systemd_finds_no_fault_in_the_units(units: Path) -> None:
    program = find_program("systemd-analyze", "systemd")
    command: list[str | Path] = [program, "verify", *sorted(units.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "hos-receiver" in line], done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardly_exposed(units: Path, name: str) -> None:
    program = find_program("systemd-analyze", "systemd")
    unit = units / name.replace("@.", "@8000.")
    command: list[str | Path] = [program, "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    # An option that this systemd does not know would count for nothing.
    assert "Unknown" not in done.stderr


def test_one_process_and_one_of_several_differ_in_their_port_only() -> None:
    one, several = (
        [line for line in text_of(name).splitlines() if not line.startswith("#")]
        for name in ("hos-receiver.service", "hos-receiver@.service")
    )
    assert [(a, b) for a, b in zip(one, several, strict=True) if a != b] == [
        (a, b) for a, b in zip(one, several, strict=True) if b in (f"{a} (port %i)", f"{a} --port %i")
    ]
    assert one != several


def test_a_timer_has_its_service() -> None:
    timers = [name for name in UNITS if name.endswith(".timer")]
    assert len(timers) == 2
    assert {name.replace(".timer", ".service") for name in timers} <= set(SERVICES)


def test_a_stop_takes_no_longer_than_is_allowed() -> None:
    found = re.search(r"^TimeoutStopSec=(\d+)$", text_of("hos-receiver.service"), re.MULTILINE)
    assert found is not None
    assert int(found[1]) > 10


def test_settings_are_those_that_there_are() -> None:
    named = env_lines(SYSTEMD / "settings.env")
    assert set(named) <= KNOWN_SETTINGS
    assert len(named) > 8


def back_up(directory: Path, *options: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command: list[str | Path] = [sys.executable, SYSTEMD / "backup.py", *options, directory]
    variables = {**environment(**settings), "PATH": path_with_postgresql()}
    return subprocess.run(
        command, cwd=directory.parent, env=variables, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_backup_is_made_of_either_database(tmp_path: Path, databases: Databases) -> None:
    copies, metrics = tmp_path / "copies", tmp_path / "textfile"
    copies.mkdir()
    metrics.mkdir()
    with databases.fresh() as url:
        (tmp_path / "url").write_text(url + "\n")
        done = back_up(copies, "--metrics", str(metrics / "hos.prom"), HOS_DATABASE_URL_FILE=str(tmp_path / "url"))
    assert done.returncode == 0, done.stderr
    (copy,) = copies.iterdir()
    assert copy.stat().st_mode & 0o077 == 0
    assert re.search(r"^hos_backup_made_timestamp_seconds \d{10}$", (metrics / "hos.prom").read_text(), re.MULTILINE)
    if databases.dialect is Dialect.SQLITE:
        checked = run("rebuild", "--check", cwd=tmp_path, HOS_DATABASE_URL=f"sqlite:///{copy}")
        assert checked.returncode == 0, checked.stderr
    else:
        listed = subprocess.run(
            ["pg_restore", "--list", copy],
            env={**os.environ, "PATH": path_with_postgresql()},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "TABLE DATA public violations" in listed.stdout


def test_only_the_newest_copies_are_kept_and_a_failure_takes_none(tmp_path: Path, sqlite_url: str) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    old = [copies / f"hos-2025010{n}T000000Z.{end}" for n, end in enumerate(("db", "dump", "db"), 1)]
    others = copies / "hos-before-the-upgrade.db"
    for path in (*old, others):
        path.write_text("old")
    failed = back_up(copies, "--keep", "2", HOS_DATABASE_URL=f"sqlite:///{tmp_path / 'nothing.db'}")
    assert failed.returncode == 1
    assert "no backup: " in failed.stderr
    assert all(path.exists() for path in old)
    done = back_up(copies, "--keep", "2", HOS_DATABASE_URL=sqlite_url)
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.splitlines()[-1])
    assert set(copies.iterdir()) == {made, old[2], others}


def test_a_password_is_on_no_command_line(tmp_path: Path) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            """
from pathlib import Path
from backup import dump_command
print(*dump_command('postgresql://hos:p%40ss@a:1,b:2/hos?sslmode=require', Path('x')), sep='\\n')
""",
        ],
        cwd=SYSTEMD,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    command, secrets = found.splitlines()
    assert "p%40ss" not in command
    assert "--dbname=postgresql://hos@a:1,b:2/hos?sslmode=require" in command
    assert secrets == "{'PGPASSWORD': 'p@ss'}"
