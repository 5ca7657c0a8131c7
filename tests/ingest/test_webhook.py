"""`POST /webhooks/maven` over real HTTP: every body shape, outcome and answer of contract section 4."""

import gzip
import itertools
import json
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import Databases
from tests.ingest.served import TOKEN, Service, assert_problem, service_on
from tests.maven.examples import Json, as_bytes, enveloped, flat_event, page, violation_data, without

NUMBERS = itertools.count(1)
EMPTY = {"results": [], "accepted": 0, "quarantined": 0}


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with databases.fresh() as url, service_on(url, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def lenient(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that acknowledges what it did not understand, and takes small bodies only."""
    terms = {"HOS_INVALID_STATUS": "202", "HOS_MAX_BODY_BYTES": "20000", "HOS_MAX_BATCH_EVENTS": "5"}
    with databases.fresh() as url, service_on(url, tmp_path_factory.mktemp("lenient"), **terms) as running:
        yield running


def fresh_id() -> str:
    return f"violation-{next(NUMBERS)}"


def result(violation_id: str | None, outcome: str, event_type: str, event_id: str | None = None) -> dict[str, Json]:
    return {"violationId": violation_id, "eventId": event_id, "eventType": event_type, "outcome": outcome}


def test_the_life_of_a_violation(service: Service) -> None:
    violation_id = fresh_id()
    answer = service.post(flat_event(id=violation_id))
    assert answer.status_code == 200
    assert answer.json() == {
        "results": [result(violation_id, "created", "violationCreated")],
        "accepted": 1,
        "quarantined": 0,
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    steps = [
        (flat_event(id=violation_id), "duplicate"),
        (enveloped(violation_data(id=violation_id)), "duplicate"),
        (flat_event("violationInvalidated", id=violation_id, eventTime="2024-01-03T00:00:00Z"), "invalidated"),
        (flat_event(id=violation_id, eventTime="2024-01-02T00:00:00Z"), "updated"),
        (flat_event(id=violation_id, eventTime="2023-01-02T00:00:00Z"), "superseded"),
        (flat_event(id=violation_id, eventTime="2024-01-04T00:00:00+01:00", driverName="New"), "reopened"),
        (flat_event("violationInvalidated", id=violation_id, eventTime="2024-01-02T00:00:00Z"), "superseded"),
    ]
    for body, outcome in steps:
        (found,) = service.post(body).json()["results"]
        assert (found["violationId"], found["outcome"]) == (violation_id, outcome)
    violation = service.violation(violation_id)
    assert (violation["status"], violation["invalidatedAt"], violation["revision"]) == ("active", None, 4)
    assert (violation["driverName"], violation["eventTime"]) == ("New", "2024-01-03T23:00:00Z")
    outcomes = [event["outcome"] for event in service.events(violation_id)]
    assert outcomes == ["created", "invalidated", "updated", "superseded", "reopened", "superseded"]


def test_an_invalidation_that_comes_first(service: Service) -> None:
    violation_id = fresh_id()
    early = {"eventType": "violationInvalidated", "id": violation_id, "eventTime": "2024-01-01T00:00:00Z"}
    assert service.post(early).json()["results"] == [result(violation_id, "invalidated", "violationInvalidated")]
    assert service.violation(violation_id)["status"] == "invalidated"
    later = flat_event(id=violation_id, eventTime="2024-01-01T00:00:00.000001Z")
    assert service.post(later).json()["results"][0]["outcome"] == "reopened"


def test_every_shape_alone_and_mixed(service: Service) -> None:
    ids = [fresh_id() for _ in range(8)]
    flats: list[Json] = [flat_event(id=violation_id) for violation_id in ids]
    bodies: list[tuple[Json, list[tuple[str, str | None]]]] = [
        (flats[0], [(ids[0], None)]),
        (enveloped(violation_data(id=ids[1]), event_id="e-7"), [(ids[1], "e-7")]),
        (page(flats[2]), [(ids[2], None)]),
        ([flats[3]], [(ids[3], None)]),
        (
            [flats[4], enveloped(violation_data(id=ids[5]), event_id=8), page(flats[6], flats[7])],
            [(ids[4], None), (ids[5], "8"), (ids[6], None), (ids[7], None)],
        ),
    ]
    for body, expected in bodies:
        answer = service.post(body)
        assert answer.status_code == 200, answer.text
        found = [(one["violationId"], one["eventId"], one["outcome"]) for one in answer.json()["results"]]
        assert found == [(violation_id, event_id, "created") for violation_id, event_id in expected]
        assert answer.json()["accepted"] == len(expected)


@pytest.mark.parametrize("body", [[], {"events": []}, page(), [page(), page()]])
def test_nothing_in_it_is_fine(service: Service, body: Json) -> None:
    answer = service.post(body)
    assert (answer.status_code, answer.json()) == (200, EMPTY)


def test_other_events_are_ignored_and_counted(service: Service) -> None:
    others: list[Json] = [
        enveloped({"anything": 1}, "arrivedAtStop", "e-1"),
        {"eventType": "somethingElse", "id": 7},
        enveloped(None, "LinehaulDeparture", "e-2"),
    ]
    violation_id = fresh_id()
    answer = service.post([*others, flat_event(id=violation_id)])
    assert answer.status_code == 200
    assert answer.json() == {
        "results": [
            result(None, "ignored", "arrivedAtStop", "e-1"),
            result(None, "ignored", "somethingElse"),
            result(None, "ignored", "LinehaulDeparture", "e-2"),
            result(violation_id, "created", "violationCreated"),
        ],
        "accepted": 4,
        "quarantined": 0,
    }


def test_results_are_in_the_order_received_and_duplicates_within_are_found(service: Service) -> None:
    first, second = fresh_id(), fresh_id()
    events = [flat_event(id=second), flat_event(id=first), flat_event(id=second), flat_event(id=first, note=1)]
    found = service.post(events).json()["results"]
    assert [(one["violationId"], one["outcome"]) for one in found] == [
        (second, "created"),
        (first, "created"),
        (second, "duplicate"),
        (first, "superseded"),
    ]


def test_some_understood_some_not(service: Service) -> None:
    violation_id = fresh_id()
    wrong = flat_event(id=violation_id, startData={"latitude": 91}, logDate="2024-02-30")
    answer = service.post([flat_event(id=violation_id), wrong, enveloped({"x": 1}, "other")])
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["quarantined"]) == (2, 1)
    created, quarantined, ignored = body["results"]
    assert (created["outcome"], ignored["outcome"]) == ("created", "ignored")
    assert (quarantined["outcome"], quarantined["violationId"]) == ("quarantined", violation_id)
    assert {(error["event"], error["pointer"]) for error in quarantined["errors"]} == {
        (1, "/startData/latitude"),
        (1, "/logDate"),
    }
    content, _ = service.quarantined(quarantined["quarantineId"])
    assert json.loads(content) == wrong


def test_none_understood(service: Service) -> None:
    violation_id = fresh_id()
    without_driver = without(flat_event(id=violation_id), "driverId")
    deep = enveloped(violation_data(id=violation_id, endData=[{"longitude": "east"}]))
    problem = assert_problem(service.post([without_driver, deep]), 422)
    errors = problem["errors"]
    assert isinstance(errors, list)
    assert [(error["event"], error["pointer"]) for error in errors] == [(0, "/driverId"), (1, "/endData/0/longitude")]
    assert all(error["detail"] for error in errors)
    entries = problem["quarantineIds"]
    assert isinstance(entries, list)
    assert [json.loads(service.quarantined(entry)[0]) for entry in entries] == [without_driver, deep]
    assert service.get(f"/v1/violations/{violation_id}").status_code == 404


def test_what_is_quarantined_is_kept_byte_for_byte_once_and_counted(service: Service) -> None:
    odd = b'{ "eventType" : "violationCreated",\n\t"id":"\\u00e9\xc3\xa9", "eventTime":1e2 , "x":1.50}'
    body = b"\n[ " + odd + b" ,\r\n" + as_bytes(flat_event(id=fresh_id())) + b"]  "
    first = service.post(body)
    assert first.status_code == 207
    entry = first.json()["results"][0]["quarantineId"]
    content, shown = service.quarantined(entry)
    assert content == odd
    assert (shown["count"], shown["channel"]) == (1, "webhook")
    again = assert_problem(service.post(odd), 422)
    assert again["quarantineIds"] == [entry]
    content, counted = service.quarantined(entry)
    assert content == odd
    assert counted["count"] == 2
    assert counted["receivedAt"] == shown["receivedAt"]
    assert counted["errors"] == shown["errors"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1}}',
        b"[1,]",
        b"nonsense",
        b"\xff\xfe{\x00}\x00",
        b'{"a":"\xff"}',
        b'{"a":NaN}',
        b"[" * 10_000,
        b'{"a":1} {"a":2}',
        b"\x00",
        b"'single'",
        b'["\x01"]',
    ],
)
def test_what_is_not_json_is_quarantined_whole(service: Service, body: bytes) -> None:
    problem = assert_problem(service.post(body), 400)
    assert problem["type"] == "/problems/invalid-json"
    entries = problem["quarantineIds"]
    assert isinstance(entries, list)
    (entry,) = entries
    content, shown = service.quarantined(entry)
    assert content == body
    again = assert_problem(service.post(body), 400)
    assert again["quarantineIds"] == [entry]
    assert service.quarantined(entry)[1]["count"] == 2
    assert shown["count"] == 1


@pytest.mark.parametrize("body", [b"1", b"null", b'"text"', b"true", b"[1,null]", b"{}", b"[[]]", b'{"events":1}'])
def test_json_without_events_is_not_understood(service: Service, body: bytes) -> None:
    problem = assert_problem(service.post(body), 422)
    assert problem["quarantineIds"]


def test_gzip_by_coding_and_by_type(service: Service) -> None:
    for headers in (
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "x-gzip"},
        {"Content_Type": "application/gzip"},
    ):
        body = gzip.compress(as_bytes(flat_event(id=fresh_id())))
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = service.send(body, {"apiKey": TOKEN, "Content-Type": "application/json", **names})
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"[]", mtime=0)[:-4], b"", gzip.compress(b"[]", mtime=0)[:5] + b"\xff" * 20]
)
def test_broken_gzip_is_a_broken_request_and_kept(service: Service, body: bytes) -> None:
    problem = assert_problem(service.post(body, Content_Encoding="gzip"), 400)
    (entry,) = cast("list[str]", problem["quarantineIds"])
    assert service.quarantined(entry)[0] == body


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "text/json", "application/cloudevents+json"]
)
def test_json_by_other_names(service: Service, content_type: str) -> None:
    headers = {"apiKey": TOKEN, "Content-Type": content_type}
    assert service.send(as_bytes(flat_event(id=fresh_id())), headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip, deflate"},
    ],
)
def test_other_types_are_not_taken(service: Service, headers: dict[str, str]) -> None:
    before = service.quarantine_ids()
    assert_problem(service.send(b"{}", {"apiKey": TOKEN, **headers}), 415)
    assert service.quarantine_ids() == before


def test_a_request_id_is_given_back(service: Service) -> None:
    answer = service.post([], x_request_id="order.66_a-B")
    assert answer.headers["x-request-id"] == "order.66_a-B"
    assert service.post([]).headers["x-request-id"] != service.post([]).headers["x-request-id"]
    assert service.post([], x_request_id="not one!").headers["x-request-id"] != "not one!"


def test_only_post(service: Service) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = service.client.request(method, "/webhooks/maven", headers={"apiKey": TOKEN})
        assert_problem(answer, 405)
        assert "POST" in answer.headers["allow"]


def test_a_thousand_events_and_no_more(service: Service) -> None:
    ids = [fresh_id() for _ in range(1001)]
    events = [without(flat_event(id=violation_id), "startData", "endData") for violation_id in ids]
    answer = service.post(events[:1000])
    assert answer.status_code == 200
    assert [one["violationId"] for one in answer.json()["results"]] == ids[:1000]
    assert_problem(service.post(events), 413)
    assert service.get(f"/v1/violations/{ids[-1]}").status_code == 404


def test_limits_of_one_s_own(lenient: Service) -> None:
    events: list[Json] = [without(flat_event(id=fresh_id()), "startData", "endData") for _ in range(6)]
    assert lenient.post(events[:5]).status_code == 200
    assert_problem(lenient.post(events), 413)
    assert_problem(lenient.post([page(*events[:3]), page(*events[3:])]), 413)

    large = as_bytes(flat_event(id=fresh_id(), note="x" * 20_000))
    before = lenient.quarantine_ids()
    assert_problem(lenient.post(large), 413)
    assert_problem(lenient.send(iter([large[:100], large[100:]]), {"apiKey": TOKEN}), 413)
    assert_problem(lenient.post(gzip.compress(large), Content_Encoding="gzip"), 413)
    assert_problem(lenient.post(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip"), 413)
    assert lenient.quarantine_ids() == before
    fitting = as_bytes(flat_event(id=fresh_id(), note=""))
    fitting = fitting.replace(b'"note":""', b'"note":"' + b"x" * (20_000 - len(fitting)) + b'"')
    assert len(fitting) == 20_000
    assert lenient.post(fitting).status_code == 200


def test_for_senders_that_give_up_after_errors(lenient: Service) -> None:
    violation_id = fresh_id()
    wrong = flat_event(id=violation_id, duration="1:60")
    answer = lenient.post([wrong, {}])
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["quarantined"]) == (0, 2)
    first, second = body["results"]
    assert (first["violationId"], first["eventType"], first["outcome"]) == (
        violation_id,
        "violationCreated",
        "quarantined",
    )
    assert [(error["event"], error["pointer"]) for error in first["errors"]] == [(0, "/duration")]
    assert [error["event"] for error in second["errors"]] == [1]
    assert json.loads(lenient.quarantined(first["quarantineId"])[0]) == wrong
    assert lenient.quarantined(second["quarantineId"])[0] == b"{}"

    assert lenient.post([wrong, flat_event(id=violation_id)]).status_code == 207

    answer = lenient.post(b"not json")
    assert answer.status_code == 202
    (only,) = answer.json()["results"]
    assert lenient.quarantined(only["quarantineId"])[0] == b"not json"
    # Who may not post, and what is too large, is still refused.
    assert_problem(lenient.send(b"not json", {}), 401)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=8,
)
FIELDS = st.sampled_from([*violation_data(), "eventType", "data", "events", "timestamp", "x"])


@given(
    st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda base, changes: json.dumps({**base, **changes}).encode(),
            st.sampled_from([flat_event(id="fuzz"), enveloped(violation_data(id="fuzz")), page(flat_event(id="fuzz"))]),
            st.dictionaries(FIELDS, JSON, max_size=3),
        ),
        st.builds(
            lambda at, noise: (
                (body := as_bytes(flat_event(id="fuzz")))[: at % len(body)] + noise + body[at % len(body) :]
            ),
            st.integers(0, 5000),
            st.binary(max_size=4),
        ),
    )
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_it_fail(service: Service, body: bytes) -> None:
    answer = service.post(body)
    assert answer.status_code in (200, 207, 400, 422), answer.text
    if answer.status_code >= 400:
        assert_problem(answer, answer.status_code)
    if any(one["violationId"] == "fuzz" for one in answer.json().get("results", ())):
        assert service.get("/v1/violations/fuzz").status_code in (200, 404)
        assert service.get("/v1/violations", status="all").status_code == 200
