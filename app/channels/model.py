"""Tables of the channels: one row for Maven's queue, and one for each time of which events may be missing."""

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, NUMBER, SMALL, WORDS


class MavenQueueRow(SQLModel, table=True):
    """One row: how far Maven's queue was read, how reading it goes, and which process may.

    `source` is the address of the Maven that it speaks of, and `asked_at` when reading it began last. `position` is the
    time of the newest event read, by Maven's clock: events up to it are committed. `resume_at` is where a reading that
    did not come to the end goes on. `holder` has the lease until `leased_until`, by the database's clock. `refused_key`
    marks the API key that Maven refused, so that not every start of every process tries it again; it does not give the
    key away.
    """

    __tablename__ = "maven_queue"

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    source: str | None = Field(sa_column=Column(WORDS))
    asked_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    position: int | None = Field(sa_column=Column(MICROSECONDS))
    resume_at: int | None = Field(sa_column=Column(MICROSECONDS))
    holder: str | None = Field(sa_column=Column(WORDS))
    leased_until: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    last_success_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_error_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_error: str | None = Field(sa_column=Column(WORDS))
    errors_in_row: int = Field(sa_column=Column(NUMBER, nullable=False))
    refused_key: str | None = Field(sa_column=Column(WORDS))
    refused_at: int | None = Field(sa_column=Column(MICROSECONDS))
    reconciled_at: int | None = Field(sa_column=Column(MICROSECONDS))


class GapRow(SQLModel, table=True):
    """A time, from `from_at` to `to_at` by Maven's clock, whose events may be missing, and why. Kept for ever.

    `closed_at` is when all of it was read after all.
    """

    __tablename__ = "gaps"
    __table_args__ = (Index("gaps_from", "channel", "reason", "from_at", unique=True),)

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    channel: int = Field(sa_column=Column(SMALL, nullable=False))
    reason: str = Field(sa_column=Column(WORDS, nullable=False))
    from_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    to_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    recorded_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    closed_at: int | None = Field(sa_column=Column(MICROSECONDS))
