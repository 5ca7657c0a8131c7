"""Standard Webhooks: what is signed verifies with the `standardwebhooks` library, also while secrets are rotated."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.dialling.standard_webhooks import new_secret, sign

OLD, NEW = new_secret(), new_secret()


def verify(secret: str, body: bytes, signature: str, message_id: str, at: int) -> None:
    headers = {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}
    Webhook(secret).verify(body, headers)


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def test_a_secret_is_32_random_bytes() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in made} == {32}
    assert all(secret.startswith("whsec_") for secret in made)


@given(
    st.binary(min_size=1, max_size=128).map(lambda key: "whsec_" + base64.b64encode(key).decode()),
    st.text(st.characters(codec="ascii", exclude_characters="."), min_size=1, max_size=40),
    st.integers(0, 4_102_444_800),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
)
def test_the_library_signs_the_same(secret: str, message_id: str, at: int, body: str) -> None:
    expected = Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body)
    assert sign([secret], message_id, at, body.encode()) == expected


def test_receivers_with_the_old_or_the_new_secret_accept_during_rotation() -> None:
    at, body = now(), b'{"type":"violation.created"}'
    signature = sign([NEW, OLD], "msg_1", at, body)
    assert signature.split(" ") == [sign([NEW], "msg_1", at, body), sign([OLD], "msg_1", at, body)]
    for secret in (OLD, NEW):
        verify(secret, body, signature, "msg_1", at)
    with pytest.raises(WebhookVerificationError):
        verify(OLD, body, sign([NEW], "msg_1", at, body), "msg_1", at)


@pytest.mark.parametrize("body, message_id, late", [(b"{} ", "msg_1", 0), (b"{}", "msg_2", 0), (b"{}", "msg_1", 1)])
def test_body_id_and_time_are_signed(body: bytes, message_id: str, late: int) -> None:
    at = now()
    signature = sign([NEW], "msg_1", at, b"{}")
    verify(NEW, b"{}", signature, "msg_1", at)
    with pytest.raises(WebhookVerificationError):
        verify(NEW, body, signature, message_id, at + late)


def test_a_secret_without_its_prefix_or_padding_is_the_same() -> None:
    assert sign([NEW.rstrip("=")], "m", 1, b"") == sign([NEW.removeprefix("whsec_")], "m", 1, b"")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_ä", "whsec_A"])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        sign([NEW, secret], "m", 1, b"")
    assert "!!!" not in str(caught.value)


def test_without_a_secret_nothing_is_signed() -> None:
    with pytest.raises(ValueError, match="nothing to sign with"):
        sign([], "m", 1, b"")
