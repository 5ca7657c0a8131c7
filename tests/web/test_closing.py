"""The transport that holds short writes back for company."""

import asyncio
import socket

import pytest

from app.web.closing import ClosingTransport

pytestmark = pytest.mark.anyio


async def connected() -> tuple[ClosingTransport, asyncio.StreamReader, asyncio.StreamWriter]:
    """A transport of ours, and the client at the other end."""
    ours, theirs = socket.socketpair()
    inner, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    reader, writer = await asyncio.open_connection(sock=theirs)
    return ClosingTransport(inner, inner.close), reader, writer


async def test_short_writes_of_one_turn_go_together() -> None:
    transport, reader, writer = await connected()
    transport.write(b"head ")
    transport.write(b"body")
    transport.close()
    assert await reader.read() == b"head body"
    writer.close()
    await writer.wait_closed()


async def test_what_is_held_for_a_client_that_has_gone_is_dropped_quietly() -> None:
    told: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    try:
        transport, reader, writer = await connected()
        transport.write(b"held")
        transport.inner.abort()
        assert await reader.read() == b""
        transport.write(b"late")
        writer.close()
        await writer.wait_closed()
    finally:
        loop.set_exception_handler(None)
    assert told == []
