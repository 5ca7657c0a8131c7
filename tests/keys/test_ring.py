"""The keys in force: what a text is, how soon a revocation holds, and what happens when the database is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.db.database import Database, open_database
from app.db.errors import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.keys.ring import REFRESH_SECONDS, STALE_SECONDS, KeyRing, KeysUnknown
from app.keys.schema import ApiKey, Scope, hash_key, new_key
from app.keys.store import create_key, revoke_key


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


def test_keys_are_made_at_random_and_known_at_sight() -> None:
    readers = {new_key(frozenset({Scope.READ})) for _ in range(100)}
    assert len(readers) == 100
    assert all(key.startswith("hos_key_") and len(key) >= 8 + 43 for key in readers)
    assert new_key(frozenset({Scope.WEBHOOK})).startswith("hos_webhook_")


@pytest.mark.parametrize(
    "scopes, needed, expected",
    [
        ({Scope.READ}, Scope.READ, True),
        ({Scope.READ}, Scope.ADMIN, False),
        ({Scope.READ}, Scope.WEBHOOK, False),
        ({Scope.ADMIN}, Scope.READ, True),
        ({Scope.ADMIN}, Scope.ADMIN, True),
        ({Scope.ADMIN}, Scope.WEBHOOK, False),
        ({Scope.WEBHOOK}, Scope.WEBHOOK, True),
        ({Scope.WEBHOOK}, Scope.READ, False),
        ({Scope.WEBHOOK}, Scope.ADMIN, False),
        (set(), Scope.READ, False),
    ],
)
def test_what_a_scope_allows(scopes: set[Scope], needed: Scope, expected: bool) -> None:
    assert ApiKey("k", frozenset(scopes)).may(needed) is expected


async def test_fixed_and_stored_keys_are_found(database: Database, clock: Clock) -> None:
    admin = ApiKey("admin", frozenset({Scope.ADMIN}))
    ring = KeyRing(database, [("fixed ü", admin)], clock)
    await database.write(create_key("a", hash_key("stored"), [Scope.READ], ["PGH"], 1))
    await ring.refresh()
    assert ring.find("fixed ü") is admin
    assert ring.find("stored") == ApiKey("a", frozenset({Scope.READ}), frozenset({"PGH"}))
    for wrong in ("", "Stored", "stored ", hash_key("stored"), "\ud800", "\x00"):
        assert ring.find(wrong) is None
    assert ring.names_with(Scope.READ) == ["admin", "a"]
    assert ring.names_with(Scope.WEBHOOK) == []


def test_a_revocation_holds_within_five_seconds() -> None:
    # Read again this often, and not trusted any longer than that, whatever the database does meanwhile.
    assert REFRESH_SECONDS < STALE_SECONDS <= 5


async def test_revoked_keys_are_not_found(database: Database, clock: Clock) -> None:
    ring = KeyRing(database, [], clock)
    await database.write(create_key("a", hash_key("stored"), [Scope.READ], None, 1))
    await ring.refresh()
    assert ring.find("stored") is not None
    await database.write(revoke_key("a", 2))
    await ring.refresh()
    assert ring.find("stored") is None


async def test_keys_are_read_again_by_themselves(database: Database) -> None:
    ring = KeyRing(database, [], asyncio.get_running_loop().time)
    await ring.refresh()
    task = asyncio.create_task(ring.refresh_for_ever())
    try:
        await database.write(create_key("a", hash_key("stored"), [Scope.READ], None, 1))
        async with asyncio.timeout(5):
            while ring.find("stored") is None:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
    finally:
        task.cancel()


async def test_stored_keys_turn_stale_and_fixed_ones_do_not(sqlite_url: str, clock: Clock) -> None:
    database = await SqliteDatabase.open(sqlite_url)
    admin = ApiKey("admin", frozenset({Scope.ADMIN}))
    ring = KeyRing(database, [("fixed", admin)], clock)
    try:
        await database.write(create_key("a", hash_key("stored"), [Scope.READ], None, 1))
        await ring.refresh()
        database.read_seconds = 0.0
        with pytest.raises(DatabaseUnavailable):
            await ring.refresh()
        clock.now += STALE_SECONDS
        assert ring.find("stored") is not None
        clock.now += 0.1
        for text in ("stored", "unknown"):
            with pytest.raises(KeysUnknown):
                ring.find(text)
        assert ring.find("fixed") is admin
        database.read_seconds = 5.0
        await ring.refresh()
        assert ring.find("stored") is not None
    finally:
        await database.close()


async def test_nothing_is_known_before_the_first_reading(database: Database, clock: Clock) -> None:
    with pytest.raises(KeysUnknown):
        KeyRing(database, [], clock).find("any")
