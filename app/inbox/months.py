"""Months of the inbox: events are numbered so that a number tells its month, and PostgreSQL keeps each month apart.

Numbers go up by one within a month of receipt (UTC) and jump at its turn, so a month is a range of numbers, and a table
whose key is a number can be partitioned by month without another column in its key. A month that is over is then
dropped as a whole by `purge`, and what is written today goes into small indexes. What has no table of its month lies in
the table `…_rest`: months that nobody made a table for, and the few rows that outlived theirs. Numbers given out before
there were months lie in `…_before`. SQLite numbers alike and has one table.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript, lock_until_commit
from app.maven.times import SECOND

NUMBERS = 1 << 40
"""Numbers of one month; more than a trillion. Those of the year 2199 are still exact as a double."""

KEYS = {"events": "seq", "violation_versions": "replaced_seq"}
"""The tables that are kept by month, and the numbers they are kept by."""

AHEAD = 3
"""Months after the present one for which tables are made."""

_NAME = re.compile(r"events_([0-9]{4})_([0-9]{2})")
_LOCK = 0x484F534D
_LOCK_MILLISECONDS = 500
"""To wait for those who read. Who comes behind waits as long."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of receipt in UTC, as months since January 1970."""

    index: int

    @property
    def first_number(self) -> int:
        """No event of this month has a lesser number, and none of an earlier one a greater."""
        return self.index * NUMBERS

    @property
    def end(self) -> int:
        """The first instant that is no more in it, microseconds since 1970 UTC."""
        year, month = divmod(self.index + 1, 12)
        return int(datetime(1970 + year, month + 1, 1, tzinfo=UTC).timestamp()) * SECOND

    def table(self, of: str) -> str:
        """The name of its part of a table."""
        year, month = divmod(self.index, 12)
        return f"{of}_{1970 + year}_{month + 1:02d}"


def month_of(at: int) -> Month:
    """The month of an instant, microseconds since 1970 UTC."""
    moment = datetime.fromtimestamp(at // SECOND, UTC)
    return Month((moment.year - 1970) * 12 + moment.month - 1)


def months_with_tables() -> ReadScript[list[Month]]:
    """The months that have a table of their own on PostgreSQL, oldest first."""
    rows = yield Fetch(
        "SELECT part.relname FROM pg_inherits AS i JOIN pg_class AS part ON part.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass('events')"
    )
    found = sorted((int(name[1]), int(name[2])) for row in rows if (name := _NAME.fullmatch(row[0])))
    return [Month((year - 1970) * 12 + month - 1) for year, month in found]


def missing_months(dialect: Dialect, now: int) -> ReadScript[list[Month]]:
    """The present month and those ahead that have no tables yet; none on SQLite."""
    match dialect:
        case Dialect.SQLITE:
            return []
        case Dialect.POSTGRESQL:
            made = yield from months_with_tables()
            first = month_of(now).index
            return [month for month in map(Month, range(first, first + AHEAD + 1)) if month not in made]
        case _:
            assert_never(dialect)


def make_month(month: Month) -> WriteScript[bool]:
    """Makes the tables of a month on PostgreSQL; False when another process has.

    Raises `DatabaseConflict` when rows of it lie among the rest already, where they stay, and `DatabaseUnavailable`
    when this role may not make tables, or when somebody reads for longer than we wait.
    """
    yield Execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
    yield from lock_until_commit(Dialect.POSTGRESQL, _LOCK)
    made = yield from months_with_tables()
    if month in made:
        return False
    for table in KEYS:
        for statement in statements_to_make(table, month):
            yield Execute(statement)
    return True


def statements_to_make(table: str, month: Month) -> tuple[str, str]:
    """The SQL that makes the part of a table. It is made first and attached then, which keeps no reader waiting."""
    part = month.table(table)
    begin, end = month.first_number, Month(month.index + 1).first_number
    return (
        f"CREATE TABLE {part} (LIKE {table} INCLUDING ALL)",
        f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({begin}) TO ({end})",
    )
