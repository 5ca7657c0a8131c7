"""The page of a driver: all violations of one, by their state and age, page by page."""

from collections.abc import AsyncIterator

import pytest

from app.dashboard.subjects import VIOLATIONS_PER_PAGE
from tests.dashboard.reading import assert_inert, table
from tests.dashboard.visiting import Browser, House, open_house
from tests.maven.examples import flat_event

pytestmark = pytest.mark.anyio

LATER = "2024-02-01T00:00:00Z"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(database_url) as opened:
        yield opened


@pytest.fixture
async def browser(house: House) -> Browser:
    return await house.visitor()


async def test_a_driver_has_all_violations(house: House, browser: Browser) -> None:
    await house.keep(
        flat_event(id="new", startTime="2025-12-30T00:00:00Z", logDate="2025-12-30", powerUnitNumber="T9"),
        flat_event(id="old", startTime="2025-11-01T00:00:00Z", type="break"),
        flat_event("violationInvalidated", id="gone", startTime="2025-12-29T00:00:00Z"),
        {"eventType": "violationInvalidated", "id": "bare", "eventTime": LATER, "driverId": "JDOE123"},
        flat_event(id="other", driverId="D2"),
    )
    page = await browser.page("/drivers/JDOE123")
    assert_inert(page)
    assert page.only("h1").text == "Doe, John JDOE123"
    assert [one.text for one in page.find("li", class_="figure")] == [
        *("2 active", "2 invalidated", "T9 last power unit", "PGH last terminal")
    ]
    assert table(page, 0) == [
        *(["Shift drive", "1", "1"], ["Hours-of-service violation", "0", "1"], ["Break", "1", "0"])
    ]
    groups = [[a["href"].rpartition("/")[2] for a in body.find("a")] for body in page.find("tbody") if body.find("a")]
    assert groups == [["new"], ["old"], ["gone", "bare"]]
    assert len(page.find("svg")[0].find("rect")) == 2
    pgh = await house.visitor("cle", terminals=("CLE",))
    assert "No violations of this driver" in (await pgh.page("/drivers/JDOE123")).text


async def test_a_drivers_violations_come_page_by_page(house: House, browser: Browser) -> None:
    await house.keep(*(flat_event(id=f"v{n:03}") for n in range(VIOLATIONS_PER_PAGE + 1)))
    first = await browser.page("/drivers/JDOE123")
    following = first.only("a", rel="next")["href"]
    second = await browser.page(following)
    ids = [a["href"] for page in (first, second) for a in page.find("a") if a["href"].startswith("/violations/")]
    assert ids == [f"/violations/v{n:03}" for n in range(VIOLATIONS_PER_PAGE + 1)]
    assert not second.find("a", rel="next")
    for query in ("page=0", "page=x", "nonsense=1", "page=1&page=2"):
        assert (await browser.get(f"/drivers/JDOE123?{query}")).status_code == 400
    assert (await browser.get("/drivers/JDOE123?page=1000000")).status_code == 200
