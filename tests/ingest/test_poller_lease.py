"""Of several pollers one reads; the position is committed with its events or not at all, and by the holder alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.channels.store import LeaseLost, move_position, queue_state, release_lease, take_lease
from app.db.database import open_database
from app.db.errors import DatabaseUnavailable
from app.ingest.writer import Writer
from app.maven.queue_client import Patience
from app.maven.times import SECOND
from tests.ingest.polled import BEGIN, DAY, HOUR, Fleet, fleet_on
from tests.ingest.test_writer import Troubled

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(database_url: str) -> AsyncIterator[Fleet]:
    async with fleet_on(database_url) as fleet:
        yield fleet


def fill(fleet: Fleet, count: int = 25) -> None:
    for number in range(count):
        fleet.save(f"v{number:02}", BEGIN - 2 * DAY + number * HOUR)


async def test_one_reads_and_the_others_stand_by(fleet: Fleet) -> None:
    fill(fleet)
    async with fleet.poller() as one, fleet.poller() as other:
        await one.turn()
        requests = fleet.standin.request_count
        assert requests == 3
        for _ in range(5):
            assert 0 < await other.turn() <= 30 / 4
            assert other.is_elsewhere
        fleet.clock.pass_seconds(31)
        await other.turn()
        assert fleet.standin.request_count == requests
        await one.turn()
        assert fleet.standin.request_count == requests + 1


async def test_another_takes_over_when_the_lease_is_over_or_given_back(fleet: Fleet) -> None:
    fill(fleet)
    async with fleet.poller() as one, fleet.poller() as other, fleet.poller() as third:
        await one.turn()
        fleet.save("new", fleet.clock.now)
        fleet.clock.pass_seconds(31)
        await fleet.free_lease()
        await other.turn()
        assert await fleet.ids() == fleet.saved
        assert (await fleet.state()).holder == other.holder
        task = asyncio.create_task(other.poll_for_ever())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await fleet.state()).holder is None
        await third.turn()
        assert (await fleet.state()).holder == third.holder
    assert await fleet.events() == len(fleet.saved)


async def test_two_at_once_keep_everything_once(fleet: Fleet, database_url: str) -> None:
    fill(fleet)
    second = await open_database(database_url)
    try:
        async with fleet.poller() as one, fleet.poller(database=second) as other:
            await asyncio.gather(one.turn(), other.turn())
            assert one.is_elsewhere != other.is_elsewhere
    finally:
        await second.close()
    assert await fleet.ids() == fleet.saved
    assert await fleet.events() == len(fleet.saved)


async def test_who_lost_the_lease_within_a_page_commits_nothing_of_it(fleet: Fleet) -> None:
    fill(fleet)
    troubled = Troubled(fleet.database)
    writer = Writer(troubled, fleet.clock, fleet.metrics)
    writer.start()
    try:
        async with fleet.poller(writer=writer) as one, fleet.poller() as other:
            troubled.is_open.clear()
            reading = asyncio.create_task(one.turn())
            await troubled.entered.wait()
            await fleet.free_lease()
            assert await fleet.database.write(take_lease(fleet.database.dialect, other.holder, SECOND * 60)) is not None
            troubled.is_open.set()
            await reading
            assert await fleet.events() == 0
            state = await fleet.state()
            assert (state.position, state.holder, state.errors_in_row) == (None, other.holder, 0)
            fleet.clock.pass_seconds(31)
            await other.turn()
            assert await fleet.ids() == fleet.saved
    finally:
        await writer.stop()


async def test_the_position_does_not_pass_what_was_not_committed(fleet: Fleet) -> None:
    fill(fleet)
    troubled = Troubled(fleet.database)
    writer = Writer(troubled, fleet.clock, fleet.metrics)
    writer.start()
    committed = 0

    def fail_from_the_second_page() -> Exception:
        return DatabaseUnavailable("away")

    try:
        async with fleet.poller(writer=writer) as poller:
            fleet.standin.page_size = 5

            async def take_the_database_away() -> None:
                await fleet.standin.until_asked(3)
                troubled.failure = fail_from_the_second_page

            taking = asyncio.create_task(take_the_database_away())
            await poller.turn()
            await taking
            state = await fleet.state()
            rows = await fleet.database.fetch("SELECT count(*), max(event_time) FROM events")
            committed = rows[0][0]
            assert 0 < committed < 25
            assert state.position is not None
            assert state.position == BEGIN - 2 * DAY + (committed - 1) * HOUR
            troubled.failure = None
            fleet.clock.pass_seconds(31)
            await poller.turn()
            assert await fleet.ids() == fleet.saved
            assert await fleet.events() == 25
    finally:
        await writer.stop()


async def test_the_position_moves_for_the_holder_alone_and_never_back(fleet: Fleet) -> None:
    database = fleet.database
    with pytest.raises(LeaseLost):
        await database.write(move_position("a", BEGIN, None))
    await database.write(take_lease(database.dialect, "a", 60 * SECOND))
    assert await database.write(take_lease(database.dialect, "b", 60 * SECOND)) is None
    for position, expected in [(None, None), (BEGIN, BEGIN), (BEGIN - 1, BEGIN), (None, BEGIN), (BEGIN + 1, BEGIN + 1)]:
        await database.write(move_position("a", position, None))
        assert (await database.read(queue_state(database.dialect))).position == expected
    with pytest.raises(LeaseLost):
        await database.write(move_position("b", BEGIN + 2, None))
    await database.write(release_lease("b"))
    assert (await database.read(queue_state(database.dialect))).holder == "a"
    await database.write(release_lease("a"))
    assert await database.write(take_lease(database.dialect, "b", 60 * SECOND)) is not None


async def test_a_lease_is_renewed_while_a_page_is_slow_to_come(fleet: Fleet) -> None:
    fill(fleet, 5)
    longer_than_the_lease = Patience(request_seconds=1.6, silence_seconds=1.6)
    async with fleet.poller(poll_seconds=0.4, patience=longer_than_the_lease) as one, fleet.poller() as other:
        fleet.standin.faults.switch_on("silent", 1)
        reading = asyncio.create_task(one.turn())
        await fleet.standin.until_asked(1)
        while not reading.done():
            await other.turn()
            assert other.is_elsewhere or reading.done()
        await reading


async def test_it_ends_whenever_it_is_cancelled(fleet: Fleet) -> None:
    fill(fleet)
    for turns in range(0, 120, 3):
        await fleet.free_lease()
        fleet.clock.pass_seconds(60)
        async with fleet.poller() as poller:
            task = asyncio.create_task(poller.poll_for_ever())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=15)
            assert task.cancelled(), turns
            # One that was cancelled before it began has nothing to give back.
            assert (await fleet.state()).holder != poller.holder or turns == 0


async def test_it_ends_when_it_is_cancelled_while_it_stops_renewing(fleet: Fleet) -> None:
    async with fleet.poller() as poller:

        async def renew_for_a_moment() -> None:
            async with poller._renewing():
                # Comes just while the end of the block waits for the renewing to end.
                asyncio.get_running_loop().call_soon(task.cancel)

        task = asyncio.create_task(renew_for_a_moment())
        await asyncio.wait([task], timeout=15)
        assert task.cancelled()
