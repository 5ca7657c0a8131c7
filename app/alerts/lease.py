"""Which process delivers: one of all on a database, by a lease that it renews (contract section 7).

Owns taking, renewing and giving back. Whoever holds it may begin to dial only while it lasts longer than a dial can
take; so a process that was stopped, or cut off from the database, has ended before another one begins.
"""

import asyncio
import uuid
from contextlib import suppress

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect
from app.maven.times import SECOND
from app.outbox.store import release_lease, take_lease

LEASE_SECONDS = 30.0
RENEW_SECONDS = 5.0
STAND_BY_SECONDS = 2.0
"""How often others look whether it is free."""
MARGIN_SECONDS = 18.0
"""How long it must last for a dial to begin: 15 s for the dial, and what two clocks may differ in going."""
RELEASE_SECONDS = 0.5


class Lease:
    """The lease of this process."""

    def __init__(self, database: Database, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._seconds = lease_seconds
        self.holder = uuid.uuid4().hex
        self._lasts_until = 0.0
        # A served SQLite file has one process: what is left of an earlier one is of no meaning.
        self._by_force = database.dialect is Dialect.SQLITE

    @property
    def may_dial(self) -> bool:
        """Whether a dial may begin."""
        return asyncio.get_running_loop().time() + MARGIN_SECONDS <= self._lasts_until

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have it."""
        return asyncio.get_running_loop().time() < self._lasts_until

    async def take(self) -> bool:
        """Takes or renews it; False while another process has it. Raises `DatabaseUnavailable`."""
        began = asyncio.get_running_loop().time()
        script = take_lease(self._database.dialect, self.holder, round(self._seconds * SECOND), by_force=self._by_force)
        is_ours = await self._database.write(script)
        self._by_force = False
        self._lasts_until = began + self._seconds if is_ours else 0.0
        return is_ours

    async def keep(self) -> None:
        """Renews it until it is lost; while the database does not answer, as long as it lasts."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                if not await self.take():
                    return
            except DatabaseUnavailable:
                if not self.is_held:
                    return

    async def release(self) -> None:
        """Gives it back, if the database answers soon."""
        self._lasts_until = 0.0
        with suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._database.write(release_lease(self.holder))
