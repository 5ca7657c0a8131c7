"""Tables of drivers' identities, of vehicles in VisTracks and in Catena, and of home terminals."""

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.db.types import BIG_KEY, MICROSECONDS, NUMBER, SMALL, WORDS


class DriverIdentityRow(SQLModel, table=True):
    """One person: `driver_id` is Maven's, `user_id` and `username` are VisTracks', `catena_driver_id` is Catena's.
    `day_start_hour` is 0 or 12.
    """

    __tablename__ = "driver_identities"
    __table_args__ = (
        Index("driver_identities_driver", "driver_id", unique=True),
        Index("driver_identities_user", "user_id", unique=True),
        Index("driver_identities_username", "username"),
        Index("driver_identities_catena", "catena_driver_id", unique=True),
    )

    pk: int = Field(sa_column=Column(BIG_KEY, primary_key=True))
    driver_id: str | None = Field(sa_column=Column(WORDS))
    user_id: int | None = Field(sa_column=Column(NUMBER))
    username: str | None = Field(sa_column=Column(WORDS))
    catena_driver_id: str | None = Field(sa_column=Column(WORDS))
    first_name: str | None = Field(sa_column=Column(WORDS))
    last_name: str | None = Field(sa_column=Column(WORDS))
    suffix: str | None = Field(sa_column=Column(WORDS))
    terminal_code: str | None = Field(sa_column=Column(WORDS))
    time_zone: str | None = Field(sa_column=Column(WORDS))
    day_start_hour: int | None = Field(sa_column=Column(SMALL))
    ruleset: str | None = Field(sa_column=Column(WORDS))
    changed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class AssetRow(SQLModel, table=True):
    """One vehicle by VisTracks' asset id; `name` is its number at the carrier (power unit)."""

    __tablename__ = "assets"

    asset_id: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    name: str | None = Field(sa_column=Column(WORDS))
    vin: str | None = Field(sa_column=Column(WORDS))
    home_terminal_id: int | None = Field(sa_column=Column(NUMBER))
    changed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class HomeTerminalRow(SQLModel, table=True):
    """One terminal by VisTracks' id; `code` is Maven's terminal code."""

    __tablename__ = "home_terminals"

    home_terminal_id: int = Field(sa_column=Column(BIG_KEY, primary_key=True, autoincrement=False))
    code: str | None = Field(sa_column=Column(WORDS))
    name: str | None = Field(sa_column=Column(WORDS))
    time_zone: str | None = Field(sa_column=Column(WORDS))
    changed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))


class CatenaVehicleRow(SQLModel, table=True):
    """One vehicle or trailer by Catena's id, a UUID in lower case; `name` is its number at the carrier (power unit),
    `terminal_code` Maven's.
    """

    __tablename__ = "catena_vehicles"

    vehicle_id: str = Field(sa_column=Column(WORDS, primary_key=True))
    name: str | None = Field(sa_column=Column(WORDS))
    terminal_code: str | None = Field(sa_column=Column(WORDS))
    changed_at: int = Field(sa_column=Column(MICROSECONDS, nullable=False))
