"""Everything is carried from any database to any: the same rows, the same numbers to go on from, and all or nothing."""

import asyncio
import io
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from threading import Thread

import orjson
import pytest
from sqlmodel import SQLModel

import app
from app.carrying.carry import Carried, carry_in, carry_over, everything_lines
from app.carrying.lines import CHECK_ROWS, NotAsWritten
from app.carrying.tables import TABLES, NotEmpty
from app.db.database import Database
from app.db.errors import DatabaseConflict, DatabaseUnavailable, DatabaseUnusable
from app.db.sqlite_file import hold_for_serving
from app.db.statements import Dialect
from app.ingest.rebuild import rebuild
from app.violations.rules import Outcome
from tests.carrying.carried import fill
from tests.databases import Databases, PostgresqlDatabases, SqliteDatabases
from tests.ingest.kept import NOW, change, count, created, invalidated, keep, opened


@pytest.fixture(params=["sqlite", "postgresql"])
def targets(
    request: pytest.FixtureRequest, sqlite_databases: SqliteDatabases, postgresql_databases: PostgresqlDatabases
) -> Databases:
    """Where to carry to: each test once for every pair of databases."""
    return sqlite_databases if request.param == "sqlite" else postgresql_databases


async def filled(url: str) -> None:
    async with opened(url) as database:
        await fill(database)


async def lines_of(url: str) -> bytes:
    return b"".join([piece async for piece in everything_lines(url)])


def silent(done: int, total: int | None, told: str = "") -> None:
    """Nobody watches."""


_NEXT = """
INSERT INTO reviews (violation_id, status, reviewed_by, reviewed_at) VALUES ('NEXT', 0, 'a', 1);
INSERT INTO hooks (id, name, kind, url, events, filter, secrets, created_at, updated_at)
VALUES ('next', 'n', 0, 's', '[]', '{}', '[]', 1, 2);
INSERT INTO sessions (token_hash, name, scopes, created_at, seen_at, ends_at) VALUES ('u', 'n', '', 1, 2, 3);
INSERT INTO sign_in_tries (address, tried_at) VALUES ('192.0.2.2', 5);
INSERT INTO api_keys (name, hash, scopes, created_at) VALUES ('b', 'h3', 'read', 1);
INSERT INTO gaps (channel, reason, from_at, to_at, recorded_at) VALUES (1, 'x', 5, 6, 7);
INSERT INTO legal_holds (name, driver_ids, violation_ids, terminal_codes, placed_by, placed_at)
VALUES ('b', '[]', '[]', '[]', 'x', 1);
INSERT INTO driver_identities (username, changed_at) VALUES ('next', 1);
INSERT INTO connections (id, name, kind, mapping, created_at, updated_at) VALUES ('n', 'n', 0, '{}', 1, 1);
INSERT INTO resource_operations (id, partner_id, connection_id, payload, is_sync, status, created_at, updated_at)
VALUES ('n', 'n', 'n', '', 0, 2, 1, 1);
INSERT INTO operation_logs (id, operation_pk, attempted_at, is_success) VALUES ('n', 1, 1, 1);
INSERT INTO dvir_logs (id, connection_id, driver_id, occurred_at, log_type, is_safety_critical, is_correction,
 defect_count, created_at, updated_at, payload) VALUES ('n', 'n', 'n', 1, 'unknown', 0, 0, 0, 1, 1, '');
INSERT INTO dvir_defects (id, dvir_log_pk, driver_id, occurred_at, defect_type, is_safety_critical)
VALUES ('n', 1, 'n', 1, 'other', 0)
"""
"""A row more of each table that gives out its own keys."""


async def numbers_given(database: Database) -> list[int]:
    """The keys that the next row of each kind gets; and the events and violations that come next."""
    await keep(database, created("NEXT"), {"eventType": "violationCreated", "n": 1}, at=NOW + 43 * 86_400_000_000)
    for sql in _NEXT.split(";"):
        await change(database, sql)
    found = []
    for table in ("events", *(table.name for table in TABLES if table.has_own_numbers)):
        key = "seq" if table == "events" else "pk"
        found.append((await database.fetch(f"SELECT max({key}) FROM {table}"))[0][0])
    return found


async def assert_goes_on(source: str, target: str) -> None:
    async with opened(source) as one, opened(target) as other:
        found = await rebuild(other, repair=False, clock=lambda: NOW, on_progress=lambda done, total: None)
        there = await rebuild(one, repair=False, clock=lambda: NOW, on_progress=lambda done, total: None)
        assert found == there
        assert await keep(other, invalidated("V1"), at=NOW + 43 * 86_400_000_000) == [Outcome.DUPLICATE]
        keys = [await database.fetch("SELECT cursor_key, last_seq FROM ledger") for database in (one, other)]
        assert [tuple(row) for row in keys[0]] == [tuple(row) for row in keys[1]]
        assert await numbers_given(other) == await numbers_given(one)


def test_every_table_is_carried() -> None:
    for module in walk_packages(app.__path__, "app."):
        if module.name.endswith(".model"):
            import_module(module.name)
    assert sorted(table.name for table in TABLES) == sorted(SQLModel.metadata.tables)


async def test_an_export_is_taken_in_without_a_difference(database_url: str, targets: Databases) -> None:
    await filled(database_url)
    written = await lines_of(database_url)
    with targets.empty() as url:
        carried = await carry_in(io.BytesIO(written), url, silent)
        assert sum(carried.counts.values()) == written.count(b'"row":')
        assert all(carried.counts[table.name] for table in TABLES), "a table without rows shows nothing"
        assert await lines_of(url) == written
        await assert_goes_on(database_url, url)


async def test_a_copy_is_the_same_database(database_url: str, targets: Databases) -> None:
    await filled(database_url)
    progress: list[tuple[int, str]] = []

    def note(done: int, total: int | None, told: str = "") -> None:
        progress.append((done, told))

    with targets.fresh() as url:
        carried = await carry_over(database_url, url, note)
        assert carried.came_meanwhile == 0
        assert await lines_of(url) == await lines_of(database_url)
        assert {told for _, told in progress} == {*(table.name for table in TABLES), "compared"}
        assert max(done for done, _ in progress) == sum(carried.counts.values())
        if targets.dialect is Dialect.POSTGRESQL:
            async with opened(url) as target:
                assert await count(target, "events") > 0 == await count(target, "events_rest"), "each month has a table"
        await assert_goes_on(database_url, url)


async def test_what_comes_in_meanwhile_is_counted_and_left(database_url: str, targets: Databases) -> None:
    await filled(database_url)
    written = await lines_of(database_url)
    outcomes: list[Outcome] = []

    async def keep_late() -> None:
        async with opened(database_url) as source:
            late = [created(f"LATE{n}") for n in range(3)]
            outcomes.extend(await keep(source, *late, at=NOW + 43 * 86_400_000_000))

    def interfere(done: int, total: int | None, told: str = "") -> None:
        if not outcomes:
            # In a loop of its own, so that it is committed before the carrying goes on.
            thread = Thread(target=lambda: asyncio.run(keep_late()))
            thread.start()
            thread.join()

    with targets.fresh() as url:
        carried = await carry_over(database_url, url, interfere)
        assert outcomes == [Outcome.CREATED] * 3
        assert carried.came_meanwhile == 3
        assert await lines_of(url) == written


async def test_only_a_new_database_is_filled(database_url: str, targets: Databases) -> None:
    await filled(database_url)
    written = await lines_of(database_url)
    with targets.fresh() as url:
        async with opened(url) as target:
            await keep(target, {"eventType": "violationCreated"})
        before = await lines_of(url)
        with pytest.raises(NotEmpty, match="quarantine"):
            await carry_over(database_url, url, silent)
        with pytest.raises(NotEmpty, match="quarantine"):
            await carry_in(io.BytesIO(written), url, silent)
        assert await lines_of(url) == before


async def test_another_version_is_not_touched(database_url: str, targets: Databases) -> None:
    with targets.fresh() as url:
        async with opened(url) as target:
            await change(target, "UPDATE alembic_version SET version_num = '0001'")
        with pytest.raises(DatabaseUnusable, match="schema version 0001: it is not a new one"):
            await carry_over(database_url, url, silent)


class Interrupted(Exception):
    pass


async def test_a_copy_that_is_cut_short_leaves_nothing_and_can_be_made_again(
    database_url: str, targets: Databases
) -> None:
    await filled(database_url)

    def interrupt(done: int, total: int | None, told: str = "") -> None:
        if told == "deliveries":
            raise Interrupted

    with targets.fresh() as url:
        with pytest.raises(Interrupted):
            await carry_over(database_url, url, interrupt)
        async with opened(url) as target:
            assert await count(target, "events") == 0
            assert await count(target, "ledger") == 1
        await carry_over(database_url, url, silent)
        assert await lines_of(url) == await lines_of(database_url)


async def test_many_rows_have_check_lines_and_go_whole(database_url: str, targets: Databases) -> None:
    async with opened(database_url) as database:
        for n in range(2):
            await keep(database, *(created(f"V{n}-{m}") for m in range(600)))
    written = await lines_of(database_url)
    assert written.count(b'{"check":') == 2 * (1200 // CHECK_ROWS)
    with targets.fresh() as url:
        await carry_in(io.BytesIO(written), url, silent)
        assert await lines_of(url) == written


@pytest.mark.parametrize("how", ["served", "written"])
async def test_a_file_in_use_is_not_filled(sqlite_url: str, sqlite_databases: SqliteDatabases, how: str) -> None:
    with sqlite_databases.fresh() as url:
        if how == "served":
            with (
                hold_for_serving(Path(url.removeprefix("sqlite:///"))),
                pytest.raises(DatabaseUnusable, match="already served"),
            ):
                await carry_over(sqlite_url, url, silent)
        else:
            async with opened(url):
                with pytest.raises(DatabaseUnavailable, match="locked"):
                    await carry_over(sqlite_url, url, silent)


# What is not as it was written


@pytest.fixture
async def written(sqlite_url: str) -> bytes:
    await filled(sqlite_url)
    return await lines_of(sqlite_url)


async def refused(lines: bytes, url: str) -> str:
    with pytest.raises(NotAsWritten) as caught:
        await carry_in(io.BytesIO(lines), url, silent)
    async with opened(url) as database:
        for table in ("events", "violations", "quarantine", "api_keys"):
            assert await count(database, table) == 0
        assert await count(database, "ledger") == 1
    return str(caught.value)


async def test_a_file_that_was_cut_short_is_refused(written: bytes, databases: Databases) -> None:
    lines = written.splitlines(keepends=True)
    with databases.fresh() as url:
        for kept in (0, 1, 2, 7, len(lines) - 2, len(lines) - 1):
            assert await refused(b"".join(lines[:kept]), url) == (
                f"line {kept + 1} is missing: the file was cut short"
                + ("; is it an export of everything?" if not kept else "")
            )
        assert await refused(written[:-1], url) == f"line {len(lines)} has no end: the file was cut short"
        middle = len(b"".join(lines[:9])) + 5
        assert (await refused(written[:middle], url)).startswith("line 10 has no end")


ALTERATIONS = {
    "other text": ("line {line} says that a line after line {sound} is not as it was written", b"Doe, ", b"Dow, "),
    "other number": ("line {line} says that a line after", b'"revision":1', b'"revision":2'),
    "space": ("line {line} says that a line after", b'{"table":"events"', b'{"table": "events"'),
    "no JSON": ("line {line} is not JSON", b'{"table":"events"', b'{"table":events"'),
    "no object": ("line {line} is no JSON object", b'{"table":"events"', b'"x"\n{"table":"events"'),
    "other table": ("line {line} is no row of events", b'{"table":"events"', b'{"table":"violations"'),
    "other column": ("line {line} has not the columns of events", b'"identity":', b'"identitx":'),
    "wrong value": ("line {line} has a wrong value in channel", b'"channel":0', b'"channel":true'),
    "null": ("line {line} has a wrong value in channel", b'"channel":0', b'"channel":null'),
    "wrong number": ("line {line} has a wrong number in channel", b'"channel":0', b'"channel":9223372036854775808'),
    "wrong base64": ("line {line} has wrong base64 in cursor_key", b'{"base64":"', b'{"base64":"!'),
    "other format": ("line 1 does not say that this is", b"hos-receiver everything", b"something else"),
    "newer format": ("line 1 says format version 2, not 1", b'"version":1', b'"version":2'),
    "older schema": ("line 1 says schema version 0001, and this", b'"schema":"', b'"schema":"0001","x":"'),
}


@pytest.mark.parametrize("name", ALTERATIONS)
async def test_a_file_that_was_altered_is_refused(written: bytes, sqlite_databases: SqliteDatabases, name: str) -> None:
    expected, what, other = ALTERATIONS[name]
    assert what in written
    with sqlite_databases.fresh() as url:
        said = await refused(written.replace(what, other, 1), url)
    assert said.startswith(expected.partition("{")[0])
    assert expected.rpartition("}")[2] in said


async def test_rows_that_are_missing_doubled_or_moved_are_refused(
    written: bytes, sqlite_databases: SqliteDatabases
) -> None:
    lines = written.splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if line.startswith(b'{"table":"events"'))
    a, b = lines[first : first + 2]
    with sqlite_databases.fresh() as url:
        for changed in ([a, a, b], [b, a]):
            said = await refused(b"".join([*lines[:first], *changed, *lines[first + 2 :]]), url)
            assert said.endswith(" is not in its order")
        said = await refused(b"".join([*lines[:first], *lines[first + 1 :]]), url)
        assert "is not as it was written" in said
        said = await refused(written + b"\n", url)
        assert said == f"line {len(lines) + 1} comes after the end"


async def test_every_byte_counts(written: bytes, sqlite_databases: SqliteDatabases) -> None:
    """One bit in every hundredth byte or so, one after the other."""
    with sqlite_databases.fresh() as url:
        for place in range(0, len(written), len(written) // 20):
            await refused(written[:place] + bytes([written[place] ^ 1]) + written[place + 1 :], url)


async def test_a_conflict_that_the_file_itself_has_leaves_nothing(sqlite_url: str, databases: Databases) -> None:
    """Well written, but by a database that had lost its indexes."""
    async with opened(sqlite_url) as database:
        await keep(database, created("V1"), created("V2"))
        await change(database, "DROP INDEX violations_id")
        await change(database, "UPDATE violations SET id = 'V1'")
    lines = await lines_of(sqlite_url)
    with databases.fresh() as url:
        with pytest.raises(DatabaseConflict, match="two rows of violations contradict each other"):
            await carry_in(io.BytesIO(lines), url, silent)
        async with opened(url) as target:
            assert await count(target, "events") == 0


async def test_the_lines_say_what_they_are(sqlite_url: str) -> None:
    async def of(lines: AsyncIterator[bytes]) -> list[dict[str, object]]:
        return [orjson.loads(line) for piece in [p async for p in lines] for line in piece.splitlines()]

    async with opened(sqlite_url) as database:
        await keep(database, created("V1"))
    found = await of(everything_lines(sqlite_url))
    assert found[0]["format"] == "hos-receiver everything"
    assert [line["end"] for line in found if "end" in line] == [*(table.name for table in TABLES), "everything"]
    (event,) = (line["row"] for line in found if line.get("table") == "events")
    assert isinstance(event, dict)
    assert orjson.loads(event["payload"])["id"] == "V1"


def test_figures_of_what_was_carried() -> None:
    carried = Carried({"events": 1200, "violations": 3, "hooks": 1}, "ab")
    assert carried.told() == "1,204 rows of 3 tables, 1,200 events of 3 violations among them; SHA-256 ab"
