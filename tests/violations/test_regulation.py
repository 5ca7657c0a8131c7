"""The regulation table: cites for known rulesets, none for intrastate and unknown ones; and what is egregious."""

import pytest

from app.violations.regulation import is_egregious, regulation_of

PROPERTY = ["USA_PROPERTY_70_8", "USA_PROPERTY_60_7", "usa_property_70_8"]
PASSENGER = ["USA_PASSENGER_70_8", "USA_PASSENGER_60_7"]


def cite_of(ruleset: str | None, violation_type: str | None) -> str | None:
    found = regulation_of(ruleset, violation_type)
    return None if found is None else found.cite


@pytest.mark.parametrize("ruleset", PROPERTY)
@pytest.mark.parametrize(
    "violation_type, cite",
    [
        ("shift_drive", "49 CFR 395.3(a)(3)(i)"),
        ("SHIFT_DRIVE", "49 CFR 395.3(a)(3)(i)"),
        ("shift", "49 CFR 395.3(a)(2)"),
        ("shift_elapsed", "49 CFR 395.3(a)(2)"),
        ("break", "49 CFR 395.3(a)(3)(ii)"),
        ("break_drive", "49 CFR 395.3(a)(3)(ii)"),
    ],
)
def test_property_carrying(ruleset: str, violation_type: str, cite: str) -> None:
    assert cite_of(ruleset, violation_type) == cite


@pytest.mark.parametrize("ruleset", PASSENGER)
def test_passenger_carrying_has_no_break_rule(ruleset: str) -> None:
    assert cite_of(ruleset, "shift_drive") == "49 CFR 395.5(a)(1)"
    assert cite_of(ruleset, "shift") == "49 CFR 395.5(a)(2)"
    assert cite_of(ruleset, "break") is None


@pytest.mark.parametrize(
    "ruleset, cite",
    [
        ("USA_PROPERTY_60_7", "49 CFR 395.3(b)(1)"),
        ("USA_PROPERTY_70_8", "49 CFR 395.3(b)(2)"),
        ("USA_PASSENGER_60_7", "49 CFR 395.5(b)(1)"),
        ("USA_PASSENGER_70_8", "49 CFR 395.5(b)(2)"),
        ("USA_PROPERTY", None),
    ],
)
def test_a_cycle_depends_on_the_days_of_the_ruleset(ruleset: str, cite: str | None) -> None:
    assert cite_of(ruleset, "cycle") == cite_of(ruleset, "cycle_duty") == cite


@pytest.mark.parametrize(
    "ruleset",
    [
        "CALIFORNIA_INTRASTATE_PROPERTY",
        "TEXAS_INTRASTATE_PROPERTY",
        "USA_CALIFORNIA_INTRASTATE_PROPERTY_80_8",
        "USA_INTRASTATE_PROPERTY_70_8",
        "USA_TEXAS_PROPERTY_70_7",
        "USA_ALASKA_PROPERTY_70_7",
        "USA_PROPERTY_TX_70_7",
        "CANADA_SOUTH_70_7",
        "PROPERTY_70_8",
        "USA",
        "USA_70_8",
        "",
        "_",
        None,
    ],
)
@pytest.mark.parametrize("violation_type", ["shift_drive", "shift", "break", "cycle"])
def test_other_rulesets_have_no_federal_cite(ruleset: str | None, violation_type: str) -> None:
    assert regulation_of(ruleset, violation_type) is None


@pytest.mark.parametrize("violation_type", ["form_and_manner", "", None, "shift_drive ", "drive_shift"])
def test_an_unknown_type_has_no_cite(violation_type: str | None) -> None:
    assert regulation_of("USA_PROPERTY_70_8", violation_type) is None


def test_a_regulation_has_a_title() -> None:
    found = regulation_of("USA_PROPERTY_70_8", "shift_drive")
    assert found is not None
    assert found.title == "11 hours of driving after 10 hours off duty"


@pytest.mark.parametrize(
    "violation_type, minutes, expected",
    [
        ("shift_drive", 181, True),
        ("shift_drive", 180, False),
        ("Shift_Drive", 9999 * 60 + 59, True),
        ("drive", 181, True),
        ("shift_drive", 0, False),
        ("shift_drive", None, False),
        ("shift", 181, False),
        ("cycle", 10_000, False),
        ("break", 181, False),
        ("unknown", 181, False),
        (None, 181, False),
    ],
)
def test_egregious_is_more_than_three_hours_of_driving(
    violation_type: str | None, minutes: int | None, expected: bool
) -> None:
    assert is_egregious(violation_type, minutes) is expected
