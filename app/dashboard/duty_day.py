"""One log day as people look at it: what is known of it part by part, what was changed in it, what lies over it. Pure.

Owns how a driver's log is cut into days, what a row of the table says, and that time of which there is no record is not
known: it is never taken for off duty. Drawing is left to `duty_grid`, reading to `duty_section`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from zoneinfo import ZoneInfo

from app.dashboard.duty_versions import Versions, is_edited, local, tell_record, versions_of
from app.duty_log.driver_log import DriverLog, DutySpan, LogRecord
from app.duty_log.log_days import NOON, LogDays
from app.hours.spans import Duty
from app.maven.times import HOUR, MINUTE
from app.violations.telling import one_line

MOST_ROWS = 300
"""Rows of one day's table; the API has all records."""

ROWS = (Duty.OFF_DUTY, Duty.SLEEPER, Duty.DRIVING, Duty.ON_DUTY)
"""The rows of a paper log (49 CFR 395.8(g)), from the top."""
DUTY_WORDS = {
    Duty.OFF_DUTY: "Off duty",
    Duty.SLEEPER: "Sleeper berth",
    Duty.DRIVING: "Driving",
    Duty.ON_DUTY: "On duty",
}

_SUMMED = {Duty.DRIVING: "driving", Duty.ON_DUTY: "on duty"}


class Unknown(Enum):
    """Why nothing is known of a time."""

    NO_RECORD = "not known"
    TO_COME = "still to come"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a day, of one status or not known. Times are microseconds since 1970 UTC."""

    start: int
    end: int
    span: DutySpan | None
    """The span it was cut from; None when it is not known."""
    unknown: Unknown | None = None

    @property
    def minutes(self) -> int:
        """How long it is by its times as they are shown, so that a day's parts add up to the day."""
        return self.end // MINUTE - self.start // MINUTE

    @property
    def words(self) -> str:
        """The status in words."""
        if self.span is None:
            return Unknown.NO_RECORD.value if self.unknown is None else self.unknown.value
        words = DUTY_WORDS[self.span.duty]
        return words if self.span.special is None else f"{words}, {self.span.special.value}"


@dataclass(frozen=True, slots=True)
class Band:
    """A violation laid over a day: its time, what stands at it in the drawing, and its words."""

    start: int
    end: int
    mark: str
    words: str
    violation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unidentified:
    """Driving by nobody known. Without an end only its beginning is known."""

    start: int
    end: int | None
    vehicle: str | None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A part of a day in words; texts of others are single lines."""

    start: str
    end: str
    minutes: int
    status: str
    place: str | None
    vehicle: str | None
    remarks: tuple[str, ...]
    is_edited: bool


@dataclass(frozen=True, slots=True)
class LogDay:
    """One log day of one driver, from `start` up to `end`."""

    date: date
    start: int
    end: int
    zone: ZoneInfo
    parts: tuple[Part, ...]
    """The whole day, without gaps."""
    edited: tuple[tuple[int, Duty], ...] = ()
    """Where a record was edited, and its row."""
    unidentified: tuple[Unidentified, ...] = ()
    bands: tuple[Band, ...] = ()
    rows: tuple[TableRow, ...] = ()
    left_off: int = 0
    """Rows that the table has no room for."""

    @property
    def title(self) -> str:
        """The day in words."""
        return f"{self.date:%a} {self.date.day} {self.date:%b %Y}"

    @property
    def remark(self) -> str | None:
        """What is unusual about the day: that it starts at noon, or that the clocks changed."""
        hours = (self.end - self.start) / HOUR
        said = [
            "from noon to noon" if local(self.start, self.zone).hour == NOON else None,
            None if hours == 24 else f"{hours:g} hours, for the clocks changed",
        ]
        return ", ".join(filter(None, said)) or None

    @property
    def totals(self) -> dict[Duty, int]:
        """Minutes by row."""
        found = dict.fromkeys(ROWS, 0)
        for part in self.parts:
            if part.span is not None:
                found[part.span.duty] += part.minutes
        return found

    def minutes_of(self, unknown: Unknown) -> int:
        """Minutes of which nothing is known."""
        return sum(part.minutes for part in self.parts if part.unknown is unknown)

    @property
    def is_known(self) -> bool:
        """Whether the log has any of it."""
        return any(part.span is not None for part in self.parts)

    @property
    def words(self) -> str:
        """The totals in words."""
        said = [f"{DUTY_WORDS[duty].lower()} {clock(minutes)}" for duty, minutes in self.totals.items()]
        said += [f"{one.value} {clock(minutes)}" for one in Unknown if (minutes := self.minutes_of(one))]
        if self.bands:
            said.append(self.count)
        return ", ".join(said)

    @property
    def summary(self) -> str:
        """What matters most of the day, in words."""
        if not self.is_known:
            return "nothing is known"
        said = [f"{words} {clock(self.totals[duty])}" for duty, words in _SUMMED.items()]
        if self.bands:
            said.append(self.count)
        return ", ".join(said)

    @property
    def count(self) -> str:
        """How many violations lie over the day, in words."""
        return f"{len(self.bands)} violation{'' if len(self.bands) == 1 else 's'}"

    def with_bands(self, bands: Sequence[Band]) -> "LogDay":
        """The day with those of the violations that touch it, numbered where they can be looked up."""
        touching = [one for one in bands if one.start < self.end and max(one.end, one.start + 1) > self.start]
        if len(touching) > 1 or any(one.violation_id for one in touching):
            touching = [replace(one, mark=str(number)) for number, one in enumerate(touching, 1)]
        return replace(self, bands=tuple(touching))


def cut_days(log: DriverLog, days: LogDays, dates: Sequence[date], vehicles: Mapping[int, str]) -> list[LogDay]:
    """The log days of these dates, in their order. `vehicles` are names by asset id. What is after the end of the log
    is still to come.
    """
    versions = versions_of(log)
    return [_cut_day(log, days, day, vehicles, versions) for day in dates]


def _cut_day(log: DriverLog, days: LogDays, day: date, vehicles: Mapping[int, str], versions: Versions) -> LogDay:
    start, end = days.start_of(day), days.end_of(day)
    parts = tuple(_parts(log, start, end))
    known = [part for part in parts if part.span is not None]
    cut = LogDay(
        date=day,
        start=start,
        end=end,
        zone=days.zone,
        parts=parts,
        edited=tuple(
            (part.start, part.span.duty)
            for part in known
            if part.span is not None and part.start == part.span.start and is_edited(part.span.record, versions)
        ),
        unidentified=tuple(
            Unidentified(
                max(one.event_time, start), None if until is None else min(until, end), _vehicle(one, vehicles)
            )
            for one in log.unidentified
            for until in (_driven_until(one),)
            if one.event_time < end and (one.event_time if until is None else until) >= start
        ),
    )
    rows = tuple(_row(cut, part, vehicles, versions) for part in parts[:MOST_ROWS])
    return replace(cut, rows=rows, left_off=len(parts) - len(rows))


def _driven_until(record: LogRecord) -> int | None:
    return record.driven_until if (record.driven_until or 0) > record.event_time else None


def _parts(log: DriverLog, start: int, end: int) -> Iterator[Part]:
    at = start
    for span in log.spans:
        begins, ends = max(span.start, start), min(span.end, end)
        if begins >= ends:
            continue
        if at < begins:
            yield Part(at, begins, None, Unknown.NO_RECORD)
        yield Part(begins, ends, span)
        at = ends
    known_until = min(max(log.end, at), end)
    if at < known_until:
        yield Part(at, known_until, None, Unknown.NO_RECORD)
    if known_until < end:
        yield Part(known_until, end, None, Unknown.TO_COME)


def _row(day: LogDay, part: Part, vehicles: Mapping[int, str], versions: Versions) -> TableRow:
    start, end = clock_times(day, part)
    if part.span is None:
        return TableRow(start, end, part.minutes, part.words, None, None, (), is_edited=False)
    record = part.span.record
    return TableRow(
        start,
        end,
        part.minutes,
        part.words,
        one_line(record.location),
        _vehicle(record, vehicles),
        tuple(tell_record(record, day.start, day.zone, versions)),
        is_edited(record, versions),
    )


def _vehicle(record: LogRecord, vehicles: Mapping[int, str]) -> str | None:
    if record.asset_id is None:
        return None
    return one_line(vehicles.get(record.asset_id)) or f"vehicle {record.asset_id}"


def clock(minutes: int) -> str:
    """A length of time as `H:MM`."""
    return f"{minutes // 60}:{minutes % 60:02}"


def clock_times(day: LogDay, part: Part | Band | Unidentified) -> tuple[str, str]:
    """From and to by the driver's clocks, within the day. Midnight at its end is 24:00; where the clocks change, the
    abbreviation of the zone tells the same hour twice apart. What has no end has an empty one.
    """
    ends = None if part.end is None else min(part.end, day.end)
    return clock_time(day, max(part.start, day.start)), "" if ends is None else clock_time(day, ends, is_end=True)


def clock_time(day: LogDay, at: int, *, is_end: bool = False) -> str:
    """An instant of the day as `HH:MM`."""
    there = local(at, day.zone)
    if is_end and at == day.end and (there.hour, there.minute) == (0, 0):
        return "24:00"
    is_plain = day.end - day.start == 24 * HOUR
    return f"{there:%H:%M}" if is_plain else f"{there:%H:%M} {there.tzname() or ''}".rstrip()
