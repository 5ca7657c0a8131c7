"""The `serve` processes of one database: started, killed with -9, and which of them has the lease to deliver.

A lease that nobody gave back lasts half a minute. Most rounds end it at once in the database, once its holder is dead,
as if that time had passed; some wait.
"""

import asyncio
import itertools
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from app.db.database import Database
from app.db.statements import Dialect, Execute, WriteScript
from tests.alerts.alerted import LOCAL, eventually
from tests.command_line import Served, free_port, serving, started
from tests.torture.feed_house import SETTINGS

TAKE_OVER_SECONDS = 60.0


@dataclass(eq=False)
class Life:
    """One process, from its start to its end."""

    served: Served
    stack: ExitStack


def _end_lease(holder: str | None) -> WriteScript[None]:
    # Not that of another, who may have taken it over while the machine stood still.
    yield Execute("UPDATE outbox SET leased_until = 0 WHERE pk = 1 AND holder = $1", (holder,))


@dataclass(eq=False)
class Fleet:
    """One process on SQLite, two on PostgreSQL."""

    url: str
    database: Database
    directory: Path
    lives: list[Life] = field(default_factory=list)
    has_lives: asyncio.Event = field(default_factory=asyncio.Event)
    holder: Life | None = None
    _lease: str | None = None
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def size(self) -> int:
        return 2 if self.database.dialect is Dialect.POSTGRESQL else 1

    def _folder(self) -> Path:
        folder = self.directory / f"life-{next(self._numbers)}"
        folder.mkdir(parents=True)
        return folder

    @property
    def _settings(self) -> dict[str, str]:
        return {"HOS_DATABASE_URL": self.url, "HOS_HOOK_ALLOWED_NETWORKS": ",".join(LOCAL), **SETTINGS}

    async def fill(self) -> None:
        """Starts what is missing. The first one has the lease before another is started."""
        while len(self.lives) < self.size:
            stack = ExitStack()
            served = await asyncio.to_thread(stack.enter_context, serving(cwd=self._folder(), **self._settings))
            self.lives.append(Life(served, stack))
            self.has_lives.set()
            if self.holder is None:
                await self._note_holder()

    async def start_in_vain(self, seconds: float) -> None:
        """Kills a process soon after its start, whatever it has come to."""
        arguments = ("serve", "--port", str(free_port()))
        with started(*arguments, cwd=self._folder(), **self._settings) as process:
            await asyncio.sleep(seconds)
            process.kill()
            await asyncio.to_thread(process.wait)

    async def kill(self, life: Life, *, is_lease_ended: bool) -> None:
        """Kills a process. Returns when another one that is alive has the lease, if the dead one had it."""
        self.lives.remove(life)
        if not self.lives:
            self.has_lives.clear()
        life.served.process.kill()
        await asyncio.to_thread(life.served.process.wait)
        assert_nothing_crashed(life.served)
        life.stack.close()
        if life is self.holder:
            self.holder = None
            if is_lease_ended:
                await self.database.write(_end_lease(self._lease))
            if self.lives:
                await self._note_holder()

    async def _note_holder(self) -> None:
        """Waits until a new one has the lease; the only one that is alive."""
        (life,) = self.lives

        async def is_taken() -> bool:
            rows = await self.database.fetch("SELECT holder FROM outbox WHERE pk = 1")
            if rows[0][0] in (None, self._lease):
                return False
            self._lease = rows[0][0]
            return True

        await eventually(is_taken, "another process delivers", TAKE_OVER_SECONDS)
        self.holder = life

    async def end(self) -> None:
        """Stops all in order."""
        for life in self.lives:
            assert await asyncio.to_thread(life.served.stop) == 0
            assert_nothing_crashed(life.served)
        self.close()

    def close(self) -> None:
        """Ends whatever is left."""
        for life in self.lives:
            life.stack.close()
        self.lives.clear()


def assert_nothing_crashed(served: Served) -> None:
    """Asserts that a process has logged no error."""
    errors = [line for line in served.log.splitlines() if '"level": "error"' in line or "Traceback" in line]
    assert not errors, errors[:3]
