"""The live part of the overview: the same as on the page, fresh after every change, and nobody's in particular."""

from collections.abc import AsyncIterator

import pytest

from app.dashboard.overview import LONGEST_REUSED_SECONDS, OLDEST_SECONDS, REUSED_SECONDS
from app.keys.schema import Scope
from app.maven.times import DAY, SECOND
from tests.dashboard.reading import read
from tests.dashboard.test_overview import figures, shown
from tests.dashboard.visiting import House, open_house
from tests.maven.examples import flat_event
from tests.query.desk import BEGIN

pytestmark = pytest.mark.anyio
MOMENT = int(LONGEST_REUSED_SECONDS * SECOND)
"""After which no page gets an old part, however slow the machine was to make it."""


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(database_url) as opened:
        await opened.keep(flat_event(id="pgh"), flat_event(id="cle", terminalCode="CLE", driverId="D2"))
        yield opened


@pytest.mark.parametrize("path", ["/", "/?status=all&terminalCode=CLE", "/?q=nobody", "/?page=7"])
async def test_it_is_the_part_that_the_page_has(house: House, path: str) -> None:
    browser = await house.visitor()
    page = (await browser.get(path)).text
    answer = await browser.live(path)
    assert answer.text in page
    assert shown(read(answer.text)) == shown(read(page))
    assert answer.headers["x-made-at"] == str(house.clock() // 1000)
    for accept in ("gzip", "identity", "gzip;q=0"):
        packed = await browser.get(path, x_live="1", accept_encoding=accept)
        assert packed.text == answer.text
        assert packed.headers.get("content-encoding") == ("gzip" if accept == "gzip" else None)


async def test_it_is_fresh_after_an_event_and_after_a_review(house: House) -> None:
    browser, other = await house.visitor(), await house.visitor("other")
    assert shown(read((await browser.live()).text)) == ["cle", "pgh"]
    await house.keep(flat_event(id="new", driverId="D3"))
    assert shown(read((await browser.get("/")).text)) == ["cle", "new", "pgh"]  # a page that is opened is never old
    await house.pass_time(MOMENT)
    assert shown(read((await other.live()).text)) == ["cle", "new", "pgh"]
    await browser.post("/violations/new/review", {"status": "coached"})
    await house.pass_time(MOMENT)
    rows = {
        row["data-id"]: row.text for row in read((await other.live()).text).find("tr") if "data-id" in row.attributes
    }
    assert [one for one, text in rows.items() if text.endswith("coached")] == ["new"]
    await house.keep(flat_event("violationInvalidated", id="new", eventTime="2024-02-01T00:00:00Z"))
    await house.pass_time(MOMENT)
    assert shown(read((await other.live()).text)) == ["cle", "pgh"]


async def test_a_page_that_asks_by_itself_may_get_a_part_of_this_second(house: House) -> None:
    browser = await house.visitor()
    before = await browser.live()
    await house.keep(flat_event(id="new", driverId="D3"))
    house.clock.at += int(REUSED_SECONDS * SECOND) - 1
    again = await browser.live()
    assert (again.text, again.headers["x-made-at"]) == (before.text, before.headers["x-made-at"])
    await house.pass_time(MOMENT)
    assert (await browser.live()).text != before.text


async def test_it_moves_with_the_clock(house: House) -> None:
    browser = await house.visitor()
    assert figures(read((await browser.live()).text))[0] == (2, "+2")
    await house.pass_time(DAY)
    again = await house.browser()
    assert (await again.sign_in("hos_key_safety")).status_code == 303
    assert figures(read((await again.live()).text))[0] == (2, "\u00b10")
    assert DAY > OLDEST_SECONDS * SECOND


async def test_it_has_nobodys_token_and_is_one_for_all_who_see_the_same(house: House) -> None:
    browsers = [await house.visitor(name) for name in ("ada", "bob")]
    parts = [(await browser.live()).text for browser in browsers]
    assert parts[0] == parts[1]
    for browser in browsers:
        assert browser.session is not None
        for secret in (await browser.form_token(), browser.session, "ada", "bob", 'name="token"'):
            assert secret not in parts[0]
    # The page around it has the visitor's own, and no other's.
    pages = [(await browser.get("/")).text for browser in browsers]
    assert [(await browsers[n].form_token()) in pages[m] for n in (0, 1) for m in (0, 1)] == [True, False, False, True]


async def test_it_differs_by_terminals_and_by_the_right_to_review(house: House) -> None:
    all_seeing = await house.visitor()
    reader = await house.visitor("reader", Scope.READ)
    pgh, cle = await house.visitor("pgh", terminals=("PGH",)), await house.visitor("cle", terminals=("CLE",))
    none = await house.visitor("none", terminals=())
    for _ in range(2):
        found = [read((await browser.live()).text) for browser in (all_seeing, reader, pgh, cle, none)]
        assert [shown(part) for part in found] == [["cle", "pgh"], ["cle", "pgh"], ["pgh"], ["cle"], []]
        assert [bool(part.find("input", type="checkbox", name="id")) for part in found] == [
            True,
            False,
            True,
            True,
            False,
        ]


async def test_limited_keys_see_only_theirs_everywhere(house: House) -> None:
    await house.keep(flat_event(id="nowhere", terminalCode=None), flat_event(id="moved"), at=BEGIN)
    await house.keep(flat_event(id="moved", terminalCode="CLE", eventTime="2024-02-01T00:00:00Z"), at=BEGIN + 1)
    house.clock.at = BEGIN + 2
    pgh = await house.visitor("pgh", terminals=("PGH", "ERI"))
    assert shown(await pgh.page("/?status=all")) == ["pgh"]
    assert "terminals ERI, PGH" in (await pgh.page("/")).only("form", action="/sign-out").text
    for path in ("/?terminalCode=CLE", "/?asOf=2026-01-01T00:00:00Z&q=Doe&terminalCode=CLE", "/?driverId=D2"):
        assert shown(await pgh.page(path)) == []
        assert "CLE" not in [one.text for one in (await pgh.page(path)).find("td")]
    # What was at PGH then is seen by where it is now.
    assert shown(await pgh.page("/?asOf=2026-01-01T00:00:00Z")) == ["pgh"]
    exported = (await pgh.get("/violations.csv?status=all")).text
    assert [one for one in ("pgh", "cle", "nowhere", "moved") if one in exported] == ["pgh"]
    for one in ("cle", "nowhere", "moved"):
        assert (await pgh.get(f"/violations/{one}")).status_code == 404
    driver = await pgh.page("/drivers/JDOE123")
    assert [a["href"] for a in driver.find("a") if a["href"].startswith("/violations/")] == ["/violations/pgh"]
    assert "No violations of this driver are known at your terminals." in (await pgh.page("/drivers/D2")).text
