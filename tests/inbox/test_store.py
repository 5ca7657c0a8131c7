"""The ledger that numbers events, and the quarantine that keeps bytes once and counts them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from app.db.database import Database, open_database
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.inbox.store import Misunderstood, close_ledger, cursor_key, discard, open_ledger, quarantine

ALL_BYTES = bytes(range(256))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


def entry(body: bytes, errors: str = "[]", channel: Channel = Channel.WEBHOOK) -> Misunderstood:
    return Misunderstood(body, errors, channel)


async def rows(database: Database) -> list[tuple[object, ...]]:
    found = await database.fetch(
        "SELECT pk, body, errors, channel, count, received_at, last_received_at FROM quarantine ORDER BY pk"
    )
    return [(row[0], bytes(row[1]), *list(row)[2:]) for row in found]


def number(database: Database, now: int) -> WriteScript[tuple[int, int]]:
    ledger = yield from open_ledger(database.dialect, now)
    ledger.last_seq += 1
    ledger.last_violation_pk += 2
    yield from close_ledger(ledger)
    return ledger.last_seq, ledger.now


async def test_numbers_and_time_only_go_up(database: Database) -> None:
    found = [await database.write(number(database, now)) for now in (100, 50, 50, 101)]
    assert found == [(1, 100), (2, 100), (3, 100), (4, 101)]
    (row,) = await database.fetch("SELECT last_seq, last_violation_pk, last_received_at FROM ledger")
    assert tuple(row) == (4, 8, 101)


async def test_no_number_is_given_twice(database: Database, database_url: str) -> None:
    other = await open_database(database_url)
    try:
        found = await asyncio.gather(*((database, other)[n % 2].write(number(database, n)) for n in range(30)))
        assert sorted(seq for seq, _ in found) == list(range(1, 31))
    finally:
        await other.close()


async def test_the_cursor_key_is_secret_enough_and_stays(database: Database) -> None:
    key = await database.read(cursor_key())
    assert len(key) == 32
    await database.write(number(database, 1))
    assert await database.read(cursor_key()) == key


async def test_bytes_are_kept_once_with_their_first_errors_and_counted(database: Database) -> None:
    async def keep(entries: Sequence[Misunderstood], now: int) -> list[int]:
        return await database.write(quarantine(entries, now))

    first, second, again = await keep([entry(ALL_BYTES, "[1]"), entry(b""), entry(ALL_BYTES, "[2]")], 10)
    assert first == again != second
    assert await keep([entry(ALL_BYTES, "[3]", Channel.POLL)], 20) == [first]
    assert sorted(await rows(database)) == sorted(
        [(first, ALL_BYTES, "[1]", Channel.WEBHOOK, 3, 10, 20), (second, b"", "[]", Channel.WEBHOOK, 1, 10, 10)]
    )


async def test_what_was_discarded_is_gone_and_its_id_is_not_given_again(database: Database) -> None:
    (first,) = await database.write(quarantine([entry(b"a")], 1))
    assert await database.write(discard(first)) is True
    assert await database.write(discard(first)) is False
    assert await rows(database) == []
    (second,) = await database.write(quarantine([entry(b"a")], 2))
    assert second > first
