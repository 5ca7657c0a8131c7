"""Months of the inbox: numbers that tell their month, tables for each on PostgreSQL, and feeds that read across."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.database import Database, open_database
from app.db.errors import DatabaseConflict, DatabaseUnavailable
from app.db.statements import Dialect
from app.inbox.month_tables import make_missing_months
from app.inbox.months import AHEAD, NUMBERS, Month, make_month, missing_months, month_of, months_with_tables
from app.maven.times import DAY, LAST_INSTANT
from app.query.feed import read_page
from tests.ingest.kept import change, created, invalidated, keep, opened

JANUARY = int(datetime(2031, 1, 31, 23, 59, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as one:
        yield one


@pytest.fixture
async def postgresql(postgresql_url: str) -> AsyncIterator[Database]:
    async with opened(postgresql_url) as one:
        yield one


async def numbers(database: Database, table: str = "events") -> list[int]:
    return [row[0] for row in await database.fetch(f"SELECT seq FROM {table} ORDER BY seq")]


@given(at=st.integers(0, LAST_INSTANT))
def test_an_instant_is_in_its_month_alone(at: int) -> None:
    month = month_of(at)
    moment = datetime.fromtimestamp(at // 1_000_000, UTC)
    assert month.table("events") == f"events_{moment:%Y_%m}"
    assert Month(month.index - 1).end <= at < month.end
    assert month_of(month.end) == Month(month.index + 1)


def test_numbers_of_the_last_month_are_exact_as_doubles() -> None:
    assert Month(month_of(LAST_INSTANT).index + 1).first_number < 2**53


async def test_numbers_jump_with_the_month_and_never_go_back(database: Database) -> None:
    await keep(database, created("A"), created("B"), at=JANUARY)
    await keep(database, created("C"), at=JANUARY + DAY)
    await keep(database, invalidated("A"), at=JANUARY)  # the clock went back
    first, second = month_of(JANUARY).first_number, month_of(JANUARY + DAY).first_number
    assert await numbers(database) == [first, first + 1, second, second + 1]


async def test_numbers_of_before_there_were_months_come_first(database: Database) -> None:
    await keep(database, created("A"), at=JANUARY)
    for statement in ("UPDATE events SET seq = 1, details_seq = 1", "UPDATE ledger SET last_seq = 1"):
        await change(database, statement)
    await change(database, "UPDATE violations SET details_seq = 1, creation_seq = 1")
    await keep(database, invalidated("A"), at=JANUARY + DAY)
    assert await numbers(database) == [1, month_of(JANUARY + DAY).first_number]
    assert (await database.fetch("SELECT status FROM violations"))[0][0] == 1


async def test_a_feed_goes_from_month_to_month(database: Database) -> None:
    names = [f"V{n}" for n in range(5)]
    for n, name in enumerate(names):
        await keep(database, created(name), at=JANUARY + n * 70 * DAY)
    newest = (await numbers(database))[-1]
    page = await read_page(database, None, 0, newest, 100)
    assert [change.violation_id for change in page.changes] == names
    assert (page.read_to, page.has_more) == (newest, False)
    page = await read_page(database, None, 0, newest, 2)
    assert [change.violation_id for change in page.changes] == names[:2]
    rest = await read_page(database, None, page.read_to, newest, 100)
    assert [change.violation_id for change in rest.changes] == names[2:]
    none = await read_page(database, frozenset(["nowhere"]), 0, newest, 100)
    assert (none.changes, none.read_to) == ([], newest)


async def test_sqlite_needs_no_tables(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        assert await make_missing_months(database, JANUARY) == []
        assert await database.read(missing_months(Dialect.SQLITE, JANUARY)) == []


async def test_there_are_tables_for_this_month_and_those_ahead(postgresql: Database) -> None:
    made = await postgresql.read(months_with_tables())
    assert len(made) == AHEAD + 1
    assert all(later.index == earlier.index + 1 for earlier, later in pairwise(made))
    assert abs((datetime.now(UTC) - datetime.fromtimestamp(made[0].end // 1_000_000, UTC)).days) <= 32


async def test_months_are_made_once_and_take_what_is_theirs(postgresql: Database) -> None:
    made = await make_missing_months(postgresql, JANUARY)
    assert [month.table("events") for month in made] == [f"events_2031_0{n}" for n in range(1, AHEAD + 2)]
    assert await make_missing_months(postgresql, JANUARY) == []
    assert await postgresql.write(make_month(made[0])) is False
    await keep(postgresql, created("A"), at=JANUARY)
    await keep(postgresql, created("A", duration="9:00"), at=JANUARY + DAY)
    first, second = month_of(JANUARY).first_number, month_of(JANUARY + DAY).first_number
    assert await numbers(postgresql, "events_2031_01") == [first]
    assert await numbers(postgresql, "events_2031_02") == [second]
    assert await numbers(postgresql, "events_rest") == []
    versions = await postgresql.fetch("SELECT replaced_seq FROM violation_versions_2031_02")
    assert [row[0] for row in versions] == [second]
    indexes = await postgresql.fetch("SELECT count(*) FROM pg_indexes WHERE tablename = 'events_2031_01'")
    assert indexes[0][0] == 2


async def test_without_a_table_of_its_month_an_event_is_kept_among_the_rest(postgresql: Database) -> None:
    await keep(postgresql, created("A"), at=JANUARY)
    assert await numbers(postgresql, "events_rest") == await numbers(postgresql) != []
    with pytest.raises(DatabaseConflict):
        await make_missing_months(postgresql, JANUARY)
    await keep(postgresql, invalidated("A"), at=JANUARY)
    assert len(await numbers(postgresql)) == 2


async def test_a_role_that_may_not_make_tables_is_told_and_goes_on(postgresql_url: str) -> None:
    owner = await asyncpg.connect(postgresql_url)
    try:
        await owner.execute("DROP ROLE IF EXISTS hos_writer")
        await owner.execute("CREATE ROLE hos_writer LOGIN")
        await owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hos_writer")
        writer = await open_database(postgresql_url.replace("postgres@", "hos_writer@"), pool_size=1)
        try:
            with pytest.raises(DatabaseUnavailable, match=r"permission denied|must be owner"):
                await make_missing_months(writer, JANUARY)
            await keep(writer, created("A"), at=JANUARY)
        finally:
            await writer.close()
        assert [row["seq"] for row in await owner.fetch("SELECT seq FROM events")] == [
            month_of(JANUARY).index * NUMBERS
        ]
    finally:
        await owner.execute("DROP OWNED BY hos_writer")
        await owner.execute("DROP ROLE hos_writer")
        await owner.close()


async def test_several_make_a_month_at_once(postgresql_url: str) -> None:
    several = [await open_database(postgresql_url, pool_size=1) for _ in range(4)]
    try:
        made = await asyncio.gather(*(make_missing_months(one, JANUARY) for one in several))
        assert sorted(month.index for months in made for month in months) == [
            month_of(JANUARY).index + n for n in range(AHEAD + 1)
        ]
    finally:
        for one in several:
            await one.close()
