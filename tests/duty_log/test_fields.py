"""Every field of a duty record: what it may hold and how it comes back, and what it may not."""

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.duty_log.fields import AUTOMATIC, FIELDS, REQUIRED, duration_seconds, read_timestamp
from app.duty_log.schema import ItemFault, WrongRecords, digest_of, read_records
from app.maven.ijson_grammar import Json
from tests.duty_log.samples import Record, read_edits, read_new, record, without
from tests.duty_log.values import KINDS, RIGHT, WRONG


def faults_of(body: object, *, is_edit: bool = False, is_strict: bool = False) -> list[ItemFault]:
    """What is wrong with a body; bytes are taken as they are."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(WrongRecords) as caught:
        list(read_records(text, is_edit=is_edit, is_strict=is_strict))
    return list(caught.value.faults)


def test_all_fields_are_tried() -> None:
    tried = [name for names in KINDS for name in names]
    assert len(tried) == len(set(tried))
    assert set(tried) == FIELDS.keys() - set(AUTOMATIC)
    assert sorted(AUTOMATIC) == ["dataCheck", "id", "lastChangedDate"]


def test_what_is_required() -> None:
    required = {"userId", "uuid", "recordStatus", "username", "eventType", "recordOrigin", "eventTime"}
    assert set(REQUIRED) == required
    (found,) = read_new([record()])
    assert found == record()
    for name in required:
        for lacking in (without(record(), name), record(**{name: None})):
            (fault,) = faults_of([record(), lacking])
            assert (fault.item, fault.fault.pointer) == (1, f"/1/{name}")
            assert fault.fault.detail == "is required for a new record"
    everything = faults_of([{}])
    assert {fault.fault.pointer for fault in everything} == {f"/0/{name}" for name in required}


@pytest.mark.parametrize("name", [name for names in KINDS for name in names])
def test_right_values_come_back_and_wrong_ones_are_told(name: str) -> None:
    for own, value in RIGHT:
        if own == name:
            (found,) = read_new([record(**{name: value})])
            assert found[name] == value
            assert isinstance(found[name], bool) is isinstance(value, bool)
            (edited,) = read_edits([{"id": 1, name: value}])
            assert edited == {"id": 1, name: value}
    for own, value in WRONG:
        if own == name:
            for is_edit, fields in ((False, record(**{name: value})), (True, {"id": 7, name: value})):
                (fault,) = faults_of([fields], is_edit=is_edit)
                assert fault.item == 0
                assert fault.fault.pointer == f"/0/{name}"
                assert fault.fault.detail.startswith("must be"), (value, fault)


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - set(AUTOMATIC) - set(REQUIRED)))
def test_null_is_nothing_in_a_new_record_and_stays_in_an_edit(name: str) -> None:
    assert read_new([record(**{name: None})]) == [record()]
    assert read_edits([{"id": 7, name: None}]) == [{"id": 7, name: None}]


@pytest.mark.parametrize("value", [None, 1, "x", -1, True, [], {}], ids=str)
def test_what_is_made_here_is_passed_over(value: Json) -> None:
    sent = dict.fromkeys(AUTOMATIC, value)
    assert read_new([record(**sent)]) == [record()]
    assert read_edits([{**sent, "id": 3}]) == [{"id": 3}]


def test_an_edit_names_what_it_edits() -> None:
    wrong: list[Json] = [None, "1", 1.5, True, [], {}, 2**63]
    for value in wrong:
        (fault,) = faults_of([{"id": 1}, {"id": value}], is_edit=True)
        assert (fault.item, fault.fault.pointer) == (1, "/1/id")
    (fault,) = faults_of([{"note": "x"}], is_edit=True)
    assert fault.fault.detail == "is required: the number of the record to edit"


@pytest.mark.parametrize(
    "text, kept",
    [
        ("2016-11-10T01:28:15.229+02:00", "2016-11-09T23:28:15.229Z"),
        ("2016-11-10T01:28:15-05:30", "2016-11-10T06:58:15.000Z"),
        ("2016-11-10T01:28:15.2299999Z", "2016-11-10T01:28:15.229Z"),
        ("2016-11-10T01:28:15,5Z", "2016-11-10T01:28:15.500Z"),
        ("2016-11-10T01:28Z", "2016-11-10T01:28:00.000Z"),
        ("2016-11-10T01:28:15.229", "2016-11-10T01:28:15.229Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ("2016-12-31T23:59:60.000Z", "2016-12-31T23:59:59.999Z"),
        ("2016-12-31T23:59:60.123Z", "2016-12-31T23:59:59.999Z"),
    ],
)
def test_times_have_one_form(text: str, kept: str) -> None:
    (found,) = read_new([record(eventTime=text, deletedAt=text)])
    assert (found["eventTime"], found["deletedAt"]) == (kept, kept)
    assert read_timestamp(kept) == kept


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("PT0S", 0),
        ("PT1H30M", 5400),
        ("P1W", 604_800),
        ("P1DT1S", 86_401),
        ("PT0.5S", 0.5),
        ("PT1,25S", 1.25),
        ("PT1234.5H", 4_444_200),
        ("P1DT0.5M", 86_430),
        ("P0,5W", 302_400),
    ],
)
def test_seconds_of_a_duration(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


UNKNOWN_WORDS: Record = {
    "eventType": "AlienAbduction",
    "recordOrigin": "Martian",
    "gpsSource": "STARS",
    "odometerSource": "Guess",
}


def test_unknown_fields_and_words_are_kept_unless_told_otherwise() -> None:
    odd: Record = {"": 1, "a/b~c": [{"x": None}], "Note": "n", "uuid ": 2**64 - 1, "least": -(2**63), **UNKNOWN_WORDS}
    assert read_new([record(**odd)]) == [record(**odd)]
    assert read_edits([{"id": 1, **odd}]) == [{"id": 1, **odd}]
    faults = faults_of([record(), record(**odd)], is_strict=True)
    assert {fault.item for fault in faults} == {1}
    wanted = {"/1/", "/1/a~1b~0c", "/1/Note", "/1/uuid ", "/1/least", *(f"/1/{name}" for name in UNKNOWN_WORDS)}
    assert {fault.fault.pointer for fault in faults} == wanted
    assert read_new([record()], is_strict=True) == [record()]


def test_numbers_of_more_than_64_bits_are_told() -> None:
    for text in (b"18446744073709551616", b"-9223372036854775809", b"[{}, 18446744073709551616]"):
        body = json.dumps([record(odd="HERE")]).encode().replace(b'"HERE"', text)
        (fault,) = faults_of(body)
        assert (fault.item, fault.fault.pointer) == (0, "/0/odd")


@pytest.mark.parametrize("text", ["1e20", "1.8446744073709552e+19", "-1e300", "1" + "0" * 20, "18446744073709551615"])
def test_large_numbers_come_back_as_the_same_numbers(text: str) -> None:
    body = json.dumps([record(odd="HERE", nested=[{"x": "HERE"}])]).replace('"HERE"', text).encode()
    (found,) = next(iter(read_records(body, is_edit=False, is_strict=False)))
    written = orjson.dumps(found)
    again = json.loads(written, parse_float=Decimal, parse_int=Decimal)
    assert again["odd"] == again["nested"][0]["x"] == Decimal(text)
    (twice,) = next(iter(read_records(b"[" + written + b"]", is_edit=False, is_strict=False)))
    assert digest_of(twice) == digest_of(found)


def body_with(text: bytes) -> bytes:
    """An array of two records, the second with a field that JSON writers would not write."""
    return json.dumps([record(), record(note="HERE")]).encode().replace(b'"HERE"', text)


@pytest.mark.parametrize(
    "text, pointer",
    [
        (b'"\\u0000"', "/1/note"),
        (b'"\\ud800"', "/1/note"),
        (b'"\\udc00\\ud800"', "/1/note"),
        (b'"\\uffff"', "/1/note"),
        ("\uffff".encode().join([b'"', b'"']), "/1/note"),
        (b'"x","note":"y"', "/1/note"),
        (b'"x","odometerKm":1e400', "/1/odometerKm"),
        (b'"x","odometerKm":' + b"9" * 400, "/1/odometerKm"),
        (b'"x","odd":{"a":1,"a":1}', "/1/odd/a"),
        (b'"x","odd\\u0000":1', "/1"),
        (b'"x","odd":' + b"[" * 70 + b"]" * 70, None),
    ],
)
def test_what_is_no_i_json_is_told_with_its_place(text: bytes, pointer: str | None) -> None:
    faults = faults_of(body_with(text))
    assert {fault.item for fault in faults} == {1}
    if pointer is not None:
        assert [fault.fault.pointer for fault in faults] == [pointer]


@pytest.mark.parametrize("text", [b"\xff", b'"\xed\xa0\x80"', b"NaN", b"Infinity", b"01", b"'x'", b'"\n"', b"", b"]"])
def test_what_is_no_json_at_all(text: bytes) -> None:
    with pytest.raises(WrongRecords) as caught:
        list(read_records(body_with(text), is_edit=False, is_strict=False))
    assert not caught.value.is_json
    assert caught.value.faults[0].shown().keys() == {"pointer", "detail"}


@pytest.mark.parametrize("body", [{}, {"0": record()}, "x", 1, True, None, record()], ids=str)
def test_a_body_that_is_no_array(body: object) -> None:
    (fault,) = faults_of(body)
    assert fault.item is None
    assert fault.fault.pointer == ""


def test_items_that_are_no_objects() -> None:
    faults = faults_of([1, None, [], "x", [record()], record()])
    assert [(fault.item, fault.fault.pointer) for fault in faults] == [(n, f"/{n}") for n in range(5)]
    assert read_new([]) == []


def test_many_faults_are_cut_off() -> None:
    assert len(faults_of([{}] * 500)) == 100
    assert len(faults_of([record()] * 250 + [record(note=1)])) == 1


JSON_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # What I-JSON forbids is tried above.
    | st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cn"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def as_numbers(value: Json) -> object:
    """The value as it is written, with numbers as exact as they are written there."""
    return json.loads(json.dumps(value), parse_float=Decimal, parse_int=Decimal)


@given(st.dictionaries(st.sampled_from([*FIELDS, "odd", "other"]), JSON_VALUES, max_size=4), st.booleans())
def test_anything_is_read_or_told(changes: Record, is_edit: bool) -> None:
    sent = {"id": 1, **changes} if is_edit else record(**changes)
    try:
        (found,) = read_edits([sent]) if is_edit else read_new([sent])
    except WrongRecords as error:
        for fault in error.faults:
            assert fault.item == 0
            assert fault.fault.pointer.split("/")[2] in sent
        return
    for name, value in found.items():
        assert name in sent
        if FIELDS.get(name) is None or FIELDS[name].kind.parse is None:
            assert as_numbers(value) == as_numbers(sent[name])
