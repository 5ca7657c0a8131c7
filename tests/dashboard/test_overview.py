"""The overview: what it counts and lists is what the API counts and lists for the same question."""

import csv
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dashboard.overview_data import DRIVERS_PER_PAGE, VIOLATIONS_PER_DRIVER
from app.keys.schema import Scope
from app.maven.times import DAY, SECOND
from tests.dashboard.reading import Element, assert_inert, read, table
from tests.dashboard.visiting import Browser, House, open_house
from tests.databases import Databases
from tests.events import Told
from tests.ingest.served import assert_problem
from tests.maven.examples import Json, flat_event
from tests.query.desk import BEGIN
from tests.query.test_lists_model import HISTORIES, QUESTIONS, Question, written

pytestmark = pytest.mark.anyio

Wire = dict[str, Json]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(database_url) as opened:
        yield opened


def shown(page: Element) -> list[str]:
    """The ids of the violations in the table, in its order."""
    return [row["data-id"] for row in page.find("tr") if "data-id" in row.attributes]


def figures(page: Element) -> list[tuple[int, str]]:
    """The counts on top: violations, egregious ones, drivers; the first two with their change since a day before."""
    found = []
    for figure in page.only("ul", class_="figures").find("li"):
        change = figure.find("span", class_="faint")
        number = int(figure.only("span", class_="number").text.replace(",", ""))
        found.append((number, change[0].text.strip("()").split(" ")[0] if change else ""))
    return found


def with_sign(number: int) -> str:
    return f"+{number}" if number > 0 else f"\u2212{-number}" if number < 0 else "\u00b10"


def expected_table(violations: list[Wire]) -> list[str]:
    """The ids that the first page has: drivers with egregious ones first, then with most; of each the gravest and
    newest."""
    drivers: dict[str | None, list[Wire]] = {}
    for one in violations:
        drivers.setdefault(str(one["driverId"]) if one["driverId"] is not None else None, []).append(one)
    ordered = sorted(drivers, key=lambda driver: (driver is None, [ord(c) for c in driver or ""]))
    ordered.sort(key=lambda driver: (-sum(bool(one["egregious"]) for one in drivers[driver]), -len(drivers[driver])))
    ids = []
    for driver in ordered[:DRIVERS_PER_PAGE]:
        # The API has them newest first already, those without a start last.
        grave_first = sorted(drivers[driver], key=lambda one: not one["egregious"])
        ids += [str(one["id"]) for one in grave_first[:VIOLATIONS_PER_DRIVER]]
    return ids


async def listed(house: House, query: str, key: str) -> list[Wire]:
    answer = await house.ask(f"/v1/violations?limit=1000&{query}", key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["pagination"]["hasNextPage"] is False
    found: list[Wire] = answer.json()["data"]
    return found


async def assert_equal_to_the_api(house: House, browser: Browser, query: str, key: str) -> None:
    """The page, its live part and its CSV, against the API."""
    answer = await browser.get(f"/?{query}")
    assert answer.status_code == 200, answer.text
    page = read(answer.text)
    violations = await listed(house, query, key)
    stats = (await house.ask(f"/v1/stats?{query}", key)).json()
    assert shown(page) == expected_table(violations)
    total, egregious, drivers = figures(page)
    assert (total[0], egregious[0]) == (stats["total"], stats["egregious"])
    assert drivers[0] == len({one["driverId"] for one in violations})
    by_type, by_terminal = (
        [int(row[1].replace(",", "")) for row in table(page.only("main"), number)] for number in (-2, -1)
    )
    assert sum(by_type) == sum(by_terminal) == stats["total"]
    exported = await browser.get(f"/violations.csv?{query}")
    wanted = await house.ask(f"/v1/violations?{query}", key, accept="text/csv")
    assert exported.content == wanted.content
    assert exported.headers["content-type"] == wanted.headers["content-type"]
    assert len(list(csv.reader(exported.text.splitlines()))) >= 1 + (stats["total"] > 0)


async def signed_in(house: House, question: Question) -> tuple[Browser, str]:
    """A browser and the key that it is signed in with, of the question's terminals."""
    name = f"key {question.terminals}"
    key = f"hos_key_{name}"
    if house.ring.find(key) is None:
        await house.key(name, Scope.READ, terminals=question.terminals)
    browser = await house.browser()
    assert (await browser.sign_in(key)).status_code == 303
    return browser, key


@settings(max_examples=10)
@given(history=HISTORIES, questions=st.lists(QUESTIONS, min_size=4, max_size=4))
async def test_the_page_is_what_the_api_says(
    databases: Databases, history: list[tuple[Told, int]], questions: list[Question]
) -> None:
    with databases.fresh() as url:
        async with open_house(url) as house:
            at = BEGIN
            for event, later in history:
                at += later
                await house.keep({"eventType": event.event_type, **event.data}, at=at)
            house.clock.at = at
            for question in questions:
                browser, key = await signed_in(house, question)
                query = question.query(paged=False, sorted_by=False)
                await assert_equal_to_the_api(house, browser, query, key)
                if question.egregious is not False:  # the box can only ask for egregious ones
                    await assert_the_form_asks_the_same(browser, query)


async def assert_the_form_asks_the_same(browser: Browser, query: str) -> None:
    """The form of the page, sent as it is with all its empty fields, leads to the same page."""
    page = await browser.page(f"/?{query}")
    form = page.only("form", action="/")
    again = await browser.page(f"/?{urlencode(form.fields)}")
    assert shown(again) == shown(page)
    assert figures(again) == figures(page)
    assert again.only("form", action="/").fields == form.fields


async def test_of_nothing_the_page_says_so(house: House) -> None:
    browser, pgh = await house.visitor(), await house.visitor("pgh", terminals=("PGH",))
    page = await browser.page("/")
    assert_inert(page)
    assert figures(page) == [(0, "\u00b10"), (0, "\u00b10"), (0, "")]
    assert page.only("p", class_="is-good").text == "Nobody is in violation now."
    assert (await pgh.page("/")).only("p", class_="is-good").text == "Nobody is in violation now at your terminals."
    assert "No violation matches" in (await browser.page("/?q=x")).text
    assert "There is no such page." in (await browser.page("/?page=2")).text


@pytest.mark.parametrize(
    "query, words",
    [
        ("minDurationMinutes=-1", "minDurationMinutes must be a whole number"),
        ("startTimeFrom=yesterday", "startTimeFrom must be an ISO 8601 date"),
        ("logDateTo=2024-02-30", "logDateTo must be a date that exists"),
        ("status=open", "status must be one of"),
        ("review=done", "review must be one of"),
        ("egregious=1", "egregious must be one of"),
        ("asOf=2024", "asOf must be"),
        ("nonsense=1", 'parameter "nonsense" is not known'),
        ("q=a&q=b", "q may be given once"),
        ("q=%00", "NUL"),
        ("q=%EF%BF%BF", "U+FFFF"),
        ("q=%FF", "not UTF-8"),
        ("q=%", "percent sign"),
        ("page=0", "page must be a whole number"),
        ("page=x", "page must be a whole number"),
        ("terminalCode=PGH,", "must not be empty"),
        ("limit=1", "not known"),
    ],
)
async def test_a_wrong_filter_says_so_and_shows_nothing(house: House, query: str, words: str) -> None:
    browser = await house.visitor()
    await house.keep(flat_event(id="v1"))
    answer = await browser.get(f"/?{query}")
    page = read(answer.text)
    assert_inert(page)
    assert answer.status_code == 400
    assert words in page.only("p", role="alert").text
    assert shown(page) == []
    assert (await browser.live(f"/?{query}")).status_code == 400
    assert (await browser.get(f"/violations.csv?{query}")).status_code == 400
    for path in ("/", "/violations.csv"):
        assert words in str(assert_problem(await browser.get(f"{path}?{query}", accept="*/*"), 400)["detail"])


async def test_empty_fields_ask_for_nothing(house: House) -> None:
    browser = await house.visitor()
    await house.keep(flat_event(id="v1"))
    page = await browser.page("/?q=&terminalCode=&type=&status=&minDurationMinutes=&asOf=&page=&nonsense=")
    assert shown(page) == ["v1"]
    assert (await browser.live("/?q=&status=")).text == (await browser.live("/")).text


async def test_values_may_be_repeated_and_stay_in_the_form(house: House) -> None:
    await house.keep(*(flat_event(id=code, terminalCode=code, driverId=code) for code in ("PGH", "CLE", "a,b", "ERI")))
    browser = await house.visitor()
    for query in ("terminalCode=PGH&terminalCode=a%2Cb", "terminalCode=PGH,a%2Cb"):
        page = await browser.page(f"/?{query}")
        assert sorted(shown(page)) == ["PGH", "a,b"]
        values = [value for name, value in page.only("form", action="/").fields if name == "terminalCode"]
        assert values == ["PGH", "a,b"]
    links = [one["href"] for one in page.find("a") if one["href"].startswith("/?terminalCode=")]
    assert [shown(await browser.page(link)) for link in links if "type" not in link] == [["PGH"], ["a,b"]]


async def test_what_lacks_driver_terminal_start_and_all_else_is_shown(house: House) -> None:
    bare: Json = {"eventType": "violationInvalidated", "id": "bare", "eventTime": "2024-01-01T00:00:00Z"}
    await house.keep(bare)
    browser = await house.visitor()
    page = await browser.page("/?status=all")
    assert shown(page) == ["bare"]
    assert "Driver not known" in page.text
    assert (await browser.page("/violations/bare")).only("h1").text.startswith("Hours-of-service violation")
    await house.keep(flat_event(id="v1", driverName=None, terminalCode=None, duration=None, logDate=None))
    page = await browser.page("/?status=all")
    assert shown(page) == ["v1", "bare"]
    assert "JDOE123" in page.text


async def test_drivers_come_page_by_page(house: House) -> None:
    count = 2 * DRIVERS_PER_PAGE + 3
    await house.keep(*(flat_event(id=f"v{n:03}", driverId=f"D{n:03}") for n in range(count)))
    browser = await house.visitor()
    seen: list[str] = []
    path = "/?type=shift_drive"
    while True:
        page = await browser.page(path)
        seen += shown(page)
        following = page.find("a", rel="next")
        if not following:
            break
        path = following[0]["href"]
    assert seen == [f"v{n:03}" for n in range(count)]
    assert "Page 3 of 3" in page.text
    assert page.only("a", rel="prev")["href"] == "/?type=shift_drive&page=2"
    beyond = await browser.page("/?type=shift_drive&page=4")
    assert "There is no such page." in beyond.text
    assert figures(beyond)[2] == (count, "")
    assert shown(await browser.page("/?page=100000")) == []


async def test_totals_are_compared_with_a_day_before(house: House) -> None:
    await house.keep(flat_event(id="old"), flat_event(id="ends", duration="2:00"), at=BEGIN - 2 * DAY)
    await house.keep(*(flat_event(id=f"new{n}", duration="2:00") for n in range(3)), at=BEGIN - DAY + 1)
    over = flat_event("violationInvalidated", id="ends", eventTime="2024-02-01T00:00:00Z")
    await house.keep(over, at=BEGIN - SECOND)
    browser = await house.visitor()
    assert figures(await browser.page("/"))[:2] == [(4, "+2"), (1, "\u00b10")]
    assert figures(await browser.page("/?status=invalidated"))[0] == (1, "+1")
    as_of = written(BEGIN - DAY)
    then = await browser.page(f"/?asOf={as_of}")
    assert figures(then)[:2] == [(2, "\u00b10"), (1, "\u00b10")]
    assert figures(await browser.page(f"/?asOf={written(BEGIN - 2 * DAY)}"))[:2] == [(2, "+2"), (1, "+1")]
    assert "data-still" in then.only("div", data_live="").attributes


async def test_log_dates_are_counted_active_and_invalidated(house: House) -> None:
    await house.keep(
        flat_event(id="a", logDate="2026-01-01"),
        flat_event(id="b", logDate="2025-12-31"),
        flat_event(id="c", logDate="2025-12-31"),
        flat_event(id="d", logDate="2025-12-03"),
        flat_event(id="e", logDate="2025-12-02"),
        flat_event("violationInvalidated", id="f", logDate="2025-12-31"),
    )
    browser = await house.visitor()
    for query in ("", "?status=all", "?status=invalidated", "?logDateFrom=2000-01-01"):
        page = await browser.page(f"/{query}")
        days = page.only("details", data_keep="dates").only("tbody")
        rows = [[cell.text for cell in row.all if cell.tag in ("th", "td")] for row in days.find("tr")]
        assert rows == [["1 Jan 2026", "1", "0"], ["31 Dec 2025", "2", "1"], ["3 Dec 2025", "1", "0"]]
    few = (await browser.page("/?logDateTo=2025-12-20")).only("details", data_keep="dates")
    assert [cell.text for cell in few.only("tbody").find("td")] == ["1", "0"]


@pytest.mark.parametrize("as_of", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z"])
async def test_the_ends_of_time_are_shown(house: House, as_of: str) -> None:
    await house.keep(flat_event(id="a", startTime="1970-01-01T00:00:00Z", logDate="0001-01-01"))
    await house.keep(flat_event(id="b", startTime="2199-12-31T23:59:59.999999Z", logDate="9999-12-31"))
    browser = await house.visitor()
    assert shown(await browser.page(f"/?asOf={as_of}")) == (["b", "a"] if as_of > "2100" else [])
    assert "9999" in (await browser.page("/drivers/JDOE123")).text
