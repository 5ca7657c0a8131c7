"""API keys as the program speaks of them: scopes, terminals, and how a key is made and hashed."""

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    """Read violations, drivers, changes and statistics."""
    REVIEW = "review"
    """Say what was done about a violation. Reading needs `read` beside it."""
    LOG_READ = "log:read"
    """Read duty logs, by the API and on pages."""
    LOG_WRITE = "log:write"
    """Write and edit duty logs. Reading needs `log:read` beside it."""
    DVIR_READ = "dvir:read"
    """Read vehicle inspections, by the API and on pages."""
    DVIR_WRITE = "dvir:write"
    """Create vehicle inspections. Reading needs `dvir:read` beside it."""
    ADMIN = "admin"
    """All that the scopes before may, and the quarantine, hooks and keys."""
    WEBHOOK = "webhook"
    """Post events to the webhook, and nothing else. No other scope implies it: who reads evidence must not write it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is in force."""

    name: str
    scopes: frozenset[Scope]
    terminals: frozenset[str] | None = None
    """Terminal codes whose violations it may see; None for all."""

    def narrowed(self, scopes: Collection[Scope]) -> "ApiKey":
        """The same key with no more than these scopes."""
        return ApiKey(self.name, frozenset(scope for scope in scopes if self.may(scope)), self.terminals)

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope; `admin` includes all but `webhook`."""
        if scope is Scope.WEBHOOK:
            return Scope.WEBHOOK in self.scopes
        return scope in self.scopes or Scope.ADMIN in self.scopes


SCOPE_NAMES = "read, review, log:read, log:write, dvir:read, dvir:write, admin or webhook"
assert SCOPE_NAMES.replace(" or ", ", ").split(", ") == list(Scope)

MOST_NAME = 100
SETTINGS_NAME = "admin"
"""The name of the key in `HOS_ADMIN_KEY`."""
NAME_TAKEN = "the name admin belongs to the key in HOS_ADMIN_KEY; choose another name"
"""What is wrong with `SETTINGS_NAME` while that key is set."""


class WrongKey(Exception):
    """A key that cannot be made. `field` is `name`, `scopes` or `terminals`; the message goes on from its name."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def check_new_key(
    name: str, scopes: Collection[Scope], terminals: Collection[str], is_storable: Callable[[str], bool]
) -> None:
    """Raises `WrongKey` for a key that cannot be. Which texts the database takes is the caller's to know."""
    if not (1 <= len(name) <= MOST_NAME and name.isprintable() and not name.isspace() and is_storable(name)):
        raise WrongKey("name", f"must be 1 to {MOST_NAME} printable characters, not only blanks")
    if not scopes:
        raise WrongKey("scopes", "must be one at least")
    if any(not code.strip() or not is_storable(code) for code in terminals):
        raise WrongKey("terminals", "must be a terminal code, which is not blank")
    if terminals and set(scopes) == {Scope.WEBHOOK}:
        raise WrongKey("terminals", "limits what a key may read, and scope webhook reads nothing")


def new_key(scopes: frozenset[Scope]) -> str:
    """A fresh random key of 256 bits. The prefix tells a webhook token from an API key at sight."""
    prefix = "hos_webhook_" if scopes == {Scope.WEBHOOK} else "hos_key_"
    return prefix + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """SHA-256 in hex: enough for 256 random bits, and the only thing that is stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
