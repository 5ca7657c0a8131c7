"""What a page costs: the same at any depth, and however many violations of the other status there are.

Measured in what the database does (steps of SQLite's machine, pages that PostgreSQL touches), not in time.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.db.database import open_database
from app.db.statements import Dialect, Execute, Fetch, WriteScript
from app.db.urls import sqlite_path
from app.query.detail import ONE_WITH_REVIEW
from app.query.drivers import find_drivers
from app.query.filters import ViolationFilter
from app.query.violations import NEWEST_FIRST, ORDERS, Position, all_in_order, page
from app.violations.model import ACTIVE, INVALIDATED

pytestmark = pytest.mark.anyio

ACTIVE_COUNT = 2_000
HISTORY = 20_000
START = 1_700_000_000_000_000
DRIVERS = 200

BOTH = (ACTIVE, INVALIDATED)
MIDDLE = Position(START + ACTIVE_COUNT // 2 * 1_000_000, "v")
DRIVER = (("driver_id", ("d7",)),)


@dataclass(frozen=True)
class Shape:
    """A query whose cost is looked at."""

    name: str
    asked: ViolationFilter
    sort: str = NEWEST_FIRST
    after: Position | None = None
    limit: int = 101

    def statement(self, dialect: Dialect) -> Fetch:
        return page(dialect, self.asked, ORDERS[self.sort], self.after, self.limit)


SHAPES = [
    Shape("first page", ViolationFilter()),
    Shape("deep page", ViolationFilter(), after=MIDDLE),
    Shape("last page", ViolationFilter(), after=Position(START + 50_000_000, "v")),
    Shape("ascending", ViolationFilter(), "startTime"),
    Shape("ascending, deep", ViolationFilter(), "startTime", MIDDLE),
    Shape("all, first page", ViolationFilter(statuses=BOTH)),
    Shape("all, deep page", ViolationFilter(statuses=BOTH), after=MIDDLE),
    Shape("limited key", ViolationFilter(visible_terminals=("t0", "t1")), after=MIDDLE),
    Shape("driver", ViolationFilter(words=DRIVER)),
    Shape("driver, second page", ViolationFilter(words=DRIVER), after=MIDDLE, limit=3),
    Shape("open", ViolationFilter(review_statuses=(0,))),
    Shape("open, deep page", ViolationFilter(review_statuses=(0,)), after=MIDDLE),
    Shape("reviewed", ViolationFilter(review_statuses=(1, 2))),
    Shape("reviewed, deep page", ViolationFilter(review_statuses=(1, 2)), after=MIDDLE),
    Shape("range", ViolationFilter(start_time_from=START + 1_000_000, start_time_to=START + 900_000_000)),
]


def fill(dialect: Dialect, status: int, count: int, first: int) -> WriteScript[None]:
    """Violations of one status from number `first` on, each with its event."""
    match dialect:
        case Dialect.SQLITE:
            numbers = (
                f"(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {first + count - 1})"
            )
            numbers += " SELECT n FROM s)"
            empty = "x'7b7d'"
        case Dialect.POSTGRESQL:
            numbers = f"(SELECT generate_series({first}, {first + count - 1}) AS n)"
            empty = r"'\x7b7d'::bytea"
    yield Execute(
        "INSERT INTO events (seq, violation_pk, identity, event_type, event_time, received_at, channel, outcome,"
        f" details_seq, revision, payload) SELECT n, n, 'i', 0, 0, 0, 0, 0, n, 1, {empty} FROM {numbers} AS numbers"
    )
    yield Execute(
        "INSERT INTO violations (pk, id, driver_id, terminal_code, search_text, start_time, event_time, egregious,"
        " status, details_seq, first_received_at, last_received_at, revision)"
        f" SELECT n, 'v' || n, 'd' || (n % {DRIVERS}), 't' || (n % 2), '',"
        f" {START} + (n - {first}) * CAST(1000000 AS BIGINT), 0, 0, {status}, n, 0, 0, 1 FROM {numbers} AS numbers"
    )


def review(first: int = 1) -> WriteScript[None]:
    """Two reviews of every second violation from number `first` on, the newer ones acknowledging."""
    for status in (3, 1):
        yield Execute(
            "INSERT INTO reviews (violation_id, status, reviewed_by, reviewed_at)"
            f" SELECT id, {status}, 'k', 0 FROM violations WHERE pk % 2 = 0 AND pk >= {first}"
        )


@pytest.fixture
def steps(sqlite_url: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(sqlite_path(sqlite_url))
    yield connection
    connection.close()


def count_steps(connection: sqlite3.Connection, statement: Fetch) -> tuple[int, list[tuple[object, ...]]]:
    """Steps that SQLite's machine takes for a statement, and the rows it gives."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 1)
    rows = connection.execute(statement.sql.replace("$", "?"), statement.args).fetchall()
    connection.set_progress_handler(None, 0)
    return count, rows


def steps_of(connection: sqlite3.Connection, statement: Fetch) -> tuple[int, int]:
    """Steps for a statement, and how many rows it gives."""
    count, rows = count_steps(connection, statement)
    return count, len(rows)


def steps_of_drivers(connection: sqlite3.Connection, asked: ViolationFilter) -> tuple[int, int]:
    """Steps for a page of drivers, and how many are on it."""
    script = find_drivers(Dialect.SQLITE, asked, None, 51)
    total = 0
    statement = next(script)
    while True:
        count, rows = count_steps(connection, statement)
        total += count
        try:
            statement = script.send(rows)
        except StopIteration as end:
            return total, len(end.value)


async def test_sqlite_takes_as_many_steps_with_a_history_as_without(sqlite_url: str, steps: sqlite3.Connection) -> None:
    database = await open_database(sqlite_url)
    try:
        await database.write(fill(Dialect.SQLITE, ACTIVE, ACTIVE_COUNT, 1))
        await database.write(fill(Dialect.SQLITE, INVALIDATED, ACTIVE_COUNT, 1_000_001))
        await database.write(review())
        before = {shape: steps_of(steps, shape.statement(Dialect.SQLITE)) for shape in SHAPES}
        await database.write(fill(Dialect.SQLITE, INVALIDATED, HISTORY, 2_000_001))
        await database.write(review(2_000_001))
    finally:
        await database.close()
    for shape in SHAPES:
        (least, rows), (most, _) = before[shape], steps_of(steps, shape.statement(Dialect.SQLITE))
        assert rows > 0, shape.name
        assert most <= 1.5 * least, shape.name
        assert most < 200 * 101, shape.name  # far below one pass over the active ones


@pytest.mark.parametrize("asked", [ViolationFilter(), ViolationFilter(visible_terminals=("t0", "t1"))])
async def test_sqlite_lists_drivers_in_as_many_steps_with_a_history_as_without(
    sqlite_url: str, steps: sqlite3.Connection, asked: ViolationFilter
) -> None:
    database = await open_database(sqlite_url)
    try:
        await database.write(fill(Dialect.SQLITE, ACTIVE, ACTIVE_COUNT, 1))
        before, drivers = steps_of_drivers(steps, asked)
        await database.write(fill(Dialect.SQLITE, INVALIDATED, HISTORY, 2_000_001))
    finally:
        await database.close()
    after, _ = steps_of_drivers(steps, asked)
    assert drivers == 51
    assert after <= 1.1 * before


async def test_sqlite_costs_the_same_at_any_depth(sqlite_url: str, steps: sqlite3.Connection) -> None:
    database = await open_database(sqlite_url)
    try:
        await database.write(fill(Dialect.SQLITE, ACTIVE, HISTORY, 1))
        await database.write(review())
    finally:
        await database.close()
    filters = [ViolationFilter(), ViolationFilter(review_statuses=(0,)), ViolationFilter(review_statuses=(1,))]
    places = [Position(START + number * 1_000_000, f"v{number}") for number in (HISTORY - 300, HISTORY // 2, 300)]
    for asked in filters:
        costs = [steps_of(steps, Shape("", asked, after=place).statement(Dialect.SQLITE)) for place in places]
        assert [rows for _, rows in costs] == [101, 101, 101]
        assert max(cost for cost, _ in costs) <= 1.1 * min(cost for cost, _ in costs)


async def test_sqlite_sorts_no_export_in_the_default_order(sqlite_url: str, steps: sqlite3.Connection) -> None:
    for statuses in ((ACTIVE,), BOTH):
        statement = all_in_order(Dialect.SQLITE, ViolationFilter(statuses=statuses), ORDERS[NEWEST_FIRST])
        plan = steps.execute("EXPLAIN QUERY PLAN " + statement.sql, statement.args).fetchall()
        details = [row[3] for row in plan]
        assert "USE TEMP B-TREE FOR ORDER BY" not in details
        assert sum("violations_status_start" in detail for detail in details) == len(statuses)


async def test_sqlite_finds_one_violation_by_its_id(steps: sqlite3.Connection) -> None:
    plan = [row[3] for row in steps.execute("EXPLAIN QUERY PLAN " + ONE_WITH_REVIEW.replace("$", "?"), ("v",))]
    looks = [detail for detail in plan if not detail.startswith("CORRELATED")]
    assert len(looks) == 3
    assert all(detail.startswith("SEARCH") for detail in looks)


async def test_sqlite_looks_up_the_newest_review_by_its_index(steps: sqlite3.Connection) -> None:
    for as_of in (None, 5):
        statement = Shape("", ViolationFilter(review_statuses=(1,), as_of=as_of)).statement(Dialect.SQLITE)
        plan = steps.execute("EXPLAIN QUERY PLAN " + statement.sql.replace("$", "?"), statement.args).fetchall()
        looks = [row[3] for row in plan if " r " in row[3]]
        assert looks
        assert all("SEARCH r USING INDEX reviews_violation" in look for look in looks)


async def test_postgresql_touches_few_pages(postgresql_url: str) -> None:
    database = await open_database(postgresql_url)
    try:
        await database.write(fill(Dialect.POSTGRESQL, ACTIVE, ACTIVE_COUNT, 1))
        await database.write(fill(Dialect.POSTGRESQL, INVALIDATED, HISTORY, 2_000_001))
        await database.write(review())
        await database.fetch("ANALYZE reviews")
        await database.fetch("ANALYZE violations")
        await database.fetch("ANALYZE events")
        for shape in SHAPES:
            statement = shape.statement(Dialect.POSTGRESQL)
            rows = await database.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {statement.sql}", *statement.args)
            plan = "\n".join(row[0] for row in rows)
            assert "Seq Scan" not in plan, f"{shape.name}\n{plan}"
            total = next(row[0] for row in rows if "Buffers:" in row[0])
            pages = sum(int(part.partition("=")[2]) for part in total.split() if part.startswith(("hit=", "read=")))
            assert 0 < pages < 1_200, f"{shape.name}\n{plan}"
    finally:
        await database.close()
