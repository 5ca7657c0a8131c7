"""Reports that can be: each field and word of the page comes back as it was sent, and the operation has its shape."""

import json
from uuid import UUID

import pytest

from app.inspections.connections import LOCAL_ID
from app.keys.schema import Scope
from app.maven.ijson_grammar import Json
from tests.dvir_logs.depot import DEFECTS, LOGS, Depot, bearer, logs_of, operation_path
from tests.ingest.served import assert_problem
from tests.inspections import samples
from tests.inspections.samples import FIELDS, full_report, pairs, report, uuid_of, without

RIGHT: list[tuple[str, Json]] = [
    *pairs("log_type", samples.LOG_TYPES),
    *pairs("odometer_unit", [*samples.UNITS, None]),
    *pairs("status", [*samples.STATUSES, None]),
    *pairs("odometer", [0, 1, 0.5, 10**15, 2**53, 1e20, 1e-7, None]),
    *pairs("defect_count", [0, 1, 1_000_000]),
    *pairs("is_safety_critical", [True, False, None]),
    *pairs("inspected_by", ["", "x" * 10_000, "\u0001 \\ \" ' \r\n \u202e 🚛", None]),
    *pairs("driver_comment", ["'; DROP TABLE dvir_logs; --", None]),
    *pairs("certify_comment", [" ", None]),
    *pairs("certified_by", ["mechanic 7", None]),
    *pairs("defects_detail", [[], [{}], [{"defect_type": 5}, {"a": {"b": [None, 1.5]}}], None]),
    *pairs("defects", [[], ["brakes"], ["brakes", "brakes"], None]),
    *pairs("vehicle_id", [uuid_of(99), None]),
    *pairs("trailer_id", [uuid_of(98), None]),
    *pairs("occurred_at", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z", None]),
    *pairs("certify_date", ["2023-11-07T05:31:56.000001Z", None]),
]


async def test_every_field_comes_back_as_it_was_sent(depot: Depot) -> None:
    sent = full_report(LOCAL_ID, brand_new={"axles": [1, 2.5, None]}, resource_id="not ours")
    operation = await depot.given("POST", LOGS, sent, 202)
    assert operation["payload"] == sent
    (shown,) = await depot.items()
    for name in (*FIELDS, "brand_new"):
        assert shown[name] == (True if name == "is_safety_critical" else sent[name]), name  # a detail says that it is
    assert shown["odometer_km"] == pytest.approx(123456.7 * 1.609344)
    assert shown["open_defect_count"] == 2
    assert (shown["id"], shown["deleted_at"]) == ((await depot.operation(operation))["resource_id"], None)


async def test_every_word_and_every_null(depot: Depot) -> None:
    for name, value in RIGHT:
        operation = await depot.keep(report(LOCAL_ID, **{name: value}))
        assert operation["payload"][name] == value  # type: ignore[index, call-overload]
        shown = (await depot.items(query="size=1"))[0]
        if name == "is_safety_critical":
            assert shown[name] is (value is True)
        elif (name, value) == ("occurred_at", None):
            assert shown["occurred_at"] == shown["created_at"]
        else:
            assert shown[name] == value, name


async def test_every_defect(depot: Depot) -> None:
    assert len(samples.DEFECTS) == 60
    await depot.send(defects=list(samples.DEFECTS))
    (shown,) = await depot.items()
    assert (shown["defects"], shown["defect_count"]) == (samples.DEFECTS, 60)
    found = await depot.items(DEFECTS)
    assert [one["defect_type"] for one in reversed(found)] == samples.DEFECTS
    assert {one["dvir_log_id"] for one in found} == {shown["id"]}
    for defect in samples.DEFECTS:
        assert len(await depot.items(DEFECTS, f"defect_type={defect}")) == 1


async def test_defaults(depot: Depot) -> None:
    cases: list[tuple[samples.Report, int]] = [
        ({}, 0),
        ({"defects": None, "defect_count": None}, 0),
        ({"defects": ["horn", "tires"]}, 2),
        ({"defects": ["horn", "tires"], "defect_count": None}, 2),
        ({"defects": ["horn", "tires"], "defect_count": 7}, 7),
        ({"defects_detail": [{"defect_type": "horn"}]}, 1),
    ]
    for fields, count in cases:
        operation = await depot.keep(report(LOCAL_ID, **fields))
        payload = operation["payload"]
        assert isinstance(payload, dict)
        assert (payload["log_type"], payload["defect_count"]) == ("unknown", count)
        assert set(payload) == {"connection_id", "driver_id", "log_type", "defect_count", *fields}
    assert all(shown[name] is None for shown in await depot.items() for name in ("vehicle_id", "status", "odometer"))


@pytest.mark.parametrize("name", ["occurred_at", "certify_date"])
async def test_times_must_be_utc(depot: Depot, name: str) -> None:
    for right, kept in (
        ("2023-11-07T05:31:56Z", "2023-11-07T05:31:56Z"),
        ("2023-11-07T05:31:56+00:00", "2023-11-07T05:31:56Z"),
        ("2023-11-07T05:31:56-00:00", "2023-11-07T05:31:56Z"),
        ("2023-11-07T05:31:56+00", "2023-11-07T05:31:56Z"),
        ("2023-11-07T05:31:56", "2023-11-07T05:31:56Z"),
        ("2023-11-07T05:31", "2023-11-07T05:31:00Z"),
        ("2023-11-07T05:31:56.5", "2023-11-07T05:31:56.500000Z"),
    ):
        operation = await depot.keep(report(LOCAL_ID, **{name: right}))
        assert operation["payload"][name] == kept  # type: ignore[index, call-overload]
        assert (await depot.items(query="size=1"))[0][name] == kept
    for wrong in ("+01:00", "-05:00", "+00:30", "-00:01", "+01", "-23:59"):
        found = await depot.refused("POST", LOGS, report(LOCAL_ID, **{name: f"2023-11-07T05:31:56{wrong}"}))
        assert list(found) == [f"/{name}"]
        assert "must be UTC" in found[f"/{name}"]
    for broken in ("2023-11-07", "2023-11-07T24:00:00Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "now", ""):
        assert list(await depot.refused("POST", LOGS, report(LOCAL_ID, **{name: broken}))) == [f"/{name}"]


async def test_uuids_may_be_in_capitals_and_are_one(depot: Depot) -> None:
    sent = report(LOCAL_ID.upper(), vehicle_id=uuid_of(0xABC).upper())
    operation = await depot.given("POST", LOGS, sent, 202)
    assert operation["connection_id"] == LOCAL_ID
    assert len(await depot.items(query=f"vehicle_id={uuid_of(0xABC)}")) == 1
    assert len(await depot.items(query=f"vehicle_id={uuid_of(0xABC).upper()}")) == 1


OPERATION: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "partner_id", "connection_id", "created_at", "updated_at", "resource", "status"), str),
    "operation_type": str,
    "payload": dict,
    "logs": list,
    **dict.fromkeys(("deleted_at", "resource_id", "source_id", "fleet_ref", "source_name"), (str, type(None))),
}
ATTEMPT: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "created_at", "updated_at", "resource_operation_id", "status"), str),
    **dict.fromkeys(("error_type", "error_details"), (str, type(None))),
    "response_status_code": (int, type(None)),
    "response_headers": (dict, type(None)),
}


def assert_operation(shown: dict[str, Json]) -> None:
    """Asserts the shape that the page's example has."""
    assert shown.keys() == OPERATION.keys()
    for name, kind in OPERATION.items():
        assert isinstance(shown[name], kind), name
    for name in ("id", "partner_id", "connection_id"):
        UUID(str(shown[name]))
    assert (shown["resource"], shown["operation_type"]) == ("dvir_log", "create")
    assert str(shown["created_at"]).endswith("Z")
    assert str(shown["updated_at"]) >= str(shown["created_at"])
    for log in logs_of(shown):
        assert log.keys() == ATTEMPT.keys()
        for name, kind in ATTEMPT.items():
            assert isinstance(log[name], kind), name
        UUID(str(log["id"]))
        assert log["resource_operation_id"] == shown["id"]


async def test_operations(depot: Depot) -> None:
    pending = await depot.send()
    assert_operation(pending)
    assert (pending["status"], pending["logs"], pending["resource_id"]) == ("pending", [], None)
    done = await depot.operation(pending)
    synchronous = await depot.send(is_sync=True)
    for shown in (done, synchronous):
        assert_operation(shown)
        assert shown["status"] == "success"
        (log,) = logs_of(shown)
        assert (log["status"], log["error_details"]) == ("success", None)
        UUID(str(shown["resource_id"]))
    assert await depot.operation(synchronous) == synchronous
    assert pending["partner_id"] == synchronous["partner_id"]
    assert pending["id"] != synchronous["id"]
    assert len(await depot.items()) == 2


async def test_the_partner_is_the_key_by_its_name(depot: Depot) -> None:
    partners: dict[str, set[str]] = {}
    for name in ("one", "two", "one"):
        key = await depot.make_key(name, Scope.DVIR_WRITE)
        for _ in range(2):
            answer = await depot.ask("POST", LOGS, report(LOCAL_ID), bearer(key))
            assert answer.status_code == 202
            partners.setdefault(name, set()).add(answer.json()["partner_id"])
        await depot.revoke(name)
    (one,), (two,) = partners["one"], partners["two"]
    assert one != two


async def test_what_is_not_there(depot: Depot) -> None:
    sent = await depot.send()
    other = await depot.connect()
    unknown = report(uuid_of(7))
    problem = assert_problem(await depot.ask("POST", LOGS, unknown), 404)
    assert uuid_of(7) in str(problem["detail"])
    path = operation_path(sent)
    for wrong in (
        path.replace(str(sent["connection_id"]), other),
        path.replace(str(sent["connection_id"]), uuid_of(7)),
        path.replace(str(sent["id"]), uuid_of(7)),
        path.replace(str(sent["id"]), "x%2F%00"),
        path.replace(str(sent["connection_id"]), "x"),
    ):
        assert_problem(await depot.ask("GET", wrong), 404)
    assert await depot.given("GET", path.replace(str(sent["id"]), str(sent["id"]).upper()))
    assert len(await depot.items()) == 1


async def test_is_sync_is_a_boolean(depot: Depot) -> None:
    body = json.dumps(report(LOCAL_ID)).encode()
    for query, status in (
        ("is_sync=false", 202),
        ("is_sync=true", 200),
        ("is_sync=", 400),
        ("is_sync=True", 200),
        ("is_sync=0", 202),
        ("is_sync=maybe", 400),
        ("is_sync=true&is_sync=true", 400),
        ("is_async=true", 400),
    ):
        answer = await depot.ask("POST", f"{LOGS}?{query}", body)
        assert answer.status_code == status, query
    assert len(await depot.items()) == 4


async def test_the_least_report_names_a_connection_and_a_driver(depot: Depot) -> None:
    assert await depot.refused("POST", LOGS, {}) == {"/connection_id": "is required", "/driver_id": "is required"}
    for name in ("connection_id", "driver_id"):
        assert await depot.refused("POST", LOGS, without(report(LOCAL_ID), name)) == {f"/{name}": "is required"}
        assert await depot.refused("POST", LOGS, report(LOCAL_ID) | {name: None}) == {f"/{name}": "is required"}
