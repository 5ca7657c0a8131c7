"""Tables of the outbox: what is owed to whom, and which process delivers."""

from enum import IntEnum

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS


class Status(IntEnum):
    """How a delivery stands (contract section 7)."""

    PENDING = 0
    """It waits for a try."""
    SUCCEEDED = 1
    FAILED = 2
    """Refused for good."""
    DEAD = 3
    """Its tries are used up."""

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()


class Topic(IntEnum):
    """What a delivery tells. The first four are the changes, by the numbers of their outcomes."""

    CREATED = 0
    UPDATED = 1
    INVALIDATED = 2
    REOPENED = 3
    THRESHOLD = 4
    DIGEST = 5
    TEST = 6
    DVIR_ADDED = 7
    OPERATION_SUCCEEDED = 8
    OPERATION_FAILED = 9
    OPERATION = 10
    """An operation that is to be forwarded; told to connections alone."""

    @property
    def word(self) -> str:
        """The name on the wire, `type` of a message."""
        return TOPIC_WORDS[self]


TOPIC_WORDS = {
    Topic.CREATED: "violation.created",
    Topic.UPDATED: "violation.updated",
    Topic.INVALIDATED: "violation.invalidated",
    Topic.REOPENED: "violation.reopened",
    Topic.THRESHOLD: "driver.threshold",
    Topic.DIGEST: "violation.digest",
    Topic.TEST: "hook.test",
    Topic.DVIR_ADDED: "dvir_log.added",
    Topic.OPERATION_SUCCEEDED: "resource_operation.succeeded",
    Topic.OPERATION_FAILED: "resource_operation.failed",
    Topic.OPERATION: "resource_operation.forward",
}

_PENDING = text("status = 0")
_ENDED = text("status <> 0")


class DeliveryRow(SQLModel, table=True):
    """One message owed to one hook, in the order of their commits (`pk`).

    A message that tells a change is made of event `seq` when it is sent; any other has its data in `body`. Of one
    violation and hook the next is sent when the one before has ended. `tries` are those since it was last made pending
    by a person, `attempts` all; `failures` is a JSON array of those that failed, the last ones.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_due", "hook_pk", "due_at", "pk", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("deliveries_order", "hook_pk", "violation_pk", "pk", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("deliveries_ended", "hook_pk", "status", "pk", sqlite_where=_ENDED, postgresql_where=_ENDED),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    hook_pk: int = Field(sa_column=Column(NUMBER, nullable=False))
    topic: int = Field(sa_column=Column(SMALL, nullable=False))
    violation_pk: int | None = Field(sa_column=Column(NUMBER))
    seq: int | None = Field(sa_column=Column(NUMBER))
    status: int = Field(sa_column=Column(SMALL, nullable=False))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    due_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    tries: int = Field(sa_column=Column(NUMBER, nullable=False))
    attempts: int = Field(sa_column=Column(NUMBER, nullable=False))
    last_attempt_at: int | None = Field(sa_column=Column(MICROSECONDS))
    ended_at: int | None = Field(sa_column=Column(MICROSECONDS))
    response_status: int | None = Field(sa_column=Column(NUMBER))
    last_error: str | None = Field(sa_column=Column(WORDS))
    failures: str | None = Field(sa_column=Column(WORDS))
    body: bytes | None = Field(sa_column=Column(BYTES))


class OutboxRow(SQLModel, table=True):
    """One row: which process delivers. `holder` has the lease until `leased_until`, by the database's clock."""

    __tablename__ = "outbox"

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    holder: str | None = Field(sa_column=Column(WORDS))
    leased_until: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    swept_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
