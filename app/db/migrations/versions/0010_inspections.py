"""Inspections: connections, operations with their attempts, reports and their defects."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, BYTES, MICROSECONDS, NUMBER, SMALL, WORDS

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "connections",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("kind", SMALL, nullable=False),
        sa.Column("fleet_ref", WORDS),
        sa.Column("source_name", WORDS),
        sa.Column("mapping", WORDS, nullable=False),
        sa.Column("credential_type", WORDS),
        sa.Column("hook_pk", NUMBER),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("updated_at", MICROSECONDS, nullable=False),
        sa.Column("deleted_at", MICROSECONDS),
    )
    op.create_index("connections_id", "connections", ["id"], unique=True)
    op.create_table(
        "resource_operations",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("partner_id", WORDS, nullable=False),
        sa.Column("connection_id", WORDS, nullable=False),
        sa.Column("payload", BYTES, nullable=False),
        sa.Column("is_sync", SMALL, nullable=False),
        sa.Column("status", SMALL, nullable=False),
        sa.Column("resource_id", WORDS),
        sa.Column("source_id", WORDS),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("updated_at", MICROSECONDS, nullable=False),
    )
    op.create_index("resource_operations_id", "resource_operations", ["id"], unique=True)
    unfinished = sa.text("status = 0")
    op.create_index(
        "resource_operations_pending",
        "resource_operations",
        ["pk"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_table(
        "operation_logs",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("operation_pk", NUMBER, nullable=False),
        sa.Column("attempted_at", MICROSECONDS, nullable=False),
        sa.Column("is_success", SMALL, nullable=False),
        sa.Column("error_type", WORDS),
        sa.Column("error_details", WORDS),
        sa.Column("response_status_code", NUMBER),
        sa.Column("response_headers", WORDS),
    )
    op.create_index("operation_logs_operation", "operation_logs", ["operation_pk", "pk"])
    op.create_table(
        "dvir_logs",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("connection_id", WORDS, nullable=False),
        sa.Column("source_id", WORDS),
        sa.Column("driver_id", WORDS, nullable=False),
        sa.Column("vehicle_id", WORDS),
        sa.Column("trailer_id", WORDS),
        sa.Column("occurred_at", MICROSECONDS, nullable=False),
        sa.Column("log_type", WORDS, nullable=False),
        sa.Column("status", WORDS),
        sa.Column("is_safety_critical", SMALL, nullable=False),
        sa.Column("is_correction", SMALL, nullable=False),
        sa.Column("defect_count", NUMBER, nullable=False),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("updated_at", MICROSECONDS, nullable=False),
        sa.Column("payload", BYTES, nullable=False),
    )
    op.create_index("dvir_logs_id", "dvir_logs", ["id"], unique=True)
    op.create_index("dvir_logs_vehicle", "dvir_logs", ["vehicle_id", "occurred_at"])
    op.create_index("dvir_logs_trailer", "dvir_logs", ["trailer_id", "occurred_at"])
    op.create_index("dvir_logs_driver", "dvir_logs", ["driver_id", "occurred_at"])
    op.create_index("dvir_logs_time", "dvir_logs", ["occurred_at"])
    op.create_table(
        "dvir_defects",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("dvir_log_pk", NUMBER, nullable=False),
        sa.Column("driver_id", WORDS, nullable=False),
        sa.Column("vehicle_id", WORDS),
        sa.Column("trailer_id", WORDS),
        sa.Column("occurred_at", MICROSECONDS, nullable=False),
        sa.Column("defect_type", WORDS, nullable=False),
        sa.Column("is_safety_critical", SMALL, nullable=False),
        sa.Column("detail", WORDS),
        sa.Column("resolved_at", MICROSECONDS),
        sa.Column("resolved_by", WORDS),
    )
    op.create_index("dvir_defects_id", "dvir_defects", ["id"], unique=True)
    op.create_index("dvir_defects_log", "dvir_defects", ["dvir_log_pk"])
    op.create_index("dvir_defects_vehicle", "dvir_defects", ["vehicle_id", "occurred_at"])
    op.create_index("dvir_defects_trailer", "dvir_defects", ["trailer_id", "occurred_at"])
    is_open = sa.text("resolved_at IS NULL")
    op.create_index(
        "dvir_defects_open",
        "dvir_defects",
        ["is_safety_critical", "occurred_at"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "catena_vehicles",
        sa.Column("vehicle_id", WORDS, primary_key=True),
        sa.Column("name", WORDS),
        sa.Column("terminal_code", WORDS),
        sa.Column("changed_at", MICROSECONDS, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "catena_vehicles",
        "dvir_defects",
        "dvir_logs",
        "operation_logs",
        "resource_operations",
        "connections",
    ):
        op.drop_table(table)
