"""The worker: what is owed is delivered, in order, to receivers of every temper, and nobody waits for another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.dialling.client import Patience
from app.outbox.model import Status
from tests.alerts.alerted import House, alerting_on, created, eventually, invalidated, told_of, verified
from tests.dialling.answering import Request, answering, http, saying, silent

OK = http(200)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with alerting_on(database_url, patience=Patience(total_seconds=1.0)) as house:
        yield house


async def test_a_change_is_told_signed_and_as_it_was(house: House) -> None:
    async with answering(saying(http(204))) as server:
        hook, secret = await house.hook(server.url)
        async with house.delivering():
            await house.keep(created("v1", driverName="Åsa <b>"))
            (record,) = await house.ended(hook, 1)
    assert (record.status, record.response_status, record.attempts) == (Status.SUCCEEDED, 204, 1)
    (request,) = server.asked
    message = verified(request, secret)
    assert message["type"] == "violation.created"
    assert message["data"]["driverName"] == "Åsa <b>"  # type: ignore[index]
    assert message["data"]["status"] == "active"  # type: ignore[index]
    assert request.headers["content-type"] == "application/json"
    assert house.metrics.attempts == [("webhook", "succeeded")]


async def test_changes_of_one_violation_come_in_their_order(house: House) -> None:
    async with answering(saying(OK)) as server:
        hook, _ = await house.hook(server.url)
        async with house.delivering():
            await house.keep(*(created(f"v{n}") for n in range(20)))
            await house.keep(*(invalidated(f"v{n}") for n in range(20)))
            for n in range(20):
                await house.keep(created(f"v{n}", eventTime="2024-01-03T00:00:00Z"))
            await house.ended(hook, 60)
    told = told_of(server.asked)
    for n in range(20):
        assert [what for which, what in told if which == f"v{n}"] == ["created", "invalidated", "reopened"]
    assert len({request.headers["webhook-id"] for request in server.asked}) == 60


async def test_a_failed_delivery_is_tried_again_with_the_same_id_and_body(house: House) -> None:
    async with answering(saying(http(500), http(302, b"", "Location: http://169.254.169.254/"), OK)) as server:
        hook, _ = await house.hook(server.url)
        async with house.delivering():
            await house.keep(created("v1"))
            await eventually(lambda: len(server.asked) == 1, "the first try")
            await eventually(lambda: _tried(house, 1), "the first try is noted")
            house.clock.pass_by(5.1)
            await eventually(lambda: len(server.asked) == 2, "the second try")
            await eventually(lambda: _tried(house, 2), "the second try is noted")
            house.clock.pass_by(300.1)
            (record,) = await house.ended(hook, 1)
    assert (record.status, record.attempts) == (Status.SUCCEEDED, 3)
    assert [failure["responseStatus"] for failure in record.failures] == [500, 302]
    assert len({request.headers["webhook-id"] for request in server.asked}) == 1
    assert len({request.body for request in server.asked}) == 1


async def _tried(house: House, times: int) -> bool:
    rows = await house.database.fetch("SELECT max(attempts) FROM deliveries")
    return bool(rows[0][0] == times)


async def test_what_comes_after_a_failed_delivery_of_a_violation_waits_for_it(house: House) -> None:
    async with answering(saying(http(503), OK)) as server:
        hook, _ = await house.hook(server.url)
        async with house.delivering():
            await house.keep(created("v1"))
            await eventually(lambda: _tried(house, 1), "the first try is noted")
            await house.keep(invalidated("v1"), created("v2"))
            await eventually(lambda: len(server.asked) == 2, "another violation is told")
            assert told_of(server.asked) == [("v1", "created"), ("v2", "created")]
            house.clock.pass_by(5.1)
            await house.ended(hook, 3)
    assert told_of(server.asked)[2:] == [("v1", "created"), ("v1", "invalidated")]


async def test_gone_disables_at_once_and_what_is_missed_is_kept(house: House) -> None:
    async with answering(saying(http(410), OK)) as server:
        hook, _ = await house.hook(server.url)
        async with house.delivering():
            await house.keep(created("v1"))
            (record,) = await house.ended(hook, 1)
            assert record.status is Status.FAILED
            await house.keep(created("v2"))
            await eventually(lambda: house.metrics.disabled == ["webhook"], "the hook is disabled")
            found = await house.desk.find(hook.id)
            assert (found.disabled_reason, len(server.asked)) == ("The receiver answered 410 Gone.", 1)
            from app.hooks.schema import HookChanges

            await house.desk.change(hook.id, HookChanges(enabled=True))
            await house.ended(hook, 2)
    assert told_of(server.asked) == [("v1", "created"), ("v2", "created")]


async def test_a_hook_that_hangs_holds_up_nobody(house: House) -> None:
    async with answering(silent) as hanging, answering(saying(OK)) as server:
        for _ in range(20):
            await house.hook(hanging.url)
        hook, _ = await house.hook(server.url)
        async with house.delivering():
            for n in range(30):
                await house.keep(created(f"v{n}"))
            await house.ended(hook, 30)  # one by one behind those that hang, it would take half a minute
    assert len(server.asked) == 30
    assert hanging.connections <= 20 * 8


async def test_the_next_change_of_a_violation_waits_until_the_one_before_is_answered(house: House) -> None:
    is_released = asyncio.Event()

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        if told_of([request]) == [("held", "created")]:
            await is_released.wait()
        writer.write(OK)
        return True

    async with answering(reply) as server:
        hook, _ = await house.hook(server.url)
        async with house.delivering():
            # By successes the hook comes to be told of several at a time.
            await house.keep(*(created(f"v{n}") for n in range(20)))
            await house.ended(hook, 20)
            await house.keep(created("held"), invalidated("held"), *(invalidated(f"v{n}") for n in range(20)))
            await eventually(lambda: len(server.asked) == 20 + 1 + 20, "all others are told meanwhile")
            assert ("held", "invalidated") not in told_of(server.asked)
            is_released.set()
            await house.ended(hook, 42)
    assert told_of(server.asked)[-1] == ("held", "invalidated")
