"""`GET /inspections` and `GET /vehicles/{vehicleId}`: open defects and reports, for keys that may see them."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.inspection_views import DEFECTS_PER_PAGE, INSPECTIONS_PER_PAGE, read_inspections, read_vehicle
from app.dashboard.pages import html, render_page
from app.inspections.overview import FAILED_SINCE, Inspection
from app.inspections.schema import read_uuid
from app.maven.faults import excerpt
from app.maven.times import DAY
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters
from app.web.problems import FORBIDDEN, NOT_FOUND, Problem

MOST_PAGES = 100_000
UNFORWARDED_SHOWN = 10


async def show_inspections(context: DashboardContext, visitor: Visitor, request: Request) -> Response:
    """The page of all vehicles."""
    _admit(visitor)
    parameters = read_parameters(request.scope["query_string"], ("page", "defects", "is_safety_critical"))
    page = parameters.integer("page", 1, MOST_PAGES) or 1
    defects_page = parameters.integer("defects", 1, MOST_PAGES) or 1
    is_critical = parameters.boolean("is_safety_critical") or False
    now, dialect = context.clock(), context.database.dialect
    script = read_inspections(dialect, visitor.key, page, defects_page, now, is_critical=is_critical)
    view = await context.database.read(script)
    text = render_page(
        "inspections.html",
        context,
        visitor,
        here="inspections",
        view=view,
        now=now,
        page=page,
        per_page=INSPECTIONS_PER_PAGE,
        defects_page=defects_page,
        defects_per_page=DEFECTS_PER_PAGE,
        is_critical=is_critical,
        address=_address,
        most_unforwarded=UNFORWARDED_SHOWN,
        failed_days=FAILED_SINCE // DAY,
    )
    return html(request, text)


async def show_vehicle(context: DashboardContext, visitor: Visitor, request: Request) -> Response:
    """The page of one vehicle or trailer, by Catena's id."""
    _admit(visitor)
    asked = decode_segment(request.path_params["vehicleId"])
    parameters = read_parameters(request.scope["query_string"], ("page",))
    page = parameters.integer("page", 1, MOST_PAGES) or 1
    try:
        vehicle_id = read_uuid(asked)
    except ValueError:
        raise _unknown_vehicle(asked) from None
    now, database = context.clock(), context.database
    view = await database.read(read_vehicle(database.dialect, visitor.key, vehicle_id, page, now))
    if view is None:
        raise _unknown_vehicle(asked)
    text = render_page(
        "vehicle.html",
        context,
        visitor,
        vehicle_id=vehicle_id,
        kind=_kind_of(vehicle_id, view.inspections),
        view=view,
        now=now,
        page=page,
        most_unforwarded=UNFORWARDED_SHOWN,
        failed_days=FAILED_SINCE // DAY,
    )
    return html(request, text)


def _admit(visitor: Visitor) -> None:
    if not visitor.may_see_inspections:
        raise Problem(FORBIDDEN, "Inspections are shown to keys with the scope dvir:read, which yours lacks.")


def _address(page: int, defects_page: int, is_critical: bool) -> str:
    """The address of a page of both lists."""
    asked = {
        "is_safety_critical": "true" if is_critical else None,
        "defects": defects_page if defects_page > 1 else None,
        "page": page if page > 1 else None,
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"/inspections?{query}" if query else "/inspections"


def _unknown_vehicle(vehicle_id: str) -> Problem:
    return Problem(NOT_FOUND, f"There is no vehicle or trailer with the id {excerpt(vehicle_id)}.")


def _kind_of(vehicle_id: str, inspections: list[Inspection]) -> str:
    """What reports call it."""
    is_trailer = any(one.trailer_id == vehicle_id for one in inspections)
    return "Trailer" if is_trailer and all(one.vehicle_id != vehicle_id for one in inspections) else "Vehicle"
