"""Standard Webhooks signatures, with the `standardwebhooks` library as the oracle of what a sender signs."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from app.ingest.signature import TOLERANCE_SECONDS, is_signed, signing_key

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()
NOW = 1_800_000_000


def signature(secret: str, body: str, message_id: str = "msg_1", at: int = NOW) -> bytes:
    return Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body).encode()


def accepts(
    signatures: bytes,
    body: bytes = b"{}",
    message_id: bytes = b"msg_1",
    timestamp: bytes = b"%d" % NOW,
    secrets: tuple[str, ...] = (SECRET,),
    now: float = NOW,
) -> bool:
    return is_signed([signing_key(s) for s in secrets], message_id, timestamp, signatures, body, now)


@given(st.text(max_size=200), st.text(st.characters(codec="ascii", exclude_characters="."), min_size=1, max_size=40))
def test_what_the_library_signs_is_accepted(body: str, message_id: str) -> None:
    if "\ud800" <= max(body, default="") <= "\udfff":
        body = body.encode("utf-8", "replace").decode()
    signed = signature(SECRET, body, message_id)
    assert accepts(signed, body.encode(), message_id.encode())
    assert not accepts(signed, body.encode() + b" ", message_id.encode())
    assert not accepts(signed, body.encode(), message_id.encode() + b"x")


@pytest.mark.parametrize(
    "age, accepted",
    [
        (0, True),
        (TOLERANCE_SECONDS, True),
        (-TOLERANCE_SECONDS, True),
        (TOLERANCE_SECONDS + 1, False),
        (-TOLERANCE_SECONDS - 1, False),
        (86_400, False),
        (NOW, False),
    ],
)
def test_the_timestamp_is_within_five_minutes(age: int, accepted: bool) -> None:
    at = NOW - age
    assert accepts(signature(SECRET, "{}", at=at), timestamp=b"%d" % at) is accepted


def test_the_timestamp_is_part_of_what_is_signed() -> None:
    assert not accepts(signature(SECRET, "{}", at=NOW - 1), timestamp=b"%d" % NOW)


NO_TIMESTAMPS = [b"", b" ", b"-1", b"+1800000000", b"1800000000.0", b"1_800_000_000", b"1800000000\n", b" 1800000000"]
NO_TIMESTAMPS += [b"0x6b49d200", b"1e9", b"now", b"\xff", b"9" * 400, "\u0661\u0668".encode()]


@pytest.mark.parametrize("timestamp", NO_TIMESTAMPS)
def test_a_timestamp_that_is_no_number_is_wrong(timestamp: bytes) -> None:
    assert not accepts(signature(SECRET, "{}"), timestamp=timestamp)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b" ",
        b"v1",
        b"v1,",
        b"v1,=",
        b"v1,\xff\xfe",
        b"v1,AAAA",
        b",",
        b"v2,abc",
        b"v1a,abc",
        b"v1,v1,v1",
        b"," * 999,
    ],
)
def test_garbage_is_a_wrong_signature(garbage: bytes) -> None:
    assert not accepts(garbage)
    assert accepts(garbage + b" " + signature(SECRET, "{}"))


def test_the_signature_alone_without_its_version_is_wrong() -> None:
    assert not accepts(signature(SECRET, "{}").removeprefix(b"v1,"))
    assert not accepts(b"v2," + signature(SECRET, "{}").removeprefix(b"v1,"))
    assert not accepts(b"v1a," + signature(SECRET, "{}").removeprefix(b"v1,"))


def test_one_right_signature_of_several_is_enough() -> None:
    right, wrong = signature(SECRET, "{}"), signature(OTHER, "{}")
    assert accepts(wrong + b" " + right)
    assert accepts(right + b" " + wrong)
    assert not accepts(wrong + b" " + wrong)


def test_secrets_may_be_rotated() -> None:
    for secrets in ((SECRET, OTHER), (OTHER, SECRET)):
        assert accepts(signature(SECRET, "{}"), secrets=secrets)
        assert accepts(signature(OTHER, "{}"), secrets=secrets)
    assert not accepts(signature(SECRET, "{}"), secrets=(OTHER,))
    assert not accepts(signature(SECRET, "{}"), secrets=())


def test_an_id_is_needed() -> None:
    assert not accepts(signature(SECRET, "{}", message_id=""), message_id=b"")


def test_bodies_are_signed_as_bytes() -> None:
    body = b'{"a":"\xff\x00"}'
    key = signing_key(SECRET)
    made = base64.b64encode(hmac.digest(key, b"msg_1.%d." % NOW + body, hashlib.sha256))
    assert accepts(b"v1," + made, body)


@given(st.binary(max_size=60), st.binary(max_size=30), st.binary(max_size=30))
def test_no_header_makes_it_fail(signatures: bytes, timestamp: bytes, message_id: bytes) -> None:
    assert not accepts(signatures, timestamp=timestamp, message_id=message_id)


@pytest.mark.parametrize("size", [16, 24, 32, 64, 128])
def test_secrets_of_usual_lengths(size: int) -> None:
    key = bytes(range(size))
    encoded = base64.b64encode(key).decode()
    assert signing_key(f"whsec_{encoded}") == signing_key(f"whsec_{encoded.rstrip('=')}") == key


@pytest.mark.parametrize("encoded", ["", "abc", "!!!!", "ä", "A" * 20, "A" * 400])
def test_a_secret_that_is_none_is_refused_without_being_shown(encoded: str) -> None:
    with pytest.raises(ValueError, match="whsec_") as caught:
        signing_key(f"whsec_{encoded}")
    assert not encoded or encoded not in str(caught.value)
