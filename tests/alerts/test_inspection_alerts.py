"""Hooks that are told of inspections, from the request to the receiver, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app.alerts.messages import Message
from app.dialling.client import Patience
from app.hooks.schema import CHANGES, INSPECTIONS, HookChanges, WrongHook
from app.hooks.store import Hook
from app.outbox.model import Status
from tests.alerts.alerted import House, created, message_of, verified
from tests.dialling.answering import Server, answering, http, saying
from tests.dvir_logs.depot import CONNECTIONS, Depot, depot_on, taken
from tests.inspections.samples import DRIVER, VEHICLE

ADDED, SUCCEEDED, FAILED = INSPECTIONS
OK = http(204)
NOWHERE = "http://127.0.0.1:9/hook"

CRITICAL: dict[str, dict[str, Any]] = {
    "by the report": {"defects": ["brakes"], "is_safety_critical": True},
    "by the report alone": {"is_safety_critical": True},
    "by one detail": {
        "defects": ["mirrors", "tires"],
        "defects_detail": [{"defect_type": "tires", "is_safety_critical": True}],
        "is_safety_critical": False,
    },
}
OTHERS: dict[str, dict[str, Any]] = {
    "not said": {"defects": ["mirrors"]},
    "said not to be": {"defects": ["mirrors"], "is_safety_critical": False},
    "without defects": {"status": "no_defect"},
}


@pytest.fixture
async def depot(database_url: str) -> AsyncIterator[Depot]:
    async with depot_on(database_url, patience=Patience(total_seconds=5.0)) as depot:
        yield depot


async def topics(house: House, hook: Hook) -> list[str]:
    """What is owed to a hook, or was, in order; written in the transaction that it tells of."""
    return [record.topic.word for record in reversed(await house.records(hook))]


async def test_a_report_is_told_signed_and_as_it_was_sent(depot: Depot) -> None:
    house = depot.house
    async with answering(saying(OK)) as server:
        hook, secret = await house.hook(server.url, events=[ADDED])
        async with house.delivering():
            sent = await depot.send(
                vehicle_id=VEHICLE, defects=["brakes"], driver_comment="Åsa <b>\u202e", axle={"number": [2]}
            )
            (record,) = await house.ended(hook, 1)
    assert (record.status, record.topic.word, record.violation_id) == (Status.SUCCEEDED, ADDED, None)
    (request,) = server.asked
    message = verified(request, secret)
    operation = await depot.operation(sent)
    (kept,) = await depot.items()
    assert message == {
        "type": ADDED,
        "timestamp": message["timestamp"],
        "data": {**kept, "open_defect_count": 1},
    }
    assert message["data"]["axle"] == {"number": [2]}  # type: ignore[index]
    assert message["data"]["driver_id"] == DRIVER  # type: ignore[index]
    assert kept["id"] == operation["resource_id"]


@pytest.mark.parametrize("wanted", [True, False, None])
async def test_the_filter_asks_whether_a_report_is_safety_critical(depot: Depot, wanted: bool | None) -> None:
    house = depot.house
    asked = {} if wanted is None else {"safetyCritical": wanted}
    async with answering(saying(OK)) as server:
        hook, _ = await house.hook(server.url, events=[ADDED], filter=asked)
        async with house.delivering():
            for name, fields in {**CRITICAL, **OTHERS}.items():
                await depot.send(inspected_by=name, **fields)
            expected = [*(CRITICAL if wanted is not False else ()), *(OTHERS if wanted is not True else ())]
            await house.ended(hook, len(expected))
    messages = [message_of(request) for request in server.asked]
    told = {one["data"]["inspected_by"]: one["data"]["is_safety_critical"] for one in messages}  # type: ignore[index]
    assert len(messages) == len(expected)
    assert told == {name: name in CRITICAL for name in expected}


async def test_the_filters_of_violations_are_not_for_inspections_nor_the_other_way(depot: Depot) -> None:
    house = depot.house
    hook, _ = await house.hook(
        NOWHERE,
        events=["violation.created", ADDED],
        filter={"terminalCodes": ["PGH"], "driverIds": ["X"], "egregious": True, "safetyCritical": True},
    )
    await depot.send(is_safety_critical=True)
    await depot.send(is_safety_critical=False)
    await house.keep(created("v1", driverId="X", terminalCode="PGH", duration="4:00"), created("v2"))
    assert await topics(house, hook) == [ADDED, "violation.created"]
    every, _ = await house.hook(NOWHERE, events=["violation.created", ADDED], filter={"safetyCritical": False})
    await house.keep(created("v3"))
    assert await topics(house, every) == ["violation.created"]


async def test_who_did_not_ask_is_told_of_nothing(depot: Depot) -> None:
    house = depot.house
    usual, _ = await house.hook(NOWHERE)
    crossing, _ = await house.hook(NOWHERE, threshold={"atLeast": 1, "withinDays": 7})
    alertmanager, _ = await house.hook(NOWHERE, kind="alertmanager")
    inspections, _ = await house.hook(NOWHERE, events=list(INSPECTIONS), filter={"safetyCritical": True})
    both, _ = await house.hook(NOWHERE, events=["driver.threshold", ADDED], threshold={"atLeast": 1, "withinDays": 7})
    assert usual.events == CHANGES
    await depot.send(is_safety_critical=True)
    assert await topics(house, inspections) == [ADDED, SUCCEEDED]
    assert await topics(house, both) == [ADDED]
    for hook in (usual, crossing, alertmanager):
        assert await topics(house, hook) == []
    await house.keep(created("v1", startTime=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    assert await topics(house, inspections) == [ADDED, SUCCEEDED]
    assert await topics(house, both) == [ADDED, "driver.threshold"]
    assert await topics(house, usual) == await topics(house, alertmanager) == ["violation.created"]
    assert await topics(house, crossing) == ["driver.threshold"]


async def test_what_a_hook_asks_for_may_be_changed(depot: Depot) -> None:
    house = depot.house
    hook, _ = await house.hook(NOWHERE)
    asked = '{"events": ["dvir_log.added"], "filter": {"safetyCritical": true}}'
    await house.desk.change(hook.id, HookChanges.model_validate_json(asked))
    await depot.send(is_safety_critical=True)
    await depot.send()
    await house.keep(created("v1"))
    assert await topics(house, hook) == [ADDED]
    with pytest.raises(WrongHook, match=r"safetyCritical is only for hooks that have dvir_log\.added in events"):
        await house.desk.change(hook.id, HookChanges(events=("violation.created",)))
    changed = await house.desk.change(hook.id, HookChanges.model_validate_json('{"filter": {}}'))
    assert changed.filter.model_dump_json(exclude_none=True) == "{}"
    await depot.send()
    assert await topics(house, hook) == [ADDED, ADDED]


async def test_a_hook_with_a_digest_is_told_of_inspections_at_once(depot: Depot) -> None:
    house = depot.house
    hook, _ = await house.hook(
        NOWHERE, events=["violation.created", ADDED], digest={"at": "06:30", "zone": "America/Chicago"}
    )
    await depot.send()
    await house.keep(created("v1"))
    assert await topics(house, hook) == [ADDED]
    house.clock.pass_by(25 * 3600)
    await house.chores.work()
    assert await topics(house, hook) == [ADDED, "violation.digest"]


async def test_a_replay_is_of_violations_alone(depot: Depot) -> None:
    house = depot.house
    hook, _ = await house.hook(NOWHERE, events=["violation.created", *INSPECTIONS])
    await depot.send()
    await house.keep(created("v1"))
    assert await house.deliveries.replay(hook.id, "2024-01-01T00:00:00Z", "2100-01-01T00:00:00Z") == 1
    assert await topics(house, hook) == [ADDED, SUCCEEDED, "violation.created", "violation.created"]


@pytest.mark.parametrize("is_sync", [False, True])
async def test_a_report_that_a_provider_refused_is_told_of_unless_its_sender_waited(
    depot: Depot, is_sync: bool
) -> None:
    house = depot.house
    async with answering(saying(http(422, b'{"error": "no"}'))) as provider, answering(saying(OK)) as server:
        connection = await depot.connect(provider.url)
        hook, secret = await house.hook(server.url, events=list(INSPECTIONS))
        async with house.delivering():
            sent = await depot.ended(await depot.send(connection, is_sync=is_sync, defects=["brakes"]))
            assert sent["status"] == "failed"
            if not is_sync:
                await house.ended(hook, 1)
    assert await topics(house, hook) == ([] if is_sync else [FAILED])
    assert len(provider.asked) == 1
    assert [verified(request, secret)["data"] for request in server.asked] == ([] if is_sync else [sent])
    assert await depot.items() == []


@pytest.mark.parametrize("is_sync", [False, True])
async def test_a_report_that_a_provider_took_is_told_of(depot: Depot, is_sync: bool) -> None:
    house = depot.house
    async with answering(saying(taken("source-7"))) as provider, answering(saying(OK)) as server:
        connection = await depot.connect(provider.url)
        hook, _ = await house.hook(server.url, events=list(INSPECTIONS))
        async with house.delivering():
            sent = await depot.ended(await depot.send(connection, is_sync=is_sync))
            await house.ended(hook, 1 if is_sync else 2)
    messages = {str(one["type"]): one["data"] for one in map(message_of, server.asked)}
    assert set(messages) == ({ADDED} if is_sync else {ADDED, SUCCEEDED})
    assert messages[ADDED]["id"] == sent["resource_id"] is not None  # type: ignore[index]
    if not is_sync:
        assert messages[SUCCEEDED] == sent


async def told_people(depot: Depot, provider: Server | None, **fields: Any) -> list[Message]:
    """What people are told of a report that is sent to a provider, or to one that was removed before it was tried."""
    house = depot.house
    hook, _ = await house.hook("slack://TokenA/TokenB/TokenC", kind="apprise", events=list(INSPECTIONS))
    connection = await depot.connect(NOWHERE if provider is None else provider.url, name="Fleet <b>West")
    sent = await depot.send(connection, **fields)
    if provider is None:
        await depot.given("DELETE", f"{CONNECTIONS}/{connection}", None, 204)
    async with house.delivering():
        if provider is not None:
            sent = await depot.ended(sent)
        count = 2 if sent["status"] == "success" else 1
        records = await house.ended(hook, count)
    assert all(record.status is Status.SUCCEEDED for record in records)
    return [message for _, message in house.phone.told]


async def test_people_are_told_of_safety_critical_defects(depot: Depot) -> None:
    async with answering(saying(taken("7"))) as provider:
        first, second = sorted(
            await told_people(
                depot,
                provider,
                vehicle_id=VEHICLE,
                defects=["mirrors", "tires"],
                defects_detail=[{"defect_type": "tires", "is_safety_critical": True}],
            ),
            key=lambda message: message.kind,
            reverse=True,
        )
    assert (first.title, first.kind) == ("Safety-critical defects: tires", "urgent")
    assert first.body.startswith("Defects:\n- mirrors\n- tires, safety-critical\n")
    assert f"\nVehicle: {VEHICLE}\nDriver: {DRIVER}\n" in first.body
    assert (second.title, second.kind) == ("An inspection arrived at Fleet <b>West", "good")


async def test_people_are_told_why_a_report_did_not_arrive(depot: Depot) -> None:
    async with answering(saying(http(422))) as provider:
        (message,) = await told_people(depot, provider, driver_comment="Rattles")
    assert (message.title, message.kind) == ("An inspection could not be forwarded to Fleet <b>West", "problem")
    assert message.body.startswith("Why: The provider answered 422.\n")
    assert "\nComment: Rattles\n" in message.body


async def test_people_are_told_of_what_a_removed_connection_left(depot: Depot) -> None:
    (message,) = await told_people(depot, None)
    assert message.title == "An inspection could not be forwarded to Fleet <b>West"
    assert message.body.startswith("Why: The connection was removed.\n")
