"""What hooks do once they are made: secrets, addresses, tests, rotation, replay, retries; over HTTP."""

from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from app.alerts.rules import RETRY_SECONDS
from app.dialling.client import Patience
from app.dialling.sealing import Seal
from app.maven.times import format_time, parse_time
from tests.alerts.alerted import created, eventually, invalidated, told_of, verified
from tests.alerts.hook_api import Front, front_on
from tests.dialling.answering import answering, http, saying

OK = http(200)
HOUR = 3600


@pytest.fixture
async def front(database_url: str) -> AsyncIterator[Front]:
    async with front_on(database_url, patience=Patience(total_seconds=2.0)) as front:
        yield front


FORBIDDEN = [
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:169.254.169.254]/",
    "http://100.100.100.200/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://user:secret@127.0.0.1/",
    "ftp://127.0.0.1/",
    "http://127.0.0.1:9/#part",
    "//127.0.0.1/",
    "nonsense",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_a_forbidden_address_is_refused_whenever_it_is_given(front: Front, url: str) -> None:
    assert (await front.refused("POST", "", {"name": "x", "url": url})).keys() == {"/url"}
    assert (await front.refused("POST", "", {"name": "x", "url": url, "kind": "alertmanager"})).keys() == {"/url"}
    hook = await front.made("http://127.0.0.1:9/")
    assert (await front.refused("PATCH", f"/{hook['id']}", {"url": url})).keys() == {"/url"}
    assert "secret@" not in (await front.ask("POST", "", {"name": "x", "url": url})).text


async def test_what_was_allowed_once_is_judged_again_at_every_dial(database_url: str) -> None:
    async with answering(saying(OK)) as server:
        async with front_on(database_url) as front:
            hook = await front.made(server.url)
        async with front_on(database_url, allowed=()) as front:
            tested = await front.given("POST", f"/{hook['id']}/test")
            assert (tested["status"], tested["responseStatus"]) == ("failed", None)
            async with front.house.delivering():
                await front.house.keep(created("v1"))
                await eventually(lambda: ("webhook", "refused") in front.house.metrics.attempts, "it is refused")
            assert await front.statuses(hook["id"]) == ["failed", "pending"]
    assert server.connections == 0


async def test_a_secret_is_shown_once_and_sealed_under_the_key(sqlite_url: str) -> None:
    async with front_on(sqlite_url, seal=Seal("a key of enough characters")) as front:
        hook = await front.made("http://127.0.0.1:9/very-own-path")
        secret = str(hook["secret"])
        assert secret.startswith("whsec_")
        for path in ("", f"/{hook['id']}", f"/{hook['id']}/deliveries"):
            assert secret not in (await front.ask("GET", path)).text
        rows = await front.house.database.fetch("SELECT * FROM hooks")
        assert "very-own-path" not in repr([tuple(row) for row in rows])
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    assert secret.removeprefix("whsec_").encode() not in kept
    assert b"very-own-path" not in kept
    assert str(hook["id"]).encode() in kept


async def test_an_apprise_url_is_never_shown_whole(front: Front) -> None:
    hook = await front.made("slack://token-one/token-two/token-three", kind="apprise")
    assert hook["url"] == "slack://****"
    for path in ("", f"/{hook['id']}"):
        assert "token" not in (await front.ask("GET", path)).text


async def test_both_secrets_sign_until_the_old_one_ends(front: Front) -> None:
    async with answering(saying(OK)) as server:
        hook = await front.made(server.url)
        rotated = await front.given("POST", f"/{hook['id']}/rotate-secret")
        await front.given("POST", f"/{hook['id']}/test")
        for secret in (hook["secret"], rotated["secret"]):
            verified(server.asked[0], str(secret))
        now = await front.given("POST", f"/{hook['id']}/rotate-secret", {"graceHours": 0})
        assert now["oldSecretExpiresAt"] is None
        await front.given("POST", f"/{hook['id']}/test")
        assert server.asked[1].headers["webhook-signature"].count("v1,") == 1
        verified(server.asked[1], str(now["secret"]))
        await front.given("POST", f"/{hook['id']}/rotate-secret")
        front.house.clock.pass_by(24 * HOUR + 1)
        await front.given("POST", f"/{hook['id']}/test")
        assert server.asked[2].headers["webhook-signature"].count("v1,") == 1


async def test_only_so_many_secrets_sign_and_only_webhooks_have_one(front: Front) -> None:
    hook = await front.made("http://127.0.0.1:9/")
    for _ in range(4):
        await front.given("POST", f"/{hook['id']}/rotate-secret")
    await front.refused("POST", f"/{hook['id']}/rotate-secret", status=409)
    alertmanager = await front.made("http://127.0.0.1:9/", kind="alertmanager")
    await front.refused("POST", f"/{alertmanager['id']}/rotate-secret", status=409)


async def test_a_replay_sends_a_time_once_more_by_the_filter_of_today(front: Front) -> None:
    async with answering(saying(OK)) as server:
        begin = format_time(front.house.clock())
        await front.house.keep(created("before", terminalCode="DAL"), created("other"))
        hook = await front.made(server.url, filter={"terminalCodes": ["DAL"]})
        async with front.house.delivering():
            await front.house.keep(created("v1", terminalCode="DAL"))
            await eventually(lambda: len(server.asked) == 1, "it is told")
            end = format_time(front.house.clock())
            body = {"from": begin, "to": end}
            assert await front.given("POST", f"/{hook['id']}/replay", body, 202) == {"deliveries": 2}
            await eventually(lambda: len(server.asked) == 3, "it is told again")
            assert await front.given("POST", f"/{hook['id']}/replay", {"from": end, "to": end}, 202) == {
                "deliveries": 0
            }
    assert told_of(server.asked) == [("v1", "created"), ("before", "created"), ("v1", "created")]
    assert server.asked[0].headers["webhook-id"] == server.asked[2].headers["webhook-id"]
    assert (await front.refused("POST", f"/{hook['id']}/replay", {"from": end, "to": begin})).keys() == {"/to"}
    assert (await front.refused("POST", f"/{hook['id']}/replay", {"from": "now", "to": end})).keys() == {"/from"}


async def test_a_delivery_dies_after_its_tries_and_is_tried_again_by_hand(front: Front) -> None:
    async with answering(saying(*[http(500)] * 10, OK)) as server:
        hook = await front.made(server.url)
        async with front.house.delivering():
            await front.house.keep(created("v1"))
            for tries, seconds in enumerate((*RETRY_SECONDS, 0), 1):
                await eventually(partial(_are_noted, front, tries), f"try {tries} is noted")
                front.house.clock.pass_by(seconds + 0.5)
            (dead,) = await front.deliveries(hook["id"], "?status=dead")
            assert (dead["attempts"], dead["responseStatus"], dead["nextAttemptAt"]) == (10, 500, None)
            assert len(cast("list[object]", dead["failures"])) == 10
            path = f"/{hook['id']}/deliveries/{dead['id']}"
            await front.given("POST", f"{path}/retry", status=202)
            await eventually(lambda: len(server.asked) == 11, "it is tried by hand")
            await eventually(partial(_are_noted, front, 11), "which is noted")
            assert (await front.given("GET", path))["status"] == "succeeded"
            await front.refused("POST", f"{path}/retry", status=409)
    assert len({request.headers["webhook-id"] for request in server.asked}) == 1


async def _are_noted(front: Front, attempts: int) -> bool:
    rows = await front.house.database.fetch("SELECT sum(attempts) FROM deliveries")
    return bool(rows[0][0] == attempts)


async def test_a_disabled_hook_is_told_later_and_a_deleted_one_never(front: Front) -> None:
    async with answering(saying(OK)) as server:
        hook = await front.made(server.url)
        gone = await front.made(server.url)
        await front.given("PATCH", f"/{hook['id']}", {"enabled": False})
        async with front.house.delivering():
            await front.given("DELETE", f"/{gone['id']}", status=204)
            await front.house.keep(created("v1"), invalidated("v1"))
            assert await front.statuses(hook["id"]) == ["pending", "pending"]
            (one, _) = await front.deliveries(hook["id"])
            await front.refused("POST", f"/{hook['id']}/deliveries/{one['id']}/retry", status=409)
            assert server.asked == []
            await front.given("PATCH", f"/{hook['id']}", {"enabled": True})
            await eventually(lambda: len(server.asked) == 2, "both are told")
    assert told_of(server.asked) == [("v1", "created"), ("v1", "invalidated")]
    await front.refused("GET", f"/{gone['id']}", status=404)


async def test_a_new_url_and_a_new_filter_count_at_once(front: Front) -> None:
    async with answering(saying(http(500))) as broken, answering(saying(OK)) as server:
        hook = await front.made(broken.url)
        async with front.house.delivering():
            await front.house.keep(created("v1"))
            await eventually(partial(_are_noted, front, 1), "the first try is noted")
            front.house.clock.pass_by(RETRY_SECONDS[0] + 0.5)
            await eventually(partial(_are_noted, front, 2), "the second try is noted; the next is in five minutes")
            changes = {"url": server.url, "filter": {"terminalCodes": ["DAL"]}}
            shown = await front.given("PATCH", f"/{hook['id']}", changes)
            assert (shown["url"], shown["failingSince"]) == (server.url, None)
            await eventually(lambda: len(server.asked) == 1, "what waited is told at its new address")
            await front.house.keep(created("v2"), created("v3", terminalCode="DAL"))
            await eventually(lambda: len(server.asked) == 2, "what matches now is told")
    assert told_of(server.asked) == [("v1", "created"), ("v3", "created")]
    assert len(broken.asked) == 2


async def _are_succeeded(front: Front, hook_id: object, number: int) -> bool:
    return await front.statuses(hook_id) == ["succeeded"] * number


async def test_a_receiver_that_asks_to_be_left_alone_is(front: Front) -> None:
    async with answering(saying(http(429, b"", "Retry-After: 600"), OK)) as server, answering(saying(OK)) as other:
        hook = await front.made(server.url)
        witness = await front.made(other.url)
        async with front.house.delivering():
            await front.house.keep(created("v1"))
            await eventually(lambda: ("webhook", "status") in front.house.metrics.attempts, "the first try")
            await front.house.keep(created("v2"))
            front.house.clock.pass_by(500)
            await front.house.keep(created("v3"))
            # By then the worker has had its turn with all three.
            await eventually(partial(_are_succeeded, front, witness["id"], 3), "another hook is told of all")
            rests = await front.house.desk.find(str(hook["id"]))
            assert len(server.asked) == 1
            assert rests.failing_since is not None
            front.house.clock.pass_by(120)
            await eventually(lambda: len(server.asked) == 4, "all are told")


async def test_five_days_of_failures_disable_and_one_success_begins_anew(front: Front) -> None:
    async with answering(saying(http(500), http(500), OK, http(500))) as server:
        hook = await front.made(server.url)
        numbers = count()

        async def is_disabled() -> bool:
            await front.house.keep(created(f"v{next(numbers)}"))
            front.house.clock.pass_by(6 * HOUR)
            return bool(front.house.metrics.disabled)

        async with front.house.delivering():
            await eventually(is_disabled, "it is disabled")
        shown = await front.given("GET", f"/{hook['id']}")
        assert (shown["enabled"], shown["disabledReason"]) == (False, "For five days every delivery failed.")
        since, until = (parse_time(str(shown[name])) for name in ("failingSince", "disabledAt"))
        assert until - since >= 5 * 24 * HOUR * 1_000_000
        assert since >= parse_time(str(shown["lastSuccessAt"]))
        assert front.house.metrics.disabled == ["webhook"]
