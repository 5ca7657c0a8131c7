"""Several server processes on one port.

Owns starting them (spawned, so that no thread or lock of the parent is copied), replacing one that died, and passing a
stop on to all. A worker that cannot start ends the whole only while none has ever been ready: later on the cause is
likely to pass.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import structlog

from app.web.deadlines import Deadlines
from app.web.middleware import Stopping
from app.web.process import SAME_SIGNAL_SECONDS, AppFactory, Server, configure, run_server

# Between the deaths of workers and their successors, so that a crash at once does not become a busy loop.
RESTART_SECONDS = 1.0
# Beyond a worker's own last deadline.
KILL_SECONDS = 0.5

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What every worker is started with; sent to it by pickling."""

    app_factory: AppFactory
    deadlines: Deadlines
    forwarded_allow_ips: str | None


@dataclass(slots=True, eq=False)
class Worker:
    process: SpawnProcess
    # Receives one byte when the worker answers requests, and ends with it.
    ready: Connection
    is_ready: bool = False


def run_workers(terms: WorkerTerms, sockets: Sequence[socket.socket], count: int, on_ready: Callable[[], None]) -> int:
    """Runs `count` workers until a signal, and gives the exit status: 0, or 1 when they could not start."""
    multiprocessing.allow_connection_pickling()
    return Supervisor(terms, sockets, count, on_ready).run()


class Supervisor:
    """The parent of the workers. It serves nothing itself."""

    def __init__(
        self, terms: WorkerTerms, sockets: Sequence[socket.socket], count: int, on_ready: Callable[[], None]
    ) -> None:
        self.terms = terms
        self.sockets = list(sockets)
        self.count = count
        self.on_ready = on_ready
        self.workers: list[Worker] = []
        self.signalled_at: list[float] = []
        self.was_one_ready = False
        self.is_announced = False

    def run(self) -> int:
        with self._capture_signals() as wake:
            for _ in range(self.count):
                self._start()
            while not self.signalled_at:
                self._wait(wake, None)
                dead = [worker for worker in self.workers if not worker.process.is_alive()]
                for worker in dead:
                    log.error("worker.died", pid=worker.process.pid, status=worker.process.exitcode)
                if dead and not self.was_one_ready and not self.signalled_at:
                    self._stop(wake)
                    return 1
                self._replace(dead, wake)
            self._stop(wake)
        return 0

    def _start(self) -> None:
        ready, ready_in_worker = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_work, args=(self.terms, self.sockets, ready_in_worker))
        process.start()
        ready_in_worker.close()
        self.workers.append(Worker(process, ready))

    def _replace(self, dead: Sequence[Worker], wake: int) -> None:
        for worker in dead:
            worker.ready.close()
            self.workers.remove(worker)
        if dead:
            self._wait(wake, RESTART_SECONDS, only_signals=True)
        for _ in dead:
            if not self.signalled_at:
                self._start()

    def _wait(self, wake: int, seconds: float | None, *, only_signals: bool = False) -> None:
        """Until a signal, a worker's death or its readiness."""
        unready = {worker.ready: worker for worker in self.workers if not worker.is_ready}
        sentinels = [worker.process.sentinel for worker in self.workers]
        for source in wait([wake] if only_signals else [wake, *sentinels, *unready], seconds):
            if source == wake:
                os.read(wake, 64)
            elif isinstance(source, Connection):
                with contextlib.suppress(EOFError):
                    source.recv_bytes()
                    unready[source].is_ready = self.was_one_ready = True
        if not self.is_announced and len(self.workers) == self.count and all(w.is_ready for w in self.workers):
            self.is_announced = True
            self.on_ready()

    def _stop(self, wake: int) -> None:
        """SIGTERM to all, SIGKILL to those that outlive their own deadline or a second signal."""
        # Else connections would queue up here after the workers have stopped listening, and nobody would answer.
        for sock in self.sockets:
            sock.close()
        for worker in self.workers:
            worker.process.terminate()
        until = time.monotonic() + self.terms.deadlines.stop_seconds + KILL_SECONDS
        while alive := [worker.process.sentinel for worker in self.workers if worker.process.is_alive()]:
            seconds = until - time.monotonic()
            if seconds <= 0 or self._is_forced():
                for worker in self.workers:
                    worker.process.kill()
                break
            if wake in wait([wake, *alive], seconds):
                os.read(wake, 64)
        for worker in self.workers:
            worker.process.join()
            worker.ready.close()

    def _is_forced(self) -> bool:
        return bool(self.signalled_at) and self.signalled_at[-1] - self.signalled_at[0] > SAME_SIGNAL_SECONDS

    @contextlib.contextmanager
    def _capture_signals(self) -> Generator[int, None, None]:
        """Gives the end of a pipe that can be read after a signal: waiting for processes is not interrupted by one."""
        wake, woken = os.pipe()
        os.set_blocking(woken, False)

        def handle(_number: int, _frame: object) -> None:
            self.signalled_at.append(time.monotonic())
            with contextlib.suppress(BlockingIOError):
                os.write(woken, b"!")

        previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield wake
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(wake)
            os.close(woken)


def _work(terms: WorkerTerms, sockets: list[socket.socket], ready: Connection) -> None:
    """A worker's whole life. Ctrl-C reaches the process group; a worker stops when its parent says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()

    def tell_ready() -> None:
        # A parent that is gone has been noticed by the thread.
        with contextlib.suppress(OSError):
            ready.send_bytes(b"!")

    stopping = Stopping()
    config = configure(terms.app_factory(stopping), stopping, terms.deadlines, terms.forwarded_allow_ips)
    server = Server(config, on_ready=tell_ready, signals=[signal.SIGTERM], is_forced_by_second_signal=False)
    sys.exit(run_server(server, sockets))


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
