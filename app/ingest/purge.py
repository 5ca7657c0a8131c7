"""`purge`: the end of what must no longer be kept (contract section 3, `HOS_RETENTION_DAYS`).

A violation goes whole or not at all: its row, its earlier versions, its events and its reviews, when the last of its
events was received before the limit. Carriers must keep records of duty status for six months from the date of receipt
(49 CFR 395.8(k)(1)); `LEAST_DAYS` is that, and the roof asks for more than a slip of the pen to go below.

What a legal hold covers stays, whatever its age; and while one is in force the quarantine stays too, for nobody can
say of which driver an entry is.

It may run beside `serve`: every transaction is small, and between two of them others get as long a turn.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.db.arguments import any_of, list_argument
from app.db.database import Database
from app.db.statements import Dialect, Execute, Fetch, WriteScript
from app.holds.store import cover_in_force, keys_covered
from app.inbox.months import Month
from app.inbox.store import open_ledger
from app.ingest.old_months import USUAL, Patience, besides, drop_month, months_before
from app.reviews.store import delete_reviews

LEAST_DAYS = 183
"""Six months as the contract counts them."""

SPAN = 5000
"""Keys of violations looked at in one query."""
MOST_VIOLATIONS = 500
MOST_EVENTS = 2000
"""Of one transaction; a single violation may have more."""


@dataclass(slots=True)
class Purged:
    """What went, or with a dry run would go."""

    violations: int = 0
    events: int = 0
    quarantined: int = 0
    held: int = 0
    """Violations that are as old, and stay because of holds."""
    is_quarantine_held: bool = False
    """Whether a hold kept the quarantine that was to be deleted too."""


async def purge(
    database: Database,
    before: int,
    *,
    quarantine_too: bool,
    dry_run: bool,
    clock: Callable[[], int],
    on_progress: Callable[[int, int], None],
    patience: Patience = USUAL,
) -> Purged:
    """Deletes violations whose last event was received before `before` (microseconds since 1970 UTC), and with
    `quarantine_too` the quarantine entries that came last before it.

    `on_progress` is told how many keys are done, and of how many. Raises what `Database` raises; what was deleted until
    then stays deleted, and another run goes on from there.
    """
    purged = Purged()
    months = [] if dry_run else await database.read(months_before(database.dialect, before))
    most = (await database.fetch("SELECT last_violation_pk FROM ledger WHERE pk = 1"))[0][0]
    first = start = await _next_key(database, 0)
    while start is not None and start <= most:
        last = min(start + SPAN - 1, most)
        rows = await database.fetch(
            "SELECT pk FROM violations WHERE pk >= $1 AND pk <= $2 AND last_received_at < $3 ORDER BY pk",
            *(start, last, before),
        )
        held = await database.read(keys_covered(database.dialect, [row[0] for row in rows]))
        purged.held += len(held)
        async for keys, events in _portions(database, [row[0] for row in rows if row[0] not in held]):
            if dry_run:
                purged.violations += len(keys)
                purged.events += events
                continue
            began = time.monotonic()
            gone = await database.write(_delete(database.dialect, keys, before, clock(), months))
            purged.violations += gone.violations
            purged.events += gone.events
            purged.held += gone.held
            await asyncio.sleep(time.monotonic() - began)
        assert first is not None
        on_progress(last - first + 1, most - first + 1)
        start = await _next_key(database, last)
    for month in months:
        purged.events += await drop_month(database, month, clock(), patience)
    if quarantine_too:
        await _purge_quarantine(database, before, dry_run, purged)
    return purged


async def _next_key(database: Database, after: int) -> int | None:
    key: int | None = (await database.fetch("SELECT min(pk) FROM violations WHERE pk > $1", after))[0][0]
    return key


async def _portions(database: Database, keys: Sequence[int]) -> AsyncIterator[tuple[list[int], int]]:
    """Keys in portions for one transaction each, with the number of their events."""
    for n in range(0, len(keys), MOST_VIOLATIONS):
        some = keys[n : n + MOST_VIOLATIONS]
        rows = await database.fetch(
            "SELECT violation_pk, count(*) FROM events"
            f" WHERE violation_pk IN {any_of(database.dialect, 1, 'bigint')} GROUP BY violation_pk",
            list_argument(database.dialect, some),
        )
        counts = {row[0]: row[1] for row in rows}
        portion: list[int] = []
        events = 0
        for key in some:
            count = counts.get(key, 0)
            if portion and events + count > MOST_EVENTS:
                yield portion, events
                portion, events = [], 0
            portion.append(key)
            events += count
        yield portion, events


class _Gone(NamedTuple):
    """What one transaction deleted, and how many violations a hold kept from it."""

    violations: int = 0
    events: int = 0
    held: int = 0


def _delete(
    dialect: Dialect, keys: Sequence[int], before: int, now: int, months: Sequence[Month]
) -> WriteScript[_Gone]:
    """Deletes those of the violations that are still old and that no hold covers by now. Events of `months` stay for
    now: they go with their month.
    """
    yield from open_ledger(dialect, now)  # nobody else advances a violation or places a hold meanwhile
    held = yield from keys_covered(dialect, keys)
    listed = any_of(dialect, 1, "bigint")
    rows = yield Fetch(
        f"SELECT pk, id FROM violations WHERE pk IN {listed} AND last_received_at < $2",
        (list_argument(dialect, [key for key in keys if key not in held]), before),
    )
    if not rows:
        return _Gone(held=len(held))
    old = (list_argument(dialect, [row[0] for row in rows]),)
    events = f"events WHERE violation_pk IN {listed}{besides(months, 'seq')}"
    # A version is numbered by the event that replaced it, which is of the same violation.
    yield Execute(
        f"DELETE FROM violation_versions WHERE replaced_seq IN (SELECT seq FROM {events})",
        old,
    )
    gone = yield Execute(f"DELETE FROM {events} RETURNING seq", old)
    yield Execute(f"DELETE FROM violations WHERE pk IN {listed}", old)
    yield from delete_reviews(dialect, [row[1] for row in rows])
    return _Gone(len(rows), len(gone), len(held))


async def _purge_quarantine(database: Database, before: int, dry_run: bool, purged: Purged) -> None:
    cover = await database.read(cover_in_force())
    purged.is_quarantine_held = cover.has_any
    if cover.has_any:
        return
    if dry_run:
        rows = await database.fetch("SELECT count(*) FROM quarantine WHERE last_received_at < $1", before)
        purged.quarantined = rows[0][0]
        return
    while True:
        began = time.monotonic()
        deleted = await database.write(_delete_entries(database.dialect, before))
        purged.quarantined += deleted
        if deleted < MOST_VIOLATIONS:
            return
        await asyncio.sleep(time.monotonic() - began)


def _delete_entries(dialect: Dialect, before: int) -> WriteScript[int]:
    yield from open_ledger(dialect, 0)  # nobody places a hold meanwhile
    cover = yield from cover_in_force()
    if cover.has_any:
        return 0
    rows = yield Execute(
        "DELETE FROM quarantine WHERE pk IN"
        " (SELECT pk FROM quarantine WHERE last_received_at < $1 ORDER BY pk LIMIT $2) RETURNING pk",
        (before, MOST_VIOLATIONS),
    )
    return len(rows)
