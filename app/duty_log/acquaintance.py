"""Whom and what an array of records speaks of: users and vehicles looked up, made known, or refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from app.db.statements import Dialect, WriteScript
from app.duty_log.log_days import find_zone
from app.duty_log.schema import Fields, ItemFault
from app.duty_log.terms import RecordsRefused, Terms, Why, refused, unknown_asset, unknown_user
from app.duty_log.words import SYSTEM_USERNAME
from app.identities.store import Asset, Identity, find_assets, find_users, introduce_assets, introduce_users


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """The users and vehicles of an array, by their ids."""

    users: dict[int, Identity] = field(default_factory=dict)
    assets: dict[int, Asset] = field(default_factory=dict)

    def unit_of(self, fields: Fields) -> str | None:
        """The vehicle's number at the carrier."""
        asset = self.assets.get(_asset_id(fields) or 0)
        return None if asset is None else asset.name

    def zone_of(self, fields: Fields) -> ZoneInfo | None:
        """The time zone of the driver's home terminal."""
        user = self.users.get(_user_id(fields))
        return None if user is None or user.time_zone is None else find_zone(user.time_zone)


def _user_id(fields: Fields) -> int:
    found = fields["userId"]
    assert isinstance(found, int)
    return found


def _asset_id(fields: Fields) -> int | None:
    found = fields.get("assetId")
    return found if isinstance(found, int) else None


def acquaint(dialect: Dialect, records: Sequence[Fields], terms: Terms) -> WriteScript[Acquaintance]:
    """Looks up everybody in whole records, and makes known who is new where the terms allow it. The system driver, whom
    the username names, is known on all terms. Raises `RecordsRefused`.
    """
    users = yield from find_users(dialect, {_user_id(fields) for fields in records})
    asset_ids = {asset_id for fields in records if (asset_id := _asset_id(fields)) is not None}
    assets = (yield from find_assets(dialect, asset_ids)) if asset_ids else {}
    faults = list(_strangers(records, users, assets, terms))
    if faults:
        raise RecordsRefused(Why.INVALID, faults)
    new_users = {_user_id(f): str(f["username"]) for f in records if _user_id(f) not in users}
    if new_users and not terms.is_strict:
        yield from introduce_users(dialect, new_users.items(), terms.now)
    new_assets: dict[int, str | None] = {}
    for fields in records:
        asset_id, vin = _asset_id(fields), fields.get("vin")
        if asset_id is not None and asset_id not in assets:
            new_assets[asset_id] = vin if isinstance(vin, str) else new_assets.get(asset_id)
    yield from introduce_assets(new_assets.items(), terms.now)
    return Acquaintance(users, assets)


def _strangers(
    records: Sequence[Fields], users: dict[int, Identity], assets: dict[int, Asset], terms: Terms
) -> Iterable[ItemFault]:
    for item, fields in enumerate(records):
        user, asset = users.get(_user_id(fields)), assets.get(_asset_id(fields) or 0)
        is_foreign = terms.terminals is not None and not _is_within(fields, user, asset, terms.terminals)
        is_unknown = user is None and terms.is_strict and fields["username"] != SYSTEM_USERNAME
        if is_foreign or is_unknown:
            yield refused(item, "userId", unknown_user(fields["userId"]))
        if "assetId" in fields and asset is None and terms.is_strict:
            yield refused(item, "assetId", unknown_asset(fields["assetId"]))


def _is_within(fields: Fields, user: Identity | None, asset: Asset | None, terminals: frozenset[str]) -> bool:
    """Whether a record belongs to one of the terminals: by its driver, or where that is nobody, by its vehicle."""
    if fields["username"] == SYSTEM_USERNAME:
        return asset is not None and asset.terminal_code in terminals
    return user is not None and user.terminal_code in terminals
