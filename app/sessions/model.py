"""The tables of sessions. A token is kept as its hash, so a copied database signs nobody in."""

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, WORDS


class SessionRow(SQLModel, table=True):
    """One session. With `key_hash` it is as good as that API key, and ends with it; without one it is a person's who
    signed in elsewhere, with the scopes (words apart by spaces) and terminals (a JSON array, null for all) of then."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_token", "token_hash", unique=True),)

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    token_hash: str = Field(sa_column=Column(WORDS, nullable=False))
    name: str = Field(sa_column=Column(WORDS, nullable=False))
    key_hash: str | None = Field(sa_column=Column(WORDS))
    scopes: str = Field(sa_column=Column(WORDS, nullable=False))
    terminals: str | None = Field(sa_column=Column(WORDS))
    created_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    seen_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
    ends_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class SignInTryRow(SQLModel, table=True):
    """A sign-in that failed, or is not known yet to be right, for some minutes. There are never more than hundreds."""

    __tablename__ = "sign_in_tries"

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    address: str = Field(sa_column=Column(WORDS, nullable=False))
    tried_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
