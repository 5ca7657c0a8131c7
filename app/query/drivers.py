"""`GET /v1/drivers`: who has active violations, most first (contract section 5).

Counts are of the active violations that the key sees and the filters let pass; name and terminal are those of the
newest of them, by `startTime`, then `eventTime`, then `id`. A page costs what the active violations cost, however many
were invalidated. The violations of one driver are left to the lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from starlette.types import ASGIApp, Scope

from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, ReadScript
from app.keys.schema import ApiKey
from app.maven.times import format_time
from app.query.context import QueryContext
from app.query.filters import ViolationFilter, matching, read_filter
from app.query.pages import envelope
from app.web.answers import Json
from app.web.parameters import read_parameters

PARAMETERS = frozenset(["terminalCode", "type", "limit", "cursor"])


@dataclass(slots=True)
class Driver:
    """One driver's active violations, counted. `latest_start_time` is in microseconds since 1970 UTC."""

    driver_id: str
    active_count: int
    egregious_count: int
    latest_start_time: int
    driver_name: str | None = None
    terminal_code: str | None = None
    types: dict[str, int] = field(default_factory=dict)

    def shown(self) -> bytes:
        """The driver on the wire."""
        return orjson.dumps(
            {
                "driverId": self.driver_id,
                "driverName": self.driver_name,
                "terminalCode": self.terminal_code,
                "activeCount": self.active_count,
                "egregiousCount": self.egregious_count,
                "latestStartTime": format_time(self.latest_start_time),
                "types": self.types,
            }
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended."""

    active_count: int
    driver_id: str


async def list_drivers(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """A page of drivers."""
    parameters = read_parameters(scope["query_string"], PARAMETERS)
    asked = read_filter(parameters, key)
    limit = parameters.limit()
    purpose = f"drivers:{asked.fingerprint()}"
    cursor = parameters.text("cursor")
    after = None if cursor is None else Position(*orjson.loads(context.cursors.open(purpose, cursor)))
    drivers = await context.database.read(find_drivers(context.database.dialect, asked, after, limit + 1))
    shown = drivers[:limit]
    next_cursor = None
    if len(drivers) > limit:
        last = shown[-1]
        next_cursor = context.cursors.seal(purpose, orjson.dumps([last.active_count, last.driver_id]))
    return Json(envelope([driver.shown() for driver in shown], next_cursor))


def find_drivers(
    dialect: Dialect, asked: ViolationFilter, after: Position | None, limit: int
) -> ReadScript[list[Driver]]:
    """At most `limit` drivers of the active violations that match, behind a position."""
    rows = yield _count(dialect, asked, after, limit)
    drivers = {row[0]: Driver(row[0], row[1], row[2], row[3]) for row in rows}
    if drivers:
        for driver_id, violation_type, count in (yield _count_types(dialect, asked, list(drivers))):
            drivers[driver_id].types[violation_type] = count
        for driver_id, name, terminal in (yield _newest(dialect, asked, list(drivers.values()))):
            drivers[driver_id].driver_name = name
            drivers[driver_id].terminal_code = terminal
    return list(drivers.values())


def _count(dialect: Dialect, asked: ViolationFilter, after: Position | None, limit: int) -> Fetch:
    arguments = Arguments(dialect)
    (clause,) = matching(asked, arguments, also=["v.driver_id IS NOT NULL"])
    having = ""
    if after is not None:
        count, driver = arguments.add(after.active_count), arguments.add(after.driver_id)
        having = f" HAVING count(*) < {count} OR (count(*) = {count} AND v.driver_id > {driver})"
    return Fetch(
        f"SELECT v.driver_id, count(*), sum(v.egregious), max(v.start_time) {clause}"
        f" GROUP BY v.driver_id{having} ORDER BY count(*) DESC, v.driver_id LIMIT {arguments.add(limit)}",
        tuple(arguments.values),
    )


def _count_types(dialect: Dialect, asked: ViolationFilter, driver_ids: Sequence[str]) -> Fetch:
    arguments = Arguments(dialect)
    wanted = [arguments.one_of("v.driver_id", driver_ids), "v.type IS NOT NULL"]
    (clause,) = matching(asked, arguments, also=wanted)
    return Fetch(
        f"SELECT v.driver_id, v.type, count(*) {clause} GROUP BY v.driver_id, v.type ORDER BY v.type",
        tuple(arguments.values),
    )


def _newest(dialect: Dialect, asked: ViolationFilter, drivers: Sequence[Driver]) -> Fetch:
    """Of each driver the newest violation. Only those of its latest start are looked at, which every active one has."""
    arguments = Arguments(dialect)
    pairs = [(d.driver_id, d.latest_start_time) for d in drivers]
    (clause,) = matching(asked, arguments, also=[f"(v.driver_id, v.start_time) IN {arguments.pairs(pairs)}"])
    return Fetch(
        "SELECT n.driver_id, n.driver_name, n.terminal_code FROM (SELECT v.driver_id, v.driver_name, v.terminal_code,"
        f" row_number() OVER (PARTITION BY v.driver_id ORDER BY v.event_time DESC, v.id DESC) AS place {clause}) AS n"
        " WHERE n.place = 1",
        tuple(arguments.values),
    )
