"""Scripts over the outbox: what waits, in which order, what became of it, and who delivers.

Deliveries are numbered under the ledger's lock, so they commit in the order of `pk`: whoever has seen a number could
see all below it. Of one hook and violation a delivery may be sent when none before it waits. What waits behind one that
is tried again later is put off with it, so that looking for what is due does not pass over the same rows each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.db import leases
from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, Row, WriteScript, json_rows
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


def due_deliveries(dialect: Dialect, hook_pk: int, now: int, limit: int) -> ReadScript[tuple[list[Due], int | None]]:
    """What of a hook is due, of each violation in its order; and when more will be due, None when nothing waits for
    later. First come those that may be sent at once, the longest due first. Where they are fewer than `limit`, what
    waits behind them follows.
    """
    # By min() rather than NOT EXISTS, for which PostgreSQL reads all that waits for the hook once for each row.
    rows = yield Fetch(
        f"SELECT {_DUE} FROM deliveries AS d WHERE d.hook_pk = $1 AND d.status = 0 AND d.due_at <= $2"
        " AND d.pk = coalesce((SELECT min(e.pk) FROM deliveries AS e WHERE e.hook_pk = d.hook_pk AND e.status = 0"
        " AND e.violation_pk = d.violation_pk), d.pk)"
        " ORDER BY d.due_at, d.pk LIMIT $3",
        (hook_pk, now, limit),
    )
    found = [_due(row) for row in rows]
    found += yield from _behind(dialect, hook_pk, now, found, limit - len(found))
    later = yield Fetch(
        "SELECT min(due_at) FROM deliveries WHERE hook_pk = $1 AND status = 0 AND due_at > $2", (hook_pk, now)
    )
    return found, later[0][0]


def _behind(dialect: Dialect, hook_pk: int, now: int, heads: Sequence[Due], limit: int) -> ReadScript[list[Due]]:
    """What waits behind the first deliveries of violations, and behind none that is tried again later: the second of
    each, the third of each, and so on.
    """
    violations = [one.violation_pk for one in heads if one.violation_pk is not None]
    if not violations or limit == 0:
        return []
    rows = yield Fetch(
        f"SELECT {_DUE} FROM (SELECT *, row_number() OVER before AS place, max(due_at) OVER before AS latest_due_at"
        f" FROM deliveries WHERE hook_pk = $1 AND status = 0 AND violation_pk IN {any_of(dialect, 2, 'bigint')}"
        " WINDOW before AS (PARTITION BY violation_pk ORDER BY pk)) AS d"
        " WHERE d.place > 1 AND d.latest_due_at <= $3 ORDER BY d.place, d.pk LIMIT $4",
        (hook_pk, list_argument(dialect, violations), now, limit),
    )
    return [_due(row) for row in rows]


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


def take_numbers(count: int) -> WriteScript[int]:
    """The first of so many numbers, for deliveries that are about to be made."""
    rows = yield Execute(
        "UPDATE ledger SET last_delivery_pk = last_delivery_pk + $1 WHERE pk = 1 RETURNING last_delivery_pk", (count,)
    )
    last: int = rows[0][0]
    return last - count + 1


def add_pending(rows: Sequence[tuple[int, Topic, int | None, int | None, bytes | None]], now: int) -> WriteScript[int]:
    """Makes deliveries, each given by hook, topic, violation, event and body; how many."""
    first = yield from take_numbers(len(rows))
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


def take_lease(dialect: Dialect, holder: str, duration: int, *, by_force: bool = False) -> WriteScript[bool]:
    """Takes or extends the lease to deliver for `duration` microseconds; False while another process holds it.

    `by_force` takes it from whoever has it, for a process that knows that it is alone.
    """
    return bool((yield from leases.take(dialect, "outbox", holder, duration, or_when="1 = 1" if by_force else None)))


def release_lease(holder: str) -> WriteScript[None]:
    """Gives the lease back, if it is held."""
    yield from leases.release("outbox", holder)


def oldest_pending() -> ReadScript[tuple[int, int | None]]:
    """How many deliveries wait for hooks that are enabled, and when the oldest of them was made."""
    rows = yield Fetch(
        "SELECT count(*), min(d.created_at) FROM deliveries AS d JOIN hooks AS h ON h.pk = d.hook_pk"
        " WHERE d.status = 0 AND h.disabled_at IS NULL"
    )
    return rows[0][0], rows[0][1]
