"""All contents of a database as one sequence, and filling an empty database with such a sequence.

`export` writes the sequence as lines, `import` reads it from lines, `copy` hands it from one database to another.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

from app.carrying.tables import (
    TABLES,
    CarriedTable,
    MonthTables,
    Values,
    go_on_from,
    last_number,
    rows_of,
    take_empty,
)
from app.db.errors import DatabaseConflict
from app.db.long_transaction import Filling, Snapshot
from app.db.statements import Insert, WriteScript
from app.inbox.model import EventRow


@dataclass(frozen=True, slots=True)
class Portion:
    """Some rows of a table, in the order of their keys."""

    table: CarriedTable
    rows: list[Values]


@dataclass(frozen=True, slots=True)
class TableEnd:
    """The end of a table: how many rows it has, and the last key given out, where those of rows that are gone count."""

    table: CarriedTable
    rows: int
    last_number: int | None


Content = Portion | TableEnd

OnProgress = Callable[[int, int | None, str], None]
"""Takes how many rows are done, of how many (None, for nobody knows), and what is being done."""


async def contents_of(snapshot: Snapshot) -> AsyncIterator[Content]:
    """Everything, table by table. Raises what `Database` raises."""
    for table in TABLES:
        count = 0
        async for rows in rows_of(snapshot, table):
            count += len(rows)
            yield Portion(table, rows)
        last = None
        if table.never_reuses_numbers:
            last = await snapshot.read(last_number(snapshot.dialect, table))
        yield TableEnd(table, count, last)


async def fill(filling: Filling, contents: AsyncIterator[Content], on_progress: OnProgress) -> dict[str, int]:
    """Puts all contents into a new database; gives the rows of each table. Raises `NotEmpty`, what `Database` raises,
    and what `contents` does; nothing is kept then, for the transaction is the caller's to end.
    """
    await filling.write(take_empty(filling.dialect))
    months = MonthTables()
    counts: dict[str, int] = {}
    done = 0
    async for content in contents:
        table = content.table
        if isinstance(content, TableEnd):
            counts[table.name] = content.rows
            await filling.write(go_on_from(filling.dialect, table, content.last_number or 0))
            continue
        if table.model is EventRow:
            await months.make_for(filling, [cast(int, row[0]) for row in content.rows])
        try:
            await filling.write(_insert(content))
        except DatabaseConflict as error:
            raise DatabaseConflict(f"two rows of {table.name} contradict each other: {error}") from error
        done += len(content.rows)
        on_progress(done, None, table.name)
    return counts


def _insert(portion: Portion) -> WriteScript[None]:
    yield Insert(portion.table.model, portion.rows)
