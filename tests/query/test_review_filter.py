"""The filter `review`: by the newest review, on lists, exports and counts; with `asOf` by that of then."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.maven.examples import Json, as_bytes, flat_event
from tests.query.desk import ALL_SEEING, BEGIN, Desk, open_desk

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened


async def ids(desk: Desk, query: str, key: str = ALL_SEEING) -> list[Json]:
    return sorted(str(one["id"]) for one in await desk.walk(f"/v1/violations?{query}", key))  # type: ignore[return-value]


async def test_the_filter_asks_for_the_newest_review(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id=one) for one in ("none", "open", "ack", "coached", "disputed")]))
    for one, words in {
        "open": ["coached", "open"],
        "ack": ["disputed", "acknowledged"],
        "coached": ["coached"],
        "disputed": ["open", "disputed"],
    }.items():
        for word in words:
            assert (await desk.put_review(one, {"status": word})).status_code == 200
    expected = {
        "review=open": ["none", "open"],
        "review=acknowledged": ["ack"],
        "review=coached,disputed": ["coached", "disputed"],
        "review=disputed&review=open": ["disputed", "none", "open"],
        "review=open,acknowledged,coached,disputed": ["ack", "coached", "disputed", "none", "open"],
        "review=coached&status=invalidated": [],
        "review=coached&limit=1": ["coached"],
        "review=coached,open&limit=1&sort=driverName": ["coached", "none", "open"],
    }
    for query, found in expected.items():
        assert await ids(desk, query) == found, query
        if "limit" not in query:
            assert (await desk.get(f"/v1/stats?{query}")).json()["total"] == len(found), query
            lines = await desk.get(f"/v1/violations?{query}", accept="application/x-ndjson")
            assert sorted(json.loads(line)["id"] for line in lines.content.splitlines()) == found, query
    assert await ids(desk, "review=acknowledged", desk.limit_key(["CLE"])) == []
    for wrong in ("review=", "review=done", "review=Open", "review=open,"):
        for path in ("/v1/violations", "/v1/stats"):
            assert (await desk.get(f"{path}?{wrong}")).status_code == 400, wrong
    assert (await desk.get("/v1/drivers/D/violations?review=open")).status_code == 400


async def test_a_cursor_is_for_its_review_states(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id=one) for one in "abc"]))
    cursor = (await desk.get("/v1/violations?review=open&limit=1")).json()["pagination"]["nextCursor"]
    assert (await desk.get(f"/v1/violations?review=open&limit=2&cursor={cursor}")).status_code == 200
    for other in ("review=coached&", "review=open,coached&", ""):
        assert (await desk.get(f"/v1/violations?{other}cursor={cursor}")).status_code == 400


async def test_with_as_of_the_review_of_then_counts(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")), at=BEGIN)
    for seconds, word in ((10, "acknowledged"), (20, "coached")):
        desk.now.at = BEGIN + seconds * 1_000_000
        assert (await desk.put_review("v", {"status": word})).status_code == 200
    await desk.receive(as_bytes(flat_event(id="v", eventTime="2024-02-01T00:00:00Z")), at=BEGIN + 30_000_000)
    for second, word in (
        ("09", "open"),
        ("10", "acknowledged"),
        ("19.999999", "acknowledged"),
        ("20", "coached"),
        ("30", "coached"),
    ):
        as_of = f"asOf=2026-01-01T00:00:{second}Z"
        for asked in ("open", "acknowledged", "coached", "disputed"):
            assert await ids(desk, f"{as_of}&review={asked}") == (["v"] if asked == word else []), (second, asked)
            total = (await desk.get(f"/v1/stats?{as_of}&review={asked}")).json()["total"]
            assert total == int(asked == word)
    assert await ids(desk, "asOf=2025-12-31T00:00:00Z&review=open") == []
