"""Whom claims tell of: which name is shown, and that it is one line that hides nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sign_on.person import LONGEST_NAME, read_person


@pytest.mark.parametrize(
    "claims,name",
    [
        ({"name": "Ada Lovelace", "preferred_username": "al", "email": "al@x"}, "Ada Lovelace"),
        ({"name": " \u202e\u200b ", "preferred_username": "al", "email": "al@x"}, "al"),
        ({"name": ["Ada"], "preferred_username": "", "email": "al@x"}, "al@x"),
        ({"given_name": "Ada"}, "auth0|4711"),
        ({"name": "Ada\r\n\x1b[31m\u2066Lovelace\x00"}, "Ada [31mLovelace"),
        ({"name": "\u0645\u06cc\u200c\u0634\u0648\u062f"}, "\u0645\u06cc\u200c\u0634\u0648\u062f"),
        ({"name": "A" * 101}, f"{'A' * 99}…"),
    ],
)
def test_the_name_that_is_shown(claims: dict[str, object], name: str) -> None:
    assert read_person({"sub": "auth0|4711", **claims}, None, "groups").name == name


VALUES = st.none() | st.text() | st.lists(st.text()) | st.integers()


@given(st.dictionaries(st.sampled_from(["name", "preferred_username", "email"]), VALUES))
def test_there_is_always_a_name_of_one_line(claims: dict[str, object]) -> None:
    name = read_person({"sub": "ada", **claims}, None, "groups").name
    assert 1 <= len(name) <= LONGEST_NAME
    assert len(name.splitlines()) == 1
