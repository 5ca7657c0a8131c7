"""One simulation from its options to its exit status.

Owns the course of it: draw what was left open, send or write, end well at Ctrl-C, sum up. The conversation with the
receiver is `sender.py`'s.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TextIO

import httpx2

from app.ingest.simulate.interrupts import on_interrupt
from app.ingest.simulate.options import SimulationOptions, webhook_url
from app.ingest.simulate.progress import shown_progress
from app.ingest.simulate.sender import Batch, Credential, Sender, SendingStopped, bundle
from app.ingest.simulate.tally import Tally
from app.maven.simulator import DEFAULT_UNTIL, simulate

DONE, FAILED, WRONG_USAGE = 0, 1, 2
# A receiver answers within 10 s of the whole request (contract section 4); the rest is the way.
ANSWER_SECONDS = 15.0
CONNECT_SECONDS = 5.0
_LINES_BETWEEN_BREATHS = 200


async def run_simulation(options: SimulationOptions, out: TextIO) -> int:
    """Simulate, and tell `out` about it; the exit status: 0 done, 1 stopped before the end, 2 options that cannot be.

    With `options.out` `-`, events go to standard output, and what would be told there goes to standard error.
    """
    if options.out == "-" and out is sys.stdout:
        out = sys.stderr
    now = datetime.now(UTC)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    until = options.until
    if until is None:
        until = now.replace(minute=0, second=0, microsecond=0) if options.seed is None else DEFAULT_UNTIL
    try:
        options.check()
        url = webhook_url(options.url)
        credential = Credential(options.secret, f"sim_{seed}_{int(now.timestamp())}_")
        stream = simulate(
            seed,
            options.count,
            drivers=options.drivers,
            terminals=options.terminals,
            start=until - timedelta(days=options.days),
            days=options.days,
            shape=options.shape,
        )
    except (ValueError, OverflowError) as error:
        _say(out, f"simulate: {error}")
        return WRONG_USAGE
    if options.secret is None and options.out is None:
        _say(out, "simulate: no webhook token; pass --token, set HOS_SIMULATE_TOKEN, or HOS_WEBHOOK_SECRETS")
        return FAILED
    repeat = f"--count {options.count} --seed {seed} --until {until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    _say(out, f"simulating {options.count:,} events ({repeat})")
    batches = bundle(stream, options.batch)
    if options.out is not None:
        return await _write(options, batches, out)
    return await _send(options, url, credential, batches, out)


async def _send(
    options: SimulationOptions, url: str, credential: Credential, batches: Iterator[Batch], out: TextIO
) -> int:
    tally = Tally()
    begun = time.monotonic()
    limits = httpx2.Limits(max_connections=options.connections, max_keepalive_connections=options.connections)
    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, pool=None)
    trouble: str | None = None
    async with httpx2.AsyncClient(trust_env=False, limits=limits, timeout=timeout, follow_redirects=False) as client:
        sender = Sender(
            client,
            url,
            credential,
            tally,
            rate=options.rate,
            patience_seconds=options.patience_seconds,
            refused_seconds=options.refused_seconds,
        )
        sending = asyncio.create_task(sender.send(batches, options.connections))

        def stop_soon() -> None:
            _say(out, "stopping after the requests under way; once more stops at once")
            sender.stopping.set()

        with on_interrupt(stop_soon, sending.cancel):
            async with shown_progress(tally, options.count, out):
                try:
                    await asyncio.wait([sending])
                finally:
                    sending.cancel()
                    [ended] = await asyncio.gather(sending, return_exceptions=True)
    if isinstance(ended, SendingStopped):
        trouble = str(ended)
    elif isinstance(ended, Exception):
        raise ended
    elif tally.answered < options.count:
        trouble = f"interrupted after {tally.answered:,} of {options.count:,} events"
    # Stopped before the first answer, there is nothing to sum up: the one line says it all.
    if tally.requests or not isinstance(ended, SendingStopped):
        for line in tally.summary(time.monotonic() - begun, options.batch, options.connections):
            _say(out, line)
    if trouble is not None:
        _say(out, f"simulate: {trouble}")
    return DONE if trouble is None else FAILED


async def _write(options: SimulationOptions, batches: Iterator[Batch], out: TextIO) -> int:
    tally = Tally()
    begun = time.monotonic()
    stopping = asyncio.Event()
    trouble: str | None = None
    try:
        with _opened(options.out or "-") as file, on_interrupt(stopping.set, stopping.set):
            async with shown_progress(tally, options.count, out):
                for batch in batches:
                    file.write(batch.body + b"\n")
                    tally.take(batch.deliveries, ())
                    if batch.number % _LINES_BETWEEN_BREATHS == 0:
                        await asyncio.sleep(0)
                    if stopping.is_set():
                        trouble = f"interrupted after {tally.answered:,} of {options.count:,} events"
                        break
    except OSError as error:
        if options.out == "-" and isinstance(error, BrokenPipeError):
            # Who read has had enough; what is still buffered must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        trouble = f"cannot write to {options.out}: {error.strerror or error}"
    seconds = max(time.monotonic() - begun, 1e-9)
    _say(out, f"written    {tally.answered:,} events in {seconds:.1f} s, {tally.answered / seconds:,.0f} events/s")
    _say(out, tally.expectation())
    if trouble is not None:
        _say(out, f"simulate: {trouble}")
    return DONE if trouble is None else FAILED


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Path(path).open("wb") as file:
        yield file


def _say(out: TextIO, line: str) -> None:
    out.write(line + "\n")
    out.flush()
