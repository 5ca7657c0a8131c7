"""Asking the system for addresses: a name that hangs holds up no other, and no end of the process."""

import asyncio
import socket
from threading import Event

import pytest

from app.dialling import resolving
from app.dialling.resolving import SystemResolver

pytestmark = pytest.mark.anyio


async def test_the_system_resolves() -> None:
    resolver = SystemResolver()
    async with asyncio.timeout(30):
        assert list(await resolver("127.0.0.1")) == ["127.0.0.1"]
        with pytest.raises(socket.gaierror):
            await resolver("a" * 64)
        await resolver.aclose()


async def test_a_name_that_hangs_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, asked = Event(), []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        if host == "hangs.example":
            goes_on.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    resolver = SystemResolver()
    async with asyncio.timeout(30):
        hanging = [asyncio.create_task(resolver("hangs.example")) for _ in range(10)]
        for n in range(40):
            assert await resolver(f"host{n}.example") == ("127.0.0.1",)
        # Who waits for the same name shares one lookup, and leaves it to the others when giving up.
        assert asked.count("hangs.example") == 1
        hanging[0].cancel()
        goes_on.set()
        answers = await asyncio.gather(*hanging, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert answers[1:] == [("127.0.0.1",)] * 9
        await resolver.aclose()


async def test_it_closes_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: goes_on.wait(30) and [])
    monkeypatch.setattr(resolving, "MOST_AT_ONCE", 1)
    async with asyncio.timeout(30):
        resolver = SystemResolver()
        waiting = [asyncio.create_task(resolver(f"host{n}.example")) for n in range(3)]
        await asyncio.sleep(0)
        await resolver.aclose()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
    goes_on.set()
