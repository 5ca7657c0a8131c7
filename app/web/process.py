"""One serving process: a uvicorn server that checks deadlines and stops in time, whatever clients and handlers do.

Owns signals, the order in which a process stops, and its exit status. What one connection may do is `deadlines`; the
sockets come from `server`.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from types import FrameType
from typing import cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from app.web.deadlines import DeadlineConfig, DeadlineProtocol, Deadlines
from app.web.middleware import Stopping

AppFactory = Callable[[Stopping], ASGIApp]

BACKLOG = 2048
# A stop is often signalled to the whole process group and to its leader again; that is one wish, not two.
SAME_SIGNAL_SECONDS = 0.5

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """One listening process.

    On SIGTERM or SIGINT it sets `stopping`, answers what was received, ends what does not end by itself, and leaves
    with status 0 within `Deadlines.stop_seconds`. A second signal leaves at once.
    """

    config: DeadlineConfig

    def __init__(
        self,
        config: DeadlineConfig,
        *,
        on_ready: Callable[[], None] | None = None,
        signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
        is_forced_by_second_signal: bool = True,
    ) -> None:
        super().__init__(config)
        self.on_ready = on_ready
        self.signals = signals
        self.is_forced_by_second_signal = is_forced_by_second_signal
        self.first_signal_at: float | None = None
        self.checked_at = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def connections(self) -> list[DeadlineProtocol]:
        return cast("list[DeadlineProtocol]", list(self.server_state.connections))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.checked_at = self.loop.time()
        await super().startup(sockets)
        if self.on_ready is not None and not self.should_exit:
            self.on_ready()

    async def on_tick(self, counter: int) -> bool:
        self.check_connections()
        return await super().on_tick(counter)

    def check_connections(self) -> None:
        """One look at every connection; costs well under a microsecond for each."""
        now = asyncio.get_running_loop().time()
        elapsed, self.checked_at = now - self.checked_at, now
        for connection in self.connections:
            connection.check(now, elapsed)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, answers what was received, cancels what is left, ends the application."""
        deadlines = self.config.deadlines
        self.config.stopping.set()
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        if not await self._drain(deadlines.stop_request_seconds):
            self._cancel_requests()
            await self._drain(deadlines.stop_upload_seconds)
        for connection in self.connections:
            connection.line.abort()
        if not self.force_exit:
            try:
                await asyncio.wait_for(self.lifespan.shutdown(), deadlines.stop_lifespan_seconds)
            except TimeoutError:
                log.warning("server.closed_late", seconds=deadlines.stop_lifespan_seconds)

    async def _drain(self, seconds: float) -> bool:
        """Waits until every connection and every request has ended; false when time, or a second signal, came first."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            self.check_connections()
            for connection in self.connections:
                # Here and not once before, because an accepted connection may still have been on its way.
                connection.shutdown()
            if not self.server_state.connections and not self.server_state.tasks:
                return True
            if self.force_exit or asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(0.02)

    def _cancel_requests(self) -> None:
        for connection in self.connections:
            connection.break_off()
        tasks = list(self.server_state.tasks)
        if tasks:
            log.warning("server.cancelled_requests", count=len(tasks))
        for task in tasks:
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, but the signals are not raised again at the end: they were obeyed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self.handle_exit) for number in self.signals}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.first_signal_at is None:
            self.first_signal_at = now
            self.should_exit = True
            # Requests that come before the loop looks at `should_exit` are refused already.
            if self.loop is not None and not self.loop.is_closed():
                self.loop.call_soon_threadsafe(self.config.stopping.set)
            # For whatever holds up the loop or the interpreter's own end.
            watchdog = threading.Timer(self.config.deadlines.stop_seconds, _leave)
            watchdog.daemon = True
            watchdog.start()
        elif self.is_forced_by_second_signal and now - self.first_signal_at > SAME_SIGNAL_SECONDS:
            self.force_exit = True


def _leave() -> None:
    log.error("server.left_by_force")
    os._exit(0)


def configure(
    application: ASGIApp, stopping: Stopping, deadlines: Deadlines, forwarded_allow_ips: str | None
) -> DeadlineConfig:
    """uvicorn's settings for this service. Logging stays as the caller has set it up."""
    config = DeadlineConfig(
        lambda: application,
        factory=True,
        interface="asgi3",
        loop="uvloop",
        http=DeadlineProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=forwarded_allow_ips is not None,
        forwarded_allow_ips=forwarded_allow_ips,
        backlog=BACKLOG,
    )
    config.stopping = stopping
    config.deadlines = deadlines
    return config


def run_server(server: Server, sockets: Sequence[socket.socket]) -> int:
    """Runs until a signal. The exit status: 0, or 1 when the application did not start."""
    try:
        server.run(list(sockets))
    except SystemExit:
        return 1  # uvicorn leaves so when the lifespan fails; it has logged why
    return 0
