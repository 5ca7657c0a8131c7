"""Scripts that write the duty log: new records, and edits, which never change what was recorded.

An edit makes a further version with the record's `uuid` and a new id; the one before stays, as `InactiveChanged`. An
edit that was only requested (`InactiveChangeRequested`) waits beside the active version, for no edit of a carrier
counts before the driver confirms it (49 CFR 395.30). Whoever writes locks the ledger row first, so that of two edits of
one record one wins, and times of change follow the commits. A record that is sent again is known by its digest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, WriteScript, row_lock, shape_of
from app.duty_log.acquaintance import Acquaintance, acquaint
from app.duty_log.data_check import data_check
from app.duty_log.editing import Before, apply_edit, find_versions
from app.duty_log.model import DutyRecordRow
from app.duty_log.schema import Fields, digest_of
from app.duty_log.terms import Terms
from app.duty_log.words import STATUSES, SYSTEM_USERNAME, RecordStatus
from app.maven.ijson_grammar import Json
from app.maven.times import format_millis, parse_time

_DEFAULTS: Fields = {
    "driverEdit": False,
    "useCycleReset": True,
    "malfunctionIndicator": False,
    "diagnosticIndicator": False,
}


@dataclass(slots=True)
class _Ledger:
    """The counter while it is held: the last id that was given out, and the time of this change."""

    last_id: int
    changed_at: int

    def next_id(self) -> int:
        """An id that was never given out."""
        self.last_id += 1
        return self.last_id


def _open_ledger(dialect: Dialect, now: int) -> WriteScript[_Ledger]:
    """Locks the ledger until the commit. Time never goes back in it, whatever the clock does."""
    rows = yield Fetch(f"SELECT last_id, last_changed_at FROM duty_ledger WHERE pk = 1{row_lock(dialect)}")
    return _Ledger(rows[0][0], max(now // 1000 * 1000, rows[0][1]))


def _close_ledger(ledger: _Ledger) -> WriteScript[None]:
    yield Execute(
        "UPDATE duty_ledger SET last_id = $1, last_changed_at = $2 WHERE pk = 1", (ledger.last_id, ledger.changed_at)
    )


def keep_records(dialect: Dialect, records: Sequence[Fields], terms: Terms) -> WriteScript[list[bytes]]:
    """Keeps new records, and gives their JSON in the same order. One that is here already, sent again word for word, is
    not kept twice: its JSON is that of the version that was made of it. Raises `RecordsRefused`.
    """
    if not records:
        return []
    ledger = yield from _open_ledger(dialect, terms.now)
    acquaintance = yield from acquaint(dialect, records, terms)
    known = yield from _known_records(dialect, records)
    rows: list[tuple[object, ...]] = []
    answers: list[bytes] = []
    for fields in records:
        uuid, digest = _text(fields, "uuid").lower(), digest_of(fields)
        shown = known.get((uuid, digest))
        if shown is None:
            row = _row(ledger, fields, digest, acquaintance, terms, edits_id=None)
            rows.append(row)
            known[uuid, digest] = shown = _shown_of(row)
        answers.append(shown)
    if rows:
        yield Insert(DutyRecordRow, rows)
        yield from _close_ledger(ledger)
    return answers


def _known_records(dialect: Dialect, records: Sequence[Fields]) -> ReadScript[dict[tuple[str, bytes], bytes]]:
    uuids = {_text(fields, "uuid").lower() for fields in records}
    rows = yield Fetch(
        f"SELECT uuid, digest, shown FROM duty_records WHERE uuid IN {any_of(dialect, 1)} ORDER BY id DESC",
        (list_argument(dialect, uuids),),
    )
    return {(row[0], bytes(row[1])): bytes(row[2]) for row in rows}


def edit_records(dialect: Dialect, edits: Sequence[Fields], terms: Terms) -> WriteScript[list[bytes]]:
    """Makes a further version of each record that an edit names by its `id`, and gives their JSON in the same order.
    Raises `RecordsRefused`.
    """
    if not edits:
        return []
    ledger = yield from _open_ledger(dialect, terms.now)
    versions = yield from find_versions(dialect, edits, terms)
    merged: list[Fields] = []
    superseded: list[Before] = []
    for item, edit in enumerate(edits):
        before = versions[item]
        fields = yield from apply_edit(dialect, item, before, edit, terms)
        if STATUSES[_text(fields, "recordStatus")] is RecordStatus.ACTIVE:
            before.is_superseded = True
            superseded.append(before)
        merged.append(fields)
    acquaintance = yield from acquaint(dialect, merged, terms)
    if superseded:
        yield Insert(DutyRecordRow, [_superseded(before, ledger.changed_at) for before in superseded], replace=True)
    rows = [
        _row(ledger, fields, digest_of(fields), acquaintance, terms, edits_id=before.id)
        for fields, before in zip(merged, versions, strict=True)
    ]
    yield Insert(DutyRecordRow, rows)
    yield from _close_ledger(ledger)
    return [_shown_of(row) for row in rows]


def _superseded(before: Before, now: int) -> tuple[object, ...]:
    """The row of a version that was edited."""
    fields = {**before.fields, "recordStatus": RecordStatus.INACTIVE_CHANGED.word}
    fields.setdefault("validEndTime", format_millis(now))
    fields["lastChangedDate"] = format_millis(now)
    changed = {
        "record_status": int(RecordStatus.INACTIVE_CHANGED),
        "changed_at": now,
        "shown": orjson.dumps(fields),
    }
    columns = shape_of(DutyRecordRow).columns
    return tuple(changed.get(name, value) for name, value in zip(columns, before.row, strict=True))


def _row(
    ledger: _Ledger,
    fields: Fields,
    digest: bytes,
    acquaintance: Acquaintance,
    terms: Terms,
    *,
    edits_id: int | None,
) -> tuple[object, ...]:
    """A new version as a row, in the order of the model's columns."""
    record_id = ledger.next_id()
    shown = {**_DEFAULTS, "accountId": terms.account_id, "validBeginTime": fields["eventTime"], **fields}
    shown["dataCheck"] = data_check(fields, acquaintance.unit_of(fields), acquaintance.zone_of(fields))
    shown["id"] = record_id
    shown["lastChangedDate"] = format_millis(ledger.changed_at)
    return (
        record_id,
        _text(fields, "uuid").lower(),
        digest,
        fields["userId"],
        fields.get("assetId"),
        int(fields["username"] == SYSTEM_USERNAME),
        fields["eventType"],
        int(STATUSES[_text(fields, "recordStatus")]),
        fields["recordOrigin"],
        fields.get("note"),
        int(shown["driverEdit"] is True),
        parse_time(_text(fields, "eventTime")),
        _time(fields.get("canAdlHoursWorkShiftStart")),
        _time(fields.get("deletedAt")),
        ledger.changed_at,
        terms.now,
        edits_id,
        orjson.dumps(shown),
    )


def _shown_of(row: tuple[object, ...]) -> bytes:
    shown = row[-1]
    assert isinstance(shown, bytes)
    return shown


def _text(fields: Fields, name: str) -> str:
    found = fields[name]
    assert isinstance(found, str)
    return found


def _time(value: Json) -> int | None:
    return parse_time(value) if isinstance(value, str) else None
