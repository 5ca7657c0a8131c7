"""What the overview shows, read on one snapshot: counts, the same a day before, log dates, and the drivers of one page
with the violations of each.

Which violations match is said by `query.filters`, so a page and the API never differ in that. Order here is the page's:
who has egregious violations first, then who has most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.dashboard.day_counts import Day, DayCounts
from app.dashboard.tellings import Tellings
from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, ReadScript, Row
from app.maven.times import DAY
from app.query.filters import ViolationFilter, matching
from app.query.stats import Stats, count_by_facet, stats_of
from app.reviews.schema import Review
from app.reviews.store import latest_reviews
from app.violations.model import ACTIVE
from app.violations.telling import Telling

DRIVERS_PER_PAGE = 25
VIOLATIONS_PER_DRIVER = 3
"""Of one driver on the overview; the driver's own page has all."""

CHART_DAYS = 30

_COLUMNS = (
    "id, details_seq, driver_id, driver_name, terminal_code, type, power_unit_number, log_date, start_time,"
    " duration_minutes, egregious, status, invalidated_at"
)


@dataclass(frozen=True, slots=True)
class ShownViolation:
    """A violation as a row of a table. Times are microseconds since 1970 UTC."""

    id: str
    details_seq: int
    driver_id: str | None
    driver_name: str | None
    terminal_code: str | None
    type: str | None
    power_unit_number: str | None
    log_date: str | None
    start_time: int | None
    duration_minutes: int | None
    is_egregious: bool
    is_active: bool
    invalidated_at: int | None
    telling: Telling
    review: Review | None = None

    @property
    def review_word(self) -> str:
        """The review that holds; a violation without one is open."""
        return "open" if self.review is None else self.review.status.word


@dataclass(slots=True)
class DriverGroup:
    """One driver's matching violations: how many, and the gravest and newest of them. A group without `driver_id` has
    those of which Maven did not say whose they are."""

    driver_id: str | None
    count: int
    egregious: int
    latest_start_time: int | None
    violations: list[ShownViolation] = field(default_factory=list)

    @property
    def newest(self) -> ShownViolation | None:
        """Of the violations shown the one that started last: name and terminal are as it has them."""
        return max(self.violations, key=lambda one: one.start_time or 0, default=None)

    @property
    def driver_name(self) -> str | None:
        return None if self.newest is None else self.newest.driver_name

    @property
    def terminal_code(self) -> str | None:
        return None if self.newest is None else self.newest.terminal_code


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the overview shows."""

    stats: Stats
    total_before: int
    egregious_before: int
    days: list[Day]
    drivers: list[DriverGroup]
    driver_count: int


def read_overview(
    dialect: Dialect,
    tellings: Tellings,
    day_counts: DayCounts,
    asked: ViolationFilter,
    now: int,
    first_driver: int,
    dates: Sequence[str],
) -> ReadScript[Overview]:
    """The overview of what is asked, with the drivers from number `first_driver` on, and counts of these log dates."""
    stats = stats_of((yield count_by_facet(dialect, asked)))
    before = replace(asked, as_of=(asked.as_of or now) - DAY)
    ((total_before, egregious_before),) = yield _totals(dialect, before)
    days = yield from day_counts.of(dialect, asked, dates)
    drivers, driver_count = yield from _drivers(dialect, asked, first_driver)
    if drivers:
        by_id = {driver.driver_id: driver for driver in drivers}
        for one in (yield from _violations_of(dialect, tellings, asked, drivers)):
            by_id[one.driver_id].violations.append(one)
    return Overview(stats, total_before, egregious_before, days, drivers, driver_count)


def _totals(dialect: Dialect, asked: ViolationFilter) -> Fetch:
    arguments = Arguments(dialect)
    parts = " UNION ALL ".join(
        f"SELECT count(*) AS n, COALESCE(sum(v.egregious), 0) AS e {clause}" for clause in matching(asked, arguments)
    )
    sql = f"SELECT CAST(sum(t.n) AS bigint), CAST(sum(t.e) AS bigint) FROM ({parts}) AS t"
    return Fetch(sql, tuple(arguments.values))


def _drivers(dialect: Dialect, asked: ViolationFilter, first: int) -> ReadScript[tuple[list[DriverGroup], int]]:
    arguments = Arguments(dialect)
    parts = " UNION ALL ".join(
        f"SELECT v.driver_id, v.egregious, v.start_time {clause}" for clause in matching(asked, arguments)
    )
    rows = yield Fetch(
        "SELECT g.driver_id, count(*) AS n, CAST(sum(g.egregious) AS bigint) AS e, max(g.start_time),"
        f" count(*) OVER () AS drivers FROM ({parts}) AS g GROUP BY g.driver_id"
        " ORDER BY sum(g.egregious) DESC, count(*) DESC, g.driver_id NULLS LAST"
        f" LIMIT {arguments.add(DRIVERS_PER_PAGE)} OFFSET {arguments.add(first)}",
        tuple(arguments.values),
    )
    if not rows and first:
        _, count = yield from _drivers(dialect, asked, 0)
        return [], count
    return [DriverGroup(*row[:4]) for row in rows], rows[0][4] if rows else 0


def _violations_of(
    dialect: Dialect, tellings: Tellings, asked: ViolationFilter, drivers: Sequence[DriverGroup]
) -> ReadScript[list[ShownViolation]]:
    """The first violations of each of these drivers."""
    arguments = Arguments(dialect)
    wanted = []
    if named := [driver.driver_id for driver in drivers if driver.driver_id is not None]:
        wanted.append(arguments.one_of("v.driver_id", named))
    if len(named) < len(drivers):
        wanted.append("v.driver_id IS NULL")
    parts = " UNION ALL ".join(
        f"SELECT {columns_of('v')} {clause}" for clause in matching(asked, arguments, also=[f"({' OR '.join(wanted)})"])
    )
    rows = yield Fetch(
        f"SELECT {_COLUMNS} FROM (SELECT m.*, row_number() OVER (PARTITION BY m.driver_id"
        " ORDER BY m.egregious DESC, m.start_time DESC NULLS LAST, m.id) AS place"
        f" FROM ({parts}) AS m) AS p WHERE p.place <= {arguments.add(VIOLATIONS_PER_DRIVER)}"
        " ORDER BY p.driver_id, p.place",
        tuple(arguments.values),
    )
    return (yield from with_words(dialect, tellings, rows))


def columns_of(alias: str) -> str:
    """What a query of rows for `with_words` selects from violations of this alias."""
    return ", ".join(f"{alias}.{column.strip()}" for column in _COLUMNS.split(","))


def with_words(dialect: Dialect, tellings: Tellings, rows: Sequence[Row]) -> ReadScript[list[ShownViolation]]:
    """Rows of violations with what their details say and how they were reviewed. A violation that was deleted meanwhile
    is left out."""
    told = yield from tellings.of(dialect, [row[1] for row in rows])
    reviews = yield from latest_reviews(dialect, [row[0] for row in rows])
    return [_shown(row, told[row[1]], reviews.get(row[0])) for row in rows if row[1] in told]


def _shown(row: Row, telling: Telling, review: Review | None) -> ShownViolation:
    return ShownViolation(
        id=row[0],
        details_seq=row[1],
        driver_id=row[2],
        driver_name=row[3],
        terminal_code=row[4],
        type=row[5],
        power_unit_number=row[6],
        log_date=row[7],
        start_time=row[8],
        duration_minutes=row[9],
        is_egregious=bool(row[10]),
        is_active=row[11] == ACTIVE,
        invalidated_at=row[12],
        telling=telling,
        review=review,
    )
