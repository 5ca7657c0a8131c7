"""ID tokens: whose signature they have, and whether they were made for us, now, and for this sign-on. Pure.

Signatures are checked by joserfc, claims by authlib (OpenID Connect Core 1.0, section 3.1.3.7). Owns which keys and
algorithms are believed. Where keys come from, and whom a token tells of, is left to `provider` and `person`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jws
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import base64_to_int

from app.sign_on.errors import SignOnFailed

LEEWAY_SECONDS = 60
"""How far the provider's clock may be from ours."""
LEAST_RSA_BITS = 2048
_HEADER_BYTES = 8192
"""Some providers put their certificates there."""
_KEY_TYPES: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class KeyNotKnown(Exception):
    """The token is signed by none of the keys at hand; there may be newer ones."""


@dataclass(frozen=True, slots=True)
class IdToken:
    """A token whose signature holds. Its claims are not judged yet."""

    algorithm: str
    claims: Mapping[str, object]


class _Signatures(JWSRegistry):
    """The algorithms that are allowed and no others, whatever joserfc recommends or warns of."""

    max_header_length = _HEADER_BYTES

    def __init__(self, allowed: frozenset[str]) -> None:
        # Header parameters that are not known say nothing that is needed: RFC 7515 section 4.
        super().__init__(algorithms=allowed, strict_check_header=False)
        self._allowed = allowed

    def get_alg(self, name: str) -> Any:
        if name not in self._allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


def read_signing_keys(document: Mapping[str, object]) -> tuple[Key, ...]:
    """The keys of a JWK set that signatures can be checked with; others in it are passed over.

    Raises `SignOnFailed` when it is no such set.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise SignOnFailed("document", "The identity provider's keys are no JSON Web Key Set")
    return tuple(key for one in listed if isinstance(one, dict) and (key := _read_key(one)) is not None)


def _read_key(fields: dict[str, Any]) -> Key | None:
    kind = _KEY_TYPES.get(str(fields.get("kty")))
    if kind is None or fields.get("use", "sig") != "sig":
        return None
    try:
        if "verify" not in fields.get("key_ops", ["verify"]):
            return None
        # joserfc takes shorter ones, and warns.
        if kind is RSAKey and base64_to_int(fields["n"]).bit_length() < LEAST_RSA_BITS:
            return None
        return kind.import_key(fields)
    except Exception:
        # Of a document of others; whatever it is that cannot be read here, it is no key.
        return None


def verify(token: str, keys: tuple[Key, ...], algorithms: frozenset[str]) -> IdToken:
    """A token by one of these keys and algorithms. Raises `KeyNotKnown`, and `SignOnFailed` when it cannot be read."""
    registry = _Signatures(algorithms)
    try:
        signed = jws.deserialize_compact(token, lambda signature: _pick(signature, keys), registry=registry)
        claims = orjson.loads(signed.payload or b"")
    except (KeyNotKnown, SignOnFailed):
        raise
    except UnsupportedAlgorithmError:
        message = (
            "The identity provider's ID token is signed by an algorithm that it does not list or that is not believed"
        )
        raise SignOnFailed("signature", message) from None
    except BadSignatureError:
        raise KeyNotKnown from None
    except Exception:
        # A token is text of others, and joserfc stumbles over some of it in its own ways.
        raise _unreadable() from None
    if not isinstance(claims, dict):
        raise _unreadable()
    return IdToken(str(signed.headers()["alg"]), claims)


def _pick(signature: Any, keys: tuple[Key, ...]) -> Key:
    """The one key that a token can be by. Keys that the token brings along are not looked at."""
    header = signature.headers()
    kind = JWSRegistry.algorithms[header["alg"]].key_type
    fitting = [
        key
        for key in keys
        if key.key_type == kind
        and key.get("alg") in (None, header["alg"])
        and ("kid" not in header or key.kid == header["kid"])
    ]
    if len(fitting) != 1:
        # Without a key id there has to be one key only: OpenID Connect Core 1.0 section 10.1.
        raise KeyNotKnown
    return fitting[0]


def check_claims(
    token: IdToken, *, issuer: str, client_id: str, nonce: str, access_token: str | None, now_seconds: int
) -> None:
    """Raises `SignOnFailed` when a token is not by this issuer for this client, sign-on and access token, or is old."""
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    # An Ed25519 signature has two names, and authlib knows the hash that goes with the older one.
    header = {"alg": "EdDSA" if token.algorithm == "Ed25519" else token.algorithm}
    params = {"client_id": client_id, "nonce": nonce, "access_token": access_token}
    try:
        CodeIDToken(dict(token.claims), header, options, params).validate(now_seconds, LEEWAY_SECONDS)
    except ExpiredTokenError:
        message = "The identity provider's ID token has ended; sign on again, and check the clocks if it stays so"
        raise SignOnFailed("expired", message) from None
    except ClaimError as error:
        if error.claim == "nonce":
            raise SignOnFailed(
                "nonce", "The identity provider's ID token is of another sign-on; sign on again"
            ) from None
        message = f"The identity provider's ID token is not for us: {error.claim} is missing or wrong"
        raise SignOnFailed("claims", message) from None
    except (TypeError, ValueError):
        message = "The identity provider's ID token has claims that cannot be read"
        raise SignOnFailed("claims", message) from None


def _unreadable() -> SignOnFailed:
    return SignOnFailed("signature", "The identity provider's ID token cannot be read")
