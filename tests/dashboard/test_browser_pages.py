"""Every page in a real Chromium: wide and on a phone, with scripts and without, light and dark.

Nothing goes to the console or to another host, nothing sticks out or is squeezed, and axe finds nothing against WCAG
2.2 AA. What a page says is tested without a browser.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from tests.dashboard.browsing import PHONE, SENDER, WIDE, Site, at_each, chromium, site_on, tab_on
from tests.dashboard.judging import (
    DRAWINGS_WITHOUT_WORDS,
    OPEN_ALL,
    SCHEMES,
    SIDEWAYS,
    SIZES,
    SQUEEZED,
    TABLES_WITHOUT_HEADERS,
    found_by_axe,
    settled,
)
from tests.databases import SqliteDatabases

SAID_OF_ERROR_PAGES = "Failed to load resource: the server responded with a status of"

PAGES = {
    "sign-in": "/sign-in",
    "overview": "/",
    "overview-filtered": "/?status=all&startTimeFrom=2020-01-01T00:00:00Z",
    "overview-of-nobody": "/?q=nobody",
    "overview-as-of": "/?asOf={yesterday}",
    "overview-wrong": "/?minDurationMinutes=x",
    "driver": "/drivers/{driver}",
    "driver-unknown": "/drivers/nobody",
    "violation": "/violations/{egregious}",
    "violation-invalidated": "/violations/{invalidated}",
    "violation-unknown": "/violations/nothing",
    "operations": "/operations",
    "quarantine": "/operations/quarantine",
    "quarantine-entry": "/operations/quarantine/{entry}",
    "hooks": "/operations/hooks",
    "hook-new": "/operations/hooks/new",
    "hook": "/operations/hooks/{hook}",
    "hook-delete": "/operations/hooks/{hook}/delete",
    "keys": "/operations/keys",
    "key-revoke": "/operations/keys/revoke?name=somebody",
}
ALIKE = {"overview-filtered", "overview-as-of"}
"""Made of the same parts as another page: axe would find the same."""
STATUSES = {"overview-wrong": 400, "violation-unknown": 404}


@pytest.fixture(scope="module")
def site(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sqlite_databases.fresh() as url, site_on(url, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def session(site: Site) -> str:
    """The cookie of an administrator, who is one session through all these tests."""
    return site.session()


@pytest.fixture(scope="module")
def subjects(site: Site) -> dict[str, str]:
    """What the addresses of pages are of: there is one of each kind."""
    egregious = site.violation(egregious="true")
    hook = site.make("/v1/hooks", {"name": "Safety desk", "url": "https://hooks.example.com/hos"})
    site.make_key("somebody")
    refused = site.client.post("/webhooks/maven", content=b'{"eventType": "violationCreated"}', headers=SENDER)
    assert refused.status_code == 422, refused.text
    return {
        "driver": quote(egregious["driverId"], safe=""),
        "egregious": egregious["id"],
        "invalidated": site.violation(status="invalidated")["id"],
        "yesterday": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "entry": site.get("/v1/quarantine")["data"][0]["id"],
        "hook": hook["id"],
    }


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_is_sound(
    name: str, has_script: bool, site: Site, session: str, subjects: dict[str, str], browser: Browser
) -> None:
    status = STATUSES.get(name, 200)
    cookie = None if name == "sign-in" else session
    async with tab_on(browser, site, cookie, has_script=has_script) as tab:
        await settled(tab, PAGES[name].format(**subjects), status, has_script)
        assert await tab.page.title() not in ("", site.url)
        assert await tab.page.locator("h1").count() == 1
        assert await tab.ask(TABLES_WITHOUT_HEADERS) == []
        assert await tab.ask(DRAWINGS_WITHOUT_WORDS) == []
        for scheme in SCHEMES:
            await tab.page.emulate_media(color_scheme=scheme)
            background = await tab.ask("getComputedStyle(document.body).backgroundColor")
            assert (background == "rgb(255, 255, 255)") is (scheme == "light")
            async for size in at_each(tab, SIZES):
                assert await tab.ask(SIDEWAYS) == 0, size
                assert await tab.ask(SQUEEZED) == [], size
        assert tab.foreign == []
        assert [one for one in tab.console if status == 200 or not one.startswith(SAID_OF_ERROR_PAGES)] == []
        assert tab.errors == []
        assert tab.dialogs == []


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ALIKE])
async def test_axe_finds_nothing(
    name: str, site: Site, session: str, subjects: dict[str, str], browser: Browser
) -> None:
    cookie = None if name == "sign-in" else session
    async with tab_on(browser, site, cookie, bypasses_policy=True) as tab:
        await settled(tab, PAGES[name].format(**subjects), STATUSES.get(name, 200), True)
        await tab.ask(OPEN_ALL)
        async for size in at_each(tab, {"wide": WIDE, "phone": PHONE}):
            assert await found_by_axe(tab) == [], size


async def test_a_phone_shows_violations_as_cards(site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session, size=PHONE) as tab:
        await settled(tab, "/", 200, True)
        row = tab.page.locator("tr[data-id]").first
        box, choice, what = [await one.bounding_box() for one in (row, row.locator("input"), row.locator(".what"))]
        assert box is not None
        assert choice is not None
        assert what is not None
        assert choice["y"] < what["y"] + what["height"]
        assert choice["x"] + choice["width"] <= what["x"]
        assert box["height"] < 220
        assert await row.locator("td").nth(2).evaluate("(cell) => getComputedStyle(cell, '::before').content") != "none"


@pytest.fixture
def postgresql_site(postgresql_url: str, tmp_path: Path) -> Iterator[Site]:
    with site_on(postgresql_url, tmp_path) as site:
        yield site


async def test_the_overview_on_postgresql(postgresql_site: Site, browser: Browser) -> None:
    async with tab_on(browser, postgresql_site, postgresql_site.session()) as tab:
        await settled(tab, "/", 200, True)
        total = postgresql_site.get("/v1/stats")["total"]
        assert await tab.page.locator(".figure .number").first.inner_text() == f"{total:,}"
        assert (tab.console, tab.errors, tab.foreign) == ([], [], [])
