"""The daily digest: what changed since the last one, and what is active now, of the violations that a hook is for.

Owns what is counted and how; when a digest is due is in `schema`, and who sends it is left to `alerts`.
"""

import orjson

from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, ReadScript, Row, Rows
from app.hooks.schema import CHANGES, HookFilter
from app.hooks.store import Hook
from app.inbox.store import numbers_between
from app.maven.times import format_time
from app.violations.model import ACTIVE
from app.violations.rules import Outcome

MOST_DRIVERS = 20
"""Drivers that a digest names, those with the most active violations."""

_WORDS = {
    "terminalCodes": "terminal_code",
    "types": "type",
    "rulesets": "ruleset",
    "driverIds": "driver_id",
}


def write_digest(dialect: Dialect, hook: Hook, begin: int, end: int) -> ReadScript[bytes]:
    """The data of a digest, JSON, of what was received from `begin` to before `end`; microseconds since 1970 UTC."""
    changes = yield from _changes(dialect, hook, begin, end)
    active = yield from _fetch(
        dialect,
        hook.filter,
        "SELECT v.terminal_code, v.type, count(*), sum(v.egregious) FROM violations AS v",
        [f"v.status = {ACTIVE}"],
        "GROUP BY v.terminal_code, v.type",
    )
    drivers = yield from _fetch(
        dialect,
        hook.filter,
        "SELECT v.driver_id, max(v.driver_name), max(v.terminal_code), count(*) AS total, sum(v.egregious),"
        " count(*) OVER () FROM violations AS v",
        [f"v.status = {ACTIVE}"],
        f"GROUP BY v.driver_id ORDER BY total DESC, v.driver_id LIMIT {MOST_DRIVERS}",
    )
    return orjson.dumps(
        {
            "from": format_time(begin),
            "to": format_time(end),
            "changes": changes,
            "active": {
                "total": sum(row[2] for row in active),
                "egregious": sum(int(row[3]) for row in active),
                "byType": _sums(active, 1),
                "byTerminal": _sums(active, 0),
            },
            "drivers": [_shown_driver(row) for row in drivers],
            "moreDrivers": max(0, drivers[0][5] - len(drivers)) if drivers else 0,
        }
    )


def _changes(dialect: Dialect, hook: Hook, begin: int, end: int) -> ReadScript[dict[str, int]]:
    """How many changes of each kind that the hook asks for were received."""
    span = yield from numbers_between(begin, end - 1)
    rows = yield from _fetch(
        dialect,
        hook.filter,
        "SELECT e.outcome, count(*) FROM events AS e JOIN violations AS v ON v.pk = e.violation_pk",
        [f"e.seq > {span.after}", f"e.seq <= {span.up_to}", f"e.outcome < {int(Outcome.SUPERSEDED)}"],
        "GROUP BY e.outcome",
    )
    counts = {row[0]: row[1] for row in rows}
    return {Outcome(n).word: counts.get(n, 0) for n, name in enumerate(CHANGES) if name in hook.events}


def _fetch(dialect: Dialect, asked: HookFilter, select: str, conditions: list[str], rest: str) -> ReadScript[Rows]:
    arguments = Arguments(dialect)
    conditions = [*conditions, *conditions_of(asked, arguments)]
    rows = yield Fetch(f"{select} WHERE {' AND '.join(conditions)} {rest}", tuple(arguments.values))
    return rows


def conditions_of(asked: HookFilter, arguments: Arguments) -> list[str]:
    """A hook's filter as conditions on violations aliased `v`."""
    conditions = [
        arguments.one_of(f"v.{column}", words)
        for name, column in _WORDS.items()
        if (words := getattr(asked, name)) is not None
    ]
    if asked.minDurationMinutes is not None:
        conditions.append(f"v.duration_minutes >= {arguments.add(asked.minDurationMinutes)}")
    if asked.egregious is not None:
        conditions.append(f"v.egregious = {int(asked.egregious)}")
    return conditions


def _sums(rows: Rows, column: int) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in rows:
        if row[column] is not None:
            sums[row[column]] = sums.get(row[column], 0) + row[2]
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _shown_driver(row: Row) -> dict[str, object]:
    return {
        "driverId": row[0],
        "driverName": row[1],
        "terminalCode": row[2],
        "activeCount": row[3],
        "egregiousCount": int(row[4]),
    }
