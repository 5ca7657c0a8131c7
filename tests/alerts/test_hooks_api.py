"""`/v1/hooks` from outside: what may be made and read, by whom, and the one sentence for everything that is wrong."""

import gzip
import json
from collections.abc import AsyncIterator

import pytest

from tests.alerts.hook_api import ADMIN, LIMITED, PUBLIC, READER, Front, front_on, page_of
from tests.ingest.served import assert_problem

CHANGES = ["violation.created", "violation.updated", "violation.invalidated", "violation.reopened"]
CALLS = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/{id}"),
    ("PATCH", "/{id}"),
    ("DELETE", "/{id}"),
    ("POST", "/{id}/test"),
    ("POST", "/{id}/rotate-secret"),
    ("POST", "/{id}/replay"),
    ("GET", "/{id}/deliveries"),
    ("GET", "/{id}/deliveries/1"),
    ("POST", "/{id}/deliveries/1/retry"),
]


@pytest.fixture
async def front(database_url: str) -> AsyncIterator[Front]:
    async with front_on(database_url) as front:
        yield front


async def test_a_hook_is_made_with_what_was_left_out(front: Front) -> None:
    answer = await front.ask("POST", "", {"name": "Safety", "url": PUBLIC})
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["location"] == f"/v1/hooks/{shown['id']}"
    secret = shown.pop("secret")
    assert secret.startswith("whsec_")
    assert (shown["name"], shown["url"], shown["kind"]) == ("Safety", PUBLIC, "webhook")
    assert (shown["events"], shown["filter"], shown["threshold"], shown["digest"]) == (CHANGES, {}, None, None)
    assert (shown["enabled"], shown["disabledAt"], shown["disabledReason"]) == (True, None, None)
    assert shown["createdAt"] == shown["updatedAt"]
    assert await front.given("GET", f"/{shown['id']}") == shown
    assert page_of(await front.given("GET")) == ([shown], None)


async def test_every_field_is_kept_as_given(front: Front) -> None:
    asked = {
        "name": "Zoë's terminal 🚚",
        "url": f"{PUBLIC}?key=a%20b&c=",
        "kind": "webhook",
        "events": [
            *("violation.reopened", "violation.created", "driver.threshold"),
            *("dvir_log.added", "resource_operation.failed", "resource_operation.succeeded"),
        ],
        "filter": {
            "terminalCodes": ["PGH", "a,b", "ø"],
            "types": ["shift_drive"],
            "rulesets": ["USA_PROPERTY_70_8"],
            "driverIds": ["J/DOE%1"],
            "minDurationMinutes": 0,
            "egregious": False,
            "safetyCritical": False,
        },
        "threshold": {"atLeast": 3, "withinDays": 7, "per": "driver"},
        "digest": {"at": "06:30", "zone": "America/Chicago"},
        "enabled": False,
    }
    shown = await front.given("POST", "", asked, 201)
    assert {name: shown[name] for name in asked} == asked
    assert shown["disabledReason"] == "An administrator disabled it."
    assert shown["nextDigestAt"] is not None


@pytest.mark.parametrize("kind", ["alertmanager", "apprise"])
async def test_only_a_webhook_has_a_secret(front: Front, kind: str) -> None:
    url = PUBLIC if kind == "alertmanager" else "slack://a-token/b-token/c-token"
    shown = await front.made(url, kind=kind)
    assert "secret" not in shown
    assert shown["url"] == (PUBLIC if kind == "alertmanager" else "slack://****")
    assert_problem(await front.ask("POST", f"/{shown['id']}/rotate-secret"), 409)


async def test_what_is_given_twice_is_kept_once_and_two_hooks_may_be_alike(front: Front) -> None:
    body = b'{"name":"x","name":"Twice","url":"%b","filter":{"types":["b","a","b"]},"events":["%b","%b"]}' % (
        PUBLIC.encode(),
        b"violation.created",
        b"violation.created",
    )
    first = await front.ask("POST", "", body)
    second = await front.ask("POST", "", body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert first.json()["secret"] != second.json()["secret"]
    assert first.json()["filter"] == {"types": ["b", "a"]}
    assert first.json()["events"] == ["violation.created"]


WRONG = [
    ({}, "/name"),
    ({"name": "x"}, "/url"),
    ({"name": None}, "/name"),
    ({"name": 7}, "/name"),
    ({"name": ""}, "/name"),
    ({"name": "  "}, "/name"),
    ({"name": "a\nb"}, "/name"),
    ({"name": "a\0b"}, "/name"),
    ({"name": "\uffff"}, "/name"),
    ({"name": "a\u202eb"}, "/name"),
    ({"name": "x" * 101}, "/name"),
    ({"url": None}, "/url"),
    ({"url": ["http://a"]}, "/url"),
    ({"url": ""}, "/url"),
    ({"url": "http://93.184.215.14/" + "x" * 2048}, "/url"),
    ({"kind": "Webhook"}, "/kind"),
    ({"kind": None}, "/kind"),
    ({"kind": 0}, "/kind"),
    ({"events": []}, "/events"),
    ({"events": "violation.created"}, "/events"),
    ({"events": ["violation.created", "violation.deleted"]}, "/events/1"),
    ({"events": [None]}, "/events/0"),
    ({"events": ["hook.test"]}, "/events/0"),
    ({"events": ["driver.threshold"]}, "/threshold"),
    ({"filter": None}, "/filter"),
    ({"filter": []}, "/filter"),
    ({"filter": {"terminalCode": ["PGH"]}}, "/filter/terminalCode"),
    ({"filter": {"terminalCodes": []}}, "/filter/terminalCodes"),
    ({"filter": {"terminalCodes": "PGH"}}, "/filter/terminalCodes"),
    ({"filter": {"terminalCodes": {"a": "b"}}}, "/filter/terminalCodes"),
    ({"filter": {"types": ["a", ""]}}, "/filter/types/1"),
    ({"filter": {"types": ["a", 7]}}, "/filter/types/1"),
    ({"filter": {"rulesets": ["x" * 1001]}}, "/filter/rulesets/0"),
    ({"filter": {"driverIds": [str(n) for n in range(1001)]}}, "/filter/driverIds"),
    ({"filter": {"driverIds": ["\0"]}}, "/filter/driverIds/0"),
    ({"filter": {"minDurationMinutes": -1}}, "/filter/minDurationMinutes"),
    ({"filter": {"minDurationMinutes": 1.5}}, "/filter/minDurationMinutes"),
    ({"filter": {"minDurationMinutes": "1"}}, "/filter/minDurationMinutes"),
    ({"filter": {"minDurationMinutes": True}}, "/filter/minDurationMinutes"),
    ({"filter": {"minDurationMinutes": 10**30}}, "/filter/minDurationMinutes"),
    ({"filter": {"minDurationMinutes": 10**400}}, "/filter/minDurationMinutes"),
    ({"filter": {"minDurationMinutes": float("nan")}}, "/filter/minDurationMinutes"),
    ({"filter": {"egregious": 1}}, "/filter/egregious"),
    ({"filter": {"egregious": "true"}}, "/filter/egregious"),
    ({"events": ["resource_operation.forward"]}, "/events/0"),
    ({"events": ["violation.created", "dvir_log.added"], "kind": "alertmanager"}, "/events"),
    ({"events": ["resource_operation.failed"], "kind": "alertmanager"}, "/events"),
    ({"events": ["dvir_log.added"], "digest": {"at": "06:00", "zone": "UTC"}}, "/events"),
    ({"events": ["dvir_log.added"], "threshold": {"atLeast": 3, "withinDays": 7}}, "/events"),
    ({"events": ["dvir_log.added"], "filter": {"safetyCritical": 1}}, "/filter/safetyCritical"),
    ({"events": ["dvir_log.added"], "filter": {"safetyCritical": "true"}}, "/filter/safetyCritical"),
    ({"events": ["resource_operation.failed"], "filter": {"safetyCritical": True}}, "/filter/safetyCritical"),
    ({"filter": {"safetyCritical": False}}, "/filter/safetyCritical"),
    ({"threshold": {"atLeast": 3}}, "/threshold/withinDays"),
    ({"threshold": {"atLeast": 0, "withinDays": 7}}, "/threshold/atLeast"),
    ({"threshold": {"atLeast": 3, "withinDays": 367}}, "/threshold/withinDays"),
    ({"threshold": {"atLeast": 3, "withinDays": 7, "per": "terminal"}}, "/threshold/per"),
    ({"threshold": {"atLeast": 3, "withinDays": 7}, "events": ["violation.created"]}, "/events"),
    ({"threshold": {"atLeast": 3, "withinDays": 7}, "kind": "alertmanager"}, "/threshold"),
    ({"digest": {"at": "24:00", "zone": "UTC"}}, "/digest/at"),
    ({"digest": {"at": "6:00", "zone": "UTC"}}, "/digest/at"),
    ({"digest": {"at": "06:00\n", "zone": "UTC"}}, "/digest/at"),
    ({"digest": {"at": "06:00"}}, "/digest/zone"),
    ({"digest": {"at": "06:00", "zone": "EST5"}}, "/digest/zone"),
    ({"digest": {"at": "06:00", "zone": "../UTC"}}, "/digest/zone"),
    ({"digest": {"at": "06:00", "zone": "UTC"}, "kind": "alertmanager"}, "/digest"),
    (
        {
            "digest": {"at": "06:00", "zone": "UTC"},
            "events": ["driver.threshold"],
            "threshold": {"atLeast": 3, "withinDays": 7},
        },
        "/events",
    ),
    ({"enabled": "yes"}, "/enabled"),
    ({"enabled": None}, "/enabled"),
    ({"secret": "whsec_AAAA"}, "/secret"),
    ({"id": "x"}, "/id"),
    ({"a/b~c": 1}, "/a~1b~0c"),
]


@pytest.mark.parametrize("changes,pointer", WRONG, ids=lambda value: str(value)[:60])
async def test_what_is_wrong_is_named_where_it_is(front: Front, changes: dict[str, object], pointer: str) -> None:
    body = changes if pointer in ("/name", "/url") and len(changes) < 2 and None not in changes.values() else {}
    asked = {"name": "Safety", "url": PUBLIC, **changes}
    if changes == {} or changes == {"name": "x"}:
        asked = body
    errors = await front.refused("POST", "", asked)
    assert pointer in errors
    assert errors[pointer].endswith(".")
    assert page_of(await front.given("GET")) == ([], None)


async def test_what_does_not_go_together_with_inspections_is_said_in_a_sentence(front: Front) -> None:
    asked = {"events": ["dvir_log.added"], "kind": "alertmanager"}
    told = "must have nothing of inspections in it for an Alertmanager, whose alerts stand for violations."
    assert await front.refused("POST", "", {"name": "x", "url": PUBLIC, **asked}) == {"/events": told}
    hook = await front.made(kind="alertmanager")
    assert await front.refused("PATCH", f"/{hook['id']}", {"events": ["dvir_log.added"]}) == {"/events": told}
    told = "is only for hooks that have dvir_log.added in events."
    hook = await front.made()
    errors = await front.refused("PATCH", f"/{hook['id']}", {"filter": {"safetyCritical": True}})
    assert errors == {"/filter/safetyCritical": told}


async def test_all_that_is_wrong_is_said_at_once(front: Front) -> None:
    errors = await front.refused("POST", "", {"kind": "x", "filter": {"typ": 1}, "also": 2})
    assert errors.keys() == {"/name", "/url", "/kind", "/filter/typ", "/also"}
    assert "terminalCodes" in errors["/filter/typ"]
    assert "threshold" in errors["/also"]


@pytest.mark.parametrize(
    "body,status",
    [
        (b"", 400),
        (b"{", 400),
        (b"name=x", 400),
        (b'{"name": "x"}}', 400),
        (b"\xff\xfe{}", 400),
        (b'{"name": "\xff", "url": "http://93.184.215.14"}', 400),
        (b"[" * 100_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"x"', 422),
        (b"1e999", 422),
        (b'{"name": "\\ud800", "url": "http://93.184.215.14"}', None),
        (b" " * (4 * 1024 * 1024 + 1), 413),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_bodies_that_are_no_hook(front: Front, method: str, body: bytes, status: int | None) -> None:
    path = f"/{(await front.made())['id']}" if method == "PATCH" else ""
    before = await front.given("GET")
    answer = await front.ask(method, path, body)
    assert_problem(answer, answer.status_code if status is None else status)
    assert 400 <= answer.status_code < 500
    assert await front.given("GET") == before


async def test_a_body_may_be_compressed_and_is_of_json_only(front: Front) -> None:
    body = json.dumps({"name": "Safety", "url": PUBLIC}).encode()
    assert (await front.ask("POST", "", gzip.compress(body), content_encoding="gzip")).status_code == 201
    assert_problem(await front.ask("POST", "", body, content_type="text/plain"), 415)
    assert_problem(await front.ask("POST", "", body, content_encoding="gzip"), 400)
    bomb = gzip.compress(b" " * (5 * 1024 * 1024))
    assert_problem(await front.ask("POST", "", bomb, content_encoding="gzip"), 413)
    assert_problem(await front.ask("POST", "?dryRun=true", body), 400)


async def test_hooks_are_listed_page_by_page_in_the_order_they_were_made(front: Front) -> None:
    made = [(await front.made(name=f"n{n}"))["id"] for n in range(5)]
    seen: list[object] = []
    items, cursor = page_of(await front.given("GET", "?limit=2"))
    while True:
        seen += [item["id"] for item in items]
        if cursor is None:
            break
        if len(seen) == 4:  # what was deleted meanwhile is left out, and nothing else
            await front.given("DELETE", f"/{made[2]}", None, 204)
        items, cursor = page_of(await front.given("GET", f"?limit=2&cursor={cursor}"))
    assert seen == made
    assert page_of(await front.given("GET", "?limit=4"))[1] is None
    _, cursor = page_of(await front.given("GET", "?limit=1"))
    for query in (
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?cursor=x",
        "?cursor=",
        f"?cursor={cursor}A",
        "?name=Safety",
        f"?cursor={cursor}&cursor={cursor}",
    ):
        assert_problem(await front.ask("GET", query), 400)
    hook_id = made[0]
    assert_problem(await front.ask("GET", f"/{hook_id}/deliveries?cursor={cursor}"), 400)


ODD_IDS = ["hook_0", "x", "%2F", "a%2Fb", "%00", "%F0%9F%9A%9A", "..%2f", "hook_%", "%ff", "x" * 2000, "-", "*"]


@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda odd: odd[:20])
@pytest.mark.parametrize("method,path", CALLS[2:])
async def test_there_is_no_such_hook(front: Front, method: str, path: str, odd: str) -> None:
    body = {"PATCH": b"{}", "POST": b'{"from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:00Z"}'}.get(method)
    answer = await front.ask(method, path.replace("{id}", odd), body if "replay" in path or method == "PATCH" else None)
    assert_problem(answer, answer.status_code)
    assert answer.status_code in ((400,) if odd in ("hook_%", "%ff") else (400, 404) if odd == "%00" else (404,))


@pytest.mark.parametrize("number", ["0", "1", "-1", "+1", "01x", "%31x", "9" * 19, "9" * 400, "\u0661", "1%2F2", "x"])
async def test_there_is_no_such_delivery(front: Front, number: str) -> None:
    hook_id = (await front.made())["id"]
    assert_problem(await front.ask("GET", f"/{hook_id}/deliveries/{number}"), 404)
    assert_problem(await front.ask("POST", f"/{hook_id}/deliveries/{number}/retry"), 404)


async def test_a_delivery_of_another_hook_is_not_there(front: Front) -> None:
    one, other = (await front.made())["id"], (await front.made())["id"]
    tested = await front.given("POST", f"/{one}/test")
    assert (await front.given("GET", f"/{one}/deliveries/{tested['id']}")) == tested
    assert_problem(await front.ask("GET", f"/{other}/deliveries/{tested['id']}"), 404)
    assert_problem(await front.ask("POST", f"/{other}/deliveries/{tested['id']}/retry"), 404)


@pytest.mark.parametrize("method,path", CALLS)
async def test_only_an_admin_key_of_all_terminals_may(front: Front, method: str, path: str) -> None:
    hook = await front.made()
    path = path.replace("{id}", str(hook["id"]))
    before = await front.given("GET")
    assert_problem(answer := await front.ask(method, path, key=None), 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert_problem(await front.ask(method, path, key="unknown"), 401)
    assert_problem(await front.ask(method, path, key=READER), 403)
    assert_problem(await front.ask(method, path, key=LIMITED), 403)
    assert await front.given("GET") == before


async def test_other_methods_are_named_as_such(front: Front) -> None:
    hook_id = (await front.made())["id"]
    for method, path, allowed in (
        ("PUT", "", {"GET", "HEAD", "POST"}),
        ("DELETE", "", {"GET", "HEAD", "POST"}),
        ("POST", f"/{hook_id}", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("GET", f"/{hook_id}/test", {"POST"}),
        ("DELETE", f"/{hook_id}/deliveries", {"GET", "HEAD"}),
    ):
        answer = await front.ask(method, path)
        assert_problem(answer, 405)
        assert {name.strip() for name in answer.headers["allow"].split(",")} == allowed
    for path in ("", f"/{hook_id}", f"/{hook_id}/deliveries"):
        assert (await front.ask("HEAD", path)).status_code == 200
    for path in ("/", f"/{hook_id}/", f"/{hook_id}/secret"):
        assert_problem(await front.ask("GET", path), 404)


async def test_a_request_id_that_was_sent_comes_back(front: Front) -> None:
    answer = await front.ask("GET", "/x", key=ADMIN, x_request_id="asked-1")
    assert assert_problem(answer, 404)["requestId"] == "asked-1"
