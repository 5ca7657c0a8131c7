"""Several writers of one database at a time: the state is that of the set, and `seq` is the order of commits."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from app.db.database import Database, open_database
from tests.events import CREATED, EVENT_TIMES, INVALIDATED, Told
from tests.maven.examples import as_bytes, violation_data
from tests.violations.stored import assert_holds, delivery, keep, words

ROOT = Path(__file__).parents[2]


def random_events(source: random.Random, count: int, ids: Sequence[str]) -> list[Told]:
    events = []
    for _ in range(count):
        event_type = source.choice([CREATED, CREATED, INVALIDATED])
        data = violation_data(
            id=source.choice(ids), eventTime=source.choice(EVENT_TIMES), driverName=source.choice(["A", "B", "C"])
        )
        events.append(Told(event_type, data, as_bytes({"eventType": event_type, **data})))
    return events


def random_batches(source: random.Random, events: Sequence[Told]) -> list[list[Told]]:
    batches = []
    left = list(events)
    while left:
        size = source.randint(1, 6)
        batches.append(left[:size])
        left = left[size:]
    return batches


@asynccontextmanager
async def opened(url: str, count: int) -> AsyncIterator[list[Database]]:
    async with AsyncExitStack() as stack:
        databases = []
        for _ in range(count):
            database = await open_database(url, pool_size=2)
            stack.push_async_callback(database.close)
            databases.append(database)
        yield databases


async def follow(database: Database, done: asyncio.Event) -> list[int]:
    """Reads the events as a client of the changes feed does: always what comes after the last one seen."""
    seen: list[int] = []
    last = 0
    while True:
        is_last_look = done.is_set()
        rows = await database.fetch("SELECT seq FROM events WHERE seq > $1 ORDER BY seq LIMIT 7", last)
        seen += [row[0] for row in rows]
        if rows:
            last = seen[-1]
        elif is_last_look:
            return seen
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(4))
async def test_writers_that_interleave_hold_the_state_of_the_set(database_url: str, seed: int) -> None:
    source = random.Random(seed)
    ids = [f"v{n}" for n in range(source.choice([1, 3, 8]))]
    events = random_events(source, 60, ids)
    async with opened(database_url, 4) as (first, second, third, reader):
        done = asyncio.Event()
        following = asyncio.create_task(follow(reader, done))
        outcomes: list[str] = []

        async def write(database: Database, batches: list[list[Told]]) -> None:
            for batch in batches:
                kept = await database.write(keep(database, [delivery(batch)], source.randint(1, 100)))
                outcomes.extend(words(kept))

        # Each writer brings all events, in an order and in batches of its own.
        shuffled = [source.sample(events, len(events)) for _ in range(3)]
        await asyncio.gather(
            *(
                write(database, random_batches(source, order))
                for database, order in zip((first, second, third), shuffled, strict=True)
            )
        )
        done.set()
        seen = await following
        distinct = {event.identity for event in events}
        assert seen == list(range(1, len(distinct) + 1))
        assert len(outcomes) == 3 * len(events)
        assert sum(outcome != "duplicate" for outcome in outcomes) == len(distinct)
        await assert_holds(first, events)


BESIDE = """
import asyncio, json, sys
from app.db.database import open_database
from tests.events import Told
from tests.violations.stored import delivery, keep

async def main(url):
    database = await open_database(url)
    print("ready", flush=True)
    for line in sys.stdin:
        batch = [Told(e["eventType"], {}, json.dumps(e).encode()) for e in json.loads(line)]
        await database.write(keep(database, [delivery(batch)], 5))
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_another_process_writes_beside(database_url: str) -> None:
    source = random.Random(7)
    events = random_events(source, 120, ["v1", "v2", "v3"])
    theirs, ours = source.sample(events, 120), source.sample(events, 120)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BESIDE, database_url, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        lines = [
            json.dumps([{"eventType": e.event_type, **e.data} for e in batch]) + "\n"
            for batch in random_batches(source, theirs)
        ]
        process.stdin.write("".join(lines).encode())
        process.stdin.close()
        async with opened(database_url, 1) as (database,):
            for batch in random_batches(source, ours):
                await database.write(keep(database, [delivery(batch)], 5))
            assert await asyncio.wait_for(process.wait(), 30) == 0
            await assert_holds(database, events)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
