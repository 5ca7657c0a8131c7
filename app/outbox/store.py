"""Scripts over the outbox: what waits, in which order, what became of it, and who delivers.

Deliveries are numbered under the ledger's lock, so they commit in the order of `pk`: whoever has seen a number could
see all below it. Of one hook and violation a delivery may be sent when none before it waits. What waits behind one that
is tried again later is put off with it, so that looking for what is due does not pass over the same rows each time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, Row, WriteScript, database_clock, json_rows
from app.outbox.model import DeliveryRow, Status, Topic

AT_ONCE = 0
"""`due_at` of what is due as soon as it is there, whatever the clocks say."""


def pending_row(
    pk: int,
    hook_pk: int,
    topic: Topic,
    created_at: int,
    *,
    violation_pk: int | None = None,
    seq: int | None = None,
    body: bytes | None = None,
) -> tuple[object, ...]:
    """A new delivery as a row of the model, due at once."""
    nothing = (None,) * 5
    return (pk, hook_pk, topic, violation_pk, seq, Status.PENDING, created_at, AT_ONCE, 0, 0, *nothing, body)


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to be sent, as far as sending needs it. Times are microseconds since 1970 UTC."""

    pk: int
    hook_pk: int
    topic: Topic
    violation_pk: int | None
    seq: int | None
    created_at: int
    tries: int
    attempts: int
    failures: str | None
    body: bytes | None


_DUE = "d.pk, d.hook_pk, d.topic, d.violation_pk, d.seq, d.created_at, d.tries, d.attempts, d.failures, d.body"


def _due(row: Row) -> Due:
    body = None if row[9] is None else bytes(row[9])
    return Due(row[0], row[1], Topic(row[2]), row[3], row[4], row[5], row[6], row[7], row[8], body)


@dataclass(frozen=True, slots=True)
class Position:
    """How far deliveries are numbered, and at which revision the hooks are."""

    last_delivery_pk: int
    hooks_revision: int


def position() -> ReadScript[Position]:
    """Where the outbox stands."""
    rows = yield Fetch("SELECT last_delivery_pk, hooks_revision FROM ledger WHERE pk = 1")
    return Position(rows[0][0], rows[0][1])


def waiting_hooks() -> ReadScript[dict[int, int]]:
    """The hooks for which something waits, with when the first of it is due."""
    rows = yield Fetch("SELECT hook_pk, min(due_at) FROM deliveries WHERE status = 0 GROUP BY hook_pk")
    return {row[0]: row[1] for row in rows}


def new_deliveries(after: int, up_to: int) -> ReadScript[list[Due]]:
    """The deliveries that wait, numbered after `after` and not beyond `up_to`, in order."""
    rows = yield Fetch(
        f"SELECT {_DUE} FROM deliveries AS d WHERE d.pk > $1 AND d.pk <= $2 AND d.status = 0 ORDER BY d.pk",
        (after, up_to),
    )
    return [_due(row) for row in rows]


def hooks_owed_since(after: int, up_to: int) -> ReadScript[list[int]]:
    """The hooks for which deliveries with these numbers were made."""
    rows = yield Fetch("SELECT DISTINCT hook_pk FROM deliveries WHERE pk > $1 AND pk <= $2", (after, up_to))
    return [row[0] for row in rows]


def due_deliveries(hook_pk: int, now: int, limit: int) -> ReadScript[tuple[list[Due], int | None]]:
    """What of a hook is due and may be sent, the longest due first; and when more will be due, None when nothing waits
    for later.
    """
    # By min() rather than NOT EXISTS, for which PostgreSQL reads all that waits for the hook once for each row.
    rows = yield Fetch(
        f"SELECT {_DUE} FROM deliveries AS d WHERE d.hook_pk = $1 AND d.status = 0 AND d.due_at <= $2"
        " AND d.pk = coalesce((SELECT min(e.pk) FROM deliveries AS e WHERE e.hook_pk = d.hook_pk AND e.status = 0"
        " AND e.violation_pk = d.violation_pk), d.pk)"
        " ORDER BY d.due_at, d.pk LIMIT $3",
        (hook_pk, now, limit),
    )
    later = yield Fetch(
        "SELECT min(due_at) FROM deliveries WHERE hook_pk = $1 AND status = 0 AND due_at > $2", (hook_pk, now)
    )
    return [_due(row) for row in rows], later[0][0]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a delivery by one attempt."""

    due: Due
    status: Status
    due_at: int
    """When it is tried next, if it is pending still."""
    attempted_at: int
    response_status: int | None = None
    error: str | None = None
    failures: str | None = None


_RESULT = {
    "pk": "bigint",
    "status": "smallint",
    "due_at": "bigint",
    "tries": "bigint",
    "attempts": "bigint",
    "attempted_at": "bigint",
    "ended_at": "bigint",
    "response_status": "bigint",
    "error": "text",
    "failures": "text",
}
_FOLLOWED = {"pk": "bigint", "hook_pk": "bigint", "violation_pk": "bigint", "due_at": "bigint"}


def record_results(dialect: Dialect, results: Sequence[Result]) -> WriteScript[None]:
    """Notes what became of deliveries. One that was ended by others meanwhile, or is gone, is left alone."""
    noted = [
        {
            "pk": one.due.pk,
            "status": int(one.status),
            "due_at": one.due_at,
            "tries": one.due.tries + 1,
            "attempts": one.due.attempts + 1,
            "attempted_at": one.attempted_at,
            "ended_at": None if one.status is Status.PENDING else one.attempted_at,
            "response_status": one.response_status,
            "error": one.error,
            "failures": one.failures,
        }
        for one in results
    ]
    yield Execute(
        "UPDATE deliveries SET status = r.status, due_at = r.due_at, tries = r.tries, attempts = r.attempts,"
        " last_attempt_at = r.attempted_at, ended_at = r.ended_at, response_status = r.response_status,"
        f" last_error = r.error, failures = r.failures FROM {json_rows(dialect, 1, _RESULT)} AS r"
        " WHERE deliveries.pk = r.pk AND deliveries.status = 0",
        (orjson.dumps(noted).decode(),),
    )
    # Put off with the one they wait for, or let go after it was.
    followed = [
        {
            "pk": one.due.pk,
            "hook_pk": one.due.hook_pk,
            "violation_pk": one.due.violation_pk,
            "due_at": one.due_at if one.status is Status.PENDING else AT_ONCE,
        }
        for one in results
        if one.due.violation_pk is not None and (one.status is Status.PENDING or one.due.tries)
    ]
    if followed:
        yield Execute(
            f"UPDATE deliveries SET due_at = r.due_at FROM {json_rows(dialect, 1, _FOLLOWED)} AS r"
            " WHERE deliveries.hook_pk = r.hook_pk AND deliveries.violation_pk = r.violation_pk"
            " AND deliveries.status = 0 AND deliveries.pk > r.pk",
            (orjson.dumps(followed).decode(),),
        )


def take_lease(dialect: Dialect, holder: str, duration: int, *, by_force: bool = False) -> WriteScript[bool]:
    """Takes or extends the lease to deliver for `duration` microseconds; False while another process holds it.

    `by_force` takes it from whoever has it, for a process that knows that it is alone.
    """
    now = database_clock(dialect)
    free = "" if by_force else f" AND (holder IS NULL OR holder = $1 OR leased_until <= {now})"
    rows = yield Execute(
        f"UPDATE outbox SET holder = $1, leased_until = {now} + $2 WHERE pk = 1{free} RETURNING pk", (holder, duration)
    )
    return bool(rows)


def release_lease(holder: str) -> WriteScript[None]:
    """Gives the lease back, if it is held."""
    yield Execute("UPDATE outbox SET holder = NULL, leased_until = 0 WHERE pk = 1 AND holder = $1", (holder,))


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


def list_records(hook_pk: int, statuses: Iterable[Status], before: int | None, limit: int) -> ReadScript[list[Record]]:
    """Deliveries of a hook in some statuses, newest first, numbered below `before`."""
    below = "" if before is None else " AND pk < $3"
    of_status = " UNION ALL ".join(
        f"SELECT * FROM (SELECT * FROM deliveries WHERE hook_pk = $1 AND status = {int(status)}{below}"
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
                " (SELECT pk FROM deliveries WHERE hook_pk = $1 AND status = $2 LIMIT $3) RETURNING pk",
                (hook_pk, int(status), limit),
            )
    return bool(rows)


def take_number() -> WriteScript[int]:
    """The number of a delivery that is about to be made."""
    rows = yield Execute(
        "UPDATE ledger SET last_delivery_pk = last_delivery_pk + 1 WHERE pk = 1 RETURNING last_delivery_pk"
    )
    number: int = rows[0][0]
    return number


def add_pending(rows: Sequence[tuple[int, Topic, int | None, int | None, bytes | None]], now: int) -> WriteScript[int]:
    """Makes deliveries, each given by hook, topic, violation, event and body; how many."""
    last = yield Execute(
        "UPDATE ledger SET last_delivery_pk = last_delivery_pk + $1 WHERE pk = 1 RETURNING last_delivery_pk",
        (len(rows),),
    )
    first = last[0][0] - len(rows) + 1
    made = [
        pending_row(first + n, hook_pk, topic, now, violation_pk=violation_pk, seq=seq, body=body)
        for n, (hook_pk, topic, violation_pk, seq, body) in enumerate(rows)
    ]
    yield Insert(DeliveryRow, made)
    return len(made)


def add_ended(
    due: Due, status: Status, ended_at: int, response_status: int | None, error: str | None
) -> WriteScript[None]:
    """Keeps a delivery that was made, and tried once, at once."""
    row = (due.pk, due.hook_pk, due.topic, due.violation_pk, due.seq, status, due.created_at, AT_ONCE, 1, 1)
    yield Insert(DeliveryRow, [(*row, due.created_at, ended_at, response_status, error, None, due.body)])


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


def oldest_pending() -> ReadScript[tuple[int, int | None]]:
    """How many deliveries wait for hooks that are enabled, and when the oldest of them was made."""
    rows = yield Fetch(
        "SELECT count(*), min(d.created_at) FROM deliveries AS d JOIN hooks AS h ON h.pk = d.hook_pk"
        " WHERE d.status = 0 AND h.disabled_at IS NULL"
    )
    return rows[0][0], rows[0][1]
