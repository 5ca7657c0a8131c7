"""Sealed cursors: they come back as sealed, for their purpose alone, and say nothing."""

import base64
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.cursors import LONGEST, CursorSeal
from app.web.problems import Problem

SEAL = CursorSeal(bytes(range(32)))


def is_refused(text: str, purpose: str = "list", seal: CursorSeal = SEAL) -> bool:
    problem: Problem | None = None
    try:
        seal.open(purpose, text)
    except Problem as raised:
        problem = raised
    if problem is None:
        return False
    assert problem.status == 400
    assert problem.errors is not None
    assert problem.errors[0]["parameter"] == "cursor"
    return True


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_comes_back(plain: bytes, purpose: str) -> None:
    cursor = SEAL.seal(purpose, plain)
    assert SEAL.open(purpose, cursor) == plain
    assert cursor == SEAL.seal(purpose, plain)
    assert quote(cursor, safe="") == cursor


@given(st.binary(max_size=80), st.text(max_size=8), st.text(max_size=8), st.binary(min_size=16, max_size=64))
def test_a_cursor_serves_one_purpose_under_one_key(plain: bytes, purpose: str, other: str, key: bytes) -> None:
    cursor = SEAL.seal(purpose, plain)
    assert is_refused(cursor, other) is (other != purpose)
    assert is_refused(cursor, purpose, CursorSeal(key))


@given(st.binary(max_size=80), st.data())
def test_no_bit_can_be_changed(plain: bytes, data: st.DataObject) -> None:
    cursor = SEAL.seal("list", plain)
    sealed = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    assert is_refused(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode())


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    assert is_refused(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda cursor: cursor + "=",
        lambda cursor: cursor + "A",
        lambda cursor: cursor[:-1],
        lambda cursor: " " + cursor,
        lambda cursor: cursor + "\n",
        lambda cursor: cursor[:-1] + chr(ord(cursor[-1]) + 1),
        lambda cursor: "A" * (LONGEST + 1),
        lambda cursor: "\ud800",
        lambda cursor: "",
    ],
)
def test_other_writings_are_refused(change: object) -> None:
    assert callable(change)
    assert is_refused(change(SEAL.seal("list", b"12345")))


def test_a_cursor_shows_nothing_of_what_is_near() -> None:
    """Cursors of consecutive numbers share no more than chance gives them."""
    cursors = [SEAL.seal("changes", number.to_bytes(8, "big")) for number in range(300)]
    assert len(set(cursors)) == 300
    assert len({cursor[:6] for cursor in cursors}) == 300
    assert len({cursor[-6:] for cursor in cursors}) == 300


def test_fingerprints_are_short_equal_for_equals_and_keyed() -> None:
    one = SEAL.fingerprint("violation", b"1")
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", one)
    assert one == SEAL.fingerprint("violation", b"1")
    others = [
        SEAL.fingerprint("violation", b"2"),
        SEAL.fingerprint("other", b"1"),
        CursorSeal(bytes(32)).fingerprint("violation", b"1"),
    ]
    assert one not in others
