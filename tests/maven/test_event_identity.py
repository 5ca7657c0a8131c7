"""What makes two events the same, what a delivery may hold at most, and that no bytes break the reading."""

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.maven.events import (
    AcceptedEvent,
    IgnoredEvent,
    NotJson,
    RejectedEvent,
    TooManyEvents,
    read_stored,
)
from app.maven.faults import find_unstorable
from app.maven.schema import render
from tests.maven.examples import Json, as_bytes, enveloped, flat_event, page, vehicle_data, violation_data, without
from tests.maven.reading import Body, accepted, read

# Identity


def test_the_same_event_in_any_writing_has_one_identity() -> None:
    data = violation_data(extra={"b": [1, 0.5], "a": "\xe9"})
    one = accepted({"eventType": "violationCreated", **data})
    backwards = dict(reversed(data.items()))
    ways: list[bytes] = [
        as_bytes(enveloped(data)),
        as_bytes(enveloped(backwards, event_id="another")),
        as_bytes(enveloped({"eventType": "violationCreated", **data})),
        json.dumps({**backwards, "eventType": "violationCreated"}, indent=3).encode(),
        as_bytes({"eventType": "violationCreated", **data}).replace(b"[1,", b"[1.0,").replace(b"0.5", b"5e-1"),
        as_bytes({"eventType": "violationCreated", **data}).replace(b"PGH", b"\\u0050GH"),
        b"\xef\xbb\xbf" + as_bytes(page(enveloped(data))),
    ]
    for body in ways:
        event = accepted(body)
        assert (event.identity, event.canonical, event.data) == (one.identity, one.canonical, one.data)


def test_events_that_differ_in_anything_received_have_identities_of_their_own() -> None:
    data = violation_data()
    bodies: list[Body] = [
        enveloped(data),
        enveloped(data, "violationInvalidated"),
        enveloped(data | {"unknown": None}),
        enveloped(data | {"unknown": 1}),
        enveloped(data | {"unknown": True}),
        enveloped(data | {"unknown": "1"}),
        enveloped(without(data, "ruleset")),
        enveloped(data | {"ruleset": None}),
        enveloped(data | {"startData": [vehicle_data()]}),
        enveloped(data | {"startData": vehicle_data(odometer="12345.6")}),
        enveloped(data | {"eventTime": "2024-01-01T00:00:00.0Z"}),
        enveloped(data | {"eventType": "violationInvalidated"}),
        enveloped(data | {"unknown": 2**64}),
        enveloped(data | {"unknown": 2**64 + 1}),
    ]
    assert len({accepted(body).identity for body in bodies}) == len(bodies)


def test_an_event_type_of_its_own_in_the_data_is_an_unknown_field() -> None:
    event = accepted(enveloped(violation_data(eventType="other")))
    assert json.loads(event.canonical)["eventType"] == "other"


@pytest.mark.parametrize(
    "body",
    [
        flat_event(),
        flat_event("violationInvalidated", x={"big": 2**70, "n": [1.0, None]}),
        enveloped(violation_data(eventType="violationCreated"), event_id=7),
        flat_event(driverName="Zo\xeb \U0001f69a", startData=[vehicle_data()], endData=[]),
    ],
)
def test_a_stored_payload_reads_as_the_same_event(body: Json) -> None:
    for written in (as_bytes(body), json.dumps(body, indent=1).encode(), as_bytes([body])):
        event = accepted(written)
        assert read_stored(event.payload) == event


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b"[1,2]", as_bytes([flat_event(), flat_event()]), b'{"eventType":""}']
)
def test_what_is_no_accepted_event_cannot_have_been_stored(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an accepted event|not JSON|more than 1 events"):
        read_stored(payload)


def test_what_is_rendered_is_an_event_with_the_same_data() -> None:
    event = accepted(flat_event(startData=[vehicle_data(odometer="7")], endTime="2024-01-01T01:00:00.5+01:00"))
    again = accepted(enveloped(json.loads(render(event.data))))
    assert again.data == event.data


# Limits


def test_more_events_than_allowed_are_refused_however_they_come() -> None:
    event = flat_event()
    bodies: list[Json] = [[event] * 4, page(*[event] * 4), [event, page(event, event), event], [1, 2, 3, 4]]
    for body in bodies:
        assert len(read(body, 4)) == 4
        with pytest.raises(TooManyEvents, match="more than 3 events") as refusal:
            read(body, 3)
        assert (refusal.value.count, refusal.value.limit) == (4, 3)
    assert len(read([{"events": [1], "events2": 1, "a": {"b": 1}}] * 2, 2)) == 2
    with pytest.raises(TooManyEvents):
        read(b"[" + b"1," * 1_000_000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"\xef\xbb\xbf",
        b"{} {}",
        b"[] []",
        b"[1,]",
        b'{"events":[1,]}',
        b'{"events":[1}',
        b'{"events":[1]',
        b'{"events":[1],}',
        b'{"events":[1] "a":1}',
        b'{"events" [1]}',
        b'{"events":[1],5:1}',
        b'[{"events":[{"events":[}]}]',
        b"{'a':1}",
        b"\xff",
        b"NaN",
        b"[" * 100_000,
        b'{"events":[' * 100_000,
        b'[{"events":[' * 100_000,
        as_bytes(flat_event())[:-1],
        as_bytes(flat_event()) + b"x",
        as_bytes([flat_event(), flat_event()])[:-2],
    ],
)
def test_what_is_no_json_is_refused_whole(body: bytes) -> None:
    with pytest.raises(NotJson, match="The body is not JSON: "):
        read(body)


SNIPPETS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\\u003a",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbf\xbe",
    b"1e999",
    b"-0.0",
    b"null",
    b"NaN",
    b'"a":1,',
    b'"events":[],',
    b'"data":{},',
    b'"eventType":"violationCreated",',
    b"9" * 5000,
    b"[" * 70,
    b" ",
]
BODIES = [
    as_bytes(flat_event()),
    as_bytes([flat_event(), enveloped(violation_data())]),
    as_bytes(page(flat_event(), page())),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A delivery with some damage: pieces cut, doubled or put in."""
    body = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 40)))
        body = body[:start] + draw(st.sampled_from([b"", body[start:end] * 2, *SNIPPETS])) + body[end:]
    return body


def members(leaf: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Objects and arrays with the names that matter."""
    names = st.sampled_from(
        ["id", "eventType", "eventTime", "data", "events", "startData", "driverId", "x", "\0", "\ud800"]
    )
    return st.dictionaries(names, leaf, max_size=5) | st.lists(leaf, max_size=3)


ODD_VALUES = st.recursive(
    st.sampled_from(
        ["violationCreated", "violationInvalidated", "2024-01-01T00:00:00Z", "\ud800", "\0", 1.0, 2**80, None]
    )
    | st.text(max_size=3)
    | st.floats(),
    members,
    max_leaves=20,
)


@given(st.binary(max_size=100) | damaged() | ODD_VALUES.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 2000 + b"]" * 2000)
@example(b'{"data":' * 2000 + b"1" + b"}" * 2000)
@example(b'{"events":[' * 3000 + b"]}" * 3000)
@example(b'[{"events":[' * 40 + b"]}]" * 40)
def test_no_bytes_raise_anything_but_the_two_refusals(body: bytes) -> None:
    try:
        events = read(body, 3)
    except (NotJson, TooManyEvents):
        return
    for event in events:
        match event:
            case AcceptedEvent():
                assert event.payload in body
                assert read_stored(event.payload) == event
                assert render(event.data)
            case RejectedEvent():
                assert event.payload in body
                assert event.faults
                for fault in event.faults:
                    assert is_storable(fault.detail)
                    assert len(fault.detail) < 400
                    assert is_storable(fault.pointer)
                    assert len(fault.pointer) <= 200
                assert is_storable(event.violation_id or "")
                assert is_storable(event.event_id or "")
            case IgnoredEvent():
                assert is_storable(event.event_type)
                assert is_storable(event.event_id or "")


def is_storable(text: str) -> bool:
    """Whether both databases and UTF-8 can hold the text."""
    return find_unstorable(text) is None


def seconds(body: bytes) -> float:
    """The least processor time that reading takes. Of few tries one may be all bad, where other tests run beside."""
    spent = []
    for _ in range(20):
        start = time.process_time()
        read(body)
        spent.append(time.process_time() - start)
    return min(spent)


def test_a_batch_with_one_faulty_event_stays_quick() -> None:
    bodies = [as_bytes(flat_event(id=str(number))) for number in range(300)]
    clean = seconds(b"[" + b",".join(bodies) + b"]")
    for old, new in ((b"Doe, John", b"\\ud800"), (b"40.46338", b"1e999"), (b"Doe, John", b"\xef\xbf\xbf")):
        faulty = [*bodies[:150], bodies[150].replace(old, new), *bodies[151:]]
        assert seconds(b"[" + b",".join(faulty) + b"]") < 3 * clean
