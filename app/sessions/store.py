"""Scripts over sessions. Tokens are random and known only to their browser; here they are hashes."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from app.db.statements import Execute, Fetch, ReadScript, Row, WriteScript
from app.keys.schema import ApiKey, Scope

_COLUMNS = "pk, token_hash, name, key_hash, scopes, terminals, created_at, seen_at, ends_at"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in; times are microseconds since 1970 UTC."""

    pk: int
    token_hash: str
    holder: ApiKey
    """Who it is and what they may do, as it was when they signed in."""
    key_hash: str | None
    """The API key that they signed in with, which decides what they may do now; None for single sign-on."""
    created_at: int
    seen_at: int
    ends_at: int


def new_token() -> str:
    """A fresh random token of 256 bits, for one browser."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """SHA-256 in hex: enough for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _session(row: Row) -> Session:
    known = {scope.value for scope in Scope}
    scopes = frozenset(Scope(word) for word in row[4].split() if word in known)
    terminals = None if row[5] is None else frozenset(orjson.loads(row[5]))
    return Session(row[0], row[1], ApiKey(row[2], scopes, terminals), row[3], row[6], row[7], row[8])


def find_session(token_hash: str) -> ReadScript[Session | None]:
    """A session by its token's hash; None when there is none, or it was ended."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM sessions WHERE token_hash = $1", (token_hash,))
    return _session(rows[0]) if rows else None


def begin_session(token_hash: str, holder: ApiKey, key_hash: str | None, now: int, ends_at: int) -> WriteScript[None]:
    """Stores a session."""
    yield Execute(
        "INSERT INTO sessions (token_hash, name, key_hash, scopes, terminals, created_at, seen_at, ends_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        (
            token_hash,
            holder.name,
            key_hash,
            " ".join(sorted(holder.scopes)),
            None if holder.terminals is None else orjson.dumps(sorted(holder.terminals)).decode(),
            now,
            now,
            ends_at,
        ),
    )


def note_seen(seen: Iterable[tuple[str, int]]) -> WriteScript[None]:
    """Notes when sessions were last used, by their tokens' hashes; never earlier than is known."""
    for token_hash, at in seen:
        yield Execute("UPDATE sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2", (token_hash, at))


def end_session(token_hash: str) -> WriteScript[None]:
    """Ends a session for good."""
    yield Execute("DELETE FROM sessions WHERE token_hash = $1", (token_hash,))


def end_old_sessions(now: int, seen_before: int) -> WriteScript[None]:
    """Deletes what is over: past its end, or not used since `seen_before`."""
    yield Execute("DELETE FROM sessions WHERE ends_at <= $1 OR seen_at < $2", (now, seen_before))
