"""Who a session's token stands for, now: the database's word, kept for two seconds, and the key ring's, always.

A session with an API key is worth what that key is worth at this moment: revoked, it is nobody. Sessions end when they
were not used for a while, when their time is up, and when their holder signs out; another process knows within
`KEPT_SECONDS`. That one was used is written down at most once a minute, or once in a tenth of the time that it may be
idle: by so much it may end early.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.db.database import Database
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey
from app.maven.times import MINUTE, SECOND
from app.sessions.store import (
    Session,
    begin_session,
    end_old_sessions,
    end_session,
    find_session,
    hash_token,
    new_token,
    note_seen,
)

KEPT_SECONDS = 2
SEEN_EVERY = MINUTE
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lasts, in microseconds: without being used, and at most."""

    idle: int
    whole: int


@dataclass(slots=True)
class _Kept:
    session: Session | None
    read_at: int


class SessionBook:
    """The sessions as one process knows them. `clock` gives microseconds since 1970 UTC."""

    def __init__(self, database: Database, ring: KeyRing, lifetimes: Lifetimes, clock: Callable[[], int]) -> None:
        self.lifetimes = lifetimes
        self._database = database
        self._ring = ring
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._seen_every = min(SEEN_EVERY, lifetimes.idle // 10)

    async def begin(self, holder: ApiKey, key_hash: str | None) -> str:
        """Begins a session and gives its token, which is known nowhere else. Raises `DatabaseUnavailable`."""
        token = new_token()
        now = self._clock()
        await self._database.write(end_old_sessions(now, now - self.lifetimes.idle))
        await self._database.write(begin_session(hash_token(token), holder, key_hash, now, now + self.lifetimes.whole))
        return token

    async def end(self, token: str) -> None:
        """Ends a session, whether or not there is one. Raises `DatabaseUnavailable`."""
        token_hash = hash_token(token)
        await self._database.write(end_session(token_hash))
        self._kept[token_hash] = _Kept(None, self._clock())

    async def find(self, token: str, *, is_use: bool = True) -> ApiKey | None:
        """Who holds the session, with what they may do now; None when it is over. What a page does by itself is no use.

        Raises `DatabaseUnavailable`, and `KeysUnknown` when the keys could not be read for a while.
        """
        token_hash = hash_token(token)
        now = self._clock()
        kept = self._kept.get(token_hash)
        if kept is None or not 0 <= now - kept.read_at < KEPT_SECONDS * SECOND:
            kept = await self._read(token_hash, now)
        session = kept.session
        if session is None or now >= session.ends_at or now - session.seen_at >= self.lifetimes.idle:
            return None
        holder = self._holder(session)
        if is_use and holder is not None and now - session.seen_at >= self._seen_every:
            # Noted here first, so that of many requests at once one writes; what goes on for long still finds it kept.
            kept.session = replace(session, seen_at=now)
            await self._database.write(note_seen([(token_hash, now)]))
        return holder

    async def _read(self, token_hash: str, now: int) -> _Kept:
        session = await self._database.read(find_session(token_hash))
        known = self._kept.get(token_hash)
        if session is None:
            # Not kept, so that made up tokens drive out nobody.
            self._kept.pop(token_hash, None)
            return _Kept(None, now)
        if known is not None and known.session is None:
            return known  # signed out while the database was asked
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        kept = self._kept[token_hash] = _Kept(session, now)
        return kept

    def held_now(self, token: str) -> ApiKey | None:
        """The same as far as it is known without asking the database: for what goes on long after it began."""
        kept = self._kept.get(hash_token(token))
        if kept is None or kept.session is None or self._clock() >= kept.session.ends_at:
            return None
        return self._holder(kept.session)

    def _holder(self, session: Session) -> ApiKey | None:
        return session.holder if session.key_hash is None else self._ring.find_hash(session.key_hash)
