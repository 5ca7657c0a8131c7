"""What taking in an event costs on ten million stored violations, as a multiple of what it costs on ten thousand.

The large database is made by the database itself, of one violation that the product stored: a year of receipts, random
ids, each event with its own payload, in the tables and indexes that the product has. Both are asked in turn.
"""

import asyncio
import sqlite3
import statistics
import time
from dataclasses import dataclass
from typing import assert_never

import orjson
import psycopg

from app.db.database import open_database
from app.db.migrate import upgrade
from app.db.statements import Dialect, shape_of
from app.db.urls import dialect_of, sqlite_path
from app.first_start import SAMPLE_EVENT
from app.inbox.model import Channel, EventRow
from app.inbox.months import NUMBERS, Month, make_month, month_of
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from app.maven.times import DAY
from app.violations.model import ViolationRow
from bench.fixtures import ACTIVE
from bench.ingest import Setting, requests_of, serve_product, single_events

SMALL = 10_000
LARGE = 10_000_000
DEFAULT_ROWS = 1_000_000
"""Of the other benchmarks."""
MONTHS = 12
TEMPLATE = "template-of-all-violations"


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two databases say differently."""

    numbers: str
    random_id: str
    payload: str


_WORDS = {
    Dialect.SQLITE: _Words(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {total} - 1)",
        "lower(hex(randomblob(16)))",
        "CAST(replace(CAST(t.payload AS TEXT), '{template}', v.id) AS BLOB)",
    ),
    Dialect.POSTGRESQL: _Words(
        "WITH n(i) AS (SELECT generate_series(0::bigint, {total} - 1))",
        "replace(gen_random_uuid()::text, '-', '')",
        "convert_to(replace(convert_from(t.payload, 'UTF8'), '{template}', v.id), 'UTF8')",
    ),
}


def _statements(dialect: Dialect, total: int, first: Month, now: int) -> list[str]:
    """The SQL that multiplies the one violation there is. Number `i` was received in month `i * MONTHS / total`."""
    words = _WORDS[dialect]
    month = f"({first.index} + n.i * {MONTHS} / {total})"
    seq = f"({month} * {NUMBERS} + n.i)"
    received_at = f"({now} - 366 * {DAY} + n.i * (365 * {DAY} / {total}))"
    status = f"(CASE WHEN n.i % {max(1, total // ACTIVE)} = 0 THEN 0 ELSE 1 END)"
    violation = {
        "pk": "t.pk + 1 + n.i",
        "id": words.random_id,
        "driver_id": "'DRIVER' || (n.i * 7919 % 1000)",
        "terminal_code": "'T' || (n.i % 20)",
        "start_time": received_at,
        "status": status,
        "details_seq": seq,
        "creation_seq": seq,
        "first_received_at": received_at,
        "last_received_at": received_at,
    }
    event = {
        "seq": "v.details_seq",
        "violation_pk": "v.pk",
        "identity": f"v.id || {words.random_id}",
        "received_at": "v.first_received_at",
        "details_seq": "v.details_seq",
        "payload": words.payload.format(template=TEMPLATE),
    }
    return [
        "CREATE TEMP TABLE one_violation AS SELECT * FROM violations",
        "CREATE TEMP TABLE one_event AS SELECT * FROM events",
        (
            f"{words.numbers.format(total=total)} INSERT INTO violations ({_names(ViolationRow)})"
            f" SELECT {_values(ViolationRow, violation)} FROM n CROSS JOIN one_violation AS t"
        ),
        (
            f"INSERT INTO events ({_names(EventRow)}) SELECT {_values(EventRow, event)} FROM violations AS v"
            f" CROSS JOIN one_event AS t WHERE v.id <> '{TEMPLATE}'"
        ),
    ]


def _names(model: type[ViolationRow] | type[EventRow]) -> str:
    return ", ".join(shape_of(model).columns)


def _values(model: type[ViolationRow] | type[EventRow], given: dict[str, str]) -> str:
    return ", ".join(given.get(name, f"t.{name}") for name in shape_of(model).columns)


async def _store_template(url: str, first: Month, received_at: int, now: int) -> None:
    """The one violation, and on PostgreSQL tables for all months."""
    database = await open_database(url)
    event = orjson.dumps(orjson.loads(SAMPLE_EVENT) | {"id": TEMPLATE})
    delivery = Delivery(read_delivery(event, 1), Channel.WEBHOOK)
    await database.write(keep_deliveries(database.dialect, [delivery], received_at))
    if database.dialect is Dialect.POSTGRESQL:
        for index in range(first.index, month_of(now).index):
            await database.write(make_month(Month(index)))
    await database.close()


def fill_by_database(url: str, total: int, now: int) -> None:
    """Makes the database at `url` hold `total` violations and one more, of the year before `now`."""
    upgrade(url)
    first = Month(month_of(now).index - MONTHS + 1)
    asyncio.run(_store_template(url, first, now - 400 * DAY, now))
    indexes = {
        "violations_id": "CREATE UNIQUE INDEX violations_id ON violations (id)",
        "violations_status_start": "CREATE INDEX violations_status_start ON violations (status, start_time)",
        "violations_driver": "CREATE INDEX violations_driver ON violations"
        " (status, driver_id, start_time, type, egregious, terminal_code)",
    }
    ledger = (
        "UPDATE ledger SET last_seq = (SELECT max(seq) FROM events),"
        f" last_violation_pk = (SELECT max(pk) FROM violations), last_received_at = {now}"
    )
    dialect = dialect_of(url)
    statements = [
        *(f"DROP INDEX {name}" for name in indexes),
        *_statements(dialect, total, first, now),
        *indexes.values(),
        ledger,
    ]
    match dialect:
        case Dialect.SQLITE:
            connection = sqlite3.connect(sqlite_path(url), isolation_level=None)
            for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -500000", "temp_store = file"):
                connection.execute(f"PRAGMA {pragma}")
            for statement in statements:
                connection.execute(statement)
            connection.execute("PRAGMA journal_mode = wal")
            connection.close()
        case Dialect.POSTGRESQL:
            with psycopg.connect(url, autocommit=True) as server:
                for statement in ("SET synchronous_commit = off", "SET maintenance_work_mem = '1GB'", *statements):
                    server.execute(statement)
                server.execute("VACUUM (ANALYZE)")
                server.execute("CHECKPOINT")
        case _:
            assert_never(dialect)


def _compare(setting: Setting, name: str, small: str, large: str) -> None:
    now = time.time_ns() // 1000
    rows = setting.rows if setting.rows != DEFAULT_ROWS else LARGE
    fill_by_database(small, SMALL, now)
    fill_by_database(large, rows, now)
    ratios: list[float] = []
    rates: list[float] = []
    for number in range(setting.rounds):
        requests = requests_of(5000 + number, setting.seconds)
        found = []
        for url in (small, large) if number % 2 == 0 else (large, small):
            with serve_product(url) as server:
                found.append((url, single_events(server, requests, setting.seconds).rate))
        rate = dict(found)
        ratios.append(rate[small] / rate[large])
        rates.append(rate[large])
    note = f"{statistics.median(rates):,.0f} events/s on the large one"
    setting.report.at_most(f"cost of an event, {rows:,} stored / {SMALL:,}, {name}", ratios, 1.3, "x", note)


def size_sqlite(setting: Setting) -> None:
    """Durable ingest of single events on a large SQLite file and on a small one."""
    _compare(setting, "SQLite", setting.new_sqlite(), setting.new_sqlite())


def size_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL."""
    _compare(setting, "PostgreSQL", setting.new_postgresql(), setting.new_postgresql())
