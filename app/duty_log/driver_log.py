"""One driver's log over some days, read for people and for the clocks: what they did when, and what was changed.

Owns how records become spans of duty: an active record holds until the next; personal use is off duty, yard moves are
on duty, and waiting at a well site is off duty (49 CFR 395.1(d)(2), 395.8(b)). How a day is drawn, and which limits
follow, is left to others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Fetch, ReadScript, Row
from app.duty_log.words import DRIVEN, DUTY_CHANGES, SPECIAL_DRIVING, RecordStatus
from app.hours.spans import Duty, Span
from app.maven.times import DAY, MINUTE, parse_time

MOST_RECORDS = 20_000
"""Of one log; nine days have some hundreds."""

LOOK_BACK = 60 * DAY
"""How far before the days the status is looked for that held when they began."""


class Special(Enum):
    """What a duty status is more exactly."""

    PERSONAL_USE = "personal use"
    YARD_MOVES = "yard moves"
    WAITING_AT_SITE = "waiting at site"


_DUTIES: dict[str, tuple[Duty, Special | None]] = {
    "OffDuty": (Duty.OFF_DUTY, None),
    "Sleeper": (Duty.SLEEPER, None),
    "Driving": (Duty.DRIVING, None),
    "OnDuty": (Duty.ON_DUTY, None),
    "WaitingAtSite": (Duty.OFF_DUTY, Special.WAITING_AT_SITE),
    "PersonalUse": (Duty.OFF_DUTY, Special.PERSONAL_USE),
    "YardMoves": (Duty.ON_DUTY, Special.YARD_MOVES),
}
_CLEARED: dict[str, tuple[Special, Duty]] = {
    "ClearPU": (Special.PERSONAL_USE, Duty.OFF_DUTY),
    "ClearYM": (Special.YARD_MOVES, Duty.ON_DUTY),
}
_CHANGES = (*DUTY_CHANGES, *SPECIAL_DRIVING)
_ADVERSE = "adverse"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One version of a record as it is shown in a log. Times are microseconds since 1970 UTC."""

    id: int
    uuid: str
    event_type: str
    event_time: int
    status: RecordStatus
    origin: str
    is_edited: bool
    asset_id: int | None
    note: str | None
    edit_reason: str | None
    location: str | None
    changed_by: str | None
    """Who asked for the edit, if it was not the driver."""
    driven_until: int | None
    """When automatically recorded driving ended, as far as the record says so."""

    @property
    def is_duty_change(self) -> bool:
        """Whether it sets the duty status."""
        return self.event_type in _CHANGES


@dataclass(frozen=True, slots=True)
class DutySpan:
    """One stretch of one duty status, and the record that began it."""

    duty: Duty
    special: Special | None
    start: int
    end: int
    record: LogRecord


@dataclass(frozen=True, slots=True)
class DriverLog:
    """One driver's log from `start` up to `end`."""

    start: int
    end: int
    records: tuple[LogRecord, ...]
    """All versions of all records of that time, in the order in which they happened."""
    spans: tuple[DutySpan, ...]
    """From the first status that is known up to `end`, without gaps."""
    unidentified: tuple[LogRecord, ...]
    """Active records of driving by nobody known, in vehicles that the driver had in this time."""
    adverse: tuple[tuple[int, int], ...]
    """Claims of adverse driving conditions: from the remark to the one that takes it back, or a minute."""

    @property
    def duty_spans(self) -> tuple[Span, ...]:
        """The spans as the clocks take them."""
        return tuple(Span(span.duty, span.start, span.end) for span in self.spans)


_COLUMNS = (
    "r.id, r.uuid, r.event_type, r.event_time, r.record_status, r.record_origin, r.driver_edit, r.asset_id, r.note,"
    " r.shown"
)


def read_driver_log(dialect: Dialect, user_id: int, start: int, end: int, now: int) -> ReadScript[DriverLog]:
    """The log of a user from `start` up to `end`, or up to now when that comes first."""
    end = max(start, min(end, now))
    rows = yield Fetch(
        f"SELECT {_COLUMNS} FROM duty_records AS r WHERE r.user_id = $1 AND r.event_time >= $2 AND r.event_time < $3"
        " AND r.is_system = 0 AND r.deleted_at IS NULL ORDER BY r.event_time, r.id LIMIT $4",
        (user_id, start, end, MOST_RECORDS),
    )
    records = [_record(row) for row in rows]
    listed = ", ".join(f"'{word}'" for word in _CHANGES)
    rows = yield Fetch(
        f"SELECT {_COLUMNS} FROM duty_records AS r WHERE r.user_id = $1 AND r.event_time < $2 AND r.event_time >= $3"
        f" AND r.is_system = 0 AND r.deleted_at IS NULL AND r.record_status = 1 AND r.event_type IN ({listed})"
        " ORDER BY r.event_time DESC, r.id DESC LIMIT 2",
        (user_id, start, start - LOOK_BACK),
    )
    before = [_record(row) for row in reversed(rows)]
    assets = {record.asset_id for record in (*before, *records) if record.asset_id is not None}
    unidentified: list[LogRecord] = []
    if assets:
        driven = ", ".join(f"'{word}'" for word in DRIVEN)
        rows = yield Fetch(
            f"SELECT {_COLUMNS} FROM duty_records AS r WHERE r.asset_id IN {any_of(dialect, 1, 'bigint')}"
            " AND r.event_time >= $2 AND r.event_time < $3 AND r.is_system = 1 AND r.deleted_at IS NULL"
            f" AND r.record_status = 1 AND r.event_type IN ({driven}) ORDER BY r.event_time, r.id LIMIT $4",
            (list_argument(dialect, assets), start, end, MOST_RECORDS),
        )
        unidentified = [_record(row) for row in rows]
    return DriverLog(
        start,
        end,
        tuple(records),
        spans_of([*before, *records], start, end),
        tuple(unidentified),
        _adverse(records),
    )


def _record(row: Row) -> LogRecord:
    shown = orjson.loads(bytes(row[9]))
    until = shown.get("autoEventEndTimestamp")
    return LogRecord(
        id=row[0],
        uuid=row[1],
        event_type=row[2],
        event_time=row[3],
        status=RecordStatus(row[4]),
        origin=row[5],
        is_edited=bool(row[6]),
        asset_id=row[7],
        note=row[8],
        edit_reason=shown.get("editReason") or None,
        location=shown.get("location"),
        changed_by=shown.get("changeRequestedByName"),
        driven_until=None if until is None else parse_time(until),
    )


def spans_of(records: Sequence[LogRecord], start: int, end: int) -> tuple[DutySpan, ...]:
    """The duty statuses that active records add up to, within `start` and `end`. Of several records of one instant the
    last one holds.
    """
    changes: list[tuple[int, Duty, Special | None, LogRecord]] = []
    duty: Duty | None = None
    special: Special | None = None
    for record in records:
        if record.status is not RecordStatus.ACTIVE:
            continue
        if record.event_type in _DUTIES:
            duty, special = _DUTIES[record.event_type]
        elif record.event_type in _CLEARED:
            cleared, after = _CLEARED[record.event_type]
            if duty is not None and special is not cleared:
                continue
            duty, special = after, None
        else:
            continue
        changes.append((max(record.event_time, start), duty, special, record))
    spans = []
    for n, (at, duty, special, record) in enumerate(changes):
        until = min(changes[n + 1][0], end) if n + 1 < len(changes) else end
        if at < until:
            spans.append(DutySpan(duty, special, at, until, record))
    return tuple(spans)


def _adverse(records: Sequence[LogRecord]) -> tuple[tuple[int, int], ...]:
    """Claims that the driver's remarks make, told by the word itself."""
    claims: list[tuple[int, int]] = []
    for record in records:
        if record.status is not RecordStatus.ACTIVE or _ADVERSE not in (record.note or "").lower():
            continue
        if record.event_type == "AddedExceptionRemark":
            claims.append((record.event_time, record.event_time + MINUTE))
        elif record.event_type == "RemovedExceptionRemark" and claims:
            claims[-1] = (claims[-1][0], max(claims[-1][0], record.event_time))
    return tuple(claims)
