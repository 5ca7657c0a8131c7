"""All reading routes, and the one that reviews."""

from starlette.routing import BaseRoute, Route

from app.query.answers import Handler, Reading
from app.query.changes import routes as change_routes
from app.query.context import QueryContext
from app.query.detail import list_events, show_violation
from app.query.drivers import list_drivers
from app.query.lists import list_violations, list_violations_of_driver
from app.query.reviews import routes as review_routes
from app.query.stats import show_stats
from app.query.status import show_status

HANDLERS: dict[str, Handler] = {
    "/v1/drivers": list_drivers,
    "/v1/drivers/{driverId}/violations": list_violations_of_driver,
    "/v1/violations": list_violations,
    "/v1/violations/{id}": show_violation,
    "/v1/violations/{id}/events": list_events,
    "/v1/stats": show_stats,
    "/v1/status": show_status,
}
"""Who answers a `GET` of each path."""


def routes(context: QueryContext) -> list[BaseRoute]:
    """The endpoints, working with `context`."""
    found: list[BaseRoute] = [
        Route(path, Reading(context, handler, path), methods=["GET"]) for path, handler in HANDLERS.items()
    ]
    return [*found, *review_routes(context), *change_routes(context, context.watch)]
