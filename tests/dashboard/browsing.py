"""The pages in a real Chromium: a `serve` process on a database with a made-up fleet, and tabs that keep a record.

Owns what the browser tests share: the fleet's events, the process, who is signed in, and what a tab said, asked for and
ran into. What has to be true of a page is left to the tests, and what becomes of them without Chromium to `programs`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, async_playwright

from app.db.database import open_database
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, keep_deliveries
from app.maven.events import read_delivery
from app.maven.simulator import SimulatedDelivery, simulate
from app.maven.times import SECOND
from tests.command_line import eventually, run, serving
from tests.maven.examples import Json, as_bytes
from tests.programs import find_program

BINARY = "chromium"
ADMIN_KEY = "hos_key_browser_tests_administrator"
TOKEN = "hos_webhook_browser_tests"
SENDER = {"apiKey": TOKEN, "Content-Type": "application/json"}
SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PATIENCE = 30.0
"""Seconds; how long something may take on a busy machine before it counts as missing."""

ZONES = "PGH=America/New_York,DAL=America/Chicago,LAX=America/Los_Angeles,CHI=America/Chicago"
SEED, EVENTS, DAYS, TERMINAL_COUNT = 7, 260, 30, 4
AWAY_FROM_NOW = timedelta(minutes=20)
WIDE, PHONE = (1280, 900), (390, 844)


def find_chromium() -> str:
    """The browser's program."""
    return find_program(BINARY, f"{BINARY} fonts-dejavu-core")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without windows."""
    binary = find_chromium()
    # The superuser gets no sandbox, and a small /dev/shm, as containers have it, is not enough for tabs. What was drawn
    # is not drawn over in part, so that a picture of a page is the same each time.
    arguments = [
        "--disable-dev-shm-usage",
        "--disable-partial-raster",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


async def fill(url: str, until: datetime, seed: int = SEED, events: int = EVENTS, drivers: int = 8) -> None:
    """Keeps what a made-up fleet did in the `DAYS` before `until`, hour by hour as it would have been received."""
    database = await open_database(url)
    try:
        start = until - timedelta(days=DAYS)
        hours: dict[int, list[SimulatedDelivery]] = {}
        for one in simulate(seed, events, drivers=drivers, terminals=TERMINAL_COUNT, start=start, days=DAYS):
            hours.setdefault(one.delivered_at // 3600, []).append(one)
        for hour in hours.values():
            deliveries = [Delivery(read_delivery(one.body, 1), Channel.WEBHOOK) for one in hour]
            await database.write(keep_deliveries(database.dialect, deliveries, hour[-1].delivered_at * SECOND))
    finally:
        await database.close()


@dataclass(eq=False)
class Site:
    """The running application, as Maven and administrators reach it."""

    url: str
    client: httpx2.Client
    directory: Path
    settings: Mapping[str, str]

    def post(self, *events: Mapping[str, Json]) -> None:
        """What Maven posts; each is kept when this returns."""
        answer = self.client.post("/webhooks/maven", content=as_bytes(list(events)), headers=SENDER)
        assert answer.status_code == 200, answer.text

    def get(self, path: str, **parameters: str) -> Any:
        """What the API answers to an administrator."""
        answer = self.client.get(path, params=parameters, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, path: str, body: object) -> Any:
        """What an administrator makes by the API."""
        answer = self.client.post(path, json=body, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def violation(self, **filters: str) -> dict[str, Any]:
        """The first violation that the filters leave."""
        found = self.get("/v1/violations", limit="1", **filters)["data"]
        assert found, filters
        return cast("dict[str, Any]", found[0])

    def make_key(self, name: str) -> str:
        """A key that may read, once it is known to the process."""
        done = run("keys", "create", name, "--scope", "read", cwd=self.directory, **self.settings)
        assert done.returncode == 0, done.stderr
        key = done.stdout.splitlines()[-1]
        headers = {"Authorization": f"Bearer {key}"}
        eventually(lambda: self.client.get("/v1/stats", headers=headers).status_code == 200, "the key is known")
        return key

    def revoke_key(self, name: str) -> None:
        done = run("keys", "revoke", name, cwd=self.directory, **self.settings)
        assert done.returncode == 0, done.stderr

    def session(self, key: str = ADMIN_KEY) -> str:
        """The cookie of somebody who signed in with a key."""
        headers = {"Origin": self.url, "Accept": "text/html"}
        answer = self.client.post("/sign-in", data={"key": key, "next": "/"}, headers=headers)
        assert answer.status_code == 303, answer.text
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "hos_session"
        self.client.cookies.clear()
        return str(rest.partition(";")[0])


@contextmanager
def site_on(url: str, directory: Path) -> Iterator[Site]:
    """A `serve` process on a database at the newest schema, filled up to now."""
    asyncio.run(fill(url, datetime.now(UTC) - AWAY_FROM_NOW))
    settings = {
        "HOS_DATABASE_URL": url,
        "HOS_ADMIN_KEY": ADMIN_KEY,
        "HOS_WEBHOOK_SECRETS": TOKEN,
        "HOS_SECRET_KEY": SECRET_KEY,
        "HOS_TERMINAL_ZONES": ZONES,
    }
    with (
        serving(cwd=directory, **settings) as served,
        httpx2.Client(base_url=served.url, trust_env=False, timeout=PATIENCE) as client,
    ):
        yield Site(served.url, client, directory, settings)


@dataclass(eq=False)
class Tab:
    """A page of the browser, with what happened in it."""

    page: Page
    site: Site
    console: list[str] = field(default_factory=list)
    """Errors and warnings."""
    errors: list[str] = field(default_factory=list)
    """Exceptions of scripts that nobody caught."""
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def open(self, path: str, status: int = 200) -> None:
        """Goes to a page of the site, which has to answer so, and returns when it has settled."""
        answer = await self.page.goto(f"{self.site.url}{path}")
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"

    async def is_live(self) -> None:
        """Returns when the page is told of changes."""
        await self.page.locator("[data-state]", has_text="Live. As of").wait_for()

    async def ask(self, script: str, argument: object = None) -> Any:
        """What a script of the test finds in the page; it runs also where those of the page do not."""
        return await self.page.evaluate(script, argument)

    @property
    def foreign(self) -> list[str]:
        """Requests to anybody but the site."""
        return [one for one in self.requests if urlsplit(one)[:2] != urlsplit(self.site.url)[:2]]


@asynccontextmanager
async def tab_on(
    browser: Browser,
    site: Site,
    session: str | None,
    *,
    size: tuple[int, int] = WIDE,
    has_script: bool = True,
    scheme: str = "light",
    bypasses_policy: bool = False,
) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, signed in by a session's cookie; its waits end after `PATIENCE`."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=has_script,
        color_scheme=cast(Any, scheme),
        bypass_csp=bypasses_policy,
        locale="en-GB",
        timezone_id="UTC",
    )
    context.set_default_timeout(PATIENCE * 1000)
    try:
        if session is not None:
            await sign_in(context, site, session)
        yield watch(await context.new_page(), site)
    finally:
        await context.close()


async def at_each(tab: Tab, sizes: Mapping[str, tuple[int, int]]) -> AsyncIterator[str]:
    """Gives a page each of these sizes, one after the other; names them."""
    for name, (width, height) in sizes.items():
        await tab.page.set_viewport_size({"width": width, "height": height})
        yield name


async def sign_in(context: BrowserContext, site: Site, session: str) -> None:
    """Gives the browser the cookie of a session."""
    await context.add_cookies([{"name": "hos_session", "value": session, "url": site.url, "httpOnly": True}])


def watch(page: Page, site: Site) -> Tab:
    """Begins to record what happens in a page."""
    tab = Tab(page, site)

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            tab.console.append(message.text)

    async def refuse(dialog: Dialog) -> None:
        tab.dialogs.append(dialog.message)
        await dialog.dismiss()

    page.on("console", hear)
    page.on("pageerror", lambda error: tab.errors.append(str(error)))
    page.on("dialog", refuse)
    page.on("request", lambda request: tab.requests.append(request.url))
    return tab
