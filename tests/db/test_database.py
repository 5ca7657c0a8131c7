"""The one face of both databases: what a caller may rely on, whichever it is."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from app.db.database import Database, open_database
from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnusable
from app.db.statements import Execute, Fetch, Insert, ReadScript, WriteScript, shape_of
from app.inbox.model import EventRow, QuarantineRow
from app.inbox.store import cursor_key
from app.violations.model import ViolationRow

MANY = 2500


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


def add_key(name: str, key_hash: str) -> WriteScript[int]:
    rows = yield Execute(
        "INSERT INTO api_keys (name, hash, scopes, created_at) VALUES ($1, $2, 'read', $3) RETURNING pk",
        (name, key_hash, 1),
    )
    pk: int = rows[0][0]
    return pk


def add_events(seqs: range) -> WriteScript[None]:
    yield Insert(EventRow, [(n, 1, f"i{n}", 0, 0, 0, 0, 0, None, n, None, 1, b"\x00\xff{}") for n in seqs])


async def test_a_script_is_sent_its_rows_and_gives_its_result(database: Database) -> None:
    first = await database.write(add_key("a", "1"))
    second = await database.write(add_key("b", "2"))
    assert second > first

    def both() -> ReadScript[list[str]]:
        rows = yield Fetch("SELECT name FROM api_keys WHERE pk = $1", (first,))
        more = yield Fetch("SELECT name AS other FROM api_keys WHERE pk = $1", (second,))
        return [rows[0]["name"], more[0]["other"], rows[0][0], *more[0]]

    assert await database.read(both()) == ["a", "b", "a", "b"]


async def test_a_taken_key_is_a_conflict_and_leaves_nothing(database: Database) -> None:
    await database.write(add_key("a", "1"))

    def clash() -> WriteScript[None]:
        yield Execute("UPDATE ledger SET last_seq = 99 WHERE pk = 1")
        yield from add_key("b", "1")

    with pytest.raises(DatabaseConflict):
        await database.write(clash())
    rows = await database.fetch("SELECT last_seq FROM ledger")
    assert rows[0][0] == 0
    assert await database.write(add_key("c", "3"))


async def test_a_conflict_said_by_the_script_itself(database: Database) -> None:
    def refuse() -> WriteScript[None]:
        yield Execute("UPDATE ledger SET last_seq = 99 WHERE pk = 1")
        raise DatabaseConflict("taken")

    with pytest.raises(DatabaseConflict, match="taken"):
        await database.write(refuse())
    assert (await database.fetch("SELECT last_seq FROM ledger"))[0][0] == 0
    assert await database.write(add_key("c", "3"))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400])
async def test_an_integer_that_does_not_fit_is_refused(database: Database, value: int) -> None:
    with pytest.raises(DatabaseRefused):
        await database.fetch("SELECT 1 FROM ledger WHERE last_seq = $1", value)

    def write() -> WriteScript[None]:
        yield Execute("UPDATE ledger SET last_seq = $1 WHERE pk = 1", (value,))

    with pytest.raises(DatabaseRefused):
        await database.write(write())
    assert (await database.fetch("SELECT last_seq FROM ledger"))[0][0] == 0


async def test_a_lone_surrogate_is_refused(database: Database) -> None:
    with pytest.raises(DatabaseRefused):
        await database.fetch("SELECT 1 FROM api_keys WHERE name = $1", "\ud800")
    with pytest.raises(DatabaseRefused):
        await database.write(add_key("\udfff", "x"))
    assert await database.write(add_key("a", "1"))


async def test_a_fault_of_a_script_comes_out_as_it_is(database: Database) -> None:
    def broken() -> WriteScript[None]:
        yield Execute("UPDATE ledger SET last_seq = 99 WHERE pk = 1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(broken())
    assert (await database.fetch("SELECT last_seq FROM ledger"))[0][0] == 0

    def broken_reading() -> ReadScript[None]:
        yield Fetch("SELECT 1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.read(broken_reading())
    assert await database.write(add_key("a", "1"))
    assert len(await database.read(cursor_key())) == 32


async def test_a_reading_script_cannot_write(database: Database) -> None:
    def sly() -> ReadScript[None]:
        yield Fetch("UPDATE ledger SET last_seq = 99 WHERE pk = 1")

    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await database.read(sly())
    assert (await database.fetch("SELECT last_seq FROM ledger"))[0][0] == 0


async def test_a_reading_script_sees_one_moment(database: Database) -> None:
    loop = asyncio.get_running_loop()
    looked = asyncio.Event()
    written = threading.Event()  # on SQLite the script runs in a thread

    def look_twice() -> ReadScript[tuple[int, int]]:
        before = yield Fetch("SELECT count(*) FROM api_keys")
        loop.call_soon_threadsafe(looked.set)
        while not written.is_set():
            yield Fetch("SELECT 1")
        after = yield Fetch("SELECT count(*) FROM api_keys")
        return before[0][0], after[0][0]

    async def write_between() -> None:
        await looked.wait()
        await database.write(add_key("a", "1"))
        written.set()

    found, _ = await asyncio.gather(database.read(look_twice()), write_between())
    assert found == (0, 0)
    assert (await database.fetch("SELECT count(*) FROM api_keys"))[0][0] == 1


async def test_a_stream_gives_all_rows_of_one_moment_in_chunks(database: Database) -> None:
    await database.write(add_events(range(1, MANY + 1)))
    chunks: list[list[int]] = []
    async for rows in database.stream("SELECT seq, payload FROM events WHERE seq > $1 ORDER BY seq", 0, chunk=1000):
        if not chunks:
            await database.write(add_events(range(MANY + 1, MANY + 11)))
        chunks.append([row["seq"] for row in rows])
        assert bytes(rows[0]["payload"]) == b"\x00\xff{}"
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
    assert [seq for chunk in chunks for seq in chunk] == list(range(1, MANY + 1))


async def test_streams_that_are_left_early_leave_nothing_behind(database: Database) -> None:
    await database.write(add_events(range(1, MANY + 1)))
    for _ in range(12):
        stream = database.stream("SELECT seq FROM events ORDER BY seq", chunk=10)
        async for rows in stream:
            assert len(rows) == 10
            break
        await stream.aclose()  # type: ignore[attr-defined]
    assert len(await database.fetch("SELECT seq FROM events")) == MANY


async def test_a_stream_refuses_as_a_statement_does(database: Database) -> None:
    with pytest.raises(DatabaseRefused):
        async for _ in database.stream("SELECT 1 FROM ledger WHERE last_seq = $1", 2**63):
            pass
    await database.check()


async def test_replacing_rows_takes_all_new_values(database: Database) -> None:
    width = len(shape_of(ViolationRow).columns)
    names = shape_of(ViolationRow).columns

    def rows(text: str | None, number: int) -> list[tuple[object, ...]]:
        table = ViolationRow.__table__  # type: ignore[attr-defined]
        return [
            tuple(
                pk if name == "pk" else f"{text}{pk}" if name == "id" else number if "INT" in str(column.type) else text
                for name, column in zip(names, table.columns, strict=True)
            )
            for pk in (1, 2)
        ]

    def insert(values: list[tuple[object, ...]], replace: bool) -> WriteScript[None]:
        yield Insert(ViolationRow, values, replace)

    await database.write(insert(rows("first", 1), False))
    await database.write(insert(rows("a \U0001f69a\n\"'\\u0041", -7), True))
    found = await database.fetch("SELECT * FROM violations ORDER BY pk")
    assert len(found) == 2
    for row, expected in zip(found, rows("a \U0001f69a\n\"'\\u0041", -7), strict=True):
        assert [row[name] for name in names] == list(expected)
        assert len(row) == width
    with pytest.raises(DatabaseConflict):
        await database.write(insert(rows("again", 1), False))


async def test_inserting_no_rows_does_nothing(database: Database) -> None:
    def nothing() -> WriteScript[None]:
        yield Insert(EventRow, [])
        yield Insert(QuarantineRow, [], replace=True)

    await database.write(nothing())


async def test_writes_of_one_process_come_one_after_the_other(database: Database) -> None:
    def count_up() -> WriteScript[int]:
        rows = yield Fetch("SELECT last_seq FROM ledger WHERE pk = 1")
        yield Execute("UPDATE ledger SET last_seq = $1 WHERE pk = 1", (rows[0][0] + 1,))
        return rows[0][0] + 1  # type: ignore[no-any-return]

    found = await asyncio.gather(*(database.write(count_up()) for _ in range(40)))
    assert sorted(found) == list(range(1, 41))


async def test_who_gives_up_waiting_disturbs_nobody(database: Database) -> None:
    def add(n: int) -> WriteScript[int]:
        yield Execute("UPDATE ledger SET last_seq = last_seq + 1 WHERE pk = 1")
        return n

    tasks = [asyncio.create_task(database.write(add(n))) for n in range(30)]
    for n in range(1, 30, 2):
        await asyncio.sleep(0)
        tasks[n].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[::2] == list(range(0, 30, 2))
    assert all(isinstance(r, asyncio.CancelledError) or r == n for n, r in enumerate(results))
    assert (await database.fetch("SELECT last_seq FROM ledger"))[0][0] >= 15


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite:", "sqlite://data.db", "sqlite:///", "sqlite:///:memory:"])
async def test_a_url_of_something_else_is_unusable(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="HOS_DATABASE_URL"):
        await open_database(url)
