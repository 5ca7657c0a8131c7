"""The stand-in for Maven's queue, served on loopback in the running loop while a test talks to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.ingest.simulate.standin import serving
from app.maven.standin import StandIn


@asynccontextmanager
async def standing_in(standin: StandIn) -> AsyncIterator[str]:
    """Serve it on a free port; gives the base address, without a slash at its end."""
    async with serving(standin) as url:
        yield url
