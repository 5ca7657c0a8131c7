"""Inspections in a real Chromium: legible at any width, sound for axe, without scripts too, hostile texts inert."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from app.db.database import open_database
from app.maven.times import DAY, HOUR, SECOND, format_time
from tests.dashboard.browsing import Site, Tab, at_each, chromium, site_on, tab_on
from tests.dashboard.inspected import (
    TRAILER,
    TRUCK,
    inspect,
    keep_fleet,
    name_driver,
    name_vehicle,
    refuse,
    uuid_of,
)
from tests.dashboard.judging import SIDEWAYS, SIZES, SQUEEZED, TABLES_WITHOUT_HEADERS, found_by_axe, settled
from tests.dashboard.test_browser_hostile import INVISIBLE, NAMES, NOTHING, READ_OUT, STRANGE
from tests.databases import SqliteDatabases
from tests.maven.examples import flat_event

UNIT, DRIVER = "T-204", "INSPECTED/1"
OUTSIDE = """() => [...document.querySelectorAll("#content :is(time, .local, .tag, code, a)")].filter((one) => {
  const box = one.getBoundingClientRect();
  const frame = one.closest("td, li, dd, section, main").getBoundingClientRect();
  const table = one.closest(".wide");
  const isSeen = box.width > 1 && !one.closest("details") && !(table && table.scrollWidth > table.clientWidth);
  return isSeen && (box.left < 0 || box.right > Math.min(document.documentElement.clientWidth, frame.right) + 1);
}).map((one) => one.outerHTML.slice(0, 120))"""
PAGES = {
    "inspections": "/inspections",
    "critical": "/inspections?is_safety_critical=true",
    "beyond": "/inspections?page=9&defects=9",
    "vehicle": f"/vehicles/{TRUCK}",
    "trailer": f"/vehicles/{TRAILER}",
    "violation": "/violations/inspected",
    "unlinked": "/violations/unlinked",
    "unknown": f"/vehicles/{uuid_of('unknown')}",
}


@pytest.fixture(scope="module")
def site(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sqlite_databases.fresh() as url, site_on(url, tmp_path_factory.mktemp("site")) as site:
        asyncio.run(keep_all(url, site, int(datetime.now(UTC).timestamp()) * SECOND))
        yield site


async def keep_all(url: str, site: Site, now: int) -> None:
    """A fleet with its inspections, and vehicles whose reports are hostile in every text."""
    began = format_time(now - 5 * DAY)
    site.post(
        flat_event(id="inspected", driverId=DRIVER, powerUnitNumber=UNIT, startTime=began),
        flat_event(id="unlinked", driverId=DRIVER, powerUnitNumber="X-1", startTime=began),
        *(flat_event(id=f"{kind}/x", driverId=DRIVER, powerUnitNumber=name) for kind, name in NAMES.items()),
    )
    database = await open_database(url)
    try:
        await keep_fleet(database, now, DRIVER, UNIT)
        for kind, name in NAMES.items():
            driver, truck = uuid_of(f"driver {kind}"), uuid_of(f"truck {kind}")
            await name_driver(database, driver, name, None, f"driver {kind}")
            await name_vehicle(database, truck, name)
            said = {
                "driver_id": driver,
                "vehicle_id": truck,
                "defects_detail": [{"defect_type": "other", "description": name, "notes": name}],
                **dict.fromkeys(("inspected_by", "driver_comment", "certify_comment", "certified_by"), name),
            }
            await inspect(database, now - HOUR, **said)
            await refuse(database, now - 2 * HOUR, name, **said)
    finally:
        await database.close()


@pytest.fixture(scope="module")
def session(site: Site) -> str:
    return site.session()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def opened(tab: Tab, name: str, has_script: bool = True) -> None:
    await settled(tab, PAGES[name], 404 if name == "unknown" else 200, has_script)


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_is_sound(name: str, has_script: bool, site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session, has_script=has_script) as tab:
        await opened(tab, name, has_script)
        assert await tab.page.locator("h1").count() == 1
        async for size in at_each(tab, SIZES):
            assert await tab.ask(TABLES_WITHOUT_HEADERS) == [], size
            assert await tab.ask(SIDEWAYS) == 0, size
            assert await tab.ask(SQUEEZED) == [], size
            assert await tab.ask(OUTSIDE) == [], size
        assert (tab.errors, tab.dialogs, tab.foreign) == ([], [], [])
        assert tab.console == [] or name == "unknown"


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("critical", "unknown")])
async def test_axe_finds_nothing(name: str, site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session, bypasses_policy=True) as tab:
        await opened(tab, name)
        async for size in at_each(tab, SIZES):
            assert await found_by_axe(tab) == [], size


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
async def test_a_way_leads_from_the_overview_to_a_report(
    has_script: bool, site: Site, session: str, browser: Browser
) -> None:
    async with tab_on(browser, site, session, has_script=has_script) as tab:
        await settled(tab, "/", 200, has_script)
        await tab.page.get_by_role("link", name="Inspections").click()
        await tab.page.wait_for_url(f"{site.url}/inspections")
        await tab.page.get_by_role("link", name="Safety-critical only").click()
        await tab.page.wait_for_url("**?is_safety_critical=true")
        await tab.page.locator("#open-defects").get_by_role("link", name=UNIT).first.click()
        await tab.page.wait_for_url(f"{site.url}/vehicles/{TRUCK}")
        correction = tab.page.locator(".defect-lines a").first
        target = await correction.get_attribute("href")
        await correction.click()
        await tab.page.wait_for_url(f"**{target}")
        assert "Mechanic's inspection" in await tab.page.locator(".report:target").inner_text()
        assert await tab.page.locator("s").first.evaluate("(one) => getComputedStyle(one).textDecorationLine") == (
            "line-through"
        )


async def test_printed_pages_have_everything_but_links_to_other_pages(
    site: Site, session: str, browser: Browser
) -> None:
    async with tab_on(browser, site, session) as tab:
        await opened(tab, "inspections")
        await tab.page.emulate_media(media="print")
        assert await tab.page.locator("#open-defects table").is_visible()
        assert await tab.page.locator("#not-forwarded li").first.is_visible()
        assert not await tab.page.locator("nav.which").is_visible()


@pytest.mark.parametrize("kind", NAMES)
async def test_hostile_reports_are_words(kind: str, site: Site, session: str, browser: Browser) -> None:
    shown = "".join(one for one in NAMES[kind] if one not in INVISIBLE)
    async with tab_on(browser, site, session) as tab:
        for path in (f"/vehicles/{uuid_of(f'truck {kind}')}", f"/violations/{quote(f'{kind}/x', safe='')}"):
            await settled(tab, path, 200, True)
            async for size in at_each(tab, SIZES):
                assert shown in await tab.page.locator("main").inner_text(), size
                assert await tab.ask(STRANGE) == NOTHING, size
                assert not set(INVISIBLE) & set(await tab.ask(READ_OUT)), size
        assert (tab.console, tab.errors, tab.dialogs, tab.foreign) == ([], [], [], [])


async def test_hostile_names_are_words_in_the_lists(site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session) as tab:
        await opened(tab, "inspections")
        async for size in at_each(tab, SIZES):
            text = await tab.page.locator("main").inner_text()
            for kind in ("script", "image", "template", "hebrew"):
                assert NAMES[kind][:40].strip() in text, size
            assert await tab.ask(STRANGE) == NOTHING, size
            assert not set(INVISIBLE) & set(await tab.ask(READ_OUT)), size
