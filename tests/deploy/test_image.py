"""The image: what its Dockerfile says. To build it needs a registry; its healthcheck is run for real."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.command_line import ROOT, environment, free_port, serving
from tests.deploy.reading import DEPLOY


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its words, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, words) for name, _, words in (line.strip().partition(" ") for line in lines) if name]


def test_the_base_is_pinned_and_can_be_pinned_by_digest() -> None:
    said = instructions()
    bases = [words for name, words in said if name == "FROM"]
    assert [base.split()[0] for base in bases] == ["python:${PYTHON_TAG}${PYTHON_DIGEST}"] * 2
    given = dict(words.split("=", 1) for name, words in said if name == "ARG")
    assert re.fullmatch(r"3\.1[1-9]\.\d+-slim-bookworm", given["PYTHON_TAG"])
    assert given["PYTHON_DIGEST"] == ""


def test_no_shell_reads_its_commands() -> None:
    commands = [words for name, words in instructions() if name in ("RUN", "CMD", "ENTRYPOINT")]
    commands += [words.partition("CMD ")[2] for name, words in instructions() if name == "HEALTHCHECK"]
    assert len(commands) > 6
    for command in commands:
        assert all(isinstance(word, str) for word in json.loads(command))


def test_it_runs_as_nobody_in_particular_and_can_be_stopped() -> None:
    said = instructions()
    final = said[max(number for number, (name, _) in enumerate(said) if name == "FROM") :]
    (user,) = [words for name, words in final if name == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert ("STOPSIGNAL", "SIGTERM") in final
    assert [name for name, _ in final].count("HEALTHCHECK") == 1
    assert not [words for name, words in final if name == "ENV" and ("URL" in words or "SECRET" in words)]


def test_it_installs_what_is_pinned() -> None:
    (install,) = [words for name, words in instructions() if name == "RUN" and "runtime.txt" in words]
    assert {"--require-hashes", "--only-binary=:all:"} <= set(json.loads(install))
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert ("ARG", f"VERSION={version[1]}") in instructions()


def test_what_it_copies_is_let_in_and_nothing_else() -> None:
    copied = {
        word
        for name, words in instructions()
        if name == "COPY" and "--from" not in words
        for word in shlex.split(words)[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    lines = [line for line in ignored if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def health(port: int, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    command: list[str | Path] = [sys.executable, DEPLOY / "healthcheck.py"]
    variables = environment(HOS_PORT=str(port))
    return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=30, check=False)


def test_its_healthcheck_knows_who_lives(tmp_path: Path, sqlite_url: str) -> None:
    with serving(cwd=tmp_path, HOS_DATABASE_URL=sqlite_url) as served:
        assert health(served.port, tmp_path).returncode == 0
    found = health(free_port(), tmp_path)
    assert found.returncode == 1
    assert found.stderr.startswith("no answer: ")
