"""Several processes on one PostgreSQL at the same moment: an operation ends once, and none is left behind."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest

from app.db.database import Database, open_database
from app.db.statements import Dialect
from app.dialling.sealing import Seal
from app.dvir_logs.desk import ConnectionDesk
from app.hooks.model import Kind
from app.inspections.connections import Connection, find_connection
from app.inspections.operation import Operation
from app.inspections.operations import Attempted, accept_operation, note_attempt
from app.inspections.schema import read_report
from app.inspections.words import OperationStatus
from tests.databases import PostgresqlDatabases
from tests.dvir_logs.depot import Depot, depot_on, logs_of
from tests.inspections.samples import DRIVER, report

ROUNDS = 25
HERE = Dialect.POSTGRESQL


@pytest.fixture
async def several(postgresql_databases: PostgresqlDatabases) -> AsyncIterator[tuple[Depot, list[Database]]]:
    """A depot, and other processes' connections to its database."""
    with postgresql_databases.fresh() as url:
        others = [await open_database(url) for _ in range(3)]
        try:
            async with depot_on(url) as depot:
                yield depot, others
        finally:
            for one in others:
                await one.close()


async def connected(depot: Depot) -> Connection:
    found = await depot.house.database.read(find_connection(await depot.connect()))
    assert found is not None
    return found


async def accept(database: Database, connection: Connection, *, is_sync: bool) -> Operation | None:
    fields = read_report(json.dumps(report(connection.id)).encode())
    return await database.write(accept_operation(HERE, connection, fields, DRIVER, 1, is_sync=is_sync))


async def test_an_operation_ends_once(several: tuple[Depot, list[Database]]) -> None:
    depot, others = several
    connection = await connected(depot)
    for n in range(ROUNDS):
        operation = await accept(depot.house.database, connection, is_sync=True)
        assert operation is not None
        took = Attempted(1, is_success=True, source_id="1")
        failed = Attempted(1, is_success=False, error_type="interrupted", error_details="x")
        ends = [(took, OperationStatus.SUCCESS), (failed, OperationStatus.FAILED), (took, OperationStatus.SUCCESS)]
        scripts = [note_attempt(HERE, operation.id, attempted, status, 2) for attempted, status in ends]
        await asyncio.gather(*(one.write(script) for one, script in zip(others, scripts, strict=True)))
        shown = await depot.operation({"connection_id": connection.id, "id": operation.id})
        (log,) = logs_of(shown)
        assert shown["status"] == log["status"]
        assert (shown["resource_id"] is None) is (shown["status"] == "failed"), n
    succeeded = await depot.house.database.fetch("SELECT count(*) FROM resource_operations WHERE status = 1")
    assert (await depot.given("GET", "/v2/telematics/dvir-logs"))["total"] == succeeded[0][0]


async def test_none_is_accepted_for_a_connection_that_is_gone(several: tuple[Depot, list[Database]]) -> None:
    depot, others = several
    house = depot.house
    judge_url = partial(house.sender.check, Kind.CONNECTION)
    post_nothing = house.deliverer.forwarder.post_nothing
    desk = ConnectionDesk(others[1], Seal(None), judge_url, post_nothing, house.clock, house.wake.set)
    for _ in range(ROUNDS):
        connection = await connected(depot)
        removing = asyncio.create_task(desk.remove(connection.id))
        while not removing.done():
            await asyncio.gather(*(accept(one, connection, is_sync=False) for one in (others[0], others[2])))
        await removing
    left = await others[0].fetch("SELECT count(*) FROM resource_operations WHERE status = 0")
    assert left[0][0] == 0
    late = await accept(others[0], connection, is_sync=True)
    assert late is None
