"""The endpoint as an ASGI application, without a server: who is answered, what is remembered, how long answers end."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from app.maven.standin import Faults, HeldEvents, StandIn, enveloped
from app.maven.times import SECOND

NOW = 1_700_000_000 * SECOND  # 2023-11-14T22:13:20Z
START = "2023-11-14T22:00:00Z"


def standing(count: int = 5, **options: Any) -> StandIn:
    """A queue with one event a second, the last of them saved right now."""
    held = HeldEvents()
    for number in range(count):
        saved_at = NOW - (count - 1 - number) * SECOND
        held.add(saved_at, enveloped(f"e{number}", "stopArrival", saved_at, {"stop": number}))
    return StandIn(held, **{"clock": lambda: NOW, **options})


class Exchange:
    """One request: what was sent back, and a client that goes after so many messages."""

    def __init__(self, leaves_after: int = 1_000_000) -> None:
        self.messages: list[Any] = []
        self.left = asyncio.Event()
        self.leaves_after = leaves_after
        self.is_read = False

    async def receive(self) -> dict[str, Any]:
        if not self.is_read:
            self.is_read = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        if len(self.messages) >= self.leaves_after:
            self.left.set()

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


def scope(
    query: dict[str, Any] | str, key: str | None = "standin", path: str = "/return-events", method: str = "GET"
) -> dict[str, Any]:
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    headers = [(b"host", b"maven"), *([] if key is None else [(b"apikey", key.encode())])]
    return {"type": "http", "method": method, "path": path, "query_string": text.encode(), "headers": headers}


def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await work

    asyncio.run(bounded())


def ask(standin: StandIn, request: dict[str, Any], leaves_after: int = 1_000_000) -> Exchange:
    exchange = Exchange(leaves_after)
    within(10, standin(request, exchange.receive, exchange.send))
    return exchange


def refusal(exchange: Exchange) -> tuple[int, str]:
    content = orjson.loads(exchange.body)
    assert set(content) == {"type", "message"}
    return exchange.status, content["type"]


def test_a_page_is_the_events_as_held_and_where_to_go_on() -> None:
    standin = standing(page_size=2)
    exchange = ask(standin, scope({"startTime": START}))
    assert exchange.status == 200
    assert exchange.headers["content-type"] == "application/json; charset=utf-8"
    assert exchange.headers["content-length"] == str(len(exchange.body))
    assert exchange.headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert orjson.loads(exchange.body) == {
        "events": [
            {"id": "e0", "timestamp": "2023-11-14T22:13:16.000Z", "eventType": "stopArrival", "data": {"stop": 0}},
            {"id": "e1", "timestamp": "2023-11-14T22:13:17.000Z", "eventType": "stopArrival", "data": {"stop": 1}},
        ],
        "pagination": {"nextPageStartTime": "2023-11-14T22:13:18.000Z", "hasNextPage": True},
    }


@pytest.mark.parametrize(
    "query, ids, next_time, has_next",
    [
        ({"startTime": "2023-11-14T22:13:19.000Z"}, ["e3", "e4"], "2023-11-14T22:13:20.000Z", False),
        ({"startTime": "2023-11-14T22:13:20.001Z"}, [], None, False),
        ({"startTime": START, "endTime": "2023-11-14T22:13:17.000Z"}, ["e0", "e1"], "2023-11-14T22:13:17.000Z", False),
        ({"startTime": "2023-11-14T23:13:19+01:00"}, ["e3", "e4"], "2023-11-14T22:13:20.000Z", False),
        ({"startTime": "1971-01-01T00:00:00Z", "ids": ["e4", "e1"]}, ["e1", "e4"], "2023-11-14T22:13:20.000Z", False),
        ({"startTime": START, "ids": "e2,e0,no"}, ["e0", "e2"], "2023-11-14T22:13:18.000Z", False),
        ({"startTime": "2023-11-14T22:13:17Z", "ids[]": "e0"}, [], None, False),
    ],
)
def test_what_is_asked_for(query: dict[str, Any], ids: list[str], next_time: str | None, has_next: bool) -> None:
    content = orjson.loads(ask(standing(), scope(query)).body)
    assert [event["id"] for event in content["events"]] == ids
    assert content["pagination"] == {"nextPageStartTime": next_time, "hasNextPage": has_next}


@pytest.mark.parametrize("key", [None, "", "Standin", "standin ", "ståndin"])
def test_a_key_that_is_missing_or_wrong_is_401(key: str | None) -> None:
    assert refusal(ask(standing(), scope({"startTime": START}, key))) == (401, "UNAUTHORIZED")
    # Before it is looked at what is asked for.
    assert refusal(ask(standing(), scope({}, key))) == (401, "UNAUTHORIZED")


def test_two_keys_are_none() -> None:
    request = scope({"startTime": START})
    request["headers"] *= 2
    assert refusal(ask(standing(), request)) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "query, says",
    [
        ("", "startTime is required"),
        ("endTime=2024-01-01T00:00:00Z", "startTime is required"),
        ("startTime=", "startTime must be an ISO 8601 date and time"),
        ("startTime=yesterday", "startTime must be an ISO 8601 date and time"),
        # A plus sign that was not escaped is a space.
        ("startTime=2023-11-14T22:00:00+01:00", "startTime must be an ISO 8601 date and time"),
        # Maven does not read back its own malformed cursor.
        ("startTime=2023-04-09T21:55::42.000Z", "startTime must be an ISO 8601 date and time"),
        ("startTime=2023-11-14&startTime=2023-11-15", "startTime must be given once"),
        ("startTime=2023-11-14T22:00:00Z&endTime=x", "endTime must be an ISO 8601 date and time"),
        ("startTime=2023-11-14T22:00:00Z&endTime=2023-11-14T21:59:59Z", "endTime must not be before startTime"),
    ],
)
def test_what_cannot_be_asked_for_is_400_and_says_why(query: str, says: str) -> None:
    exchange = ask(standing(), scope(query))
    assert refusal(exchange) == (400, "BAD_REQUEST")
    assert orjson.loads(exchange.body)["message"].startswith(says)


@pytest.mark.parametrize("path, method", [("/", "GET"), ("/return-events/", "GET"), ("/return-events", "POST")])
def test_everything_else_is_404_and_no_fault_is_spent_on_it(path: str, method: str) -> None:
    standin = standing()
    standin.faults.switch_on("unauthorized", 1)
    assert refusal(ask(standin, scope({"startTime": START}, path=path, method=method))) == (404, "NOT_FOUND")
    assert list(standin.faults.active) == ["unauthorized"]


def test_a_fault_of_pages_is_not_spent_on_a_refusal() -> None:
    standin = standing()
    standin.faults.switch_on("next-stays", 1)
    assert ask(standin, scope({})).status == 400
    assert ask(standin, scope({"startTime": START}, key="wrong")).status == 401
    content = orjson.loads(ask(standin, scope({"startTime": START})).body)
    assert content["pagination"]["nextPageStartTime"] == "2023-11-14T22:00:00.000Z"
    assert list(standin.faults.active) == []


def test_what_is_saved_later_is_shown_when_its_time_comes() -> None:
    now = [NOW]
    standin = standing(clock=lambda: now[0])
    standin.held.add(NOW + SECOND, enveloped("later", "stopArrival", NOW + SECOND, {}))
    counts = []
    for _ in range(2):
        counts.append(len(orjson.loads(ask(standin, scope({"startTime": START})).body)["events"]))
        now[0] += SECOND
    assert counts == [5, 6]


def test_the_last_requests_are_remembered_with_what_they_were_answered() -> None:
    standin = standing(page_size=2)
    standin.faults.switch_on("malformed-next", 1)
    ask(standin, scope({"startTime": START, "ids": "e0,e1,e2"}))
    ask(standin, scope({"endTime": START}))
    first, second = standin.asked
    assert (first.at_us, first.path, first.start_time, first.end_time) == (NOW, "/return-events", START, None)
    assert (first.ids, first.status, first.event_count, first.has_next) == (("e0", "e1", "e2"), 200, 2, True)
    assert (first.next_start_time, list(first.faults)) == ("2023-11-14T22:13::18.000Z", ["malformed-next"])
    assert (second.start_time, second.end_time, second.status, second.next_start_time) == (None, START, 400, None)
    for _ in range(1010):
        ask(standin, scope({}))
    assert (len(standin.asked), standin.request_count) == (1000, 1012)


def test_a_request_can_be_waited_for() -> None:
    async def both() -> None:
        standin = standing()
        waiting = asyncio.create_task(standin.until_asked(2))
        for count in (1, 2):
            exchange = Exchange()
            await standin(scope({}), exchange.receive, exchange.send)
            await asyncio.sleep(0)
            assert waiting.done() == (count == 2)
        await standin.until_asked(2)

    within(10, both())


def test_an_endless_answer_ends_when_the_client_goes() -> None:
    standin = standing()
    standin.faults.switch_on("endless")
    exchange = ask(standin, scope({"startTime": START}), leaves_after=50)
    assert 50 <= len(exchange.messages) < 60
    assert all(message["more_body"] for message in exchange.messages[1:])
    assert "content-length" not in exchange.headers
    assert len(exchange.body) > 1_000_000
    # What came so far is the beginning of a page: a reader cannot tell but by its size.
    assert len(orjson.loads(exchange.body + b"]}")["events"]) == 5


def test_a_slow_answer_comes_byte_by_byte_and_is_whole() -> None:
    standin = standing(faults=Faults(slow_seconds=0))
    whole = ask(standin, scope({"startTime": START}))
    standin.faults.switch_on("slow")
    exchange = ask(standin, scope({"startTime": START}))
    assert exchange.body == whole.body
    assert {len(message["body"]) for message in exchange.messages[1:]} == {1}
    assert [message["more_body"] for message in exchange.messages[-2:]] == [True, False]


def test_a_slow_answer_ends_when_the_client_goes() -> None:
    standin = standing(faults=Faults(slow_seconds=3600))
    standin.faults.switch_on("slow")
    assert ask(standin, scope({"startTime": START}), leaves_after=2).body == b"{"


def test_a_silent_answer_is_none() -> None:
    async def both() -> None:
        standin = standing()
        standin.faults.switch_on("silent")
        exchange = Exchange()
        asking = asyncio.create_task(standin(scope({"startTime": START}), exchange.receive, exchange.send))
        await standin.until_asked(1)
        exchange.left.set()
        await asking
        assert exchange.messages == []
        assert (standin.asked[0].status, list(standin.asked[0].faults)) == (None, ["silent"])

    within(10, both())


def test_it_speaks_http_only() -> None:
    with pytest.raises(RuntimeError, match="websocket"):
        ask(standing(), {"type": "websocket"})


def test_a_page_holds_something() -> None:
    with pytest.raises(ValueError, match="page_size"):
        standing(page_size=0)
