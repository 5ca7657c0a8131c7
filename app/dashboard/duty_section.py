"""What a page shows of a duty log: who may see it, whose log it is, by which clocks, and which days.

Owns the reading of it, and why there is none: a visitor needs the scope `log:read`, one who is limited to terminals
sees the logs of drivers of these terminals alone, and a driver of Maven's has to be linked to a user of the duty log.
Nothing is read for those who may not see it. How a day is cut and drawn is left to `duty_day` and `duty_grid`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from app.dashboard.duty_day import Band, LogDay, Unknown, clock, cut_days
from app.dashboard.hours_check import HoursCheck, check_hours, end_of, log_needed, tell_too_far
from app.dashboard.tellings import Tellings
from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, ReadScript
from app.duty_log.driver_log import DriverLog, read_driver_log
from app.duty_log.log_days import LogDays, find_zone
from app.hours.spans import WORKING
from app.identities.store import Identity, find_assets, find_driver, find_terminal_zone
from app.keys.schema import ApiKey, Scope
from app.maven.schema import ViolationData
from app.maven.times import DAY, MINUTE, parse_time
from app.query.filters import ViolationFilter, matching
from app.violations.model import ACTIVE
from app.violations.telling import Telling, tell

DAYS_SHOWN = 8
"""The day itself and the seven before, as a driver has to have them at a roadside (49 CFR 395.8(k)(2), 395.24)."""
MOST_BANDS = 60
FIRST_YEAR, LAST_YEAR = 1971, 2198
"""Days outside are not drawn: the clocks of zones are not known for them."""
_LONG_BEFORE = 2 * DAY
"""How long before the days of a driver's page a violation may have begun that goes on in them."""
_FURTHEST = 30 * DAY
"""How far a violation may lie from its log date for one reading of the log to do for both."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver as Maven has them; the terminal is for the clocks of one of whom the registry has none."""

    driver_id: str
    terminal_code: str | None


class Unshown(Enum):
    """Why there is no duty log to show."""

    NO_SCOPE = "no scope"
    NOT_LINKED = "not linked"
    OTHER_TERMINAL = "other terminal"
    """Or not linked: who is limited to terminals is not told which."""
    NO_DAY = "no day"


class ZoneSource(Enum):
    """Where a driver's clocks are known from."""

    DRIVER = "the driver's home terminal, as the registry has it"
    TERMINAL = "the driver's terminal"
    NOWHERE = "UTC, because the time zone of the driver's home terminal is not known"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose log it is, and how its days are cut."""

    identity: Identity
    user_id: int
    days: LogDays
    zone_source: ZoneSource

    @property
    def is_by_username(self) -> bool:
        """Whether nobody linked the two: the username is written as Maven's id is."""
        return self.identity.driver_id is None

    @property
    def clocks(self) -> str:
        """By which clocks the times are."""
        if self.zone_source is ZoneSource.NOWHERE:
            return f"Times are {self.zone_source.value}."
        return f"Times are by the clocks of {self.zone_source.value} ({self.days.zone.key})."


@dataclass(frozen=True, slots=True)
class DutySection:
    """The days of a page, and what goes with them."""

    owner: Owner
    days: tuple[LogDay, ...]
    following: LogDay | None = None
    """The day after the first one, when the page's violation goes on in it."""
    check: HoursCheck | None = None
    earlier: date | None = None
    later: date | None = None
    is_newest: bool = True
    """Whether the days end today, or with the day of the page's violation."""

    @property
    def has_records(self) -> bool:
        return any(day.is_known for day in self.days)

    @property
    def worked(self) -> str:
        """Driving and on duty in all days, `H:MM`."""
        return clock(sum(day.totals[duty] for day in self.days for duty in WORKING))

    @property
    def has_gaps(self) -> bool:
        return any(day.minutes_of(Unknown.NO_RECORD) for day in self.days)


def find_owner(key: ApiKey, zones: Mapping[str, ZoneInfo], driver: Driver) -> ReadScript[Owner | Unshown]:
    """Whose log a driver's is, if the visitor may see it."""
    if not key.may(Scope.LOG_READ):
        return Unshown.NO_SCOPE
    identity = yield from find_driver(driver.driver_id)
    if identity is not None and identity.time_zone is None and identity.terminal_code is not None:
        identity = replace(identity, time_zone=(yield from find_terminal_zone(identity.terminal_code)))
    if key.terminals is not None and (identity is None or identity.terminal_code not in key.terminals):
        return Unshown.OTHER_TERMINAL
    if identity is None or identity.user_id is None:
        return Unshown.NOT_LINKED
    zone, source = zone_of(identity, zones, driver.terminal_code)
    return Owner(identity, identity.user_id, LogDays(zone, identity.day_start_hour or 0), source)


def zone_of(
    identity: Identity, zones: Mapping[str, ZoneInfo], terminal_code: str | None
) -> tuple[ZoneInfo, ZoneSource]:
    """The clocks of a driver: their own, else those of a terminal that is known, else UTC."""
    own = None if identity.time_zone is None else find_zone(identity.time_zone)
    if own is not None:
        return own, ZoneSource.DRIVER
    for code in (identity.terminal_code, terminal_code):
        if code is not None and code in zones:
            return zones[code], ZoneSource.TERMINAL
    return ZoneInfo("UTC"), ZoneSource.NOWHERE


def read_violation_log(
    dialect: Dialect,
    key: ApiKey,
    zones: Mapping[str, ZoneInfo],
    data: ViolationData,
    terminal_code: str | None,
    now: int,
) -> ReadScript[DutySection | Unshown | None]:
    """What the page of a violation shows: its log day, the seven before, and the check. None when Maven named no
    driver.
    """
    if data.driverId is None:
        return None
    owner = yield from find_owner(key, zones, Driver(data.driverId, terminal_code))
    if isinstance(owner, Unshown):
        return owner
    days = owner.days
    day = _day_of(data, days)
    if day is None:
        return Unshown.NO_DAY
    dates = [day - timedelta(days=n) for n in range(DAYS_SHOWN)]
    band = _band_of(data)
    if band is not None and _goes_on(band, day, days):
        dates.insert(0, day + timedelta(days=1))
    start, end = days.start_of(dates[-1]), days.end_of(dates[0])
    needed = log_needed(data, days)
    is_near = needed is not None and abs((data.startTime or 0) - start) <= _FURTHEST
    if needed is not None and is_near:
        start, end = min(start, days.start_of(needed[0])), max(end, needed[1])
    log = yield from read_driver_log(dialect, owner.user_id, start, end, now)
    vehicles = yield from _vehicles(dialect, log)
    shown = [one.with_bands([] if band is None else [band]) for one in cut_days(log, days, dates, vehicles)]
    check = check_hours(log, days, data) if is_near or needed is None else tell_too_far(data)
    following = shown.pop(0) if dates[0] > day else None
    return DutySection(owner, tuple(shown), following, check)


def _day_of(data: ViolationData, days: LogDays) -> date | None:
    """The log day of a violation: as Maven has it, else that of its start."""
    if data.logDate is not None:
        day = date.fromisoformat(data.logDate)
    elif data.startTime is not None:
        day = days.day_at(data.startTime)
    else:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def _goes_on(band: Band, day: date, days: LogDays) -> bool:
    """Whether a violation reaches from somewhere into the day after its own, and that day can be drawn."""
    following = day + timedelta(days=1)
    return following.year <= LAST_YEAR and days.end_of(day) < band.end and band.start < days.end_of(following)


def _band_of(data: ViolationData) -> Band | None:
    end = end_of(data)
    if data.startTime is None or end is None:
        return None
    return Band(data.startTime, end, "violation", tell(data).what)


def _vehicles(dialect: Dialect, log: DriverLog) -> ReadScript[dict[int, str]]:
    """Names of the vehicles in a log, of those that have one."""
    ids = {one.asset_id for one in (*log.records, *log.unidentified, *(span.record for span in log.spans))} - {None}
    if not ids:
        return {}
    assets = yield from find_assets(dialect, {one for one in ids if one is not None})
    return {asset_id: asset.name for asset_id, asset in assets.items() if asset.name}


def read_drivers_log(
    dialect: Dialect,
    key: ApiKey,
    zones: Mapping[str, ZoneInfo],
    driver: Driver,
    tellings: Tellings,
    asked: ViolationFilter,
    last: date | None,
    now: int,
) -> ReadScript[DutySection | Unshown]:
    """What the page of a driver shows: eight log days, the newest first, ending with `last` or today, and over them the
    active ones of the violations that `asked` leaves.
    """
    owner = yield from find_owner(key, zones, driver)
    if isinstance(owner, Unshown):
        return owner
    days = owner.days
    today = days.day_at(now)
    newest = last or today
    dates = [newest - timedelta(days=n) for n in range(DAYS_SHOWN)]
    start, end = days.start_of(dates[-1]), days.end_of(newest)
    log = yield from read_driver_log(dialect, owner.user_id, start, end, now)
    vehicles = yield from _vehicles(dialect, log)
    bands = yield from _active_bands(dialect, tellings, asked, start, end)
    later = min(newest + timedelta(days=DAYS_SHOWN), today)
    return DutySection(
        owner,
        tuple(day.with_bands(bands) for day in cut_days(log, days, dates, vehicles)),
        earlier=newest - timedelta(days=DAYS_SHOWN) if dates[-1].year > FIRST_YEAR else None,
        later=later if later > newest else None,
        is_newest=newest == today,
    )


def _active_bands(
    dialect: Dialect, tellings: Tellings, asked: ViolationFilter, start: int, end: int
) -> ReadScript[Sequence[Band]]:
    arguments = Arguments(dialect)
    of_days = replace(asked, statuses=(ACTIVE,), start_time_from=start - _LONG_BEFORE, start_time_to=end)
    (clause,) = matching(of_days, arguments)
    rows = yield Fetch(
        f"SELECT v.id, v.details_seq, v.start_time, v.duration_minutes {clause}"
        f" ORDER BY v.start_time DESC, v.id LIMIT {arguments.add(MOST_BANDS)}",
        tuple(arguments.values),
    )
    told = yield from tellings.of(dialect, [row[1] for row in rows])
    bands: list[Band] = []
    for violation_id, seq, began, minutes in reversed(rows):
        if seq in told:
            until = _until(told[seq], began, minutes)
            bands.append(Band(began, until, "", told[seq].what, violation_id))
    return [band for band in bands if band.end > start]


def _until(telling: Telling, start: int, minutes: int | None) -> int:
    """When a violation ended, by its end or else by its length."""
    end = start + (minutes or 0) * MINUTE if telling.until is None else parse_time(telling.until)
    return max(start, end)
