"""`GET /v1/changes`: what is in it, in which order, who sees it, and how long it waits."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database, open_database
from app.db.statements import Execute, WriteScript
from app.query.feed import WINDOW, read_page
from app.query.watch import ChangeWatch
from tests.databases import Databases
from tests.events import CHANGES, Told, histories, outcomes_of, state_of
from tests.maven.examples import Json
from tests.query.reading import ALL, Flaky, House, build_house, created, invalidated, open_house, soon


def ids(entries: list[dict[str, Json]]) -> list[Json]:
    return [entry["violationId"] for entry in entries]


async def test_the_life_of_a_violation(database_url: str) -> None:
    async with open_house(database_url) as house:
        first, newer = created("v1"), created("v1", driverName="Roe", eventTime="2024-01-03T00:00:00Z")
        await house.keep(first)
        await house.keep(first, created("v1", driverName="Old", eventTime="2023-01-01T00:00:00Z"))
        await house.keep(invalidated("v1"), newer)
        entries = await house.feed()
        assert [entry["type"] for entry in entries] == [
            "violation.created",
            "violation.invalidated",
            "violation.reopened",
        ]
        assert [entry["at"] for entry in entries] == [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:02Z",
            "2026-01-01T00:00:02Z",
        ]
        assert {tuple(entry) for entry in entries} == {("cursor", "type", "at", "violationId", "violation")}
        violations = [cast("dict[str, Json]", entry["violation"]) for entry in entries]
        assert [v["id"] for v in violations] == ids(entries) == ["v1"] * 3
        assert [v["driverName"] for v in violations] == ["Doe, John", "Doe, John", "Roe"]
        assert [v["status"] for v in violations] == ["active", "invalidated", "active"]
        assert [v["invalidatedAt"] for v in violations] == [None, "2024-01-02T00:00:00Z", None]
        assert [v["revision"] for v in violations] == [1, 2, 3]
        assert {v["firstReceivedAt"] for v in violations} == {"2026-01-01T00:00:00Z"}
        assert [v["lastReceivedAt"] for v in violations] == [entry["at"] for entry in entries]


@settings(max_examples=25)
@given(history=histories(["v1", "v2", "v3"]), limit=st.integers(1, 5))
def test_entries_are_the_outcomes_and_states_that_the_rule_gives(
    databases: Databases, history: list[Told], limit: int
) -> None:
    async def run(url: str) -> None:
        async with open_house(url) as house:
            for told in history:
                await house.keep({"eventType": told.event_type, "data": told.data})
            entries = await house.feed(limit=limit)
            expected = []
            for n, (told, outcome) in enumerate(zip(history, outcomes_of(history), strict=True)):
                if outcome in CHANGES:
                    state = state_of(e for e in history[: n + 1] if e.violation_id == told.violation_id)
                    name = state.details.data.get("driverName")
                    expected.append((told.violation_id, f"violation.{outcome}", state.status, name))
            found = []
            for entry in entries:
                violation = cast("dict[str, Json]", entry["violation"])
                found.append((entry["violationId"], entry["type"], violation["status"], violation["driverName"]))
            assert found == expected
            assert len({str(entry["cursor"]) for entry in entries}) == len(entries)

    with databases.fresh() as url:
        asyncio.run(run(url))


async def test_pages_and_their_cursors(database_url: str) -> None:
    async with open_house(database_url) as house:
        empty = await house.get("/v1/changes")
        assert empty.data == []
        assert empty.next_cursor is not None
        assert not empty.has_next_page
        await house.keep(*[created(f"v{n}") for n in range(5)])
        first = await house.get("/v1/changes", {"after": empty.next_cursor, "limit": "2"})
        assert ids(first.data) == ["v0", "v1"]
        assert first.has_next_page
        assert first.next_cursor == first.data[-1]["cursor"]
        last = await house.get("/v1/changes", {"after": first.data[1]["cursor"], "limit": "3"})
        assert ids(last.data) == ["v2", "v3", "v4"]
        assert not last.has_next_page
        nothing = await house.get("/v1/changes", {"after": last.next_cursor})
        assert nothing.data == []
        assert nothing.next_cursor == last.next_cursor
        assert nothing.headers["cache-control"] == "no-store"
        assert nothing.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "parameters",
    [
        "after=x",
        "after=",
        "wait=31",
        "wait=-1",
        "wait=1.5",
        "limit=0",
        "limit=1001",
        "cursor=x",
        "type=created",
        "Wait=1",
    ],
)
async def test_a_bad_value_is_400(sqlite_url: str, parameters: str) -> None:
    async with open_house(sqlite_url) as house:
        answer = await house.get("/v1/changes", parameters)
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_cursor_of_a_newer_database_is_400(databases: Databases) -> None:
    with databases.fresh() as url:
        async with open_house(url) as house:
            await house.keep(created("v1"), created("v2"))
            entries = await house.feed()
            await house.database.write(_forget_second())
            assert (await house.get("/v1/changes", {"after": entries[0]["cursor"]})).status == 200
            answer = await house.get("/v1/changes", {"after": entries[1]["cursor"]})
            assert answer.status == 400
            assert "beyond the newest change" in str(answer.json["detail"])


def _forget_second() -> WriteScript[None]:
    yield Execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    yield Execute("UPDATE ledger SET last_seq = (SELECT max(seq) FROM events)")


async def test_a_limited_key_sees_its_terminals_alone_and_cannot_tell_of_others(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("p1"), created("c1", "CLE"), created("n1", None), created("p2"))
        assert ids(await house.feed("PGH")) == ["p1", "p2"]
        assert ids(await house.feed("CLE,PGH")) == ["p1", "c1", "p2"]
        assert ids(await house.feed("pgh")) == []
        before = await house.get("/v1/changes", {"after": (await house.feed("PGH"))[-1]["cursor"]}, "PGH")
        await house.keep(created("c2", "CLE"), invalidated("c1", "CLE"))
        after = await house.get("/v1/changes", {"after": before.next_cursor}, "PGH")
        assert after.body == before.body
        again = await house.get("/v1/changes", {"after": before.next_cursor, "limit": "1"}, "PGH")
        assert again.body == before.body


async def test_visibility_is_that_of_the_current_terminal(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1", "CLE"), created("v2", "PGH"))
        start = await house.get("/v1/changes", {}, "PGH,X")
        assert (await house.get("/v1/changes", {"after": start.next_cursor}, "PGH")).data == []
        await house.keep(created("v1", "PGH", eventTime="2024-01-05T00:00:00Z"))
        await house.keep(created("v2", "CLE", eventTime="2024-01-05T00:00:00Z"))
        assert ids(await house.feed("PGH")) == ["v1", "v1"]
        assert ids(await house.feed("CLE")) == ["v2", "v2"]
        behind = await house.get("/v1/changes", {"after": start.next_cursor}, "PGH")
        assert [entry["type"] for entry in behind.data] == ["violation.updated"]


async def test_what_comes_into_view_is_given_although_nothing_was_seen_there_before(database_url: str) -> None:
    async with open_house(database_url) as house:
        beginning = (await house.get("/v1/changes", {}, "PGH")).next_cursor
        await house.keep(created("v1", "CLE"))
        assert (await house.get("/v1/changes", {"after": beginning}, "PGH")).data == []
        await house.keep(created("v1", "PGH", eventTime="2024-01-05T00:00:00Z"))
        entries = (await house.get("/v1/changes", {"after": beginning}, "PGH")).data
        assert [entry["type"] for entry in entries] == ["violation.created", "violation.updated"]


async def test_a_page_goes_through_a_long_history_of_others(database_url: str) -> None:
    async with open_house(database_url) as house:
        small = {"startData": None, "endData": None}
        await house.keep(created("p1"), *[created(f"c{n}", "CLE", **small) for n in range(WINDOW)], created("p2"))
        await house.keep(created("p3"))
        assert ids(await house.feed("PGH", limit=2)) == ["p1", "p2", "p3"]
        assert len(await house.feed()) == WINDOW + 3


async def test_a_page_of_large_events_is_cut_by_its_bytes(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(*[created(f"v{n}", note="x" * 10_000) for n in range(6)])
        seqs = [row[0] for row in await house.database.fetch("SELECT seq FROM events ORDER BY seq")]
        page = await read_page(house.database, None, 0, seqs[-1], 100, 25_000)
        assert [change.seq for change in page.changes] == seqs[:3]
        assert (page.read_to, page.has_more) == (seqs[2], True)
        page = await read_page(house.database, None, seqs[2], seqs[-1], 100, 1)
        assert [change.seq for change in page.changes] == [seqs[3]]
        page = await read_page(house.database, None, seqs[2], seqs[-1], 3, 10_000_000)
        assert (page.read_to, page.has_more) == (seqs[-1], False)


@pytest.mark.parametrize("key", [ALL, "PGH"])
async def test_a_long_poll_wakes_for_a_commit_of_this_process(database_url: str, key: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"))
        call = house.call("/v1/changes", key, {"wait": "30", "after": (await house.feed())[-1]["cursor"]})
        await waits(house)
        began = time.monotonic()
        await house.keep(created("v2"))
        assert ids((await call.answer()).data) == ["v2"]
        assert time.monotonic() - began < 5


async def test_a_long_poll_wakes_for_a_commit_of_another_process(database_url: str) -> None:
    async with open_house(database_url) as house, AsyncExitStack() as stack:
        other = await open_database(database_url)
        stack.push_async_callback(other.close)
        elsewhere = await build_house(other)
        call = house.call("/v1/changes", ALL, {"wait": "30"})
        await waits(house)
        await elsewhere.keep(created("v1"))
        assert ids((await call.answer()).data) == ["v1"]


async def waits(house: House) -> None:
    """Returns when a reader waits for the next commit, and the ledger was looked at since."""
    await soon(lambda: house.watch.is_awaited)


async def test_a_limited_long_poll_sleeps_through_what_it_does_not_see(database_url: str) -> None:
    async with open_house(database_url) as house:
        call = house.call("/v1/changes", "PGH", {"wait": "30"})
        await waits(house)
        for n in range(5):
            await house.keep(created(f"c{n}", "CLE"))
        assert not call.task.done()
        await house.keep(created("p1"))
        answer = await call.answer()
        assert ids(answer.data) == ["p1"]
        assert answer.next_cursor == answer.data[0]["cursor"]


async def test_a_long_poll_ends_in_time_with_the_cursor_it_was_given(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"))
        after = (await house.feed())[-1]["cursor"]
        began = time.monotonic()
        answer = await house.get("/v1/changes", {"after": after, "wait": "1"})
        assert time.monotonic() - began >= 1
        assert answer.data == []
        assert answer.next_cursor == after


async def test_a_long_poll_with_something_to_tell_does_not_wait(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"))
        began = time.monotonic()
        assert ids((await house.get("/v1/changes", {"wait": "30"})).data) == ["v1"]
        assert time.monotonic() - began < 10


async def test_a_long_poll_ends_when_the_process_stops(database_url: str) -> None:
    async with open_house(database_url) as house:
        call = house.call("/v1/changes", ALL, {"wait": "30"})
        await waits(house)
        began = time.monotonic()
        house.stopping.set()
        answer = await call.answer()
        assert answer.data == []
        assert time.monotonic() - began < 1


async def test_a_long_poll_ends_when_its_client_leaves(database_url: str) -> None:
    async with open_house(database_url) as house:
        call = house.call("/v1/changes", ALL, {"wait": "30"})
        await waits(house)
        await call.leave()
        assert call.messages.empty()


async def test_a_long_poll_ends_with_its_key(database_url: str) -> None:
    async with open_house(database_url) as house:
        call = house.call("/v1/changes", ALL, {"wait": "30"})
        await waits(house)
        began = time.monotonic()
        house.revoked.add(ALL)
        assert (await call.answer()).status == 401
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("key", [ALL, "PGH"])
async def test_a_reader_misses_nothing_while_many_write(database_url: str, key: str) -> None:
    """Two processes write at once, several readers follow the cursors: each gets every change once, in one order."""
    writers, commits = 3, 8
    async with open_house(database_url) as house, AsyncExitStack() as stack:
        houses = [house]
        for _ in range(writers - 1):
            database = await open_database(database_url)
            stack.push_async_callback(database.close)
            houses.append(await build_house(database))
        expected = {f"{w}-{c}-{n}" for w in range(writers) for c in range(commits) for n in range(3)}

        async def write(w: int) -> None:
            for c in range(commits):
                others = [created(f"{w}-{c}-x", "CLE")] if key != ALL else []
                await houses[w].keep(*[created(f"{w}-{c}-{n}") for n in range(3)], *others)

        async def read(reader: House, limit: int) -> list[Json]:
            found: list[Json] = []
            parameters = {"limit": str(limit), "wait": "10"}
            while len(found) < len(expected):
                answer = await reader.get("/v1/changes", parameters, key)
                assert answer.data, "waited in vain"
                found += ids(answer.data)
                parameters["after"] = str(answer.next_cursor)
            return found

        async with asyncio.timeout(60):
            orders = await asyncio.gather(
                read(houses[0], 1000), read(houses[1], 2), read(houses[2], 7), *[write(w) for w in range(writers)]
            )
        first, *others = [order for order in orders if order is not None]
        assert set(first) == expected
        assert len(first) == len(expected)
        assert all(order == first for order in others)


async def test_without_a_database_the_answer_is_503(sqlite_url: str) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(sqlite_url)
        stack.push_async_callback(database.close)
        flaky = Flaky(database)
        house = await build_house(cast("Database", flaky))
        flaky.is_away = True
        for path in ("/v1/changes", "/v1/stream"):
            answer = await house.get(path)
            assert answer.status == 503
            assert answer.headers["retry-after"]


async def test_the_watch_outlives_a_database_that_goes_away(sqlite_url: str) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(sqlite_url)
        stack.push_async_callback(database.close)
        flaky = Flaky(database)
        house = await build_house(database)
        watch = ChangeWatch(cast("Database", flaky), poll_seconds=0.01)
        flaky.is_away = True
        waiting = asyncio.create_task(watch.wait_beyond(0, 10))
        await soon(lambda: flaky.fetches > 3)
        await house.keep(created("v1"))
        flaky.is_away = False
        newest = await watch.newest()
        assert await waiting == newest
        assert await watch.wait_beyond(newest, 0.05) is None
        seen = flaky.fetches
        await soon(lambda: not watch.is_awaited)
        await watch.wait_beyond(0, 5)
        assert flaky.fetches <= seen + 3
