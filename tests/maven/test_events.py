"""Deliveries read into events: shapes, and faults with their pointers."""

import json

import pytest

from app.maven.events import (
    AcceptedEvent,
    IgnoredEvent,
    RejectedEvent,
)
from tests.maven.examples import Json, as_bytes, enveloped, flat_event, page, vehicle_data, violation_data, without
from tests.maven.reading import CREATED, INVALIDATED, Body, accepted, faults_of, read, rejected

# Shapes


def test_the_flat_event_of_mavens_page() -> None:
    body = as_bytes(flat_event())
    event = accepted(body)
    assert event.event_type is CREATED
    assert event.event_id is None
    assert event.violation_id == "4095c1ff-915d-4744-a9d6-95a1cddcac43"
    assert event.data.driverId == "JDOE123"
    assert event.payload == body
    assert json.loads(event.canonical) == violation_data()
    assert len(event.identity) == 32


def test_the_enveloped_event() -> None:
    body = as_bytes(enveloped(violation_data(), "violationInvalidated", "e-7"))
    event = accepted(body)
    assert (event.event_type, event.event_id, event.payload) == (INVALIDATED, "e-7", body)
    assert event.violation_id == "4095c1ff-915d-4744-a9d6-95a1cddcac43"


def test_pages_and_arrays_in_the_order_received() -> None:
    one, two, three, four, five, six = (violation_data(id=str(number)) for number in range(1, 7))
    body: Json = [
        {"eventType": "violationCreated", **one},
        page(enveloped(two), {"eventType": "violationCreated", **three}, page(enveloped(four))),
        page(),
        enveloped(five),
        {"events": []},
        {"eventType": "violationCreated", **six},
    ]
    for written in (as_bytes(body), json.dumps(body, indent=2).encode()):
        events = read(written)
        assert all(isinstance(event, AcceptedEvent) for event in events)
        assert [event.violation_id for event in events if isinstance(event, AcceptedEvent)] == list("123456")


@pytest.mark.parametrize(
    "body", [b"[]", b" [ ] ", b'{"events":[]}', b'{"events":[],"pagination":null}', b'[{"events":[]}]']
)
def test_an_empty_delivery_has_no_events(body: bytes) -> None:
    assert read(body) == []


def test_a_page_is_one_wherever_its_events_stand() -> None:
    event = enveloped(violation_data())
    bodies: list[Json] = [
        {"pagination": {"hasNextPage": False}, "events": [event]},
        {"events": [event], "eventType": None},
        {"eventType": None, "events": [event, event]},
    ]
    for body in bodies:
        assert all(isinstance(one, AcceptedEvent) for one in read(body))
    assert accepted(as_bytes(page(event)).replace(b'"events"', b'"\\u0065vents"')).event_id == "event-1"


def test_an_event_may_have_a_field_called_events_or_data() -> None:
    assert accepted(flat_event(events=[1])).violation_id
    assert accepted(flat_event(data={"id": "other"})).violation_id == violation_data()["id"]
    assert accepted(enveloped(violation_data(events=[flat_event()]))).event_id == "event-1"
    assert accepted(enveloped(violation_data()) | {"events": []}).event_id == "event-1"
    assert read({"eventType": "DriverUpdated", "events": [flat_event()]}) == [IgnoredEvent("DriverUpdated", None)]


def test_the_payload_is_the_exact_bytes_of_each_event() -> None:
    first = b'{ "eventType":"violationCreated","id":"\xc3\xa9", "x":[{"a":1},{"b":1.50}], "data" : 1 }'
    second = b'{\n\t"id": 1.0, "eventType": "violationInvalidated", "data": {"id": "\\u00e9\\/"}\r\n}'
    third = b"17.50"
    events = read(b"\xef\xbb\xbf [ " + first + b" ,\n" + second + b"," + third + b"\t] \n")
    assert [event.payload for event in events if isinstance(event, RejectedEvent)] == [first, second, third]
    events = read(b'{"events" : [ ' + first + b" ,\n" + second + b"," + third + b'\t] , "a":{"b":1} } \n')
    assert [event.payload for event in events if isinstance(event, RejectedEvent)] == [first, second, third]


@pytest.mark.parametrize(
    "event_id,expected",
    [("", ""), ("e", "e"), (12, "12"), (1.5, "1.5"), (2**70, str(2**70)), (True, None), (None, None), ([1], None)],
)
def test_the_id_of_an_envelope_is_a_string_or_a_number(event_id: Json, expected: str | None) -> None:
    assert accepted(enveloped(violation_data(), event_id=event_id)).event_id == expected
    assert read(enveloped(1, "DriverUpdated", event_id)) == [IgnoredEvent("DriverUpdated", expected)]


def test_a_null_event_time_does_not_make_an_envelope_flat() -> None:
    assert accepted(enveloped(violation_data()) | {"eventTime": None}).event_id == "event-1"


# Types of events


@pytest.mark.parametrize("name", ["ViolationCreated", "violationcreated", " violationCreated", "", "DispatchCreated"])
def test_other_event_types_are_ignored_whatever_they_hold(name: str) -> None:
    assert read(flat_event(name)) == [IgnoredEvent(name, None)]
    assert read(enveloped("no object", name)) == [IgnoredEvent(name, "event-1")]
    odd = b'[{"eventType":"%b","a":1,"a":"\\ud800","b":1e999},' % name.encode() + as_bytes(flat_event()) + b"]"
    events = read(odd)
    assert events[0] == IgnoredEvent(name, None)
    assert isinstance(events[1], AcceptedEvent)


@pytest.mark.parametrize(
    "body,pointer,words",
    [
        (without(flat_event(), "eventType"), "/eventType", "is required"),
        (flat_event(None), "/eventType", "is required"),
        (flat_event(5), "/eventType", "must be a string, not a number"),
        (enveloped(violation_data(), ["violationCreated"]), "/eventType", "must be a string, not an array"),
        ({}, "/eventType", "is required"),
        (b'{"eventType":"a","eventType":"b"}', "/eventType", "more than once"),
        (b'{"eventType":"violationCreated\\u0000"}', "/eventType", "NUL"),
        (b'{"eventType":"\\ud800"}', "/eventType", "lone surrogate"),
        ({"events": {}}, "/events", "must be an array of events, not an object"),
        ({"events": None}, "/events", "must be an array of events, not null"),
        (enveloped(None), "", "the violation data must be an object, not null"),
        (enveloped([violation_data()]), "", "the violation data must be an object, not an array"),
        (b"null", "", "must be an event, which is an object, not null"),
        (b'"violationCreated"', "", "not a string"),
        (b"[5]", "", "not a number"),
        (b"[true]", "", "not a boolean"),
        ([[flat_event()]], "", "not an array"),
        ({"events": [[flat_event()]]}, "", "not an array"),
        (b"[" * 1000 + b"]" * 1000, "", "not an array"),
        (b'{"events":[],"events":[]}', "", "more than once"),
        (b'{"events":[],"a":"\\u0000"}', "", "the page around the events contains the character NUL"),
    ],
)
def test_what_is_no_event_is_rejected(body: Body, pointer: str, words: str) -> None:
    event = rejected(body)
    assert [fault.pointer for fault in event.faults] == [pointer]
    assert words in event.faults[0].detail
    assert event.violation_id is None


def test_pages_within_pages_end_at_the_limit_of_nesting() -> None:
    event = rejected(b"[" + b'{"events":[' * 500 + b"]}" * 500 + b"]")
    assert event.faults[0].detail == "nests deeper than 64 levels"
    assert read(b'{"events":[' * 20 + b"]}" * 20) == []
    assert faults_of(b'{"events":[' * 33 + b"]}" * 33) == {"/events": "is a page within pages deeper than 64 levels"}


# Violation data


@pytest.mark.parametrize("missing", [None, "absent"])
def test_what_each_event_type_needs(missing: str | None) -> None:
    def event(event_type: str, *names: str) -> Json:
        whole = flat_event(event_type)
        return without(whole, *names) if missing else whole | dict.fromkeys(names)

    needed = ("driverId", "type", "startTime")
    assert faults_of(event("violationCreated", *needed)) == {
        f"/{name}": "is required for violationCreated" for name in needed
    }
    for name in needed:
        assert list(faults_of(event("violationCreated", name))) == [f"/{name}"]
        assert rejected(event("violationCreated", name)).violation_id == violation_data()["id"]
    assert accepted(event("violationInvalidated", *needed)).event_type is INVALIDATED
    for event_type in ("violationCreated", "violationInvalidated"):
        assert faults_of(event(event_type, "id", "eventTime")) == {
            "/eventTime": f"is required for {event_type}",
            "/id": f"is required for {event_type}",
        }
    assert set(faults_of(event("violationCreated", "id", "type"))) == {"/id", "/type"}


def test_the_least_that_is_enough() -> None:
    least: dict[str, Json] = {"id": "v", "eventTime": "2024-01-01T00:00:00Z"}
    assert accepted({"eventType": "violationInvalidated", **least}).violation_id == "v"
    assert accepted(enveloped(least, "violationInvalidated")).violation_id == "v"
    created = least | {"driverId": "d", "type": "", "startTime": "2024-01-01T00:00"}
    assert accepted({"eventType": "violationCreated", **created}).data.type == ""


def test_pointers_are_relative_to_the_violation_data() -> None:
    data = violation_data(startData=[vehicle_data(latitude=91)], driverId=5)
    expected = {
        "/driverId": "must be a string, not a number",
        "/startData/0/latitude": "must be a number between -90 and 90, not 91",
    }
    assert faults_of({"eventType": "violationCreated", **data}) == expected
    assert faults_of(enveloped(data)) == expected


@pytest.mark.parametrize(
    "member,pointer,words",
    [
        (b'"driverName":"a\\u0000"', "/driverName", "NUL"),
        (b'"driverName":"\xef\xbf\xbe"', "/driverName", "noncharacter"),
        (b'"driverName":"a","driverName":"a"', "/driverName", "more than once"),
        (b'"startData":{"odometer":1e999}', "/startData/odometer", "beyond the range of a double"),
        (b'"x":{"y":[1,"\\udfff"]}', "/x/y/1", "lone surrogate U+DFFF"),
        (b'"x":{"\\u0000":1}', "/x", "member name"),
        (b'"id":"a","id":"a"', "/id", "more than once"),
    ],
)
def test_i_json_faults_in_violation_data_are_pointed_at(member: bytes, pointer: str, words: str) -> None:
    rest = b',"eventTime":"2024-01-01T00:00:00Z"' + (b"" if b'"id"' in member else b',"id":"v"')
    flat = rejected(b'{"eventType":"violationInvalidated",' + member + rest + b"}")
    nested = rejected(b'{"id":5,"eventType":"violationInvalidated","data":{' + member + rest + b"}}")
    for event in (flat, nested):
        assert [fault.pointer for fault in event.faults] == [pointer]
        assert words in event.faults[0].detail
        assert event.event_type == "violationInvalidated"
        assert event.violation_id == (None if pointer == "/id" else "v")
    assert (flat.event_id, nested.event_id) == (None, "5")


@pytest.mark.parametrize(
    "member,words",
    [
        (b'"timestamp":"\\u0000"', "/timestamp in the envelope contains the character NUL"),
        (b'"data":{}', "/data in the envelope appears more than once"),
        (b'"id":"\\ud800"', "/id in the envelope contains the lone surrogate"),
        (b'"\\ud800":1', "the envelope has a member name that contains the lone surrogate"),
        (b'"x":' + b"[" * 64 + b"]" * 64, "in the envelope nests deeper than 64 levels"),
    ],
)
def test_i_json_faults_of_the_envelope_have_the_empty_pointer(member: bytes, words: str) -> None:
    body = b'{"eventType":"violationCreated",' + member + b',"data":' + as_bytes(violation_data()) + b"}"
    event = rejected(body)
    assert [fault.pointer for fault in event.faults] == [""]
    assert words in event.faults[0].detail
    assert event.event_id is None
    assert event.payload == body


def test_nesting_is_limited_event_by_event() -> None:
    def nested(levels: int) -> Json:
        value: Json = "deep"
        for _ in range(levels):
            value = [value]
        return value

    assert accepted(flat_event(x=nested(63))).violation_id
    assert faults_of(flat_event(x=nested(64))) == {"/x" + "/0" * 63: "nests deeper than 64 levels"}
    events = read(page(flat_event(x=nested(63)), enveloped(violation_data(x=nested(62)))))
    assert all(isinstance(event, AcceptedEvent) for event in events)


@pytest.mark.parametrize("violation_id", ["", "x" * 256, 5, None, ["v"], "\x00", "\ud800", "\ufdd0"])
def test_a_rejected_event_names_a_violation_only_by_an_id_it_could_have(violation_id: Json) -> None:
    for body in (flat_event(id=violation_id), enveloped(violation_data(id=violation_id))):
        event = rejected(json.dumps(body).encode())
        assert event.violation_id is None
        assert event.faults[0].pointer == "/id"
    assert rejected(flat_event(eventTime=1)).violation_id == violation_data()["id"]


def test_one_faulty_event_leaves_the_others_alone() -> None:
    bodies = [as_bytes(flat_event(id=str(number))) for number in range(6)]
    bodies[1] = bodies[1].replace(b'"Doe, John"', b'"\\u0000"')
    bodies[2] = b"[]"
    bodies[3] = bodies[3].replace(b"40.46338", b"1e999")
    bodies[4] = bodies[4].replace(b'"country"', b'"city"')
    events = read(b"[" + b",".join(bodies) + b"]")
    assert [isinstance(event, AcceptedEvent) for event in events] == [True, False, False, False, False, True]
    assert [event.payload for event in events if not isinstance(event, IgnoredEvent)] == bodies
