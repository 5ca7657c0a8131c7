"""The table of reviews: every one ever given, none changed. Violations are named by `id`, so a rebuild keeps them."""

from enum import IntEnum

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, SMALL, WORDS


class ReviewStatus(IntEnum):
    """What was done about a violation. One without a review is open."""

    OPEN = 0
    ACKNOWLEDGED = 1
    COACHED = 2
    DISPUTED = 3

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()


class ReviewRow(SQLModel, table=True):
    """One review. The newest of a violation, by `pk`, is the one that holds."""

    __tablename__ = "reviews"
    __table_args__ = (Index("reviews_violation", "violation_id", "pk"),)

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    violation_id: str = Field(sa_column=Column(WORDS, nullable=False))
    status: int = Field(sa_column=Column(SMALL, nullable=False))
    note: str | None = Field(sa_column=Column(WORDS))
    reviewed_by: str = Field(sa_column=Column(WORDS, nullable=False))
    reviewed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
