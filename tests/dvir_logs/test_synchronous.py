"""Reports that somebody waits for: tried once and at once, and ended whatever the provider or the client does."""

import asyncio
import json

import pytest

from app.alerts.chores import INTERRUPTED_AFTER
from app.inspections.connections import find_connection
from app.inspections.operations import INTERRUPTED, Attempted, accept_operation, note_attempt
from app.inspections.schema import read_report
from app.inspections.words import OperationStatus
from tests.alerts.alerted import eventually
from tests.dialling.answering import Request, answering, http, saying, silent
from tests.dvir_logs.depot import LOGS, Depot, depot_on, logs_of, taken
from tests.inspections.samples import DRIVER, report

SECOND = 1_000_000


@pytest.mark.parametrize("status", [302, 404, 429, 503])
async def test_it_is_tried_once(depot: Depot, status: int) -> None:
    async with answering(saying(http(status), taken("late"))) as provider:
        connection = await depot.connect(provider.url)
        shown = await depot.send(connection, is_sync=True)
        async with depot.house.delivering():
            depot.house.clock.pass_by(90_000)
            assert (await depot.ended(await depot.send(connection)))["status"] == "success"
    assert shown["status"] == "failed"
    (log,) = logs_of(shown)
    assert log["response_status_code"] == status
    assert await depot.operation(shown) == shown
    assert len(provider.asked) == 2


@pytest.mark.parametrize("is_sync", [True, False])
async def test_what_is_noted_is_all_that_was_posted(depot: Depot, is_sync: bool) -> None:
    """Over a connection that was kept, and which the provider closes without an answer, it is not sent again unseen."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        if request.number == 1:
            return False
        writer.write(taken(f"n-{request.number}"))
        return True

    async with answering(reply) as provider:
        connection = await depot.connect(provider.url)
        assert (await depot.send(connection, is_sync=True))["source_id"] == "n-0"
        shown = await depot.send(connection, is_sync=is_sync)
        if is_sync:
            assert shown["status"] == "failed"
        else:
            async with depot.house.delivering():
                await eventually(lambda: len(provider.asked) == 2, "it was tried")
                depot.house.clock.pass_by(90)
                shown = await depot.ended(shown)
            assert shown["source_id"] == "n-2"
    keys = [request.headers["idempotency-key"] for request in provider.asked]
    assert keys.count(str(shown["id"])) == len(logs_of(shown)) == (1 if is_sync else 2)


async def test_a_provider_that_says_nothing_in_time(depot: Depot) -> None:
    async with answering(silent) as provider:
        shown = await depot.send(await depot.connect(provider.url), is_sync=True)
    (log,) = logs_of(shown)
    assert (shown["status"], log["error_type"], log["response_status_code"]) == ("failed", "timeout", None)


async def test_a_slow_provider_is_waited_for_less_than_ten_seconds(sqlite_url: str) -> None:
    async with depot_on(sqlite_url) as depot, answering(silent) as provider:
        connection = await depot.connect(provider.url)
        async with asyncio.timeout(10):
            shown = await depot.send(connection, is_sync=True)
        (log,) = logs_of(shown)
        assert (shown["status"], log["error_type"]) == ("failed", "timeout")
        assert "whether it has the report is not known" in str(log["error_details"])


async def test_a_client_that_goes_away(depot: Depot) -> None:
    asked, answer_now = asyncio.Event(), asyncio.Event()

    async def slow(request: Request, writer: asyncio.StreamWriter) -> bool:
        asked.set()
        await answer_now.wait()
        writer.write(taken("kept"))
        return True

    async with answering(slow) as provider:
        connection = await depot.connect(provider.url)
        client = asyncio.create_task(depot.ask("POST", f"{LOGS}?is_sync=true", report(connection)))
        await asked.wait()
        client.cancel()
        await asyncio.gather(client, return_exceptions=True)
        rows = await depot.house.database.fetch("SELECT id FROM resource_operations")
        sent = {"connection_id": connection, "id": rows[0][0]}
        assert (await depot.operation(sent))["status"] == "pending"
        answer_now.set()
        shown = await depot.ended(sent)
    assert (shown["status"], shown["source_id"]) == ("success", "kept")
    assert len(await depot.items()) == 1


async def test_what_was_interrupted_ends(depot: Depot) -> None:
    """A process that died leaves its synchronous operation as this one is: accepted, and tried by nobody."""
    house = depot.house
    connection_id = await depot.connect()
    connection = await house.database.read(find_connection(connection_id))
    assert connection is not None
    fields = read_report(json.dumps(report(connection_id)).encode())
    dialect = house.database.dialect
    accepted = await house.database.write(
        accept_operation(dialect, connection, fields, DRIVER, house.clock(), is_sync=True)
    )
    assert accepted is not None
    sent = {"connection_id": connection_id, "id": accepted.id}
    await house.chores.end_interrupted()
    assert (await depot.operation(sent))["status"] == "pending"
    waits = await depot.send(connection_id)
    house.clock.pass_by(INTERRUPTED_AFTER / SECOND + 1)
    await house.chores.work()
    shown = await depot.operation(sent)
    (log,) = logs_of(shown)
    assert (shown["status"], log["error_type"], log["error_details"]) == ("failed", "interrupted", INTERRUPTED)
    assert (await depot.operation(waits))["status"] == "pending"  # the outbox tries that one
    late = Attempted(house.clock(), is_success=True, source_id="late")
    await house.database.write(note_attempt(dialect, accepted.id, late, OperationStatus.SUCCESS, house.clock()))
    await house.chores.end_interrupted()
    assert await depot.operation(sent) == shown
    assert await depot.items() == []
