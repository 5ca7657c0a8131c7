"""Statements that read inspection reports and defects: filters, pages, and what a power unit's page shows.

Newest first, by the order in which they were kept. What a query string says is left to the endpoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.db.arguments import Arguments, any_of, list_argument
from app.db.statements import Dialect, Fetch, ReadScript, Row
from app.inspections.schema import Fields


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """What is asked for. None does not narrow; of several values any may match. Times are microseconds since 1970
    UTC, both ends inclusive.
    """

    connection_ids: tuple[str, ...] | None = None
    driver_ids: tuple[str, ...] | None = None
    vehicle_ids: tuple[str, ...] | None = None
    trailer_ids: tuple[str, ...] | None = None
    log_types: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    defect_types: tuple[str, ...] | None = None
    """Of defects; reports have no such filter."""
    log_ids: tuple[str, ...] | None = None
    is_safety_critical: bool | None = None
    is_open: bool | None = None
    occurred_from: int | None = None
    occurred_to: int | None = None
    terminals: frozenset[str] | None = None
    """Terminal codes to whose drivers the reader is limited."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind a key, or before one when it is read backwards."""

    pk: int
    is_backwards: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A report as stored. Times are microseconds since 1970 UTC."""

    pk: int
    id: str
    connection_id: str
    source_id: str | None
    occurred_at: int
    is_safety_critical: bool
    created_at: int
    updated_at: int
    fields: dict[str, object]
    open_defects: int
    fleet_ref: str | None
    source_name: str | None


@dataclass(frozen=True, slots=True)
class DefectRecord:
    """A defect as stored. Times are microseconds since 1970 UTC."""

    pk: int
    id: str
    log_id: str
    connection_id: str
    source_log_id: str | None
    driver_id: str
    vehicle_id: str | None
    trailer_id: str | None
    occurred_at: int
    type: str
    is_safety_critical: bool
    detail: dict[str, object] | None
    resolved_at: int | None
    resolved_by: str | None
    created_at: int
    updated_at: int
    fleet_ref: str | None
    source_name: str | None


_OPEN_COUNT = "(SELECT count(*) FROM dvir_defects AS o WHERE o.dvir_log_pk = l.pk AND o.resolved_at IS NULL)"
_REPORT = (
    "l.pk, l.id, l.connection_id, l.source_id, l.occurred_at, l.is_safety_critical, l.created_at, l.updated_at,"
    f" l.payload, {_OPEN_COUNT}, c.fleet_ref, c.source_name"
)
_REPORTS = "dvir_logs AS l LEFT JOIN connections AS c ON c.id = l.connection_id"
_DEFECT = (
    "d.pk, d.id, l.id, l.connection_id, l.source_id, d.driver_id, d.vehicle_id, d.trailer_id, d.occurred_at,"
    " d.defect_type, d.is_safety_critical, d.detail, d.resolved_at, d.resolved_by, l.created_at,"
    " coalesce((SELECT r.created_at FROM dvir_logs AS r WHERE r.id = d.resolved_by), l.created_at),"
    " c.fleet_ref, c.source_name"
)
_DEFECTS = (
    "dvir_defects AS d JOIN dvir_logs AS l ON l.pk = d.dvir_log_pk LEFT JOIN connections AS c ON c.id = l.connection_id"
)


def _report(row: Row) -> Report:
    return Report(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        bool(row[5]),
        row[6],
        row[7],
        orjson.loads(bytes(row[8])),
        row[9],
        row[10],
        row[11],
    )


def _defect(row: Row) -> DefectRecord:
    head = (row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9])
    detail = None if row[11] is None else orjson.loads(row[11])
    return DefectRecord(*head, bool(row[10]), detail, *row[12:18])


def list_reports(
    dialect: Dialect, asked: ReportFilter, place: Place | None, limit: int
) -> ReadScript[tuple[list[Report], int]]:
    """Reports that match from a place on, newest first, and how many match in all."""
    rows, total = yield from _page(dialect, asked, place, limit, ("l", _REPORT, _REPORTS))
    return [_report(row) for row in rows], total


def list_defects(
    dialect: Dialect, asked: ReportFilter, place: Place | None, limit: int
) -> ReadScript[tuple[list[DefectRecord], int]]:
    """Defects that match from a place on, newest first, and how many match in all."""
    rows, total = yield from _page(dialect, asked, place, limit, ("d", _DEFECT, _DEFECTS))
    return [_defect(row) for row in rows], total


def _page(
    dialect: Dialect, asked: ReportFilter, place: Place | None, limit: int, source: tuple[str, str, str]
) -> ReadScript[tuple[Sequence[Row], int]]:
    alias, columns, tables = source
    arguments = Arguments(dialect)
    where = " AND ".join(_conditions(asked, arguments, alias))
    total = yield Fetch(f"SELECT count(*) FROM {tables} WHERE {where}", tuple(arguments.values))
    is_backwards = place is not None and place.is_backwards
    beyond = ""
    if place is not None:
        beyond = f" AND {alias}.pk {'>' if is_backwards else '<'} {arguments.add(place.pk)}"
    direction = "" if is_backwards else " DESC"
    rows = yield Fetch(
        f"SELECT {columns} FROM {tables} WHERE {where}{beyond} ORDER BY {alias}.pk{direction}"
        f" LIMIT {arguments.add(limit)}",
        tuple(arguments.values),
    )
    return (list(reversed(rows)) if is_backwards else rows), total[0][0]


def _conditions(asked: ReportFilter, arguments: Arguments, alias: str) -> list[str]:
    found = []
    for column, words in (
        ("l.connection_id", asked.connection_ids),
        (f"{alias}.driver_id", asked.driver_ids),
        (f"{alias}.vehicle_id", asked.vehicle_ids),
        (f"{alias}.trailer_id", asked.trailer_ids),
        ("l.log_type", asked.log_types),
        ("l.status", asked.statuses),
        ("d.defect_type", asked.defect_types),
        ("l.id", asked.log_ids),
    ):
        if words is not None:
            found.append(arguments.one_of(column, words))
    if asked.is_safety_critical is not None:
        found.append(f"{alias}.is_safety_critical = {int(asked.is_safety_critical)}")
    if asked.is_open is not None:
        has_open = "d.resolved_at IS NULL" if alias == "d" else f"{_OPEN_COUNT} > 0"
        found.append(has_open if asked.is_open else f"NOT ({has_open})")
    for sign, bound in ((">=", asked.occurred_from), ("<=", asked.occurred_to)):
        if bound is not None:
            found.append(f"{alias}.occurred_at {sign} {arguments.add(bound)}")
    if asked.terminals is not None:
        found.append(of_terminals(arguments, alias, asked.terminals))
    return found or ["1 = 1"]


def find_report(report_id: str) -> ReadScript[Report | None]:
    """One report."""
    rows = yield Fetch(f"SELECT {_REPORT} FROM {_REPORTS} WHERE l.id = $1", (report_id,))
    return _report(rows[0]) if rows else None


def report_as_sent(report_id: str) -> ReadScript[Fields | None]:
    """The fields of a report as it was sent, with the defaults; None when it is gone."""
    rows = yield Fetch("SELECT payload FROM dvir_logs WHERE id = $1", (report_id,))
    return orjson.loads(bytes(rows[0][0])) if rows else None


def of_terminals(arguments: Arguments, alias: str, terminals: frozenset[str]) -> str:
    """The condition that a report's, or a defect's, driver is one of these terminals'."""
    arguments.values.append(list_argument(arguments.dialect, terminals))
    return (
        f"{alias}.driver_id IN (SELECT i.catena_driver_id FROM driver_identities AS i WHERE i.terminal_code IN"
        f" {any_of(arguments.dialect, len(arguments.values))} AND i.catena_driver_id IS NOT NULL)"
    )


def may_write(dialect: Dialect, driver_id: str, terminals: frozenset[str]) -> ReadScript[bool]:
    """Whether a driver is one of these terminals', for writers who are limited to them."""
    rows = yield Fetch(
        "SELECT 1 FROM driver_identities WHERE catena_driver_id = $1"
        f" AND terminal_code IN {any_of(dialect, 2)} LIMIT 1",
        (driver_id, list_argument(dialect, terminals)),
    )
    return bool(rows)


def vehicles_of_unit(name: str) -> ReadScript[list[str]]:
    """The vehicles of Catena's that a power unit is, by the carrier's word."""
    rows = yield Fetch("SELECT vehicle_id FROM catena_vehicles WHERE name = $1 ORDER BY vehicle_id LIMIT 10", (name,))
    return [row[0] for row in rows]
