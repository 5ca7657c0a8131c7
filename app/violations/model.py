"""Tables of violations: how they stand now, and how they stood before."""

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, NUMBER, SMALL, WORDS

ACTIVE = 0
INVALIDATED = 1


class _ViolationColumns(SQLModel):
    """What both tables hold. The details themselves stay in the event `details_seq`; here are the facts that are
    searched, sorted and counted, and what the state rule needs to go on."""

    id: str = Field(sa_type=WORDS, nullable=False)  # type: ignore[call-overload]
    driver_id: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    driver_name: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    terminal_code: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    type: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    ruleset: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    power_unit_number: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    search_text: str = Field(sa_type=WORDS, nullable=False)  # type: ignore[call-overload]
    log_date: str | None = Field(sa_type=WORDS)  # type: ignore[call-overload]
    start_time: int | None = Field(sa_type=MICROSECONDS)  # type: ignore[call-overload]
    event_time: int = Field(sa_type=MICROSECONDS, nullable=False)  # type: ignore[call-overload]
    duration_minutes: int | None = Field(sa_type=NUMBER)  # type: ignore[call-overload]
    egregious: int = Field(sa_type=SMALL, nullable=False)  # type: ignore[call-overload]
    status: int = Field(sa_type=SMALL, nullable=False)  # type: ignore[call-overload]
    invalidated_at: int | None = Field(sa_type=MICROSECONDS)  # type: ignore[call-overload]
    creation_seq: int | None = Field(sa_type=NUMBER)  # type: ignore[call-overload]
    invalidation_seq: int | None = Field(sa_type=NUMBER)  # type: ignore[call-overload]
    invalidation_time: int | None = Field(sa_type=MICROSECONDS)  # type: ignore[call-overload]
    details_seq: int = Field(sa_type=NUMBER, nullable=False)  # type: ignore[call-overload]
    first_received_at: int = Field(sa_type=MICROSECONDS, nullable=False)  # type: ignore[call-overload]
    last_received_at: int = Field(sa_type=MICROSECONDS, nullable=False)  # type: ignore[call-overload]
    revision: int = Field(sa_type=NUMBER, nullable=False)  # type: ignore[call-overload]


class ViolationRow(_ViolationColumns, table=True):
    """A violation as it stands now."""

    __tablename__ = "violations"
    __table_args__ = (
        Index("violations_id", "id", unique=True),
        Index("violations_status_start", "status", "start_time"),
        Index("violations_driver", "driver_id", "status"),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))


class ViolationVersionRow(_ViolationColumns, table=True):
    """A violation as it stood from its `last_received_at` until `replaced_at`, when event `replaced_seq` touched it.
    Answers `asOf`."""

    __tablename__ = "violation_versions"
    __table_args__ = (Index("violation_versions_replaced", "replaced_at"),)

    replaced_seq: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    replaced_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    pk: int = Field(sa_column=Column(NUMBER, nullable=False))
