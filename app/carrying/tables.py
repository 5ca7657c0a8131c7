"""The tables there are, in the order in which they are carried, and how their rows are read and written whole.

Owns what "everything" is; a test holds it to the models. How rows look outside of a database is `lines`' matter.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from sqlmodel import SQLModel

from app.channels.model import GapRow, MavenQueueRow
from app.db.long_transaction import Filling, Snapshot
from app.db.statements import Dialect, Execute, Fetch, ReadScript, TableShape, WriteScript, shape_of, table_of
from app.duty_log.model import DutyLedgerRow, DutyRecordRow
from app.holds.model import LegalHoldRow
from app.hooks.model import FiringAlertRow, HookRow
from app.identities.model import AssetRow, CatenaVehicleRow, DriverIdentityRow, HomeTerminalRow
from app.inbox.model import EventRow, LedgerRow, QuarantineRow
from app.inbox.months import NUMBERS, Month, make_month, months_with_tables
from app.inspections.model import ConnectionRow, DvirDefectRow, DvirLogRow, OperationLogRow, OperationRow
from app.keys.model import ApiKeyRow
from app.outbox.model import DeliveryRow, OutboxRow
from app.reviews.model import ReviewRow
from app.sessions.model import SessionRow, SignInTryRow
from app.violations.model import ViolationRow, ViolationVersionRow

CHUNK_ROWS = 500
"""Rows read at a time."""

INLINE_BYTES = 32 * 1024
"""Larger values are read one by one, so that a chunk of rows is never large."""

PORTION_BYTES = 4 * 1024 * 1024
"""Large values after which a portion of rows ends early."""

Values = tuple[object, ...]
"""One row, in the order of the model's columns: int, str, bytes or None."""


@dataclass(frozen=True)
class CarriedTable:
    """A table as it is carried."""

    model: type[SQLModel]

    @cached_property
    def shape(self) -> TableShape:
        """Name, columns and key."""
        return shape_of(self.model)

    @property
    def name(self) -> str:
        """The name in both databases."""
        return self.shape.name

    @cached_property
    def types(self) -> tuple[type[int] | type[str] | type[bytes], ...]:
        """What the values of each column are, null apart."""
        kinds: dict[str, type[str] | type[bytes]] = {"TEXT": str, "BYTEA": bytes}
        return tuple(kinds.get(sql_type, int) for sql_type in self.shape.postgresql_types)

    @cached_property
    def nullable(self) -> tuple[bool, ...]:
        """Which columns may be null."""
        return tuple(bool(column.nullable) for column in table_of(self.model).columns)

    @cached_property
    def has_own_numbers(self) -> bool:
        """Whether the database gives out its keys."""
        return table_of(self.model).autoincrement_column is not None

    @cached_property
    def never_reuses_numbers(self) -> bool:
        """Whether a key that was given out is not given out again, also when its row is gone."""
        return bool(table_of(self.model).dialect_options["sqlite"]["autoincrement"])

    @property
    def is_single_row(self) -> bool:
        """Whether a migration puts its one row there, so that it is not empty in a new database."""
        return self.model in _SINGLE_ROWS


_SINGLE_ROWS = (LedgerRow, MavenQueueRow, OutboxRow, DutyLedgerRow)

TABLES = tuple(
    CarriedTable(model)
    for model in (
        LedgerRow,
        MavenQueueRow,
        GapRow,
        EventRow,
        ViolationRow,
        ViolationVersionRow,
        QuarantineRow,
        ReviewRow,
        LegalHoldRow,
        ApiKeyRow,
        SessionRow,
        SignInTryRow,
        HookRow,
        FiringAlertRow,
        DeliveryRow,
        OutboxRow,
        DriverIdentityRow,
        AssetRow,
        HomeTerminalRow,
        DutyLedgerRow,
        DutyRecordRow,
        ConnectionRow,
        OperationRow,
        OperationLogRow,
        DvirLogRow,
        DvirDefectRow,
        CatenaVehicleRow,
    )
)
"""Every table. Events come before earlier versions, for their numbers tell which months there are."""


async def rows_of(snapshot: Snapshot, table: CarriedTable) -> AsyncIterator[list[Values]]:
    """All rows of a table by their keys, some at a time. Raises what `Database` raises."""
    columns = table.shape.columns
    large = [n for n, kind in enumerate(table.types) if kind is bytes]
    taken = list(columns)
    for n in large:
        taken[n] = f"CASE WHEN length({columns[n]}) <= {INLINE_BYTES} THEN {columns[n]} END"
        taken.append(f"coalesce(length({columns[n]}), 0) > {INLINE_BYTES}")
    key = ", ".join(table.shape.key)
    sql = f"SELECT {', '.join(taken)} FROM {table.name} ORDER BY {key}"
    async for rows in snapshot.stream(sql, chunk=CHUNK_ROWS):
        portion: list[Values] = []
        size = 0
        for row in rows:
            values = [row[n] for n in range(len(columns))]
            for n, flag in zip(large, range(len(columns), len(taken)), strict=True):
                if row[flag]:
                    values[n] = await snapshot.read(_large_value(table, columns[n], values))
                    size += len(values[n])
            portion.append(tuple(values))
            if size > PORTION_BYTES:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion


def _large_value(table: CarriedTable, column: str, values: Sequence[object]) -> ReadScript[bytes]:
    key = table.shape.key
    condition = " AND ".join(f"{name} = ${n}" for n, name in enumerate(key, 1))
    found = tuple(values[table.shape.columns.index(name)] for name in key)
    rows = yield Fetch(f"SELECT {column} FROM {table.name} WHERE {condition}", found)
    return bytes(rows[0][0])


def last_number(dialect: Dialect, table: CarriedTable) -> ReadScript[int]:
    """The greatest key that was ever given out, 0 for none; only of a table that never reuses them."""
    assert table.never_reuses_numbers
    match dialect:
        case Dialect.SQLITE:
            rows = yield Fetch("SELECT seq FROM sqlite_sequence WHERE name = $1", (table.name,))
            return rows[0][0] if rows else 0
        case Dialect.POSTGRESQL:
            rows = yield Fetch(f"SELECT {_SEQUENCE}", (table.name, table.shape.key[0]))
            rows = yield Fetch(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {rows[0][0]}")
            return int(rows[0][0])
        case _:
            assert_never(dialect)


_SEQUENCE = "pg_get_serial_sequence($1::text, $2::text)"


def go_on_from(dialect: Dialect, table: CarriedTable, last: int) -> WriteScript[None]:
    """Lets the database give out keys after `last`, and after those that are there."""
    match dialect:
        case Dialect.SQLITE:
            if table.never_reuses_numbers and last:
                yield Execute("DELETE FROM sqlite_sequence WHERE name = $1", (table.name,))
                yield Execute("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", (table.name, last))
        case Dialect.POSTGRESQL:
            if table.has_own_numbers:
                key = table.shape.key[0]
                rows = yield Fetch(f"SELECT max({key}) FROM {table.name}")
                greatest = max(last, rows[0][0] or 0)
                yield Execute(f"SELECT setval({_SEQUENCE}, $3, $4)", (table.name, key, max(greatest, 1), greatest > 0))
        case _:
            assert_never(dialect)


class NotEmpty(Exception):
    """The database to fill holds something already. Says which table."""


def take_empty(dialect: Dialect) -> WriteScript[None]:
    """Locks a new database for who fills it, and clears the rows that migrations put there. Raises `NotEmpty`."""
    match dialect:
        case Dialect.SQLITE:
            pass  # BEGIN EXCLUSIVE has locked the file already
        case Dialect.POSTGRESQL:
            yield Execute(f"LOCK TABLE {', '.join(table.name for table in TABLES)} IN EXCLUSIVE MODE")
        case _:
            assert_never(dialect)
    for table in TABLES:
        if not table.is_single_row:
            rows = yield Fetch(f"SELECT 1 FROM {table.name} LIMIT 1")
            if rows:
                raise NotEmpty(f"there are {table.name.replace('_', ' ')} in it")
    for table in TABLES:
        if table.is_single_row:
            yield Execute(f"DELETE FROM {table.name}")


class MonthTables:
    """Makes tables for the months that events are of, on a PostgreSQL database that is filled in order of numbers."""

    def __init__(self) -> None:
        self._made: set[int] | None = None

    async def make_for(self, filling: Filling, numbers: Iterable[int]) -> None:
        """Makes what is missing for events with these numbers; nothing on SQLite."""
        if filling.dialect is Dialect.SQLITE:
            return
        if self._made is None:
            self._made = {month.index for month in await filling.read(months_with_tables())}
        # Month 0 is that of the numbers from before there were months.
        for index in sorted({number // NUMBERS for number in numbers} - self._made - {0}):
            await filling.write(make_month(Month(index)))
            self._made.add(index)
