"""A resource operation as it is kept: what was asked for, how it stands, and every attempt."""

from dataclasses import dataclass

from app.db.statements import Fetch, ReadScript, Row
from app.inspections.words import OperationStatus


@dataclass(frozen=True, slots=True)
class OperationLog:
    """One attempt as it is kept."""

    id: str
    attempted_at: int
    is_success: bool
    error_type: str | None
    error_details: str | None
    response_status_code: int | None
    response_headers: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with its attempts. Times are microseconds since 1970 UTC."""

    pk: int
    id: str
    partner_id: str
    connection_id: str
    payload: bytes
    is_sync: bool
    status: OperationStatus
    resource_id: str | None
    source_id: str | None
    created_at: int
    updated_at: int
    logs: tuple[OperationLog, ...] = ()


OPERATION_COLUMNS = (
    "pk, id, partner_id, connection_id, payload, is_sync, status, resource_id, source_id, created_at, updated_at"
)


def operation_of(row: Row, logs: tuple[OperationLog, ...] = ()) -> Operation:
    """The operation in a row of `OPERATION_COLUMNS`."""
    head = (row[0], row[1], row[2], row[3], bytes(row[4]), bool(row[5]), OperationStatus(row[6]))
    return Operation(*head, row[7], row[8], row[9], row[10], logs)


def find_operation(connection_id: str, operation_id: str) -> ReadScript[Operation | None]:
    """An operation of a connection with its attempts, oldest first."""
    rows = yield Fetch(
        f"SELECT {OPERATION_COLUMNS} FROM resource_operations WHERE id = $1 AND connection_id = $2",
        (operation_id, connection_id),
    )
    if not rows:
        return None
    logs = yield Fetch(
        "SELECT id, attempted_at, is_success, error_type, error_details, response_status_code, response_headers"
        " FROM operation_logs WHERE operation_pk = $1 ORDER BY pk",
        (rows[0][0],),
    )
    return operation_of(
        rows[0], tuple(OperationLog(log[0], log[1], bool(log[2]), log[3], log[4], log[5], log[6]) for log in logs)
    )
