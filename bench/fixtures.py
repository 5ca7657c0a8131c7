"""Databases of a given size, filled through the product's own store, without HTTP."""

import asyncio
import itertools
import random
from collections.abc import Iterator

import orjson
import psycopg

from app.db.database import Database, open_database
from app.db.migrate import upgrade
from app.first_start import SAMPLE_EVENT
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from app.maven.times import format_time
from bench.events import EPOCH

ACTIVE = 5_000
"""Violations that are active, in a small database and in a large one alike."""

DRIVERS = 1_000
_CHUNK = 2_000


def _history(seed: int, total: int) -> Iterator[bytes]:
    """`ACTIVE` creations spread evenly among invalidations of other violations, `total` in all."""
    chance = random.Random(seed)
    every = total // ACTIVE
    event = orjson.loads(SAMPLE_EVENT)
    for number in range(total):
        active = number % every == 0
        start = EPOCH + number * 1_000_000
        event["eventType"] = "violationCreated" if active else "violationInvalidated"
        event["id"] = f"{chance.getrandbits(128):032x}"
        event["driverId"] = f"DRIVER{(number // every if active else chance.randrange(DRIVERS)) % DRIVERS:05d}"
        event["driverName"] = f"Driver {event['driverId'][6:]}, Pat"
        event["terminalCode"] = f"T{number % 20:02d}"
        event["startTime"] = format_time(start)
        event["eventTime"] = format_time(start + 3_600_000_000)
        yield orjson.dumps(event)


async def _fill(url: str, total: int) -> None:
    database: Database = await open_database(url)
    events = _history(1, total)
    now = EPOCH
    while chunk := list(itertools.islice(events, _CHUNK)):
        now += 1_000_000
        read = read_delivery(b"[" + b",".join(chunk) + b"]", _CHUNK)
        await database.write(keep_deliveries(database.dialect, [Delivery(read, Channel.WEBHOOK)], now))
    await database.close()


def fill(url: str, total: int) -> None:
    """Makes the database at `url` hold `total` violations, `ACTIVE` of them active."""
    upgrade(url)
    asyncio.run(_fill(url, total))
    if url.startswith("postgresql"):
        # What autovacuum does within its minute. A small database is done in that time, so that without this a large
        # one would be compared that has no statistics yet, and whose indexes cannot answer without the table.
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
