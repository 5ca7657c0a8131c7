"""Scripts over API keys."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from app.db.errors import DatabaseConflict
from app.db.statements import Execute, Fetch, ReadScript, Row, WriteScript
from app.keys.schema import ApiKey, Scope


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A stored key with its history; times are microseconds since 1970."""

    key: ApiKey
    hash: str
    created_at: int
    revoked_at: int | None
    last_used_at: int | None = None
    """Within half a minute; None when it never was, or was made before this was noted."""


def _record(row: Row) -> KeyRecord:
    terminals = None if row[3] is None else frozenset(orjson.loads(row[3]))
    known = {scope.value for scope in Scope}
    scopes = frozenset(Scope(word) for word in row[2].split() if word in known)
    return KeyRecord(ApiKey(row[0], scopes, terminals), row[1], row[4], row[5], row[6])


def list_keys() -> ReadScript[list[KeyRecord]]:
    """All keys ever made, by name, revoked ones too."""
    rows = yield Fetch(
        "SELECT name, hash, scopes, terminals, created_at, revoked_at, last_used_at FROM api_keys"
        " ORDER BY name, created_at"
    )
    return [_record(row) for row in rows]


def create_key(
    name: str, key_hash: str, scopes: Iterable[Scope], terminals: Iterable[str] | None, now: int
) -> WriteScript[None]:
    """Stores a key. Raises `DatabaseConflict` when a key in force has the name."""
    taken = yield Fetch("SELECT 1 FROM api_keys WHERE name = $1 AND revoked_at IS NULL", (name,))
    if taken:
        raise DatabaseConflict(f"a key named {name} is in force already; revoke it first or choose another name")
    yield Execute(
        "INSERT INTO api_keys (name, hash, scopes, terminals, created_at) VALUES ($1, $2, $3, $4, $5)",
        (
            name,
            key_hash,
            " ".join(sorted(scopes)),
            None if terminals is None else orjson.dumps(sorted(terminals)).decode(),
            now,
        ),
    )


def revoke_key(name: str, now: int) -> WriteScript[bool]:
    """Ends a key; False when none of that name is in force."""
    rows = yield Execute(
        "UPDATE api_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING pk", (name, now)
    )
    return bool(rows)


def note_used(hashes: Iterable[str], now: int) -> WriteScript[None]:
    """Notes that keys were used; never earlier than is known."""
    for key_hash in sorted(hashes):
        yield Execute(
            "UPDATE api_keys SET last_used_at = $2 WHERE hash = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
            (key_hash, now),
        )
