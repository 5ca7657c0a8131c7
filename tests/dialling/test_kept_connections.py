"""Connections that are used again: for their own origin only, not for long, and with a second try when they ended."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from app.dialling.addresses import AddressGuard
from app.dialling.client import Dialler, Patience, open_dialler
from app.dialling.errors import DialFailed
from tests.dialling.answering import Reply, Request, Server, answering, http, saying

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def dialling(reply: Reply, **patience: float) -> AsyncIterator[tuple[Dialler, Server]]:
    async def resolver(host: str) -> Sequence[str]:
        return ["127.0.0.1"]

    kept = Patience(total_seconds=10, connect_seconds=5, **patience)  # type: ignore[arg-type] # seconds and counts
    guard = AddressGuard(["127.0.0.0/8"])
    async with (
        asyncio.timeout(30),
        answering(reply) as server,
        open_dialler(guard, patience=kept, resolver=resolver) as dialler,
    ):
        yield dialler, server


async def test_a_connection_serves_its_own_origin_alone() -> None:
    async with dialling(saying(http(200))) as (dialler, server):
        for name in ("a.example", "a.example", "b.example", "a.example"):
            await dialler.post(f"http://{name}:{server.port}/", b"{}", {})
        assert server.connections == 2
        assert [request.headers["host"] for request in server.asked[2:]] == [
            f"b.example:{server.port}",
            f"a.example:{server.port}",
        ]


async def test_it_is_not_kept_when_the_other_side_says_so() -> None:
    async with dialling(saying(http(200, b"", "Connection: close"))) as (dialler, server):
        await dialler.post(server.url, b"{}", {})
        assert len(dialler.idle) == 0


async def test_it_is_not_used_for_long() -> None:
    async with dialling(saying(http(200)), longest_seconds=0) as (dialler, server):
        for _ in range(3):
            await dialler.post(server.url, b"{}", {})
        assert (server.connections, len(dialler.idle)) == (3, 0)


async def test_it_is_not_kept_idle_for_long() -> None:
    async with dialling(saying(http(200)), idle_seconds=0) as (dialler, server):
        for _ in range(2):
            await dialler.post(server.url, b"{}", {})
        assert server.connections == 2
        await dialler.idle.close_spent()
        assert len(dialler.idle) == 0


async def test_without_another_post_it_is_closed_too() -> None:
    async with dialling(saying(http(200)), idle_seconds=0.02) as (dialler, server):
        await dialler.post(server.url, b"{}", {})
        await server.ended.wait()
        assert len(dialler.idle) == 0


async def test_what_ended_meanwhile_is_swept_away() -> None:
    ended = asyncio.Event()

    async def says_and_ends(request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(http(200))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.set()
        return False

    async with dialling(says_and_ends) as (dialler, server):
        await dialler.post(server.url, b"{}", {})
        await ended.wait()
        await dialler.idle.close_spent()
        assert len(dialler.idle) == 0


async def test_not_more_than_so_many_are_kept() -> None:
    async with dialling(saying(http(200)), idle_connections=2) as (dialler, server):
        for name in ("a", "b", "c"):
            await dialler.post(f"http://{name}.example:{server.port}/", b"{}", {})
        assert len(dialler.idle) == 2
        await dialler.post(f"http://c.example:{server.port}/", b"{}", {})
        assert server.connections == 3
        await dialler.post(f"http://a.example:{server.port}/", b"{}", {})
        assert server.connections == 4


async def test_a_kept_connection_that_ended_unseen_is_tried_again_once() -> None:
    async def one_each(request: Request, writer: asyncio.StreamWriter) -> bool:
        # The second request of a connection gets no answer.
        if request.number == 1:
            return False
        writer.write(http(200))
        return True

    async with dialling(one_each) as (dialler, server):
        for _ in range(2):
            assert (await dialler.post(server.url, b"{}", {})).status == 200
        assert (server.connections, len(server.asked)) == (2, 3)


async def test_a_second_failure_is_told() -> None:
    async def only_first(request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(http(200) if request.number == 0 else b"")
        return request.number == 0

    async with dialling(only_first) as (dialler, server):
        await dialler.post(server.url, b"{}", {})
        with pytest.raises(DialFailed):
            await dialler.post(server.url, b"{}", {})
        assert (server.connections, len(server.asked)) == (2, 3)


async def test_many_at_once_have_a_connection_each() -> None:
    async with dialling(saying(http(200))) as (dialler, server):
        answers = await asyncio.gather(*(dialler.post(server.url, b"%d" % n, {}) for n in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert sorted(int(request.body) for request in server.asked) == list(range(20))
        assert server.connections == len(dialler.idle) == 20
