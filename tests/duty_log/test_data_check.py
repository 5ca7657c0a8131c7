"""The event data check value against sums made by hand (49 CFR part 395 subpart B appendix A, 4.4.5.1)."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.duty_log.data_check import check_of, data_check
from app.maven.ijson_grammar import Json
from tests.duty_log.samples import Record, record


@pytest.mark.parametrize(
    "text, sum_of_characters, check",
    [
        ("", 0, 0xC3),  # 0 rotated is 0, exclusive or C3
        ("1", 1, 0xCB),  # 00000001 -> 00001000, exclusive or 11000011 is 11001011
        ("9", 9, 0x8B),  # 00001001 -> 01001000 -> 10001011
        ("A", 17, 0x4B),  # 00010001 -> 10001000 -> 01001011
        ("Z", 42, 0x92),  # 00101010 -> 01010001 -> 10010010
        ("a", 49, 0x4A),  # 00110001 -> 10001001 -> 01001010
        ("z", 74, 0x91),  # 01001010 -> 01010010 -> 10010001
        ("0.-:/ @ü[`{\U0001f69a", 0, 0xC3),  # everything else counts nothing
        ("zzzz", 296, 0x82),  # 296 less 256 is 40: 00101000 -> 01000001 -> 10000010
    ],
)
def test_the_sum_is_rotated_and_changed(text: str, sum_of_characters: int, check: int) -> None:
    byte = sum_of_characters % 256
    assert (byte * 8 % 256 + byte // 32) ^ 0xC3 == check
    assert check_of(text) == check


def test_the_pages_example() -> None:
    # Type 1, code 4, 111016 and 012815 as digits: 5 + 10 + 17; nothing else but the name. "johndoemailcom" by letters,
    # a is 49: j58 o63 h56 n62 d52 o63 e53 m61 a49 i57 l60 c51 o63 m61 = 809. In all 841, less 3 * 256 is 73:
    # 01001001 -> 01001010, exclusive or 11000011 is 10001001.
    assert data_check(record(), None, None) == 0b10001001


FULL: Record = {
    "odometerKm": 160.9344,  # 100 miles
    "engineHours": "PT8H30M",  # 8.5
    "latitude": 36.2175706931051,  # 36.22
    "longitude": -115.142155519392,  # -115.14
}


def test_all_ten_elements() -> None:
    # 841 as above, and 1 of the miles, 8 + 5 of the hours, 3 + 6 + 2 + 2, 1 + 1 + 5 + 1 + 4, and 7 + A17 of the unit:
    # 841 + 1 + 13 + 13 + 12 + 24 = 904, less 768 is 136: 10001000 -> 01000100 -> 10000111.
    assert data_check(record(**FULL), "7A", None) == 0b10000111


def test_the_zone_of_the_terminal() -> None:
    # In New York it was 20:28:15 on the 9th: 110916 20:28:15 sums up 18 and 18, not 10 and 17: 841 + 9 = 850,
    # less 768 is 82: 01010010 -> 10010010 -> 01010001.
    assert data_check(record(), None, ZoneInfo("America/New_York")) == 0b01010001
    assert data_check(record(), None, ZoneInfo("UTC")) == data_check(record(), None, None)


@pytest.mark.parametrize(
    "event_type, count, digits",
    [
        ("OffDuty", None, 1 + 1),
        ("Sleeper", None, 1 + 2),
        ("Driving", None, 1 + 3),
        ("OnDuty", None, 1 + 4),
        ("Inter", None, 2 + 1),
        ("PersonalUse", None, 3 + 1),
        ("YardMoves", None, 3 + 2),
        ("ClearPU", None, 3),
        ("Certification", 4, 4 + 4),
        ("Certification", 12, 4 + 9),
        ("Certification", None, 4),
        ("Login", None, 5 + 1),
        ("Logout", None, 5 + 2),
        ("PowerOn", None, 6 + 1),
        ("PowerOff", None, 6 + 3),
        ("MalSync", None, 7 + 1),
        ("DiagPower", None, 7 + 3),
        ("Remark", None, 0),
        ("Unheard", None, 0),
    ],
)
def test_type_and_code(event_type: str, count: int | None, digits: int) -> None:
    # 836 is the example's sum but for its type and code.
    made = record(eventType=event_type) if count is None else record(eventType=event_type, certificationCount=count)
    byte = (836 + digits) % 256
    assert data_check(made, None, None) == (byte * 8 % 256 + byte // 32) ^ 0xC3


NUMBERS = st.floats(-1e12, 1e12) | st.integers(-(2**63), 2**63 - 1)


@given(
    fields=st.fixed_dictionaries(
        {"eventType": st.text(min_size=1, max_size=10) | st.sampled_from(["Driving", "Certification", "Remark"])},
        optional={
            "username": st.text(min_size=1, max_size=20),
            "odometerKm": NUMBERS,
            "latitude": st.floats(-90, 90),
            "longitude": st.integers(-180, 180),
            "engineHours": st.sampled_from(["PT0S", "P1D", "PT64595520S", "PT0.25S"]),
            "certificationCount": st.integers(-(2**31), 2**31 - 1),
        },
    ),
    odd=st.dictionaries(st.sampled_from(["note", "location", "userId", "vin", "speedKph"]), st.integers()),
    unit=st.none() | st.text(max_size=10),
    zone=st.sampled_from([None, "UTC", "America/New_York", "Asia/Kathmandu"]),
)
def test_it_is_a_byte_of_its_ten_elements_alone(
    fields: dict[str, Json], odd: dict[str, Json], unit: str | None, zone: str | None
) -> None:
    named = None if zone is None else ZoneInfo(zone)
    found = data_check(record(**fields), unit, named)
    assert 0 <= found <= 255
    assert data_check(record(**{**odd, **fields}), unit, named) == found
