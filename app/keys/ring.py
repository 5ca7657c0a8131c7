"""The keys in force, held in memory and read again twice a second, so that a new key works, and a revocation holds,
almost at once.

Checking a key is then one hash and one look-up, whatever the database does. When the keys could not be read for
longer than `STALE_SECONDS`, stored keys are no longer trusted.
"""

import asyncio
import hmac
from collections.abc import Callable, Iterable

import structlog

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey, Scope, hash_key
from app.keys.store import list_keys

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 0.5
STALE_SECONDS = 5.0


class KeysUnknown(Exception):
    """The keys could not be read lately, so a stored key cannot be judged."""


class KeyRing:
    """Who a presented key is. `fixed` are keys from the settings, by their text."""

    def __init__(self, database: Database, fixed: Iterable[tuple[str, ApiKey]], clock: Callable[[], float]) -> None:
        self._database = database
        self._fixed = {hash_key(text): key for text, key in fixed}
        self._stored: dict[str, ApiKey] = {}
        self._read_at = float("-inf")
        self._clock = clock

    async def refresh(self) -> None:
        """Reads the keys in force. Raises `DatabaseUnavailable`."""
        began = self._clock()
        records = await self._database.read(list_keys())
        self._stored = {r.hash: r.key for r in records if r.revoked_at is None}
        self._read_at = began

    async def refresh_for_ever(self) -> None:
        """Keeps the keys fresh until cancelled."""
        while True:
            try:
                await self.refresh()
            except DatabaseUnavailable:
                pass  # readiness and metrics say so; keys turn stale by themselves
            except Exception:
                log.exception("keys.refresh_failed")
            await asyncio.sleep(REFRESH_SECONDS)

    def find(self, text: str) -> ApiKey | None:
        """The key in force that `text` is; None when it is none. Raises `KeysUnknown`."""
        digest = hash_key(text)
        for known, key in self._fixed.items():
            if hmac.compare_digest(known, digest):
                return key
        if self._clock() - self._read_at > STALE_SECONDS:
            raise KeysUnknown
        return self._stored.get(digest)

    def names_with(self, scope: Scope) -> list[str]:
        """Names of keys in force that have a scope."""
        return [k.name for k in (*self._fixed.values(), *self._stored.values()) if k.may(scope)]
