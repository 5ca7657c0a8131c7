"""The pictures of the documentation, made anew: `make screenshots`, or `python -m tests.dashboard.screenshots FOLDER`.

The pages are those of the application in a real Chromium; the fleet is made up, and the clock stands still, so that a
picture differs from the one before it only where a page does.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import httpx2
from playwright.async_api import Browser, FloatRect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.database import open_database
from app.db.migrate import upgrade
from app.logging import configure_logging
from app.main import create_app
from app.maven.times import HOUR, SECOND, parse_time
from app.reviews.schema import check_review
from app.reviews.store import add_reviews
from app.settings import Settings
from app.web.middleware import Stopping
from app.web.process import Server, configure
from app.web.server import Deadlines, bind
from tests.command_line import ROOT
from tests.dashboard.browsing import ADMIN_KEY, PATIENCE, ZONES, Site, chromium, fill, tab_on
from tests.dashboard.inspected import keep_fleet
from tests.dashboard.logged import keep_fortnight

FOLDER = ROOT / "docs" / "images"
PRESENT = datetime(2026, 1, 30, 15, 40, tzinfo=UTC)
FLEET = {"seed": 7, "events": 400, "drivers": 12}
REVIEWERS = [
    ("acknowledged", "Dana Fox", "Called the driver; the dock was closed."),
    ("coached", "Sam Ortiz", "Went through trip planning with him on Thursday."),
    ("disputed", "Dana Fox", "Yard move logged as driving; edit requested."),
]
OVERVIEW, DRIVER, VIOLATION = "overview.png", "driver.png", "violation.png"
DUTY_LOG, INSPECTIONS = "duty-log.png", "inspections.png"
DUTY_LOG_SIZE = {"width": 1280, "height": 620}


async def review(url: str, violations: Iterable[str]) -> None:
    """Has the first of them reviewed by people."""
    database = await open_database(url)
    try:
        at = int(PRESENT.timestamp()) * SECOND - HOUR
        for violation_id, (status, name, note) in zip(violations, REVIEWERS, strict=False):
            given = check_review({"status": status, "note": note})
            await database.write(add_reviews(database.dialect, [violation_id], None, given, name, at))
    finally:
        await database.close()


async def log(url: str, violation: Mapping[str, Any]) -> None:
    """Gives the driver of a violation of the 11 hours a duty log that shows it."""
    start, end = parse_time(violation["startTime"]), parse_time(violation["endTime"])
    database = await open_database(url)
    try:
        now = int(PRESENT.timestamp()) * SECOND
        columns = {"time_zone": "America/New_York", "terminal_code": violation["terminalCode"]}
        await keep_fortnight(database, violation["driverId"], start, end, now, **columns)
    finally:
        await database.close()


async def inspect(url: str) -> None:
    """Has vehicles inspected."""
    database = await open_database(url)
    try:
        await keep_fleet(database, int(PRESENT.timestamp()) * SECOND)
    finally:
        await database.close()


def dated(app: ASGIApp) -> ASGIApp:
    """The application with answers of `PRESENT`, by which pages say how old they are."""
    date = format_datetime(PRESENT, usegmt=True).encode()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        await app(scope, receive, send_dated)

    return answer


@asynccontextmanager
async def frozen_site(directory: Path, url: str) -> AsyncIterator[Site]:
    """The application in this process, at `PRESENT`."""
    configure_logging("json", "error")
    given: dict[str, Any] = {"database_url": url, "admin_key": ADMIN_KEY, "terminal_zones": ZONES}
    stopping, ready = Stopping(), asyncio.Event()
    with patch("app.main.now", lambda: int(PRESENT.timestamp()) * SECOND):
        app = create_app(stopping, Settings(_env_file=None, **given))  # type: ignore[call-arg,unused-ignore]
        config = configure(dated(app), stopping, Deadlines(), None)
        config.date_header = False
        server = Server(config, on_ready=ready.set, signals=())
        (sock,) = bind("127.0.0.1", 0)
        serving = asyncio.create_task(server.serve([sock]))
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            address = f"http://127.0.0.1:{sock.getsockname()[1]}"
            with httpx2.Client(base_url=address, trust_env=False, timeout=PATIENCE) as client:
                yield Site(address, client, directory, {})
        finally:
            server.should_exit = True
            await serving


async def picture(
    browser: Browser, site: Site, session: str, path: str, file: Path, height: int, *, is_live: bool = True
) -> None:
    """A page as somebody sees it who has just opened it."""
    async with tab_on(browser, site, session, size=(1280, height)) as tab:
        await tab.open(path)
        if is_live:
            await tab.is_live()
        await tab.page.screenshot(path=file, animations="disabled")


async def picture_of_log(browser: Browser, site: Site, session: str, path: str, file: Path) -> None:
    """The duty log of a page, with the first day's table open, as far as `DUTY_LOG_SIZE` goes."""
    async with tab_on(browser, site, session) as tab:
        await tab.open(path)
        await tab.is_live()
        await tab.ask("document.querySelector('.duty-table').open = true")
        place = await tab.page.locator("#duty-log").bounding_box()
        assert place is not None
        clip = {"x": 0, "y": place["y"], **DUTY_LOG_SIZE}
        await tab.page.screenshot(path=file, animations="disabled", full_page=True, clip=cast(FloatRect, clip))


async def take(folder: Path) -> None:
    """Makes all pictures."""
    with tempfile.TemporaryDirectory(prefix="hos-screenshots-") as name:
        directory = Path(name)
        url = f"sqlite:///{directory}/hos.db"
        await asyncio.to_thread(upgrade, url)
        await fill(url, PRESENT, **FLEET)
        async with frozen_site(directory, url) as site, chromium() as browser:
            session, found = await asyncio.to_thread(lambda: (site.session(), subjects(site)))
            await review(url, found)
            await inspect(url)
            await log(url, await asyncio.to_thread(site.get, f"/v1/violations/{found[0]}"))
            driver = (await asyncio.to_thread(site.get, f"/v1/violations/{found[0]}"))["driverId"]
            await picture(browser, site, session, "/", folder / OVERVIEW, 860)
            await picture(browser, site, session, f"/drivers/{driver}", folder / DRIVER, 820)
            await picture(browser, site, session, f"/violations/{found[0]}", folder / VIOLATION, 960)
            await picture_of_log(browser, site, session, f"/violations/{found[0]}", folder / DUTY_LOG)
            await picture(browser, site, session, "/inspections", folder / INSPECTIONS, 820, is_live=False)


def subjects(site: Site) -> list[str]:
    """The violations that matter most: egregious ones under a ruleset that is counted again, the newest first."""
    egregious = site.get("/v1/violations", egregious="true", ruleset="USA_PROPERTY_70_8", sort="-startTime", limit="3")[
        "data"
    ]
    return [one["id"] for one in egregious]


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
