"""The table of legal holds: every one ever placed, released ones too."""

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, WORDS

_IN_FORCE = text("released_at IS NULL")


class LegalHoldRow(SQLModel, table=True):
    """One hold. It covers the drivers, violations and terminals in its lists (JSON arrays of ids and codes), and is in
    force until `released_at`. `placed_by` and `released_by` are names for people.
    """

    __tablename__ = "legal_holds"
    __table_args__ = (
        Index("legal_holds_name", "name", unique=True, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    name: str = Field(sa_column=Column(WORDS, nullable=False))
    driver_ids: str = Field(sa_column=Column(WORDS, nullable=False))
    violation_ids: str = Field(sa_column=Column(WORDS, nullable=False))
    terminal_codes: str = Field(sa_column=Column(WORDS, nullable=False))
    reason: str | None = Field(sa_column=Column(WORDS))
    placed_by: str = Field(sa_column=Column(WORDS, nullable=False))
    placed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    released_by: str | None = Field(sa_column=Column(WORDS))
    released_at: int | None = Field(sa_column=Column(MICROSECONDS))
