"""The duty log in a real Chromium: legible at any width, sound for axe, details that stay open, hostile texts inert."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from app.db.database import open_database
from app.maven.times import DAY, HOUR, SECOND, format_time
from tests.dashboard.browsing import Site, Tab, at_each, chromium, site_on, tab_on
from tests.dashboard.judging import (
    DRAWINGS_WITHOUT_WORDS,
    OPEN_ALL,
    SIDEWAYS,
    SIZES,
    SQUEEZED,
    TABLES_WITHOUT_HEADERS,
    found_by_axe,
    settled,
)
from tests.dashboard.logged import edit, id_of, keep, keep_fortnight, link, name_vehicle, record
from tests.dashboard.test_browser_hostile import INVISIBLE, NAMES, NOTHING, READ_OUT, STRANGE
from tests.databases import SqliteDatabases
from tests.maven.examples import flat_event

DRIVER, STRANGER = "LOGGED/1", "HOSTILE"
OUTSIDE = """() => [...document.querySelectorAll(".duty-grid text")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && (box.left < 0 || box.right > document.documentElement.clientWidth);
}).map((one) => one.textContent)"""
TINY = """() => [...document.querySelectorAll(".duty-grid text")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && box.height < 11;
}).map((one) => one.textContent)"""
COLLIDING = """() => [...document.querySelectorAll(".duty-grid")].flatMap((grid) => {
  const names = [...grid.querySelectorAll(".duty-hour-name, .duty-total, .duty-name")];
  const boxes = names.map((one) => one.getBoundingClientRect()).filter((box) => box.width > 0);
  return boxes.filter((box, n) => boxes.some((other, m) => m < n
    && box.left < other.right && other.left < box.right && box.top + 4 < other.bottom && other.top + 4 < box.bottom));
}).length"""


@pytest.fixture(scope="module")
def site(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sqlite_databases.fresh() as url, site_on(url, tmp_path_factory.mktemp("site")) as site:
        asyncio.run(keep_logs(url, site, int(datetime.now(UTC).timestamp()) * SECOND))
        yield site


async def keep_logs(url: str, site: Site, now: int) -> None:
    """Violations of a driver with a log, and of some whose logs are hostile in every text."""
    start = now // DAY * DAY - 2 * DAY + 15 * HOUR  # in the morning at the driver's terminal: it ends on its day
    end = start + 2 * HOUR
    common = {"startTime": format_time(start), "endTime": format_time(end), "duration": "2:00", "logDate": None}
    site.post(
        flat_event(id="logged", driverId=DRIVER, **common),
        *(flat_event(id=f"{kind}/x", driverId=f"{STRANGER} {kind}", **common) for kind in NAMES),
    )
    database = await open_database(url)
    try:
        await keep_fortnight(database, DRIVER, start, end, now, time_zone="America/New_York")
        for number, (kind, name) in enumerate(NAMES.items(), 1):
            user = 1000 + number
            await link(database, f"{STRANGER} {kind}", user, time_zone="America/New_York")
            await name_vehicle(database, name, user)
            texts = {"note": name, "location": name, "assetId": user}
            kept = await keep(
                database,
                [
                    record(start - DAY, "OnDuty", user_id=user, **texts),
                    record(start, "Driving", user_id=user, **texts),
                    record(start - 5 * HOUR, "Driving", user_id=900, **texts),
                ],
                now,
            )
            await edit(database, id_of(kept[1]), now, note="x", editReason=name, changeRequestedByName=name)
    finally:
        await database.close()


@pytest.fixture(scope="module")
def session(site: Site) -> str:
    return site.session()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


PAGES = {"violation": "/violations/logged", "driver": f"/drivers/{quote(DRIVER, safe='')}"}


async def assert_legible(tab: Tab) -> None:
    assert await tab.ask(SIDEWAYS) == 0
    assert await tab.ask(SQUEEZED) == []
    assert await tab.ask(OUTSIDE) == []
    assert await tab.ask(TINY) == []
    assert await tab.ask(COLLIDING) == 0


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
async def test_a_log_is_sound(
    name: str, size: str, has_script: bool, site: Site, session: str, browser: Browser
) -> None:
    async with tab_on(browser, site, session, size=SIZES[size], has_script=has_script) as tab:
        await settled(tab, PAGES[name], 200, has_script)
        grid = tab.page.locator(".duty-grid").first
        assert await tab.page.locator(".duty-grid").count() == 8
        assert await grid.is_visible()
        assert await tab.page.locator(".duty-grid:visible").count() == 1
        await assert_legible(tab)
        summary = tab.page.locator(".duty-table > summary").first
        table = tab.page.locator(".duty-table table").first
        assert not await table.is_visible()
        await summary.focus()
        await tab.page.keyboard.press("Enter")
        await table.wait_for()
        assert "00:00" in await table.inner_text()
        await tab.ask(OPEN_ALL)
        await assert_legible(tab)
        assert await tab.page.locator(".duty-grid:visible").count() == 8
        assert await tab.ask(TABLES_WITHOUT_HEADERS) == []
        assert await tab.ask(DRAWINGS_WITHOUT_WORDS) == []
        assert (tab.console, tab.errors, tab.dialogs, tab.foreign) == ([], [], [], [])


@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_nothing_in_a_log(name: str, site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session, bypasses_policy=True) as tab:
        await settled(tab, PAGES[name], 200, True)
        await tab.ask(OPEN_ALL)
        async for size in at_each(tab, SIZES):
            assert await found_by_axe(tab) == [], size


async def test_a_drawing_has_a_name_and_its_totals(site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session) as tab:
        await settled(tab, PAGES["violation"], 200, True)
        drawing = tab.page.get_by_role("img", name=re.compile("Duty log of .* off duty .* driving [0-9]+:[0-9]{2}.*"))
        assert await drawing.count() == 1


async def test_what_is_open_stays_open(site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session) as tab:
        await settled(tab, PAGES["driver"], 200, True)
        day = tab.page.locator("details.duty-day").nth(1)
        kept = await day.get_attribute("data-keep")
        await day.locator(":scope > summary").click()
        await tab.page.locator(f'details[data-keep="{kept}"] .duty-table > summary').click()
        site.post(flat_event(id="another", driverId=DRIVER, startTime="2024-01-01T00:00:00Z"))
        await tab.page.locator('td.what a[href="/violations/another"]').wait_for()
        opened = await tab.ask(
            "[...document.querySelectorAll('.duty-log details[open]')].map((one) => one.dataset.keep)"
        )
        assert opened == [kept, (kept or "").replace("duty-", "duty-table-")]
        assert (tab.console, tab.errors) == ([], [])


async def test_other_days_are_a_click_away(site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session, has_script=False) as tab:
        await tab.open(PAGES["driver"])
        today = await tab.page.locator("#duty-log h3").first.inner_text()
        await tab.page.get_by_role("link", name="Earlier days").click()
        await tab.page.wait_for_url("**?day=*#duty-log")
        assert await tab.page.locator("#duty-log h3").first.inner_text() != today
        await tab.page.get_by_role("link", name="Later days").click()
        assert await tab.page.locator("#duty-log h3").first.inner_text() == today


async def test_a_printed_log_has_its_drawing(site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session) as tab:
        await settled(tab, PAGES["violation"], 200, True)
        await tab.page.emulate_media(media="print")
        assert await tab.page.locator(".duty-grid").first.is_visible()
        assert await tab.ask(OUTSIDE) == []


@pytest.mark.parametrize("kind", NAMES)
async def test_hostile_logs_are_words(kind: str, site: Site, session: str, browser: Browser) -> None:
    async with tab_on(browser, site, session) as tab:
        for path in (f"/violations/{quote(kind + '/x', safe='')}", f"/drivers/{quote(f'{STRANGER} {kind}', safe='')}"):
            await settled(tab, path, 200, True)
            await tab.ask(OPEN_ALL)
            assert await tab.page.locator(".duty-grid").count() == 8
            shown = "".join(one for one in NAMES[kind] if one not in INVISIBLE)
            async for size in at_each(tab, SIZES):
                text = await tab.page.locator(".duty-log").inner_text()
                assert f"note: {shown}" in text, size
                assert f"reason: {shown}" in text, size
                assert await tab.ask(STRANGE) == NOTHING, size
                assert not set(INVISIBLE) & set(await tab.ask(READ_OUT)), size
        assert (tab.console, tab.errors, tab.dialogs, tab.foreign) == ([], [], [], [])
