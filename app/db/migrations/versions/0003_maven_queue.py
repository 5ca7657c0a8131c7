"""Maven's queue: how far it was read and by whom, the gaps, and when each channel last brought an event."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, MICROSECONDS, NUMBER, SMALL, WORDS

revision = "0003"
down_revision = "0002"


_CHANNELS = ("last_webhook_at", "last_poll_at", "last_replay_at")


def upgrade() -> None:
    queue = op.create_table(
        "maven_queue",
        sa.Column("pk", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("source", WORDS),
        sa.Column("asked_at", MICROSECONDS, nullable=False),
        sa.Column("position", MICROSECONDS),
        sa.Column("resume_at", MICROSECONDS),
        sa.Column("holder", WORDS),
        sa.Column("leased_until", MICROSECONDS, nullable=False),
        sa.Column("last_success_at", MICROSECONDS),
        sa.Column("last_error_at", MICROSECONDS),
        sa.Column("last_error", WORDS),
        sa.Column("errors_in_row", NUMBER, nullable=False),
        sa.Column("refused_key", WORDS),
        sa.Column("refused_at", MICROSECONDS),
        sa.Column("reconciled_at", MICROSECONDS),
    )
    op.bulk_insert(queue, [{"pk": 1, "asked_at": 0, "leased_until": 0, "errors_in_row": 0}])
    op.create_table(
        "gaps",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("channel", SMALL, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("from_at", MICROSECONDS, nullable=False),
        sa.Column("to_at", MICROSECONDS, nullable=False),
        sa.Column("recorded_at", MICROSECONDS, nullable=False),
        sa.Column("closed_at", MICROSECONDS),
    )
    for channel, name in enumerate(_CHANNELS):
        op.add_column("ledger", sa.Column(name, MICROSECONDS))
        op.execute(f"UPDATE ledger SET {name} = (SELECT max(received_at) FROM events WHERE channel = {channel})")
    op.create_index("gaps_from", "gaps", ["channel", "reason", "from_at"], unique=True)


def downgrade() -> None:
    for name in _CHANNELS:
        op.drop_column("ledger", name)
    op.drop_table("gaps")
    op.drop_table("maven_queue")
