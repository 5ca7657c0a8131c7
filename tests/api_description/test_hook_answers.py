"""Answers about hooks, and what hooks are sent, are as described, on both databases; the examples come true."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from httpx2 import Response

from app.alerts.desk import MOST_SECRETS
from app.alerts.routes import MAX_BODY_BYTES
from app.api_description import hook_examples
from app.api_description.document import describe, write
from app.api_description.inspection_examples import report_sent
from app.dialling.sealing import Seal
from app.dvir_logs.desk import ConnectionDesk
from app.hooks.model import Kind
from app.hooks.schema import INSPECTIONS, MESSAGES
from app.inspections.connection_schema import NewConnection
from app.inspections.connections import LOCAL_ID, ensure_local
from app.inspections.operations import accept_operation
from app.inspections.schema import read_report
from app.inspections.showing import partner_of
from app.outbox.model import Status
from tests.alerts.alerted import House, created, eventually, invalidated, message_of
from tests.alerts.hook_api import LIMITED, PUBLIC, READER, Front, front_on
from tests.api_description.described import Described, Tree
from tests.dialling.answering import Server, answering, http, saying

ONE, TEST, ROTATE, REPLAY = "/{id}", "/{id}/test", "/{id}/rotate-secret", "/{id}/replay"
DELIVERIES = "/{id}/deliveries"
DELIVERY = f"{DELIVERIES}/{{deliveryId}}"
RETRY = f"{DELIVERY}/retry"
MOMENTARY = ("id", "url", "hookId", "secret", "messageId", "requestId", "instance")
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def described() -> Described:
    return Described(json.loads(write(describe("1.2.3"))))


@dataclass
class Asking:
    """Asks, and holds each answer to what is described."""

    front: Front
    described: Described

    @property
    def house(self) -> House:
        return self.front.house

    async def ask(
        self,
        status: int,
        method: str,
        template: str = "",
        body: object = None,
        *,
        hook: object = "none",
        delivery: object = "1",
        query: str = "",
        **more: Any,
    ) -> Any:
        path = template.format(id=hook, deliveryId=delivery)
        answer: Response = await self.front.ask(method, path + query, body, **more)
        assert answer.status_code == status, (method, template, answer.text)
        self.described.check(f"/v1/hooks{template}", answer)
        return answer.json() if answer.content else None

    async def made(self, url: str = PUBLIC, **more: object) -> Any:
        return await self.ask(201, "POST", "", {"name": "Safety desk", "url": url, **more})

    def example(self, template: str, method: str, status: str, name: str) -> Any:
        """An answer that is an example."""
        answers: Tree = self.described.operation(f"/v1/hooks{template}", method)["responses"]
        (content,) = answers[status]["content"].values()
        return content["examples"][name]["value"]


@pytest.fixture
async def asking(database_url: str, described: Described) -> AsyncIterator[Asking]:
    async with front_on(database_url) as front:
        yield Asking(front, described)


def still(value: Any) -> Any:
    """The same without what depends on the moment."""
    if not isinstance(value, dict):
        return value
    return {name: still(one) for name, one in value.items() if name not in MOMENTARY and not name.endswith("At")}


async def test_hooks_are_made_as_the_examples_say_and_shown_as_described(asking: Asking) -> None:
    body = asking.described.operation("/v1/hooks", "post")["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        asked = example["value"]
        url = asked["url"] if asked.get("kind") == "apprise" else PUBLIC
        hook = (await asking.ask(201, "POST", "", {**asked, "url": url}))["id"]
        await asking.ask(200, "GET", ONE, hook=hook)
    page = await asking.ask(200, "GET", query="?limit=1")
    cursor = page["pagination"]["nextCursor"]
    rest = await asking.ask(200, "GET", query=f"?cursor={cursor}")
    assert len(page["data"] + rest["data"]) == len(body["examples"]) == 5


async def test_a_hook_is_changed_and_deleted_as_the_examples_say(asking: Asking) -> None:
    hook = await asking.ask(201, "POST", "", {**hook_examples.new_webhook(), "url": PUBLIC})
    assert still(hook) == still(asking.example("", "post", "201", "one"))
    body = asking.described.operation(f"/v1/hooks{ONE}", "patch")["requestBody"]["content"]["application/json"]
    changed = await asking.ask(200, "PATCH", ONE, body["examples"]["digest"]["value"], hook=hook["id"])
    assert still(changed) == still(asking.example(ONE, "patch", "200", "one"))
    for example in body["examples"].values():
        await asking.ask(200, "PATCH", ONE, example["value"], hook=hook["id"])
    await asking.ask(200, "PATCH", ONE, {"enabled": False, "digest": None}, hook=hook["id"])
    shown = await asking.ask(200, "GET", ONE, hook=hook["id"])
    assert shown["disabledReason"]
    await asking.ask(204, "DELETE", ONE, hook=hook["id"])
    await asking.ask(404, "GET", ONE, hook=hook["id"])


async def test_secrets_are_replaced_as_described(asking: Asking) -> None:
    hook = (await asking.made())["id"]
    secret = await asking.ask(200, "POST", ROTATE, hook=hook)
    assert secret["oldSecretExpiresAt"]
    for _ in range(MOST_SECRETS - 2):
        await asking.ask(200, "POST", ROTATE, {"graceHours": 168}, hook=hook)
    await asking.ask(409, "POST", ROTATE, hook=hook)
    assert (await asking.ask(200, "POST", ROTATE, {"graceHours": 0}, hook=hook))["oldSecretExpiresAt"] is None
    alertmanager = (await asking.made(kind="alertmanager"))["id"]
    refused = await asking.ask(409, "POST", ROTATE, hook=alertmanager)
    assert still(refused) == still(asking.example(ROTATE, "post", "409", "conflict"))


async def test_deliveries_are_shown_as_described(asking: Asking) -> None:
    answers = http(200), http(503), http(410)
    async with answering(saying(*answers)) as receiver, asking.house.delivering():
        made = await asking.made(receiver.url)
        hook = made["id"]
        tested = await asking.ask(200, "POST", TEST, hook=hook)
        assert still(tested) == still(asking.example(TEST, "post", "200", "one"))
        await asking.house.keep(created("V-1"))
        stored = await asking.front.hook(hook)

        async def was_tried() -> bool:
            return any(one.attempts for one in await asking.house.records(stored, Status.PENDING))

        await eventually(was_tried, "a try has failed")
        page = await asking.ask(200, "GET", DELIVERIES, hook=hook, query="?status=pending,dead&limit=1")
        (pending,) = page["data"]
        told = pending["failures"][0]
        assert (told["outcome"], told["responseStatus"]) == ("status", 503)
        assert set(pending) == set(hook_examples.pending_delivery())
        await asking.ask(202, "POST", RETRY, hook=hook, delivery=pending["id"])
        await asking.house.ended(stored, 2)
        failed = await asking.ask(200, "GET", DELIVERY, hook=hook, delivery=pending["id"])
        assert failed["status"] == "failed"
        await asking.ask(200, "GET", ONE, hook=hook)
        disabled = await asking.ask(409, "POST", RETRY, hook=hook, delivery=pending["id"])
        assert "disabled" in disabled["detail"]
        refused = await asking.ask(409, "POST", RETRY, hook=hook, delivery=tested["id"])
        assert still(refused) == still(asking.example(RETRY, "post", "409", "conflict"))
        first = await asking.ask(200, "GET", DELIVERIES, hook=hook, query="?limit=1")
        cursor = first["pagination"]["nextCursor"]
        await asking.ask(200, "GET", DELIVERIES, hook=hook, query=f"?cursor={cursor}")
        await asking.ask(400, "GET", DELIVERIES, hook=hook, query=f"?status=dead&cursor={cursor}")


async def test_a_time_is_replayed_as_described(asking: Asking) -> None:
    hook = (await asking.made(NOWHERE))["id"]
    await asking.house.keep(created("V-1"))
    now = datetime.fromtimestamp(asking.house.clock() / 1e6, UTC)
    span = {"from": "2024-01-01T00:00:00Z", "to": (now + timedelta(hours=1)).isoformat()}
    replayed = await asking.ask(202, "POST", REPLAY, span, hook=hook)
    assert replayed == asking.example(REPLAY, "post", "202", "one")
    wrong = await asking.ask(422, "POST", REPLAY, {"from": span["to"], "to": span["from"]}, hook=hook)
    assert still(wrong) == still(asking.example(REPLAY, "post", "422", "invalid-fields"))


async def test_what_is_wrong_is_answered_as_described(asking: Asking) -> None:
    hook = (await asking.made())["id"]
    for template, method in (("", "POST"), (ONE, "PATCH"), (ROTATE, "POST"), (REPLAY, "POST")):
        not_json = await asking.ask(400, method, template, b"no json", hook=hook)
        assert still(not_json) == still(asking.example(template, method, "400", "notJson"))
        unknown = await asking.ask(400, method, template, {}, hook=hook, query="?nonsense=1")
        assert still(unknown) == still(asking.example(template, method, "400", "parameter"))
        await asking.ask(400, method, template, b"no gzip", hook=hook, content_encoding="gzip")
        too_large = await asking.ask(413, method, template, b" " * (MAX_BODY_BYTES + 1), hook=hook)
        assert still(too_large) == still(asking.example(template, method, "413", "too-large"))
        not_json = await asking.ask(415, method, template, b"<a/>", hook=hook, content_type="text/xml")
        assert still(not_json) == still(asking.example(template, method, "415", "notJson"))
        await asking.ask(415, method, template, b"{}", hook=hook, content_encoding="br")
        nonsense = {"name": "", "from": "", "graceHours": -1, "filter": {"types": []}}
        wrong_bodies: list[object] = [[], 7, {"nonsense": 1}, nonsense]
        for body in wrong_bodies:
            await asking.ask(422, method, template, body, hook=hook)
    wrong = await asking.ask(422, "POST", "", {"name": "Safety", "url": "http://192.168.0.7/"})
    assert still(wrong) == still(asking.example("", "post", "422", "invalid-fields"))
    wrong = await asking.ask(422, "POST", ROTATE, {"graceHours": 169}, hook=hook)
    assert still(wrong) == still(asking.example(ROTATE, "post", "422", "invalid-fields"))
    alertmanager = (await asking.made(kind="alertmanager"))["id"]
    wrong = await asking.ask(422, "PATCH", ONE, {"digest": {"at": "06:00", "zone": "UTC"}}, hook=alertmanager)
    assert still(wrong) == still(asking.example(ONE, "patch", "422", "invalid-fields"))


async def test_what_is_not_there_or_not_allowed_is_answered_as_described(asking: Asking) -> None:
    hook = (await asking.made())["id"]
    for path, method, operation in asking.described.operations():
        if not path.startswith("/v1/hooks"):
            continue
        template = path.removeprefix("/v1/hooks")
        body: object = {} if "requestBody" in operation else None
        await asking.ask(401, method.upper(), template, body, key=None)
        for key in (READER, LIMITED):
            await asking.ask(403, method.upper(), template, body, key=key, hook=hook)
        if template:
            await asking.ask(404, method.upper(), template, body, hook="hook_none")
        if "deliveryId" in template:
            for delivery in ("99", "none"):
                await asking.ask(404, method.upper(), template, body, hook=hook, delivery=delivery)


async def test_messages_are_as_described(asking: Asking) -> None:
    """Every kind of message, sent to a real receiver with the headers it has to have."""
    house = asking.house
    at = datetime.fromtimestamp(house.clock() / 1e6, UTC)
    soon = (at + timedelta(hours=1)).strftime("%H:%M")
    async with answering(saying(http(204))) as receiver:
        changes = await asking.made(receiver.url)
        crossings = await asking.made(receiver.url, threshold={"atLeast": 1, "withinDays": 7})
        inspections = await asking.made(receiver.url, events=list(INSPECTIONS))
        digests = await asking.made(receiver.url, digest={"at": soon, "zone": "UTC"})
        await asking.ask(200, "POST", TEST, hook=changes["id"])
        await house.keep(created("V-1", startTime=at.isoformat()))
        await house.keep(created("V-1", startTime=at.isoformat(), duration="0:10", eventTime="2024-01-01T12:00:00Z"))
        await house.keep(invalidated("V-1"))
        await house.keep(created("V-1", startTime=at.isoformat(), eventTime="2024-01-03T00:00:00Z"))
        await inspect(house)
        house.clock.pass_by(3700)
        await house.chores.work()
        async with house.delivering():
            for hook, count in ((changes, 5), (crossings, 2), (inspections, 3), (digests, 1)):
                await house.ended(await asking.front.hook(hook["id"]), count)
        check_messages(asking.described, receiver)
    page = await asking.ask(200, "GET", DELIVERIES, hook=inspections["id"])
    assert {one["type"] for one in page["data"]} == set(INSPECTIONS)
    assert {one["violationId"] for one in page["data"]} == {None}


async def inspect(house: House) -> None:
    """A report that is kept here, and one whose connection is removed before it gets there."""
    database = house.database
    await database.write(ensure_local(house.clock()))
    judge, post = partial(house.sender.check, Kind.CONNECTION), house.deliverer.forwarder.post_nothing
    desk = ConnectionDesk(database, Seal(None), judge, post, house.clock, house.wake.set)
    provider = await desk.create(NewConnection(name="Provider", kind="http", url=NOWHERE))
    for connection in (await desk.find(LOCAL_ID), provider):
        asked = read_report(json.dumps({**report_sent(), "connection_id": connection.id}).encode())
        accept = accept_operation(database.dialect, connection, asked, partner_of("tms"), house.clock(), is_sync=False)
        await database.write(accept)
    await desk.remove(provider.id)


def check_messages(described: Described, receiver: Server) -> None:
    seen = set()
    for request in receiver.asked:
        message = message_of(request)
        operation = described.document["webhooks"][message["type"]]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert not (faults := described.faults(schema, message)), (message["type"], faults)
        assert {one["name"] for one in operation["parameters"]} <= set(request.headers)
        seen.add(message["type"])
    assert seen == set(MESSAGES)
