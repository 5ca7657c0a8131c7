"""A database as a dashboard meets it: a year of violations that ends now, of which few are active.

The fixtures of the reading benchmarks have all violations of one log date, each in one event. Pages count by log date
and compare with a day before, so here starts and log dates go over a year, and those of the last month were created
first and invalidated later, as versions tell.
"""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import psycopg

from app.db.database import open_database
from app.db.migrate import upgrade
from app.first_start import SAMPLE_EVENT
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from app.maven.times import DAY, HOUR, SECOND, format_time
from bench.fixtures import ACTIVE, DRIVERS

_CHUNK = 2_000
_MONTH = 31 * DAY
_TYPES = ("shift_drive", "shift_drive", "shift", "break", "cycle")
_DURATIONS = ("0:07", "0:40", "1:15", "1:50", "2:20", "2:59", "3:30")
Batch = tuple[int, list[bytes]]


def _event(number: int, total: int, now: int, chance: random.Random) -> dict[str, object]:
    """Creation of violation `number` of `total`; active ones are of each driver in turn."""
    start = now - 365 * DAY - 2 * HOUR + 365 * DAY * number // total
    every = total // ACTIVE
    driver = (number // every if number % every == 0 else chance.randrange(DRIVERS)) % DRIVERS
    event: dict[str, object] = orjson.loads(SAMPLE_EVENT)
    event |= {
        "id": f"{chance.getrandbits(128):032x}",
        "driverId": f"DRIVER{driver:05d}",
        "driverName": f"Driver {driver:05d}, Pat",
        "terminalCode": f"T{chance.randrange(20):02d}",
        "powerUnitNumber": f"Truck {chance.randrange(2000)}",
        "type": chance.choice(_TYPES),
        "duration": chance.choice(_DURATIONS),
        "logDate": datetime.fromtimestamp(start // SECOND, UTC).date().isoformat(),
        "startTime": format_time(start),
        "eventTime": format_time(start + HOUR),
    }
    return event


def _batches(total: int, now: int) -> Iterator[Batch]:
    """When each was received, and its events, oldest first."""
    chance = random.Random(1)
    every = total // ACTIVE
    step = 365 * DAY * _CHUNK // total
    for first in range(0, total, _CHUNK):
        received_at = now - 365 * DAY + 365 * DAY * first // total + step // 3
        events = [(n % every == 0, _event(n, total, now, chance)) for n in range(first, min(first + _CHUNK, total))]
        over = [event | {"eventType": "violationInvalidated"} for is_active, event in events if not is_active]
        if received_at < now - _MONTH:
            yield received_at, [orjson.dumps(e) for e in [*(e for is_active, e in events if is_active), *over]]
        else:
            yield received_at, [orjson.dumps(event) for _, event in events]
            yield received_at + step // 3, [orjson.dumps(event) for event in over]


async def _fill(url: str, total: int, now: int) -> None:
    database = await open_database(url)
    for received_at, events in _batches(total, now):
        read = read_delivery(b"[" + b",".join(events) + b"]", _CHUNK)
        await database.write(keep_deliveries(database.dialect, [Delivery(read, Channel.WEBHOOK)], received_at))
    await database.close()


def fill_past_year(url: str, total: int, now: int) -> None:
    """Makes the database at `url` hold `total` violations of the year before `now`, `ACTIVE` of them active."""
    upgrade(url)
    asyncio.run(_fill(url, total, now))
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:  # as autovacuum does within its minute
            connection.execute("VACUUM (ANALYZE)")
