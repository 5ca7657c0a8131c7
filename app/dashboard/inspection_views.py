"""What pages show of inspections, read on one snapshot each: of all vehicles, of one, and of a violation's power unit.

Owns which reads make up a page, and that a visitor who is limited to terminals is shown what drivers of theirs
reported; how the reads are written is left to `inspections.overview`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.db.statements import Dialect, ReadScript
from app.inspections.overview import (
    Inspection,
    NamedDriver,
    NamedVehicle,
    OpenCounts,
    SeenDefect,
    Subject,
    Unforwarded,
    count_open,
    defects_of,
    list_inspections,
    list_open,
    list_unforwarded,
    name_drivers,
    name_vehicles,
)
from app.inspections.reading import vehicles_of_unit
from app.keys.schema import ApiKey, Scope
from app.violations.telling import one_line

DEFECTS_PER_PAGE = 25
INSPECTIONS_PER_PAGE = 25
DEFECTS_OF_VEHICLE = 100
DEFECTS_OF_UNIT = 10


@dataclass(frozen=True, slots=True)
class Names:
    """What vehicles and drivers are called, as far as it is known, by Catena's ids."""

    drivers: Mapping[str, NamedDriver]
    vehicles: Mapping[str, NamedVehicle]

    def vehicle(self, vehicle_id: str) -> str | None:
        """The carrier's name of a vehicle or trailer, in one line."""
        found = self.vehicles.get(vehicle_id)
        return None if found is None else one_line(found.name, 40)

    def driver(self, driver_id: str) -> str | None:
        """A driver's name, else Maven's id, in one line."""
        found = self.drivers.get(driver_id)
        return None if found is None else one_line(found.name, 60) or one_line(found.driver_id, 60)

    def page_of(self, driver_id: str) -> str | None:
        """Maven's id of a driver, whose page is known by it."""
        found = self.drivers.get(driver_id)
        return None if found is None else found.driver_id

    def terminal(self, driver_id: str) -> str | None:
        """A driver's terminal, by whose clocks times are told."""
        found = self.drivers.get(driver_id)
        return None if found is None else found.terminal_code


@dataclass(frozen=True, slots=True)
class InspectionsView:
    """All inspections: a page of the open defects and a page of the latest reports."""

    counts: OpenCounts
    defects: list[SeenDefect]
    has_more_defects: bool
    inspections: list[Inspection]
    has_more: bool
    unforwarded: list[Unforwarded]
    names: Names


@dataclass(frozen=True, slots=True)
class VehicleView:
    """One vehicle or trailer: its open defects and a page of its reports."""

    name: str | None
    counts: OpenCounts
    defects: list[SeenDefect]
    inspections: list[Inspection]
    has_more: bool
    unforwarded: list[Unforwarded]
    names: Names


@dataclass(frozen=True, slots=True)
class UnitView:
    """A violation's power unit: its vehicles, the last inspection and the first open defects."""

    vehicles: tuple[str, ...]
    """Empty when nothing is linked to it."""
    last: Inspection | None
    defects: list[SeenDefect]
    has_more: bool
    names: Names


def read_inspections(
    dialect: Dialect, key: ApiKey, page: int, defects_page: int, now: int, *, is_critical: bool
) -> ReadScript[InspectionsView]:
    """The page of all inspections; of open defects safety-critical ones alone, if asked."""
    subject = Subject(terminals=key.terminals)
    counts = yield from count_open(dialect, subject)
    critical = replace(subject, is_critical=is_critical)
    first = (defects_page - 1) * DEFECTS_PER_PAGE
    defects = yield from list_open(dialect, critical, DEFECTS_PER_PAGE + 1, first)
    reports = yield from list_inspections(dialect, subject, INSPECTIONS_PER_PAGE + 1, (page - 1) * INSPECTIONS_PER_PAGE)
    unforwarded = yield from list_unforwarded(dialect, now)
    names = yield from _names(dialect, defects, reports, unforwarded)
    return InspectionsView(
        counts,
        defects[:DEFECTS_PER_PAGE],
        len(defects) > DEFECTS_PER_PAGE,
        reports[:INSPECTIONS_PER_PAGE],
        len(reports) > INSPECTIONS_PER_PAGE,
        _seen(key, unforwarded, names),
        names,
    )


def read_vehicle(dialect: Dialect, key: ApiKey, vehicle_id: str, page: int, now: int) -> ReadScript[VehicleView | None]:
    """The page of a vehicle or trailer; None when the visitor sees nothing of it."""
    subject = Subject(terminals=key.terminals, vehicles=(vehicle_id,))
    counts = yield from count_open(dialect, subject)
    defects = yield from list_open(dialect, subject, DEFECTS_OF_VEHICLE)
    reports = yield from list_inspections(dialect, subject, INSPECTIONS_PER_PAGE + 1, (page - 1) * INSPECTIONS_PER_PAGE)
    shown = yield from _with_defects(dialect, reports[:INSPECTIONS_PER_PAGE])
    every = yield from list_unforwarded(dialect, now)
    of_it = [one for one in every if vehicle_id in (one.fields.get("vehicle_id"), one.fields.get("trailer_id"))]
    names = yield from _names(dialect, defects, shown, of_it, (vehicle_id,))
    unforwarded = _seen(key, of_it, names)
    named = names.vehicles.get(vehicle_id)
    is_own = named is not None and (key.terminals is None or named.terminal_code in key.terminals)
    if not (shown or defects or unforwarded or is_own) and not (yield from _has_reports(dialect, subject, page)):
        return None
    has_more = len(reports) > INSPECTIONS_PER_PAGE
    return VehicleView(names.vehicle(vehicle_id), counts, defects, shown, has_more, unforwarded, names)


def read_unit(dialect: Dialect, key: ApiKey, unit: str | None) -> ReadScript[UnitView | None]:
    """A violation's power unit; None for a visitor who may not see inspections."""
    if not key.may(Scope.DVIR_READ):
        return None
    vehicles = () if unit is None else tuple((yield from vehicles_of_unit(unit)))
    if not vehicles:
        return UnitView((), None, [], has_more=False, names=Names({}, {}))
    subject = Subject(terminals=key.terminals, vehicles=vehicles)
    reports = yield from list_inspections(dialect, subject, 1)
    defects = (yield from list_open(dialect, subject, DEFECTS_OF_UNIT + 1)) if reports else []
    names = yield from _names(dialect, defects, reports, (), vehicles)
    return UnitView(
        vehicles,
        reports[0] if reports else None,
        defects[:DEFECTS_OF_UNIT],
        has_more=len(defects) > DEFECTS_OF_UNIT,
        names=names,
    )


def _with_defects(dialect: Dialect, reports: list[Inspection]) -> ReadScript[list[Inspection]]:
    found = yield from defects_of(dialect, reports)
    return [replace(one, defects=found.get(one.pk, ())) for one in reports]


def _has_reports(dialect: Dialect, subject: Subject, page: int) -> ReadScript[bool]:
    """Whether there are reports before a page that has none."""
    return page > 1 and bool((yield from list_inspections(dialect, subject, 1)))


def _seen(key: ApiKey, unforwarded: Iterable[Unforwarded], names: Names) -> list[Unforwarded]:
    """Those that the visitor may see: all, or those of drivers of their terminals."""
    if key.terminals is None:
        return list(unforwarded)
    return [one for one in unforwarded if names.terminal(str(one.fields["driver_id"])) in key.terminals]


def _names(
    dialect: Dialect,
    defects: Iterable[SeenDefect],
    reports: Iterable[Inspection],
    unforwarded: Iterable[Unforwarded],
    vehicles: Iterable[str] = (),
) -> ReadScript[Names]:
    seen: list[tuple[object, object, object]] = [(one.driver_id, one.vehicle_id, one.trailer_id) for one in defects]
    seen += [(one.driver_id, one.vehicle_id, one.trailer_id) for one in reports]
    seen += [
        (one.fields["driver_id"], one.fields.get("vehicle_id"), one.fields.get("trailer_id")) for one in unforwarded
    ]
    of_vehicles = {one for _, *both in seen for one in both if isinstance(one, str)} | set(vehicles)
    drivers = yield from name_drivers(dialect, {one for one, *_ in seen if isinstance(one, str)})
    return Names(drivers, (yield from name_vehicles(dialect, of_vehicles)))
