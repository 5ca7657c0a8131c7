"""The poller when Maven misbehaves: nothing is lost, nothing is here twice, and what may be missing is said."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.channels.store import GapReason
from app.inbox.model import Channel
from app.maven.standin import FaultName, StandIn
from app.maven.times import MINUTE, SECOND
from tests.ingest.polled import BEGIN, DAY, HOUR, Fleet, fill, fleet_on

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(database_url: str) -> AsyncIterator[Fleet]:
    async with fleet_on(database_url) as fleet:
        yield fleet


class Silent(StandIn):
    """Says nothing of other pages."""

    def _answer(self, *arguments: Any) -> Any:
        answer, shown = super()._answer(*arguments)
        assert answer is not None
        page = json.loads(answer.body)
        return answer._replace(body=json.dumps(self.altered(page)).encode()), shown

    def altered(self, page: dict[str, Any]) -> dict[str, Any]:
        del page["pagination"]
        return page


class Texting(Silent):
    """Says it in a way that nobody understands."""

    def altered(self, page: dict[str, Any]) -> dict[str, Any]:
        return {**page, "pagination": "see next page"}


class Counting(Silent):
    """Says it by a number."""

    def altered(self, page: dict[str, Any]) -> dict[str, Any]:
        page["pagination"]["hasNextPage"] = int(page["pagination"]["hasNextPage"])
        return page


@pytest.mark.parametrize("fault", [FaultName.MALFORMED_NEXT, FaultName.MISSING_NEXT, FaultName.NEXT_STAYS])
async def test_a_broken_next_start_neither_loops_nor_loses(fleet: Fleet, fault: FaultName) -> None:
    fill(fleet)
    fleet.standin.faults.switch_on(fault)
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    assert fleet.standin.request_count < 20
    assert await fleet.gaps() == []
    assert (await fleet.state()).word == "working"


@pytest.mark.parametrize("fault", [None, FaultName.MALFORMED_NEXT, FaultName.MISSING_NEXT, FaultName.NEXT_STAYS])
async def test_more_events_at_one_time_than_a_page_holds_are_a_possible_loss(
    fleet: Fleet, fault: FaultName | None
) -> None:
    crowded = BEGIN - 3 * DAY
    fill(fleet, 5)
    for number in range(13):
        fleet.save(f"c{number:02}", crowded)
    fleet.save("after", crowded + 1000)
    fleet.save("later", crowded + HOUR)
    if fault is not None:
        fleet.standin.faults.switch_on(fault)
    await fleet.read()
    missing = {"c10", "c11", "c12"}
    assert await fleet.ids() == fleet.saved - missing
    assert [(g.reason, g.from_at, g.to_at) for g in await fleet.gaps()] == [(GapReason.CROWDED, crowded, crowded + 999)]
    assert (await fleet.state()).word == "working"
    await fleet.read()
    assert len(await fleet.gaps()) == 1


async def test_a_page_that_says_there_are_more_and_not_where_is_an_error_and_a_possible_loss(fleet: Fleet) -> None:
    fill(fleet)
    fleet.standin.faults.switch_on(FaultName.EMPTY_PAGE)
    fleet.standin.faults.switch_on(FaultName.MISSING_NEXT)
    await fleet.read()
    await fleet.read()
    assert await fleet.gaps() == []  # it may pass
    await fleet.read()
    state = await fleet.state()
    assert (state.word, state.errors_in_row, state.position) == ("failing", 3, None)
    fleet.standin.faults.clear()
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    assert [(gap.reason, gap.closed_at) for gap in await fleet.gaps()] == [(GapReason.NO_WAY_ON, fleet.clock.now)]


@pytest.mark.parametrize(
    "fault,outcome",
    [
        (FaultName.SERVER_ERROR, "status"),
        (FaultName.TOO_MANY_REQUESTS, "status"),
        (FaultName.UNAVAILABLE, "status"),
        (FaultName.REDIRECT, "status"),
        (FaultName.NOT_JSON, "malformed"),
        (FaultName.RESET, "unreachable"),
        (FaultName.SLOW, "timeout"),
        (FaultName.SILENT, "timeout"),
        (FaultName.ENDLESS, "too_large"),
    ],
)
async def test_a_fault_is_noted_and_waited_for_and_loses_nothing(fleet: Fleet, fault: FaultName, outcome: str) -> None:
    fill(fleet, 8)
    await fleet.read()
    fill(fleet)
    before = await fleet.state()
    fleet.standin.faults.switch_on(fault)
    await fleet.read()
    await fleet.read()
    state = await fleet.state()
    assert (state.word, state.errors_in_row, state.position) == ("failing", 2, before.position)
    assert state.last_success_at == before.last_success_at
    assert state.last_error
    assert fleet.metric("hos_maven_polls_total", outcome=outcome) == 2
    fleet.standin.faults.clear()
    await fleet.read()
    state = await fleet.state()
    assert (state.word, state.errors_in_row) == ("working", 0)
    assert await fleet.ids() == fleet.saved
    assert await fleet.gaps() == []


async def test_what_came_before_a_fault_stays_and_reading_goes_on_there(fleet: Fleet) -> None:
    fill(fleet)
    async with fleet.poller() as poller:
        fleet.standin.page_size = 20
        await poller.turn()
        assert fleet.standin.request_count == 4
    fleet.clock.pass_seconds(31)
    for number in range(40):
        fleet.save(f"n{number}", fleet.clock.now - 50 * MINUTE + number * MINUTE)
    await fleet.free_lease()
    async with fleet.poller() as poller:

        async def break_after_the_next() -> None:
            await fleet.standin.until_asked(5)
            fleet.standin.faults.switch_on(FaultName.SERVER_ERROR)

        breaking = asyncio.create_task(break_after_the_next())
        await poller.turn()
        await breaking
    state = await fleet.state()
    assert state.word == "failing"
    assert 0 < len([i for i in await fleet.ids() if i.startswith("n")]) < 40
    held = await fleet.database.fetch("SELECT max(received_at) FROM events")
    assert held[0][0] == fleet.clock.now
    fleet.standin.faults.clear()
    await fleet.read()
    assert await fleet.ids() == fleet.saved


@pytest.mark.parametrize("every", [2, 3])
async def test_reading_makes_progress_however_often_it_is_broken_off(fleet: Fleet, every: int) -> None:
    """More pages lie within the overlap than are read before each failure."""
    for number in range(400):
        fleet.save(f"v{number}", BEGIN - 2 * HOUR + number * 15 * SECOND)
    answers = fleet.standin.faults

    async def fail_now_and_then() -> None:
        while True:
            await fleet.standin.until_asked(fleet.standin.request_count + every - 1)
            answers.switch_on(FaultName.SERVER_ERROR, 1)
            await fleet.standin.until_asked(fleet.standin.request_count + 1)

    failing = asyncio.create_task(fail_now_and_then())
    for _ in range(60):
        await fleet.read(later=True)
        if await fleet.ids() == fleet.saved:
            break
    failing.cancel()
    await asyncio.gather(failing, return_exceptions=True)
    assert await fleet.ids() == fleet.saved
    assert await fleet.events() == 400


async def test_an_event_that_bears_a_later_time_than_its_place_hides_none_of_the_others(fleet: Fleet) -> None:
    """Its page was the last that was read before a failure."""
    for number in range(60):
        fleet.save(f"v{number}", BEGIN - DAY + number * MINUTE)
    held = fleet.standin.held
    early = held.page(0, None, 7, BEGIN).events[6]
    ahead = early.replace(b'"id":"v6"', b'"id":"ahead"').replace(
        b'"timestamp":"2025-12-31T00:', b'"timestamp":"2025-12-31T10:'
    )
    assert ahead != early
    held.add(BEGIN - DAY + 6 * MINUTE, ahead)
    fleet.saved.add("ahead")

    async def break_the_third() -> None:
        await fleet.standin.until_asked(2)
        fleet.standin.faults.switch_on(FaultName.SERVER_ERROR, 1)

    breaking = asyncio.create_task(break_the_third())
    await fleet.read()
    await breaking
    assert (await fleet.state()).word == "failing"
    await fleet.read()
    assert await fleet.ids() == fleet.saved


@pytest.mark.parametrize("way", ["absent", "text", "one"])
async def test_a_page_that_does_not_say_whether_there_are_more_is_read_on(fleet: Fleet, way: str) -> None:
    fill(fleet, every=SECOND)
    fleet.standin.__class__ = {"absent": Silent, "text": Texting, "one": Counting}[way]
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    await fleet.read()
    assert (await fleet.state()).word == "working"
    assert await fleet.gaps() == []


async def test_errors_back_off_with_jitter_up_to_a_ceiling_and_heed_retry_after(fleet: Fleet) -> None:
    fleet.standin.faults.switch_on(FaultName.SERVER_ERROR)
    async with fleet.poller() as poller:
        waits = []
        for number in range(1, 9):
            await poller.turn()
            assert fleet.standin.request_count == number
            seconds = 0
            while seconds < 1000:
                fleet.clock.pass_seconds(1)
                seconds += 1
                if poller._wait_of(await fleet.state()) <= 0:
                    break
            waits.append(seconds)
        # An interval, and by chance (here half) up to 30 s, 60 s, 120 s … 300 s more.
        assert waits == [45, 60, 90, 150, 180, 180, 180, 180]
        fleet.standin.faults.clear()
        fleet.standin.faults.switch_on(FaultName.TOO_MANY_REQUESTS)
        fleet.standin.faults.retry_after_seconds = 900
        await poller.turn()
        assert poller._wait_of(await fleet.state()) == 900


async def test_odd_data_goes_to_quarantine_once_and_reading_goes_on(fleet: Fleet) -> None:
    fill(fleet, 12, since=fleet.clock.now - 4 * MINUTE, every=SECOND)
    fleet.standin.faults.odd_every = 3
    fleet.standin.faults.switch_on(FaultName.ODD_DATA)
    async with fleet.poller() as poller:
        await poller.turn()
        rows = await fleet.database.fetch("SELECT count, channel FROM quarantine")
        assert rows
        for _ in range(3):
            fleet.clock.pass_seconds(30)
            await poller.turn()
        again = await fleet.database.fetch("SELECT count, channel FROM quarantine")
        assert [tuple(row) for row in again] == [tuple(row) for row in rows]
        assert {row[1] for row in rows} == {int(Channel.POLL)}
        fleet.standin.faults.clear()
        fleet.save("after", fleet.clock.now)
        fleet.clock.pass_seconds(30)
        await poller.turn()
    assert "after" in await fleet.ids()
    assert (await fleet.state()).word == "working"
