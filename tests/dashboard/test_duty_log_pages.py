"""The duty log on the pages of a violation and of a driver: who sees it, whose it is, which days, hostile texts."""

from collections.abc import AsyncIterator

import pytest

from app.dashboard.duty_section import DAYS_SHOWN
from app.db.statements import Fetch, ReadScript
from app.keys.schema import Scope
from app.maven.times import DAY, HOUR, MINUTE, format_time, parse_time
from tests.dashboard.logged import TRUCK, USER, edit, id_of, keep, keep_fortnight, link, name_vehicle, record
from tests.dashboard.reading import Element, assert_inert, table
from tests.dashboard.visiting import Browser, House, open_house
from tests.maven.examples import flat_event

pytestmark = pytest.mark.anyio

START = parse_time("2025-12-29T19:00:00Z")
END = START + 90 * MINUTE
DRIVER = "JDOE123"
READERS = (Scope.READ, Scope.LOG_READ)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></desc></svg><script src=//evil.example/x.js></script>",
    "{{ 7 * 7 }}",
    "\u202etxt.exe\u2066",
]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, zones={"PGH": "America/New_York", "DEN": "America/Denver"}) as opened:
        await opened.keep(
            flat_event(
                id="v",
                startTime=format_time(START),
                endTime=format_time(END),
                duration="1:30",
                logDate="2025-12-29",
                type="shift_drive",
                ruleset="USA_PROPERTY_70_8",
            )
        )
        yield opened


@pytest.fixture
async def browser(house: House) -> Browser:
    return await house.visitor("logs", *READERS)


async def log_kept(house: House, **columns: object) -> None:
    columns = {"terminal_code": "PGH", "time_zone": "America/New_York", **columns}
    await keep_fortnight(house.context.database, DRIVER, START, END, house.clock(), **columns)


def section(page: Element) -> Element:
    return page.only("section", id="duty-log")


def grids(page: Element) -> list[Element]:
    return section(page).find("svg", class_="duty-grid")


async def test_a_violation_has_its_log_day_and_the_seven_before(house: House, browser: Browser) -> None:
    await log_kept(house)
    page = await browser.page("/violations/v")
    assert_inert(page)
    titles = [one.find("title")[0].text for one in grids(page)]
    assert titles == [f"Duty log of {day}" for day in (
        *("Mon 29 Dec 2025", "Sun 28 Dec 2025", "Sat 27 Dec 2025", "Fri 26 Dec 2025"),
        *("Thu 25 Dec 2025", "Wed 24 Dec 2025", "Tue 23 Dec 2025", "Mon 22 Dec 2025"),
    )]  # fmt: skip
    assert len(titles) == DAYS_SHOWN
    (band,) = section(page).find("rect", class_="duty-band")
    assert band.text == "11-hour driving limit passed: 14:00 to 15:30"
    folded = section(page).only("details", data_keep="duty-before")
    assert len(folded.find("svg", class_="duty-grid")) == DAYS_SHOWN - 1
    text = section(page).text
    assert "The log agrees: start and length are the same to within 2 minutes." in text
    assert "29 Dec 14:00 to 15:30 (1 h 30 min)" in text
    assert "never overrides" in text
    assert "short-haul operations, 49 CFR 395.1(e)" in text
    assert "the driver's home terminal, as the registry has it (America/New_York)" in text
    assert "Matched by username" not in text


@pytest.mark.parametrize(
    "until, is_more",
    [("2025-12-30T05:00:00Z", False), ("2025-12-30T05:00:01Z", True), ("2025-12-30T07:30:00Z", True)],
)
async def test_past_the_end_of_its_day_it_is_laid_over_the_next(
    house: House, browser: Browser, until: str, is_more: bool
) -> None:
    await log_kept(house)
    await house.keep(
        flat_event(
            id="late",
            startTime=format_time(START),
            endTime=until,
            duration=None,
            logDate="2025-12-29",
            type="shift_drive",
        )
    )
    page = await browser.page("/violations/late")
    assert_inert(page)
    titles = [one.find("title")[0].text for one in grids(page)]
    assert titles[0] == "Duty log of Mon 29 Dec 2025"
    assert (titles[1] == "Duty log of Tue 30 Dec 2025") is is_more
    assert len(titles) == DAYS_SHOWN + is_more
    bands = [one.text.rpartition(": ")[2] for one in section(page).find("rect", class_="duty-band")]
    end = "02:30" if until.endswith("30:00Z") else "00:00"
    assert bands == (["14:00 to 24:00", f"00:00 to {end}"] if is_more else ["14:00 to 24:00"])
    folded = section(page).only("details", data_keep="duty-before")
    assert len(folded.find("svg", class_="duty-grid")) == DAYS_SHOWN - 1
    headings = [one.text for one in section(page).find("h3")]
    assert ("The violation goes on: Tue 30 Dec 2025" in headings) is is_more


async def test_the_table_says_what_the_drawing_shows(house: House, browser: Browser) -> None:
    await log_kept(house)
    rows = table(section(await browser.page("/violations/v")))
    assert [row[:6] for row in rows] == [
        ["00:00", "01:45", "1:45", "Sleeper berth", "Carlisle, PA", "T-501"],
        ["01:45", "02:15", "0:30", "On duty", "Pittsburgh, PA", "T-501"],
        ["02:15", "07:45", "5:30", "Driving", "", "T-501"],
        ["07:45", "08:30", "0:45", "Off duty", "Breezewood, PA", "T-501"],
        ["08:30", "15:30", "7:00", "Driving", "", "T-501"],
        ["15:30", "24:00", "8:30", "Sleeper berth", "Carlisle, PA", "T-501"],
    ]
    assert rows[1][6] == (
        "edited note: Pre-trip inspection and fueledited, asked for by Dana Foxreason: Fuel stop was missing"
        "before: on duty from 29 Dec 01:45, Pittsburgh, PA, note: Pre-trip inspection"
    )


async def test_unidentified_driving_is_listed(house: House, browser: Browser) -> None:
    await log_kept(house)
    page = await browser.page("/violations/v")
    (strip,) = section(page).find("rect", class_="duty-unidentified")
    assert strip.text == "Unidentified driving: 21:45 to 22:45"
    assert "21:45 to 22:45, T-501" in section(page).text


async def test_a_driver_has_the_last_eight_days(house: House, browser: Browser) -> None:
    await log_kept(house)
    page = await browser.page(f"/drivers/{DRIVER}")
    assert_inert(page)
    assert grids(page)[0].find("title")[0].text == "Duty log of Wed 31 Dec 2025"
    assert len(grids(page)) == DAYS_SHOWN
    folded = section(page).find("details", class_="duty-day")
    assert len(folded) == DAYS_SHOWN - 1
    assert folded[1]["data-keep"] == "duty-2025-12-29"
    assert folded[1].find("summary")[0].text == "Mon 29 Dec 2025: driving 12:30, on duty 0:30, 1 violation"
    assert folded[1].only("ol", class_="duty-bands").text == "1 11-hour driving limit passed, 14:00 to 15:30"
    assert folded[1].only("ol", class_="duty-bands").find("a")[0]["href"] == "/violations/v"
    assert "still to come" in grids(page)[0].find("desc")[0].text
    links = {one.text: one["href"] for one in section(page).only("nav").find("a")}
    assert links == {"Earlier days": f"/drivers/{DRIVER}?day=2025-12-23#duty-log"}


async def test_a_driver_has_any_eight_days(house: House, browser: Browser) -> None:
    await log_kept(house)
    page = await browser.page(f"/drivers/{DRIVER}?day=2025-12-22")
    assert grids(page)[0].find("title")[0].text == "Duty log of Mon 22 Dec 2025"
    links = {one.text: one["href"].partition("?")[2] for one in section(page).only("nav").find("a")}
    assert links == {"Earlier days": "day=2025-12-14#duty-log", "Later days": "day=2025-12-30#duty-log", "Today": ""}
    near = await browser.page(f"/drivers/{DRIVER}?day=2025-12-29")
    assert section(near).only("a", rel="next")["href"].endswith("?day=2025-12-31#duty-log")
    for query in (
        "day=x",
        "day=2025-13-01",
        "day=",
        "day=2025-12-01&day=2025-12-02",
        "day=0001-01-01",
        "day=9999-12-31",
    ):
        assert (await browser.get(f"/drivers/{DRIVER}?{query}")).status_code == 400, query
    for query in ("day=1971-01-01", "day=2198-12-31"):
        assert len(grids(await browser.page(f"/drivers/{DRIVER}?{query}"))) == DAYS_SHOWN


async def test_an_invalidated_violation_is_not_laid_over(house: House, browser: Browser) -> None:
    await log_kept(house)
    later = format_time(house.clock())
    await house.keep({"eventType": "violationInvalidated", "id": "v", "eventTime": later, "driverId": DRIVER})
    page = await browser.page(f"/drivers/{DRIVER}")
    assert section(page).find("rect", class_="duty-band") == []


async def test_who_lacks_the_scope_sees_nothing_of_the_log(house: House) -> None:
    await log_kept(house)
    for name, scopes in (("reader", (Scope.READ,)), ("reviewer", (Scope.READ, Scope.REVIEW))):
        visitor = await house.visitor(name, *scopes)
        for path in ("/violations/v", f"/drivers/{DRIVER}"):
            page = await visitor.page(path)
            assert grids(page) == []
            assert "log:read" in section(page).text
            assert "Dana Fox" not in page.text
    admin = await house.visitor("boss", Scope.ADMIN)
    assert len(grids(await admin.page("/violations/v"))) == DAYS_SHOWN


async def test_a_key_sees_the_logs_of_its_terminals(house: House) -> None:
    await log_kept(house, terminal_code="DEN")
    # The violation is of PGH, the driver belongs to DEN.
    pgh = await house.visitor("pgh", *READERS, terminals=("PGH",))
    den = await house.visitor("den", *READERS, terminals=("DEN",))
    both = await house.visitor("both", *READERS, terminals=("DEN", "PGH"))
    for path in ("/violations/v", f"/drivers/{DRIVER}"):
        page = await pgh.page(path)
        assert grids(page) == []
        assert "not linked to one, or belongs to a terminal that is not one of yours" in section(page).text
        assert len(grids(await both.page(path))) == DAYS_SHOWN
    assert len(grids(await den.page(f"/drivers/{DRIVER}"))) == DAYS_SHOWN
    assert section(await den.page(f"/drivers/{DRIVER}")).find("rect", class_="duty-band") == []
    unknown = await pgh.page("/drivers/nobody")
    assert section(unknown).text == section(await pgh.page(f"/drivers/{DRIVER}")).text


async def test_a_driver_without_identity_is_told_how_to_be_linked(house: House, browser: Browser) -> None:
    for path in ("/violations/v", f"/drivers/{DRIVER}"):
        page = await browser.page(path)
        assert grids(page) == []
        assert "hos-receiver drivers import" in section(page).text
        assert f"PUT /v1/drivers/{DRIVER}/identity" in section(page).text
    await link(house.context.database, DRIVER, None, username=None)
    assert "hos-receiver drivers import" in section(await browser.page("/violations/v")).text
    await house.keep({"eventType": "violationInvalidated", "id": "bare", "eventTime": format_time(START)})
    assert (await browser.page("/violations/bare")).find("section", id="duty-log") == []


async def test_a_match_by_username_is_said(house: House, browser: Browser) -> None:
    await link(house.context.database, None, USER, username=DRIVER)
    page = await browser.page("/violations/v")
    assert "Matched by username" in section(page).text
    assert "The duty log has nothing of this driver for these days." in section(page).text
    assert {one.find("desc")[0].text.partition("not known")[2] for one in grids(page)} >= {" 24:00."}


@pytest.mark.parametrize(
    "columns, words",
    [
        ({"time_zone": "America/Chicago"}, "the registry has it (America/Chicago)"),
        ({"time_zone": None, "terminal_code": "DEN"}, "the driver's terminal (America/Denver)"),
        ({"time_zone": None, "terminal_code": None}, "the driver's terminal (America/New_York)"),
        ({"time_zone": "Nowhere/Atall", "terminal_code": "XXX"}, "the driver's terminal (America/New_York)"),
    ],
    ids=["own", "registry's terminal", "violation's terminal", "unknown zone"],
)
async def test_times_are_the_drivers(house: House, browser: Browser, columns: dict[str, object], words: str) -> None:
    await log_kept(house, **columns)
    for path in ("/violations/v", f"/drivers/{DRIVER}"):
        assert words in section(await browser.page(path)).text


async def test_without_a_zone_times_are_utc(house: House, browser: Browser) -> None:
    await house.keep(flat_event(id="w", driverId="D2", terminalCode="LAX", logDate=None, startTime=format_time(START)))
    await link(house.context.database, "D2", 72, day_start_hour=12)
    page = await browser.page("/violations/w")
    assert "Times are UTC, because the time zone" in section(page).text
    assert grids(page)[0].find("title")[0].text == "Duty log of Mon 29 Dec 2025"
    assert "from noon to noon" in section(page).text


async def test_a_violation_without_a_day_has_no_grid(house: House, browser: Browser) -> None:
    await link(house.context.database, DRIVER)
    await house.keep(
        {"eventType": "violationInvalidated", "id": "no", "eventTime": format_time(START), "driverId": DRIVER},
        flat_event(id="old", logDate="0001-01-01"),
    )
    for violation_id in ("no", "old"):
        page = await browser.page(f"/violations/{violation_id}")
        assert grids(page) == []
        assert "neither a log date nor a start" in section(page).text
    await house.keep(flat_event(id="far", logDate="2020-01-01", startTime=format_time(START), type="shift_drive"))
    far = await browser.page("/violations/far")
    assert len(grids(far)) == DAYS_SHOWN


async def test_another_ruleset_is_not_counted(house: House, browser: Browser) -> None:
    await log_kept(house)
    await house.keep(flat_event(id="bus", ruleset="USA_PASSENGER_70_8", logDate="2025-12-29"))
    text = section(await browser.page("/violations/bus")).text
    assert "This type of violation, under this ruleset, is not counted again here." in text


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_words(house: House, browser: Browser, text: str) -> None:
    database, now = house.context.database, house.clock()
    await link(database, DRIVER, time_zone="America/New_York")
    await name_vehicle(database, text)
    kept = await keep(
        database,
        [
            record(START - DAY, "OnDuty", note=text, location=text),
            record(START, text or "x", note=text, location=text),
            record(START - HOUR, "Driving", user_id=900, note=text),
        ],
        now,
    )
    await edit(database, id_of(kept[0]), now, note=text, editReason=text, changeRequestedByName=text)
    await house.keep(flat_event(id="h", type=text, longDescription=text, ruleset=text, logDate="2025-12-29"))
    for path in ("/violations/v", "/violations/h", f"/drivers/{DRIVER}"):
        page = await browser.page(path)
        assert_inert(page)
        assert not {"\u202e", "\u2066"} & set(section(page).raw_text)
    shown = text.replace("\u202e", "").replace("\u2066", "")
    assert f"note: {shown}" in (await browser.page(f"/drivers/{DRIVER}")).raw_text


async def test_the_log_costs_a_few_queries_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await log_kept(house)
    readers = {name: await house.visitor(name, *scopes) for name, scopes in (("a", (Scope.READ,)), ("b", READERS))}
    database = house.context.database
    counted: list[str] = []
    read = database.read

    def watched(script: ReadScript[object]) -> ReadScript[object]:
        step = next(script, None)
        while isinstance(step, Fetch):
            counted.append(step.sql)
            rows = yield step
            try:
                step = script.send(rows)
            except StopIteration as end:
                return end.value
        raise AssertionError("a page reads more than nothing")

    async def counting(script: ReadScript[object]) -> object:
        return await read(watched(script))

    monkeypatch.setattr(database, "read", counting)
    costs = {}
    for path in ("/violations/v", f"/drivers/{DRIVER}", "/drivers/nobody"):
        for name, reader in readers.items():
            counted.clear()
            await reader.page(path)
            costs[path, name] = (
                len(counted),
                sum("duty_records" in sql or "driver_identities" in sql for sql in counted),
            )
    assert costs["/violations/v", "a"][1] == costs[f"/drivers/{DRIVER}", "a"][1] == 0
    assert costs["/violations/v", "b"][0] - costs["/violations/v", "a"][0] <= 5
    assert costs[f"/drivers/{DRIVER}", "b"][0] - costs[f"/drivers/{DRIVER}", "a"][0] <= 7
    assert costs["/drivers/nobody", "b"][1] <= 2


async def test_the_live_part_has_the_log(house: House, browser: Browser) -> None:
    await log_kept(house)
    first = (await browser.live(f"/drivers/{DRIVER}")).text
    await keep(house.context.database, [record(house.clock() - HOUR, "OnDuty", assetId=TRUCK)], house.clock())
    second = (await browser.live(f"/drivers/{DRIVER}")).text
    assert first.count("data-live") == second.count("data-live")
    assert 'data-keep="duty-2025-12-29"' in second
    assert first != second
