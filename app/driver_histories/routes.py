"""The routes of the driverHistories API."""

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
            case "DELETE":
                raise _not_deletable("GET, HEAD, POST, PUT")
            case _:
                return await histories.list_all(request)

    async def one_record(request: Request) -> ASGIApp:
        if request.method == "DELETE":
            raise _not_deletable("GET, HEAD")
        return await histories.one(request)

    return [
        Route(PATH, all_records, methods=["GET", "POST", "PUT", "DELETE"]),
        Route(VEHICLES_DRIVEN, histories.list_vehicles, methods=["GET"]),
        Route(UNIDENTIFIED, histories.list_unidentified, methods=["GET", "POST"]),
        Route(ONE, one_record, methods=["GET", "DELETE"]),
    ]


def _not_deletable(allowed: str) -> Problem:
    return Problem(METHOD_NOT_ALLOWED, DELETE_UNSUPPORTED, headers={"Allow": allowed})
