"""The routes of the driverHistories API."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from app.driver_histories.context import HistoriesContext
from app.driver_histories.endpoints import ONE, PATH, UNIDENTIFIED, VEHICLES_DRIVEN, DriverHistories
from app.duty_log.terms import DELETE_UNSUPPORTED
from app.web.problems import METHOD_NOT_ALLOWED, Problem


def routes(context: HistoriesContext) -> list[BaseRoute]:
    """The endpoints, working with `context`."""
    histories = DriverHistories(context)

    async def all_records(request: Request) -> ASGIApp:
        match request.method:
            case "POST":
                return await histories.post(request)
            case "PUT":
                return await histories.put(request)
            case _:
                return await histories.list_all(request)

    answered = [
        Route(PATH, all_records, methods=["GET", "POST", "PUT"]),
        Route(VEHICLES_DRIVEN, histories.list_vehicles, methods=["GET"]),
        Route(UNIDENTIFIED, histories.list_unidentified, methods=["GET", "POST"]),
        Route(ONE, histories.one, methods=["GET"]),
    ]
    # The vendor's own sentence, for what is no method of any of them.
    return [*answered, *(Route(one.path, _refuse_to_delete(one), methods=["DELETE"]) for one in answered)]


def _refuse_to_delete(route: Route) -> Callable[[Request], Awaitable[ASGIApp]]:
    allowed = ", ".join(sorted(route.methods or ()))

    async def refuse(request: Request) -> ASGIApp:
        raise Problem(METHOD_NOT_ALLOWED, DELETE_UNSUPPORTED, headers={"Allow": allowed})

    return refuse
