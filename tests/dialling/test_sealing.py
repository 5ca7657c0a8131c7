"""Secrets at rest: sealed and opened, bound to their place, through rotations, and what cannot be opened."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialling.sealing import Seal, Unsealable, read_keys

OLD, NEW = "an old key of people", "a new key of 22 letters"
NONE, FIRST, SECOND, BOTH = Seal(None), Seal(OLD), Seal(NEW), Seal(f"{NEW}, {OLD}")
SECRET = "whsec_c2VjcmV0"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


@given(TEXTS, TEXTS)
def test_what_is_sealed_opens_for_its_purpose_alone(purpose: str, text: str) -> None:
    sealed = FIRST.seal(purpose, text)
    assert sealed.isascii()
    assert FIRST.open(purpose, sealed) == text
    with pytest.raises(Unsealable, match="does not belong"):
        FIRST.open(purpose + "x", sealed)


def test_it_shows_nothing_and_is_another_each_time() -> None:
    sealed = [FIRST.seal("hook:1", SECRET) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert all(SECRET.encode() not in base64.urlsafe_b64decode(one.removeprefix("sealed:1:")) for one in sealed)


def test_it_opens_in_another_process_with_the_same_key() -> None:
    assert Seal(OLD).open("hook:1", FIRST.seal("hook:1", SECRET)) == SECRET


def test_without_a_key_it_is_stored_as_it_is_and_opens_when_there_is_one() -> None:
    stored = NONE.seal("hook:1", SECRET)
    assert stored == f"plain:{SECRET}"
    assert NONE.open("hook:1", stored) == FIRST.open("hook:1", stored) == SECRET


def test_keys_are_rotated() -> None:
    before = FIRST.seal("hook:1", SECRET)
    assert BOTH.open("hook:1", before) == SECRET
    after = BOTH.seal("hook:1", SECRET)
    assert SECOND.open("hook:1", after) == SECRET
    with pytest.raises(Unsealable, match="not among those of HOS_SECRET_KEY"):
        FIRST.open("hook:1", after)


@pytest.mark.parametrize(
    "seal, sealed_by, current",
    [
        (NONE, NONE, True),
        (NONE, FIRST, False),
        (FIRST, NONE, False),
        (FIRST, FIRST, True),
        (BOTH, FIRST, False),
        (BOTH, SECOND, True),
    ],
)
def test_it_tells_what_is_to_be_sealed_anew(seal: Seal, sealed_by: Seal, current: bool) -> None:
    assert seal.is_current(sealed_by.seal("p", "t")) is current


def test_a_key_that_is_gone_is_said() -> None:
    with pytest.raises(Unsealable, match="HOS_SECRET_KEY is not set"):
        NONE.open("hook:1", FIRST.seal("hook:1", SECRET))
    with pytest.raises(Unsealable, match="not among those of HOS_SECRET_KEY"):
        SECOND.open("hook:1", FIRST.seal("hook:1", SECRET))


@given(st.integers(4, 200), st.integers(1, 255))
def test_no_altered_byte_opens(place: int, change: int) -> None:
    data = bytearray(base64.urlsafe_b64decode(FIRST.seal("hook:1", SECRET).removeprefix("sealed:1:")))
    data[4 + place % (len(data) - 4)] ^= change
    with pytest.raises(Unsealable, match="altered"):
        FIRST.open("hook:1", "sealed:1:" + base64.urlsafe_b64encode(data).decode())


NOT_SEALED = ["", SECRET, "sealed:", "sealed:1:", "sealed:1:AAAA", "sealed:1:ä", "sealed:1:A", "sealed:2:" + "A" * 80]


@pytest.mark.parametrize("stored", [*NOT_SEALED, "sealed:1:" + "A" * 41 + "!" + "A" * 42])
def test_what_was_never_sealed_is_said_without_showing_it(stored: str) -> None:
    with pytest.raises(Unsealable) as caught:
        FIRST.open("hook:1", stored)
    assert str(caught.value) == "what is stored is no sealed secret"


@pytest.mark.parametrize("key", ["", " ", ",", "short", f"{OLD},short", "x" * 15])
def test_a_short_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        Seal(key)
    assert "short" not in str(caught.value)


def test_keys_are_read() -> None:
    assert read_keys(f" {NEW} ,{OLD},") == (NEW, OLD)
