"""The routes of the dvir-logs API."""

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from app.dvir_logs import connections, reports, tokens
from app.dvir_logs.connections import Connections
from app.dvir_logs.context import InspectionsContext
from app.dvir_logs.reports import DvirLogs
from app.dvir_logs.tokens import Tokens


def routes(context: InspectionsContext) -> list[BaseRoute]:
    """The endpoints, working with `context`."""
    logs, found = DvirLogs(context), Connections(context)

    async def all_logs(request: Request) -> ASGIApp:
        return await (logs.create if request.method == "POST" else logs.list_all)(request)

    async def all_connections(request: Request) -> ASGIApp:
        return await (found.create if request.method == "POST" else found.list_all)(request)

    return [
        Route(reports.PATH, all_logs, methods=["GET", "POST"]),
        Route(reports.DEFECTS_PATH, logs.list_all_defects, methods=["GET"]),
        Route(reports.OPERATION_PATH, logs.one_operation, methods=["GET"]),
        Route(connections.PATH, all_connections, methods=["GET", "POST"]),
        Route(connections.ONE, found.one, methods=["GET", "PATCH", "DELETE"]),
        Route(connections.TEST, found.test, methods=["POST"]),
        Route(tokens.PATH, Tokens(context).make, methods=["POST"]),
    ]
