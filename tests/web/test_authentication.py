"""Reading the credential of a request: whatever its header holds, it is a credential or none, and never a crash."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Scope

from app.web.authentication import basic_credentials, bearer_token


def scope_with(*values: bytes) -> Scope:
    return {"type": "http", "headers": [(b"authorization", value) for value in values]}


def encoded(text: str | bytes) -> bytes:
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    "header, found",
    [
        (b"Basic " + encoded("name:key"), (("name", "key"),)),
        (b"basic   " + encoded("name:key") + b"  ", (("name", "key"),)),
        (b"BASIC " + encoded("name:a:key"), (("name", "a:key"), ("name:a", "key"))),
        (b"Basic " + encoded("Büro \U0001f69a:schlüssel"), (("Büro \U0001f69a", "schlüssel"),)),
        (b"Basic " + encoded(":key"), (("", "key"),)),
        (b"Basic " + encoded("name:"), (("name", ""),)),
        (b"Basic " + encoded("no colon"), ()),
        (b"Basic " + encoded(b"name:\xff"), ()),
        (b"Basic " + encoded(b"name:\xed\xa0\x80"), ()),
        (b"Basic name:key", ()),
        (b"Basic !!!!", ()),
        (b"Basic bmFtZTprZXk\n=", ()),
        (b"Basic " + encoded("name:key").rstrip(b"=")[:-1], ()),
        (b"Basic \xff\xfe", ()),
        (b"Basic", ()),
        (b"Basic ", ()),
        (b"", ()),
        (b"Bearer " + encoded("name:key"), ()),
        (b"Basic" + encoded("name:key"), ()),
    ],
)
def test_basic(header: bytes, found: tuple[tuple[str, str], ...]) -> None:
    assert basic_credentials(scope_with(header)) == found


@pytest.mark.parametrize(
    "header, found",
    [
        (b"Bearer key", "key"),
        (b"bearer  key ", "key"),
        (b"Bearer a b", "a b"),
        (b"Bearer \xff", "\ufffd"),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Basic key", None),
    ],
)
def test_bearer(header: bytes, found: str | None) -> None:
    assert bearer_token(scope_with(header)) == found


def test_of_several_headers_each_reader_takes_its_own() -> None:
    scope = scope_with(b"Digest x", b"Basic " + encoded("name:key"), b"Bearer token", b"Bearer other")
    assert basic_credentials(scope) == (("name", "key"),)
    assert bearer_token(scope) == "token"
    assert basic_credentials({"headers": []}) == ()


@given(st.binary(max_size=40))
@example(b"=" * 4)
@example(b"\xc3\xa9" * 4)
def test_anything_is_a_credential_or_none(value: bytes) -> None:
    for header in (value, b"Basic " + value, b"Basic " + encoded(value)):
        found = basic_credentials(scope_with(header))
        assert all(":" not in name or ":" not in password for name, password in found)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_names_and_keys_come_back(name: str, key: str) -> None:
    for one, other in ((name.replace(":", ""), key), (name, key.replace(":", ""))):
        assert (one, other) in basic_credentials(scope_with(b"Basic " + encoded(f"{one}:{other}")))
