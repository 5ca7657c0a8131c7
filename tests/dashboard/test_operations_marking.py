"""Where a fault is in quarantined bytes, and how they are shown."""

import pytest

from app.dashboard.operations.marking import AROUND, MOST_CHARACTERS, MOST_MARKED, MOST_ROWS, ROW, mark
from app.maven.events import NotJson, RejectedEvent, read_delivery
from tests.maven.examples import as_bytes, enveloped, flat_event, violation_data, without


def faults_of(body: bytes) -> list[dict[str, str]]:
    """The errors that the quarantine keeps of a body of one event."""
    try:
        (event,) = read_delivery(body, 10)
    except NotJson as error:
        return [{"pointer": "", "detail": str(error)}]
    assert isinstance(event, RejectedEvent)
    return [{"pointer": fault.pointer, "detail": fault.detail} for fault in event.faults]


def marked_in(body: bytes) -> list[str]:
    return [piece.text for piece in mark(body, faults_of(body)).pieces if piece.kind.startswith("fault")]


@pytest.mark.parametrize(
    "body,marks",
    [
        (as_bytes(flat_event(duration="long")), ['"long"']),
        (as_bytes(enveloped(violation_data(duration="long", driverId=7))), ["7", '"long"']),
        (as_bytes(flat_event(startData={"latitude": 91})), ["91"]),
        (as_bytes(enveloped(violation_data(startData=[{"latitude": 91}]))), ["91"]),
        (as_bytes(enveloped([1])), ["[1]"]),
        (b'{"eventType":"violationCreated","id":"a","id":"b"}', ['"a"', '"b"']),
        (b'{"eventType":7}', ["7"]),
        (b'{"id":"x","eventType":"violationCreated","data":{"a":"\\u0000"}}', ['"\\u0000"']),
        (b'{"eventType":"violationCreated","a~/b":"\\ud800"}', ['"\\ud800"']),
        (b"[1]", ["[1]"]),
        (b'\xef\xbb\xbf{"a": 1,\n  oops}', ["o"]),
        (b'{"a": ', ["(the end)"]),
        (b"", ["(the end)"]),
        (b"\r\n\n x", ["x"]),
    ],
)
def test_the_value_at_fault_is_marked(body: bytes, marks: list[str]) -> None:
    assert marked_in(body) == marks
    shown = "".join(piece.text for piece in mark(body, faults_of(body)).pieces)
    assert shown.removesuffix("(the end)").replace("U+000D", "\r") == body.decode("utf-8-sig")


def test_what_is_missing_is_marked_where_it_should_be() -> None:
    body = as_bytes(enveloped(without(violation_data(), "driverId")))
    pieces = list(mark(body, faults_of(body)).pieces)
    assert [piece.text for piece in pieces if piece.kind == "fault"] == ["{"]
    assert pieces[0].text.endswith('"data":')


def test_a_long_value_is_marked_by_its_first_character() -> None:
    assert marked_in(as_bytes(flat_event(duration="x" * MOST_MARKED))) == ['"']


@pytest.mark.parametrize(
    "error", [{}, {"pointer": "/a/b/0/~1"}, {"pointer": "no pointer"}, {"detail": "at line 9, column 9,"}]
)
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a":[}', b'{"a":{"b":[]}}', b"[[[", b'{"data":1,"a', b'{"\\ud800":1}', b"\0"]
)
def test_no_bytes_and_no_errors_are_too_odd(body: bytes, error: dict[str, str]) -> None:
    marked = mark(body, [error])
    assert sum(len(piece.text) for piece in marked.pieces if piece.kind in ("text", "fault", "unseen")) >= len(body)


def test_a_long_text_is_cut_around_its_faults() -> None:
    before, behind = "a" * MOST_CHARACTERS, "b" * MOST_CHARACTERS
    body = as_bytes(flat_event(longDescription=before, duration="long", zzz=behind))
    marked = mark(body, faults_of(body))
    assert not marked.is_whole
    shown = "".join(piece.text for piece in marked.pieces if piece.kind != "left_out")
    assert '"long"' in shown
    assert len(shown) <= 3 * AROUND + len('"long"')
    left_out = sum(int(piece.text.replace(",", "")) for piece in marked.pieces if piece.kind == "left_out")
    assert left_out + len(shown) == len(body)


def test_what_cannot_be_seen_stands_by_its_code_point() -> None:
    pieces = mark('{"a":"\u202e\u200b\x07 \u00a0é\t"}'.encode(), []).pieces
    unseen = [piece.text for piece in pieces if piece.kind == "unseen"]
    assert unseen == ["U+202E", "U+200B", "U+0007", "U+00A0"]
    assert all(character.isprintable() or character == "\t" for piece in pieces for character in piece.text)


@pytest.mark.parametrize("before", [0, 3, ROW - 1, ROW, 5000, ROW * MOST_ROWS * 2])
def test_other_bytes_are_shown_in_rows(before: int) -> None:
    body = b"a" * before + b"\xff" + b"\x00<" * 10_000
    marked = mark(body, faults_of(body))
    (row,) = [row for row in marked.rows if row.fault is not None]
    assert row.fault is not None
    assert int(row.offset, 16) + row.fault == before
    assert row.digits[row.fault] == "ff"
    assert len(marked.rows) == MOST_ROWS
    assert not marked.is_whole
    whole = mark(b"\xef\xbb\xbf\xff", [])
    assert whole.is_whole
    assert (whole.rows[0].digits, whole.rows[0].fault) == (("ef", "bb", "bf", "ff"), 3)
