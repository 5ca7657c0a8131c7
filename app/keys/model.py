"""The table of API keys and webhook tokens."""

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, WORDS

_IN_FORCE = text("revoked_at IS NULL")


class ApiKeyRow(SQLModel, table=True):
    """One key. `hash` is SHA-256 in hex of a 256-bit random key; `scopes` are words apart by spaces; `terminals` is a
    JSON array of terminal codes, null for a key that is not limited.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("api_keys_hash", "hash", unique=True),
        Index("api_keys_name", "name", unique=True, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    name: str = Field(sa_column=Column(WORDS, nullable=False))
    hash: str = Field(sa_column=Column(WORDS, nullable=False))
    scopes: str = Field(sa_column=Column(WORDS, nullable=False))
    terminals: str | None = Field(sa_column=Column(WORDS))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    revoked_at: int | None = Field(sa_column=Column(MICROSECONDS))
    last_used_at: int | None = Field(sa_column=Column(MICROSECONDS))
