"""Sign-ins that failed of late, counted for all processes."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BIG_KEY, MICROSECONDS, WORDS

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "sign_in_tries",
        sa.Column("pk", BIG_KEY, primary_key=True),
        sa.Column("address", WORDS, nullable=False),
        sa.Column("tried_at", MICROSECONDS, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("sign_in_tries")
