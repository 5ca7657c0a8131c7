"""Legal holds."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, MICROSECONDS, WORDS

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("driver_ids", WORDS, nullable=False),
        sa.Column("violation_ids", WORDS, nullable=False),
        sa.Column("terminal_codes", WORDS, nullable=False),
        sa.Column("reason", WORDS),
        sa.Column("placed_by", WORDS, nullable=False),
        sa.Column("placed_at", MICROSECONDS, nullable=False),
        sa.Column("released_by", WORDS),
        sa.Column("released_at", MICROSECONDS),
    )
    in_force = sa.text("released_at IS NULL")
    op.create_index(
        "legal_holds_name", "legal_holds", ["name"], unique=True, sqlite_where=in_force, postgresql_where=in_force
    )


def downgrade() -> None:
    op.drop_table("legal_holds")
