"""Scripts over legal holds: placed, released, listed, and which violations they cover.

A hold is placed under the ledger's lock, and who deletes violations takes that lock before asking what is covered: once
a hold is placed, nothing that it covers can go. What deletes, and says so, is left to `ingest/purge.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass

import orjson

from app.db.arguments import any_of, list_argument
from app.db.errors import DatabaseConflict
from app.db.statements import Dialect, Execute, Fetch, ReadScript, Row, WriteScript
from app.inbox.store import open_ledger


@dataclass(frozen=True, slots=True)
class Cover:
    """What is held: violations by their own id, and those that a driver or a terminal has or ever had."""

    driver_ids: frozenset[str] = frozenset()
    violation_ids: frozenset[str] = frozenset()
    terminal_codes: frozenset[str] = frozenset()

    @property
    def has_any(self) -> bool:
        """Whether it names anything at all."""
        return bool(self.driver_ids or self.violation_ids or self.terminal_codes)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it is kept. Times are microseconds since 1970 UTC; `released_at` is None while it is in force."""

    name: str
    cover: Cover
    reason: str | None
    placed_by: str
    placed_at: int
    released_by: str | None
    released_at: int | None


_COLUMNS = "name, driver_ids, violation_ids, terminal_codes, reason, placed_by, placed_at, released_by, released_at"


def _words(text: str) -> frozenset[str]:
    return frozenset(orjson.loads(text))


def _json(words: Collection[str]) -> str:
    return orjson.dumps(sorted(words)).decode()


def _hold(row: Row) -> Hold:
    cover = Cover(_words(row[1]), _words(row[2]), _words(row[3]))
    return Hold(row[0], cover, row[4], row[5], row[6], row[7], row[8])


def list_holds() -> ReadScript[list[Hold]]:
    """All holds ever placed, oldest first."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM legal_holds ORDER BY pk")
    return [_hold(row) for row in rows]


def place_hold(dialect: Dialect, name: str, cover: Cover, reason: str | None, by: str, now: int) -> WriteScript[None]:
    """Places a hold. `now` is in microseconds since 1970 UTC. Raises `DatabaseConflict` when one in force has the
    name.
    """
    yield from open_ledger(dialect, now)  # a purge that began before has ended, one that begins later sees the hold
    taken = yield Fetch("SELECT 1 FROM legal_holds WHERE name = $1 AND released_at IS NULL", (name,))
    if taken:
        raise DatabaseConflict(f"a hold named {name} is in force already; release it first or choose another name")
    lists = (_json(cover.driver_ids), _json(cover.violation_ids), _json(cover.terminal_codes))
    yield Execute(
        "INSERT INTO legal_holds (name, driver_ids, violation_ids, terminal_codes, reason, placed_by, placed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        (name, *lists, reason, by, now),
    )


def release_hold(name: str, by: str, now: int) -> WriteScript[bool]:
    """Ends a hold; False when none of that name is in force."""
    rows = yield Execute(
        "UPDATE legal_holds SET released_by = $2, released_at = $3 WHERE name = $1 AND released_at IS NULL"
        " RETURNING pk",
        (name, by, now),
    )
    return bool(rows)


def cover_in_force() -> ReadScript[Cover]:
    """What all holds in force cover together."""
    rows = yield Fetch(
        "SELECT driver_ids, violation_ids, terminal_codes FROM legal_holds WHERE released_at IS NULL ORDER BY pk"
    )
    return Cover(*(frozenset().union(*(_words(row[n]) for row in rows)) for n in range(3)))


def keys_covered(dialect: Dialect, keys: Collection[int]) -> ReadScript[set[int]]:
    """Which of the violations with these keys a hold in force covers, as they stand or by an earlier version."""
    cover = yield from cover_in_force()
    if not (keys and cover.has_any):
        return set()
    listed = any_of(dialect, 1, "bigint")
    held = f"one.driver_id IN {any_of(dialect, 2)} OR one.terminal_code IN {any_of(dialect, 3)}"
    # A version is numbered by the event that replaced it, which is of the same violation.
    rows = yield Fetch(
        f"SELECT one.pk FROM violations AS one WHERE one.pk IN {listed} AND (one.id IN {any_of(dialect, 4)} OR {held})"
        " UNION SELECT e.violation_pk FROM events AS e JOIN violation_versions AS one ON one.replaced_seq = e.seq"
        f" WHERE e.violation_pk IN {listed} AND ({held})",
        (
            list_argument(dialect, keys),
            list_argument(dialect, cover.driver_ids),
            list_argument(dialect, cover.terminal_codes),
            list_argument(dialect, cover.violation_ids),
        ),
    )
    return {row[0] for row in rows}


def unknown_of(cover: Cover) -> ReadScript[Cover]:
    """What of a cover no violation has or ever had."""
    drivers = yield from _unknown(cover.driver_ids, "driver_id", "violations", "violation_versions")
    violations = yield from _unknown(cover.violation_ids, "id", "violations")
    terminals = yield from _unknown(cover.terminal_codes, "terminal_code", "violations", "violation_versions")
    return Cover(drivers, violations, terminals)


def _unknown(words: frozenset[str], column: str, *tables: str) -> ReadScript[frozenset[str]]:
    sql = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE {column} = $1" for table in tables) + " LIMIT 1"
    left = set()
    for word in words:
        if not (yield Fetch(sql, (word,))):
            left.add(word)
    return frozenset(left)
