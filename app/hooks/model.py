"""Tables of the hooks: the subscriptions, and what an Alertmanager was told last."""

from enum import IntEnum

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, NUMBER, SMALL, WORDS


class Kind(IntEnum):
    """How a hook is told (contract section 7)."""

    WEBHOOK = 0
    ALERTMANAGER = 1
    APPRISE = 2
    CONNECTION = 3
    """No hook of contract section 7, but where inspections are forwarded to (section 10); shown among connections."""

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()


class HookRow(SQLModel, table=True):
    """One subscription.

    `url` and the secrets in `secrets` (JSON: `[{"sealed", "expiresAt"}]`, newest first) are sealed; `shown_url` is what
    may be shown of a URL that is itself a secret. `events`, `filter`, `threshold` and `digest` are JSON as on the wire.
    `failing_since` is when the first of nothing but failures was, `rests_until` until when the receiver asked to be
    left alone. A digest covers what was received from `digest_from`
    and is due at `digest_due_at`.
    """

    __tablename__ = "hooks"
    # SQLite would give the key of a deleted hook, and with it what is owed to it, to the next one.
    __table_args__ = (Index("hooks_id", "id", unique=True), {"sqlite_autoincrement": True})

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    id: str = Field(sa_column=Column(WORDS, nullable=False))
    name: str = Field(sa_column=Column(WORDS, nullable=False))
    kind: int = Field(sa_column=Column(SMALL, nullable=False))
    url: str = Field(sa_column=Column(WORDS, nullable=False))
    shown_url: str | None = Field(sa_column=Column(WORDS))
    events: str = Field(sa_column=Column(WORDS, nullable=False))
    filter: str = Field(sa_column=Column(WORDS, nullable=False))
    threshold: str | None = Field(sa_column=Column(WORDS))
    digest: str | None = Field(sa_column=Column(WORDS))
    secrets: str = Field(sa_column=Column(WORDS, nullable=False))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    updated_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    disabled_at: int | None = Field(sa_column=Column(MICROSECONDS))
    disabled_reason: str | None = Field(sa_column=Column(WORDS))
    failing_since: int | None = Field(sa_column=Column(MICROSECONDS))
    last_success_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_failure_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_error: str | None = Field(sa_column=Column(WORDS))
    rests_until: int | None = Field(sa_column=Column(MICROSECONDS))
    digest_from: int | None = Field(sa_column=Column(MICROSECONDS))
    digest_due_at: int | None = Field(sa_column=Column(MICROSECONDS))


class FiringAlertRow(SQLModel, table=True):
    """An alert that an Alertmanager was told of and that was not resolved: its labels, JSON, and when it was last sent.

    An Alertmanager forgets what it is not told again, and knows an alert by its labels alone.
    """

    __tablename__ = "firing_alerts"

    hook_pk: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    violation_pk: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    labels: str = Field(sa_column=Column(WORDS, nullable=False))
    starts_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    sent_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
