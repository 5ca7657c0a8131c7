"""Tables of violations: how they stand now, and how they stood before."""

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, NUMBER, SMALL, WORDS

ACTIVE = 0
INVALIDATED = 1


class _ViolationColumns(SQLModel):
    """What both tables hold. The details themselves stay in the event `details_seq`; here are the facts that are
    searched, sorted and counted, and what the state rule needs to go on."""

    id: str = Field(sa_type=WORDS, nullable=False)
    driver_id: str | None = Field(sa_type=WORDS)
    driver_name: str | None = Field(sa_type=WORDS)
    terminal_code: str | None = Field(sa_type=WORDS)
    type: str | None = Field(sa_type=WORDS)
    ruleset: str | None = Field(sa_type=WORDS)
    power_unit_number: str | None = Field(sa_type=WORDS)
    search_text: str = Field(sa_type=WORDS, nullable=False)
    log_date: str | None = Field(sa_type=WORDS)
    start_time: int | None = Field(sa_type=MICROSECONDS)
    event_time: int = Field(sa_type=MICROSECONDS, nullable=False)
    duration_minutes: int | None = Field(sa_type=NUMBER)
    egregious: int = Field(sa_type=SMALL, nullable=False)
    status: int = Field(sa_type=SMALL, nullable=False)
    invalidated_at: int | None = Field(sa_type=MICROSECONDS)
    creation_seq: int | None = Field(sa_type=NUMBER)
    invalidation_seq: int | None = Field(sa_type=NUMBER)
    invalidation_time: int | None = Field(sa_type=MICROSECONDS)
    details_seq: int = Field(sa_type=NUMBER, nullable=False)
    first_received_at: int = Field(sa_type=MICROSECONDS, nullable=False)
    last_received_at: int = Field(sa_type=MICROSECONDS, nullable=False)
    revision: int = Field(sa_type=NUMBER, nullable=False)


class ViolationRow(_ViolationColumns, table=True):
    """A violation as it stands now."""

    __tablename__ = "violations"
    __table_args__ = (
        Index("violations_id", "id", unique=True),
        Index("violations_status_start", "status", "start_time"),
        # Answers the list of drivers by itself: active rows lie apart among those of history.
        Index("violations_driver", "status", "driver_id", "start_time", "type", "egregious", "terminal_code"),
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
