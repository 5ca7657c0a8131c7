"""Hostile data and hostile sites in a real Chromium: neither names that are markup nor forms from elsewhere do a thing.

Maven's texts come from drivers and devices, and may hold anything. Other sites may send a browser that is signed in
wherever they like.
"""

import csv
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.browsing import ADMIN_KEY, PATIENCE, PHONE, WIDE, Site, Tab, chromium, site_on, tab_on
from tests.databases import SqliteDatabases
from tests.maven.examples import Json, flat_event, vehicle_data

HIT = "document.body.dataset.hit = 1; alert(1)"
NAMES = {
    "script": f"<script>{HIT}</script>Doe",
    "image": f'"><img src=x onerror="{HIT}">',
    "svg": f"'><svg onload='{HIT}'><title>",
    "attribute": f'" autofocus onfocus="{HIT}" x="',
    "template": "{{ 7 * 7 }}${7*7}<%= 7*7 %>",
    "comment": "</script><!-- --></title></textarea></table>",
    "turned": "Doe\u202egnp.exe\u202c\u2066 John",
    "long": "W" * 200,
    "formula": "=1+1",
    "command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "emoji": "\U0001f69a\U0001f468\u200d\U0001f469\u200d\U0001f467 Zoë 李小龍",
    "hebrew": "משה כהן",
}
SHOWN = {
    "turned": "Doegnp.exe John",
    "long": "W" * 79 + "…",
}
"""What is seen of a name where it is not all of it."""
INVISIBLE = "\u202e\u202c\u2066"
STRANGE = """() => ({
  hit: document.body.dataset.hit ?? null,
  scripts: [...document.scripts].map((one) => one.getAttribute("src") ?? one.textContent)
    .filter((one) => !one.startsWith("/static/")),
  images: document.images.length,
  handlers: [...document.querySelectorAll("*")].flatMap((one) => one.getAttributeNames())
    .filter((name) => name.startsWith("on") || name === "style"),
  sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""
READ_OUT = """() => document.title + document.body.innerText + [...document.querySelectorAll("[aria-label], title")]
  .map((one) => one.getAttribute("aria-label") ?? one.textContent).join()"""
NOTHING: dict[str, object] = {"hit": None, "scripts": [], "images": 0, "handlers": [], "sideways": 0}


def hostile(kind: str) -> dict[str, Json]:
    """A violation with a name in every text."""
    name = NAMES[kind]
    where = vehicle_data(city=name, state=name, formattedAddress=name, street=name, eldLocation={"city": name})
    changes: dict[str, Json] = {
        "id": f"{kind}/{name}",
        "driverId": f"{kind} {name}",
        "driverName": name,
        "terminalCode": name,
        "powerUnitNumber": name,
        "type": name,
        "ruleset": name,
        "shortDescription": name,
        "longDescription": name,
        "startData": where,
        "endData": where,
    }
    return flat_event(**changes)


@pytest.fixture(scope="module")
def site(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sqlite_databases.fresh() as url, site_on(url, tmp_path_factory.mktemp("site")) as site:
        site.post(*map(hostile, NAMES))
        yield site


@pytest.fixture(scope="module")
def session(site: Site) -> str:
    return site.session()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(PATIENCE * 1000)
    async with chromium() as browser:
        yield browser


async def assert_inert(tab: Tab) -> None:
    assert await tab.ask(STRANGE) == NOTHING
    assert not set(INVISIBLE) & set(await tab.ask(READ_OUT))
    assert (tab.console, tab.errors, tab.dialogs, tab.foreign) == ([], [], [], [])


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
async def test_names_are_words_on_the_overview(
    browser: Browser, site: Site, session: str, size: tuple[int, int], has_script: bool
) -> None:
    async with tab_on(browser, site, session, size=size, has_script=has_script) as tab:
        await tab.open("/")
        if has_script:
            await tab.is_live()
        text = await tab.page.locator("main").inner_text()
        for kind, name in NAMES.items():
            assert SHOWN.get(kind, name) in text, kind
        await assert_inert(tab)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("kind", NAMES)
async def test_names_are_words_on_other_pages(
    browser: Browser, site: Site, session: str, kind: str, size: tuple[int, int]
) -> None:
    event = hostile(kind)
    async with tab_on(browser, site, session, size=size) as tab:
        await tab.open("/")
        await tab.page.locator(f'a[href="/drivers/{quote(str(event["driverId"]), safe="")}"]').first.click()
        await expect(tab.page.locator("h1")).to_contain_text(SHOWN.get(kind, NAMES[kind]))
        await tab.is_live()
        await assert_inert(tab)
        await tab.page.locator("td.what a").first.click()
        await tab.page.wait_for_url(f"{site.url}/violations/{quote(str(event['id']), safe='')}")
        await tab.is_live()
        assert await tab.page.locator("h1").count() == 1
        await tab.page.get_by_text("The events as received").click()
        await assert_inert(tab)


async def test_a_new_name_is_told_as_words(browser: Browser, site: Site, session: str) -> None:
    async with tab_on(browser, site, session) as tab:
        await tab.open("/")
        await tab.is_live()
        site.post(hostile("image") | {"id": "told", "duration": "9:00", "type": "shift_drive"})
        await expect(tab.page.locator(".toasts")).to_contain_text(NAMES["image"])
        await assert_inert(tab)


async def test_filters_are_shown_as_words(browser: Browser, site: Site, session: str) -> None:
    async with tab_on(browser, site, session, has_script=False) as tab:
        for kind, name in NAMES.items():
            await tab.open(f"/?q={quote(name)}&terminalCode={quote(name)}&type={quote(name)}")
            assert await tab.page.get_by_label("Driver name or unit").input_value() == name, kind
            assert await tab.ask(STRANGE) == NOTHING
        assert (tab.errors, tab.dialogs, tab.foreign) == ([], [], [])


async def test_the_csv_is_guarded_against_formulas(browser: Browser, site: Site, session: str) -> None:
    async with tab_on(browser, site, session) as tab:
        await tab.open("/")
        async with tab.page.expect_download() as begun:
            await tab.page.get_by_role("link", name="CSV of all").click()
        path = await (await begun.value).path()
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        names = [row["driverName"] for row in rows]
        assert f"'{NAMES['formula']}" in names
        assert f"'{NAMES['command']}" in names
        assert [cell for row in rows for cell in row.values() if cell[:1] in "=@" and cell] == []


@pytest.mark.parametrize(
    "following",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil",
    ],
)
async def test_signing_in_leads_nowhere_else(browser: Browser, site: Site, following: str) -> None:
    async with tab_on(browser, site, None) as tab:
        await tab.open(f"/sign-in?next={quote(following, safe='')}")
        await tab.page.get_by_label("API key").fill(ADMIN_KEY)
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_url(f"{site.url}/")
        assert (tab.foreign, tab.dialogs) == ([], [])


@contextmanager
def foreign_site(form: str) -> Iterator[int]:
    """Another site of this machine, whose page sends a form at once; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!doctype html><title>evil</title>{form}<script>document.forms[0].submit()</script>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"], ids=["another site", "another origin"])
@pytest.mark.parametrize("path", ["/violations/{id}/review", "/reviews", "/sign-out", "/sign-in", "/operations/keys"])
async def test_forms_of_other_sites_change_nothing(
    browser: Browser, site: Site, session: str, path: str, name: str
) -> None:
    """From another site no cookie comes along; from another origin of this one it does, and the form is refused."""
    violation_id = site.violation(driverId="formula =1+1")["id"]
    target = site.url + path.format(id=quote(violation_id, safe=""))
    fields = {"id": violation_id, "status": "coached", "note": "evil", "key": "hos_key_evil", "name": "evil"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    form = f'<form method="post" action="{target}">{inputs}<input name="scope" value="admin"></form>'
    async with tab_on(browser, site, session) as tab:
        with foreign_site(form) as port:
            async with tab.page.expect_response(target) as answered:
                await tab.page.goto(f"http://{name}:{port}/", wait_until="commit")
            answer = await answered.value
            assert answer.status in (401, 403)
            await tab.page.wait_for_url(target)  # the refusal is shown; another address would else cut into its arrival
        assert site.get(f"/v1/violations/{quote(violation_id, safe='')}")["review"]["status"] == "open"
        await tab.open("/")
        assert tab.page.url == f"{site.url}/"
        await tab.open("/operations/keys")
        await expect(tab.page.locator("main")).not_to_contain_text("evil")
