"""Statements that read inspections for people: what is open and most urgent, one vehicle's history, and what was not
forwarded.

By when the inspections were, not when they came, with the carrier's own names of vehicles and drivers. A reader who is
limited to terminals sees the reports of their drivers alone, as in `reading`. How it is told is left to the pages.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson

from app.db.arguments import Arguments, any_of, list_argument
from app.db.statements import Dialect, Fetch, ReadScript, Row
from app.inspections.reading import of_terminals
from app.inspections.words import ConnectionKind, OperationStatus
from app.maven.times import DAY, HOUR

DEFECTS_OF_ONE = 20
"""Defects of one report that are read with it."""
LONG_WAIT = HOUR
FAILED_SINCE = 30 * DAY
LATEST_OPERATIONS = 10_000
"""Among which failed ones are looked for: there is no index of them."""
MOST_UNFORWARDED = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose inspections; None does not narrow."""

    terminals: frozenset[str] | None = None
    """Terminal codes to whose drivers the reader is limited."""
    vehicles: tuple[str, ...] | None = None
    """Vehicles or trailers."""
    is_critical: bool = False
    """Whether safety-critical ones alone."""

    def conditions(self, arguments: Arguments, alias: str) -> str:
        """The condition on a table of reports or of defects."""
        found = ["1 = 1"]
        if self.vehicles is not None:
            either = (arguments.one_of(f"{alias}.{column}", self.vehicles) for column in ("vehicle_id", "trailer_id"))
            found.append(f"({' OR '.join(either)})")
        if self.is_critical:
            found.append(f"{alias}.is_safety_critical = 1")
        if self.terminals is not None:
            found.append(of_terminals(arguments, alias, self.terminals))
        return " AND ".join(found)


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """Defects that are open."""

    defects: int
    critical: int
    vehicles: int
    """Vehicles, or trailers that were inspected alone, that have any."""


@dataclass(frozen=True, slots=True)
class SeenDefect:
    """A defect. Times are microseconds since 1970 UTC."""

    pk: int
    log_pk: int
    type: str
    is_safety_critical: bool
    remark: str | None
    """What the report says of this defect; in the list of open ones else the driver's comment."""
    driver_id: str
    vehicle_id: str | None
    trailer_id: str | None
    occurred_at: int
    resolved_at: int | None
    resolved_by: str | None
    """The report that says that it was corrected."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A report with the first of its defects. Times are microseconds since 1970 UTC."""

    pk: int
    id: str
    occurred_at: int
    type: str
    status: str | None
    is_safety_critical: bool
    is_correction: bool
    defect_count: int
    """As reported."""
    listed: int
    """Defects that are kept of it; a correction has none."""
    open: int
    driver_id: str
    vehicle_id: str | None
    trailer_id: str | None
    source_id: str | None
    """Its id at the provider."""
    connection_name: str | None
    is_forwarded: bool
    fields: Mapping[str, object]
    defects: tuple[SeenDefect, ...] = ()

    def text(self, name: str) -> str | None:
        """A text that was reported."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Unforwarded:
    """An operation that failed or waits. Times are microseconds since 1970 UTC."""

    id: str
    connection_id: str
    connection_name: str | None
    is_failed: bool
    since: int
    attempted_at: int | None
    """Of the last attempt, as what follows."""
    error_type: str | None
    error: str | None
    response_status: int | None
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class NamedDriver:
    """A driver of Catena's, as the registry has them; `driver_id` is Maven's."""

    driver_id: str | None
    name: str | None
    terminal_code: str | None


@dataclass(frozen=True, slots=True)
class NamedVehicle:
    """A vehicle or trailer of Catena's, as the carrier calls it."""

    name: str | None
    terminal_code: str | None


_DEFECT = (
    "d.pk, d.dvir_log_pk, d.defect_type, d.is_safety_critical, d.detail, d.driver_id, d.vehicle_id, d.trailer_id,"
    " d.occurred_at, d.resolved_at, d.resolved_by"
)


def count_open(dialect: Dialect, subject: Subject) -> ReadScript[OpenCounts]:
    """How many defects are open."""
    arguments = Arguments(dialect)
    where = subject.conditions(arguments, "d")
    rows = yield Fetch(
        "SELECT count(*), coalesce(sum(d.is_safety_critical), 0), count(DISTINCT coalesce(d.vehicle_id, d.trailer_id))"
        f" FROM dvir_defects AS d WHERE d.resolved_at IS NULL AND {where}",
        tuple(arguments.values),
    )
    return OpenCounts(*(int(one) for one in rows[0]))


def list_open(dialect: Dialect, subject: Subject, limit: int, offset: int = 0) -> ReadScript[list[SeenDefect]]:
    """Open defects, safety-critical ones first, then those that are open longest."""
    arguments = Arguments(dialect)
    where = subject.conditions(arguments, "d")
    order = "d.is_safety_critical DESC, d.occurred_at, d.pk"
    rows = yield Fetch(  # keys first: else the reports of all would be read to be sorted
        f"SELECT {_DEFECT}, l.payload FROM dvir_defects AS d JOIN dvir_logs AS l ON l.pk = d.dvir_log_pk"
        f" WHERE d.pk IN (SELECT d.pk FROM dvir_defects AS d WHERE d.resolved_at IS NULL AND {where} ORDER BY {order}"
        f" LIMIT {arguments.add(limit)} OFFSET {arguments.add(offset)}) ORDER BY {order}",
        tuple(arguments.values),
    )
    return [_defect(row, orjson.loads(bytes(row[11])).get("driver_comment")) for row in rows]


def list_inspections(dialect: Dialect, subject: Subject, limit: int, offset: int = 0) -> ReadScript[list[Inspection]]:
    """Reports, those of the latest inspections first, without their defects."""
    arguments = Arguments(dialect)
    where = subject.conditions(arguments, "l")
    order = "l.occurred_at DESC, l.pk DESC"
    of_it = "SELECT count(*) FROM dvir_defects AS o WHERE o.dvir_log_pk = l.pk"
    rows = yield Fetch(
        "SELECT l.pk, l.id, l.occurred_at, l.log_type, l.status, l.is_safety_critical, l.is_correction, l.defect_count,"
        f" ({of_it}), ({of_it} AND o.resolved_at IS NULL), l.driver_id, l.vehicle_id, l.trailer_id, l.source_id,"
        " c.name, c.kind, l.payload FROM dvir_logs AS l LEFT JOIN connections AS c ON c.id = l.connection_id"
        f" WHERE l.pk IN (SELECT l.pk FROM dvir_logs AS l WHERE {where} ORDER BY {order}"
        f" LIMIT {arguments.add(limit)} OFFSET {arguments.add(offset)}) ORDER BY {order}",
        tuple(arguments.values),
    )
    return [_inspection(row) for row in rows]


def defects_of(dialect: Dialect, inspections: Sequence[Inspection]) -> ReadScript[dict[int, tuple[SeenDefect, ...]]]:
    """The first defects of reports, at most `DEFECTS_OF_ONE` of each, by the reports' keys: safety-critical ones first,
    else in their order.
    """
    keys = [one.pk for one in inspections if one.listed]
    if not keys:
        return {}
    rows = yield Fetch(
        f"SELECT * FROM (SELECT {_DEFECT}, row_number() OVER (PARTITION BY d.dvir_log_pk"
        f" ORDER BY d.is_safety_critical DESC, d.pk) AS place FROM dvir_defects AS d WHERE d.dvir_log_pk IN"
        f" {any_of(dialect, 1, 'bigint')}) AS ranked WHERE place <= $2 ORDER BY dvir_log_pk, place",
        (list_argument(dialect, keys), DEFECTS_OF_ONE),
    )
    found: dict[int, tuple[SeenDefect, ...]] = {}
    for row in rows:
        found[row[1]] = (*found.get(row[1], ()), _defect(row, None))
    return found


def list_unforwarded(dialect: Dialect, now: int) -> ReadScript[list[Unforwarded]]:
    """What was not forwarded: operations that wait for longer than `LONG_WAIT`, the longest first, then those
    that failed since `FAILED_SINCE`, the latest first.
    """
    columns = (
        "SELECT o.id, o.connection_id, c.name, o.status, o.created_at, g.attempted_at, g.error_type, g.error_details,"
        " g.response_status_code, o.payload FROM resource_operations AS o"
        " LEFT JOIN connections AS c ON c.id = o.connection_id LEFT JOIN operation_logs AS g"
        " ON g.pk = (SELECT max(n.pk) FROM operation_logs AS n WHERE n.operation_pk = o.pk)"
    )
    waiting = yield Fetch(
        f"{columns} WHERE o.status = 0 AND o.created_at <= $1 ORDER BY o.pk LIMIT {MOST_UNFORWARDED}",
        (now - LONG_WAIT,),
    )
    failed = yield Fetch(
        f"{columns} WHERE o.status = {int(OperationStatus.FAILED)} AND o.created_at >= $1"
        f" AND o.pk > (SELECT coalesce(max(pk), 0) - {LATEST_OPERATIONS} FROM resource_operations)"
        f" ORDER BY o.pk DESC LIMIT {MOST_UNFORWARDED}",
        (now - FAILED_SINCE,),
    )
    return [
        Unforwarded(
            row[0],
            row[1],
            row[2],
            row[3] == OperationStatus.FAILED,
            row[4],
            row[5],
            row[6],
            row[7],
            row[8],
            orjson.loads(bytes(row[9])),
        )
        for row in (*waiting, *failed)
    ]


def name_drivers(dialect: Dialect, driver_ids: Collection[str]) -> ReadScript[dict[str, NamedDriver]]:
    """Those of Catena's drivers that the registry has, by their ids."""
    if not driver_ids:
        return {}
    rows = yield Fetch(
        "SELECT catena_driver_id, driver_id, first_name, last_name, suffix, terminal_code"
        f" FROM driver_identities WHERE catena_driver_id IN {any_of(dialect, 1)}",
        (list_argument(dialect, sorted(driver_ids)),),
    )
    return {
        row[0]: NamedDriver(row[1], " ".join(filter(None, (row[2], row[3], row[4]))) or None, row[5]) for row in rows
    }


def name_vehicles(dialect: Dialect, vehicle_ids: Collection[str]) -> ReadScript[dict[str, NamedVehicle]]:
    """Those of Catena's vehicles and trailers whose names are known, by their ids."""
    if not vehicle_ids:
        return {}
    rows = yield Fetch(
        f"SELECT vehicle_id, name, terminal_code FROM catena_vehicles WHERE vehicle_id IN {any_of(dialect, 1)}",
        (list_argument(dialect, sorted(vehicle_ids)),),
    )
    return {row[0]: NamedVehicle(row[1], row[2]) for row in rows}


def _defect(row: Row, comment: str | None) -> SeenDefect:
    remark = _remark(None if row[4] is None else orjson.loads(row[4])) or comment
    return SeenDefect(row[0], row[1], row[2], bool(row[3]), remark, row[5], row[6], row[7], row[8], row[9], row[10])


def _inspection(row: Row) -> Inspection:
    head = (row[0], row[1], row[2], row[3], row[4], bool(row[5]), bool(row[6]), row[7], row[8], row[9], row[10])
    tail = (row[11], row[12], row[13], row[14], row[15] == ConnectionKind.HTTP, orjson.loads(bytes(row[16])))
    return Inspection(*head, *tail)


def _remark(detail: object) -> str | None:
    """What people wrote of a defect, from the members that providers use for it."""
    if not isinstance(detail, dict):
        return None
    said = (detail.get(name) for name in ("description", "notes", "comment"))
    return ". ".join(dict.fromkeys(one for one in said if isinstance(one, str) and one.strip())) or None
