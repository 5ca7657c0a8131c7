"""The duty log: arrays of a thousand records written durably on one core, and a driver's eight days among many records.

The large log is made by the database itself, of one record that the product stored: a thousand drivers, fifty records a
day each, in the order in which they happened. Eight days are asked of drivers by turns, in the last days of both logs.
"""

import asyncio
import json
import random
import sqlite3
import statistics
from collections.abc import Iterator
from typing import assert_never
from uuid import UUID

import psycopg

from app.db.database import open_database
from app.db.migrate import upgrade
from app.db.statements import Dialect, shape_of
from app.db.urls import dialect_of, sqlite_path
from app.duty_log.model import DutyRecordRow
from app.duty_log.terms import Terms
from app.duty_log.writing import keep_records
from app.maven.times import DAY, format_millis, parse_time
from bench.ingest import Setting, serve_product
from bench.load import get, post, run_load
from bench.servers import ADMIN_KEY

PATH = "/api/v2/driverHistories"
ARRAY = 1000
LEAST_RECORDS = 10_000
"""Records a second on one core."""

SMALL = 500_000
LARGE = 50_000_000
DEFAULT_ROWS = 1_000_000
DRIVERS = 1000
A_DAY = 50 * DRIVERS
DAYS = 8
FIRST = parse_time("2022-01-01T00:00:00Z")

_EVENTS = ("OnDuty", "Driving", "Inter", "Inter", "OffDuty", "Sleeper")


def _record(chance: random.Random, number: int) -> dict[str, object]:
    driver = chance.randrange(DRIVERS)
    return {
        "userId": driver + 1,
        "uuid": str(UUID(int=chance.getrandbits(128))),
        "vin": "1M8GDM9AXKP042000",
        "recordStatus": "Active",
        "username": f"driver{driver}@example.com",
        "eventType": _EVENTS[number % len(_EVENTS)],
        "recordOrigin": "Auto",
        "eventTime": format_millis(FIRST + number * DAY // A_DAY),
        "assetId": 1000 + driver,
        "location": "2mi NW North Las Vegas, NV",
        "latitude": 36.217570,
        "longitude": -115.142155,
        "odometerKm": 504326.685,
        "engineHours": "PT64595520S",
        "gpsSource": "MOBILE_DEVICE",
        "odometerSource": "ECU",
        "regulationMode": "ELD",
        "speedKph": 15.588,
        "state": "NV",
    }


def _arrays(seed: int, seconds: float) -> list[bytes]:
    """More arrays than are taken in that time, made before the clock runs."""
    chance = random.Random(seed)
    return [
        post(PATH, json.dumps([_record(chance, n * ARRAY + m) for m in range(ARRAY)]).encode(), ADMIN_KEY)
        for n in range(int(40 * seconds))
    ]


def _write(setting: Setting, name: str, url: str) -> None:
    rates: list[float] = []
    for number in range(setting.rounds):
        arrays = iter(_arrays(number, setting.seconds))
        with serve_product(url) as server:
            run_load(server.port, arrays, connections=2, seconds=0.5)
            rates.append(run_load(server.port, arrays, connections=2, seconds=setting.seconds).rate * ARRAY)
    setting.report.at_least(f"duty records a second, in arrays of {ARRAY:,}, {name}", rates, LEAST_RECORDS)


def write_sqlite(setting: Setting) -> None:
    """Durable arrays on SQLite."""
    _write(setting, "SQLite", setting.new_sqlite())


def write_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL."""
    _write(setting, "PostgreSQL", setting.new_postgresql())


async def _store_template(url: str) -> None:
    database = await open_database(url)
    record = {**_record(random.Random(1), 0), "uuid": _TEMPLATE}
    await database.write(keep_records(database.dialect, [record], Terms(FIRST, 1, is_strict=False)))  # type: ignore[list-item]
    await database.close()


_TEMPLATE = "00000000-0000-4000-8000-000000000000"


def _statements(dialect: Dialect, total: int) -> list[str]:
    """The SQL that multiplies the one record there is."""
    spread = "(n.i * 2654435761) % 4294967296"
    match dialect:
        case Dialect.SQLITE:
            numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {total})"
            uuid = f"printf('%08x-0000-4000-8000-%012x', {spread}, n.i)"
            shown = f"CAST(replace(CAST(t.shown AS TEXT), '{_TEMPLATE}', {uuid}) AS BLOB)"
        case Dialect.POSTGRESQL:
            numbers = f"WITH n(i) AS (SELECT generate_series(1::bigint, {total}))"
            uuid = f"lpad(to_hex({spread}), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(n.i), 12, '0')"
            shown = f"convert_to(replace(convert_from(t.shown, 'UTF8'), '{_TEMPLATE}', {uuid}), 'UTF8')"
        case _:
            assert_never(dialect)
    at = f"({FIRST} + n.i * {DAY // A_DAY})"
    given = {
        "id": "t.id + n.i",
        "uuid": uuid,
        "user_id": f"(n.i * 7919 % {DRIVERS} + 1)",
        "asset_id": f"(n.i * 7919 % {DRIVERS} + 1001)",
        "event_time": at,
        "changed_at": at,
        "received_at": at,
        "shown": shown,
    }
    columns = shape_of(DutyRecordRow).columns
    values = ", ".join(given.get(name, f"t.{name}") for name in columns)
    return [
        "CREATE TEMP TABLE one_record AS SELECT * FROM duty_records",
        f"{numbers} INSERT INTO duty_records ({', '.join(columns)}) SELECT {values} FROM n CROSS JOIN one_record AS t",
        f"UPDATE duty_ledger SET last_id = {total + 1}, last_changed_at = {FIRST + total * (DAY // A_DAY)}",
    ]


def fill_log(url: str, total: int) -> None:
    """Makes the database at `url` hold `total` records and one more."""
    upgrade(url)
    asyncio.run(_store_template(url))
    statements = _statements(dialect_of(url), total)
    match dialect_of(url):
        case Dialect.SQLITE:
            connection = sqlite3.connect(sqlite_path(url), isolation_level=None)
            for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -500000", "temp_store = file"):
                connection.execute(f"PRAGMA {pragma}")
            found = (
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'duty_records' AND sql <> ''"
            )
            indexes = connection.execute(found).fetchall()
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}")
            for statement in (*statements, *(sql for _, sql in indexes)):
                connection.execute(statement)
            connection.execute("PRAGMA journal_mode = wal")
            connection.close()
        case Dialect.POSTGRESQL:
            with psycopg.connect(url, autocommit=True) as server:
                server.execute("SET synchronous_commit = off")
                server.execute("SET maintenance_work_mem = '1GB'")
                found = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'duty_records'"
                rows = [row for row in server.execute(found).fetchall() if not row[0].endswith("_pkey")]
                for name, _ in rows:
                    server.execute(f"DROP INDEX {name}")
                for statement in (*statements, *(sql for _, sql in rows)):
                    server.execute(statement)
                server.execute("VACUUM (ANALYZE) duty_records")
                server.execute("CHECKPOINT")
        case _:
            assert_never(dialect_of(url))


def _eight_days(total: int, seed: int) -> Iterator[bytes]:
    """A driver's last eight days, of one driver after the other."""
    chance = random.Random(seed)
    end = FIRST + total * (DAY // A_DAY)
    times = f"from-event-time={format_millis(end - DAYS * DAY)}&to-event-time={format_millis(end)}"
    while True:
        yield get(f"{PATH}?user-id={chance.randrange(DRIVERS) + 1}&{times}&sort=event-time", ADMIN_KEY)


def _compare(setting: Setting, name: str, small: str, large: str) -> None:
    rows = setting.rows if setting.rows != DEFAULT_ROWS else LARGE
    sizes = {small: SMALL, large: rows}
    for url, total in sizes.items():
        fill_log(url, total)
    ratios: list[float] = []
    medians: list[float] = []
    for number in range(setting.rounds):
        cost = {}
        for url in (small, large) if number % 2 == 0 else (large, small):
            with serve_product(url) as server:
                # Once through all drivers, so that both have in memory what is asked for.
                run_load(server.port, _eight_days(sizes[url], number), connections=1, seconds=setting.seconds)
                result = run_load(server.port, _eight_days(sizes[url], number), connections=1, seconds=setting.seconds)
                cost[url] = result.percentile(0.5)
        ratios.append(cost[large] / cost[small])
        medians.append(cost[large])
    note = f"{statistics.median(medians) * 1000:.2f} ms on the large one"
    setting.report.at_most(f"a driver's 8 days, {rows:,} records / {SMALL:,}, {name}", ratios, 1.3, "x", note)


def days_sqlite(setting: Setting) -> None:
    """A driver's eight days in a large log and in a small one, on SQLite."""
    _compare(setting, "SQLite", setting.new_sqlite(), setting.new_sqlite())


def days_postgresql(setting: Setting) -> None:
    """The same on PostgreSQL."""
    _compare(setting, "PostgreSQL", setting.new_postgresql(), setting.new_postgresql())
