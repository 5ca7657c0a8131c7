"""`hos-receiver simulate --serve-maven`: the stand-in for Maven's queue on a port of this machine.

Owns its options, the port, and the end: nothing that a client leaves open holds it up. What is answered is
`app/maven/standin`'s.
"""

import asyncio
import logging
import re
import secrets
import shlex
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

import uvicorn

from app.ingest.simulate.interrupts import on_interrupt
from app.maven.simulator import DEFAULT_DAYS, DEFAULT_TERMINALS
from app.maven.standin import (
    DEFAULT_API_KEY,
    DEFAULT_OTHERS,
    DEFAULT_PAGE_SIZE,
    FAULT_DESCRIPTIONS,
    Faults,
    HeldEvents,
    StandIn,
    fill_from_simulation,
    read_fault,
)
from app.web.server import bind

LOOPBACK = "127.0.0.1"
MOST_PORT = 65_535
LARGEST_PAGE = 10_000
MOST_HELD = 1_000_000
_API_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInOptions:
    """One stand-in. `port` 0 takes a free one; `seed` None draws one; `until` None ends the stream now.

    `others` is the number of events of other types for each of ours; `faults` are written `NAME` or `NAME:N`.
    `drivers`, `terminals`, `count` and `days` are those of `simulate`.
    """

    port: int
    count: int = 1000
    seed: int | None = None
    drivers: int | None = None
    terminals: int = DEFAULT_TERMINALS
    days: int = DEFAULT_DAYS
    until: datetime | None = None
    others: int = DEFAULT_OTHERS
    page_size: int = DEFAULT_PAGE_SIZE
    api_key: str = DEFAULT_API_KEY
    faults: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise ValueError for what is out of range; what concerns the stream itself is checked by `simulate`."""
        if not 0 <= self.port <= MOST_PORT:
            raise ValueError(f"--serve-maven must be a port, 0 to {MOST_PORT} (0 takes a free one)")
        if not 1 <= self.page_size <= LARGEST_PAGE:
            raise ValueError(f"--page-size must be 1 to {LARGEST_PAGE} events")
        if self.others < 0:
            raise ValueError("--others must be 0 or more events for each of ours")
        if self.count * (1 + self.others) > MOST_HELD:
            raise ValueError(f"--count and --others make more than {MOST_HELD:,} events, which is all it can hold")
        if not _API_KEY.fullmatch(self.api_key):
            raise ValueError("--api-key must be 1 to 200 visible ASCII characters")
        for text in self.faults:
            read_fault(text)


def run_standin(options: StandInOptions, out: TextIO) -> None:
    """Fill a queue, serve it, and tell `out` where, until Ctrl-C or SIGTERM.

    Raises ValueError for options that cannot be, and OSError when the port cannot be had.
    """
    options.check()
    faults = Faults()
    for text in options.faults:
        faults.switch_on(*read_fault(text))
    held = HeldEvents()
    fill_from_simulation(
        held,
        seed=secrets.randbelow(2**31) if options.seed is None else options.seed,
        count=options.count,
        others=options.others,
        until=datetime.now(UTC) if options.until is None else options.until,
        days=options.days,
        drivers=options.drivers,
        terminals=options.terminals,
    )
    standin = StandIn(held, api_key=options.api_key, page_size=options.page_size, faults=faults)
    # A connection that breaks on purpose is no error to report.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    asyncio.run(_serve(standin, options, out))


async def _serve(standin: StandIn, options: StandInOptions, out: TextIO) -> None:
    stopping = asyncio.Event()
    with on_interrupt(stopping.set, stopping.set):
        async with serving(standin, options.port) as url:
            for line in _greeting(standin, options, url):
                out.write(line + "\n")
            out.flush()
            await stopping.wait()


def _greeting(standin: StandIn, options: StandInOptions, url: str) -> list[str]:
    census = standin.held.census(time.time_ns() // 1000)
    ours, others = f"{options.count:,} events of violations", f"{options.count * options.others:,} others"
    lines = [f"standing in for Maven on {url} with API key {options.api_key}: {ours}, {others}"]
    if census.gone:
        lines.append(f"older than the 30 days that Maven keeps events, and so not shown: {census.gone:,}")
    if census.ahead:
        lines.append(f"still to come, each at its time: {census.ahead:,}")
    for name, times in map(read_fault, options.faults):
        limit = "" if times is None else f", for {times} request{'s' if times > 1 else ''} only"
        lines.append(f"fault {name}{limit}: {FAULT_DESCRIPTIONS[name]}")
    # On a port and with a database of its own: these violations are made up.
    apart = "HOS_PORT=8001 HOS_DATABASE_URL=sqlite:///data/standin.db"
    lines.append(f"poll it with: HOS_MAVEN_URL={url} HOS_MAVEN_API_KEY={shlex.quote(options.api_key)} {apart} make run")
    return lines


@asynccontextmanager
async def serving(standin: StandIn, port: int = 0) -> AsyncIterator[str]:
    """Serve on a loopback port, 0 for a free one, while the block runs; gives the base address.

    Raises `OSError` when the port cannot be had. At the end every connection is cut, whatever it waits for.
    """
    [sock] = bind(LOOPBACK, port)
    config = uvicorn.Config(
        standin,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # the stand-in says by its own clock what time it is
        proxy_headers=False,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Not `serve`, which takes over the signals of the process and looks only ten times a second whether to end.
    await server.startup([sock])
    try:
        yield f"http://{LOOPBACK}:{sock.getsockname()[1]}"
    finally:
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
