"""The page of a vehicle or trailer, and what a violation's page says of its vehicle; hostile texts; costs."""

from collections.abc import AsyncIterator, Sequence

import pytest

from app.dashboard.inspection_views import DEFECTS_OF_UNIT, INSPECTIONS_PER_PAGE
from app.db.statements import Fetch, ReadScript
from app.inspections.overview import DEFECTS_OF_ONE
from app.keys.schema import Scope
from app.maven.times import DAY, HOUR, format_time
from tests.dashboard.inspected import (
    DRIVER,
    TRAILER,
    TRUCK,
    connect,
    execute,
    inspect,
    keep_fleet,
    name_driver,
    name_vehicle,
    refuse,
    uuid_of,
)
from tests.dashboard.reading import Element, assert_inert, table
from tests.dashboard.visiting import Browser, House, open_house
from tests.maven.examples import flat_event

pytestmark = pytest.mark.anyio

READERS = (Scope.READ, Scope.DVIR_READ)
UNIT = "T-204"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></section></table><script src=//evil.example/x.js></script>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202etxt.exe\u2066",
]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, zones={"PGH": "America/New_York"}) as opened:
        yield opened


@pytest.fixture
async def browser(house: House) -> Browser:
    return await house.visitor("inspector", *READERS)


def reports(page: Element) -> list[Element]:
    return page.find("li", class_="report")


def facts(report: Element) -> dict[str, str]:
    names, values = report.find("dt"), report.find("dd")
    return {name.text: value.text for name, value in zip(names, values, strict=True)}


async def test_a_vehicle_has_its_open_defects_and_all_inspections(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock(), "ALEE")
    page = await browser.page(f"/vehicles/{TRUCK}")
    assert_inert(page)
    assert page.only("h1").text == f"Vehicle T-204 {TRUCK}"
    assert [one.text for one in page.find("li", class_="figure")] == ["3 open defects", "1 safety-critical"]
    open_ones = table(page.only("section", id="open-defects"))
    # What is the same in all rows, the vehicle itself, has no column.
    assert [row[:4] for row in open_ones] == [
        ["Brakes safety-critical", "2 days", "53-1180", "Ann Lee"],
        ["Windshield wipers", "12 days", "", "Ann Lee"],
        ["Reflectors", "2 days", "53-1180", "Ann Lee"],
    ]
    newest, without, mechanic, oldest = reports(page)
    assert newest.only("h3").text == "Pre-trip inspection, 29 Dec 2025, 21:00 UTC 29 Dec 2025, 16:00 EST"
    assert "Brakes open safety-critical Air leak at the left rear chamber" in newest.text
    assert newest.only("p", class_="note").text == "Loses 8 psi a minute with the brakes applied."
    told = facts(newest)
    assert told["Inspected by"] == "Ann Lee"
    assert told["Trailer"] == "53-1180"
    assert told["Odometer"] == "184,511.2 mi"
    assert told["Certified"].startswith("Ann Lee, 29 Dec 2025, 22:00 UTC")
    assert told["Forwarded"].startswith("to Catena Clearinghouse, success (there it is DVIR-")
    assert without.only("span", class_="tag").text == "no defect"
    assert facts(without)["Certified"] == "not said"
    assert "Corrected: Tires, Lights, rear." in mechanic.text
    assert facts(mechanic)["Inspected by"] == "R. Kowalski, Penn Truck Care"
    assert facts(mechanic)["Driver"] == "Ann Lee"
    assert facts(mechanic)["Certified"].endswith("Tire replaced, lamp replaced.")
    assert facts(mechanic)["Forwarded"] == "no, kept here"
    assert [one.text for one in oldest.find("s")] == ["Tires", "Lights, rear"]
    (tires, lights, wipers) = oldest.only("ul", class_="defect-lines").find("li")
    assert "corrected 20 Dec 2025, 20:00 UTC, by report" in tires.text
    assert tires.only("a")["href"] == lights.only("a")["href"] == f"#{mechanic['id']}"
    assert wipers.text == "Windshield wipers open"
    assert len(page.only("section", id="not-forwarded").find("li")) == 1


async def test_a_trailer_has_a_page(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock())
    page = await browser.page(f"/vehicles/{TRAILER.upper()}")
    assert page.only("h1").text == f"Trailer 53-1180 {TRAILER}"
    assert facts(reports(page)[0])["Vehicle"] == "T-204"
    assert [row[2] for row in table(page.only("section", id="open-defects"))] == ["T-204", "T-204"]


async def test_what_is_reported_oddly_is_told_as_it_is(house: House, browser: Browser) -> None:
    now, database = house.clock(), house.context.database
    await inspect(database, now - DAY, defect_count=3, odometer=120, log_type="post_trip")
    await inspect(database, now - HOUR, status="defect_corrected", log_type="mechanic", odometer=1e300)
    await inspect(database, now, driver_comment="One\nTwo", inspected_by="\u202e", certified_by="Bo")
    odd, corrected, counted = reports(await browser.page(f"/vehicles/{TRUCK}"))
    assert "3 defects were reported, and not listed." in counted.text
    assert facts(counted)["Odometer"] == "120 (unit not said)"
    assert "Corrected: all that was open before." in corrected.text
    assert facts(corrected)["Odometer"] == "1e+300 (unit not said)"
    assert odd.only("p", class_="note").raw_text == "One\nTwo"
    assert facts(odd)["Inspected by"] == "not known"
    assert facts(odd)["Certified"] == "Bo"
    assert odd.find("span", class_="tag")[0].text == "no status"


async def test_of_very_many_defects_the_first_are_shown(house: House, browser: Browser) -> None:
    details: list[dict[str, object]] = [{"defect_type": "horn"}] * DEFECTS_OF_ONE
    details.append({"defect_type": "brakes", "is_safety_critical": True})
    await inspect(house.context.database, house.clock(), defects_detail=details)
    (report,) = reports(await browser.page(f"/vehicles/{TRUCK}"))
    lines = report.only("ul", class_="defect-lines").find("li")
    assert len(lines) == DEFECTS_OF_ONE
    assert lines[0].text == "Brakes open safety-critical"
    assert "1 more are listed" in report.text


async def test_inspections_come_page_by_page(house: House, browser: Browser) -> None:
    now, database = house.clock(), house.context.database
    for number in range(INSPECTIONS_PER_PAGE + 1):
        await inspect(database, now - number * HOUR, inspected_by=f"Inspector {number}")
    first = await browser.page(f"/vehicles/{TRUCK}")
    second = await browser.page(first.only("a", rel="next")["href"].partition("#")[0])
    shown = [facts(report)["Inspected by"] for page in (first, second) for report in reports(page)]
    assert shown == [f"Inspector {number}" for number in range(INSPECTIONS_PER_PAGE + 1)]
    assert second.find("a", rel="next") == []
    assert second.only("a", rel="prev")["href"] == f"/vehicles/{TRUCK}#inspections"
    assert "There is no such page." in (await browser.page(f"/vehicles/{TRUCK}?page=3")).text
    for query in ("page=0", "page=x", "day=2026-01-01"):
        assert (await browser.get(f"/vehicles/{TRUCK}?{query}")).status_code == 400, query


@pytest.mark.parametrize("segment", ["no", "%00", "V1", "%EF%BF%BF", uuid_of("nobody's"), f"{TRUCK}x", f"%20{TRUCK}"])
async def test_what_is_not_there_is_404(house: House, browser: Browser, segment: str) -> None:
    await inspect(house.context.database, house.clock())
    for page in ("", "?page=2"):
        answer = await browser.get(f"/vehicles/{segment}{page}")
        assert answer.status_code == 404
        assert "There is no vehicle or trailer" in answer.text


@pytest.mark.parametrize("segment", ["%ED%A0%80", "%FF", "%", "%zz", "a%2"])
async def test_what_is_no_text_is_400(browser: Browser, segment: str) -> None:
    assert (await browser.get(f"/vehicles/{segment}")).status_code == 400


async def test_another_terminals_vehicle_is_as_unknown_as_any(house: House) -> None:
    database, now = house.context.database, house.clock()
    await name_driver(database, DRIVER, "Ann Lee", "PGH")
    await inspect(database, now, defects=["horn"])
    named, bare = uuid_of("named"), uuid_of("bare")
    await name_vehicle(database, named, "T-9", "DEN")
    await connect(database, "Provider", now)
    await refuse(database, now, "no", vehicle_id=bare)
    pgh = await house.visitor("pgh", *READERS, terminals=("PGH",))
    den = await house.visitor("den", *READERS, terminals=("DEN",))
    for visitor, seen in ((pgh, {TRUCK, bare}), (den, {named})):
        for vehicle_id in (TRUCK, named, bare):
            answer = await visitor.get(f"/vehicles/{vehicle_id}")
            assert answer.status_code == (200 if vehicle_id in seen else 404)
    assert "No inspection of it is known by drivers of your terminals." in (await den.page(f"/vehicles/{named}")).text
    assert len((await pgh.page(f"/vehicles/{bare}")).only("section", id="not-forwarded").find("li")) == 1


def of_unit(page: Element) -> Element:
    return page.only("section", id="vehicle")


async def violate(house: House, violation_id: str = "v", unit: str | None = UNIT) -> None:
    began = format_time(house.clock() - 5 * DAY)
    await house.keep(flat_event(id=violation_id, startTime=began, powerUnitNumber=unit))


async def test_a_violation_tells_of_its_vehicle(house: House, browser: Browser) -> None:
    await keep_fleet(house.context.database, house.clock())
    await violate(house)
    page = await browser.page("/violations/v")
    assert_inert(page)
    told = facts(of_unit(page))
    assert told["Power unit"] == UNIT
    assert told["Last inspection"].startswith("Pre-trip inspection defects noted 29 Dec 2025, 21:00 UTC")
    assert told["Last inspection"].endswith("by Ann Lee After this violation began")
    assert [[one.text for one in (*line.find("strong"), *line.find("div"))] for line in of_unit(page).find("li")] == [
        [
            "Brakes",
            "Air leak at the left rear chamber",
            "Open for 2 days, since 29 Dec 2025, 21:00 UTC, after this violation began",
        ],
        [
            "Windshield wipers",
            "Tire will not pass a roadside. Wiper leaves streaks.",
            "Open for 12 days, since 20 Dec 2025, 00:00 UTC, before this violation began",
        ],
        [
            "Reflectors",
            "Loses 8 psi a minute with the brakes applied.",
            "Open for 2 days, since 29 Dec 2025, 21:00 UTC, after this violation began",
        ],
    ]
    assert [one.text for one in of_unit(page).find("span", class_="is-grave")] == ["safety-critical"]
    assert of_unit(page).find("a")[0]["href"] == f"/vehicles/{TRUCK}"


async def test_a_violation_says_why_nothing_is_known_of_its_vehicle(house: House, browser: Browser) -> None:
    await violate(house)
    text = of_unit(await browser.page("/violations/v")).text
    assert f"No inspected vehicle is linked to power unit {UNIT}." in text
    assert "hos-receiver drivers import --vehicles" in text
    await name_vehicle(house.context.database, TRUCK, UNIT)
    assert f"No inspection of power unit {UNIT} is known." in of_unit(await browser.page("/violations/v")).text
    await inspect(house.context.database, house.clock() - 6 * DAY, status="no_defect")
    told = facts(of_unit(await browser.page("/violations/v")))
    assert told["Open defects"] == "none"
    assert told["Last inspection"].endswith("Before this violation began")
    pgh = await house.visitor("pgh", *READERS, terminals=("PGH",))
    assert "is known by drivers of your terminals." in of_unit(await pgh.page("/violations/v")).text
    await violate(house, "w", None)
    assert "Maven named no power unit." in of_unit(await browser.page("/violations/w")).text
    reader = await house.visitor("reader", Scope.READ)
    assert (await reader.page("/violations/v")).find("section", id="vehicle") == []


async def test_a_power_unit_may_be_several_vehicles(house: House, browser: Browser) -> None:
    database, now = house.context.database, house.clock()
    for number, vehicle_id in enumerate((TRUCK, uuid_of("second"))):
        await name_vehicle(database, vehicle_id, UNIT)
        await inspect(database, now - number * DAY, vehicle_id=vehicle_id, defects=["horn"] * DEFECTS_OF_UNIT)
    await violate(house)
    section = of_unit(await browser.page("/violations/v"))
    assert {a["href"] for a in section.find("a")} == {f"/vehicles/{one}" for one in (TRUCK, uuid_of("second"))}
    assert f"{UNIT} ({TRUCK[:8]})" in section.text
    assert len(section.find("li")) == DEFECTS_OF_UNIT
    assert "More are open" in section.text


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_words(house: House, browser: Browser, text: str) -> None:
    database, now = house.context.database, house.clock()
    await connect(database, text, now)
    await name_driver(database, DRIVER, text, None, text)
    await name_vehicle(database, TRUCK, text)
    detail = {"defect_type": "brakes", "description": text, "notes": {"deep": text}, text: text}
    said = dict.fromkeys(("inspected_by", "driver_comment", "certify_comment", "certified_by", text), text)
    await inspect(database, now - DAY, defects=["brakes"], defects_detail=[detail], trailer_id=TRAILER, **said)
    await inspect(database, now - HOUR, defects=["horn"], **said)
    await refuse(database, now - 2 * HOUR, text, defects=["brakes"], defects_detail=[detail], **said)
    await execute(database, "UPDATE dvir_logs SET source_id = $1", text)
    await violate(house, unit=text)
    shown = text.replace("\u202e", "").replace("\u2066", "")
    for path in ("/inspections", f"/vehicles/{TRUCK}", f"/vehicles/{TRAILER}", "/violations/v"):
        page = await browser.page(path)
        assert_inert(page)
        assert len(page.find("script")) == 1
        main = page.only("main")
        assert shown in main.raw_text
        if path != "/violations/v":  # whose last part has the events as they came, escaped
            assert not {"\u202e", "\u2066"} & set(page.raw_text)
        assert "49{%" not in page.text


async def test_a_page_costs_a_few_queries(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    database = house.context.database
    await keep_fleet(database, house.clock())
    await violate(house)
    browsers = {name: await house.visitor(name, *scopes) for name, scopes in (("a", (Scope.READ,)), ("b", READERS))}
    counted: list[str] = []
    read = database.read

    def watched(script: ReadScript[object]) -> ReadScript[object]:
        rows: Sequence[object] | None = None
        while True:
            try:
                step = script.send(rows)  # type: ignore[arg-type]
            except StopIteration as end:
                return end.value
            assert isinstance(step, Fetch)
            counted.append(step.sql)
            rows = yield step

    async def counting(script: ReadScript[object]) -> object:
        return await read(watched(script))

    monkeypatch.setattr(database, "read", counting)
    costs = {}
    for name, path in (
        ("b", "/inspections"),
        ("b", f"/vehicles/{TRUCK}"),
        ("a", "/violations/v"),
        ("b", "/violations/v"),
    ):
        counted.clear()
        await browsers[name].page(path)
        costs[name, path] = len(counted)
        assert name == "b" or not [sql for sql in counted if "dvir" in sql or "catena" in sql]
    assert costs["b", "/inspections"] <= 8
    assert costs["b", f"/vehicles/{TRUCK}"] <= 9
    assert costs["b", "/violations/v"] - costs["a", "/violations/v"] <= 5
