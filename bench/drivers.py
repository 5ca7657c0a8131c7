"""Which PostgreSQL driver, and which way to hand it rows: the product's two inserts, in transactions of 40 events.

What is compared is the CPU time of this process per event, because on one core that is what bounds ingest; the server
has the other one. The baseline is psycopg's executemany.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import psycopg
import uvloop

from app.db.postgresql import replace_arguments, replace_sql
from app.db.statements import Dialect, Insert, WriteScript, shape_of
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from bench.events import make_events
from bench.ingest import Setting

EVENTS, BATCH = 6000, 40
Batch = Sequence[Insert]


def _batches() -> list[Batch]:
    """What the product would insert, taken from its own script."""
    events = (read_delivery(event, 1) for event in itertools.islice(make_events(11), EVENTS))
    batches: list[Batch] = []
    last = 0
    while deliveries := [Delivery(read, Channel.WEBHOOK) for read in itertools.islice(events, BATCH)]:
        batches.append(_inserts_of(keep_deliveries(Dialect.POSTGRESQL, deliveries, 1), last))
        last += len(deliveries)
    return batches


def _inserts_of(script: WriteScript[object], last: int) -> Batch:
    found: list[Insert] = []
    statement = next(script)
    while True:
        if isinstance(statement, Insert):
            found.append(statement)
        try:
            statement = script.send([(last, last, 0)] if "FROM ledger" in getattr(statement, "sql", "") else [])
        except StopIteration:
            return found


async def _asyncpg(
    url: str, batches: Sequence[Batch], run: Callable[[asyncpg.Connection, Insert], Awaitable[object]]
) -> float:
    connection = await asyncpg.connect(url)
    began = time.process_time()
    for batch in batches:
        async with connection.transaction():
            for insert in batch:
                await run(connection, insert)
    spent = time.process_time() - began
    await connection.close()
    return spent


def _arrays_sql(insert: Insert) -> str:
    shape = shape_of(insert.model)
    arrays = ", ".join(f"${n}::{t}[]" for n, t in enumerate(shape.postgresql_types, start=1))
    return f"INSERT INTO {shape.name} ({', '.join(shape.columns)}) SELECT * FROM unnest({arrays})"


async def _with_document(url: str, batches: Sequence[Batch]) -> float:
    return await _asyncpg(
        url, batches, lambda c, i: c.execute(replace_sql(i.model), *replace_arguments(i.model, i.rows))
    )


async def _with_arrays(url: str, batches: Sequence[Batch]) -> float:
    return await _asyncpg(url, batches, lambda c, i: c.execute(_arrays_sql(i), *zip(*i.rows, strict=True)))


async def _with_copy(url: str, batches: Sequence[Batch]) -> float:
    return await _asyncpg(
        url,
        batches,
        lambda c, i: c.copy_records_to_table(shape_of(i.model).name, records=i.rows, columns=shape_of(i.model).columns),
    )


async def _with_psycopg(url: str, batches: Sequence[Batch]) -> float:
    connection = await psycopg.AsyncConnection.connect(url)
    began = time.process_time()
    for batch in batches:
        async with connection.cursor() as cursor:
            for insert in batch:
                shape = shape_of(insert.model)
                marks = ", ".join(["%s"] * len(shape.columns))
                sql = f"INSERT INTO {shape.name} ({', '.join(shape.columns)}) VALUES ({marks})"
                await cursor.executemany(sql.encode(), insert.rows)
        await connection.commit()
    spent = time.process_time() - began
    await connection.close()
    return spent


def compare(setting: Setting) -> None:
    """CPU time of psycopg's executemany over that of each other way."""
    batches = _batches()
    ways = {
        "asyncpg, COPY (as shipped)": _with_copy,
        "asyncpg, one JSON document": _with_document,
        "asyncpg, an array per column": _with_arrays,
    }
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    baseline: list[float] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(setting.rounds):
            spent = runner.run(_with_psycopg(setting.new_postgresql(), batches))
            baseline.append(spent / EVENTS * 1e6)
            for name, way in ways.items():
                ratios[name].append(spent / runner.run(way(setting.new_postgresql(), batches)))
    note = f"psycopg {min(baseline):.0f} µs/event"
    for name, values in ratios.items():
        setting.report.at_least(f"psycopg executemany / {name}, client CPU", values, 1, "x", note)
