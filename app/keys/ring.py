"""The keys in force, held in memory and read again twice a second, so that a new key works, and a revocation holds,
almost at once.

Checking a key is then one hash and one look-up, whatever the database does. When the keys could not be read for
longer than `STALE_SECONDS`, stored keys are no longer trusted.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable

import structlog

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey, Scope, hash_key
from app.keys.store import list_keys, note_used
from app.keys.tokens import TokenSeal, is_token

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 0.5
STALE_SECONDS = 5.0
NOTE_SECONDS = 30.0
"""How often it is written down which keys were used."""


class KeysUnknown(Exception):
    """The keys could not be read lately, so a stored key cannot be judged."""


class KeyRing:
    """Who a presented key is. `fixed` are keys from the settings, by their text."""

    def __init__(
        self,
        database: Database,
        fixed: Iterable[tuple[str, ApiKey]],
        clock: Callable[[], float],
        tokens: TokenSeal | None = None,
    ) -> None:
        self._database = database
        self._fixed = {hash_key(text): key for text, key in fixed}
        self._stored: dict[str, ApiKey] = {}
        self._read_at = float("-inf")
        self._clock = clock
        self._tokens = tokens
        self._used: set[str] = set()
        self._noted_at = clock()

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
                if self._used and self._clock() - self._noted_at >= NOTE_SECONDS:
                    await self.note_used()
            except DatabaseUnavailable:
                pass  # readiness and metrics say so; keys turn stale by themselves
            except Exception:
                log.exception("keys.refresh_failed")
            await asyncio.sleep(REFRESH_SECONDS)

    async def note_used(self) -> None:
        """Writes down that the keys found since the last time were used. Raises `DatabaseUnavailable`."""
        self._noted_at = self._clock()
        used, self._used = self._used, set()
        await self._database.write(note_used(used, time.time_ns() // 1000))

    def find(self, text: str) -> ApiKey | None:
        """The key in force that `text` is, or that it is an access token of; None when it is none. Raises
        `KeysUnknown`.
        """
        if self._tokens is not None and is_token(text):
            return self._find_token(self._tokens, text)
        return self.find_key(text)

    def find_key(self, text: str) -> ApiKey | None:
        """The same for keys alone: an access token is none."""
        return self.find_hash(hash_key(text))

    def _find_token(self, tokens: TokenSeal, text: str) -> ApiKey | None:
        claims = tokens.open(text)
        if claims is None or claims.ends_at <= time.time():
            return None
        for digest in (*self._fixed, *self._stored):
            if hmac.compare_digest(tokens.digest(digest), claims.key_digest):
                key = self.find_hash(digest)
                return None if key is None else key.narrowed(claims.scopes)
        return None

    def make_token(self, text: str, scopes: Iterable[Scope], ends_at: int) -> str | None:
        """An access token for the key that `text` is, until `ends_at` (seconds since 1970); None when tokens are not
        made here.
        """
        return None if self._tokens is None else self._tokens.make(hash_key(text), ends_at, scopes)

    def find_hash(self, digest: str) -> ApiKey | None:
        """The key in force with this hash; None when there is none. Raises `KeysUnknown`."""
        for known, key in self._fixed.items():
            if hmac.compare_digest(known, digest):
                return key
        if self._clock() - self._read_at > STALE_SECONDS:
            raise KeysUnknown
        found = self._stored.get(digest)
        if found is not None:
            self._used.add(digest)
        return found

    @property
    def fixed_names(self) -> frozenset[str]:
        """Names of keys that come from the settings, and that only the settings can end."""
        return frozenset(key.name for key in self._fixed.values())

    def names_with(self, scope: Scope) -> list[str]:
        """Names of keys in force that have a scope."""
        return [k.name for k in (*self._fixed.values(), *self._stored.values()) if k.may(scope)]
