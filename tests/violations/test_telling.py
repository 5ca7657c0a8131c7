"""A violation in plain words: what it is called, and that no text of others ever does more than fill one line."""

import unicodedata
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.maven.events import AcceptedEvent, read_delivery
from app.maven.faults import find_unstorable
from app.maven.schema import ViolationData, validate
from app.violations import regulation
from app.violations.telling import (
    LONGEST,
    UNKNOWN_DRIVER,
    UNKNOWN_LIMIT,
    Telling,
    cut,
    driver_in_words,
    duration_in_words,
    escaped,
    one_line,
    tell,
    type_in_words,
)
from tests.events import Told, told
from tests.maven.examples import Json, as_bytes, flat_event, vehicle_data, violation_data

RLO, ZWJ = "\u202e", "\u200d"


def told_of(**changes: Json) -> Telling:
    data: ViolationData = validate(violation_data(**changes))
    return tell(data)


def test_the_example_of_maven() -> None:
    assert told_of() == Telling(
        what="11-hour driving limit passed",
        who="Doe, John (driver JDOE123)",
        where="Pittsburgh, PA",
        terminal="PGH",
        unit="Truck 12345",
        since="2024-01-01T00:00:00Z",
        until="2024-01-01T00:00:00Z",
        over="3 h 30 min",
        rule="49 CFR 395.3(a)(3)(i): 11 hours of driving after 10 hours off duty",
        is_egregious=True,
    )


def test_the_least_that_an_event_may_say() -> None:
    data: ViolationData = validate({"id": "v", "eventTime": "2024-01-01T00:00:00Z"})
    assert tell(data) == Telling(
        what=UNKNOWN_LIMIT,
        who=UNKNOWN_DRIVER,
        where=None,
        terminal=None,
        unit=None,
        since=None,
        until=None,
        over=None,
        rule=None,
        is_egregious=False,
    )


@pytest.mark.parametrize(
    "ruleset, violation_type, what",
    [
        ("USA_PROPERTY_70_8", "shift_drive", "11-hour driving limit passed"),
        ("USA_PROPERTY_70_8", "SHIFT", "14-hour driving window passed"),
        ("USA_PROPERTY_60_7", "break", "30-minute break missed after 8 hours of driving"),
        ("USA_PROPERTY_60_7", "cycle", "60-hour limit in 7 days passed"),
        ("USA_PROPERTY_70_8", "cycle", "70-hour limit in 8 days passed"),
        ("USA_PASSENGER_70_8", "shift_drive", "10-hour driving limit passed"),
        ("USA_PASSENGER_70_8", "shift", "15-hour duty limit passed"),
        ("USA_PASSENGER_60_7", "cycle_duty", "60-hour limit in 7 days passed"),
        ("USA_PASSENGER_70_8", "cycle", "70-hour limit in 8 days passed"),
    ],
)
def test_a_known_limit_is_called_by_its_hours(ruleset: str, violation_type: str, what: str) -> None:
    assert told_of(ruleset=ruleset, type=violation_type).what == what


def test_every_section_of_the_table_has_its_words() -> None:
    for ruleset in ("USA_PROPERTY", "USA_PASSENGER"):
        for days in ("60_7", "70_8"):
            for code in ("shift_drive", "shift", "break", "cycle"):
                found = regulation.regulation_of(f"{ruleset}_{days}", code)
                told = told_of(ruleset=f"{ruleset}_{days}", type=code, longDescription="Long")
                assert (told.what == "Long") is (found is None)
                assert told.rule == (None if found is None else f"{found.cite}: {found.title}")


@pytest.mark.parametrize(
    "changes, what",
    [
        ({}, "11 Hr Drive"),
        ({"longDescription": None}, "Drive"),
        ({"longDescription": " \n", "shortDescription": "Drive"}, "Drive"),
        ({"longDescription": None, "shortDescription": None}, "Shift drive"),
        ({"longDescription": None, "shortDescription": None, "type": "ca_driving_12"}, "Ca driving 12"),
        ({"longDescription": None, "shortDescription": None, "type": "__"}, UNKNOWN_LIMIT),
        ({"longDescription": None, "shortDescription": "", "type": None}, UNKNOWN_LIMIT),
    ],
)
def test_another_limit_is_called_what_maven_calls_it(changes: dict[str, Json], what: str) -> None:
    told = told_of(ruleset="CALIFORNIA_INTRASTATE_PROPERTY", **changes)
    assert (told.what, told.rule) == (what, None)


@pytest.mark.parametrize(
    "name, driver_id, who",
    [
        ("Ada Lovelace", "4711", "Ada Lovelace (driver 4711)"),
        ("Ada Lovelace", None, "Ada Lovelace"),
        (None, "4711", "Driver 4711"),
        ("\u200b\t", "4711", "Driver 4711"),
        (ZWJ, None, UNKNOWN_DRIVER),
        ("x" * 300, "4711", "x" * (LONGEST - 15) + "… (driver 4711)"),
        ("x" * 300, "y" * 255, "x" * 89 + "… (driver " + "y" * 99 + "…)"),
    ],
)
def test_a_driver(name: str | None, driver_id: str | None, who: str) -> None:
    assert told_of(driverName=name, driverId=driver_id).who == who == driver_in_words(name, driver_id)
    assert len(who) <= LONGEST


def place(**changes: Json) -> dict[str, Json]:
    return vehicle_data(**changes)


NO_ADDRESS: dict[str, Json] = {"city": None, "state": None, "formattedAddress": None}
ELD: dict[str, Json] = {"distance": 3.21, "units": "mi", "direction": "SSE", "city": "Waco", "jurisdiction": "TX"}


@pytest.mark.parametrize(
    "start, end, where",
    [
        (place(city="Dallas", state="TX"), place(city="Waco", state="TX"), "from Dallas, TX to Waco, TX"),
        (place(city="Dallas", state="TX"), place(city="Dallas", state="TX"), "Dallas, TX"),
        (place(city="Dallas", state=None), None, "Dallas"),
        (None, [place(city="Waco", state="TX")], "to Waco, TX"),
        (None, [], None),
        ({}, {}, None),
        ({"eldLocation": ELD}, None, "3.21 mi SSE of Waco, TX"),
        ({"eldLocation": ELD | {"distance": 3.0}}, None, "3 mi SSE of Waco, TX"),
        ({"eldLocation": ELD | {"distance": 0}}, None, "Waco, TX"),
        ({"eldLocation": ELD | {"direction": None}}, None, "Waco, TX"),
        ({"eldLocation": {"formattedLocation": "3 mi SSE\nTX Waco"}}, None, "3 mi SSE TX Waco"),
        ({"eldLocation": {}, "formattedAddress": "I-35, Waco"}, None, "I-35, Waco"),
        ({"state": "TX"}, None, "TX"),
        ({"latitude": 31.54933, "longitude": "-97.14667"}, None, "31.5493, -97.1467"),
        ({"latitude": 31.54933}, None, None),
        (place(city="x" * 300, state="y" * 300), place(city="Waco", state="TX"), None),
    ],
)
def test_where(start: Json, end: Json, where: str | None) -> None:
    found = told_of(startData=start, endData=end).where
    if where is None and found is not None:
        assert found.startswith("from xxx")
        assert found.endswith("… to Waco, TX")
        assert len(found) <= LONGEST
    else:
        assert found == where


@pytest.mark.parametrize(
    "minutes, words",
    [(0, "0 min"), (59, "59 min"), (60, "1 h 00 min"), (185, "3 h 05 min"), (599_999, "9999 h 59 min")],
)
def test_a_duration(minutes: int, words: str) -> None:
    assert duration_in_words(minutes) == words
    assert told_of(duration=f"{minutes // 60}:{minutes % 60:02}").over == words


@pytest.mark.parametrize(
    "text, line",
    [
        ("  Zoë\r\n\tÅngström\u2028 ", "Zoë Ångström"),
        (f"{RLO}moc.elpmaxe{RLO}", "moc.elpmaxe"),
        ("a\u2066b\u2069c\u061cd\u200ee", "abcde"),
        ("a\x1b[31mred\x07", "a [31mred"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        (f"\U0001f469{ZWJ}\U0001f680", f"\U0001f469{ZWJ}\U0001f680"),
        ("می\u200cروم", "می\u200cروم"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * (LONGEST - 1) + "…"),
        ("x" * (LONGEST - 2) + "  yy", "x" * (LONGEST - 2) + "…"),
        ("a" + " " * 10_000 + "b", "a…"),
        (" " * 10_000 + "b", None),
        ("\u3164\u2800", None),
        ("", None),
        (None, None),
    ],
)
def test_one_line(text: str | None, line: str | None) -> None:
    assert one_line(text) == line


def test_a_line_is_cut() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("abc ef", 5) == "abc…"


def test_a_type_code_in_words() -> None:
    assert type_in_words("shift_drive") == "Shift drive"
    assert type_in_words("élan") == "Élan"
    assert type_in_words("x_" * 5000) == type_in_words("x_" * 1000)


BACKSLASHED = st.text(st.sampled_from("\\u{}20e \n\x85" + RLO), max_size=6)


@given(BACKSLASHED | st.text(), BACKSLASHED | st.text())
def test_texts_that_differ_are_escaped_differently(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) is (one == other)
    assert is_harmless(escaped(one))
    if "\\" not in one and is_harmless(one):
        assert escaped(one) == one


def is_harmless(line: str) -> bool:
    return not any(
        unicodedata.category(c) in ("Cc", "Zl", "Zp")
        or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or c in "\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u3164\ufeff\uffa0"
        or "\u2060" <= c <= "\u206f"
        or "\ufff9" <= c <= "\ufffb"
        or "\U000e0000" <= c <= "\U000e007f"
        for c in line
    )


HOSTILE = st.text(max_size=8) | st.sampled_from(
    ["", " ", f"{RLO}\n{ZWJ}", "<b>&amp;", "x" * 10_000, "\u0301" * 300, "a\r\nB: c", "\x1b[2J", "\u2028", "\U0001f69a"]
)
TEXT: st.SearchStrategy[Any] = st.none() | HOSTILE.filter(lambda text: find_unstorable(text) is None)
IDENTIFIER: st.SearchStrategy[Any] = HOSTILE.filter(lambda text: find_unstorable(text) is None and 0 < len(text) <= 255)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["1e308", "-0", ".5", 0])
TIME: st.SearchStrategy[Any] = st.sampled_from(
    ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z", "2024-01-01T00:00:00.5Z"]
)
ELD_LOCATION = st.fixed_dictionaries(
    dict.fromkeys(("city", "country", "direction", "formattedLocation", "jurisdiction", "postalCode", "units"), TEXT),
    optional={"distance": NUMBER},
)
VEHICLE: st.SearchStrategy[Any] = st.fixed_dictionaries(
    dict.fromkeys(("city", "state", "formattedAddress"), TEXT),
    optional={
        "latitude": st.floats(-90, 90),
        "longitude": st.floats(-180, 180),
        "eldLocation": ELD_LOCATION | ELD_LOCATION.map(lambda location: [location]),
    },
)
EVENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"id": IDENTIFIER, "eventTime": TIME},
    optional={
        **dict.fromkeys(("terminalCode", "driverName", "powerUnitNumber", "shortDescription"), TEXT),
        "longDescription": TEXT,
        "type": TEXT | st.sampled_from(["shift_drive", "break", "cycle"]),
        "ruleset": TEXT | st.sampled_from(["USA_PROPERTY_70_8", "USA_PASSENGER", "_"]),
        "driverId": IDENTIFIER,
        "startTime": TIME,
        "endTime": TIME,
        "duration": st.sampled_from(["0:00", "9999:59", "3:01"]),
        "startData": VEHICLE | st.just([]),
        "endData": VEHICLE,
    },
)


@given(EVENTS)
def test_any_accepted_event_can_be_told(members: dict[str, Any]) -> None:
    (event,) = read_delivery(as_bytes({"eventType": "violationInvalidated", **members}), 1)
    assert isinstance(event, AcceptedEvent), event
    assert_lines(tell(event.data))


@given(told(["v"]))
def test_any_event_of_the_state_rule_can_be_told(one: Told) -> None:
    assert_lines(tell(one.read().data))


def assert_lines(told: Telling) -> None:
    for name in (field.name for field in fields(told)):
        value = getattr(told, name)
        if isinstance(value, str):
            assert 0 < len(value) <= LONGEST, name
            assert is_harmless(value), name
            assert value == value.strip(), name


def test_a_hostile_flat_event_as_it_comes() -> None:
    body = as_bytes(flat_event(driverName=f"{RLO}Eve\r\nDriver: Bob" + "!" * 10_000))
    (event,) = read_delivery(body, 1)
    assert isinstance(event, AcceptedEvent)
    who = tell(event.data).who
    assert who.startswith("Eve Driver: Bob!!!")
    assert who.endswith("!… (driver JDOE123)")
    assert len(who) == LONGEST
