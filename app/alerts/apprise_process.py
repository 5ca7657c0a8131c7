"""One process that runs Apprise, seen from its parent: started clean, asked one thing at a time, killed.

What it does is `apprise_child`'s; how many there are, and until when, `apprise_sender`'s.
"""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import app
from app.dialling.errors import DialFailed

_COMMAND = (sys.executable, "-P", "-B", "-m", "app.alerts.apprise_child")
_ENVIRONMENT = {"PYTHONPATH": str(Path(app.__path__[0]).parent), "LANG": "C.UTF-8"}
"""All of it: no proxies, no settings of ours or of Apprise's."""

ENDING_SECONDS = 5.0


class AppriseProcess:
    """A running process. `ask` is called by one task at a time; after it raised, the process is of no use."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, allowed: Sequence[str], seconds: float) -> "AppriseProcess":
        """A new process. Raises `DialFailed` when there can be none."""
        try:
            # In a session of its own, so that Ctrl-C in a terminal ends it with us and not before.
            process = await asyncio.create_subprocess_exec(
                *_COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_ENVIRONMENT, cwd="/", start_new_session=True
            )
        except OSError as error:
            raise DialFailed("unreachable", f"Apprise cannot be started: {error.strerror}") from None
        started = cls(process)
        started._write({"allowed": list(allowed), "seconds": seconds})
        return started

    @property
    def id(self) -> int:
        """The system's number for it."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked, as far as is known."""
        return self._process.returncode is None

    def _write(self, line: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        # ASCII only: a line carries any text, also what UTF-8 has no bytes for.
        self._process.stdin.write(json.dumps(line).encode("ascii") + b"\n")

    async def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """Its answer. Raises `DialFailed` when it ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = b""
        with suppress(ConnectionError):
            self._write(request)
            await self._process.stdin.drain()
            line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise DialFailed("protocol", "Apprise ended before it said how it went.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def end(self) -> None:
        """Kills it, whatever it is doing; there is nothing to lose in it."""
        with suppress(ProcessLookupError):
            self._process.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        # A process that the system cannot end at once must not hold us up.
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                await self._process.wait()
