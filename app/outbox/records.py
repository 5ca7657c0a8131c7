"""Scripts over deliveries as people handle them: looked at, tried again by hand, and deleted with age.

What waits, and what became of an attempt, is `store`'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from app.db.statements import Execute, Fetch, ReadScript, Row, WriteScript
from app.outbox.model import Status, Topic
from app.outbox.store import AT_ONCE


@dataclass(frozen=True, slots=True)
class Record:
    """A delivery with its history, for people. Times are microseconds since 1970 UTC."""

    pk: int
    topic: Topic
    status: Status
    violation_id: str | None
    """None for what is not about one, or when the violation is gone."""
    seq: int | None
    created_at: int
    due_at: int
    attempts: int
    last_attempt_at: int | None
    ended_at: int | None
    response_status: int | None
    last_error: str | None
    failures: list[dict[str, object]]


_RECORD = (
    "d.pk, d.topic, d.status, v.id, d.seq, d.created_at, d.due_at, d.attempts, d.last_attempt_at, d.ended_at,"
    " d.response_status, d.last_error, d.failures"
)


def _record(row: Row) -> Record:
    failures = [] if row[12] is None else orjson.loads(row[12])
    return Record(
        pk=row[0],
        topic=Topic(row[1]),
        status=Status(row[2]),
        violation_id=row[3],
        seq=row[4],
        created_at=row[5],
        due_at=row[6],
        attempts=row[7],
        last_attempt_at=row[8],
        ended_at=row[9],
        response_status=row[10],
        last_error=row[11],
        failures=failures,
    )


def _is(status: Status) -> str:
    """The condition of one status. SQLite uses the index of those that ended only where it is said that they did."""
    return f"status = {int(status)}" if status is Status.PENDING else f"status = {int(status)} AND status <> 0"


def list_records(hook_pk: int, statuses: Iterable[Status], before: int | None, limit: int) -> ReadScript[list[Record]]:
    """Deliveries of a hook in some statuses, newest first, numbered below `before`."""
    below = "" if before is None else " AND pk < $3"
    of_status = " UNION ALL ".join(
        f"SELECT * FROM (SELECT * FROM deliveries WHERE hook_pk = $1 AND {_is(status)}{below}"
        " ORDER BY pk DESC LIMIT $2) AS one"
        for status in statuses
    )
    rows = yield Fetch(
        f"SELECT {_RECORD} FROM ({of_status}) AS d LEFT JOIN violations AS v ON v.pk = d.violation_pk"
        " ORDER BY d.pk DESC LIMIT $2",
        (hook_pk, limit) if before is None else (hook_pk, limit, before),
    )
    return [_record(row) for row in rows]


def find_record(hook_pk: int, pk: int) -> ReadScript[Record | None]:
    """One delivery of a hook."""
    rows = yield Fetch(
        f"SELECT {_RECORD} FROM deliveries AS d LEFT JOIN violations AS v ON v.pk = d.violation_pk"
        " WHERE d.pk = $1 AND d.hook_pk = $2",
        (pk, hook_pk),
    )
    return _record(rows[0]) if rows else None


def make_pending(hook_pk: int, pk: int) -> WriteScript[bool]:
    """Lets a delivery that did not succeed be tried anew, at once and with all its tries, and what it waits behind;
    False when there is none."""
    rows = yield Execute(
        "UPDATE deliveries SET status = 0, due_at = $3, tries = 0, ended_at = NULL"
        f" WHERE pk = $1 AND hook_pk = $2 AND status <> {int(Status.SUCCEEDED)} RETURNING violation_pk",
        (pk, hook_pk, AT_ONCE),
    )
    if rows and rows[0][0] is not None:
        yield Execute(
            "UPDATE deliveries SET due_at = $3 WHERE hook_pk = $1 AND violation_pk = $2 AND status = 0",
            (hook_pk, rows[0][0], AT_ONCE),
        )
    return bool(rows)


def make_due(hook_pk: int) -> WriteScript[None]:
    """Lets all that waits for a hook be tried at once, and as often as what is new."""
    yield Execute(
        "UPDATE deliveries SET due_at = $2, tries = 0 WHERE hook_pk = $1 AND status = 0 AND (due_at > $2 OR tries > 0)",
        (hook_pk, AT_ONCE),
    )


def delete_portion(hook_pk: int, limit: int = 2000) -> WriteScript[bool]:
    """Deletes some deliveries of a hook that is gone; False when there were none."""
    rows = yield Execute(
        "DELETE FROM deliveries WHERE pk IN (SELECT pk FROM deliveries WHERE hook_pk = $1 AND status = 0 LIMIT $2)"
        " RETURNING pk",
        (hook_pk, limit),
    )
    for status in (Status.SUCCEEDED, Status.FAILED, Status.DEAD):
        if not rows:
            rows = yield Execute(
                "DELETE FROM deliveries WHERE pk IN"
                f" (SELECT pk FROM deliveries WHERE hook_pk = $1 AND {_is(status)} LIMIT $2) RETURNING pk",
                (hook_pk, limit),
            )
    return bool(rows)


def delete_ended(after: int, before: int, limit: int) -> WriteScript[tuple[int, int | None]]:
    """Looks at the next `limit` deliveries numbered after `after`, and deletes those of them that ended before an
    instant; how many went, and after which number to go on, None when the rest is younger.
    """
    rows = yield Fetch(
        "SELECT pk, created_at, status FROM deliveries WHERE pk > $1 ORDER BY pk LIMIT $2", (after, limit)
    )
    old = [row for row in rows if row[1] < before]
    if not old:
        return 0, None
    gone = yield Execute(
        "DELETE FROM deliveries WHERE pk > $1 AND pk <= $2 AND status <> 0 AND ended_at < $3 RETURNING pk",
        (after, old[-1][0], before),
    )
    return len(gone), old[-1][0] if len(old) == limit else None


def owed_hooks() -> ReadScript[list[int]]:
    """The keys of all hooks that have deliveries, found by leaps through the indexes."""
    found: set[int] = set()
    for condition in ("status = 0", "status <> 0"):
        key: int | None = 0
        while key is not None:
            rows = yield Fetch(f"SELECT min(hook_pk) FROM deliveries WHERE {condition} AND hook_pk > $1", (key,))
            key = rows[0][0]
            if key is not None:
                found.add(key)
    return sorted(found)


def give_up_old(before: int, now: int) -> WriteScript[int]:
    """Ends as dead what waits for a disabled hook since before an instant; how many."""
    rows = yield Execute(
        "UPDATE deliveries SET status = $3, ended_at = $2, last_error = 'The hook was disabled for too long.'"
        " WHERE status = 0 AND created_at < $1 AND hook_pk IN (SELECT pk FROM hooks WHERE disabled_at IS NOT NULL)"
        " RETURNING pk",
        (before, now, int(Status.DEAD)),
    )
    return len(rows)
