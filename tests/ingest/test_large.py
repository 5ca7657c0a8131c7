"""Large deliveries: turns, time, and the bytes they were."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from app.db.errors import DatabaseUnavailable
from app.ingest import large
from app.ingest.large import LargeDeliveries
from app.ingest.writer import Overloaded
from app.maven.events import AcceptedEvent, NotJson, read_data, read_stored
from tests.maven.examples import Json, as_bytes, enveloped, flat_event

PATIENCE = 20


async def test_a_turn_is_waited_for_and_handed_on() -> None:
    deliveries = LargeDeliveries()
    order: list[int] = []

    async def take(number: int, may_end: asyncio.Event) -> None:
        async with deliveries.turn():
            order.append(number)
            await may_end.wait()

    ends = [asyncio.Event() for _ in range(large.TURNS + 2)]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for number, end in enumerate(ends):
            group.create_task(take(number, end))
        for turn, end in enumerate(ends):
            while len(order) < min(turn + large.TURNS, len(ends)):  # noqa: ASYNC110 - one turn of the loop each
                await asyncio.sleep(0)
            assert len(order) == min(turn + large.TURNS, len(ends))
            end.set()
    assert order == list(range(len(ends)))


async def test_too_many_and_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "WAITING", 1)
    monkeypatch.setattr(large, "TURN_SECONDS", 0.2)
    deliveries = LargeDeliveries()

    async def hold(ended: asyncio.Event) -> None:
        async with deliveries.turn():
            await ended.wait()

    async def wait() -> None:
        async with deliveries.turn():
            pass

    ended = asyncio.Event()
    holders = [asyncio.create_task(hold(ended)) for _ in range(large.TURNS)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await wait()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(DatabaseUnavailable):
            await waiting
    ended.set()
    await asyncio.gather(*holders)
    await wait()


async def test_reading_in_a_thread_reads_the_same() -> None:
    deliveries = LargeDeliveries()
    began = asyncio.get_running_loop().time()
    events = await deliveries.read(b"[" + as_bytes(flat_event()) + b"]", 10, began)
    assert [type(event) for event in events] == [AcceptedEvent]
    with pytest.raises(NotJson):
        await deliveries.read(b"[", 10, began)
    with pytest.raises(DatabaseUnavailable):
        await deliveries.read(b"[]", 10, began - 60)


NESTED = "[" * 55 + "]" * 55
UNKNOWN: Sequence[dict[str, Json]] = [{"x": 1}, {"data": None}, {"big": 10**30}, {"tiny": 1e-300}, {"events": []}]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_the_data_alone_is_the_data_of_the_event(unknown: dict[str, Json]) -> None:
    for event in (flat_event(**unknown), enveloped(flat_event(**unknown))):
        body = as_bytes(event)
        assert read_data(body) == read_stored(body).data


def test_many_unknown_members_are_passed_over_soon() -> None:
    body = as_bytes(flat_event())[:-1] + b',"x":[' + ",".join(itertools.repeat(NESTED, 2000)).encode() + b"]}"
    assert read_data(body) == read_stored(body).data
