"""The one face of both databases: `Database`, and `open_database` which picks one by its URL."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar

from app.db.statements import Dialect, ReadScript, Row, Rows, WriteScript
from app.db.urls import dialect_of

T = TypeVar("T")


class Database(Protocol):
    """A database as the rooms above see it. Every method raises `DatabaseUnavailable` when it cannot answer in time."""

    @property
    def dialect(self) -> Dialect: ...

    async def fetch(self, sql: str, *args: object) -> Rows:
        """The rows of one SELECT."""
        ...

    async def read(self, script: ReadScript[T]) -> T:
        """Runs a reading script on one snapshot."""
        ...

    async def write(self, script: WriteScript[T]) -> T:
        """Runs a script in one transaction and commits it durably before it returns. Raises also `DatabaseConflict`
        and `DatabaseRefused`; nothing is kept then. `DatabaseUnavailable` from a commit may mean either."""
        ...

    def stream(self, sql: str, *args: object, chunk: int = 500) -> AsyncIterator[Sequence[Row]]:
        """The rows of one SELECT on one snapshot, in chunks, with bounded memory."""
        ...

    async def check(self) -> None:
        """Returns when the database answers and is at the newest schema; raises `DatabaseUnavailable` otherwise."""
        ...

    async def close(self) -> None: ...


async def open_database(url: str, *, serving: bool = False, pool_size: int = 8) -> Database:
    """Opens the database that `url` names, at the newest schema.

    With `serving` a SQLite file is held against a second serving process. Raises `DatabaseUnusable` with what to do.
    """
    dialect = dialect_of(url)
    if dialect is Dialect.SQLITE:
        from app.db.sqlite import SqliteDatabase

        return await SqliteDatabase.open(url, serving=serving)
    from app.db.postgresql import PostgresqlDatabase

    return await PostgresqlDatabase.open(url, pool_size=pool_size)
