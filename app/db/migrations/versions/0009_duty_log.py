"""The duty log, and who is who in it."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    ledger = op.create_table(
        "duty_ledger",
        sa.Column("pk", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("last_id", NUMBER, nullable=False),
        sa.Column("last_changed_at", MICROSECONDS, nullable=False),
    )
    op.bulk_insert(ledger, [{"pk": 1, "last_id": 0, "last_changed_at": 0}])
    op.create_table(
        "duty_records",
        sa.Column("id", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("uuid", WORDS, nullable=False),
        sa.Column("digest", BYTES, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("asset_id", NUMBER),
        sa.Column("is_system", SMALL, nullable=False),
        sa.Column("event_type", WORDS, nullable=False),
        sa.Column("record_status", SMALL, nullable=False),
        sa.Column("record_origin", WORDS, nullable=False),
        sa.Column("note", WORDS),
        sa.Column("driver_edit", SMALL, nullable=False),
        sa.Column("event_time", MICROSECONDS, nullable=False),
        sa.Column("shift_start", MICROSECONDS),
        sa.Column("deleted_at", MICROSECONDS),
        sa.Column("changed_at", MICROSECONDS, nullable=False),
        sa.Column("received_at", MICROSECONDS, nullable=False),
        sa.Column("edits_id", NUMBER),
        sa.Column("shown", BYTES, nullable=False),
    )
    op.create_index("duty_records_user", "duty_records", ["user_id", "event_time"])
    op.create_index("duty_records_uuid", "duty_records", ["uuid"])
    op.create_index("duty_records_asset", "duty_records", ["asset_id", "event_time"])
    op.create_index("duty_records_time", "duty_records", ["event_time"])
    op.create_index("duty_records_changed", "duty_records", ["changed_at"])
    of_system = sa.text("is_system = 1")
    op.create_index(
        "duty_records_system", "duty_records", ["event_time"], sqlite_where=of_system, postgresql_where=of_system
    )
    op.create_table(
        "driver_identities",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("driver_id", WORDS),
        sa.Column("user_id", NUMBER),
        sa.Column("username", WORDS),
        sa.Column("catena_driver_id", WORDS),
        sa.Column("first_name", WORDS),
        sa.Column("last_name", WORDS),
        sa.Column("suffix", WORDS),
        sa.Column("terminal_code", WORDS),
        sa.Column("time_zone", WORDS),
        sa.Column("day_start_hour", SMALL),
        sa.Column("ruleset", WORDS),
        sa.Column("changed_at", MICROSECONDS, nullable=False),
    )
    op.create_index("driver_identities_driver", "driver_identities", ["driver_id"], unique=True)
    op.create_index("driver_identities_user", "driver_identities", ["user_id"], unique=True)
    op.create_index("driver_identities_username", "driver_identities", ["username"])
    op.create_index("driver_identities_catena", "driver_identities", ["catena_driver_id"], unique=True)
    op.create_table(
        "assets",
        sa.Column("asset_id", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("name", WORDS),
        sa.Column("vin", WORDS),
        sa.Column("home_terminal_id", NUMBER),
        sa.Column("changed_at", MICROSECONDS, nullable=False),
    )
    op.create_table(
        "home_terminals",
        sa.Column("home_terminal_id", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("code", WORDS),
        sa.Column("name", WORDS),
        sa.Column("time_zone", WORDS),
        sa.Column("changed_at", MICROSECONDS, nullable=False),
    )


def downgrade() -> None:
    for table in ("home_terminals", "assets", "driver_identities", "duty_records", "duty_ledger"):
        op.drop_table(table)
