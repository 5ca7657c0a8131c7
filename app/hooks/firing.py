"""Scripts over alerts that an Alertmanager was told of: what fires there, by our account, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, ReadScript, Row, WriteScript


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that was sent and not resolved. Times are microseconds since 1970 UTC."""

    violation_pk: int
    labels: Mapping[str, str]
    starts_at: int
    sent_at: int


def _firing(row: Row) -> Firing:
    return Firing(row[0], orjson.loads(row[1]), row[2], row[3])


def find_firing(hook_pk: int, violation_pk: int) -> ReadScript[Firing | None]:
    """The alert of a violation, None when none fires."""
    rows = yield Fetch(
        "SELECT violation_pk, labels, starts_at, sent_at FROM firing_alerts WHERE hook_pk = $1 AND violation_pk = $2",
        (hook_pk, violation_pk),
    )
    return _firing(rows[0]) if rows else None


def firing_before(hook_pk: int, sent_before: int, limit: int) -> ReadScript[list[Firing]]:
    """Alerts of a hook that were sent last before an instant."""
    rows = yield Fetch(
        "SELECT violation_pk, labels, starts_at, sent_at FROM firing_alerts WHERE hook_pk = $1 AND sent_at < $2"
        " ORDER BY violation_pk LIMIT $3",
        (hook_pk, sent_before, limit),
    )
    return [_firing(row) for row in rows]


def note_firing(hook_pk: int, firing: Firing) -> WriteScript[None]:
    """Remembers an alert that was sent, unless the hook is gone."""
    yield Execute(
        "INSERT INTO firing_alerts (hook_pk, violation_pk, labels, starts_at, sent_at)"
        " SELECT pk, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS BIGINT)"
        " FROM hooks WHERE pk = $1"
        " ON CONFLICT (hook_pk, violation_pk) DO UPDATE SET labels = excluded.labels,"
        " starts_at = excluded.starts_at, sent_at = excluded.sent_at",
        (hook_pk, firing.violation_pk, orjson.dumps(firing.labels).decode(), firing.starts_at, firing.sent_at),
    )


def forget_firing(dialect: Dialect, hook_pk: int, violation_pks: list[int]) -> WriteScript[None]:
    """Forgets alerts that were resolved."""
    yield Execute(
        f"DELETE FROM firing_alerts WHERE hook_pk = $1 AND violation_pk IN {any_of(dialect, 2, 'bigint')}",
        (hook_pk, list_argument(dialect, violation_pks)),
    )
