"""JSON read exactly: three ways through one grammar, what I-JSON forbids, and canonical JSON."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.maven import ijson_faults
from app.maven.faults import Fault
from app.maven.ijson import Json, NotJson, canonical, decode, read_object, read_value
from app.maven.ijson_faults import MAX_FAULTS

STORABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0", max_codepoint=0x1FFFD), max_size=12
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | STORABLE
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STORABLE, inner, max_size=4), max_leaves=15
)


def read(body: bytes) -> tuple[Json, tuple[Fault, ...]]:
    """Read a body that is one value and nothing around it."""
    text, is_suspicious = decode(body)
    value, end, faults = read_value(text, 0, is_suspicious)
    if end != len(text):
        raise NotJson.at(text, end, "the end of the body")
    return value, faults


def nested(levels: int) -> bytes:
    """Arrays in arrays."""
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body,value",
    [
        (b"1", 1),
        (b"-0", 0),
        (b"-0.0", 0),
        (b"-0e5", 0),
        (b"1.0", 1),
        (b"1e0", 1),
        (b"10e-1", 1),
        (b"0.5", 0.5),
        (b"1E2", 100),
        (b"1e23", 10**23),
        (b"1.7976931348623157e308", int(Decimal("1.7976931348623157e308"))),
        (b"9007199254740993", 9007199254740993),
        (b"9007199254740993.0", 9007199254740993),
        (b"9007199254740993.5", 9007199254740994),
        (b"18446744073709551616", 2**64),
        (b"1e-400", 0),
        (b"0e99999999999999999999999", 0),
        (b"0." + b"0" * 6000 + b"1e6001", 1),
        (b'"\\u00e9\\ud83d\\ude00"', "\xe9\U0001f600"),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a":[1.0,{"b":-0.0}]}', {"a": [1, {"b": 0}]}),
        (b"true", True),
        (b"null", None),
    ],
)
def test_reads_json_with_numbers_as_values(body: bytes, value: Json) -> None:
    for read_as, faults in (read(body), (ijson_faults.read_value(body.decode("utf-8-sig"), 0)[::2])):
        assert faults == ()
        assert read_as == value
        assert type(read_as) is type(value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"[",
        b"]",
        b"{",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"{1:2}",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b'{"a":1 "b":2}',
        b"{a:1}",
        b"{'a':1}",
        b"01",
        b"+1",
        b".5",
        b"-",
        b"1.e5",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"[NaN]",
        b"nul",
        b"True",
        b'"\x01"',
        b'"\n"',
        b'"\\x"',
        b'"\\u12"',
        b'"\\u12 4"',
        b'"\\u+123"',
        b'"abc',
        b'"abc\\',
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"\xff",
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b"\xfe\xff\x00{\x00}",
        b"{\x00}",
        b"/* */ {}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 70 + b"1" + b"]" * 69 + b"}",
        b"[" * 70 + b"1 2" + b"]" * 70,
        b"[" * 70 + b'{"a"}' + b"]" * 70,
        b"[" * 70 + b"{,}" + b"]" * 70,
        b"[" * 70 + b"nul" + b"]" * 70,
    ],
)
def test_refuses_what_is_no_json_and_says_where(body: bytes) -> None:
    with pytest.raises(NotJson) as refusal:
        read(body)
    assert refusal.value.detail.startswith("The body is not JSON: ")
    assert len(refusal.value.detail) < 200


def test_the_place_of_a_refusal_is_a_line_and_a_column() -> None:
    with pytest.raises(NotJson, match=r"at line 3, column 4, a value was expected, but something else stands there"):
        read(b'[1,\n2,\n"\xc3\xa9"'.replace(b'"\xc3\xa9"', b"  \t?"))
    with pytest.raises(NotJson, match=r"at line 1, column 3, a comma or \] was expected, but the body ends"):
        read(b"[1")
    with pytest.raises(NotJson, match="not UTF-8 at byte 4"):
        decode(b"\xef\xbb\xbf \xff")


@pytest.mark.parametrize(
    "body,pointer,words",
    [
        (b'{"a":1,"a":1}', "/a", "more than once"),
        (b'{"a":1,"\\u0061":2}', "/a", "more than once"),
        (b'{"x":[{"k":1,"b":2,"k":3}]}', "/x/0/k", "more than once"),
        (b'{"a":"x\\u0000"}', "/a", "NUL"),
        (b'{"a":"\\ud800"}', "/a", "lone surrogate U+D800"),
        (b'{"a":"\\udc00\\ud800"}', "/a", "lone surrogate U+DC00"),
        (b'{"a":["\\uFDD0"]}', "/a/0", "noncharacter U+FDD0"),
        (b'{"a":"\xef\xbf\xbf"}', "/a", "noncharacter U+FFFF"),
        (b'{"a":"\xf0\x9f\xbf\xbe"}', "/a", "noncharacter U+1FFFE"),
        (b'{"a":"\xf4\x8f\xbf\xbf"}', "/a", "noncharacter U+10FFFF"),
        (b'{"a":"\\ud83f\\udfff"}', "/a", "noncharacter U+1FFFF"),
        (b'{"a~/b":"\\u0000"}', "/a~0~1b", "NUL"),
        (b'{"":"\\u0000"}', "/", "NUL"),
        (b'{"a":{"\\u0000":1}}', "/a", "member name that contains the character NUL"),
        (b'{"a":{"\\ud800":[1e999]}}', "/a", "member name that contains the lone surrogate"),
        (b'{"a":1e999}', "/a", "beyond the range of a double"),
        (b'{"a":-1e999}', "/a", "beyond the range of a double"),
        (b'{"a":' + b"9" * 310 + b"}", "/a", "beyond the range of a double"),
        (b'{"a":' + b"9" * 309 + b"}", "/a", "beyond the range of a double"),
        (b'{"a":-' + b"9" * 5000 + b"}", "/a", "beyond the range of a double"),
        (b'{"a":' + b"9" * 5000 + b".5}", "/a", "beyond the range of a double"),
        (b'{"a":' + nested(64) + b"}", "/a" + "/0" * 63, "nests deeper than 64 levels"),
        (b'{"a":' + nested(1000) + b"}", "/a" + "/0" * 63, "nests deeper than 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "/a" * 64, "nests deeper than 64 levels"),
        (b'{"a":' * 70_000 + b"[]" + b"}" * 70_000, "/a" * 64, "nests deeper than 64 levels"),
        (b'{"a":' + b'[{"\\u0000":1},' * 40 + b'{"b":[true,"\\\\"],"c":-1.5e3}' + b"]" * 40 + b"}", "/a/0", "NUL"),
    ],
)
def test_finds_what_i_json_forbids_and_where(body: bytes, pointer: str, words: str) -> None:
    _, faults = read(body)
    assert faults[0].pointer == pointer
    assert words in faults[0].detail
    assert all(len(fault.detail) < 160 for fault in faults)


def test_finds_all_faults_of_a_value_up_to_a_number() -> None:
    _, faults = read(b'{"a":"\\u0000","b":[1e999,"\\ud800"],"b":2}')
    assert [fault.pointer for fault in faults] == ["/a", "/b/0", "/b/1", "/b"]
    _, faults = read(b"[" + b",".join([b"1e999"] * 1000) + b"]")
    assert len(faults) == MAX_FAULTS


def test_a_pointer_is_never_longer_than_it_can_be_shown() -> None:
    name = b"n" * 1000
    _, faults = read(b'{"a":{"' + name + b'":1e999}}')
    assert faults[0].pointer == "/a"
    _, faults = read(b'{"' + b"n" * 90 + b'":{"' + b"m" * 90 + b'":{"' + b"o" * 90 + b'":1e999}}}')
    assert faults[0].pointer == "/" + "n" * 90 + "/" + "m" * 90


@pytest.mark.parametrize(
    "body",
    [
        nested(64),
        b'{"a":' * 64 + b"1" + b"}" * 64,
        b"[" + b"[]," * 500 + b"[]]",
        b'["\\\\u0000", "\\\\ud800"]',
        b'["\xef\xbb\xbf", "\xee\x80\x80", "\xf0\x9f\x98\x80", "\xef\xbf\xbd", "\xef\xb7\x8f", "\xef\xb7\xb0"]',
        b'["\\ud83d\\ude00", "\\u003a"]',
        b'["\\u0001\x7f"]',
        str(int(1.7976931348623157e308)).encode(),
        b"-" + str(int(1.7976931348623157e308)).encode(),
    ],
)
def test_takes_all_that_i_json_allows(body: bytes) -> None:
    value, faults = read(body)
    assert faults == ()
    assert value == json.loads(body)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_every_way_reads_the_same(value: Json, is_ascii: bool, indent: int | None) -> None:
    text = json.dumps({"v": value, "w": 1}, ensure_ascii=is_ascii, indent=indent)
    expected = canonical(ijson_faults.read_value(text, 0)[0])
    text, is_suspicious = decode(text.encode())
    by_scanning, end, faults = read_value(text, 0, is_suspicious)
    assert (end, faults) == (len(text), ())
    assert canonical(by_scanning) == expected
    quickly = None if is_suspicious else read_object(text, 0)
    if quickly is not None:
        assert quickly[1] == len(text)
        assert canonical(quickly[0]) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '{"a:":1,"a:":1}',
        '{"a":[{"b":":","b":1}]}',
        '{"a":18446744073709551616}',
        '{"a":1e300}',
        '{"a":[9007199254740992.0]}',
        '{"a":1e999}',
        '{"a":' + "[" * 64 + "]" * 64 + "}",
        '{"a":' * 65 + "1" + "}" * 65,
        '{"a":1} {}',
        '{"a":NaN}',
        '{"a":' + '"x"' * 2 + "}",
    ],
)
def test_the_quick_way_leaves_what_it_cannot_read_exactly(text: str) -> None:
    assert read_object(text, 0) is None


def test_the_quick_way_stops_where_the_object_ends() -> None:
    text = ' {"a":{"b":1.0},"c":[2.0,{"d":3.0}]} , {"e":1}'
    assert read_object(text, 1) == ({"a": {"b": 1}, "c": [2, {"d": 3}]}, text.index(" , "))
    assert read_object('{"a":"},{"}', 0) is None
    assert read_object('{"a":1}' + " " * 9000, 0) is None


PIECES = ["{", "}", "[", "]", ",", ":", '"', '"a"', '"b":', '"a":1,', "{}", " ", "1", "-0.0", "2.0", "1e16", "1e999"]
PIECES += [
    '"\\\\"',
    '"},{"',
    '"\xe9"',
    "9007199254740993",
    "18446744073709551616",
    "null",
    "true",
    '"a:b"',
    "},{",
    "\\n",
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=14).map(lambda pieces: "{" + "".join(pieces))
    | st.lists(st.sampled_from(PIECES[6:]), max_size=9).map(lambda pieces: '{"a":[' + ",".join(pieces) + "]}")
)
@example('{"a":1,"a":1}')
@example('{"a":{"a:":1,"a":2},"b":":"},{"c":1}')
def test_what_the_quick_way_reads_the_slow_one_reads_too(text: str) -> None:
    quickly = read_object(text, 0) if text.startswith("{") else None
    if quickly is not None:
        value, end, faults = ijson_faults.read_value(text, 0)
        assert (quickly[1], faults) == (end, ())
        assert canonical(quickly[0]) == canonical(value)


def rewrite(value: Json, draw: st.DrawFn) -> str:
    """The same JSON value written otherwise: order of names, white space, escapes, forms of numbers."""
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    match value:
        case bool() | None:
            return json.dumps(value)
        case int():
            tenfold = f"{value}0E-1" if value else "-0.0"
            return draw(st.sampled_from([str(value), f"{value}.0", f"{value}e0", tenfold, f"{value}.00e+00"]))
        case float():
            exact = Decimal(repr(value))
            plain = f"{exact:f}"
            return draw(st.sampled_from([repr(value), f"{exact:e}", plain, plain + ("0" if "." in plain else ".0")]))
        case str():
            return json.dumps(value, ensure_ascii=draw(st.booleans())).replace("/", draw(st.sampled_from(["/", "\\/"])))
        case list():
            return f"[{space}" + f",{space}".join(rewrite(element, draw) for element in value) + f"{space}]"
        case dict():
            names = draw(st.permutations(list(value)))
            members = (f"{rewrite(name, draw)}{space}:{space}{rewrite(value[name], draw)}" for name in names)
            return f"{{{space}" + f"{space},".join(members) + f"{space}}}"


@st.composite
def written_twice(draw: st.DrawFn) -> tuple[str, str]:
    """Two texts of one JSON value."""
    value = draw(VALUES)
    return rewrite(value, draw), rewrite(value, draw)


@given(written_twice())
@example(("1e23", "100000000000000000000000"))
@example(('{"b":1,"a":"\\u00e9"}', '{"a":"\xe9","b":1.0}'))
@example(("[1e300]", "[1" + "0" * 300 + "]"))
def test_equal_values_have_equal_canonical_bytes(texts: tuple[str, str]) -> None:
    (one, faults), (other, more_faults) = (read(text.encode()) for text in texts)
    assert faults == more_faults == ()
    assert canonical(one) == canonical(other)
    assert canonical(read(canonical(one))[0]) == canonical(one)


def same(one: Json, other: Json) -> bool:
    """Equality of JSON values, where true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(VALUES, VALUES)
@example(1, True)
@example(0, False)
@example(2**64, float(2**64 + 2**13))
@example(9007199254740993, 9007199254740992)
@example("1", 1)
@example([1, [2]], [[1], 2])
@example(None, "null")
@example(2**70, str(2**70))
def test_different_values_have_different_canonical_bytes(one: Json, other: Json) -> None:
    (one, _), (other, _) = (read(json.dumps(value).encode()) for value in (one, other))
    assert same(one, other) == (canonical(one) == canonical(other))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_an_integer_when_it_is_whole_and_else_a_double(number: float) -> None:
    value, faults = read(repr(number).encode())
    assert faults == ()
    assert isinstance(value, int | float)
    assert float(value) == number
    assert isinstance(value, int) == (math.trunc(number) == number)


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0dD8 1eE.-+truefalsn\ufffe\n', max_size=40).map(str.encode))
def test_no_bytes_raise_anything_but_not_json_and_python_agrees(body: bytes) -> None:
    try:
        text, is_suspicious = decode(body)
        _, end, _ = read_value(text, 0, is_suspicious)
        is_json = end == len(text)
    except NotJson:
        is_json = False

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(body.decode("utf-8").removeprefix("\ufeff").strip(" \t\n\r") or "?", parse_constant=refuse)
        is_json_for_python = True
    except ValueError:
        is_json_for_python = False
    # Here a value begins at once and ends with the text; json.loads takes white space around it.
    if not body.removeprefix(b"\xef\xbb\xbf")[:1].isspace() and not body[-1:].isspace():
        assert is_json == is_json_for_python
