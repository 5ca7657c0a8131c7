"""The index of drivers holds what the list of drivers counts, so that it reads no rows."""

from alembic import op

revision = "0002"
down_revision = "0001"

_COLUMNS = ["status", "driver_id", "start_time", "type", "egregious", "terminal_code"]


def upgrade() -> None:
    op.drop_index("violations_driver", "violations")
    op.create_index("violations_driver", "violations", _COLUMNS)


def downgrade() -> None:
    op.drop_index("violations_driver", "violations")
    op.create_index("violations_driver", "violations", ["driver_id", "status"])
