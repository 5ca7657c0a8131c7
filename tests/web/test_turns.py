"""Turns: so many at once, so many waiting, none for ever, and none lost."""

import asyncio

import pytest

from app.web.turns import Turns


class CrowdedError(Exception):
    """Too many wait."""


class LateError(Exception):
    """It took too long."""


def make_turns(at_once: int = 2, waiting: int = 3, seconds: float = 20.0) -> Turns:
    return Turns(at_once, waiting, seconds, crowded=CrowdedError, late=LateError)


class Crowd:
    """Tasks that take a turn each and keep it until they are told to leave."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.inside = 0
        self.most_inside = 0
        self.order: list[int] = []
        self.leave = asyncio.Event()

    async def come(self, number: int = 0) -> None:
        async with self.turns.turn():
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.order.append(number)
            await self.leave.wait()
            self.inside -= 1


async def settle() -> None:
    """Lets every task run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_so_many_at_once_and_the_rest_in_their_order() -> None:
    crowd = Crowd(make_turns())
    tasks = [asyncio.create_task(crowd.come(number)) for number in range(5)]
    await settle()
    assert crowd.order == [0, 1]
    crowd.leave.set()
    await asyncio.gather(*tasks)
    assert crowd.order == list(range(5))
    assert crowd.most_inside == 2


async def test_too_many_waiting_are_turned_away() -> None:
    crowd = Crowd(make_turns())
    tasks = [asyncio.create_task(crowd.come()) for _ in range(5)]
    await settle()
    for _ in range(2):
        with pytest.raises(CrowdedError):
            await crowd.come()
    crowd.leave.set()
    await asyncio.gather(*tasks)
    await crowd.come()


async def test_who_waits_too_long_is_told_so_and_takes_no_turn() -> None:
    crowd = Crowd(make_turns(at_once=1, seconds=0.01))
    holder = asyncio.create_task(crowd.come())
    await settle()
    with pytest.raises(LateError):
        await crowd.come()
    assert crowd.order == [0]
    crowd.leave.set()
    await holder
    await crowd.come()
    assert crowd.most_inside == 1


async def test_a_turn_is_given_back_whatever_happens_in_it() -> None:
    turns = make_turns(at_once=1)
    for error in (ValueError, asyncio.CancelledError, TimeoutError):
        with pytest.raises(error):
            async with turns.turn():
                raise error
    async with turns.turn() as began:
        assert began <= asyncio.get_running_loop().time()


async def test_who_leaves_while_waiting_takes_no_place() -> None:
    crowd = Crowd(make_turns(at_once=1, waiting=2))
    holder = asyncio.create_task(crowd.come())
    await settle()
    waiting = [asyncio.create_task(crowd.come()) for _ in range(2)]
    await settle()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    again = [asyncio.create_task(crowd.come()) for _ in range(2)]
    await settle()
    crowd.leave.set()
    await asyncio.gather(holder, *again)
    assert crowd.most_inside == 1


async def test_who_leaves_just_when_the_turn_comes_gives_it_on() -> None:
    crowd = Crowd(make_turns(at_once=1))
    holder = asyncio.create_task(crowd.come(1))
    await settle()
    second, third = (asyncio.create_task(crowd.come(number)) for number in (2, 3))
    await settle()
    crowd.leave.set()
    while not holder.done():
        await asyncio.sleep(0)
        second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await third
    assert crowd.order[-1] == 3
