"""`/v2/telematics/dvir-logs`, its defects, and the operations by which reports are created (contract section 10).

A report that is accepted is on disk before it is answered, as an operation that always ends. Asynchronous ones are
forwarded by the outbox; a synchronous one is forwarded at once, and nobody tries it again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.db.errors import DatabaseUnavailable
from app.db.statements import ReadScript
from app.dvir_logs.asking import AskedPage, read_page, seal_place
from app.dvir_logs.context import InspectionsContext
from app.dvir_logs.desk import ConnectionNotFound
from app.inspections.connections import Connection
from app.inspections.operation import Operation, find_operation
from app.inspections.operations import Attempted, accept_operation, interrupted, note_attempt
from app.inspections.reading import Place, list_defects, list_reports, may_write
from app.inspections.schema import FIELDS, Fields, WrongReport, read_report, read_uuid
from app.inspections.showing import partner_of, shown_defect, shown_operation, shown_report
from app.inspections.words import ConnectionKind, OperationStatus
from app.keys.schema import ApiKey, Scope
from app.maven.faults import Fault, excerpt, point
from app.web.answering import answering
from app.web.answers import Json
from app.web.bodies import read_json
from app.web.middleware import decode_segment
from app.web.parameters import invalid_parameter, read_parameters
from app.web.problems import NOT_FOUND, Problem

log = structlog.get_logger(__name__)

PATH = "/v2/telematics/dvir-logs"
DEFECTS_PATH = f"{PATH}/defects"
OPERATION_PATH = "/v2/integrations/connections/{connection_id}/resource-operations/{id}"
MAX_BODY_BYTES = 512 * 1024
STOP_SECONDS = 3.0
"""How long a provider is still waited for once the service stops: what runs then is ended after five."""
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class DvirLogs:
    """The endpoints."""

    def __init__(self, context: InspectionsContext) -> None:
        self.context = context

    async def _create(self, key: ApiKey, request: Request) -> ASGIApp:
        """`POST`: creates a report, by an operation."""
        is_sync = _is_sync(request.scope["query_string"])
        context = self.context
        fields = read_report(await read_json(request.scope, request.receive, MAX_BODY_BYTES))
        connection = await context.desk.find(str(fields["connection_id"]))
        _refuse_taken(fields, connection)
        dialect = context.database.dialect
        if key.terminals is not None and not await context.database.read(
            may_write(dialect, str(fields["driver_id"]), key.terminals)
        ):
            raise WrongReport([Fault("/driver_id", "is not known as a driver of your terminals")])
        partner = partner_of(key.name)
        operation = await context.database.write(
            accept_operation(dialect, connection, fields, partner, context.clock(), is_sync=is_sync)
        )
        if operation is None:
            raise ConnectionNotFound(excerpt(connection.id))
        context.on_change()
        log.info("dvir_log.accepted", operation=operation.id, connection=connection.id, sync=is_sync, by=key.name)
        if is_sync:
            # Whatever the client does meanwhile, the operation ends.
            operation = await asyncio.shield(asyncio.create_task(self._finish(connection, operation, fields)))
        body = orjson.dumps(shown_operation(operation, connection))
        return Response(body, 200 if is_sync else 202, media_type="application/json")

    async def _finish(self, connection: Connection, operation: Operation, fields: Fields) -> Operation:
        """Forwards a synchronous operation, and gives it as it ended."""
        context = self.context
        if connection.kind is not ConnectionKind.LOCAL:
            assert connection.hook_pk is not None
            attempted = await self._forward(connection.hook_pk, operation.id, fields)
            status = OperationStatus.SUCCESS if attempted.is_success else OperationStatus.FAILED
            script = note_attempt(context.database.dialect, operation.id, attempted, status, context.clock())
            await context.database.write(script)
            context.on_change()
        found = await context.database.read(find_operation(connection.id, operation.id))
        if found is None:
            raise DatabaseUnavailable("the operation is gone")
        return found

    async def _forward(self, hook_pk: int, operation_id: str, fields: Fields) -> Attempted:
        """One try; given up when the service stops meanwhile, while there is time to say so."""
        context = self.context
        trying = asyncio.ensure_future(context.forward_now(hook_pk, operation_id, fields))
        stopping = asyncio.ensure_future(context.stopping.wait())
        try:
            await asyncio.wait({trying, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({trying}, timeout=STOP_SECONDS)
            return trying.result() if trying.done() else interrupted(context.clock())
        finally:
            for task in (trying, stopping):
                task.cancel()
            await asyncio.gather(trying, stopping, return_exceptions=True)

    async def _one_operation(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET …/resource-operations/{id}`."""
        read_parameters(request.scope["query_string"], ())
        connection_id = decode_segment(request.path_params["connection_id"])
        operation_id = decode_segment(request.path_params["id"])
        context = self.context
        try:
            wanted = read_uuid(connection_id), read_uuid(operation_id)
        except ValueError:
            raise _no_operation(operation_id) from None
        found = await context.database.read(find_operation(*wanted))
        if found is None:
            raise _no_operation(operation_id)
        if key.terminals is not None:
            driver_id = str(orjson.loads(found.payload)["driver_id"])
            if not await context.database.read(may_write(context.database.dialect, driver_id, key.terminals)):
                raise _no_operation(operation_id)
        connection = await context.desk.find_or_none(found.connection_id)
        return Json(orjson.dumps(shown_operation(found, connection)))

    async def _list(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET`: reports, newest first."""
        return await self._page(key, request, list_reports, shown_report, is_of_defects=False)

    async def _list_defects(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET defects`: defects, newest first."""
        return await self._page(key, request, list_defects, shown_defect, is_of_defects=True)

    async def _page(
        self,
        key: ApiKey,
        request: Request,
        find: Callable[..., ReadScript[tuple[Sequence[Any], int]]],
        show: Callable[[Any], dict[str, object]],
        *,
        is_of_defects: bool,
    ) -> ASGIApp:
        context = self.context
        asked = read_page(request.scope["query_string"], key, context.cursors, is_of_defects=is_of_defects)
        database = context.reads
        found, total = await database.read(find(database.dialect, asked.filter, asked.place, asked.size + 1))
        return Json(orjson.dumps(self._envelope(asked, found, total, show)))

    def _envelope(
        self, asked: AskedPage, found: Sequence[Any], total: int, show: Callable[[Any], dict[str, object]]
    ) -> dict[str, object]:
        is_backwards = asked.place is not None and asked.place.is_backwards
        has_more = len(found) > asked.size
        items = (found[1:] if is_backwards else found[: asked.size]) if has_more else found
        cursors, purpose = self.context.cursors, asked.purpose

        def cursor(place: Place) -> str:
            return seal_place(cursors, purpose, place)

        has_next = bool(items) and (is_backwards or has_more)
        has_previous = bool(items) and asked.place is not None and (has_more or not is_backwards)
        return {
            "items": [show(one) for one in items],
            "total": total,
            "current_page": None if asked.place is None else cursor(asked.place),
            "current_page_backwards": cursor(Place(items[-1].pk - 1, is_backwards=True)) if items else None,
            "previous_page": cursor(Place(items[0].pk, is_backwards=True)) if has_previous else None,
            "next_page": cursor(Place(items[-1].pk)) if has_next else None,
        }

    create = answering(Scope.DVIR_WRITE, PATH, _create)
    one_operation = answering(Scope.DVIR_READ, OPERATION_PATH, _one_operation)
    list_all = answering(Scope.DVIR_READ, PATH, _list)
    list_all_defects = answering(Scope.DVIR_READ, DEFECTS_PATH, _list_defects)


def _is_sync(query_string: bytes) -> bool:
    """Whether somebody waits for the provider; a boolean in any of the ways in which clients write one."""
    word = read_parameters(query_string, ("is_sync",)).text("is_sync")
    if word is None:
        return False
    for value, words in ((True, _TRUE), (False, _FALSE)):
        if word.lower() in words:
            return value
    raise invalid_parameter("is_sync", f"must be true or false, not {excerpt(word)}.")


def _refuse_taken(fields: Fields, connection: Connection) -> None:
    """Refuses a further field that has a name which the connection gives to one of the page's."""
    given = {new: name for name, new in connection.mapping.items() if name in fields}
    taken = [
        Fault(point([name]), f"is the name that the connection gives to {given[name]}: send it by another")
        for name in fields
        if name not in FIELDS and name in given
    ]
    if taken:
        raise WrongReport(taken)


def _no_operation(operation_id: str) -> Problem:
    return Problem(NOT_FOUND, f"There is no operation with the id {excerpt(operation_id)} at this connection.")
