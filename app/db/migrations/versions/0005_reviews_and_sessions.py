"""Reviews, sessions of the pages, and when a key was last used."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, MICROSECONDS, SMALL, WORDS

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("violation_id", WORDS, nullable=False),
        sa.Column("status", SMALL, nullable=False),
        sa.Column("note", WORDS),
        sa.Column("reviewed_by", WORDS, nullable=False),
        sa.Column("reviewed_at", MICROSECONDS, nullable=False),
    )
    op.create_index("reviews_violation", "reviews", ["violation_id", "pk"])
    op.create_table(
        "sessions",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("token_hash", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("key_hash", WORDS),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("terminals", WORDS),
        sa.Column("created_at", MICROSECONDS, nullable=False),
        sa.Column("seen_at", MICROSECONDS, nullable=False),
        sa.Column("ends_at", MICROSECONDS, nullable=False),
    )
    op.create_index("sessions_token", "sessions", ["token_hash"], unique=True)
    op.add_column("api_keys", sa.Column("last_used_at", MICROSECONDS))


def downgrade() -> None:
    op.drop_column("api_keys", "last_used_at")
    for name in ("sessions", "reviews"):
        op.drop_table(name)
