"""`serve` with a disk that fails on demand: `python -m tests.torture.cut_serve DIRECTORY TROUBLE serve …`.

DIRECTORY has the SQLite file, TROUBLE is a file with one word: what the disk does at the moment, nothing while it is
empty or not there. All else is the command as it is.
"""

import ctypes
import signal
import sys
import time
from pathlib import Path

from app.cli import main
from tests.torture.recorded_disk import (
    FULL,
    FULL_HALFWAY,
    READ_ONLY,
    SYNC_ERROR,
    WRITE_ERROR,
    Failure,
    Judge,
    recorded_disk,
)

HOLDS = "holds"
TROUBLES: dict[str, tuple[str, Failure]] = {
    "full": ("write", FULL),
    "full-halfway": ("write", FULL_HALFWAY),
    "read-only": ("write", READ_ONLY),
    "write-error": ("write", WRITE_ERROR),
    "sync-error": ("sync", SYNC_ERROR),
}
"""What fails, and how, by the word in the file."""


def judge_by(trouble: Path) -> Judge:
    """Asks the file before each step."""

    def word() -> str:
        try:
            return trouble.read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def judge(what: str, name: str) -> Failure | None:
        while (now := word()) == HOLDS:
            time.sleep(0.005)
        concerned, failure = TROUBLES.get(now, ("", None))
        return failure if what == concerned else None

    return judge


if __name__ == "__main__":
    _, directory, trouble, *arguments = sys.argv
    sys.argv = ["hos-receiver", *arguments]
    # A trial that is killed takes its service with it: PR_SET_PDEATHSIG.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    with recorded_disk(Path(directory), keeps_steps=False) as disk:
        disk.judge = judge_by(Path(trouble))
        main()
