"""Column types that mean the same in both databases."""

from sqlalchemy import BigInteger, Integer, LargeBinary, SmallInteger, Text

BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit primary key; on SQLite the rowid itself, which is what makes inserts cheap."""

MICROSECONDS = BigInteger()
"""An instant: microseconds since 1970-01-01T00:00:00Z. Integers sort, compare and come back the same everywhere."""

NUMBER = BigInteger()
SMALL = SmallInteger()
BYTES = LargeBinary()

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts and compares by code point in both databases."""

UNIQUE_BUT_FOR_PARTS: dict[str, object] = {"unique but for parts": True}
"""`info` of an index that cannot be unique on PostgreSQL, where the table is partitioned by a column it has not."""
