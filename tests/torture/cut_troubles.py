"""What befalls the SQLite file of a running service, from outside and from below: ways to begin it and to end it.

Each is a context: the trouble lasts as long as its block. Those of `PASSING` end with it and leave the file as it was;
those of `LASTING` take the file away or spoil it.
"""

import fcntl
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from tests.torture.cut_load import TroubledService
from tests.torture.cut_serve import HOLDS, TROUBLES

Trouble: TypeAlias = Callable[[TroubledService, random.Random], AbstractContextManager[None]]


def _from_below(word: str) -> Trouble:
    return lambda service, chance: service.failing(word)


@contextmanager
def _too_large(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """The process may make no file larger than the log is now, as with a quota."""
    log = Path(f"{service.file}-wal")
    limit = max(log.stat().st_size if log.exists() else 0, service.file.stat().st_size) + chance.choice([0, 3000])
    usual = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (limit, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, usual)


@contextmanager
def _locked(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """Another program has begun to write, and does not end."""
    other = sqlite3.connect(service.file, isolation_level=None, timeout=5)
    try:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@contextmanager
def _turn_taken(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """Another process of ours has its turn to write, and does not end."""
    with Path(f"{service.file}-write.lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _moved_away(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """The file is moved, and moved back."""
    aside = service.file.with_suffix(".aside")
    service.file.rename(aside)
    try:
        yield
    finally:
        aside.rename(service.file)


PASSING: dict[str, Trouble] = {
    **{word: _from_below(word) for word in TROUBLES},
    HOLDS: _from_below(HOLDS),
    "too-large": _too_large,
    "locked": _locked,
    "turn-taken": _turn_taken,
    "moved-away": _moved_away,
}


@contextmanager
def _deleted(service: TroubledService, chance: random.Random) -> Iterator[None]:
    service.file.unlink()
    yield


@contextmanager
def _replaced(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """Another sound file in its place, with the schema and without an event."""
    other = service.file.with_suffix(".other")
    with sqlite3.connect(f"file:{service.file}?mode=ro", uri=True) as source, sqlite3.connect(other) as target:
        source.backup(target)
        target.execute("DELETE FROM events")
        target.execute("DELETE FROM violations")
    source.close()
    target.close()
    other.replace(service.file)
    yield


@contextmanager
def _cut_short(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """Not to nothing: see `test_power_cut`."""
    os.truncate(service.file, chance.randrange(service.file.stat().st_size))
    yield


@contextmanager
def _spoiled(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """Noise over some of its pages."""
    size = service.file.stat().st_size
    with service.file.open("r+b") as file:
        for _ in range(chance.randint(1, 6)):
            file.seek(chance.randrange(0, size, 4096))
            file.write(chance.randbytes(4096))
    yield


LASTING: dict[str, Trouble] = {
    "deleted": _deleted,
    "replaced": _replaced,
    "cut-short": _cut_short,
    "spoiled": _spoiled,
}


DISK_FULL = "disk-full"
_DISK = "32m"
_mountable: list[bool] = []


@contextmanager
def _disk_full(service: TroubledService, chance: random.Random) -> Iterator[None]:
    """Another program has taken all the room that there was."""
    ballast = service.file.with_suffix(".ballast")
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


def passing_troubles() -> dict[str, Trouble]:
    """Those that can be had here: a disk that is truly full wants a user who may mount one."""
    return PASSING | ({DISK_FULL: _disk_full} if _may_mount() else {})


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A small disk at `place`, where this user may mount one; else nothing."""
    if not _may_mount():
        yield
        return
    _mount(place)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mount(place: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(place)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _may_mount() -> bool:
    if not _mountable:
        with tempfile.TemporaryDirectory() as name:
            _mountable.append(os.geteuid() == 0 and shutil.which("mount") is not None and _mount(Path(name)))
            if _mountable[0]:
                subprocess.run(["umount", name], check=True)
    return _mountable[0]
