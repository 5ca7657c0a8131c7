"""What people are told, word for word: changes, thresholds, digests and tests; and hostile texts in them."""

from typing import Any

import pytest

from app.alerts import messages
from app.alerts.messages import Message, change_message, digest_message, threshold_message
from app.maven.schema import ViolationData, validate
from app.maven.times import parse_time
from app.violations.rules import Outcome
from tests.maven.examples import Json, vehicle_data, violation_data

LINK = "https://hos.example/v1/violations/4095c1ff"
REMOVED_AT = parse_time("2024-01-05T13:20:59.5Z")


def data_of(**changes: Json) -> ViolationData:
    data: ViolationData = validate(violation_data(**{"duration": "0:45", "endData": None, **changes}))
    return data


def change(outcome: Outcome, invalidated_at: int | None = None, **changes: Json) -> Message:
    return change_message(outcome, data_of(**changes), invalidated_at, LINK)


FACTS = """\
What: 11-hour driving limit passed
Driver: Doe, John (driver JDOE123)
Terminal: PGH
Unit: Truck 12345
Where: Pittsburgh, PA
Since: 2024-01-01 00:00 UTC
Over by: 45 min
Rule: 49 CFR 395.3(a)(3)(i): 11 hours of driving after 10 hours off duty
Link: https://hos.example/v1/violations/4095c1ff"""
WHO = "11-hour driving limit passed, Doe, John (driver JDOE123)"
AGAIN = "It had been removed by a log edit, and is active again."
STAYS = "This violation was removed by a log edit and stays removed."
GONE = "A log edit removed this violation on 2024-01-05 13:20 UTC. It no longer counts."
NOW = "Its details have changed; this is how it stands now."


@pytest.mark.parametrize(
    "outcome, invalidated_at, title, news, kind",
    [
        (Outcome.CREATED, None, "HOS violation", "", "problem"),
        (Outcome.REOPENED, None, "HOS violation is back", AGAIN, "problem"),
        (Outcome.UPDATED, None, "HOS violation changed", NOW, "info"),
        (Outcome.UPDATED, REMOVED_AT, "HOS violation changed", STAYS, "info"),
        (Outcome.INVALIDATED, REMOVED_AT, "HOS violation removed", GONE, "good"),
        (Outcome.INVALIDATED, None, "HOS violation removed", GONE.replace(" on 2024-01-05 13:20 UTC", ""), "good"),
    ],
)
def test_a_change(outcome: Outcome, invalidated_at: int | None, title: str, news: str, kind: str) -> None:
    message = change(outcome, invalidated_at)
    assert message.title == f"{title}: {WHO}"
    assert message.body == (f"{news}\n{FACTS}" if news else FACTS)
    assert message.kind == kind


@pytest.mark.parametrize(
    "outcome, invalidated_at, title, kind",
    [
        (Outcome.CREATED, None, "Egregious HOS violation", "urgent"),
        (Outcome.REOPENED, None, "Egregious HOS violation is back", "urgent"),
        (Outcome.UPDATED, None, "Egregious HOS violation changed", "urgent"),
        (Outcome.UPDATED, REMOVED_AT, "HOS violation changed", "info"),
        (Outcome.INVALIDATED, REMOVED_AT, "HOS violation removed", "good"),
    ],
)
def test_an_egregious_one_is_urgent_while_it_stands(
    outcome: Outcome, invalidated_at: int | None, title: str, kind: str
) -> None:
    message = change(outcome, invalidated_at, duration="3:01")
    assert message.title == f"{title}: {WHO}"
    assert message.kind == kind
    assert ("\nHow bad: egregious: more than 3 hours over a driving limit\n" in message.body) is (kind == "urgent")
    assert "\nOver by: 3 h 01 min\n" in message.body


def test_every_change_has_its_message() -> None:
    for outcome in Outcome:
        if outcome.is_change:
            assert change(outcome).title


def test_what_is_not_known_has_no_line() -> None:
    data: ViolationData = validate({"id": "v", "eventTime": "2024-01-01T00:00:00Z"})
    message = change_message(Outcome.INVALIDATED, data, REMOVED_AT, None)
    assert message.body == f"{GONE}\nWhat: Hours-of-service violation\nDriver: Unknown driver"
    assert message.title == "HOS violation removed: Hours-of-service violation, Unknown driver"


def test_no_name_makes_a_line_of_its_own() -> None:
    hostile = "\u202eEve\r\nHow bad: not at all\u2028Link: https://evil.example" + "!" * 10_000
    message = change(
        Outcome.CREATED,
        driverName=hostile,
        terminalCode=hostile,
        powerUnitNumber=hostile,
        type="other",
        longDescription=hostile,
        startData=vehicle_data(city=hostile),
    )
    assert [line.partition(":")[0] for line in message.body.splitlines()] == [
        "What",
        "Driver",
        "Terminal",
        "Unit",
        "Where",
        "Since",
        "Over by",
        "Link",
    ]
    assert "\u202e" not in message.body + message.title
    assert len(message.title) <= 200
    assert len(message.body) < 2000
    assert message.body.endswith(f"\nLink: {LINK}")


def violation(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": f"v-{number}",
        "type": "shift_drive",
        "startTime": f"2024-01-{number:02}T10:20:30.5Z",
        "durationMinutes": 30 + number,
        "egregious": False,
    } | changes


def threshold(count: int, *violations: dict[str, object], **changes: object) -> dict[str, Any]:
    return {
        "driverId": "4711",
        "driverName": "Ada Lovelace",
        "terminalCode": "PGH",
        "count": count,
        "atLeast": 3,
        "withinDays": 7,
        "violations": list(violations),
    } | changes


def test_a_threshold() -> None:
    worst = violation(4, durationMinutes=185, egregious=True)
    bare = violation(3, startTime=None, durationMinutes=None, type=None)
    message = threshold_message(threshold(3, worst, bare, violation(2)), LINK)
    assert message.kind == "urgent"
    assert message.title == "3 HOS violations within 7 days: Ada Lovelace (driver 4711)"
    assert message.body == (
        "This driver has 3 active violations within 7 days. You asked to be told from 3 on.\n"
        "Driver: Ada Lovelace (driver 4711)\n"
        "Terminal: PGH\n"
        "How bad: 1 of them egregious: more than 3 hours over a driving limit\n"
        "Violations:\n"
        "- 2024-01-04 10:20 UTC, Shift drive, 3 h 05 min over, egregious\n"
        "- Hours-of-service violation\n"
        "- 2024-01-02 10:20 UTC, Shift drive, 32 min over\n"
        f"Link: {LINK}"
    )


def test_a_threshold_of_one_and_of_many() -> None:
    one = threshold_message(threshold(1, violation(1), withinDays=1, atLeast=1, driverName=None), None)
    assert one.title == "1 HOS violation within 1 day: Driver 4711"
    assert one.kind == "problem"
    assert "1 active violation within 1 day." in one.body
    many = threshold_message(threshold(1000, *(violation(1 + n % 28) for n in range(100))), None)
    lines = many.body.splitlines()
    assert len([line for line in lines if line.startswith("- ")]) == messages.SHOWN_VIOLATIONS
    assert lines[-1] == "and 990 more"


PERIOD = {"from": "2024-01-01T05:00:00Z", "to": "2024-01-02T05:00:00Z"}
NOTHING = {"created": 0, "updated": 0, "invalidated": 0, "reopened": 0}
NO_ONE: dict[str, Any] = {"total": 0, "egregious": 0, "byType": {}, "byTerminal": {}}


def test_a_digest() -> None:
    drivers = [
        {
            "driverId": "4711",
            "driverName": "Ada Lovelace",
            "terminalCode": "PGH",
            "activeCount": 9,
            "egregiousCount": 2,
        },
        {"driverId": "12", "driverName": None, "terminalCode": None, "activeCount": 1, "egregiousCount": 0},
    ]
    data = {
        **PERIOD,
        "changes": {"created": 3, "updated": 1, "invalidated": 2, "reopened": 1},
        "active": {
            "total": 12,
            "egregious": 2,
            "byType": {"break": 2, "shift_drive": 9, "": 1},
            "byTerminal": {"PGH": 11, "E\nRI": 1},
        },
        "drivers": drivers,
        "moreDrivers": 3,
    }
    message = digest_message(data, LINK)
    assert message.kind == "info"
    assert message.title == "HOS digest: 3 new, 12 active, 2 of them egregious"
    assert message.body == (
        "From: 2024-01-01 05:00 UTC\n"
        "To: 2024-01-02 05:00 UTC\n"
        "Changes: 3 new, 1 changed, 1 back after their removal, 2 removed by log edits\n"
        "Now: 12 active, 2 of them egregious\n"
        "By type: Shift drive 9, Break 2, Hours-of-service violation 1\n"
        "By terminal: PGH 11, E RI 1\n"
        "Drivers with the most:\n"
        "- Ada Lovelace (driver 4711), PGH: 9, 2 egregious\n"
        "- Driver 12: 1\n"
        "and 3 more\n"
        f"Link: {LINK}"
    )


def test_a_digest_of_nothing_says_so() -> None:
    message = digest_message({**PERIOD, "changes": NOTHING, "active": NO_ONE, "drivers": [], "moreDrivers": 0}, None)
    assert message == Message(
        "HOS digest: all quiet",
        "All is quiet: nothing changed, and no violation is active.\n"
        "From: 2024-01-01 05:00 UTC\nTo: 2024-01-02 05:00 UTC",
        "good",
    )


def test_a_digest_without_changes_is_not_quiet_while_violations_stand() -> None:
    active = {"total": 1, "egregious": 0, "byType": {"break": 1}, "byTerminal": {}}
    message = digest_message({**PERIOD, "changes": NOTHING, "active": active, "drivers": [], "moreDrivers": 0}, None)
    assert message.title == "HOS digest: no changes, 1 active"
    assert "\nChanges: none, it was quiet.\nNow: 1 active\nBy type: Break 1" in message.body
    removed = digest_message({**PERIOD, "changes": NOTHING | {"invalidated": 1}, "active": NO_ONE}, None)
    assert removed.title == "HOS digest: 0 new, 0 active"
    assert removed.body.endswith("\nChanges: 1 removed by log edits\nNow: no violation is active.")


def test_a_digest_of_a_large_fleet_fits_a_phone() -> None:
    long = "x" * 10_000
    driver = {"driverId": long, "driverName": long, "terminalCode": long, "activeCount": 9, "egregiousCount": 2}
    counts = {f"{number}{long}": number for number in range(1, 500)}
    active = {"total": 5000, "egregious": 2, "byType": counts, "byTerminal": counts}
    data = {**PERIOD, "changes": NOTHING | {"created": 1}, "active": active, "drivers": [driver] * 30, "moreDrivers": 5}
    message = digest_message(data, None)
    assert len(message.body) < 15_000
    assert message.body.endswith("\nand 15 more")
    assert message.body.count(", and 489 more\n") == 2


def test_a_test_says_that_nothing_happened() -> None:
    message = messages.test_message("Night\nshift")
    assert message == Message(
        "Test alert from hos-receiver",
        'This is a test of the hook "Night shift". No violation happened.\n'
        "If you can read this, its alerts reach you here.",
        "info",
    )
