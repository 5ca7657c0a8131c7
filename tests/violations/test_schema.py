"""Violations on the wire: the members of contract section 5, and cells that no spreadsheet runs."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.violations.schema import (
    CSV_COLUMNS,
    LONGEST_KEPT,
    Renderer,
    State,
    csv_cell,
    csv_header,
    render_csv,
    render_violation,
)
from tests.maven.examples import Json, as_bytes, flat_event, violation_data

ACTIVE = State(None, 1_704_067_200_000_000, 1_704_067_200_000_001, 2)
INVALIDATED = State(1_704_067_201_000_000, 1_704_067_200_000_000, 1_704_067_202_000_000, 3)


def test_a_violation_has_all_members() -> None:
    shown = json.loads(render_violation(as_bytes(flat_event()), ACTIVE))
    assert shown == violation_data() | {
        "durationMinutes": 210,
        "egregious": True,
        "regulation": {
            "cite": "49 CFR 395.3(a)(3)(i)",
            "title": "11 hours of driving after 10 hours off duty",
        },
        "status": "active",
        "invalidated": False,
        "invalidatedAt": None,
        "firstReceivedAt": "2024-01-01T00:00:00Z",
        "lastReceivedAt": "2024-01-01T00:00:00.000001Z",
        "revision": 2,
    }


def test_what_is_absent_is_null_and_what_is_unknown_is_left_out() -> None:
    body = as_bytes({"eventType": "violationInvalidated", "id": "v", "eventTime": "2024-01-01T00:00:00Z", "note": 1})
    shown = json.loads(render_violation(body, INVALIDATED))
    assert set(shown) == set(json.loads(render_violation(as_bytes(flat_event()), ACTIVE)))
    told = {name: value for name, value in shown.items() if value is not None}
    assert told == {
        "id": "v",
        "eventTime": "2024-01-01T00:00:00Z",
        "egregious": False,
        "status": "invalidated",
        "invalidated": True,
        "invalidatedAt": "2024-01-01T00:00:01Z",
        "firstReceivedAt": "2024-01-01T00:00:00Z",
        "lastReceivedAt": "2024-01-01T00:00:02Z",
        "revision": 3,
    }


@pytest.mark.parametrize(
    "changes, regulation",
    [
        ({"ruleset": "CALIFORNIA_INTRASTATE_PROPERTY"}, None),
        ({"ruleset": None}, None),
        ({"type": "unheard of"}, None),
        ({"ruleset": "USA_PASSENGER_70_8"}, "49 CFR 395.5(a)(1)"),
    ],
)
def test_regulations(changes: dict[str, Json], regulation: str | None) -> None:
    shown = json.loads(render_violation(as_bytes(flat_event(**changes)), ACTIVE))["regulation"]
    assert (shown and shown["cite"]) == regulation


@pytest.mark.parametrize(
    "duration, minutes, egregious", [("3:00", 180, False), ("03:01", 181, True), (None, None, False)]
)
def test_more_than_three_hours_of_driving_are_egregious(
    duration: str | None, minutes: int | None, egregious: bool
) -> None:
    shown = json.loads(render_violation(as_bytes(flat_event(duration=duration)), ACTIVE))
    assert (shown["durationMinutes"], shown["egregious"]) == (minutes, egregious)


def test_a_renderer_gives_the_state_it_is_asked_for() -> None:
    renderer = Renderer()
    body = as_bytes(flat_event())
    for state in (ACTIVE, INVALIDATED, ACTIVE):
        assert renderer.render(1, body, state) == render_violation(body, state)


def test_a_renderer_keeps_the_newest_within_its_bound() -> None:
    events = {seq: as_bytes(flat_event(id=f"v{seq}")) for seq in range(10)}
    size = len(Renderer().details(0, events[0]))
    renderer = Renderer(kept_bytes=3 * size)
    for seq in (0, 1, 2, 0, 3):  # the third room is taken from 1, which was asked for longest ago
        renderer.details(seq, events[seq])
    other = as_bytes(flat_event(id="other"))
    is_kept = {seq: json.loads(renderer.details(seq, other) + b"}")["id"] != "other" for seq in (0, 2, 3)}
    assert is_kept == {0: True, 2: True, 3: True}
    assert json.loads(renderer.details(1, other) + b"}")["id"] == "other"


def test_a_renderer_does_not_keep_what_is_large() -> None:
    renderer = Renderer()
    large = as_bytes(flat_event(longDescription="x" * LONGEST_KEPT))
    assert len(renderer.details(1, large)) > LONGEST_KEPT
    assert json.loads(renderer.details(1, as_bytes(flat_event(id="other"))) + b"}")["id"] == "other"


def cells(body: bytes, state: State) -> dict[str, str]:
    text = (csv_header() + render_csv(body, state)).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return row


def test_a_line_of_csv() -> None:
    row = cells(as_bytes(flat_event()), INVALIDATED)
    assert tuple(row) == CSV_COLUMNS
    assert row["status"] == "invalidated"
    assert row["driverName"] == "Doe, John"
    assert row["regulation"] == "49 CFR 395.3(a)(3)(i)"
    assert (row["startLatitude"], row["startLongitude"], row["endCity"]) == ("40.46338", "-79.95474", "Pittsburgh")
    assert (row["durationMinutes"], row["egregious"], row["revision"]) == ("210", "true", "3")
    assert row["invalidatedAt"] == "2024-01-01T00:00:01Z"


def test_null_is_an_empty_cell() -> None:
    body = as_bytes({"eventType": "violationInvalidated", "id": "v", "eventTime": "2024-01-01T00:00:00Z"})
    row = cells(body, ACTIVE)
    filled = {name for name, cell in row.items() if cell}
    assert filled == {"id", "status", "eventTime", "egregious", "firstReceivedAt", "lastReceivedAt", "revision"}


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\x0b=1", "\x85=1"]
HOSTILE += ["\u3000\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "\ufeff=1", "\u200b =1"]


@pytest.mark.parametrize("text", [*HOSTILE, '=HYPERLINK("http://x","y")', "=1,\r\n2", "-", "="])
def test_text_that_a_spreadsheet_might_run_is_guarded(text: str) -> None:
    row = cells(as_bytes(flat_event(driverName=text, id=text)), ACTIVE)
    assert row["driverName"] == row["id"] == "'" + text


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_comes_back_as_one_cell_guarded_or_not(text: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_cell(text) + "\r\n", newline=""), strict=True)
    assert cell in (text, "'" + text)
    assert cell[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
    assert cell.lstrip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20")


@pytest.mark.parametrize(
    "text", ["Doe, John", 'say "hi"', "two\r\nlines", "a=b", "O'Brien", " x ", "ü", "2024-01-01", "a-b"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_cell(text), newline=""))) == [text]


@pytest.mark.parametrize("number, cell", [(-79.5, "-79.5"), (0, "0"), (1e300, "1e+300"), (None, "")])
def test_numbers_stay_numbers(number: float | None, cell: str) -> None:
    assert csv_cell(number) == cell
