"""The page of a violation: facts, times, regulation, history; odd ids and hostile texts on all pages."""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dashboard.subjects import EVENTS_SHOWN, PAYLOAD_SHOWN_BYTES
from app.violations import regulation
from app.violations.regulation import regulation_of
from app.violations.regulation_text import REGULATION_TEXTS
from tests.dashboard.reading import Element, assert_inert, read
from tests.dashboard.visiting import Browser, House, open_house
from tests.databases import Databases
from tests.ingest.served import assert_problem
from tests.maven.examples import Json, enveloped, flat_event, vehicle_data, violation_data
from tests.query.desk import BEGIN
from tests.query.test_detail import WEIRD_IDS

pytestmark = pytest.mark.anyio

LATER = "2024-02-01T00:00:00Z"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></head><script src=//evil.example/x.js></script>",
    "{{ 7 * 7 }}{% raw %}",
    "--><svg/onload=alert(1)>",
    "&lt;b&gt;&amp;",
    "\u202etxt.exe\u2066",
    "a\r\nb\tc",
]
NAMES = (
    *("terminalCode", "driverName", "driverId", "ruleset", "powerUnitNumber"),
    *("type", "shortDescription", "longDescription"),
)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    zones = {"PGH": "America/New_York", "DEN": "America/Denver"}
    async with open_house(database_url, zones=zones) as opened:
        yield opened


@pytest.fixture
async def browser(house: House) -> Browser:
    return await house.visitor()


def facts(page: Element) -> dict[str, str]:
    """Names and values of the first list of facts."""
    listed = page.find("dl", class_="facts")[0]
    return dict(zip((one.text for one in listed.find("dt")), (one.text for one in listed.find("dd")), strict=True))


def path_of(violation_id: str) -> str:
    return "/violations/" + quote(violation_id, safe="").replace(".", "%2E")


async def test_a_violation_has_its_facts(house: House, browser: Browser) -> None:
    await house.keep(enveloped(violation_data(id="v1", endTime="2024-01-01T03:30:00Z"), event_id="e-1"))
    page = await browser.page("/violations/v1")
    assert_inert(page)
    assert page.only("h1").text == "11-hour driving limit passed egregious active"
    assert page.only("head").only("title").text.startswith("11-hour driving limit passed, Doe, John")
    assert facts(page) == {
        "Driver": "Doe, John (driver JDOE123)",
        "Over the limit by": "3 h 30 min",
        "From": "1 Jan 2024, 00:00 UTC 31 Dec 2023, 19:00 EST",
        "To": "1 Jan 2024, 03:30 UTC 31 Dec 2023, 22:30 EST",
        "Log date": "1 Jan 2024 (the carrier's day)",
        "Terminal": "PGH",
        "Power unit": "Truck 12345",
        "Limit, in Maven's words": "11 Hr Drive",
        "Type": "shift_drive",
        "Ruleset": "USA_PROPERTY_70_8",
        "Id": "v1",
    }
    assert REGULATION_TEXTS["49 CFR 395.3(a)(3)(i)"] == page.only("blockquote").text
    assert "part 386" in page.text
    assert page.find("svg")
    assert "4117 Liberty Ave, Pittsburgh, PA 15224" in page.text
    assert "Event e-1" in page.text
    shown = json.loads(page.only("pre").raw_text)
    assert shown == enveloped(violation_data(id="v1", endTime="2024-01-01T03:30:00Z"), event_id="e-1")


@pytest.mark.parametrize(
    "terminal, instant, local",
    [
        ("PGH", "2024-03-10T06:59:59Z", "10 Mar 2024, 06:59 UTC 10 Mar 2024, 01:59 EST"),
        ("PGH", "2024-03-10T07:00:00Z", "10 Mar 2024, 07:00 UTC 10 Mar 2024, 03:00 EDT"),
        ("PGH", "2024-11-03T05:30:00Z", "3 Nov 2024, 05:30 UTC 3 Nov 2024, 01:30 EDT"),
        ("PGH", "2024-11-03T06:30:00Z", "3 Nov 2024, 06:30 UTC 3 Nov 2024, 01:30 EST"),
        ("DEN", "2024-03-10T09:00:00Z", "10 Mar 2024, 09:00 UTC 10 Mar 2024, 03:00 MDT"),
        ("CLE", "2024-03-10T09:00:00Z", "10 Mar 2024, 09:00 UTC"),
        (None, "2024-03-10T09:00:00Z", "10 Mar 2024, 09:00 UTC"),
        ("PGH", "1970-01-01T00:00:00Z", "1 Jan 1970, 00:00 UTC 31 Dec 1969, 19:00 EST"),
        ("PGH", "2199-12-31T23:59:59.999999Z", "31 Dec 2199, 23:59 UTC 31 Dec 2199, 18:59 EST"),
    ],
)
async def test_times_are_the_terminals_and_log_dates_nobodys(
    house: House, browser: Browser, terminal: str | None, instant: str, local: str
) -> None:
    await house.keep(flat_event(id="v1", terminalCode=terminal, startTime=instant, logDate="2024-03-10"))
    page = await browser.page("/violations/v1")
    assert facts(page)["From"] == local
    assert facts(page)["Log date"] == "10 Mar 2024 (the carrier's day)"
    for path in ("/?status=all", "/drivers/JDOE123"):
        (row,) = [row for row in (await browser.page(path)).find("tr") if local in row.text]
        assert row.only("td", data_label="Log date").text == "10 Mar 2024"


def test_every_regulation_has_its_text() -> None:
    rulesets = [f"USA_{carried}{days}" for carried in ("PROPERTY", "PASSENGER") for days in ("", "_60_7", "_70_8")]
    named = {regulation_of(ruleset, kind) for ruleset in rulesets for kind in regulation._FAMILIES}
    cites = {one.cite for one in named if one is not None}
    assert len(cites) == 9
    assert set(REGULATION_TEXTS) == cites


@pytest.mark.parametrize("ruleset, kind", [("USA_PASSENGER_60_7", "cycle"), ("USA_PROPERTY_70_8", "break")])
async def test_the_regulation_is_quoted(house: House, browser: Browser, ruleset: str, kind: str) -> None:
    await house.keep(flat_event(id="v1", ruleset=ruleset, type=kind))
    found = regulation_of(ruleset, kind)
    assert found is not None
    page = await browser.page("/violations/v1")
    assert page.only("blockquote").text == REGULATION_TEXTS[found.cite]
    assert f"{found.cite}: {found.title}" in page.text
    await house.keep(flat_event(id="v2", ruleset="CALIFORNIA_INTRASTATE_PROPERTY", type=kind))
    assert "No federal section is named" in (await browser.page("/violations/v2")).text


async def test_the_history_has_what_each_event_changed(house: House, browser: Browser) -> None:
    await house.keep(flat_event(id="v1"), at=BEGIN)
    changed = flat_event(id="v1", eventTime=LATER, duration="4:00", startData=vehicle_data(city="Erie"), endTime=None)
    await house.keep(changed, at=BEGIN + 1)
    await house.keep(flat_event("violationInvalidated", id="v1", eventTime="2024-03-01T00:00:00Z"), at=BEGIN + 2)
    await house.keep(flat_event(id="v1", eventTime="2023-01-01T00:00:00Z"), at=BEGIN + 3)
    page = await browser.page("/violations/v1")
    history = page.find("ol", class_="history")[-1]
    entries = [one for one in history.inside if isinstance(one, Element)]
    assert [one.only("strong").text for one in entries] == [
        *("Created", "Updated", "Invalidated by a log edit"),
        "Older than what was known already; changed nothing",
    ]
    assert [one.text for one in entries[1].only("details").find("li")] == [
        "endTime: 2024-01-01T00:00:00Z \u2192 absent",
        "duration: 3:30 \u2192 4:00",
        "startData.city: Pittsburgh \u2192 Erie",
    ]
    assert "is no longer active" in page.text
    assert page.only("h1").text.endswith("invalidated")
    assert "by webhook" in entries[0].text


async def test_an_invalidation_alone_has_a_page(house: House, browser: Browser) -> None:
    await house.keep({"eventType": "violationInvalidated", "id": "v1", "eventTime": LATER})
    page = await browser.page("/violations/v1")
    assert facts(page)["From"] == facts(page)["Terminal"] == "not known"
    assert page.only("h1").text == "Hours-of-service violation invalidated"


async def test_reviews_are_shown_newest_first(house: House, browser: Browser) -> None:
    await house.keep(flat_event(id="v1"))
    for status, note in (("acknowledged", ""), ("coached", "Talked.\n<b>Twice</b>.")):
        await browser.post("/violations/v1/review", {"status": status, "note": note})
        await house.pass_time(61_000_000)
    section = (await browser.page("/violations/v1")).only("section", id="review")
    assert section.only("h2").text == "Review: coached"
    assert [one.text.split(" by ")[0] for one in section.find("li")] == ["Coached", "Acknowledged"]
    assert section.only("p", class_="note").raw_text == "Talked.\n<b>Twice</b>."
    assert "1 Jan 2026, 00:01 UTC" in section.text


@pytest.mark.parametrize("segment", ["no", "%00", "%EF%BF%BF", "V1", "v1%20", "v1%2F", "%C3%BC"])
async def test_what_is_not_there_is_404(house: House, browser: Browser, segment: str) -> None:
    await house.keep(flat_event(id="v1"))
    answer = await browser.get(f"/violations/{segment}")
    assert answer.status_code == 404
    assert "There is no violation" in read(answer.text).text
    assert_problem(await browser.get(f"/violations/{segment}", accept="application/json"), 404)
    assert "No violations of this driver are known." in (await browser.page(f"/drivers/{segment}")).text


@pytest.mark.parametrize("segment", ["%ED%A0%80", "%FF", "%", "%zz", "a%2"])
@pytest.mark.parametrize("room", ["violations", "drivers"])
async def test_what_is_no_text_is_400(browser: Browser, room: str, segment: str) -> None:
    assert (await browser.get(f"/{room}/{segment}")).status_code == 400


async def test_another_terminals_violation_is_as_unknown_as_any(house: House) -> None:
    await house.keep(flat_event(id="v1"))
    cle = await house.visitor("cle", terminals=("CLE",))
    texts = [
        read((await cle.get(f"/violations/{one}", x_request_id="same")).text).only("main").text.replace(one, "_")
        for one in ("v1", "v0")
    ]
    assert texts[0] == texts[1]


async def test_odd_ids_have_pages_and_links_to_them(house: House, browser: Browser) -> None:
    await house.keep(*(flat_event(id=one, driverId=one) for one in WEIRD_IDS))
    for one in WEIRD_IDS:
        page = await browser.page(path_of(one))
        (link,) = {a["href"] for a in page.find("a") if a["href"].startswith("/drivers/")}
        driver = await browser.page(undotted(link))
        (back,) = [a["href"] for a in driver.find("a") if a["href"].startswith("/violations/")]
        assert facts(await browser.page(undotted(back)))["Id"] == facts(page)["Id"]
    links = [a["href"] for a in (await browser.page("/")).find("a") if a["href"].startswith("/violations/")]
    assert len({*links}) == len(links) == min(25, len(WEIRD_IDS))


def undotted(link: str) -> str:
    """The address behind a link to an id that is nothing but dots, which browsers take for a folder."""
    head, _, segment = link.rpartition("/")
    return f"{head}/{segment.replace('.', '%2E')}"


def hostile_event(text: str) -> dict[str, Json]:
    place = vehicle_data(**dict.fromkeys(("street", "city", "state", "country", "formattedAddress"), text))
    return flat_event(id=f"v {text}", startData=place, endData=place, **dict.fromkeys(NAMES, text))


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_inert(house: House, browser: Browser, text: str) -> None:
    await house.keep(hostile_event(text))
    await browser.post(f"{path_of(f'v {text}')}/review", {"status": "coached", "note": text})
    pages = [
        "/",
        f"/?q={quote(text)}",
        f"/?q={quote(text)}&page=x",
        path_of(f"v {text}"),
        f"/drivers/{quote(text, safe='')}",
    ]
    for path in pages:
        answer = await browser.get(path)
        page = read(answer.text)
        assert_inert(page)
        assert "\u202e" not in page.text  # an id in an attribute is what it is
        assert "49{%" not in page.text
        assert len(page.find("script")) == 1


@settings(max_examples=8)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffe\uffff"), min_size=1, max_size=60))
async def test_any_text_is_inert(databases: Databases, text: str) -> None:
    if any(ord(one) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(one) <= 0xFDEF for one in text):
        return
    with databases.fresh() as url:
        async with open_house(url) as house:
            browser = await house.visitor()
            await house.keep(hostile_event(text))
            for path in ("/", path_of(f"v {text}"), f"/drivers/{quote(text, safe='').replace('.', '%2E')}"):
                assert_inert(await browser.page(path))


async def test_large_events_are_left_to_the_api(house: House, browser: Browser) -> None:
    await house.keep(flat_event(id="v1", extra="x" * PAYLOAD_SHOWN_BYTES))
    await house.keep(flat_event(id="v1", eventTime=LATER, longDescription="y" * 30_000))
    page = await browser.page("/violations/v1")
    assert len(page.find("pre")) == 1
    assert "the API has them" in page.text
    assert len(facts(page)["Limit, in Maven's words"]) <= 80


async def test_of_very_many_events_the_first_are_shown(house: House, browser: Browser) -> None:
    times = [f"2024-01-01T00:{number // 60:02}:{number % 60:02}Z" for number in range(EVENTS_SHOWN + 1)]
    await house.keep(*(flat_event(id="v1", eventTime=at, powerUnitNumber=at) for at in times[:-1]))
    assert "There are more events" not in (await browser.page("/violations/v1")).text
    await house.keep(flat_event(id="v1", eventTime=times[-1], powerUnitNumber="last"))
    page = await browser.page("/violations/v1")
    assert "There are more events" in page.text
    assert len(page.find("ol", class_="history")[-1].find("strong")) == EVENTS_SHOWN
    assert facts(page)["Power unit"] == "last"
