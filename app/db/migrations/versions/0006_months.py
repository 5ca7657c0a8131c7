"""On PostgreSQL events and earlier versions lie in a table for each month, by their numbers; SQLite stays as it is."""

from datetime import datetime

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"

_NUMBERS = 1 << 40
_AHEAD = 3
_TABLES = (
    ("events", "seq", "CREATE {unique}INDEX events_identity ON events (violation_pk, identity)"),
    (
        "violation_versions",
        "replaced_seq",
        "CREATE INDEX violation_versions_replaced ON violation_versions (replaced_at)",
    ),
)


def _indexes(table: str) -> list[str]:
    found = op.get_bind().execute(
        text(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = to_regclass(:table) AND NOT indisprimary"
        ),
        {"table": table},
    )
    return [row[0] for row in found]


def _set_apart(table: str, key: str, index: str, months: list[int]) -> None:
    before = f"{table}_before"
    for name in _indexes(table):
        op.execute(f"DROP INDEX {name}")
    op.execute(f"ALTER TABLE {table} RENAME TO {before}")
    op.execute(f"ALTER INDEX {table}_pkey RENAME TO {before}_pkey")
    op.execute(f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE ({key})")
    op.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
    op.execute(index.format(unique=""))
    if op.get_bind().execute(text(f"SELECT 1 FROM {before} LIMIT 1")).first() is None:
        op.execute(f"DROP TABLE {before}")
    else:
        op.execute(f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ({_NUMBERS})")
    op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
    for month in months:
        part = f"{table}_{1970 + month // 12}_{month % 12 + 1:02d}"
        begin, end = month * _NUMBERS, (month + 1) * _NUMBERS
        op.execute(f"CREATE TABLE {part} PARTITION OF {table} FOR VALUES FROM ({begin}) TO ({end})")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    now: datetime = op.get_bind().execute(text("SELECT now() AT TIME ZONE 'UTC'")).scalar_one()
    first = (now.year - 1970) * 12 + now.month - 1
    for table, key, index in _TABLES:
        _set_apart(table, key, index, list(range(first, first + _AHEAD + 1)))


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, key, index in _TABLES:
        op.execute(f"ALTER TABLE {table} RENAME TO {table}_parted")
        op.execute(f"CREATE TABLE {table} (LIKE {table}_parted INCLUDING DEFAULTS INCLUDING STORAGE)")
        op.execute(f"INSERT INTO {table} SELECT * FROM {table}_parted")
        op.execute(f"DROP TABLE {table}_parted")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({key})")
        op.execute(index.format(unique="UNIQUE "))
