"""Tables of inspections: connections, operations with their attempts, reports and their defects."""

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS

_OPEN = text("resolved_at IS NULL")
_UNFINISHED = text("status = 0")


class ConnectionRow(SQLModel, table=True):
    """A pair of fleet and provider. One of kind http has a row among the hooks too, `hook_pk`, by which the outbox
    delivers to it and which has its sealed URL and credentials. A deleted one stays, for its operations.
    """

    __tablename__ = "connections"
    __table_args__ = (Index("connections_id", "id", unique=True),)

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    id: str = Field(sa_column=Column(WORDS, nullable=False))
    name: str = Field(sa_column=Column(WORDS, nullable=False))
    kind: int = Field(sa_column=Column(SMALL, nullable=False))
    fleet_ref: str | None = Field(sa_column=Column(WORDS))
    source_name: str | None = Field(sa_column=Column(WORDS))
    mapping: str = Field(sa_column=Column(WORDS, nullable=False))
    credential_type: str | None = Field(sa_column=Column(WORDS))
    hook_pk: int | None = Field(sa_column=Column(NUMBER))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    updated_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    deleted_at: int | None = Field(sa_column=Column(MICROSECONDS))


class OperationRow(SQLModel, table=True):
    """One request to create a report, as it was sent (`payload`, JSON), and how it stands."""

    __tablename__ = "resource_operations"
    __table_args__ = (
        Index("resource_operations_id", "id", unique=True),
        Index("resource_operations_pending", "pk", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    id: str = Field(sa_column=Column(WORDS, nullable=False))
    partner_id: str = Field(sa_column=Column(WORDS, nullable=False))
    connection_id: str = Field(sa_column=Column(WORDS, nullable=False))
    payload: bytes = Field(sa_column=Column(BYTES, nullable=False))
    is_sync: int = Field(sa_column=Column(SMALL, nullable=False))
    status: int = Field(sa_column=Column(SMALL, nullable=False))
    resource_id: str | None = Field(sa_column=Column(WORDS))
    source_id: str | None = Field(sa_column=Column(WORDS))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    updated_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class OperationLogRow(SQLModel, table=True):
    """One attempt of an operation; `response_headers` is JSON."""

    __tablename__ = "operation_logs"
    __table_args__ = (Index("operation_logs_operation", "operation_pk", "pk"),)

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    id: str = Field(sa_column=Column(WORDS, nullable=False))
    operation_pk: int = Field(sa_column=Column(NUMBER, nullable=False))
    attempted_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    is_success: int = Field(sa_column=Column(SMALL, nullable=False))
    error_type: str | None = Field(sa_column=Column(WORDS))
    error_details: str | None = Field(sa_column=Column(WORDS))
    response_status_code: int | None = Field(sa_column=Column(NUMBER))
    response_headers: str | None = Field(sa_column=Column(WORDS))


class DvirLogRow(SQLModel, table=True):
    """One inspection report that its connection has. `payload` is JSON as it was sent, with the defaults."""

    __tablename__ = "dvir_logs"
    __table_args__ = (
        Index("dvir_logs_id", "id", unique=True),
        Index("dvir_logs_vehicle", "vehicle_id", "occurred_at"),
        Index("dvir_logs_trailer", "trailer_id", "occurred_at"),
        Index("dvir_logs_driver", "driver_id", "occurred_at"),
        Index("dvir_logs_time", "occurred_at"),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    id: str = Field(sa_column=Column(WORDS, nullable=False))
    connection_id: str = Field(sa_column=Column(WORDS, nullable=False))
    source_id: str | None = Field(sa_column=Column(WORDS))
    driver_id: str = Field(sa_column=Column(WORDS, nullable=False))
    vehicle_id: str | None = Field(sa_column=Column(WORDS))
    trailer_id: str | None = Field(sa_column=Column(WORDS))
    occurred_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    log_type: str = Field(sa_column=Column(WORDS, nullable=False))
    status: str | None = Field(sa_column=Column(WORDS))
    is_safety_critical: int = Field(sa_column=Column(SMALL, nullable=False))
    is_correction: int = Field(sa_column=Column(SMALL, nullable=False))
    defect_count: int = Field(sa_column=Column(NUMBER, nullable=False))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    updated_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    payload: bytes = Field(sa_column=Column(BYTES, nullable=False))


class DvirDefectRow(SQLModel, table=True):
    """One defect of one report. It is open until a later report of the same vehicle corrects it."""

    __tablename__ = "dvir_defects"
    __table_args__ = (
        Index("dvir_defects_id", "id", unique=True),
        Index("dvir_defects_log", "dvir_log_pk"),
        Index("dvir_defects_vehicle", "vehicle_id", "occurred_at"),
        Index("dvir_defects_trailer", "trailer_id", "occurred_at"),
        Index("dvir_defects_open", "is_safety_critical", "occurred_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    id: str = Field(sa_column=Column(WORDS, nullable=False))
    dvir_log_pk: int = Field(sa_column=Column(NUMBER, nullable=False))
    driver_id: str = Field(sa_column=Column(WORDS, nullable=False))
    vehicle_id: str | None = Field(sa_column=Column(WORDS))
    trailer_id: str | None = Field(sa_column=Column(WORDS))
    occurred_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    defect_type: str = Field(sa_column=Column(WORDS, nullable=False))
    is_safety_critical: int = Field(sa_column=Column(SMALL, nullable=False))
    detail: str | None = Field(sa_column=Column(WORDS))
    resolved_at: int | None = Field(sa_column=Column(MICROSECONDS))
    resolved_by: str | None = Field(sa_column=Column(WORDS))
