"""Leases: one of many processes may, until a time that it puts off again and again.

A lease is the columns `holder` and `leased_until` of a table that has one row. It runs by the database's clock, because
those of several machines are never quite the same. What the holder may do is left to the rooms.
"""

from app.db.statements import Dialect, Execute, Rows, WriteScript, database_clock


def take(
    dialect: Dialect, table: str, holder: str, duration: int, *, or_when: str | None = None, returning: str = "pk"
) -> WriteScript[Rows]:
    """Takes or extends a lease for `duration` microseconds; gives its row, and none while another one holds it.

    `or_when` is a condition under which it is free as well.
    """
    now = database_clock(dialect)
    also = "" if or_when is None else f" OR {or_when}"
    return (
        yield Execute(
            f"UPDATE {table} SET holder = $1, leased_until = {now} + $2"
            f" WHERE pk = 1 AND (holder IS NULL OR holder = $1 OR leased_until <= {now}{also}) RETURNING {returning}",
            (holder, duration),
        )
    )


def release(table: str, holder: str) -> WriteScript[None]:
    """Gives a lease back, if it is held."""
    yield Execute(f"UPDATE {table} SET holder = NULL, leased_until = 0 WHERE pk = 1 AND holder = $1", (holder,))
