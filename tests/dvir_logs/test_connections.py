"""Connections: made, listed, changed, removed, for whom, and how their secrets are kept."""

from app.dialling.sealing import Seal
from app.hooks.store import all_hooks
from app.inspections.connections import LOCAL_ID
from app.keys.schema import Scope
from app.maven.ijson_grammar import Json
from tests.alerts.alerted import created
from tests.alerts.hook_api import front_on
from tests.dialling.answering import answering, http, saying
from tests.dvir_logs.depot import (
    CONNECTIONS,
    DAY_SECONDS,
    LOGS,
    PUBLIC,
    Depot,
    Shown,
    bearer,
    depot_on,
    items_of,
    logs_of,
    taken,
)
from tests.ingest.served import assert_problem
from tests.inspections.samples import report, uuid_of, words

LOCAL_PATH = f"{CONNECTIONS}/{LOCAL_ID}"
SHOWN = words("id name kind url method credentials mapping fleet_ref source_name created_at updated_at")
OLD_KEY, NEW_KEY = "the old key of the depot", "the new key of the depot"
TOKEN = "a-token-of-the-provider"


async def test_made_listed_changed_removed(depot: Depot) -> None:
    listed = await depot.given("GET", CONNECTIONS)
    assert (listed["total"], listed["next_page"]) == (1, None)
    (local,) = items_of(listed)
    assert list(local) == SHOWN
    assert (local["id"], local["kind"], local["name"], local["url"]) == (LOCAL_ID, "local", "local", None)
    asked = {"name": "Provider", "kind": "http", "url": PUBLIC, "mapping": {"odometer": None}, "fleet_ref": "f"}
    answer = await depot.ask("POST", CONNECTIONS, {**asked, "credentials": {"type": "bearer", "token": TOKEN}})
    made = answer.json()
    assert (answer.status_code, list(made)) == (201, SHOWN)
    path = f"{CONNECTIONS}/{made['id']}"
    assert answer.headers["location"] == path
    assert {**made, **asked, "method": "POST", "credentials": {"type": "bearer"}, "source_name": None} == made
    assert await depot.given("GET", path) == made
    second = await depot.given("POST", CONNECTIONS, {"name": "Archive", "kind": "local", "source_name": "s"}, 201)
    assert items_of(await depot.given("GET", CONNECTIONS)) == [local, made, second]
    assert (await depot.send(str(second["id"]), is_sync=True))["source_name"] == "s"
    await depot.given("DELETE", path, status=204)
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert_problem(await depot.ask(method, path, body), 404)
    assert_problem(await depot.ask("POST", f"{path}/test"), 404)
    assert_problem(await depot.ask("POST", LOGS, report(str(made["id"]))), 404)
    assert items_of(await depot.given("GET", CONNECTIONS)) == [local, second]


async def test_the_local_one_is_always_there(depot: Depot) -> None:
    problem = assert_problem(await depot.ask("DELETE", LOCAL_PATH), 409)
    assert problem["detail"] == "The local connection is always there."
    renamed = await depot.given("PATCH", LOCAL_PATH, {"name": "Here", "fleet_ref": "f", "mapping": {"odometer": "o"}})
    assert (renamed["name"], renamed["fleet_ref"], renamed["kind"]) == ("Here", "f", "local")
    assert await depot.refused("PATCH", LOCAL_PATH, {"url": PUBLIC, "credentials": None}) == {
        "/url": "is only for kind http: a local connection keeps inspections here.",
        "/credentials": "is only for kind http: a local connection keeps inspections here.",
    }
    assert (await depot.given("POST", f"{LOCAL_PATH}/test"))["is_reachable"] is True
    assert (await depot.send(is_sync=True))["fleet_ref"] == "f"


HTTP: Shown = {"name": "x", "kind": "http", "url": PUBLIC}
LONG = "x" * 101
WRONG: list[tuple[dict[str, Json], str]] = [
    ({"kind": "http"}, "/url"),
    ({"kind": "local", "url": PUBLIC}, "/url"),
    ({"kind": "local", "credentials": {"type": "bearer", "token": "t"}}, "/credentials"),
    ({"kind": "local", "method": "POST"}, "/method"),
    ({**HTTP, "name": ""}, "/name"),
    ({**HTTP, "name": LONG}, "/name"),
    ({**HTTP, "name": None}, "/name"),
    ({**HTTP, "name": "\0"}, "/name"),
    ({**HTTP, "kind": "webhook"}, "/kind"),
    ({**HTTP, "kind": None}, "/kind"),
    ({**HTTP, "url": ""}, "/url"),
    ({**HTTP, "url": 5}, "/url"),
    ({**HTTP, "url": "ftp://93.184.215.14/"}, "/url"),
    ({**HTTP, "url": "http://user:pass@93.184.215.14/"}, "/url"),
    ({**HTTP, "url": "http://93.184.215.14/" + "x" * 2083}, "/url"),
    ({**HTTP, "method": "PUT"}, "/method"),
    ({**HTTP, "fleet_ref": ""}, "/fleet_ref"),
    ({**HTTP, "source_name": "\uffff"}, "/source_name"),
    ({**HTTP, "id": LOCAL_ID}, "/id"),
    ({**HTTP, "mapping": []}, "/mapping"),
    ({**HTTP, "mapping": None}, "/mapping"),
    ({**HTTP, "mapping": {"brand_new": "x"}}, "/mapping/brand_new"),
    ({**HTTP, "mapping": {"driver_id": ""}}, "/mapping/driver_id"),
    ({**HTTP, "mapping": {"driver_id": LONG}}, "/mapping/driver_id"),
    ({**HTTP, "mapping": {"driver_id": 5}}, "/mapping/driver_id"),
    ({**HTTP, "mapping": {"driver_id": "a", "vehicle_id": "a"}}, "/mapping"),
    ({**HTTP, "mapping": {"driver_id": "vehicle_id"}}, "/mapping"),
    ({**HTTP, "credentials": TOKEN}, "/credentials"),
    ({**HTTP, "credentials": {}}, "/credentials/type"),
    ({**HTTP, "credentials": {"type": "digest"}}, "/credentials/type"),
    ({**HTTP, "credentials": {"type": "bearer"}}, "/credentials/token"),
    ({**HTTP, "credentials": {"type": "bearer", "token": ""}}, "/credentials/token"),
    ({**HTTP, "credentials": {"type": "bearer", "token": "a\r\nX: y"}}, "/credentials/token"),
    ({**HTTP, "credentials": {"type": "bearer", "token": "trailing "}}, "/credentials/token"),
    ({**HTTP, "credentials": {"type": "bearer", "token": "ü"}}, "/credentials/token"),
    ({**HTTP, "credentials": {"type": "bearer", "token": TOKEN, "realm": "x"}}, "/credentials/realm"),
    ({**HTTP, "credentials": {"type": "basic", "username": "u"}}, "/credentials/password"),
    ({**HTTP, "credentials": {"type": "basic", "username": "a:b", "password": "p"}}, "/credentials/username"),
    ({**HTTP, "credentials": {"type": "header", "name": "Host", "value": "v"}}, "/credentials/name"),
    ({**HTTP, "credentials": {"type": "header", "name": "idempotency-KEY", "value": "v"}}, "/credentials/name"),
    ({**HTTP, "credentials": {"type": "header", "name": "a b", "value": "v"}}, "/credentials/name"),
    ({**HTTP, "credentials": {"type": "header", "name": "x-key", "value": " v"}}, "/credentials/value"),
]


async def test_what_cannot_be_made(depot: Depot) -> None:
    for asked, pointer in WRONG:
        found = await depot.refused("POST", CONNECTIONS, {"name": "x", **asked})
        assert list(found) == [pointer], (asked, found)
        assert TOKEN not in str(found)
    for body, status in ((b"", 400), (b"{", 400), (b"[]", 422), (b"null", 422)):
        await depot.refused("POST", CONNECTIONS, body, status)
    answer = await depot.ask("POST", CONNECTIONS, b"{}", {**bearer("an-admin-key-for-tests"), "Content-Type": "x/y"})
    assert_problem(answer, 415)
    assert_problem(await depot.ask("POST", CONNECTIONS, {**HTTP, "mapping": {}, "x": "y" * 70_000}), 413)
    assert_problem(await depot.ask("GET", f"{CONNECTIONS}?page=2"), 400)
    assert (await depot.given("GET", CONNECTIONS))["total"] == 1


async def test_changes(depot: Depot) -> None:
    async with answering(saying(http(401), taken("1"))) as provider, answering(saying(taken("2"))) as other:
        connection = await depot.connect(provider.url, mapping={"odometer": "o"}, fleet_ref="f", source_name="s")
        path = f"{CONNECTIONS}/{connection}"
        before = await depot.given("GET", path)
        same = await depot.given("PATCH", path, {})
        assert {**same, "updated_at": before["updated_at"]} == before
        for name in ("name", "url"):
            assert await depot.refused("PATCH", path, {name: None}) == {f"/{name}": "must not be null."}
        for wrong, pointer in WRONG:
            name = pointer.split("/")[1]
            if wrong.keys() >= HTTP.keys() and wrong[name] is not None:
                assert list(await depot.refused("PATCH", path, {name: wrong[name]})) == [pointer], wrong
        assert await depot.send(connection, is_sync=True)
        changed = await depot.given("PATCH", path, {"credentials": {"type": "header", "name": "X-Key", "value": TOKEN}})
        assert changed["credentials"] == {"type": "header"}
        assert str(changed["updated_at"]) > str(before["updated_at"])
        assert (await depot.send(connection, is_sync=True))["source_id"] == "1"
        await depot.given("PATCH", path, {"name": "Other", "fleet_ref": None, "source_name": None, "mapping": None})
        last = await depot.given("PATCH", path, {"url": other.url, "credentials": None})
        assert {name: last[name] for name in ("name", "fleet_ref", "source_name", "mapping", "url", "credentials")} == {
            "name": "Other",
            "fleet_ref": None,
            "source_name": None,
            "mapping": {},
            "url": other.url,
            "credentials": None,
        }
        assert (await depot.send(connection, is_sync=True))["source_id"] == "2"
    assert [request.headers.get("x-key") for request in provider.asked] == [None, TOKEN]
    assert other.asked[0].headers.get("x-key") is None


async def test_a_change_lets_what_waits_be_tried_at_once(depot: Depot) -> None:
    async with answering(saying(http(429, b"", "Retry-After: 9000"))) as wrong, answering(saying(taken("1"))) as right:
        connection = await depot.connect(wrong.url)
        async with depot.house.delivering():
            pending = await depot.send(connection)
            await depot.tried(pending, 1)
            await depot.given("PATCH", f"{CONNECTIONS}/{connection}", {"url": right.url})
            assert (await depot.ended(pending))["source_id"] == "1"
    assert len(wrong.asked) == 1


async def test_removing_one_ends_its_operations(depot: Depot) -> None:
    async with answering(saying(http(500))) as provider:
        connection, other = await depot.connect(provider.url), await depot.connect(provider.url)
        async with depot.house.delivering():
            tried = await depot.send(connection)
            await depot.tried(tried, 1)
            kept = await depot.send(other)
        waiting = await depot.send(connection)
        await depot.given("DELETE", f"{CONNECTIONS}/{connection}", status=204)
        for sent, attempts in ((tried, 2), (waiting, 1)):
            shown = await depot.operation(sent)  # an operation can be looked at for ever
            assert (shown["status"], len(logs_of(shown))) == ("failed", attempts)
            log = logs_of(shown)[-1]
            assert (log["error_type"], log["error_details"]) == ("removed", "The connection was removed.")
        assert (await depot.operation(kept))["status"] == "pending"
        asked = len(provider.asked)
        await depot.given("DELETE", f"{CONNECTIONS}/{other}", status=204)
        async with depot.house.delivering():
            depot.house.clock.pass_by(DAY_SECONDS)
            await depot.house.chores.work()
            assert (await depot.send(is_sync=True))["status"] == "success"
    assert len(provider.asked) <= asked + 1
    rows = await depot.house.database.fetch("SELECT count(*) FROM deliveries")
    assert rows[0][0] == 0  # the chores have swept up


async def test_only_admins_who_see_everything_handle_connections(depot: Depot) -> None:
    connection = await depot.connect()
    path = f"{CONNECTIONS}/{connection}"
    requests: list[tuple[str, str, object]] = [
        ("GET", CONNECTIONS, None),
        ("POST", CONNECTIONS, HTTP),
        ("GET", path, None),
        ("PATCH", path, {"name": "x"}),
        ("POST", f"{path}/test", None),
        ("DELETE", path, None),
        ("GET", f"{CONNECTIONS}/{uuid_of(7)}", None),
    ]
    others = [Scope.READ, Scope.REVIEW, Scope.LOG_READ, Scope.LOG_WRITE, Scope.DVIR_READ, Scope.DVIR_WRITE]
    keys = [
        await depot.make_key("others", *others),
        await depot.make_key("webhook", Scope.WEBHOOK),
        await depot.make_key("limited", Scope.ADMIN, terminals=["PGH"]),
    ]
    for method, asked, body in requests:
        for key in keys:
            assert_problem(await depot.ask(method, asked, body, bearer(key)), 403)
        assert_problem(await depot.ask(method, asked, body, bearer("wrong")), 401)
        assert_problem(await depot.ask(method, asked, body, {"x-nothing": "1"}), 401)
    assert (await depot.given("GET", path))["name"] == "Provider"
    assert (await depot.given("GET", CONNECTIONS))["total"] == 2


async def test_a_connection_is_no_hook(database_url: str) -> None:
    async with depot_on(database_url) as depot, answering(saying(http(500))) as provider:
        connection = await depot.connect(provider.url)
        async with depot.house.delivering():
            await depot.tried(await depot.send(connection), 1)
        await depot.house.keep(created("v1"))  # it is told of no violation
        rows = await depot.house.database.fetch("SELECT pk FROM deliveries")
        (delivery,) = [row[0] for row in rows]
    async with front_on(database_url) as front:
        assert (await front.given("GET"))["data"] == []
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "x"}),
            ("DELETE", "", None),
            ("POST", "/test", None),
            ("POST", "/rotate-secret", None),
            ("POST", "/replay", {"from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:00Z"}),
            ("GET", "/deliveries", None),
            ("POST", f"/deliveries/{delivery}/retry", None),
        ):
            assert_problem(await front.ask(method, f"/{connection}{path}", body), 404)


async def test_secrets_are_sealed_and_sealed_anew(database_url: str) -> None:
    async with answering(saying(taken("1"))) as provider:
        async with depot_on(database_url) as depot:
            connection = await depot.connect(provider.url, credentials={"type": "bearer", "token": TOKEN})
            assert TOKEN in await stored(depot)  # as with hooks, without a key nothing is sealed
        for key in (OLD_KEY, f"{NEW_KEY},{OLD_KEY}", NEW_KEY):
            async with depot_on(database_url, key=key) as depot:
                assert (await depot.send(connection, is_sync=True))["status"] == "success"
                await depot.house.chores.work()
                text = await stored(depot)
                assert TOKEN not in text
                assert provider.url not in text
                hooks = await depot.house.database.read(all_hooks())
                assert all(Seal(key).is_current(hook.url) for hook in hooks)
                assert all(Seal(key).is_current(one.sealed) for hook in hooks for one in hook.secrets)
        async with depot_on(database_url, key=OLD_KEY) as depot:
            shown = await depot.send(connection, is_sync=True)
            assert (shown["status"], logs_of(shown)[0]["error_type"]) == ("failed", "unreadable")
            assert (await depot.given("GET", f"{CONNECTIONS}/{connection}"))["url"] is None
            await depot.given("PATCH", f"{CONNECTIONS}/{connection}", {"url": provider.url, "credentials": None})
            assert (await depot.send(connection, is_sync=True))["status"] == "success"
    assert [request.headers.get("authorization") for request in provider.asked] == [f"Bearer {TOKEN}"] * 3 + [None]


async def stored(depot: Depot) -> str:
    """All that the database has of connections, as text."""
    rows = await depot.house.database.fetch("SELECT url, secrets, shown_url FROM hooks")
    rows = [*rows, *await depot.house.database.fetch("SELECT * FROM connections")]
    return "\n".join(str(tuple(row)) for row in rows)
