"""Events as received, violations and their earlier versions, quarantine, keys, and the ledger that numbers events."""

import os

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS

revision = "0001"
down_revision = None


def _violation_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("id", WORDS, nullable=False),
        sa.Column("driver_id", WORDS),
        sa.Column("driver_name", WORDS),
        sa.Column("terminal_code", WORDS),
        sa.Column("type", WORDS),
        sa.Column("ruleset", WORDS),
        sa.Column("power_unit_number", WORDS),
        sa.Column("search_text", WORDS, nullable=False),
        sa.Column("log_date", WORDS),
        sa.Column("start_time", MICROSECONDS),
        sa.Column("event_time", MICROSECONDS, nullable=False),
        sa.Column("duration_minutes", NUMBER),
        sa.Column("egregious", SMALL, nullable=False),
        sa.Column("status", SMALL, nullable=False),
        sa.Column("invalidated_at", MICROSECONDS),
        sa.Column("creation_seq", NUMBER),
        sa.Column("invalidation_seq", NUMBER),
        sa.Column("invalidation_time", MICROSECONDS),
        sa.Column("details_seq", NUMBER, nullable=False),
        sa.Column("first_received_at", MICROSECONDS, nullable=False),
        sa.Column("last_received_at", MICROSECONDS, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("violation_pk", NUMBER, nullable=False),
        sa.Column("identity", WORDS, nullable=False),
        sa.Column("event_type", SMALL, nullable=False),
        sa.Column("event_time", MICROSECONDS, nullable=False),
        sa.Column("received_at", MICROSECONDS, nullable=False),
        sa.Column("channel", SMALL, nullable=False),
        sa.Column("outcome", SMALL, nullable=False),
        sa.Column("event_id", WORDS),
        sa.Column("details_seq", NUMBER, nullable=False),
        sa.Column("invalidated_at", MICROSECONDS),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("payload", BYTES, nullable=False),
    )
    op.create_index("events_identity", "events", ["violation_pk", "identity"], unique=True)

    op.create_table(
        "violations", sa.Column("pk", BIG_KEY, primary_key=True, autoincrement=False), *_violation_columns()
    )
    op.create_index("violations_id", "violations", ["id"], unique=True)
    op.create_index("violations_status_start", "violations", ["status", "start_time"])
    op.create_index("violations_driver", "violations", ["driver_id", "status"])

    op.create_table(
        "violation_versions",
        sa.Column("replaced_seq", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("replaced_at", MICROSECONDS, nullable=False),
        sa.Column("pk", NUMBER, nullable=False),
        *_violation_columns(),
    )
    op.create_index("violation_versions_replaced", "violation_versions", ["replaced_at"])

    op.create_table(
        "quarantine",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("body_hash", WORDS, nullable=False),
        sa.Column("body", BYTES, nullable=False),
        sa.Column("errors", WORDS, nullable=False),
        sa.Column("channel", SMALL, nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("received_at", MICROSECONDS, nullable=False),
        sa.Column("last_received_at", MICROSECONDS, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("quarantine_body", "quarantine", ["body_hash"], unique=True)

    op.create_table(
        "api_keys",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("terminals", WORDS),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("revoked_at", MICROSECONDS),
    )
    op.create_index("api_keys_hash", "api_keys", ["hash"], unique=True)
    in_force = sa.text("revoked_at IS NULL")
    op.create_index(
        "api_keys_name", "api_keys", ["name"], unique=True, sqlite_where=in_force, postgresql_where=in_force
    )

    ledger = op.create_table(
        "ledger",
        sa.Column("pk", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("last_seq", NUMBER, nullable=False),
        sa.Column("last_violation_pk", NUMBER, nullable=False),
        sa.Column("last_received_at", MICROSECONDS, nullable=False),
        sa.Column("cursor_key", BYTES, nullable=False),
    )
    op.bulk_insert(
        ledger,
        [{"pk": 1, "last_seq": 0, "last_violation_pk": 0, "last_received_at": 0, "cursor_key": os.urandom(32)}],
    )


def downgrade() -> None:
    for name in ("ledger", "api_keys", "quarantine", "violation_versions", "violations", "events"):
        op.drop_table(name)
