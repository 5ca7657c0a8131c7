"""The stream of ticks: who gets one, of what, and when it ends; over how long pages come to fetch what is new."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from app.dashboard.live import ASK_SECONDS, LONGEST_SPREAD, SHARE, Ticker
from app.db.database import open_database
from app.maven.times import MINUTE, SECOND
from app.query.watch import ChangeWatch
from app.sessions.book import KEPT_SECONDS
from tests.dashboard.visiting import Browser, House, begin_request, left_behind, open_house
from tests.ingest.served import service_on
from tests.maven.examples import Json, flat_event
from tests.query.reading import PATIENCE, Call, Event, soon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    async with open_house(sqlite_url) as opened:
        yield opened


@asynccontextmanager
async def listening(browser: Browser) -> AsyncIterator[Call]:
    """An open stream, behind its first tick, whose client leaves in the end."""
    call = browser.listen()
    try:
        start = await call.start()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        first = await call.block()
        assert first is not None
        assert first.fields["retry"] == "3000"
        assert first.data["spread"] == 0
        yield call
    finally:
        await call.leave()


async def tick_of(call: Call) -> dict[str, Json]:
    event = await call.block()
    assert event is not None
    assert event.fields["event"] == "changed"
    return event.data


async def ended(call: Call) -> bool:
    """Whether it says that it is over, and is."""
    event = await call.block()
    return event == Event({"event": "ended", "data": "{}"}) and await call.ended()


async def test_it_needs_a_session(house: House) -> None:
    browser = await house.browser()
    answer = await browser.get("/live")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Flive")


async def test_every_change_is_told_and_nothing_else_is_sent(house: House) -> None:
    browser = await house.visitor()
    async with listening(browser) as call, listening(browser) as other:
        for number in range(3):
            house.clock.at += SECOND
            await house.keep(flat_event(id=f"secret-{number}", driverName="Secret"))
            for one in (call, other):
                tick = await tick_of(one)
                assert set(tick) == {"at", "spread"}
                assert tick["at"] == house.clock() // 1000
                assert isinstance(tick["spread"], int)
                assert 0 <= tick["spread"] <= LONGEST_SPREAD * 1000
        assert "ecret" not in call.text


async def test_a_review_is_told(house: House) -> None:
    await house.keep(flat_event(id="v1"))
    browser = await house.visitor()
    async with listening(await house.visitor("other", terminals=("PGH",))) as call:
        await browser.post("/violations/v1/review", {"status": "coached"})
        await tick_of(call)


async def test_a_limited_key_is_told_of_its_terminals_alone(database_url: str) -> None:
    async with open_house(database_url) as house:
        pgh, cle = await house.visitor("pgh", terminals=("PGH",)), await house.visitor("cle", terminals=("CLE",))
        none = await house.visitor("none", terminals=())
        async with listening(pgh) as at_pgh, listening(cle) as at_cle, listening(none) as nowhere:
            await house.keep(flat_event(id="v1"))
            await tick_of(at_pgh)
            await house.keep(flat_event(id="v2", terminalCode="CLE"))
            await tick_of(at_cle)
            # A duplicate changes nothing that anybody sees.
            await house.keep(flat_event(id="v2", terminalCode="CLE"))
            house.stopping.set()
            assert [await call.ended() for call in (at_pgh, at_cle, nowhere)] == [True, True, True]
            assert [call.text for call in (at_pgh, at_cle, nowhere)] == ["", "", ""]


async def test_what_comes_while_the_first_page_opens_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = house.context.query.watch
    read = watch.newest

    async def read_late() -> int:
        await asyncio.sleep(0.3)
        return await read()

    monkeypatch.setattr(watch, "newest", read_late)
    async with listening(await house.visitor()) as call:
        await house.keep(flat_event())
        await tick_of(call)


async def test_it_ends_with_the_key(house: House) -> None:
    async with listening(await house.visitor()) as call, listening(await house.visitor("other")) as other:
        await house.revoke()
        assert await ended(call)
        await house.keep(flat_event())
        await tick_of(other)


async def test_it_ends_with_signing_out(house: House) -> None:
    browser = await house.visitor()
    async with listening(browser) as call:
        await browser.sign_out()
        assert await ended(call)


async def test_it_ends_with_signing_out_elsewhere_and_with_time(database_url: str) -> None:
    async with open_house(database_url) as here, open_house(database_url) as there:
        browser = await here.visitor()
        await there.ring.refresh()
        guest = await there.browser()
        guest.client.cookies.update(browser.client.cookies)
        async with listening(guest) as call:
            await browser.sign_out()
            await there.pass_time(int(max(ASK_SECONDS, KEPT_SECONDS) * SECOND))
            assert await ended(call)


async def test_it_goes_on_while_its_session_is_used_elsewhere(house: House) -> None:
    browser = await house.visitor()
    async with listening(browser) as call:
        for _ in range(2):
            await house.pass_time(2 * MINUTE)
            assert (await browser.get("/")).status_code == 200
            await house.keep(flat_event(id=str(house.clock())))
            await tick_of(call)


async def test_it_ends_when_the_process_stops(house: House) -> None:
    async with listening(await house.visitor()) as call:
        house.stopping.set()
        assert await call.ended()  # without a word that the session is over: the page is to come again


async def test_nothing_works_while_no_page_is_open(house: House) -> None:
    browser = await house.visitor()
    assert left_behind() == []
    async with listening(browser):
        assert left_behind() == ["pages-follow"]
        async with listening(browser):
            assert left_behind() == ["pages-follow"]
    await soon(lambda: not left_behind())
    await soon(lambda: not house.context.query.watch.is_awaited)


async def test_a_head_opens_no_stream(house: House) -> None:
    browser = await house.visitor()
    cookie = f"hos_session={browser.session}".encode()
    call = begin_request(house.app, "/live", [(b"cookie", cookie), (b"host", b"x")], "HEAD")
    answer = await call.answer()
    assert (answer.status, answer.body) == (200, b"")


@pytest.fixture
async def ticker(sqlite_url: str) -> AsyncIterator[Ticker]:
    database = await open_database(sqlite_url)
    yield Ticker(database, ChangeWatch(database), lambda: 0)
    await soon(lambda: not left_behind())
    await database.close()


async def test_the_spread_grows_with_pages_and_with_what_they_cost(ticker: Ticker) -> None:
    assert (ticker.pages, ticker.spread_seconds) == (0, 0)
    audiences = [ticker.join(terminals) for terminals in (None, None, frozenset(["PGH"]), None)]
    many = [ticker.join(None) for _ in range(20_000)]
    try:
        assert audiences[0] is audiences[1] is audiences[3] is not audiences[2]
        assert ticker.spread_seconds == LONGEST_SPREAD
        while many:
            ticker.leave(many.pop())
        spreads = []
        for cost in (0.0, 0.001, 0.1):
            for _ in range(200):
                ticker.note_cost(cost)
            spreads.append(ticker.spread_seconds)
        assert spreads == sorted(spreads)
        assert spreads[2] - spreads[0] == pytest.approx(4 * 0.1 / SHARE, rel=0.01)
        many.append(ticker.join(None))
        assert ticker.spread_seconds == pytest.approx(spreads[2] * 5 / 4)
        ticker.note_cost(1000.0)  # a stall is not taken for the cost
        assert ticker.spread_seconds < 2 * spreads[2] * 5 / 4
    finally:
        for audience in (*audiences, *many):
            ticker.leave(audience)
    assert (ticker.pages, ticker.spread_seconds) == (0, 0)


async def test_a_running_service_tells_a_page(sqlite_url: str, tmp_path: Path) -> None:
    """A real process over real HTTP: told after a delivery, and let go when the process stops."""
    with service_on(sqlite_url, tmp_path) as service:
        async with httpx2.AsyncClient(base_url=service.served.url, trust_env=False, timeout=PATIENCE) as client:
            await client.post("/sign-in", data={"key": "an-admin-key-for-tests"})
            async with client.stream("GET", "/live") as answer:
                lines = answer.aiter_lines()
                await next_tick(lines)
                began = time.monotonic()
                assert (await asyncio.to_thread(service.post, flat_event())).status_code == 200
                await next_tick(lines)
                assert time.monotonic() - began < PATIENCE
                stopping = asyncio.create_task(asyncio.to_thread(service.served.stop))
                async with asyncio.timeout(PATIENCE):
                    rest = [line async for line in lines]
                    assert await stopping == 0
                assert "event: ended" not in rest


async def next_tick(lines: AsyncIterator[str]) -> None:
    async with asyncio.timeout(PATIENCE):
        async for line in lines:
            if line.startswith("data: "):
                assert "at" in json.loads(line.removeprefix("data: "))
                return
    raise AssertionError("the stream has ended")
