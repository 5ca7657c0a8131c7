"""API keys as the program speaks of them: scopes, terminals, and how a key is made and hashed."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    """Read violations, drivers, changes and statistics."""
    REVIEW = "review"
    """Say what was done about a violation. Reading needs `read` beside it."""
    ADMIN = "admin"
    """All that `read` and `review` may, and the quarantine, hooks and keys."""
    WEBHOOK = "webhook"
    """Post events to the webhook, and nothing else. No other scope implies it: who reads evidence must not write it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is in force."""

    name: str
    scopes: frozenset[Scope]
    terminals: frozenset[str] | None = None
    """Terminal codes whose violations it may see; None for all."""

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope; `admin` includes reading and reviewing."""
        if scope is Scope.WEBHOOK:
            return Scope.WEBHOOK in self.scopes
        return scope in self.scopes or Scope.ADMIN in self.scopes


def new_key(scopes: frozenset[Scope]) -> str:
    """A fresh random key of 256 bits. The prefix tells a webhook token from an API key at sight."""
    prefix = "hos_webhook_" if scopes == {Scope.WEBHOOK} else "hos_key_"
    return prefix + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """SHA-256 in hex: enough for 256 random bits, and the only thing that is stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
