"""Waiting together: many wait for the next wake, each no longer than it likes. Nothing has to be closed."""

import asyncio


class Waiters:
    """Those who wait now. Used from one event loop alone."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def wake(self) -> None:
        """Ends the present waits of all."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, seconds: float, *also: "asyncio.Future[None]") -> None:
        """Returns after a wake, after `seconds`, or when one of `also` is done, whichever comes first."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def end(_: object = None) -> None:
            if not future.done():
                future.set_result(None)

        for other in also:
            other.add_done_callback(end)
        timer = loop.call_later(seconds, end)
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            timer.cancel()
            for other in also:
                other.remove_done_callback(end)
