"""Sessions in their table: what is kept of them, how they end, and that no token is in it."""

from collections.abc import AsyncIterator

import pytest

from app.db.database import Database, open_database
from app.db.errors import DatabaseConflict
from app.keys.schema import ApiKey, Scope
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

pytestmark = pytest.mark.anyio

ADA = ApiKey("Ada (4711)", frozenset([Scope.READ, Scope.REVIEW]), frozenset(["PGH", "a, b", "ü"]))
NOBODY = ApiKey("nobody", frozenset([Scope.READ]), frozenset())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


async def begun(
    database: Database, holder: ApiKey, key_hash: str | None = None, now: int = 10, ends_at: int = 90
) -> str:
    token = new_token()
    await database.write(begin_session(hash_token(token), holder, key_hash, now, ends_at))
    return token


async def found(database: Database, token: str) -> Session | None:
    return await database.read(find_session(hash_token(token)))


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
    assert hash_token("\ud800") != hash_token("?")


@pytest.mark.parametrize("holder", [ADA, NOBODY, ApiKey("all", frozenset([Scope.ADMIN]))], ids=lambda one: one.name)
@pytest.mark.parametrize("key_hash", [None, "f" * 64])
async def test_a_session_is_found_as_it_began(database: Database, holder: ApiKey, key_hash: str | None) -> None:
    token = await begun(database, holder, key_hash)
    session = await found(database, token)
    assert session is not None
    assert (session.holder, session.key_hash) == (holder, key_hash)
    assert (session.created_at, session.seen_at, session.ends_at) == (10, 10, 90)
    assert await found(database, token + "x") is None


async def test_the_table_has_no_token_in_it(database: Database) -> None:
    token = await begun(database, ADA)
    rows = await database.fetch("SELECT * FROM sessions")
    assert [row["token_hash"] for row in rows] == [hash_token(token)]
    assert not [value for value in rows[0] if isinstance(value, str) and token in value]


async def test_a_token_is_one_sessions(database: Database) -> None:
    await database.write(begin_session("same", ADA, None, 1, 2))
    with pytest.raises(DatabaseConflict):
        await database.write(begin_session("same", ADA, None, 1, 2))


async def test_use_is_noted_and_never_earlier_than_is_known(database: Database) -> None:
    token = await begun(database, ADA)
    for at, seen_at in ((20, 20), (15, 20), (21, 21)):
        await database.write(note_seen([(hash_token(token), at), ("unknown", at)]))
        session = await found(database, token)
        assert session is not None
        assert session.seen_at == seen_at


async def test_what_is_ended_is_gone_and_nothing_else(database: Database) -> None:
    mine, yours = await begun(database, ADA), await begun(database, ADA)
    for _ in range(2):
        await database.write(end_session(hash_token(mine)))
        assert await found(database, mine) is None
    assert await found(database, yours) is not None


async def test_what_is_over_is_tidied_away(database: Database) -> None:
    ended = await begun(database, ADA, now=10, ends_at=50)
    idle = await begun(database, ADA, now=19, ends_at=90)
    kept = await begun(database, ADA, now=20, ends_at=51)
    await database.write(end_old_sessions(50, 20))
    assert [await found(database, token) is not None for token in (ended, idle, kept)] == [False, False, True]
