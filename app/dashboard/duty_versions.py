"""What a record of a duty log says, what it said before it was edited, and what it is asked to say. Pure.

Owns these in words for the table of a day; texts of drivers and carriers become single lines. Times are microseconds
since 1970 UTC.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from app.duty_log.driver_log import DriverLog, LogRecord
from app.duty_log.words import FROM_UNIDENTIFIED, RecordStatus
from app.maven.times import SECOND
from app.violations.telling import one_line

LONGEST_NOTE = 300

_TYPE_WORDS = {
    "OffDuty": "off duty",
    "Sleeper": "sleeper berth",
    "Driving": "driving",
    "OnDuty": "on duty",
    "WaitingAtSite": "waiting at site",
    "PersonalUse": "personal use",
    "YardMoves": "yard moves",
    "ClearPU": "end of personal use",
    "ClearYM": "end of yard moves",
}


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of records that do not hold, by the record's uuid."""

    earlier: Mapping[str, Sequence[LogRecord]] = field(default_factory=dict)
    waiting: Mapping[str, Sequence[LogRecord]] = field(default_factory=dict)
    """Edits that were asked for, and that the driver has not answered."""


def versions_of(log: DriverLog) -> Versions:
    """What records said before, and what they are asked to say, as far as the log reaches."""
    earlier: dict[str, list[LogRecord]] = {}
    waiting: dict[str, list[LogRecord]] = {}
    for record in sorted(log.records, key=lambda one: one.id):
        if record.status is RecordStatus.INACTIVE_CHANGED:
            earlier.setdefault(record.uuid, []).append(record)
        elif record.status is RecordStatus.INACTIVE_CHANGE_REQUESTED:
            waiting.setdefault(record.uuid, []).append(record)
    return Versions(earlier, waiting)


def is_edited(record: LogRecord, versions: Versions) -> bool:
    """Whether a record was edited, by its own word or by an earlier version of it."""
    return record.is_edited or record.uuid in versions.earlier


def tell_record(record: LogRecord, day_start: int, zone: ZoneInfo, versions: Versions) -> Iterator[str]:
    """What is to be said of a record in a day that starts at `day_start`, one phrase after the other."""
    if record.event_time < day_start:
        yield f"since {moment_of(record.event_time, zone)}"
    if note := one_line(record.note, LONGEST_NOTE):
        yield f"note: {note}"
    if record.origin == FROM_UNIDENTIFIED:
        yield "taken over from unidentified driving"
    if is_edited(record, versions):
        reason = one_line(record.edit_reason, LONGEST_NOTE)
        by = one_line(record.changed_by)
        yield f"edited, asked for by {by}" if by else "edited by the driver"
        if reason:
            yield f"reason: {reason}"
    for earlier in versions.earlier.get(record.uuid, ()):
        yield f"before: {_version(earlier, zone)}"
    for waiting in versions.waiting.get(record.uuid, ()):
        by = one_line(waiting.changed_by)
        yield f"an edit{f' by {by}' if by else ''} waits for the driver: {_version(waiting, zone)}"


def _version(record: LogRecord, zone: ZoneInfo) -> str:
    """What one version of a record says."""
    what = _TYPE_WORDS.get(record.event_type) or one_line(record.event_type) or "a record"
    note, place = one_line(record.note, LONGEST_NOTE), one_line(record.location)
    said = [f"{what} from {moment_of(record.event_time, zone)}", place, f"note: {note}" if note else None]
    return ", ".join(filter(None, said))


def local(at: int, zone: ZoneInfo) -> datetime:
    """An instant by the clocks of a zone, to the second."""
    return datetime.fromtimestamp(at // SECOND, zone)


def moment_of(at: int, zone: ZoneInfo) -> str:
    """An instant with its day, for what is not of the day at hand."""
    there = local(at, zone)
    return f"{there.day} {there:%b %H:%M}"
