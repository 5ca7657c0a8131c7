"""ID tokens of a provider that lies, over real HTTP: by whom they are signed, for whom, until when, and about whom."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey

from app.sign_on.errors import SignOnFailed
from app.sign_on.person import Person
from app.sign_on.tokens import KeyNotKnown, check_claims, read_signing_keys, verify
from tests.sign_on.scripted_provider import (
    CLIENT_ID,
    NOW,
    ScriptedProvider,
    ec_key,
    ed_key,
    rsa_key,
    scripted,
    sign_on_once,
    signed,
    signing_on,
)

pytestmark = pytest.mark.anyio

ADA = Person("ada", "Ada Lovelace", frozenset(["it"]))


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted() as provider:
        yield provider


async def refused(provider: ScriptedProvider) -> SignOnFailed:
    """How a sign-on fails; one that the provider does not spoil succeeds, so that it fails for no other reason."""
    async with signing_on(provider.issuer) as sign_on:
        with pytest.raises(SignOnFailed) as failed:
            await sign_on_once(sign_on, provider)
        assert str(failed.value).isprintable()
        assert "access-token" not in str(failed.value)
        provider.claims, provider.tokens = {}, {}
        provider.sign, provider.keys = lambda claims: signed(claims, rsa_key("sound")), [rsa_key("sound")]
        assert await sign_on_once(sign_on, provider) == ADA
    return failed.value


def half_hash(text: str, algorithm: str) -> str:
    digest = hashlib.new(algorithm, text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


@pytest.mark.parametrize(
    "algorithm,key,hashed_by",
    [
        ("RS256", rsa_key, "sha256"),
        ("PS256", rsa_key, "sha256"),
        ("RS512", rsa_key, "sha512"),
        ("ES256", ec_key, "sha256"),
        ("ES384", lambda: ec_key("e384", "P-384"), "sha384"),
        ("EdDSA", ed_key, "sha512"),
        ("Ed25519", ed_key, "sha512"),
    ],
)
async def test_algorithms_with_a_private_key_are_believed(
    provider: ScriptedProvider, algorithm: str, key: Callable[[], Any], hashed_by: str
) -> None:
    provider.keys = [ed_key("other"), ec_key("another"), key()]
    provider.discovery = {"id_token_signing_alg_values_supported": [algorithm]}
    provider.sign = lambda claims: signed(claims, key(), algorithm)
    provider.claims = {"at_hash": half_hash("access-token", hashed_by)}
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == ADA
        provider.claims = {"at_hash": half_hash("another-token", hashed_by)}
        with pytest.raises(SignOnFailed, match="at_hash") as failed:
            await sign_on_once(sign_on, provider)
        assert failed.value.reason == "claims"


@pytest.mark.parametrize(
    "claims,reason,told",
    [
        ({"iss": "https://evil.example.com"}, "claims", "iss"),
        ({"iss": None}, "claims", "iss"),
        ({"iss": ["x"]}, "claims", "iss"),
        ({"aud": "another"}, "claims", "aud"),
        ({"aud": []}, "claims", "aud"),
        ({"aud": None}, "claims", "aud"),
        ({"aud": [CLIENT_ID, "another"]}, "claims", "azp"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "claims", "azp"),
        ({"azp": "another"}, "claims", "azp"),
        ({"exp": NOW - 61}, "expired", "has ended"),
        ({"exp": None}, "claims", "exp"),
        ({"exp": "tomorrow"}, "claims", "exp"),
        ({"exp": True}, "claims", "exp"),
        ({"iat": NOW + 61}, "claims", "iat"),
        ({"iat": None}, "claims", "iat"),
        ({"nbf": NOW + 61}, "claims", "nbf"),
        ({"nonce": "another"}, "nonce", "another sign-on"),
        ({"nonce": None}, "nonce", "another sign-on"),
        ({"nonce": ["another"]}, "nonce", "another sign-on"),
        ({"at_hash": {"a": 1}}, "claims", ""),
        ({"at_hash": 7}, "claims", "at_hash"),
        ({"sub": None}, "claims", "sub"),
        ({"sub": ""}, "claims", "whom it is about"),
        ({"sub": 7}, "claims", "sub"),
        ({"sub": "a\nb"}, "claims", "whom it is about"),
        ({"sub": "a" * 256}, "claims", "whom it is about"),
        ({"groups": {"it": True}}, "claims", "groups"),
        ({"groups": ["it", 7]}, "claims", "groups"),
    ],
    ids=str,
)
async def test_claims_that_are_not_for_us(
    provider: ScriptedProvider, claims: dict[str, object], reason: str, told: str
) -> None:
    provider.claims = claims
    failure = await refused(provider)
    assert failure.reason == reason
    assert told in str(failure)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 59},
        {"iat": NOW + 59},
        {"aud": [CLIENT_ID]},
        {"aud": ["another", CLIENT_ID], "azp": CLIENT_ID},
        {"azp": CLIENT_ID, "acr": "0", "amr": ["pwd"], "unheard_of": {"x": [1]}},
    ],
    ids=str,
)
async def test_claims_that_are(provider: ScriptedProvider, claims: dict[str, object]) -> None:
    provider.claims = claims
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == ADA


def unsigned(claims: object) -> str:
    parts = [orjson.dumps({"alg": "none", "kid": "one"}), orjson.dumps(claims), b""]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def by_public_key(claims: object) -> str:
    """Signed by what everybody can read: the classic confusion of algorithms."""
    pem = rsa_key().public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return signed(claims, OctKey.import_key(base64.urlsafe_b64encode(pem).decode().rstrip("=")), "HS256", kid="one")


def bringing_its_key(claims: object) -> str:
    stranger = RSAKey.generate_key(2048)
    return signed(claims, stranger, kid="one", jwk=stranger.as_dict(private=False))


def altered(claims: object) -> str:
    head, _, signature = signed(claims, rsa_key()).split(".")
    assert isinstance(claims, dict)
    changed = base64.urlsafe_b64encode(orjson.dumps(claims | {"sub": "root"})).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


def by_hand(header: object, claims: object) -> str:
    """Signed by the provider's own key, under a header that no library would write."""
    parts = (base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in (header, claims))
    text = ".".join(parts)
    private = rsa_key().private_key
    assert private is not None
    signature = private.sign(text.encode(), PKCS1v15(), SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def test_what_is_signed_by_hand_is_believed(provider: ScriptedProvider) -> None:
    provider.sign = lambda claims: by_hand({"alg": "RS256", "kid": "one", "typ": "JWT", "unheard": [1]}, claims)
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == ADA


@pytest.mark.parametrize(
    "sign",
    [
        unsigned,
        by_public_key,
        bringing_its_key,
        altered,
        lambda claims: signed(claims, OctKey.import_key("c2VjcmV0" * 8), "HS256", kid="one"),
        lambda claims: signed(claims, rsa_key("stranger")),
        lambda claims: signed(claims, ec_key(), kid="one", alg="ES256"),
        lambda claims: signed(claims, rsa_key(), "RS384"),
        lambda claims: by_hand({"alg": "RS256", "kid": 7}, claims),
        lambda claims: by_hand({"alg": ["RS256"], "kid": "one"}, claims),
        lambda claims: by_hand({"alg": "RS256", "kid": "one", "crit": ["unheard"], "unheard": 1}, claims),
        lambda claims: by_hand({"alg": "RS256", "kid": "one", "crit": 7}, claims),
        lambda claims: by_hand({"kid": "one"}, claims),
        lambda claims: by_hand(["RS256"], claims),
        lambda claims: signed([claims], rsa_key()),
        lambda claims: signed("x" * 200_000, rsa_key()),
        lambda claims: signed(claims, rsa_key()).rsplit(".", 1)[0] + ".",
        lambda claims: signed(claims, rsa_key()).rsplit(".", 1)[0],
        lambda claims: "",
        lambda claims: "a.b.c.d.e",
        lambda claims: "\x00é.\ud7ff.",
    ],
)
async def test_signatures_that_are_not_the_provider_s(
    provider: ScriptedProvider, sign: Callable[[dict[str, object]], str]
) -> None:
    provider.sign = sign
    assert (await refused(provider)).reason == "signature"


async def test_a_symmetric_key_in_the_set_is_no_key(provider: ScriptedProvider) -> None:
    shared = OctKey.import_key("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", {"kid": "shared"})
    provider.keys = [shared]
    provider.sign = lambda claims: signed(claims, shared, "HS256")
    assert (await refused(provider)).reason == "signature"


async def test_a_token_without_key_id_is_by_the_only_key_that_fits(provider: ScriptedProvider) -> None:
    provider.sign = lambda claims: signed(claims, rsa_key(None))
    provider.keys = [ec_key(), rsa_key(None)]
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == ADA
    provider.keys = [rsa_key(None), rsa_key()]
    assert (await refused(provider)).reason == "signature"


@pytest.mark.parametrize("fields", [{"use": "enc"}, {"alg": "RS512"}, {"key_ops": ["encrypt"]}], ids=str)
def test_a_key_for_something_else_is_not_used(fields: dict[str, object]) -> None:
    shown: dict[str, object] = {**rsa_key().as_dict(private=False)}
    token = signed({"sub": "ada"}, rsa_key())
    with pytest.raises(KeyNotKnown):
        verify(token, read_signing_keys({"keys": [shown | fields]}), frozenset(["RS256"]))
    sound = shown | {"use": "sig", "alg": "RS256", "key_ops": ["verify"]}
    assert verify(token, read_signing_keys({"keys": [sound]}), frozenset(["RS256"])).claims == {"sub": "ada"}


# joserfc warns of the short one when it takes it, which is no refusal where warnings are no errors.
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_what_is_no_key_is_passed_over() -> None:
    sound = rsa_key().as_dict(private=False)
    short = RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False)
    others: list[object] = [None, 7, "key", {}, {"kty": "RSA"}, {"kty": ["RSA"]}, {"kty": "RSA", "n": 7, "e": "AQAB"}]
    others += [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "AKP", "alg": "ML-DSA-44"}, short]
    others += [{**sound, "key_ops": 7}, {**sound, "use": ["sig"]}, {**sound, "kid": 7}]
    assert [key.kid for key in read_signing_keys({"keys": [*others, sound]})] == ["one"]
    for wrong in ({}, {"keys": None}, {"keys": {"one": sound}}):
        with pytest.raises(SignOnFailed, match="Key Set"):
            read_signing_keys(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.sampled_from(["RS256", "one"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk", "x5c", "jku", "zip", "enc"]), JSON, max_size=5
)


@given(HEADERS | JSON, JSON | st.binary())
def test_no_token_is_stumbled_over(header: Any, payload: Any) -> None:
    parts = [orjson.dumps(header), payload if isinstance(payload, bytes) else orjson.dumps(payload), b"signature"]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    with pytest.raises((KeyNotKnown, SignOnFailed)):
        verify(token, (rsa_key(),), frozenset(["RS256", "ES256", "EdDSA"]))


CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "amr", "auth_time", "jti"]


@given(st.dictionaries(st.sampled_from(CLAIMS), JSON, min_size=1))
def test_no_claims_are_stumbled_over(claims: dict[str, object]) -> None:
    sound = {"iss": "i", "sub": "s", "aud": "c", "exp": NOW + 9, "iat": NOW, "nonce": "n"}
    token = verify(signed(sound | claims, rsa_key()), (rsa_key(),), frozenset(["RS256"]))
    try:
        check_claims(token, issuer="i", client_id="c", nonce="n", access_token="t", now_seconds=NOW)
    except SignOnFailed:
        return
    told = token.claims
    assert (told["iss"], told["nonce"]) == ("i", "n")
    assert told["aud"] == "c" or "c" in told["aud"]  # type: ignore[operator]
