"""The poller against a stand-in for Maven over real HTTP: everything in the queue is here once, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.channels.store import GapReason
from app.inbox.model import Channel
from app.maven.queue_client import KeyRefused
from app.maven.queue_page import RETENTION
from app.maven.standin import FaultName
from app.maven.times import MINUTE, SECOND, format_time
from tests.ingest.polled import BEGIN, DAY, HOUR, Fleet, fleet_on

pytestmark = pytest.mark.anyio

OFTEN = 25
"""Violations in the queue of most tests: three pages."""


@pytest.fixture
async def fleet(database_url: str) -> AsyncIterator[Fleet]:
    async with fleet_on(database_url) as fleet:
        yield fleet


def fill(fleet: Fleet, count: int = OFTEN, *, since: int = BEGIN - 20 * DAY, every: int = HOUR) -> None:
    """Violations one after the other, with two events of other types between them."""
    for number in range(count):
        at = since + number * every
        fleet.save(f"v{number}", at)
        fleet.save_foreign(f"f{number}", at + 1000 * SECOND)
        fleet.save_foreign(f"g{number}", at + 1100 * SECOND)


async def test_the_first_reading_goes_back_30_days_and_takes_everything_once(fleet: Fleet) -> None:
    fleet.save("too old", BEGIN - RETENTION - HOUR)
    fleet.saved.clear()
    fleet.save("oldest", BEGIN - RETENTION + HOUR)
    fill(fleet)
    newest = BEGIN - HOUR
    fleet.save("newest", newest)
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    assert await fleet.events() == len(fleet.saved)
    assert fleet.metric("hos_events_total", type="other", channel="poll", outcome="ignored") >= 2 * OFTEN
    state = await fleet.state()
    assert (state.position, state.errors_in_row, state.word) == (newest, 0, "working")
    assert state.last_success_at == fleet.clock.now
    assert await fleet.gaps() == []
    rows = await fleet.database.fetch("SELECT DISTINCT channel FROM events")
    assert [row[0] for row in rows] == [int(Channel.POLL)]


async def test_the_next_reading_goes_back_behind_the_newest_event_and_keeps_nothing_twice(fleet: Fleet) -> None:
    fill(fleet)
    await fleet.read()
    position = (await fleet.state()).position
    assert position is not None
    fleet.save("late", position - 299 * SECOND)
    fleet.save("too late", position - 301 * SECOND)
    fleet.save("new", fleet.clock.now)
    asked = fleet.standin.request_count
    await fleet.read()
    assert fleet.standin.asked[asked].start_time == format_time(position - 300 * SECOND).replace("Z", ".000Z")
    assert await fleet.ids() == fleet.saved - {"too late"}
    assert await fleet.events() == len(fleet.saved) - 1


async def test_requests_stay_within_one_an_interval_and_pages(fleet: Fleet) -> None:
    fill(fleet)
    await fleet.read()
    async with fleet.poller() as poller:
        await fleet.free_lease()
        asked = fleet.standin.request_count
        for _ in range(20):
            assert 0 < await poller.turn() <= 30 / 4
        assert fleet.standin.request_count == asked
        fleet.clock.pass_seconds(30)
        await poller.turn()
        assert fleet.standin.request_count == asked + 1
        await poller.turn()
        assert fleet.standin.request_count == asked + 1


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
    state = await fleet.state()
    assert (state.word, state.errors_in_row, state.position) == ("failing", 2, None)
    fleet.standin.faults.clear()
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    assert {gap.reason for gap in await fleet.gaps()} == {GapReason.NO_WAY_ON}


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


@pytest.mark.parametrize("fault", [FaultName.UNAUTHORIZED, FaultName.FORBIDDEN])
async def test_a_refused_key_rests_for_an_hour_and_another_one_is_tried_at_once(fleet: Fleet, fault: FaultName) -> None:
    fill(fleet)
    fleet.standin.faults.switch_on(fault)
    async with fleet.poller() as poller:
        await poller.turn()
        state = await fleet.state()
        assert (state.word, fleet.standin.request_count) == ("key_refused", 1)
        assert state.last_error is not None
        assert fleet.standin.api_key not in state.last_error
        for _ in range(119):
            fleet.clock.pass_seconds(30)
            await poller.turn()
        assert fleet.standin.request_count == 1
    await fleet.read()  # a start of the process tries it no sooner, and here an hour is over
    assert fleet.standin.request_count == 2
    await fleet.read()
    assert fleet.standin.request_count == 2
    fleet.standin.faults.clear()
    fleet.standin.api_key = "the new one"
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    assert (await fleet.state()).word == "working"


async def test_a_refused_key_ends_the_command(fleet: Fleet) -> None:
    fleet.standin.faults.switch_on(FaultName.UNAUTHORIZED)
    async with fleet.poller(ends_when_refused=True) as poller:
        with pytest.raises(KeyRefused, match="HOS_MAVEN_API_KEY"):
            await asyncio.wait_for(poller.poll_for_ever(), 15)
    assert (await fleet.state()).holder is None


async def test_a_gap_of_more_than_30_days_is_recorded(fleet: Fleet) -> None:
    fill(fleet)
    await fleet.read()
    read_at = fleet.clock.now
    fleet.clock.now += 32 * DAY
    fleet.save("new", fleet.clock.now - DAY)
    fleet.standin.faults.switch_on(FaultName.SERVER_ERROR, 1)
    await fleet.read()
    await fleet.read()
    gaps = await fleet.gaps()
    assert [(g.reason, g.from_at) for g in gaps] == [(GapReason.NOT_POLLED, read_at)]
    assert gaps[0].to_at == fleet.clock.now - RETENTION
    assert "new" in await fleet.ids()
    await fleet.read()
    assert await fleet.gaps() == gaps


async def test_29_days_are_no_gap(fleet: Fleet) -> None:
    fill(fleet)
    await fleet.read()
    fleet.clock.now += 29 * DAY
    fleet.save("new", fleet.clock.now - 28 * DAY)
    await fleet.read()
    assert await fleet.gaps() == []
    assert "new" in await fleet.ids()


async def test_a_position_in_the_future_is_reset_and_recorded(fleet: Fleet) -> None:
    fill(fleet)
    fleet.save("newest", fleet.clock.now)
    await fleet.read()
    fleet.clock.now -= 5 * DAY
    await fleet.read()
    assert [gap.reason for gap in await fleet.gaps()] == [GapReason.POSITION_RESET]
    position = (await fleet.state()).position
    assert position is not None
    assert position <= fleet.clock.now


async def test_the_last_days_are_read_again_once_a_day(fleet: Fleet) -> None:
    fill(fleet)
    await fleet.read()
    position = (await fleet.state()).position
    assert position is not None
    fleet.save("very late", position - 2 * HOUR)
    fleet.save("recent and late", fleet.clock.now - 3 * HOUR)
    fleet.save("newest", fleet.clock.now)
    await fleet.read()
    assert "recent and late" in await fleet.ids()  # newer than the position, and so no difference
    fleet.save("late", fleet.clock.now - 2 * HOUR)
    fleet.save("old and late", fleet.clock.now - 4 * DAY)
    await fleet.read()
    assert "late" not in await fleet.ids()
    fleet.clock.now += DAY
    await fleet.read()
    assert fleet.saved - await fleet.ids() == {"very late", "old and late"}
    assert fleet.metric("hos_maven_reconciled_differences_total") == 1
    asked = fleet.standin.request_count
    await fleet.read()
    assert fleet.standin.request_count == asked + 1


async def test_reconciling_can_be_switched_off(fleet: Fleet) -> None:
    fill(fleet)
    await fleet.read(reconcile_hours=0)
    fleet.clock.now += 3 * DAY
    asked = fleet.standin.request_count
    await fleet.read(reconcile_hours=0)
    assert fleet.standin.request_count == asked + 1


@pytest.mark.parametrize("skew", [-40 * DAY, -2 * HOUR, 2 * HOUR])
async def test_clocks_that_disagree_lose_nothing(fleet: Fleet, skew: int) -> None:
    """Maven's clock is the stand-in's; ours is ahead of it, or behind."""
    ours = fleet.clock
    fleet.standin.clock = lambda: ours.now + skew
    for number in range(30):
        fleet.save(f"v{number}", fleet.standin.clock() - 29 * DAY + number * 20 * HOUR)
    await fleet.read()
    assert await fleet.ids() == fleet.saved
    for number in range(5):
        fleet.save(f"n{number}", fleet.standin.clock())
        await fleet.read()
        assert await fleet.ids() == fleet.saved
    position = (await fleet.state()).position
    assert position is not None
    assert position <= ours.now


async def test_an_event_with_a_mad_timestamp_does_not_move_reading_into_the_future(fleet: Fleet) -> None:
    fill(fleet)
    held = fleet.standin.held
    mad = held.page(0, None, 1, BEGIN).events[0].replace(b'"timestamp":"2025', b'"timestamp":"2125')
    assert b"2125" in mad
    held.add(BEGIN - 2 * DAY, mad)
    fleet.save("after", BEGIN - DAY)
    await fleet.read()
    fleet.save("later", fleet.clock.now)
    await fleet.read()
    assert await fleet.ids() == fleet.saved


async def test_an_event_that_was_pushed_and_polled_is_here_once(fleet: Fleet) -> None:
    from app.ingest.keeping import Delivery
    from app.maven.events import read_delivery
    from tests.maven.examples import as_bytes, flat_event

    fleet.save("both", BEGIN - HOUR)
    pushed = read_delivery(as_bytes(flat_event(id="both")), 1)
    kept = await fleet.writer.submit(Delivery(pushed, Channel.WEBHOOK))
    assert [one.outcome.word for one in kept] == ["created"]
    await fleet.read()
    assert await fleet.events() == 1
    assert fleet.metric("hos_events_total", type="violationCreated", channel="poll", outcome="duplicate") == 1
