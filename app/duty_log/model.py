"""The tables of the duty log: every version of every record, and the counter that orders them."""

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS

_OF_SYSTEM = text("is_system = 1")


class DutyLedgerRow(SQLModel, table=True):
    """One row, which whoever writes records locks first: ids and times of change then follow the order of commits."""

    __tablename__ = "duty_ledger"

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    last_id: int = Field(sa_column=Column(NUMBER, nullable=False))
    last_changed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class DutyRecordRow(SQLModel, table=True):
    """One version of a record. `shown` is its JSON (`schema.given_out`); the other columns are what is searched and
    sorted by. `digest` tells a record that is sent again. Times are cut to the millisecond.
    """

    __tablename__ = "duty_records"
    __table_args__ = (
        Index("duty_records_user", "user_id", "event_time"),
        Index("duty_records_uuid", "uuid"),
        Index("duty_records_asset", "asset_id", "event_time"),
        Index("duty_records_time", "event_time"),
        Index("duty_records_changed", "changed_at"),
        Index("duty_records_system", "event_time", sqlite_where=_OF_SYSTEM, postgresql_where=_OF_SYSTEM),
    )

    id: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    uuid: str = Field(sa_column=Column(WORDS, nullable=False))
    digest: bytes = Field(sa_column=Column(BYTES, nullable=False))
    user_id: int = Field(sa_column=Column(NUMBER, nullable=False))
    asset_id: int | None = Field(sa_column=Column(NUMBER))
    is_system: int = Field(sa_column=Column(SMALL, nullable=False))
    event_type: str = Field(sa_column=Column(WORDS, nullable=False))
    record_status: int = Field(sa_column=Column(SMALL, nullable=False))
    record_origin: str = Field(sa_column=Column(WORDS, nullable=False))
    note: str | None = Field(sa_column=Column(WORDS))
    driver_edit: int = Field(sa_column=Column(SMALL, nullable=False))
    event_time: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    shift_start: int | None = Field(sa_column=Column(MICROSECONDS))
    deleted_at: int | None = Field(sa_column=Column(MICROSECONDS))
    changed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    received_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    edits_id: int | None = Field(sa_column=Column(NUMBER))
    shown: bytes = Field(sa_column=Column(BYTES, nullable=False))
