"""Where connections may lead, judged when they are made and when they are dialled; and how one is tested."""

import socket

from tests.dialling.answering import answering, http, saying
from tests.dvir_logs.depot import CONNECTIONS, DAY_SECONDS, PUBLIC, Depot, depot_on, logs_of, taken

TOKEN = "a-token-of-the-provider"
HTTP = {"name": "x", "kind": "http"}

NOT_PUBLIC = (
    "http://127.0.0.1:9/",
    "http://localhost:9/",
    "http://[::1]:9/",
    "http://10.1.2.3/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://[fd00::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://0.0.0.0/",
    "http://2130706433/",
)


async def test_only_public_addresses_may_be_dialled(database_url: str) -> None:
    async with depot_on(database_url, allowed=()) as depot:
        connection = await depot.connect()
        for url in NOT_PUBLIC:
            assert list(await depot.refused("POST", CONNECTIONS, {**HTTP, "url": url})) == ["/url"], url
            assert list(await depot.refused("PATCH", f"{CONNECTIONS}/{connection}", {"url": url})) == ["/url"], url
        assert (await depot.given("GET", f"{CONNECTIONS}/{connection}"))["url"] == PUBLIC
        assert (await depot.given("GET", CONNECTIONS))["total"] == 2


async def test_the_address_is_judged_when_it_is_dialled(database_url: str) -> None:
    """What was allowed, or led elsewhere, when the connection was made."""
    async with answering(saying(taken("1"))) as provider:
        async with depot_on(database_url) as depot:
            connection = await depot.connect(provider.url)
        async with depot_on(database_url, allowed=("192.0.2.0/24",)) as depot:
            shown = await depot.send(connection, is_sync=True)
            tested = await depot.given("POST", f"{CONNECTIONS}/{connection}/test")
            async with depot.house.delivering():
                pending = await depot.tried(await depot.send(connection), 1)
        assert provider.connections == 0
        assert (shown["status"], logs_of(shown)[0]["error_type"]) == ("failed", "refused")
        assert (pending["status"], logs_of(pending)[0]["error_type"]) == ("pending", "refused")
        assert "127.0.0.1" in str(logs_of(pending)[0]["error_details"])
        assert (tested["is_reachable"], tested["response_status_code"]) == (False, None)
        async with depot_on(database_url) as depot, depot.house.delivering():
            depot.house.clock.pass_by(DAY_SECONDS)
            assert (await depot.ended(pending))["status"] == "success"


async def test_a_name_that_does_not_resolve_now_may_later(depot: Depot) -> None:
    connection = await depot.connect("http://provider.invalid/dvir")
    shown = await depot.send(connection, is_sync=True)
    assert shown["status"] == "failed"
    assert logs_of(shown)[0]["response_status_code"] is None


async def test_a_test_posts_an_empty_object(depot: Depot) -> None:
    async with answering(saying(http(422, b"driver_id is missing"), http(200))) as provider:
        connection = await depot.connect(provider.url, credentials={"type": "bearer", "token": TOKEN})
        first = await depot.given("POST", f"{CONNECTIONS}/{connection}/test")
        second = await depot.given("POST", f"{CONNECTIONS}/{connection}/test")
    assert (first["is_reachable"], first["response_status_code"]) == (True, 422)
    assert (second["is_reachable"], second["response_status_code"]) == (True, 200)
    assert {request.body for request in provider.asked} == {b"{}"}
    assert {request.headers["authorization"] for request in provider.asked} == {f"Bearer {TOKEN}"}
    assert len({request.headers["idempotency-key"] for request in provider.asked}) == 2
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = await depot.connect(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        tested = await depot.given("POST", f"{CONNECTIONS}/{gone}/test")
    assert (tested["is_reachable"], tested["response_status_code"]) == (False, None)
    assert await depot.items() == []


async def test_nobody_there(depot: Depot) -> None:
    async with answering(saying(taken("x"))) as provider:
        url = provider.url
    connection = await depot.connect(url)
    shown = await depot.send(connection, is_sync=True)
    (log,) = logs_of(shown)
    assert (shown["status"], log["error_type"], log["response_status_code"]) == ("failed", "unreachable", None)
