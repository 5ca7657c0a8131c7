"""Look-ups in the registry, and how users and vehicles become known by their first record."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, Row, WriteScript, json_rows
from app.duty_log.words import SYSTEM_USERNAME
from app.identities.model import AssetRow


@dataclass(frozen=True, slots=True)
class Identity:
    """One person as the registry has them. `day_start_hour` is 0 (midnight) or 12 (noon)."""

    pk: int
    driver_id: str | None = None
    user_id: int | None = None
    username: str | None = None
    catena_driver_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    suffix: str | None = None
    terminal_code: str | None = None
    time_zone: str | None = None
    day_start_hour: int | None = None
    ruleset: str | None = None


COLUMNS = (
    "pk, driver_id, user_id, username, catena_driver_id, first_name, last_name, suffix, terminal_code, time_zone,"
    " day_start_hour, ruleset"
)


def identity_of(row: Row) -> Identity:
    """The identity in a row of `COLUMNS`."""
    return Identity(*row)


_COLUMNS_OR_TERMINAL = COLUMNS.replace(
    "time_zone",
    "coalesce(time_zone, (SELECT min(t.time_zone) FROM home_terminals AS t"
    " WHERE t.code = driver_identities.terminal_code))",
)


def find_users(dialect: Dialect, user_ids: Collection[int]) -> ReadScript[dict[int, Identity]]:
    """Those of the users that are known, by their ids; with the time zone of their terminal where they have none."""
    rows = yield Fetch(
        f"SELECT {_COLUMNS_OR_TERMINAL} FROM driver_identities WHERE user_id IN {any_of(dialect, 1, 'bigint')}",
        (list_argument(dialect, user_ids),),
    )
    found = [identity_of(row) for row in rows]
    return {one.user_id: one for one in found if one.user_id is not None}


def find_user_named(username: str) -> ReadScript[Identity | None]:
    """The one user with this username."""
    rows = yield Fetch(
        f"SELECT {COLUMNS} FROM driver_identities WHERE username = $1 AND user_id IS NOT NULL LIMIT 2", (username,)
    )
    return identity_of(rows[0]) if len(rows) == 1 else None


def find_driver(driver_id: str) -> ReadScript[Identity | None]:
    """The person whom Maven knows by this id.

    Where the registry does not say, it is the one user whose username is written the same: never one whose number is,
    for numbers of two systems that are equal mean nothing.
    """
    rows = yield Fetch(f"SELECT {COLUMNS} FROM driver_identities WHERE driver_id = $1", (driver_id,))
    if not rows and driver_id != SYSTEM_USERNAME:
        rows = yield Fetch(
            f"SELECT {COLUMNS} FROM driver_identities WHERE username = $1 AND driver_id IS NULL LIMIT 2", (driver_id,)
        )
    return identity_of(rows[0]) if len(rows) == 1 else None


def find_terminal_zone(terminal_code: str) -> ReadScript[str | None]:
    """The time zone of the home terminal with this code, as far as it is known."""
    rows = yield Fetch("SELECT min(time_zone) FROM home_terminals WHERE code = $1", (terminal_code,))
    zone: str | None = rows[0][0]
    return zone


def introduce_users(dialect: Dialect, users: Iterable[tuple[int, str]], now: int) -> WriteScript[None]:
    """Makes users known by id and username; `now` is in microseconds since 1970 UTC."""
    listed = [{"user_id": user_id, "username": username} for user_id, username in users]
    columns = {"user_id": "bigint", "username": "text"}
    yield Execute(
        "INSERT INTO driver_identities (user_id, username, changed_at)"
        f" SELECT r.user_id, r.username, CAST($2 AS bigint) FROM {json_rows(dialect, 1, columns)} AS r",
        (orjson.dumps(listed).decode(), now),
    )


@dataclass(frozen=True, slots=True)
class Asset:
    """One vehicle; `terminal_code` is Maven's code of its home terminal, as far as both are known."""

    asset_id: int
    name: str | None
    terminal_code: str | None


def find_assets(dialect: Dialect, asset_ids: Collection[int]) -> ReadScript[dict[int, Asset]]:
    """Those of the vehicles that are known, by their ids."""
    rows = yield Fetch(
        "SELECT a.asset_id, a.name, t.code FROM assets AS a"
        " LEFT JOIN home_terminals AS t ON t.home_terminal_id = a.home_terminal_id"
        f" WHERE a.asset_id IN {any_of(dialect, 1, 'bigint')}",
        (list_argument(dialect, asset_ids),),
    )
    return {row[0]: Asset(*row) for row in rows}


def introduce_assets(assets: Iterable[tuple[int, str | None]], now: int) -> WriteScript[None]:
    """Makes vehicles known by id and VIN; `now` is in microseconds since 1970 UTC."""
    rows = [(asset_id, None, vin, None, now) for asset_id, vin in assets]
    if rows:
        yield Insert(AssetRow, rows)


def list_identities(after: int, limit: int) -> ReadScript[list[Identity]]:
    """At most `limit` persons in the order they became known, from after the one with the key `after` on."""
    rows = yield Fetch(f"SELECT {COLUMNS} FROM driver_identities WHERE pk > $1 ORDER BY pk LIMIT $2", (after, limit))
    return [identity_of(row) for row in rows]
