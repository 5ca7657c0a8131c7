"""What people are told of inspections, word for word; and hostile texts in them."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.inspection_messages import inspection_message, operation_message
from app.alerts.messages import Message
from app.inspections.schema import Fields, read_report
from app.maven.ijson_grammar import Json
from tests.inspections.samples import DRIVER, TRAILER, VEHICLE, full_report, report, uuid_of
from tests.maven.examples import as_bytes

CONNECTION, OPERATION = uuid_of(8), uuid_of(9)
HOSTILE = "\u202eEve\r\nWhy: nothing\u2028Driver: somebody" + "!" * 9_000


def sent(changes: Mapping[str, Json]) -> Fields:
    """A report as it is kept."""
    return read_report(as_bytes({**report(CONNECTION), **changes}))


def told(is_critical: bool = False, changes: Mapping[str, Json] = MappingProxyType({})) -> Message:
    fields = sent(changes)
    return inspection_message({**fields, "id": OPERATION, "is_safety_critical": is_critical}, fields)


def ended(
    status: str,
    name: str | None = "Fleet West",
    why: str | None = None,
    changes: Mapping[str, Json] = MappingProxyType({}),
) -> Message:
    payload = sent(changes)
    data = {"id": OPERATION, "connection_id": CONNECTION, "status": status, "payload": payload}
    return operation_message(data, name, why)


def test_a_report_with_everything() -> None:
    details: list[Json] = [
        {"defect_type": "tires", "is_safety_critical": True, "description": "Bald,\nboth"},
        {"defect_type": "unheard of", "description": 7},
    ]
    message = told(True, {**full_report(CONNECTION), "certify_comment": "Seen.", "defects_detail": details})
    assert message == Message(
        "Safety-critical defects: tires",
        "Defects:\n- brakes\n- tires, safety-critical: Bald, both\n- other\n"
        f"Vehicle: {VEHICLE}\nTrailer: {TRAILER}\nDriver: {DRIVER}\nWhen: 2023-11-07 05:31 UTC\n"
        "Inspection: Pre trip\nInspector: Åsa <b>Öberg</b> 🚛\nComment: Left rear is bald.\nCertification: Seen.",
        "urgent",
    )


def test_the_least_report_there_is() -> None:
    body = f"Driver: {DRIVER}\nInspection: Unknown"
    assert told() == Message("Vehicle inspection without defects", body, "good")


@pytest.mark.parametrize(
    "is_critical, changes, title, kind",
    [
        (True, {"is_safety_critical": True}, "Safety-critical inspection", "urgent"),
        (True, {"is_safety_critical": True, "defects": ["air_lines"]}, "Safety-critical defects: air lines", "urgent"),
        (False, {"defects": ["mirrors", "horn", "mirrors"]}, "Vehicle defects: mirrors, horn", "problem"),
        (False, {"defect_count": 1}, "Vehicle inspection with 1 defect", "problem"),
        (False, {"defect_count": 12}, "Vehicle inspection with 12 defects", "problem"),
        (False, {"status": "defect_noted"}, "Vehicle inspection with defects", "problem"),
        (False, {"status": "no_defect"}, "Vehicle inspection without defects", "good"),
        (True, {"status": "defect_corrected", "defects": ["brakes"]}, "Defects corrected: brakes", "good"),
        (False, {"log_type": "mechanic", "certified_by": "Bo"}, "Defects corrected", "good"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_title_says_how_bad_it_is(is_critical: bool, changes: dict[str, Json], title: str, kind: str) -> None:
    message = told(is_critical, changes)
    assert (message.title, message.kind) == (title, kind)


def test_many_defects_fit_a_phone() -> None:
    kinds: list[Json] = ["brakes", "tires", "horn", "mirrors", "clutch", "radiator", "starter"]
    message = told(True, {"defects": kinds * 100, "is_safety_critical": True})
    assert message.title == "Safety-critical defects: brakes, tires, horn, mirrors, clutch, and 2 more"
    lines = message.body.splitlines()
    assert lines[:2] == ["Defects:", "- brakes, safety-critical"]
    assert lines[11] == "and 690 more"
    assert len(lines) < 20


def test_an_operation_that_failed() -> None:
    message = ended("failed", why="The provider answered 422.", changes={"vehicle_id": VEHICLE, "defects": ["brakes"]})
    assert message == Message(
        "An inspection could not be forwarded to Fleet West",
        "Why: The provider answered 422.\nDefects:\n- brakes\n"
        f"Vehicle: {VEHICLE}\nDriver: {DRIVER}\nInspection: Unknown\nOperation: {OPERATION}",
        "problem",
    )


def test_an_operation_that_succeeded() -> None:
    message = ended("success", why="The provider answered 503.")
    body = f"Driver: {DRIVER}\nInspection: Unknown\nOperation: {OPERATION}"
    assert message == Message("An inspection arrived at Fleet West", body, "good")


@pytest.mark.parametrize("name", [None, "", "\u200b"])
def test_a_connection_without_a_name_is_told_by_its_id(name: str | None) -> None:
    assert ended("failed", name).title == f"An inspection could not be forwarded to {CONNECTION}"
    assert "Why" not in ended("failed", name).body


def test_no_text_makes_a_line_of_its_own() -> None:
    detail: list[Json] = [{"defect_type": "tires", "description": HOSTILE}]
    fields: dict[str, Json] = {
        "inspected_by": HOSTILE,
        "driver_comment": HOSTILE,
        "certify_comment": HOSTILE,
        "defects_detail": detail,
    }
    known = ["Driver", "Inspection", "Inspector", "Comment", "Certification"]
    message = told(changes=fields)
    assert [line.partition(":")[0] for line in message.body.splitlines()] == ["Defects", "- tires", *known]
    failed = ended("failed", HOSTILE, HOSTILE, fields)
    names = ["Why", "Defects", "- tires", *known, "Operation"]
    assert [line.partition(":")[0] for line in failed.body.splitlines()] == names
    for one in (message, failed):
        assert "\u202e" not in one.title + one.body
        assert len(one.title) <= 200
        assert len(one.body) < 2000


TEXTS = st.none() | st.text(max_size=30)


@given(inspector=TEXTS, comment=TEXTS, description=TEXTS, name=TEXTS, why=TEXTS)
def test_any_texts_give_one_title_and_lines_that_are_seen(
    inspector: str | None, comment: str | None, description: str | None, name: str | None, why: str | None
) -> None:
    details: list[Json] = [{"defect_type": "tires", "description": description}]
    data: dict[str, Json] = {"inspected_by": inspector, "driver_comment": comment, "defects_detail": details}
    added = inspection_message({**data, "is_safety_critical": False}, data)
    failed = operation_message({"connection_id": CONNECTION, "status": "failed", "payload": data}, name, why)
    for message in (added, failed):
        assert len(message.title.splitlines()) == 1
        assert message.title.strip()
        assert all(line.strip() for line in message.body.splitlines())
