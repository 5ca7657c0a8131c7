"""Hooks and what is owed to them."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("kind", SMALL, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("shown_url", WORDS),
        sa.Column("events", WORDS, nullable=False),
        sa.Column("filter", WORDS, nullable=False),
        sa.Column("threshold", WORDS),
        sa.Column("digest", WORDS),
        sa.Column("secrets", WORDS, nullable=False),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("updated_at", MICROSECONDS, nullable=False),
        sa.Column("disabled_at", MICROSECONDS),
        sa.Column("disabled_reason", WORDS),
        sa.Column("failing_since", MICROSECONDS),
        sa.Column("last_success_at", MICROSECONDS),
        sa.Column("last_failure_at", MICROSECONDS),
        sa.Column("last_error", WORDS),
        sa.Column("rests_until", MICROSECONDS),
        sa.Column("digest_from", MICROSECONDS),
        sa.Column("digest_due_at", MICROSECONDS),
        sqlite_autoincrement=True,
    )
    op.create_index("hooks_id", "hooks", ["id"], unique=True)
    op.create_table(
        "firing_alerts",
        sa.Column("hook_pk", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("violation_pk", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("labels", WORDS, nullable=False),
        sa.Column("starts_at", MICROSECONDS, nullable=False),
        sa.Column("sent_at", MICROSECONDS, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("pk", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("hook_pk", NUMBER, nullable=False),
        sa.Column("topic", SMALL, nullable=False),
        sa.Column("violation_pk", NUMBER),
        sa.Column("seq", NUMBER),
        sa.Column("status", SMALL, nullable=False),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("due_at", MICROSECONDS, nullable=False),
        sa.Column("tries", NUMBER, nullable=False),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("last_attempt_at", MICROSECONDS),
        sa.Column("ended_at", MICROSECONDS),
        sa.Column("response_status", NUMBER),
        sa.Column("last_error", WORDS),
        sa.Column("failures", WORDS),
        sa.Column("body", BYTES),
    )
    pending, ended = sa.text("status = 0"), sa.text("status <> 0")
    for name, columns, where in (
        ("deliveries_due", ["hook_pk", "due_at", "pk"], pending),
        ("deliveries_order", ["hook_pk", "violation_pk", "pk"], pending),
        ("deliveries_ended", ["hook_pk", "status", "pk"], ended),
    ):
        op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)
    outbox = op.create_table(
        "outbox",
        sa.Column("pk", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("holder", WORDS),
        sa.Column("leased_until", MICROSECONDS, nullable=False),
        sa.Column("swept_at", MICROSECONDS, nullable=False),
    )
    op.bulk_insert(outbox, [{"pk": 1, "leased_until": 0, "swept_at": 0}])
    for name in ("last_delivery_pk", "hooks_revision"):
        op.add_column("ledger", sa.Column(name, NUMBER, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    for name in ("hooks_revision", "last_delivery_pk"):
        op.drop_column("ledger", name)
    for name in ("outbox", "deliveries", "firing_alerts", "hooks"):
        op.drop_table(name)
