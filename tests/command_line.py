"""The command as a test calls it: in this process where that is enough, and in one of its own.

Settings of the machine that runs the tests never reach it, nor does a `.env` of the checkout.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx2
from typer.testing import CliRunner, Result

from app.cli import command_line

ROOT = Path(__file__).parent.parent
SECONDS = 30.0


class Call(Protocol):
    """Runs a command within this process."""

    def __call__(self, *arguments: str, **settings: str) -> Result: ...


def caller(database_url: str) -> Call:
    """Commands on one database; settings are given by keyword, such as `HOS_PORT="1"`."""

    def call(*arguments: str, **settings: str) -> Result:
        environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HOS_")}
        return CliRunner().invoke(
            command_line(*arguments[:1]),
            arguments,
            env={**environment, "HOS_DATABASE_URL": database_url, **settings},
            prog_name="hos-receiver",
        )

    return call


def environment(**settings: str) -> dict[str, str]:
    """That of the test run without its settings, and these instead."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOS_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **settings}


def run(*arguments: str, cwd: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """A command in a process of its own, from start to end."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def started(*arguments: str, cwd: Path, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on, in a process of its own; killed at the end if it has not ended."""
    with (cwd / "stderr.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=cwd,
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def end(process: "subprocess.Popen[Any]") -> None:
    """Ends a program of others in order, or else with force."""
    process.terminate()
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Served:
    """A running `serve`."""

    def __init__(self, process: "subprocess.Popen[str]", greeting: str, port: int, errors: Path) -> None:
        self.process = process
        self.greeting = greeting
        self.port = port
        self._errors = errors

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._errors.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it in order; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@contextmanager
def serving(*arguments: str, cwd: Path, **settings: str) -> Iterator[Served]:
    """`serve` on a free port of this machine, when it answers."""
    port = free_port()
    with started("serve", "--port", str(port), *arguments, cwd=cwd, **settings) as process:
        url = f"http://127.0.0.1:{port}/healthz"
        with httpx2.Client(trust_env=False) as client:
            eventually(lambda: process.poll() is not None or is_answered(client, url), "serve answers")
        served = Served(process, "", port, cwd / "stderr.txt")
        if process.poll() is not None:
            raise AssertionError(f"serve ended with status {process.returncode}: {served.log}")
        served.greeting = available_text(process)
        yield served


def is_answered(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx2.TransportError:
        return False


def available_text(process: "subprocess.Popen[str]") -> str:
    """What a process has written to its standard output up to now, without waiting for more."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    parts: list[bytes] = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts).decode()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Returns when a condition holds; fails when it does not in time."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)
