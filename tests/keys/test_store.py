"""Keys as rows: unique names among those in force, hashes only, and revocation for good."""

from collections.abc import AsyncIterator

import pytest

from app.db.database import Database, open_database
from app.db.errors import DatabaseConflict
from app.keys.schema import ApiKey, Scope, hash_key, new_key
from app.keys.store import create_key, list_keys, revoke_key


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


async def test_a_key_comes_back_as_it_was_made(database: Database) -> None:
    terminals = ["PGH", "pgh", "a,b", "ü \"'\\ \U0001f69a", ""]
    await database.write(create_key("b", "hash-b", [Scope.READ, Scope.ADMIN], None, 5))
    await database.write(create_key("a", "hash-a", [Scope.READ], terminals, 6))
    first, second = await database.read(list_keys())
    assert first.key == ApiKey("a", frozenset({Scope.READ}), frozenset(terminals))
    assert (first.hash, first.created_at, first.revoked_at) == ("hash-a", 6, None)
    assert second.key == ApiKey("b", frozenset({Scope.READ, Scope.ADMIN}), None)


async def test_the_key_itself_is_nowhere(database: Database) -> None:
    key = new_key(frozenset({Scope.READ}))
    await database.write(create_key("a", hash_key(key), [Scope.READ], None, 1))
    (row,) = await database.fetch("SELECT * FROM api_keys")
    assert not any(key in str(value) for value in row)


async def test_a_name_is_unique_among_keys_in_force(database: Database) -> None:
    await database.write(create_key("a", "1", [Scope.READ], None, 1))
    with pytest.raises(DatabaseConflict, match="a key named a is in force"):
        await database.write(create_key("a", "2", [Scope.READ], None, 2))
    assert await database.write(revoke_key("a", 3))
    await database.write(create_key("a", "2", [Scope.READ], None, 4))
    records = await database.read(list_keys())
    assert [(r.hash, r.revoked_at) for r in records] == [("1", 3), ("2", None)]


async def test_revoking_is_once_and_for_good(database: Database) -> None:
    await database.write(create_key("a", "1", [Scope.READ], None, 1))
    assert not await database.write(revoke_key("A", 2))
    assert await database.write(revoke_key("a", 2))
    assert not await database.write(revoke_key("a", 3))
    assert [r.revoked_at for r in await database.read(list_keys())] == [2]


async def test_a_scope_of_a_later_version_is_passed_over(database: Database) -> None:
    await database.write(create_key("a", "1", [Scope.READ], None, 1))

    def widen() -> object:
        from app.db.statements import Execute

        yield Execute("UPDATE api_keys SET scopes = 'read escort teleport'")

    await database.write(widen())  # type: ignore[arg-type]
    (record,) = await database.read(list_keys())
    assert record.key.scopes == {Scope.READ}
