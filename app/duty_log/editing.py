"""One edit: which version of a record it is of, whether that may be edited, and what the record says afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Fetch, ReadScript, Row, shape_of
from app.duty_log.fields import AUTOMATIC, REQUIRED
from app.duty_log.model import DutyRecordRow
from app.duty_log.schema import Fields, ItemFault, is_edited, merge_edit, without_requester
from app.duty_log.terms import (
    ALREADY_EDITED,
    NOT_ACTIVE,
    RecordsRefused,
    Terms,
    Why,
    refused,
    unknown_record,
    unknown_user,
)
from app.duty_log.visibility import visible_records
from app.duty_log.words import FROM_UNIDENTIFIED, STATUSES, SYSTEM_USERNAME, RecordStatus
from app.identities.store import find_user_named, find_users
from app.maven.faults import excerpt

_NAMES = shape_of(DutyRecordRow).columns
_COLUMNS = ", ".join(f"r.{name}" for name in _NAMES)


@dataclass(slots=True)
class Before:
    """The version that an edit names."""

    id: int
    status: RecordStatus
    is_deleted: bool
    row: tuple[object, ...]
    """All of it, in the order of the model's columns."""
    fields: Fields
    """As it is shown."""
    is_superseded: bool = False
    """Whether an edit of the same array came before."""


def find_versions(dialect: Dialect, edits: Sequence[Fields], terms: Terms) -> ReadScript[list[Before]]:
    """The versions that the edits name, as many as there are edits. Raises `RecordsRefused` for those that are not
    there, or not for this writer.
    """
    ids = [edit["id"] for edit in edits]
    condition, args = visible_records(dialect, terms.terminals, first=2)
    rows = yield Fetch(
        f"SELECT {_COLUMNS} FROM duty_records AS r WHERE r.id IN {any_of(dialect, 1, 'bigint')}{condition}",
        (list_argument(dialect, {number for number in ids if isinstance(number, int)}), *args),
    )
    found = {before.id: before for before in map(_before, rows)}
    missing = [
        refused(item, "id", unknown_record(number))
        for item, number in enumerate(ids)
        if isinstance(number, int) and number not in found
    ]
    if missing:
        raise RecordsRefused(Why.UNKNOWN_RECORD, missing)
    return [found[number] for number in ids if isinstance(number, int)]


def _before(row: Row) -> Before:
    named = dict(zip(_NAMES, row, strict=True))
    shown = orjson.loads(bytes(named["shown"]))
    return Before(named["id"], RecordStatus(named["record_status"]), named["deleted_at"] is not None, tuple(row), shown)


def apply_edit(dialect: Dialect, item: int, before: Before, edit: Fields, terms: Terms) -> ReadScript[Fields]:
    """The fields of the record after the edit. Raises `RecordsRefused` when it may not be edited, or not like this."""
    if before.is_superseded or before.is_deleted or before.status is RecordStatus.INACTIVE_CHANGED:
        raise RecordsRefused(Why.NOT_EDITABLE, [refused(item, "id", ALREADY_EDITED)])
    if before.status is not RecordStatus.ACTIVE:
        raise RecordsRefused(Why.NOT_EDITABLE, [refused(item, "id", NOT_ACTIVE)])
    edit = {name: value for name, value in edit.items() if name not in AUTOMATIC}
    was = {name: value for name, value in before.fields.items() if name not in AUTOMATIC}
    if not is_edited(was):
        was = without_requester(was)
    yield from _name_user(dialect, item, was, edit, terms)
    fields = {**merge_edit(was, edit), "driverEdit": True}
    faults = [*_missing(item, fields, edit), *_faults_of(item, was, fields)]
    if faults:
        raise RecordsRefused(Why.INVALID, faults)
    fields["uuid"] = was["uuid"]
    if was["username"] == SYSTEM_USERNAME and fields["username"] != SYSTEM_USERNAME:
        fields["recordOrigin"] = FROM_UNIDENTIFIED  # somebody takes on what was driven while nobody was signed in
    return fields


def _name_user(dialect: Dialect, item: int, was: Fields, edit: Fields, terms: Terms) -> ReadScript[None]:
    """Completes an edit that gives a record to another user by `userId` or by `username` alone. Who claims unidentified
    driving may send the record back with one of the two changed and nothing else. Raises `RecordsRefused`.
    """
    user_id, name = edit.get("userId"), edit.get("username")
    if isinstance(user_id, int) and user_id != was["userId"]:
        if name not in (None, was["username"]):
            return
        known = (yield from find_users(dialect, [user_id])).get(user_id)
        if known is None and (terms.is_strict or terms.terminals is not None):
            raise RecordsRefused(Why.INVALID, [refused(item, "userId", unknown_user(user_id))])
        found = None if known is None else known.username
        edit["username"] = found or (None if name == SYSTEM_USERNAME else name)
    elif isinstance(name, str) and was["username"] == SYSTEM_USERNAME != name:
        known = yield from find_user_named(name)
        if known is None:
            told = f"must be that of {excerpt(name)}, whom nobody registered, to claim unidentified driving"
            raise RecordsRefused(Why.INVALID, [refused(item, "userId", told)])
        edit["userId"] = known.user_id


def _missing(item: int, fields: Fields, edit: Fields) -> list[ItemFault]:
    """What an edit takes away that every record has."""
    return [
        refused(
            item,
            name,
            "is required when userId changes to a user without one"
            if name == "username" and edit.get("userId") is not None
            else "must not be null: every record has one",
        )
        for name in REQUIRED
        if name not in fields
    ]


def _faults_of(item: int, was: Fields, fields: Fields) -> list[ItemFault]:
    faults = []
    if str(fields.get("uuid", was["uuid"])).lower() != str(was["uuid"]).lower():
        faults.append(refused(item, "uuid", f"must be {was['uuid']}: an edited record keeps its uuid"))
    status = fields.get("recordStatus")
    if status is not None and STATUSES[str(status)] not in (
        RecordStatus.ACTIVE,
        RecordStatus.INACTIVE_CHANGE_REQUESTED,
    ):
        allowed = "Active, or InactiveChangeRequested for an edit that waits for the driver"
        faults.append(refused(item, "recordStatus", f"must be {allowed}, not {status}: an edit takes no record away"))
    return faults
