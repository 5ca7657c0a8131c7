"""The stand-in for Maven in a thread of its own, for tests whose receiver is a process of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.maven.standin import StandIn
from tests.ingest.maven_standin import standing_in


@contextmanager
def standing_in_thread(standin: StandIn) -> Iterator[str]:
    """Serves it; gives the base address."""
    ready = threading.Event()
    ending: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    address: list[str] = []

    async def serve() -> None:
        end = asyncio.Event()
        async with standing_in(standin) as url:
            address.append(url)
            ending.append((asyncio.get_running_loop(), end))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(15), "the stand-in did not start"
    try:
        yield address[0]
    finally:
        loop, end = ending[0]
        loop.call_soon_threadsafe(end.set)
        thread.join(15)
