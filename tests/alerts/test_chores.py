"""Digests when they are due, alerts told again, secrets sealed anew, the end of old deliveries; on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app.db.statements import Execute, WriteScript
from app.dialling.sealing import Seal
from app.hooks.schema import HookChanges
from app.hooks.store import Hook, all_hooks, delete_hook
from app.outbox.model import Status, Topic
from tests.alerts.alerted import House, alerting_on, created, eventually, invalidated, message_of, verified
from tests.alerts.alertmanager_server import running_alertmanager
from tests.dialling.answering import answering, http, saying

DAY_SECONDS = 86_400
OLD_KEY, NEW_KEY = "the old key of the house", "the new key of the house"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with alerting_on(database_url) as house:
        yield house


def in_an_hour(house: House) -> str:
    at = datetime.fromtimestamp(house.clock() / 1e6, UTC) + timedelta(hours=1)
    return at.strftime("%H:%M")


async def digests(house: House, hook: Hook) -> list[dict[str, object]]:
    rows = await house.database.fetch(
        "SELECT body FROM deliveries WHERE hook_pk = $1 AND topic = $2 ORDER BY pk", hook.pk, int(Topic.DIGEST)
    )
    return [orjson.loads(bytes(row[0])) for row in rows]


async def test_a_digest_tells_once_a_day_what_changed_and_what_is_active(house: House) -> None:
    async with answering(saying(http(204))) as server:
        hook, _ = await house.hook(
            server.url, digest={"at": in_an_hour(house), "zone": "UTC"}, filter={"terminalCodes": ["PGH"]}
        )
        await house.keep(created("v1"), created("v2", duration="0:10", type="break"), created("v3", terminalCode="DAL"))
        await house.keep(invalidated("v2"))
        await house.chores.work()
        assert await digests(house, hook) == []
        house.clock.pass_by(3600 + 60)
        async with house.delivering():
            await house.chores.work()
            await house.chores.work()
            await house.ended(hook, 1)
        (request,) = server.asked
    message = message_of(request)
    assert message["type"] == "violation.digest"
    (digest,) = await digests(house, hook)
    assert message["data"] == digest
    assert digest["changes"] == {"created": 2, "updated": 0, "invalidated": 1, "reopened": 0}
    assert digest["active"] == {"total": 1, "egregious": 1, "byType": {"shift_drive": 1}, "byTerminal": {"PGH": 1}}
    assert [one["activeCount"] for one in digest["drivers"]] == [1]  # type: ignore[attr-defined]
    assert digest["moreDrivers"] == 0


async def test_the_next_digest_begins_where_the_last_one_ended_and_may_be_empty(house: House) -> None:
    hook, _ = await house.hook(
        "http://127.0.0.1:9/", digest={"at": in_an_hour(house), "zone": "UTC"}, events=["violation.created"]
    )
    await house.keep(created("v1"))
    house.clock.pass_by(3600 + 60)
    await house.chores.work()
    house.clock.pass_by(3 * DAY_SECONDS)
    await house.chores.work()
    first, second = await digests(house, hook)
    assert first["to"] == second["from"]
    assert (first["changes"], second["changes"]) == ({"created": 1}, {"created": 0})
    assert second["active"]["total"] == 1  # type: ignore[index]


async def test_a_disabled_hook_gets_its_digest_when_it_is_enabled(house: House) -> None:
    hook, _ = await house.hook("http://127.0.0.1:9/", digest={"at": in_an_hour(house), "zone": "UTC"}, enabled=False)
    house.clock.pass_by(2 * DAY_SECONDS)
    await house.chores.work()
    assert await digests(house, hook) == []
    await house.desk.change(hook.id, HookChanges(enabled=True))
    await house.chores.work()
    assert len(await digests(house, hook)) == 1


async def test_old_deliveries_go_and_those_that_wait_stay(house: House) -> None:
    async with answering(saying(http(204))) as server:
        hook, _ = await house.hook(server.url)
        idle, _ = await house.hook(server.url, enabled=False)
        async with house.delivering():
            await house.keep(created("v1"))
            await house.ended(hook, 1)
        house.clock.pass_by(91 * DAY_SECONDS)
        await house.keep(created("v2"))
        await house.chores.tidy({hook.pk, idle.pk})
    assert [record.violation_id for record in await house.records(hook)] == ["v2"]
    held = await house.records(idle)
    assert [(one.violation_id, one.status) for one in held] == [("v2", Status.PENDING), ("v1", Status.DEAD)]


async def test_what_is_left_of_a_deleted_hook_goes(house: House) -> None:
    hook, _ = await house.hook("http://127.0.0.1:9/", enabled=False)
    await house.keep(*(created(f"v{n}") for n in range(20)))
    await house.database.write(delete_hook(hook.pk))
    await house.chores.tidy(set())
    assert (await house.database.fetch("SELECT count(*) FROM deliveries"))[0][0] == 0


async def test_secrets_are_sealed_under_the_newest_key(database_url: str) -> None:
    async with answering(saying(http(204))) as server:
        async with alerting_on(database_url, seal=Seal(OLD_KEY)) as house:
            hook, secret = await house.hook(server.url)
        async with alerting_on(database_url, seal=Seal(f"{NEW_KEY},{OLD_KEY}")) as house:
            await house.chores.work()
        async with alerting_on(database_url, seal=Seal(NEW_KEY)) as house, house.delivering():
            await house.keep(created("v1"))
            await house.ended(hook, 1)
        assert verified(server.asked[0], secret)["type"] == "violation.created"
        async with alerting_on(database_url, seal=Seal(OLD_KEY)) as house:
            (found,) = await house.database.read(all_hooks())
            assert house.desk.shown_url(found) is None
            assert (await house.desk.test(hook.id)).last_error is not None


async def test_a_real_alertmanager_fires_is_told_again_and_resolves(database_url: str) -> None:
    with running_alertmanager() as server:
        async with alerting_on(database_url) as house:
            hook, _ = await house.hook(server.url, kind="alertmanager")
            async with house.delivering():
                await house.keep(created("v1"), created("v2", driverId="D2", duration="0:05"))
                await house.ended(hook, 2)
                await eventually(lambda: len(server.alerts()) == 2, "both fire")
                firing = {one["labels"]["violation"]: one for one in server.alerts()}
                assert {name: one["labels"]["severity"] for name, one in firing.items()} == {
                    "v1": "critical",
                    "v2": "warning",
                }
                ends_at = firing["v1"]["endsAt"]
                await house.database.write(_long_ago())
                await house.chores.work()
                await eventually(lambda: _end_of(server.alerts(), "v1") > ends_at, "it is told again")
                await house.keep(invalidated("v1"))
                await eventually(lambda: {one["labels"]["violation"] for one in server.alerts()} == {"v2"}, "resolved")
                # A change of what its labels say makes another alert of it, and resolves the first.
                await house.keep(created("v2", driverId="D3", duration="0:05", eventTime="2024-01-05T00:00:00Z"))
                await eventually(lambda: [one["labels"]["driver"] for one in server.alerts()] == ["D3"], "moved")


def _long_ago() -> WriteScript[None]:
    """Lets all alerts have been sent long ago: the Alertmanager's clock cannot be set on."""
    yield Execute("UPDATE firing_alerts SET sent_at = 0")


def _end_of(alerts: list[dict[str, object]], violation: str) -> str:
    return next(str(one["endsAt"]) for one in alerts if one["labels"]["violation"] == violation)  # type: ignore[index]


async def test_an_alert_whose_violation_left_the_filter_is_resolved(database_url: str) -> None:
    with running_alertmanager() as server:
        async with alerting_on(database_url) as house:
            hook, _ = await house.hook(server.url, kind="alertmanager", filter={"terminalCodes": ["PGH"]})
            async with house.delivering():
                await house.keep(created("v1"))
                await house.ended(hook, 1)
                await eventually(lambda: len(server.alerts()) == 1, "it fires")
                await house.keep(created("v1", terminalCode="DAL", eventTime="2024-01-05T00:00:00Z"))
                await eventually(lambda: server.alerts() == [], "it is resolved")


async def test_a_test_reaches_an_alertmanager_and_a_phone(house: House) -> None:
    with running_alertmanager() as server:
        hook, _ = await house.hook(server.url, kind="alertmanager")
        assert (await house.desk.test(hook.id)).status is Status.SUCCEEDED
        await eventually(lambda: [one["labels"]["alertname"] for one in server.alerts()] == ["HOSReceiverTest"], "test")
    phone, _ = await house.hook("slack://a/b/c", kind="apprise")
    assert (await house.desk.test(phone.id)).status is Status.SUCCEEDED
    async with house.delivering():
        await house.keep(created("v1", driverName="Ada"))
        await house.ended(phone, 2)
    assert [url for url, _ in house.phone.told] == ["slack://a/b/c"] * 2
    assert "Ada" in house.phone.told[1][1].body
    assert "https://hos.example.com/v/v1" in house.phone.told[1][1].body


async def test_a_webhooks_test_says_that_it_is_one(house: House) -> None:
    async with answering(saying(http(204))) as server:
        hook, _ = await house.hook(server.url)
        await house.desk.test(hook.id)
    assert message_of(server.asked[0])["type"] == "hook.test"
