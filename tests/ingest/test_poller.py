"""The poller against a stand-in for Maven over real HTTP: everything in the queue is here once, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.channels.store import GapReason, LeaseLost
from app.inbox.model import Channel
from app.maven.queue_client import KeyRefused
from app.maven.queue_page import RETENTION
from app.maven.standin import FaultName, HeldEvents, StandIn, enveloped
from app.maven.times import SECOND, format_time
from tests.ingest.maven_standin import standing_in
from tests.ingest.polled import BEGIN, DAY, HOUR, OFTEN, Fleet, fill, fleet_on
from tests.maven.examples import violation_data

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(database_url: str) -> AsyncIterator[Fleet]:
    async with fleet_on(database_url) as fleet:
        yield fleet


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
        # Whatever starts the command again and again does not ask Maven each time; a person may.
        fleet.clock.pass_seconds(60)
        with pytest.raises(KeyRefused, match="not tried again before"):
            await asyncio.wait_for(poller.poll_for_ever(), 15)
        assert fleet.standin.request_count == 1
        with pytest.raises(KeyRefused, match="401"):
            await poller.poll_once()
        assert fleet.standin.request_count == 2


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


async def test_another_maven_is_read_from_30_days_back(fleet: Fleet) -> None:
    fill(fleet)
    fleet.save("newest", fleet.clock.now)
    await fleet.read()
    other = StandIn(HeldEvents(), clock=fleet.clock)
    at = BEGIN - 20 * DAY
    other.held.add(at, enveloped("e", "violationCreated", at, violation_data(id="of the other")))
    fleet.standin = other
    async with standing_in(other) as fleet.url:
        await fleet.read()
        assert "of the other" in await fleet.ids()
        state = await fleet.state()
        assert (state.source, state.position) == (fleet.url, at)
        assert await fleet.gaps() == []


async def test_a_person_may_try_a_refused_key_beside_who_rests_with_it(fleet: Fleet) -> None:
    fill(fleet)
    fleet.standin.faults.switch_on(FaultName.UNAUTHORIZED)
    async with fleet.poller() as serving, fleet.poller(ends_when_refused=True) as tried:
        await serving.turn()
        fleet.standin.faults.clear()
        await tried.poll_once()
        assert await fleet.ids() == fleet.saved
        fleet.clock.pass_seconds(31)
        await serving.turn()
        state = await fleet.state()
        assert (state.word, state.holder) == ("working", serving.holder)
        with pytest.raises(LeaseLost):
            await tried.poll_once()


async def test_a_gap_is_recorded_also_when_there_never_was_an_event(fleet: Fleet) -> None:
    await fleet.read()
    read_at = fleet.clock.now
    fleet.clock.now += 40 * DAY
    await fleet.read()
    gaps = [(gap.reason, gap.from_at, gap.to_at) for gap in await fleet.gaps()]
    assert gaps == [(GapReason.NOT_POLLED, read_at, fleet.clock.now - RETENTION)]


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


async def test_a_reconciliation_that_fails_rests_and_is_no_failed_reading(fleet: Fleet) -> None:
    fill(fleet, 30, since=BEGIN - 2 * DAY)
    await fleet.read()
    fleet.clock.now += DAY
    async with fleet.poller() as poller:
        await fleet.free_lease()
        asked = fleet.standin.request_count

        async def break_the_second() -> None:
            await fleet.standin.until_asked(asked + 2)
            fleet.standin.faults.switch_on(FaultName.SERVER_ERROR)

        breaking = asyncio.create_task(break_the_second())
        await poller.turn()
        await breaking
        state = await fleet.state()
        assert (state.word, state.errors_in_row) == ("working", 0)
        fleet.standin.faults.clear()
        asked = fleet.standin.request_count
        for _ in range(3):
            fleet.clock.pass_seconds(31)
            await poller.turn()
        assert fleet.standin.request_count == asked + 3
        fleet.clock.pass_seconds(3600)
        await poller.turn()
        assert fleet.standin.request_count > asked + 4
        assert (await fleet.state()).reconciled_at == fleet.clock.now


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
