"""Scripts that change resource operations: accepted, tried, ended; and what hooks are owed of it.

An operation is on disk before anybody is told of it, and what is to be forwarded is in the outbox by the same commit:
so it is forwarded at least once, whatever dies, and it always ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import orjson

from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript, row_lock
from app.inspections.connections import Connection
from app.inspections.news import owe_news
from app.inspections.operation import OPERATION_COLUMNS, Operation, operation_of
from app.inspections.reports import keep_report
from app.inspections.schema import Fields
from app.inspections.words import ConnectionKind, OperationStatus
from app.outbox.model import Topic
from app.outbox.store import add_pending

REMOVED = "The connection was removed."
INTERRUPTED = "The service ended while this was forwarded; whether the provider has it is not known."
"""Of a synchronous operation: nobody tries it again."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt to forward. `at` is in microseconds since 1970 UTC."""

    at: int
    is_success: bool
    response_status_code: int | None = None
    response_headers: Mapping[str, str] | None = None
    error_type: str | None = None
    error_details: str | None = None
    source_id: str | None = None


def removed(at: int) -> Attempted:
    """What is noted of an operation whose connection was removed."""
    return Attempted(at, is_success=False, error_type="removed", error_details=REMOVED)


def interrupted(at: int) -> Attempted:
    """What is noted of a synchronous operation whose process is gone."""
    return Attempted(at, is_success=False, error_type="interrupted", error_details=INTERRUPTED)


def _take_turn(dialect: Dialect) -> WriteScript[None]:
    """Takes the ledger until the commit, as whoever removes a connection does: so an operation ends once, none is
    accepted for a connection that is being removed, and of two reports of a vehicle one sees the other.
    """
    yield Fetch(f"SELECT 1 FROM ledger WHERE pk = 1{row_lock(dialect)}")


def accept_operation(
    dialect: Dialect, connection: Connection, fields: Fields, partner_id: str, now: int, *, is_sync: bool
) -> WriteScript[Operation | None]:
    """Keeps an operation; gives it as it was accepted, pending. By a local connection it has ended with the commit; by
    another one it is in the outbox, unless it is to be forwarded at once. None when the connection was removed
    meanwhile.
    """
    yield from _take_turn(dialect)
    if not (yield Fetch("SELECT 1 FROM connections WHERE pk = $1 AND deleted_at IS NULL", (connection.pk,))):
        return None
    operation_id = str(uuid4())
    payload = orjson.dumps(fields)
    rows = yield Execute(
        "INSERT INTO resource_operations (id, partner_id, connection_id, payload, is_sync, status, created_at,"
        " updated_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $6) RETURNING pk",
        (operation_id, partner_id, connection.id, payload, int(is_sync), now),
    )
    accepted = Operation(
        pk=rows[0][0],
        id=operation_id,
        partner_id=partner_id,
        connection_id=connection.id,
        payload=payload,
        is_sync=is_sync,
        status=OperationStatus.PENDING,
        resource_id=None,
        source_id=None,
        created_at=now,
        updated_at=now,
    )
    if connection.kind is ConnectionKind.LOCAL:
        yield from note_attempt(dialect, operation_id, Attempted(now, is_success=True), OperationStatus.SUCCESS, now)
    elif not is_sync:
        assert connection.hook_pk is not None
        body = orjson.dumps({"operation": operation_id, "payload": fields})
        yield from add_pending([(connection.hook_pk, Topic.OPERATION, None, None, body)], now)
    return accepted


def note_attempt(
    dialect: Dialect, operation_id: str, attempted: Attempted, status: OperationStatus, now: int
) -> WriteScript[None]:
    """Notes an attempt, and how the operation stands after it. One that has ended already is left alone."""
    yield from _take_turn(dialect)
    rows = yield Fetch(f"SELECT {OPERATION_COLUMNS} FROM resource_operations WHERE id = $1", (operation_id,))
    if not rows or rows[0][6] != OperationStatus.PENDING:
        return
    operation = operation_of(rows[0])
    yield Execute(
        "INSERT INTO operation_logs (id, operation_pk, attempted_at, is_success, error_type, error_details,"
        " response_status_code, response_headers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        (
            str(uuid4()),
            operation.pk,
            attempted.at,
            int(attempted.is_success),
            attempted.error_type,
            attempted.error_details,
            attempted.response_status_code,
            None if attempted.response_headers is None else orjson.dumps(dict(attempted.response_headers)).decode(),
        ),
    )
    resource_id: str | None = None
    if status is OperationStatus.SUCCESS:
        fields: Fields = orjson.loads(operation.payload)
        resource_id = yield from keep_report(dialect, fields, attempted.source_id, operation.created_at, now)
    yield Execute(
        "UPDATE resource_operations SET status = $2, resource_id = $3, source_id = $4, updated_at = $5 WHERE pk = $1",
        (operation.pk, int(status), resource_id, attempted.source_id, now),
    )
    if status is not OperationStatus.PENDING:
        yield from owe_news(operation.connection_id, operation.id, now)


def interrupted_operations(before: int) -> ReadScript[list[str]]:
    """Synchronous operations that were accepted before an instant and whose process is gone: a hundred at most."""
    rows = yield Fetch(
        "SELECT id FROM resource_operations WHERE status = 0 AND is_sync = 1 AND created_at < $1 ORDER BY pk LIMIT 100",
        (before,),
    )
    return [row[0] for row in rows]


def fail_operations(dialect: Dialect, operation_ids: Sequence[str], attempted: Attempted) -> WriteScript[None]:
    """Ends operations that nobody forwards any more."""
    for operation_id in operation_ids:
        yield from note_attempt(dialect, operation_id, attempted, OperationStatus.FAILED, attempted.at)
