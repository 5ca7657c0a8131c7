"""`/v2/integrations/connections`: where inspections go; for admin keys that are not limited to terminals."""

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.dvir_logs.context import InspectionsContext
from app.inspections.connection_schema import ConnectionChanges, NewConnection, read_connection
from app.inspections.connections import Connection
from app.inspections.showing import shown_connection
from app.keys.schema import ApiKey, Scope
from app.web.answering import answering
from app.web.answers import Json
from app.web.bodies import read_json
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters
from app.web.problems import FORBIDDEN, Problem

log = structlog.get_logger(__name__)

PATH = "/v2/integrations/connections"
ONE = f"{PATH}/{{connection_id}}"
TEST = f"{ONE}/test"
MAX_BODY_BYTES = 64 * 1024


class Connections:
    """The endpoints."""

    def __init__(self, context: InspectionsContext) -> None:
        self.context = context

    async def _shown(self, connection: Connection) -> dict[str, object]:
        return shown_connection(connection, await self.context.desk.shown_url(connection))

    async def _list(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET`: all of them, in the order they were made."""
        _admit(key)
        read_parameters(request.scope["query_string"], ())
        found = await self.context.desk.list_all()
        shown = [await self._shown(one) for one in found]
        return Json(orjson.dumps({"items": shown, "total": len(shown), "next_page": None}))

    async def _create(self, key: ApiKey, request: Request) -> ASGIApp:
        """`POST`: makes one."""
        _admit(key)
        read_parameters(request.scope["query_string"], ())
        asked = read_connection(NewConnection, await read_json(request.scope, request.receive, MAX_BODY_BYTES))
        made = await self.context.desk.create(asked)
        log.info("connection.created", connection=made.id, name=made.name, kind=made.kind.word, by=key.name)
        headers = {"Location": f"{PATH}/{made.id}"}
        return Response(orjson.dumps(await self._shown(made)), 201, headers, media_type="application/json")

    async def _one(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET`, `PATCH` and `DELETE` of one."""
        _admit(key)
        read_parameters(request.scope["query_string"], ())
        connection_id = decode_segment(request.path_params["connection_id"])
        desk = self.context.desk
        if request.method == "DELETE":
            await desk.remove(connection_id)
            log.info("connection.removed", connection=connection_id, by=key.name)
            return Response(status_code=204)
        if request.method == "PATCH":
            await desk.find(connection_id)
            asked = read_connection(ConnectionChanges, await read_json(request.scope, request.receive, MAX_BODY_BYTES))
            changed = await desk.change(connection_id, asked)
            fields = sorted(asked.model_fields_set)
            log.info("connection.changed", connection=changed.id, fields=fields, by=key.name)
            return Json(orjson.dumps(await self._shown(changed)))
        return Json(orjson.dumps(await self._shown(await desk.find(connection_id))))

    async def _test(self, key: ApiKey, request: Request) -> ASGIApp:
        """`POST …/test`: posts an empty object to the provider."""
        _admit(key)
        read_parameters(request.scope["query_string"], ())
        tested = await self.context.desk.test(decode_segment(request.path_params["connection_id"]))
        return Json(
            orjson.dumps(
                {
                    "is_reachable": tested.is_reachable,
                    "response_status_code": tested.response_status,
                    "detail": tested.detail,
                    "seconds": round(tested.seconds, 3),
                }
            )
        )

    list_all = answering(Scope.ADMIN, PATH, _list)
    create = answering(Scope.ADMIN, PATH, _create)
    one = answering(Scope.ADMIN, ONE, _one)
    test = answering(Scope.ADMIN, TEST, _test)


def _admit(key: ApiKey) -> None:
    if key.terminals is not None:
        raise Problem(FORBIDDEN, "Connections are for all terminals; this key is limited to some.")
