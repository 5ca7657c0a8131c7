"""`/api/v2/driverHistories` and what is under it (contract section 10; VisTracks' driverHistories page).

Arrays in, arrays out: an array is kept whole, durably, before it is answered, or refused whole with each item and field
that is wrong. Nothing is deleted here. What a query means is left to `asking`, what a record may hold to `duty_log`.
"""

import asyncio
from collections.abc import AsyncGenerator

import orjson
import structlog
from starlette.requests import Request
from starlette.types import ASGIApp

from app.db.statements import Fetch, Row
from app.driver_histories.asking import (
    UNIDENTIFIED_PARAMETERS,
    AskedRecords,
    read_asked,
    read_asked_unidentified,
    read_users,
)
from app.driver_histories.bodies import parameters_of
from app.driver_histories.context import HistoriesContext
from app.duty_log.reading import list_records, one_record, vehicles_driven
from app.duty_log.schema import Fields, given_out, read_records
from app.duty_log.terms import Terms, unknown_record
from app.duty_log.writing import edit_records, keep_records
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.web.answering import answering
from app.web.answers import Json
from app.web.bodies import read_json
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters
from app.web.problems import NOT_FOUND, Problem
from app.web.streaming import Streamed

log = structlog.get_logger(__name__)

PATH = "/api/v2/driverHistories"
ONE = f"{PATH}/{{id}}"
VEHICLES_DRIVEN = f"{PATH}/meta/vehiclesDriven"
UNIDENTIFIED = f"{PATH}/meta/unidentifiedDrivingEvents"

AT_ONCE = 1000
"""Records that are answered from memory; what is more is streamed."""

CHUNK = 500
_JSON = ((b"content-type", b"application/json"),)
_VEHICLES = "Vehicles Driven"


class DriverHistories:
    """The endpoints."""

    def __init__(self, context: HistoriesContext) -> None:
        self.context = context

    async def _list(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET`: the records that match, all of them unless there is a limit."""
        return await self._answer_list(read_asked(request.scope["query_string"], key))

    async def _answer_list(self, asked: AskedRecords) -> ASGIApp:
        database = self.context.reads
        at_once = AT_ONCE + 1 if asked.limit is None else min(asked.limit, AT_ONCE + 1)
        statement = self._statement(asked, at_once)
        some = await database.fetch(statement.sql, *statement.args)
        if len(some) <= AT_ONCE:
            return Json(b"[" + b",".join(given_out(bytes(row[0])) for row in some) + b"]")
        pieces = self._pieces(self._statement(asked, asked.limit))
        first = await anext(pieces)
        context = self.context
        return Streamed(
            pieces, first, _JSON, lambda scope: context.authenticate(scope, KeyScope.LOG_READ), context.stopping
        )

    def _statement(self, asked: AskedRecords, limit: int | None) -> Fetch:
        dialect = self.context.database.dialect
        return list_records(dialect, asked.filter, asked.orders, offset=asked.offset, limit=limit)

    async def _pieces(self, statement: Fetch) -> AsyncGenerator[bytes, None]:
        chunks = self.context.reads.stream(statement.sql, *statement.args, chunk=CHUNK)
        before = b"["
        try:
            async for rows in chunks:
                yield before + b",".join(given_out(bytes(row[0])) for row in rows)
                before = b","
            yield b"[]" if before == b"[" else b"]"
        finally:
            if isinstance(chunks, AsyncGenerator):  # lets go of the snapshot at once
                await chunks.aclose()

    async def _post(self, key: ApiKey, request: Request) -> ASGIApp:
        """`POST`: keeps an array of new records."""
        return await self._write(key, request, is_edit=False)

    async def _put(self, key: ApiKey, request: Request) -> ASGIApp:
        """`PUT`: edits the records of an array; each gets a further version."""
        return await self._write(key, request, is_edit=True)

    async def _write(self, key: ApiKey, request: Request, *, is_edit: bool) -> ASGIApp:
        read_parameters(request.scope["query_string"], ())
        context = self.context
        body = await read_json(request.scope, request.receive, context.max_body_bytes)
        async with context.turns.turn():
            records: list[Fields] = []
            for some in read_records(body, is_edit=is_edit, is_strict=context.is_strict):
                records += some
                await asyncio.sleep(0)  # others get their turn between
            terms = Terms(context.clock(), context.account_id, context.is_strict, key.terminals)
            script = (edit_records if is_edit else keep_records)(context.database.dialect, records, terms)
            shown = await context.database.write(script)
        context.metrics.records_written("edit" if is_edit else "new", len(shown))
        if is_edit:
            log.info("duty_log.edited", records=len(shown), by=key.name)
        else:
            log.info("duty_log.kept", records=len(shown), by=key.name)
        return Json(b"[" + b",".join(map(given_out, shown)) + b"]")

    async def _one(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET /{id}`: one version of a record."""
        read_parameters(request.scope["query_string"], ())
        text = decode_segment(request.path_params["id"])
        rows: list[Row] = []
        if text.isascii() and text.isdigit() and len(text) <= 18:
            statement = one_record(self.context.database.dialect, int(text), key.terminals)
            rows = list(await self.context.reads.fetch(statement.sql, *statement.args))
        if not rows:
            raise Problem(NOT_FOUND, unknown_record(text))
        return Json(given_out(bytes(rows[0][0])))

    async def _list_vehicles(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET meta/vehiclesDriven`."""
        users = read_users(request.scope["query_string"])
        statement = vehicles_driven(self.context.database.dialect, users, key.terminals)
        rows = await self.context.reads.fetch(statement.sql, *statement.args)
        return Json(orjson.dumps({_VEHICLES: [row[0] for row in rows]}))

    async def _list_unidentified(self, key: ApiKey, request: Request) -> ASGIApp:
        """`GET` and `POST meta/unidentifiedDrivingEvents`; a body may have what a query string would have."""
        parameters = await parameters_of(request, UNIDENTIFIED_PARAMETERS)
        return await self._answer_list(read_asked_unidentified(parameters, key))

    list_all = answering(KeyScope.LOG_READ, PATH, _list)
    post = answering(KeyScope.LOG_WRITE, PATH, _post)
    put = answering(KeyScope.LOG_WRITE, PATH, _put)
    one = answering(KeyScope.LOG_READ, ONE, _one)
    list_vehicles = answering(KeyScope.LOG_READ, VEHICLES_DRIVEN, _list_vehicles)
    list_unidentified = answering(KeyScope.LOG_READ, UNIDENTIFIED, _list_unidentified)
