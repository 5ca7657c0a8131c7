"""Months that `purge` can drop as a whole: on PostgreSQL the tables of a month go at once, however many rows they have.

A month can go when all of it was received before the day up to which is purged. Its violations are deleted first, in
small transactions that leave their events to the month; then the month's tables are taken off and dropped. What is of
violations that stay, for an event of theirs came later or a hold keeps them, moves to the rest table. Where the tables
cannot be had, because somebody reads for long, or much of them has to stay, rows are deleted one by one.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript
from app.inbox.months import KEYS, NUMBERS, Month, months_with_tables
from app.inbox.store import open_ledger

MOST_CARRIED = 10_000
"""Rows that may move to the rest table while nobody can write."""

PORTION = 5_000
"""Rows deleted in one transaction."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a month's tables are asked for, and how long it is in between."""

    tries: int = 20
    pause_seconds: float = 0.5


USUAL = Patience()

LOCK_MILLISECONDS = 300
"""To wait for readers; who wants to write waits as long."""

_OWNERS = {"events": "violation_pk", "violation_versions": "pk"}
"""The column that says of which violation a row is."""


def months_before(dialect: Dialect, before: int) -> ReadScript[list[Month]]:
    """The months of which all was received before an instant (microseconds since 1970 UTC); none on SQLite."""
    if dialect is Dialect.SQLITE:
        return []
    months = yield from months_with_tables()
    return [month for month in months if month.end <= before]


def besides(months: Iterable[Month], column: str) -> str:
    """The condition that a row is of none of these months; to be added to others."""
    indexes = ", ".join(str(month.index) for month in months)
    return f" AND {column} / {NUMBERS} NOT IN ({indexes})" if indexes else ""


class _Counts(NamedTuple):
    """Events whose violations are gone, and rows of any kind that have to stay."""

    going: int
    staying: int


def _counts(month: Month) -> ReadScript[_Counts]:
    going = staying = 0
    for table, owner in _OWNERS.items():
        rows = yield Fetch(
            f"SELECT count(*), count(v.pk) FROM {month.table(table)} AS one"
            f" LEFT JOIN violations AS v ON v.pk = one.{owner}"
        )
        everything, kept = rows[0]
        staying += kept
        going += everything - kept if table == "events" else 0
    return _Counts(going, staying)


async def drop_month(database: Database, month: Month, now: int, patience: Patience) -> int:
    """Deletes all of a month but what is of violations that are there still; how many events went.

    Raises what `Database` raises; what was deleted until then stays deleted.
    """
    counts = await database.read(_counts(month))
    if counts.staying <= MOST_CARRIED:
        for _ in range(patience.tries):
            with contextlib.suppress(DatabaseUnavailable):
                await database.write(_drop(month, now))
                return counts.going
            await asyncio.sleep(patience.pause_seconds)
    gone = 0
    for table in KEYS:
        while deleted := await database.write(_delete_some(month, table)):
            gone += deleted if table == "events" else 0
    return gone


def _drop(month: Month, now: int) -> WriteScript[None]:
    yield from open_ledger(Dialect.POSTGRESQL, now)  # nobody writes an event meanwhile
    yield Execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
    for table, owner in _OWNERS.items():
        part = month.table(table)
        yield Execute(f"ALTER TABLE {table} DETACH PARTITION {part}")
        yield Execute(f"INSERT INTO {table} SELECT one.* FROM {part} AS one JOIN violations AS v ON v.pk = one.{owner}")
        yield Execute(f"DROP TABLE {part}")


def _delete_some(month: Month, table: str) -> WriteScript[int]:
    part, key, owner = month.table(table), KEYS[table], _OWNERS[table]
    rows = yield Execute(
        f"DELETE FROM {part} WHERE {key} IN (SELECT one.{key} FROM {part} AS one"
        f" LEFT JOIN violations AS v ON v.pk = one.{owner} WHERE v.pk IS NULL LIMIT $1) RETURNING {key}",
        (PORTION,),
    )
    return len(rows)
