"""Statements and scripts: how a store speaks to either database.

A store function is a *script*: a generator that yields statements and is sent their rows. It is written once; SQLite
runs it whole inside its thread, PostgreSQL awaits each statement. A script never commits and never sees a request. SQL
is written in the subset both databases share, with `$1` placeholders; where they differ, the script is given the
dialect and branches exhaustively.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, TypeVar, assert_never

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

T = TypeVar("T")


class Dialect(StrEnum):
    """The two databases, equals to each other."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Row(Protocol):
    """One row, by position or by column name. `Any` is what a driver knows of a column's type."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A SELECT. Its rows are sent back to the script."""

    sql: str
    args: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Execute:
    """A statement that writes. Rows of a RETURNING clause are sent back."""

    sql: str
    args: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Insert:
    """Many rows into one table, in the column order of its model. With `replace`, rows whose primary key is there
    already take the new values."""

    model: type[SQLModel]
    rows: Sequence[tuple[object, ...]]
    replace: bool = False


ReadScript = Generator[Fetch, Rows, T]
"""A script that only reads; it may be run on a connection that cannot write."""

WriteScript = Generator[Fetch | Execute | Insert, Rows, T]
"""A script that may write, inside one transaction that its runner commits."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """What an `Insert` needs to know of a model's table."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    postgresql_types: tuple[str, ...]

    def conflict_clause(self) -> str:
        """The clause that turns an INSERT into a replacing one."""
        updates = ", ".join(f"{c} = excluded.{c}" for c in self.columns if c not in self.key)
        return f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {updates}"


def table_of(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table of a SQLModel class."""
    table = model.__table__  # type: ignore[attr-defined]
    assert isinstance(table, Table)
    return table


@cache
def shape_of(model: type[SQLModel]) -> TableShape:
    """The columns, key and PostgreSQL types of a model's table, read once."""
    table = table_of(model)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return TableShape(
        name=table.name,
        columns=tuple(c.name for c in table.columns),
        key=tuple(c.name for c in table.primary_key.columns),
        postgresql_types=tuple(c.type.compile(dialect).split(" COLLATE")[0] for c in table.columns),
    )


def lock_until_commit(dialect: Dialect, number: int) -> WriteScript[None]:
    """Until the commit nobody else takes the lock of this number."""
    match dialect:
        case Dialect.SQLITE:
            return  # BEGIN IMMEDIATE has locked the file already
        case Dialect.POSTGRESQL:
            yield Fetch(f"SELECT pg_advisory_xact_lock({number})")
        case _:
            assert_never(dialect)


def row_lock(dialect: Dialect) -> str:
    """What a SELECT ends with so that until the commit nobody else takes its rows so."""
    match dialect:
        case Dialect.SQLITE:
            return ""  # BEGIN IMMEDIATE has locked the file already
        case Dialect.POSTGRESQL:
            return " FOR UPDATE"
        case _:
            assert_never(dialect)


def database_clock(dialect: Dialect) -> str:
    """The database's clock in microseconds since 1970, for what several machines have to agree on."""
    match dialect:
        case Dialect.SQLITE:
            return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
        case Dialect.POSTGRESQL:
            return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
        case _:
            assert_never(dialect)


def json_rows(dialect: Dialect, number: int, columns: Mapping[str, str]) -> str:
    """A relation, to be given a name with AS, of the objects in a JSON array that is parameter `number`.

    `columns` are their members with PostgreSQL's types; a member that is absent is null.
    """
    match dialect:
        case Dialect.SQLITE:
            taken = ", ".join(f"value ->> '{name}' AS {name}" for name in columns)
            return f"(SELECT {taken} FROM json_each(${number}))"
        case Dialect.POSTGRESQL:
            taken = ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
            return f"(SELECT * FROM json_to_recordset(${number}::json) AS ({taken}))"
        case _:
            assert_never(dialect)
