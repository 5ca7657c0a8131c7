"""The entry to serving: `serve` binds the address and runs one process, or several.

Owns listening sockets and the limit of open files. One process is `process`, several on one port are `workers`.
"""

import contextlib
import resource
import socket
from collections.abc import Callable, Sequence

from app.web.deadlines import Deadlines
from app.web.middleware import Stopping
from app.web.process import AppFactory, Server, configure, run_server
from app.web.workers import WorkerTerms, run_workers

__all__ = ["AppFactory", "Deadlines", "Stopping", "bind", "serve"]

MAX_OPEN_FILES = 65_536


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of `host`, all on one port; 0 takes a free one. Raises `OSError`."""
    sockets: list[socket.socket] = []
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], sockets[0].getsockname()[1] or port, *address[2:]))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def allow_many_connections() -> None:
    """Raises the soft limit of open files towards the hard one: a file is what a connection costs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(
    app_factory: AppFactory,
    host: str,
    port: int,
    *,
    workers: int = 1,
    deadlines: Deadlines | None = None,
    forwarded_allow_ips: str | None = None,
    sockets: Sequence[socket.socket] | None = None,
    on_ready: Callable[[str, int], None] | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT and gives the exit status: 0 done, 1 when the application could not start.

    `app_factory` gets the `Stopping` of its process. With more than one worker it must be importable by name, for
    each worker calls it anew. `on_ready` gets the first address, once all workers answer. Raises `OSError` when the
    address cannot be bound, and whatever the factory raises.
    """
    bound = list(sockets) if sockets is not None else bind(host, port)
    address = bound[0].getsockname()
    deadlines = deadlines or Deadlines()

    def tell_ready() -> None:
        if on_ready is not None:
            on_ready(address[0], address[1])

    allow_many_connections()
    try:
        if workers > 1:
            return run_workers(WorkerTerms(app_factory, deadlines, forwarded_allow_ips), bound, workers, tell_ready)
        stopping = Stopping()
        config = configure(app_factory(stopping), stopping, deadlines, forwarded_allow_ips)
        return run_server(Server(config, on_ready=tell_ready), bound)
    finally:
        for sock in bound:
            sock.close()
