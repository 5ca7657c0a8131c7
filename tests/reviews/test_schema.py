"""A review as it is asked for: what is taken, and every way to be wrong, with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reviews.model import ReviewStatus
from app.reviews.schema import MAX_NOTE, NewReview, Review, WrongReview, check_review, read_review, shown_reviews

REQUIRED = {"/status": "is required."}
WRONG_STATUS = {"/status": "must be one of open, acknowledged, coached, disputed."}
WRONG_NOTE = {"/note": "must be text or null."}


def faults_of(body: bytes) -> dict[str, str]:
    with pytest.raises(WrongReview) as caught:
        read_review(body)
    assert caught.value.is_json
    return {fault.pointer: fault.detail for fault in caught.value.faults}


@pytest.mark.parametrize("word, status", [(status.name.lower(), status) for status in ReviewStatus])
def test_each_status_is_taken(word: str, status: ReviewStatus) -> None:
    assert read_review(json.dumps({"status": word}).encode()) == NewReview(status, None)


@pytest.mark.parametrize(
    "note, kept",
    [
        (None, None),
        ("", None),
        (" \t\r\n\u2003", None),
        ("  called him \n", "called him"),
        ("first\n\n second\r\n", "first\n\n second"),
        ("ü \U0001f69a \x1b<b>' --", "ü \U0001f69a \x1b<b>' --"),
        ("x" * MAX_NOTE, "x" * MAX_NOTE),
        ("\U0001f69a" * MAX_NOTE, "\U0001f69a" * MAX_NOTE),
        (" " * 9 + "x" * MAX_NOTE + "\n", "x" * MAX_NOTE),
    ],
)
def test_a_note_is_kept_without_the_space_around_it(note: str | None, kept: str | None) -> None:
    expected = NewReview(ReviewStatus.COACHED, kept)
    assert read_review(json.dumps({"status": "coached", "note": note}).encode()) == expected
    assert read_review(json.dumps({"status": "coached", "note": note}, ensure_ascii=False).encode()) == expected


@pytest.mark.parametrize(
    "body, faults",
    [
        (b"[]", {"": "must be an object."}),
        (b'"open"', {"": "must be an object."}),
        (b"null", {"": "must be an object."}),
        (b"{}", REQUIRED),
        (b'{"note":"x"}', REQUIRED),
        (b'{"status":null}', WRONG_STATUS),
        (b'{"status":""}', WRONG_STATUS),
        (b'{"status":"Open"}', WRONG_STATUS),
        (b'{"status":"open "}', WRONG_STATUS),
        (b'{"status":"active"}', WRONG_STATUS),
        (b'{"status":1}', WRONG_STATUS),
        (b'{"status":["open"]}', WRONG_STATUS),
        (b'{"status":{"open":1}}', WRONG_STATUS),
        (b'{"status":"open","note":1}', WRONG_NOTE),
        (b'{"status":"open","note":false}', WRONG_NOTE),
        (b'{"status":"open","note":["x"]}', WRONG_NOTE),
        (b'{"status":"open","note":{}}', WRONG_NOTE),
        (b'{"status":"x","note":1}', {**WRONG_STATUS, **WRONG_NOTE}),
        (b'{"status":"open","by":"me"}', {"/by": "is not known. The fields here are status, note."}),
        (b'{"status":"open","a/b~":1}', {"/a~1b~0": "is not known. The fields here are status, note."}),
        (
            b'{"status":"open","note":"a\\u0000b"}',
            {"/note": "contains the character NUL (U+0000), which is not allowed."},
        ),
        (
            b'{"status":"open","note":"\\ud83d"}',
            {"/note": "contains the lone surrogate U+D83D, which is not allowed."},
        ),
        (
            b'{"status":"open","note":"\xef\xbf\xbf"}',
            {"/note": "contains the noncharacter U+FFFF, which is not allowed."},
        ),
        (
            b'{"status":"open","status":"open"}',
            {"/status": "appears more than once in its object; the names in an object must be unique."},
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(body: bytes, faults: dict[str, str]) -> None:
    assert faults_of(body) == faults


def test_a_note_that_is_too_long_is_told_so() -> None:
    body = json.dumps({"status": "open", "note": "x" * (MAX_NOTE + 1)}).encode()
    assert faults_of(body) == {"/note": "has 4001 characters; it may have 4000."}


@pytest.mark.parametrize("text", ["\0", "a\ud800", "\ufdd0", "\U0010ffff"])
def test_a_form_with_what_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(WrongReview, match="cannot be stored"):
        check_review({"status": "open", "note": text})


@pytest.mark.parametrize("body", [b"", b" ", b"open", b"{", b'{"status":"open"} x', b"\xff", b"[" * 60_000, b"NaN"])
def test_what_is_not_json_is_told_so(body: bytes) -> None:
    with pytest.raises(WrongReview) as caught:
        read_review(body)
    assert not caught.value.is_json
    assert [(fault.pointer, fault.detail) for fault in caught.value.faults] == [("", "is not JSON.")]


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_no_body_breaks_it(body: bytes) -> None:
    with pytest.raises(WrongReview):
        read_review(body)


def test_a_violation_without_reviews_is_open() -> None:
    assert shown_reviews([]) == {"status": "open", "note": None, "by": None, "at": None, "history": []}


def test_the_newest_review_holds_and_all_are_shown() -> None:
    first = Review(1, ReviewStatus.ACKNOWLEDGED, None, "a", 0)
    second = Review(7, ReviewStatus.DISPUTED, "no", "b", 1_500_000)
    holding = {"status": "disputed", "note": "no", "by": "b", "at": "1970-01-01T00:00:01.500000Z"}
    before = {"status": "acknowledged", "note": None, "by": "a", "at": "1970-01-01T00:00:00Z"}
    assert shown_reviews([first, second]) == {**holding, "history": [before, holding]}
