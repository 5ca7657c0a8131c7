"""Apprise at work in processes of its own, for tests of what arrives and of the processes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from app.alerts.apprise_sender import AppriseSender
from app.alerts.messages import Message
from app.dialling.errors import DialFailed
from tests.dialling.answering import Reply, Request, silent

ROOT = Path(__file__).parent.parent.parent
LOOPBACK = ("127.0.0.0/8",)
MESSAGE = Message("HOS violation: 11-hour limit", "Driver: Ann Lee\nTerminal: DEN", "problem")


@asynccontextmanager
async def sending(
    *allowed: str, total_seconds: float = 15.0, processes: int = 4, idle_seconds: float = 60.0
) -> AsyncIterator[AppriseSender]:
    sender = AppriseSender(allowed, total_seconds=total_seconds, processes=processes, idle_seconds=idle_seconds)
    async with asyncio.timeout(60), aclosing(sender):
        yield sender


def children(of: int | None = None) -> list[psutil.Process]:
    """The processes that run Apprise."""
    return [one for one in psutil.Process(of).children() if "app.alerts.apprise_child" in one.cmdline()]


async def ended(process: psutil.Process) -> bool:
    """Whether it ends within 20 s. Looks only: who waits for a child takes its exit status from the loop."""

    def look() -> bool:
        latest = time.monotonic() + 20
        while process.is_running() and time.monotonic() < latest:
            time.sleep(0.01)
        return not process.is_running()

    return await asyncio.to_thread(look)


def hearing(heard: asyncio.Event) -> Reply:
    """Never answers, and tells that it was asked."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        heard.set()
        return await silent(request, writer)

    return reply


async def failing(sender: AppriseSender, url: str, message: Message = MESSAGE) -> DialFailed:
    with pytest.raises(DialFailed) as failed:
        await sender.send(url, message)
    return failed.value
