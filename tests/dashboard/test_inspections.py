"""The page of all inspections: who sees it, open defects by urgency, the latest reports, what was not forwarded."""

from collections.abc import AsyncIterator

import pytest

from app.dashboard.inspection_views import DEFECTS_PER_PAGE, INSPECTIONS_PER_PAGE
from app.inspections.overview import FAILED_SINCE
from app.keys.schema import Scope
from app.maven.times import DAY, HOUR, MINUTE
from tests.dashboard.inspected import (
    DRIVER,
    PROVIDER_ID,
    TRAILER,
    TRUCK,
    connect,
    inspect,
    keep_fleet,
    name_driver,
    name_vehicle,
    refuse,
    uuid_of,
)
from tests.dashboard.reading import Element, assert_inert, table
from tests.dashboard.visiting import Browser, House, open_house

pytestmark = pytest.mark.anyio

READERS = (Scope.READ, Scope.DVIR_READ)
PATH = "/inspections"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, zones={"PGH": "America/New_York"}) as opened:
        yield opened


@pytest.fixture
async def browser(house: House) -> Browser:
    return await house.visitor("inspector", *READERS)


def figures(page: Element) -> list[str]:
    return [one.text for one in page.find("li", class_="figure")]


def defects(page: Element) -> list[list[str]]:
    return table(page.only("section", id="open-defects"))


def reports(page: Element) -> list[list[str]]:
    return table(page.only("section", id="latest"))


async def test_a_fleet_has_its_open_defects_by_urgency(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock(), "ALEE")
    page = await browser.page(PATH)
    assert_inert(page)
    assert figures(page) == ["6 open defects", "2 safety-critical", "3 vehicles concerned"]
    assert [row[:5] for row in defects(page)] == [
        ["Brakes safety-critical", "2 days", "T-204", "53-1180", "Ann Lee"],
        ["Coupling devices safety-critical", "under a day", uuid_of("bare")[:8], "", uuid_of("stranger")[:8]],
        ["Air conditioner", "26 days", "T-117", "", "Miguel Ortega"],
        ["Mirrors", "26 days", "T-117", "", "Miguel Ortega"],
        ["Windshield wipers", "12 days", "T-204", "", "Ann Lee"],
        ["Reflectors", "2 days", "T-204", "53-1180", "Ann Lee"],
    ]
    assert [row[6] for row in defects(page)] == [
        *("Air leak at the left rear chamber", "", "Passenger mirror is cracked.", "Passenger mirror is cracked."),
        *("Tire will not pass a roadside. Wiper leaves streaks.", "Loses 8 psi a minute with the brakes applied."),
    ]
    assert defects(page)[0][5].endswith("UTC 29 Dec 2025, 16:00 EST")
    links = {one.text: one["href"] for one in page.only("section", id="open-defects").find("a")}
    assert links["T-204"] == f"/vehicles/{TRUCK}"
    assert links["53-1180"] == f"/vehicles/{TRAILER}"
    assert links["Ann Lee"] == "/drivers/ALEE"
    assert "Miguel Ortega" not in links


async def test_safety_critical_ones_alone(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock())
    page = await browser.page(f"{PATH}?is_safety_critical=true")
    assert [row[0] for row in defects(page)] == ["Brakes safety-critical", "Coupling devices safety-critical"]
    assert figures(page)[0] == "6 open defects"
    assert "1 to 2 of 2." in page.only("section", id="open-defects").find("caption")[0].text
    chosen = page.only("nav", class_="which")
    assert [one.text for one in chosen.find("a", aria_current="true")] == ["Safety-critical only (2)"]
    assert [one["href"] for one in chosen.find("a")] == [PATH, f"{PATH}?is_safety_critical=true"]
    assert defects(await browser.page(f"{PATH}?is_safety_critical=false")) == defects(await browser.page(PATH))


async def test_the_latest_inspections_are_listed(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock())
    rows = [[row[0], row[2], row[3], row[6], row[7]] for row in reports(await browser.page(PATH))]
    away = "Catena Clearinghouse"
    assert rows == [
        ["Inspection", "defects noted safety-critical", uuid_of("bare")[:8], "1 (1 open)", "kept here"],
        ["Pre-trip inspection", "defects noted safety-critical", "T-204", "2 (2 open)", away],
        ["Pre-trip inspection", "no defect", "T-204", "0", away],
        ["Mechanic's inspection", "defects corrected", "T-204", "2", "kept here"],
        ["Post-trip inspection", "defects noted safety-critical", "T-204", "3 (1 open)", away],
        ["Post-trip inspection", "defects noted", "T-117", "2 (2 open)", "kept here"],
    ]


async def test_what_came_late_stands_where_it_belongs(house: House, browser: Browser) -> None:
    now, database = house.clock(), house.context.database
    await inspect(database, now - DAY, log_type="post_trip", defects=["horn"])
    await inspect(database, now - 3 * DAY, log_type="pre_trip", defects=["doors"])
    page = await browser.page(PATH)
    assert [row[0] for row in reports(page)] == ["Post-trip inspection", "Pre-trip inspection"]
    assert [row[0] for row in defects(page)] == ["Doors", "Horn"]


async def test_without_inspections_the_page_says_so(browser: Browser) -> None:
    page = await browser.page(PATH)
    assert figures(page) == ["0 open defects", "0 safety-critical", "0 vehicles concerned"]
    assert "No defect is open." in page.text
    assert "No inspection is known." in page.text
    assert page.find("table") == []
    assert page.find("section", id="not-forwarded") == []


async def test_both_lists_come_page_by_page(house: House, browser: Browser) -> None:
    now, database = house.clock(), house.context.database
    for number in range(INSPECTIONS_PER_PAGE + 1):
        await inspect(database, now - number * HOUR, defects=["horn"], vehicle_id=uuid_of(str(number)))
    first = await browser.page(PATH)
    assert len(defects(first)) == DEFECTS_PER_PAGE
    assert len(reports(first)) == INSPECTIONS_PER_PAGE
    further, older = [one["href"] for one in first.find("a", rel="next")]
    assert (further, older) == (f"{PATH}?defects=2#open-defects", f"{PATH}?page=2#latest")
    both = await browser.page(f"{PATH}?defects=2&page=2")
    assert [row[2] for row in defects(both)] == [uuid_of("0")[:8]]  # the one that is open shortest
    assert [row[3] for row in reports(both)] == [uuid_of("25")[:8]]
    assert both.find("a", rel="next") == []
    assert [one["href"] for one in both.find("a", rel="prev")] == [
        f"{PATH}?page=2#open-defects",
        f"{PATH}?defects=2#latest",
    ]
    beyond = await browser.page(f"{PATH}?defects=3&page=100000")
    assert beyond.text.count("There is no such page.") == 2
    for query in (
        *("page=0", "page=x", "page=", "page=1&page=2", "page=100001", "defects=-1", "defects=1.5"),
        *("is_safety_critical=1", "is_safety_critical=", "nonsense=1", "page=%FF"),
    ):
        assert (await browser.get(f"{PATH}?{query}")).status_code == 400, query


async def test_what_was_not_forwarded_is_told_with_its_defects(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock())
    page = await browser.page(PATH)
    waiting, failed = page.only("section", id="not-forwarded").find("li")
    assert "Catena Clearinghouse waiting since 31 Dec 2025, 21:00 UTC" in waiting.text
    assert "Not tried yet" in waiting.text
    assert "vehicle T-204, trailer 53-1180, driver Ann Lee" in waiting.text
    assert "No defect is listed." in waiting.text
    assert "Catena Clearinghouse failed since 30 Dec 2025, 18:00 UTC" in failed.text
    assert failed.only("p", class_="why").text == "422: vehicle_id is not known to this fleet"
    assert "vehicle T-117, driver Miguel Ortega" in failed.text
    assert "Defects: Steering wheel (safety-critical), Horn (safety-critical)." in failed.text
    assert PROVIDER_ID in failed.text
    assert "2 inspections failed to be forwarded, or wait: see Not forwarded." in page.text
    assert "Steering wheel" not in page.only("section", id="open-defects").text


async def test_what_waits_shortly_or_failed_long_ago_is_no_trouble(house: House, browser: Browser) -> None:
    now, database = house.clock(), house.context.database
    await connect(database, "Provider", now)
    await refuse(database, now - FAILED_SINCE - MINUTE, "too old")
    await refuse(database, now - HOUR + MINUTE, None)
    page = await browser.page(PATH)
    assert page.find("section", id="not-forwarded") == []
    await house.pass_time(2 * MINUTE)
    assert len((await browser.page(PATH)).only("section", id="not-forwarded").find("li")) == 1


async def test_of_many_failures_some_are_shown(house: House, browser: Browser) -> None:
    now, database = house.clock(), house.context.database
    await connect(database, "Provider", now)
    for number in range(12):
        await refuse(database, now - number * MINUTE, f"refused {number}", defects=["horn"] * 10)
    section = (await browser.page(PATH)).only("section", id="not-forwarded")
    assert len(section.find("li")) == 10
    assert "2 more are not shown." in section.text
    assert "refused 11 (status 422)" in section.find("li")[0].text
    assert "Horn and 2 more." in section.find("li")[0].text


async def test_who_lacks_the_scope_is_told_so(house: House) -> None:
    await keep_fleet(house.context.database, house.clock())
    reader = await house.visitor("reader", Scope.READ, Scope.LOG_READ, Scope.DVIR_WRITE)
    assert [one for one in (await reader.page("/")).find("a") if one["href"] == PATH] == []
    for path in (PATH, f"/vehicles/{TRUCK}", "/vehicles/nothing"):
        page = await reader.page(path, 403)
        assert "dvir:read" in page.text
        assert "T-204" not in page.text
    for name, scopes in (("inspector", READERS), ("boss", (Scope.ADMIN,))):
        visitor = await house.visitor(name, *scopes)
        assert [one["href"] for one in (await visitor.page("/")).find("a") if one.text == "Inspections"] == [PATH]
        here = (await visitor.page(PATH)).find("a", aria_current="page")
        assert [one.text for one in here] == ["Inspections"]


async def test_nobody_sees_it_without_signing_in(house: House) -> None:
    stranger = await house.browser()
    for path in (PATH, f"/vehicles/{TRUCK}"):
        answer = await stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path.replace('/', '%2F')}")


async def test_a_key_sees_what_drivers_of_its_terminals_reported(house: House) -> None:
    await keep_fleet(house.context.database, house.clock())
    pgh = await house.visitor("pgh", *READERS, terminals=("PGH",))
    page = await pgh.page(PATH)
    assert figures(page) == ["3 open defects", "1 safety-critical", "1 vehicle concerned"]
    assert {row[4] for row in defects(page)} == {row[5] for row in reports(page)} == {"Ann Lee"}
    assert [one.find("a")[0].text for one in page.only("section", id="not-forwarded").find("li")] == ["T-204"]
    assert "T-117" not in page.text
    nowhere = await (await house.visitor("lax", *READERS, terminals=("LAX",))).page(PATH)
    assert figures(nowhere) == ["0 open defects", "0 safety-critical", "0 vehicles concerned"]
    assert "No defect is open that drivers of your terminals reported." in nowhere.text
    assert nowhere.find("section", id="not-forwarded") == nowhere.find("table") == []


async def test_names_are_taken_from_the_registry(house: House, browser: Browser) -> None:
    database = house.context.database
    await inspect(database, house.clock(), defects=["horn"], vehicle_id=None, trailer_id=TRAILER)
    assert defects(await browser.page(PATH))[0][2:4] == [TRAILER[:8], DRIVER[:8]]
    await name_driver(database, DRIVER, "Ann Lee", "PGH")
    await name_vehicle(database, TRAILER, None)
    assert defects(await browser.page(PATH))[0][2:4] == [TRAILER[:8], "Ann Lee"]
    pgh = await house.visitor("pgh", *READERS, terminals=("PGH",))
    assert len(defects(await pgh.page(PATH))) == 1
