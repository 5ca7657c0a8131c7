"""One violation: its entity tag, its events as received, and that other terminals' are unknown."""

import json
from collections.abc import AsyncIterator

import pytest

from app.inbox.model import Channel
from app.query.pages import PAGE_BYTES
from app.query.violations import INLINE_BYTES
from tests.maven.examples import as_bytes, enveloped, flat_event, violation_data
from tests.query.desk import BEGIN, Desk, open_desk, path_of

pytestmark = pytest.mark.anyio

WEIRD_IDS = [
    "a/b",
    "a%2Fb",
    "%",
    "%25",
    ".",
    "..",
    " ",
    "ü",
    "\U0001f69a",
    "\u2028\t\n",
    "?q=1#x",
    "'\";--\\",
    "a,b",
    "ü" * 255,
]


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened


async def test_any_id_works_and_is_its_own(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id=violation_id) for violation_id in WEIRD_IDS]))
    for violation_id in WEIRD_IDS:
        answer = await desk.get(path_of(violation_id))
        assert (answer.status_code, answer.json().get("id")) == (200, violation_id)
        events = await desk.walk(path_of(violation_id, "/events"))
        assert [event["outcome"] for event in events] == ["created"]


async def test_it_is_what_the_list_has(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    (listed,) = await desk.walk("/v1/violations")
    shown = (await desk.get("/v1/violations/v")).json()
    assert "review" in shown
    assert shown == {**listed, "review": shown["review"]}


@pytest.mark.parametrize("path", ["nope", "%00", "v%00", "%EF%BF%BF", "V", "v%20"])
async def test_unknown_ids_are_404(desk: Desk, path: str) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    for rest in ("", "/events"):
        answer = await desk.get(f"/v1/violations/{path}{rest}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems/not-found"


async def test_ids_that_are_no_utf8_are_400(desk: Desk) -> None:
    for rest in ("", "/events"):
        assert (await desk.get(f"/v1/violations/%ff{rest}")).status_code == 400
    assert (await desk.get("/v1/drivers/%ff/violations")).status_code == 400


@pytest.mark.parametrize("query", ["x=1", "asOf=2024-01-01T00:00:00Z", "limit=1"])
async def test_a_violation_takes_no_parameters(desk: Desk, query: str) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    assert (await desk.get(f"/v1/violations/v?{query}")).status_code == 400
    assert (await desk.get("/v1/violations/v/events?limit=0")).status_code == 400
    assert (await desk.get("/v1/violations/v/events?sort=x")).status_code == 400


async def test_the_entity_tag_changes_with_the_answer_and_only_then(desk: Desk) -> None:
    body = as_bytes(flat_event(id="v"))
    await desk.receive(body)
    first = await desk.get("/v1/violations/v")
    await desk.receive(body, as_bytes(flat_event(id="w")), at=BEGIN + 1)  # a duplicate, and another violation
    again = await desk.get("/v1/violations/v")
    assert (again.headers["etag"], again.content) == (first.headers["etag"], first.content)
    assert (await desk.get("/v1/violations/w")).headers["etag"] != first.headers["etag"]
    seen = {first.headers["etag"]}
    for number, event in enumerate(
        (
            flat_event(id="v", eventTime="2023-01-01T00:00:00Z"),  # superseded: only lastReceivedAt changes
            flat_event(id="v", eventTime="2024-01-02T00:00:00Z"),
            flat_event("violationInvalidated", id="v", eventTime="2024-01-03T00:00:00Z"),
            flat_event(id="v", eventTime="2024-01-04T00:00:00Z"),
        )
    ):
        await desk.receive(as_bytes(event), at=BEGIN + 2 + number)
        answer = await desk.get("/v1/violations/v", if_none_match=", ".join(seen))
        assert answer.status_code == 200
        assert answer.headers["etag"].startswith('"')
        seen.add(answer.headers["etag"])
    assert len(seen) == 5


async def test_what_is_held_is_not_sent_again(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    tag = (await desk.get("/v1/violations/v")).headers["etag"]
    for held in (tag, f"W/{tag}", f'"x", {tag}', f'W/"y" , W/{tag}', f'"a,b",{tag}', f", ,{tag} , ,", "*", " * "):
        answer = await desk.get("/v1/violations/v", if_none_match=held)
        assert (answer.status_code, answer.content) == (304, b""), held
        assert answer.headers["etag"] == tag
        assert "content-length" not in answer.headers
        assert (await desk.get("/v1/violations/v", method="HEAD", if_none_match=held)).status_code == 304
    broken = (f"{tag}x", f"{tag} {tag}", f"x{tag}", f"w/{tag}", f'{tag}, "x', f"{tag}, *", f"{tag};q=1")
    for other in ('"x"', tag.strip('"'), tag[:-2] + '"', f'"{tag}', "", ",", "**", *broken):
        assert (await desk.get("/v1/violations/v", if_none_match=other)).status_code == 200, other
    assert (await desk.get("/v1/violations/nope", if_none_match="*")).status_code == 404


async def test_a_limited_key_learns_nothing_of_other_terminals(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id="pgh"), flat_event(id="none", terminalCode=None)]))
    key = desk.limit_key(["CLE"])
    tag = (await desk.get("/v1/violations/pgh")).headers["etag"]
    unknown = await desk.get("/v1/violations/xyz", key)
    for rest in ("", "/events"):
        for violation_id in ("pgh", "none"):
            answer = await desk.get(f"/v1/violations/{violation_id}{rest}", key, if_none_match=tag)
            assert answer.status_code == 404
            assert answer.json()["detail"] == unknown.json()["detail"].replace("xyz", violation_id)
            assert answer.headers.keys() == unknown.headers.keys()
    assert (await desk.get("/v1/violations/pgh", desk.limit_key(["PGH", "CLE"]))).status_code == 200


async def test_events_are_as_received_oldest_first(desk: Desk) -> None:
    first = (
        b'{ "eventType":"violationCreated", "id":"v", "eventTime":"2024-01-01T00:00:00.5+01:00", "driverId":"\\u00fc",'
        b' "type":"x", "startTime":"2024-01-01T00:00:00", "unknown": [1.50, 1e2, {"b":1,"a":"\xe2\x80\xa8"}] }'
    )
    old = enveloped(violation_data(id="v", eventTime="2020-01-01T00:00:00Z"), "violationInvalidated", 7)
    last = as_bytes(enveloped(violation_data(id="v", eventTime="2025-01-01T00:00:00Z"), "violationInvalidated", "e-2"))
    await desk.receive(first)
    await desk.receive(as_bytes(old), first, at=BEGIN + 1, channel=Channel.POLL)
    await desk.receive(last, at=BEGIN + 2, channel=Channel.REPLAY)
    answer = await desk.get("/v1/violations/v/events")
    assert b'"payload":' + first + b"}" in answer.content
    assert answer.json()["pagination"] == {"nextCursor": None, "hasNextPage": False}
    events = answer.json()["data"]
    assert [event.pop("payload") for event in events] == [json.loads(first), old, json.loads(last)]
    assert events == [
        {
            "receivedAt": "2026-01-01T00:00:00Z",
            "channel": "webhook",
            "eventId": None,
            "eventType": "violationCreated",
            "eventTime": "2023-12-31T23:00:00.500000Z",
            "outcome": "created",
        },
        {
            "receivedAt": "2026-01-01T00:00:00.000001Z",
            "channel": "poll",
            "eventId": "7",
            "eventType": "violationInvalidated",
            "eventTime": "2020-01-01T00:00:00Z",
            "outcome": "superseded",
        },
        {
            "receivedAt": "2026-01-01T00:00:00.000002Z",
            "channel": "replay",
            "eventId": "e-2",
            "eventType": "violationInvalidated",
            "eventTime": "2025-01-01T00:00:00Z",
            "outcome": "invalidated",
        },
    ]


async def test_events_come_in_pages(desk: Desk) -> None:
    events = [flat_event(id="v", eventTime=f"2024-01-{day:02}T00:00:00Z") for day in range(1, 8)]
    await desk.receive(as_bytes(events))
    await desk.receive(as_bytes(flat_event(id="w")))
    found = await desk.walk("/v1/violations/v/events?limit=3")
    assert [event["payload"] for event in found] == events
    cursor = (await desk.get("/v1/violations/v/events?limit=3")).json()["pagination"]["nextCursor"]
    assert (await desk.get(f"/v1/violations/w/events?cursor={cursor}")).status_code == 400


async def test_large_events_are_shown_whole_in_shorter_pages(desk: Desk) -> None:
    sizes = [INLINE_BYTES, PAGE_BYTES // 3, PAGE_BYTES // 3, PAGE_BYTES // 3, 10]
    for number, size in enumerate(sizes):
        event = flat_event(id="v", eventTime=f"2024-01-{number + 1:02}T00:00:00Z", note="x" * size)
        await desk.receive(as_bytes(event))
    assert (await desk.get("/v1/violations/v/events")).json()["pagination"]["hasNextPage"] is True
    found = await desk.walk("/v1/violations/v/events")
    assert [len(event["payload"]["note"]) for event in found] == sizes  # type: ignore[arg-type, call-overload, index]
    assert (await desk.get("/v1/violations/v")).json()["eventTime"] == "2024-01-05T00:00:00Z"
