"""Turning names into addresses, so that a name server that does not answer holds up only its own name.

Which of the addresses may be dialled is left to `addresses`.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from threading import Thread
from typing import TypeAlias

Resolver: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""All addresses of a name, as text, best first. Raises OSError (`socket.gaierror`) when there are none."""

MOST_AT_ONCE = 64
"""Names that are looked up at one time."""


class SystemResolver:
    """Asks the system's resolver, each name in a thread of its own; who asks for one name together shares the answer.

    `loop.getaddrinfo` has a handful of threads for the whole process: four names whose servers are silent, for 10 to
    30 s each, would hold up every other. The threads are daemons, for a lookup cannot be broken off and must not keep
    the process from ending.
    """

    __slots__ = ("_places", "_running")

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._running: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def __call__(self, host: str) -> Sequence[str]:
        """The addresses of `host`. Raises `socket.gaierror` when it has none."""
        task = self._running.get(host)
        if task is None:
            task = asyncio.create_task(self._ask(host))
            self._running[host] = task
            task.add_done_callback(lambda done: self._end(host, done))
        # Who gives up waiting does not take the answer from the others.
        return await asyncio.shield(task)

    def _end(self, host: str, task: asyncio.Task[tuple[str, ...]]) -> None:
        del self._running[host]
        if not task.cancelled():
            # Seen, also when nobody waits for it any more.
            task.exception()

    async def _ask(self, host: str) -> tuple[str, ...]:
        async with self._places:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[tuple[str, ...]] = loop.create_future()
            Thread(target=_look_up, args=(host, loop, answer), daemon=True, name="hos-resolver").start()
            return await answer

    async def aclose(self) -> None:
        """Waits for nothing: what is still looked up is forgotten."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _look_up(host: str, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[tuple[str, ...]]") -> None:
    """In its thread: ask, and tell the loop, unless it has ended meanwhile."""
    found: tuple[str, ...] | OSError
    try:
        listed = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        found = tuple(dict.fromkeys(str(address[0]) for *_, address in listed))
    except OSError as error:
        found = error
    except ValueError as error:
        # A label that IDNA cannot encode.
        found = socket.gaierror(str(error))

    def tell() -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        # The loop is closed, so nobody waits.
        return
