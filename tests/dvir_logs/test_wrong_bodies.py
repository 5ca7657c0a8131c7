"""Reports that cannot be: each fault is a 422 that points at it, and nothing of them is kept."""

import gzip
import json

import pytest

from app.inspections.connections import LOCAL_ID
from app.maven.ijson_grammar import Json
from tests.dvir_logs.depot import ADMIN, LOGS, Depot, bearer
from tests.ingest.served import assert_problem
from tests.inspections.samples import DRIVER, FIELDS, full_report, report

NO_STRING: list[Json] = [5, 1.5, True, [], {}]
NO_NUMBER: list[Json] = ["5", "", True, False, [], {}]
NO_BOOLEAN: list[Json] = [0, 1, "true", "", [], {}]
NO_LIST: list[Json] = ["brakes", 5, True, {"0": "brakes"}]

OTHER_UUIDS: list[Json] = [
    *("", "x", DRIVER[:-1], f"{DRIVER}0", f"{{{DRIVER}}}", DRIVER.replace("-", ""), f"{DRIVER}\n"),
]

WRONG: list[tuple[str, Json, str]] = [
    *((name, value, "") for name in ("connection_id", "driver_id", "vehicle_id", "trailer_id") for value in NO_STRING),
    *(("vehicle_id", value, "") for value in OTHER_UUIDS),
    *((name, value, "") for name in ("occurred_at", "certify_date") for value in NO_STRING),
    *(("log_type", value, "") for value in (None, "", "Pre_Trip", "pre-trip", " unknown", *NO_STRING)),
    *(("odometer_unit", value, "") for value in ("", "MI", "miles", *NO_STRING)),
    *(("status", value, "") for value in ("", "No_defect", "corrected", *NO_STRING)),
    *(
        (name, value, "")
        for name in ("inspected_by", "driver_comment", "certify_comment", "certified_by")
        for value in ("x" * 10_001, *NO_STRING)
    ),
    *(("defect_count", value, "") for value in (-1, 1_000_001, 0.5, 10**30, *NO_NUMBER)),
    *(("odometer", value, "") for value in NO_NUMBER),
    *(("is_safety_critical", value, "") for value in NO_BOOLEAN),
    *((name, value, "") for name in ("defects", "defects_detail") for value in NO_LIST),
    ("defects", ["brakes"] * 1001, ""),
    ("defects_detail", [{}] * 1001, ""),
    ("defects", ["wings"], "/0"),
    ("defects", ["brakes", "Brakes"], "/1"),
    ("defects", ["brakes", "horn", None], "/2"),
    ("defects", [[]], "/0"),
    ("defects_detail", [{}, None], "/1"),
    ("defects_detail", [{}, {}, "brakes"], "/2"),
    ("defects_detail", [[]], "/0"),
]


async def test_each_fault_is_pointed_at(depot: Depot) -> None:
    assert {name for name, _, _ in WRONG} == set(FIELDS)
    for name, value, where in WRONG:
        found = await depot.refused("POST", LOGS, full_report(LOCAL_ID) | {name: value})
        assert list(found) == [f"/{name}{where}"], (name, value)
        assert len(found[f"/{name}{where}"]) < 1500
        assert "input" not in found[f"/{name}{where}"]
    assert await depot.items() == []


async def test_all_faults_are_told_at_once(depot: Depot) -> None:
    wrong = full_report("x", driver_id=None, odometer="far", defects=["brakes", "wings", 5], status="fine")
    found = await depot.refused("POST", LOGS, wrong)
    assert set(found) == {"/connection_id", "/driver_id", "/odometer", "/defects/1", "/defects/2", "/status"}


@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 400),
        (b"{", 400),
        (b"nothing", 400),
        (b"{}{}", 400),
        (b"{} x", 400),
        (b'{"a": NaN}', 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b"[{}]", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b"5", 422),
    ],
)
async def test_no_object(depot: Depot, body: bytes, status: int) -> None:
    problem = assert_problem(await depot.ask("POST", LOGS, body), status)
    assert problem["detail"]


@pytest.mark.parametrize(
    "member",
    [
        r'"inspected_by": "\u0000"',
        r'"inspected_by": "\ud800"',
        r'"inspected_by": "\uffff"',
        r'"brand_new": "\udc00x"',
        r'"brand_new": {"deep": ["\u0000"]}',
        r'"\u0000": 1',
        '"brand_new": 1e400',
        f'"brand_new": {"9" * 400}',
        f'"brand_new": {2**64}',
        '"brand_new": 1, "brand_new": 2',
        '"status": "no_defect", "status": "no_defect"',
        f'"brand_new": {"[" * 70}{"]" * 70}',
        '"defects_detail": [' + '{"a":' * 70 + "1" + "}" * 70 + "]",
    ],
)
async def test_what_is_no_i_json(depot: Depot, member: str) -> None:
    body = f'{{"connection_id": "{LOCAL_ID}", "driver_id": "{DRIVER}", {member}}}'.encode()
    await depot.refused("POST", LOGS, body)
    assert await depot.items() == []


async def test_size_type_and_coding(depot: Depot) -> None:
    small = json.dumps(report(LOCAL_ID)).encode()
    large = json.dumps(report(LOCAL_ID, brand_new="x" * 600_000)).encode()
    answers = [
        (large, {}, 413),
        (gzip.compress(large), {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(small), {"Content-Encoding": "gzip"}, 202),
        (gzip.compress(small)[:-9], {"Content-Encoding": "gzip"}, 400),
        (small, {"Content-Encoding": "br"}, 415),
        (small, {"Content-Type": "text/plain"}, 415),
        (small, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (small, {"Content-Type": "application/json; charset=utf-8"}, 202),
    ]
    for body, headers, status in answers:
        answer = await depot.ask("POST", LOGS, body, {**bearer(ADMIN), **headers})
        if status == 202:
            assert answer.status_code == status, answer.text
        else:
            assert_problem(answer, status)
    assert len(await depot.items()) == 2


async def test_other_methods(depot: Depot) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await depot.ask(method, LOGS)
        assert_problem(answer, 405)
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
