"""`GET /v1/stream`: what is sent, where a stream begins, and when it ends."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import cast

import pytest

from app.db.database import Database, open_database
from app.query.live import KEPT_ENTRIES
from tests.maven.examples import Json
from tests.query.reading import ALL, Event, Flaky, build_house, created, invalidated, open_house, soon


def ids(events: list[Event]) -> list[Json]:
    return [event.data["violationId"] for event in events]


async def test_events_are_the_entries_of_the_feed(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("before"))
        async with house.stream() as stream:
            await house.keep(created("v1"), created("v2", driverName="line\u2028break\r\ndata: x"))
            await house.keep(invalidated("v1"))
            events = await stream.events(3)
            entries = (await house.feed())[1:]
            assert [event.data for event in events] == entries
            assert [event.fields["event"] for event in events] == [entry["type"] for entry in entries]
            assert [event.fields["id"] for event in events] == [entry["cursor"] for entry in entries]
            assert events[-1].fields["event"] == "violation.invalidated"


async def test_headers_keep_proxies_from_holding_it_back(sqlite_url: str) -> None:
    async with open_house(sqlite_url) as house:
        call = house.call("/v1/stream", ALL)
        start = await call.start()
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        await call.leave()


@pytest.mark.parametrize("given_as", ["header", "parameter"])
async def test_a_stream_resumes_behind_a_cursor(database_url: str, given_as: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(*[created(f"v{n}") for n in range(KEPT_ENTRIES * 2 + 5)])
        entries = await house.feed()
        cursor = str(entries[2]["cursor"])
        parameters = {"after": cursor} if given_as == "parameter" else {}
        headers = {"last_event_id": cursor} if given_as == "header" else {}
        async with house.stream(ALL, parameters, **headers) as stream:
            events = await stream.events(len(entries) - 3)
            assert [event.data for event in events] == entries[3:]
            await house.keep(created("new"))
            assert ids(await stream.events(1)) == ["new"]


async def test_the_header_wins_because_browsers_cannot_change_the_address(sqlite_url: str) -> None:
    async with open_house(sqlite_url) as house:
        await house.keep(created("v1"), created("v2"), created("v3"))
        entries = await house.feed()
        parameters = {"after": entries[0]["cursor"]}
        async with house.stream(ALL, parameters, last_event_id=str(entries[1]["cursor"])) as stream:
            assert ids(await stream.events(1)) == ["v3"]


async def test_the_first_id_resumes_before_any_event_came(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"))
        async with house.stream() as stream:
            greeting = await stream.block()
        assert greeting is not None
        assert set(greeting.fields) == {"retry", "id"}
        await house.keep(created("v2"))
        async with house.stream(ALL, (), last_event_id=greeting.fields["id"]) as stream:
            assert ids(await stream.events(1)) == ["v2"]


@pytest.mark.parametrize("header", ["x", "AAAA", "\u00ff"])
async def test_a_bad_id_is_400(sqlite_url: str, header: str) -> None:
    async with open_house(sqlite_url) as house:
        answer = await house.call("/v1/stream", ALL, (), last_event_id=header).answer()
        assert answer.status == 400
        assert "Last-Event-ID" in str(answer.json["detail"])


@pytest.mark.parametrize("parameters", ["after=x", "after=", "limit=1", "lastEventId=x"])
async def test_a_bad_parameter_is_400(sqlite_url: str, parameters: str) -> None:
    async with open_house(sqlite_url) as house:
        assert (await house.get("/v1/stream", parameters)).status == 400


async def test_a_limited_key_gets_what_it_sees_and_no_first_id(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("c0", "CLE"), created("v1", "CLE"))
        async with house.stream("PGH") as limited, house.stream("CLE,PGH") as wider:
            greeting = await limited.block()
            assert greeting is not None
            assert set(greeting.fields) == {"retry"}
            await house.keep(created("c1", "CLE"), created("n1", None), created("p1"))
            await house.keep(created("v1", "PGH", eventTime="2024-01-05T00:00:00Z"))
            assert ids(await limited.events(2)) == ["p1", "v1"]
            assert ids(await wider.events(3)) == ["c1", "p1", "v1"]


async def test_a_stream_tells_of_commits_of_another_process(database_url: str) -> None:
    async with open_house(database_url) as house, AsyncExitStack() as stack:
        other = await open_database(database_url)
        stack.push_async_callback(other.close)
        elsewhere = await build_house(other)
        async with house.stream() as stream:
            for n in range(3):
                await elsewhere.keep(created(f"v{n}"))
                assert ids(await stream.events(1)) == [f"v{n}"]


async def test_a_reader_who_falls_behind_gets_all_in_order(database_url: str) -> None:
    async with open_house(database_url) as house, house.stream() as slow, house.stream() as quick:
        await slow.block()
        slow.reading.clear()
        expected: list[Json] = []
        for n in range(6):
            names = [f"v{n}-{m}" for m in range(KEPT_ENTRIES // 2)]
            await house.keep(*[created(name) for name in names])
            expected += names
            assert ids(await quick.events(len(names))) == names
        slow.reading.set()
        assert ids(await slow.events(len(expected))) == expected


async def test_streams_end_when_the_process_stops(database_url: str) -> None:
    async with open_house(database_url) as house, house.stream() as stream, house.stream("PGH") as limited:
        await house.keep(created("v1"))
        await stream.events(1)
        await limited.events(1)
        began = time.monotonic()
        house.stopping.set()
        assert await stream.ended()
        assert await limited.ended()
        assert time.monotonic() - began < 1


async def test_a_stream_ends_with_its_key(database_url: str) -> None:
    async with open_house(database_url) as house, house.stream("PGH") as idle, house.stream("PGH,X") as kept:
        await idle.block()
        began = time.monotonic()
        house.revoked.add("PGH")
        assert await idle.ended()
        assert time.monotonic() - began < 3
        await house.keep(created("v1"))
        assert ids(await kept.events(1)) == ["v1"]


async def test_nothing_is_sent_after_the_key_was_revoked(database_url: str) -> None:
    async with open_house(database_url) as house, house.stream() as stream:
        await stream.block()
        house.revoked.add(ALL)
        await house.keep(created("v1"))
        assert await stream.ended()


async def test_a_stream_ends_when_the_database_fails_and_resumes_after(sqlite_url: str) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(sqlite_url)
        stack.push_async_callback(database.close)
        flaky = Flaky(database)
        house = await build_house(cast("Database", flaky))
        async with house.stream() as stream, house.stream() as witness:
            await stream.block()
            stream.reading.clear()
            await house.keep(created("w"))
            await soon(lambda: stream.is_blocked)
            names = [f"x{n}" for n in range(KEPT_ENTRIES + 1)]
            await house.keep(*[created(name) for name in names])
            assert ids(await witness.events(len(names) + 1)) == ["w", *names]
            flaky.is_away = True
            stream.reading.set()
            (event,) = await stream.events(1)
            assert await stream.ended()
        flaky.is_away = False
        async with house.stream(ALL, (), last_event_id=event.fields["id"]) as stream:
            assert ids(await stream.events(len(names))) == names


async def test_idle_streams_cost_nothing_per_commit(sqlite_url: str) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(sqlite_url)
        stack.push_async_callback(database.close)
        flaky = Flaky(database)
        house = await build_house(cast("Database", flaky))
        streams = [await stack.enter_async_context(house.stream(f"T{n % 5}")) for n in range(100)]
        for stream in streams:
            await stream.block()
        async with house.stream() as witness:
            await witness.block()
            before = flaky.fetches
            for n in range(5):
                await house.keep(created(f"v{n}"))
                await witness.events(1)
            assert flaky.fetches - before < 30
        assert all(stream.messages.empty() for stream in streams)
        await house.keep(created("t3", "T3"))
        assert ids(await streams[3].events(1)) == ids(await streams[98].events(1)) == ["t3"]


async def test_a_stream_while_many_write_repeats_and_misses_nothing(database_url: str) -> None:
    async with open_house(database_url) as house, AsyncExitStack() as stack:
        other = await open_database(database_url)
        stack.push_async_callback(other.close)
        elsewhere = await build_house(other)
        streams = [await stack.enter_async_context(h.stream(k)) for h in (house, elsewhere) for k in (ALL, "PGH")]

        async def write(name: str, writer: int) -> None:
            for n in range(10):
                await (house, elsewhere)[writer].keep(*[created(f"{name}-{n}-{m}") for m in range(30)])

        async with asyncio.timeout(60):
            *found, _, _ = await asyncio.gather(*[s.events(600) for s in streams], write("a", 0), write("b", 1))
        orders = [ids(events) for events in found if events is not None]
        assert len(set(map(str, orders[0]))) == 600
        assert all(order == orders[0] for order in orders)
        assert orders[0] == [entry["violationId"] for entry in await house.feed()]
