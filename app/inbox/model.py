"""Tables of the inbox. `events` is history: rows are added in commit order and never changed."""

from enum import IntEnum

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, UNIQUE_BUT_FOR_PARTS, WORDS


class Channel(IntEnum):
    """How an event came (contract section 5, events endpoint)."""

    WEBHOOK = 0
    POLL = 1
    REPLAY = 2

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()


class EventRow(SQLModel, table=True):
    """One event as received and what it did.

    `details_seq`, `invalidated_at` and `revision` are the violation's just after this event, so that an event whose
    outcome is a change is itself the entry of the changes feed.
    """

    __tablename__ = "events"
    # That no two events of a violation are the same is seen to under the ledger's lock.
    __table_args__ = (Index("events_identity", "violation_pk", "identity", unique=True, info=UNIQUE_BUT_FOR_PARTS),)

    seq: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    violation_pk: int = Field(sa_column=Column(NUMBER, nullable=False))
    identity: str = Field(sa_column=Column(WORDS, nullable=False))
    event_type: int = Field(sa_column=Column(SMALL, nullable=False))
    event_time: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    received_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    channel: int = Field(sa_column=Column(SMALL, nullable=False))
    outcome: int = Field(sa_column=Column(SMALL, nullable=False))
    event_id: str | None = Field(sa_column=Column(WORDS))
    details_seq: int = Field(sa_column=Column(NUMBER, nullable=False))
    invalidated_at: int | None = Field(sa_column=Column(MICROSECONDS))
    revision: int = Field(sa_column=Column(NUMBER, nullable=False))
    payload: bytes = Field(sa_column=Column(BYTES, nullable=False))


class QuarantineRow(SQLModel, table=True):
    """Bytes that were not understood: kept once by their SHA-256, counted, with the errors found first as JSON text."""

    __tablename__ = "quarantine"
    # SQLite would give the id of a discarded entry to the next one.
    __table_args__ = (Index("quarantine_body", "body_hash", unique=True), {"sqlite_autoincrement": True})

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    body_hash: str = Field(sa_column=Column(WORDS, nullable=False))
    body: bytes = Field(sa_column=Column(BYTES, nullable=False))
    errors: str = Field(sa_column=Column(WORDS, nullable=False))
    channel: int = Field(sa_column=Column(SMALL, nullable=False))
    count: int = Field(sa_column=Column(NUMBER, nullable=False))
    received_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    last_received_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class LedgerRow(SQLModel, table=True):
    """One row: the last numbers given out, the time they were, when an event was last kept of each channel, the key
    that seals cursors, and a number that grows whenever a hook changes.

    Locking it puts writers of all processes in one queue, so that events, and what is owed to hooks for them, commit in
    the order of their numbers.
    """

    __tablename__ = "ledger"

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    last_seq: int = Field(sa_column=Column(NUMBER, nullable=False))
    last_violation_pk: int = Field(sa_column=Column(NUMBER, nullable=False))
    last_received_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    last_webhook_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_poll_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_replay_at: int | None = Field(sa_column=Column(MICROSECONDS))
    cursor_key: bytes = Field(sa_column=Column(BYTES, nullable=False))
    last_delivery_pk: int = Field(sa_column=Column(NUMBER, nullable=False, server_default=text("0")))
    hooks_revision: int = Field(sa_column=Column(NUMBER, nullable=False, server_default=text("0")))
