"""Pages that are open in a real Chromium: what changes comes by itself, and everything can be done without a mouse.

How fast a change has to be there is a promise of the benchmarks; here it only has to come.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.dashboard.browsing import PATIENCE, PHONE, Site, Tab, chromium, site_on, tab_on
from tests.databases import SqliteDatabases
from tests.maven.examples import Json, flat_event

MOST_STOPS = 400
WORDS_OF = """(one) => [one.tagName, one.id, one.name, one.value, one.getAttribute("href"),
  (one.getAttribute("aria-label") ?? one.textContent.trim()) || one.name].join("|")"""
FOCUSED = f"""() => {{
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  return {{
    what: one === document.body ? "" : ({WORDS_OF})(one),
    isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0,
  }};
}}"""
INTERACTIVE = f"""() => [...document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex='0']")]
  .filter((one) => one.checkVisibility() && !one.disabled && one.type !== "hidden").map({WORDS_OF})"""


@pytest.fixture(scope="module")
def site(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sqlite_databases.fresh() as url, site_on(url, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def session(site: Site) -> str:
    return site.session()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(PATIENCE * 1000)
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def overview(browser: Browser, site: Site, session: str) -> AsyncIterator[Tab]:
    """The overview, told of changes; afterwards nothing may have gone wrong in it."""
    async with tab_on(browser, site, session) as tab:
        await tab.open("/")
        await tab.is_live()
        yield tab
        assert (tab.console, tab.errors, tab.foreign) == ([], [], [])


def event(violation_id: str, event_type: str = "violationCreated", **changes: Json) -> dict[str, Json]:
    """An event of now, so egregious that the overview has it on its first page."""
    now = datetime.now(UTC)
    fields: dict[str, Json] = {
        "id": violation_id,
        "driverId": "NEW1",
        "driverName": "Newcomer, Nora",
        "eventTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
        "startTime": f"{now - timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}",
        "endTime": f"{now - timedelta(hours=10):%Y-%m-%dT%H:%M:%SZ}",
        "logDate": f"{now:%Y-%m-%d}",
        "duration": "9:59",
    }
    return flat_event(event_type, **{**fields, **changes})


def row(page: Page, violation_id: str) -> Any:
    return page.locator(f'tr[data-id="{violation_id}"]')


async def test_a_violation_comes_and_goes(overview: Tab, site: Site) -> None:
    page, new = overview.page, str(uuid4())
    total = page.locator(".figure .number").first
    before = int(await total.inner_text())
    loads = len([one for one in overview.requests if one == f"{site.url}/"])
    site.post(event(new))
    await expect(row(page, new)).to_be_visible()
    await expect(total).to_have_text(str(before + 1))
    await expect(page.locator(".toasts")).to_contain_text("New: Newcomer, Nora: 11-hour driving limit passed")
    spoken = page.locator('[role="status"][aria-live="polite"]')
    await expect(spoken).to_contain_text("New: Newcomer, Nora")
    site.post(event(new, "violationInvalidated"))
    await expect(row(page, new)).to_have_count(0)
    await expect(total).to_have_text(str(before))
    await expect(page.locator(".toasts")).to_contain_text("No longer here: Newcomer, Nora")
    await expect(spoken).to_contain_text("No longer here: Newcomer, Nora")
    assert await page.evaluate("performance.getEntriesByType('navigation').length") == 1
    assert loads >= 1


async def test_what_was_begun_outlives_a_change(overview: Tab, site: Site) -> None:
    page, new = overview.page, str(uuid4())
    ticked = page.locator('input[name="id"]').first
    violation_id = await ticked.input_value()
    await ticked.check()
    await page.locator('input[name="note"]').fill("begun")
    await page.get_by_text("The numbers as a table").click()
    sort = page.locator("th button", has_text="Since")
    await sort.press("Enter")
    site.post(event(new))
    await expect(row(page, new)).to_be_visible()
    await expect(page.locator(f'input[name="id"][value="{violation_id}"]')).to_be_checked()
    await expect(page.locator(f'input[name="id"][value="{new}"]')).not_to_be_checked()
    await expect(page.locator('input[name="note"]')).to_have_value("begun")
    await expect(page.locator('details[data-keep="dates"]')).to_have_attribute("open", "")
    await expect(page.locator("th", has_text="Since")).to_have_attribute("aria-sort", "ascending")
    await expect(sort).to_be_focused()
    site.post(event(new, "violationInvalidated"))


async def test_filters_work_without_reloading(overview: Tab, site: Site) -> None:
    page = overview.page
    await page.evaluate("window.stayed = true")
    await page.get_by_label("Egregious only").check()
    await page.wait_for_url("**/?egregious=true")
    count = site.get("/v1/stats", egregious="true")["total"]
    await expect(page.locator(".figure .number").first).to_have_text(str(count))
    await page.get_by_label("Driver name or unit").fill("nobody of this name")
    await page.wait_for_url("**/?q=nobody+of+this+name&egregious=true")
    await expect(page.locator("[data-live]")).to_contain_text("No violation matches these filters.")
    assert await page.evaluate("window.stayed") is True
    # The address is kept: it shows the same again.
    await page.reload()
    await expect(page.get_by_label("Driver name or unit")).to_have_value("nobody of this name")
    await expect(page.locator("[data-live]")).to_contain_text("No violation matches these filters.")


async def test_filters_work_without_scripts(browser: Browser, site: Site, session: str) -> None:
    async with tab_on(browser, site, session, has_script=False) as tab:
        await tab.open("/")
        await tab.page.get_by_label("Egregious only").check()
        await tab.page.get_by_role("button", name="Show").click()
        await tab.page.wait_for_url("**egregious=true*")
        count = site.get("/v1/stats", egregious="true")["total"]
        await expect(tab.page.locator(".figure .number").first).to_have_text(str(count))


async def test_tables_are_sorted_by_the_keyboard(overview: Tab) -> None:
    page = overview.page
    header = page.locator("th", has_text="Over by")

    async def minutes() -> list[int]:
        found = await page.locator("tbody.driver").evaluate_all(
            "(groups) => groups.map((one) => Number(one.querySelector('[data-label=\"Over by\"]').dataset.value))"
        )
        return [int(one) for one in found]

    await header.locator("button").focus()
    await page.keyboard.press("Enter")
    await expect(header).to_have_attribute("aria-sort", "descending")
    shown = await minutes()
    assert len(set(shown)) > 2
    assert shown == sorted(shown, reverse=True)
    await page.keyboard.press("Space")
    await expect(header).to_have_attribute("aria-sort", "ascending")
    assert (turned := await minutes()) == sorted(turned)
    assert turned != shown
    assert await page.locator("th[aria-sort]").count() == 1


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
async def test_many_are_acknowledged_at_once(browser: Browser, site: Site, session: str, has_script: bool) -> None:
    async with tab_on(browser, site, session, has_script=has_script) as tab:
        await tab.open("/?review=open")
        boxes = tab.page.locator('input[name="id"]')
        chosen = [await boxes.nth(n).input_value() for n in range(2)]
        for n in range(2):
            await boxes.nth(n).check()
        note = f"Seen by {'script' if has_script else 'form'} <b>"
        await tab.page.locator('input[name="note"]').fill(note)
        await tab.page.get_by_role("button", name="Acknowledge chosen").click()
        await expect(row(tab.page, chosen[0])).to_have_count(0)
        await tab.page.wait_for_url("**/?review=open")
        for one in chosen:
            review = site.get(f"/v1/violations/{one}")["review"]
            assert (review["status"], review["note"]) == ("acknowledged", note)
        assert tab.console == []


async def test_one_is_reviewed_on_its_page(browser: Browser, site: Site, session: str) -> None:
    violation_id = site.violation(sort="startTime")["id"]
    async with tab_on(browser, site, session, size=PHONE) as tab:
        await tab.open(f"/violations/{violation_id}")
        await tab.page.get_by_label("New review").select_option("disputed")
        await tab.page.get_by_label("Note").fill("Two lines\nof <i>words</i>")
        await tab.page.get_by_role("button", name="Save review").click()
        await expect(tab.page.get_by_role("heading", name="Review: disputed")).to_be_visible()
        await expect(tab.page.locator("#review .note")).to_have_text("Two lines\nof <i>words</i>")
        assert await tab.page.locator("#review .note i").count() == 0


async def test_signing_in_and_out(browser: Browser, site: Site) -> None:
    for has_script in (True, False):
        async with tab_on(browser, site, None, has_script=has_script) as tab:
            await tab.open("/drivers/nobody")
            await tab.page.get_by_label("API key").fill("hos_key_wrong")
            await tab.page.keyboard.press("Enter")
            await expect(tab.page.get_by_role("alert")).to_contain_text("unknown or was revoked")
            await tab.page.get_by_label("API key").fill(site.settings["HOS_ADMIN_KEY"])
            await tab.page.keyboard.press("Enter")
            await tab.page.wait_for_url("**/drivers/nobody")
            await tab.page.get_by_role("button", name="Sign out").click()
            await tab.page.wait_for_url("**/sign-in")
            await tab.open("/")
            assert "/sign-in" in tab.page.url


async def test_a_revoked_key_ends_the_page(browser: Browser, site: Site) -> None:
    key = await asyncio.to_thread(site.make_key, "leaver")
    async with tab_on(browser, site, site.session(key)) as tab:
        await tab.open("/")
        await tab.is_live()
        await asyncio.to_thread(site.revoke_key, "leaver")
        await expect(tab.page.locator("[data-state]")).to_contain_text("your sign-in is over")
        new = str(uuid4())
        site.post(event(new))
        site.post(event(new, "violationInvalidated"))
        await tab.page.reload()
        assert "/sign-in" in tab.page.url


@pytest.mark.parametrize(
    "path", ["/sign-in", "/", "/drivers/{driver}", "/violations/{violation}", "/operations/hooks/new"]
)
async def test_everything_is_reached_by_the_keyboard(browser: Browser, site: Site, session: str, path: str) -> None:
    one = site.violation()
    async with tab_on(browser, site, None if path == "/sign-in" else session) as tab:
        await tab.open(path.format(driver=one["driverId"], violation=one["id"]))
        if await tab.page.locator("[data-live]:not([data-still])").count():
            await tab.is_live()
        wanted = await tab.ask(INTERACTIVE)
        reached: list[str] = []
        unseen = []
        for _ in range(MOST_STOPS):
            await tab.page.keyboard.press("Tab")
            focused = await tab.ask(FOCUSED)
            if not focused["what"]:
                continue  # from the last one it goes on with the first
            if reached and focused["what"] == reached[0]:
                break
            reached.append(focused["what"])
            if not focused["isSeen"]:
                unseen.append(focused["what"])
        assert unseen == []
        assert sorted(set(wanted) - set(reached)) == []


async def test_the_way_past_the_head_of_a_page(overview: Tab) -> None:
    page = overview.page
    await page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to content")
    await expect(link).to_be_focused()
    await expect(link).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Driver name or unit")).to_be_focused()
