"""`GET /v1/violations` and `GET /v1/drivers/{driverId}/violations`: what may be asked, and the page that answers."""

from starlette.types import ASGIApp, Scope

from app.keys.schema import ApiKey
from app.maven.faults import find_unstorable
from app.query.context import QueryContext
from app.query.exports import FORMATS, begin_export
from app.query.filters import FILTER_NAMES, read_filter
from app.query.negotiation import JSON, choose
from app.query.pages import envelope, violation_page
from app.query.violations import NEWEST_FIRST, ORDERS
from app.web.answers import Json, header, path_text
from app.web.parameters import invalid_parameter, read_parameters

LIST_PARAMETERS = frozenset([*FILTER_NAMES, "sort", "limit", "cursor"])
DRIVER_PARAMETERS = frozenset(["status", "type", "startTimeFrom", "startTimeTo", "asOf", "limit", "cursor"])

_VARY = [(b"vary", b"accept")]


async def list_violations(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """A page of violations, or all of them as CSV or NDJSON (contract section 5)."""
    media_type = choose(header(scope, "accept"), (JSON, *FORMATS))
    parameters = read_parameters(scope["query_string"], LIST_PARAMETERS)
    asked = read_filter(parameters, key)
    order = ORDERS[parameters.one_of("sort", tuple(ORDERS)) or NEWEST_FIRST]
    if media_type != JSON:
        for name in ("limit", "cursor"):
            if name in parameters:
                raise invalid_parameter(name, f"is for pages; {media_type} has all violations at once.")
        return await begin_export(context, asked, order, FORMATS[media_type])
    cursor = parameters.text("cursor")
    return Json(await violation_page(context, "violations", asked, order, parameters.limit(), cursor), _VARY)


async def list_violations_of_driver(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """A page of one driver's violations, newest first. A driver never heard of has none."""
    driver_id = path_text(scope, "driverId")
    parameters = read_parameters(scope["query_string"], DRIVER_PARAMETERS)
    asked = read_filter(parameters, key, driver_id)
    limit = parameters.limit()
    cursor = parameters.text("cursor")
    if find_unstorable(driver_id):
        return Json(envelope([], None))
    return Json(await violation_page(context, "driver", asked, ORDERS[NEWEST_FIRST], limit, cursor))
