"""Access tokens of OAuth 2.0 client credentials: short-lived stand-ins for an API key (RFC 6749 section 4.4).

A token names its key by a keyed digest, ends by itself, may have fewer scopes than the key, and is worth no more than
the key is now: a revoked key ends its tokens. Nothing is stored; the signing key is the database's own.
"""

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from app.keys.schema import Scope

TOKEN_PREFIX = "hos_access_"  # noqa: S105 - what a token begins with
LIFETIME_SECONDS = 3600

_SCOPES = tuple(Scope)
_DIGEST_BYTES, _TIME_BYTES, _SCOPE_BYTES, _MAC_BYTES = 16, 6, 4, 16
_LENGTH = _DIGEST_BYTES + _TIME_BYTES + _SCOPE_BYTES + _MAC_BYTES
assert _LENGTH % 3 == 0  # so that base64 needs no padding


def is_token(text: str) -> bool:
    """Whether a text is meant as an access token, right or wrong."""
    return text.startswith(TOKEN_PREFIX)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: a digest that names its key, when it ends (seconds since 1970), and its scopes."""

    key_digest: bytes
    ends_at: int
    scopes: frozenset[Scope]


class TokenSeal:
    """Makes and opens tokens under one secret, the same in every process on one database."""

    def __init__(self, secret: bytes) -> None:
        self._digest_key = blake2b(key=secret, person=b"hos-token-key").digest()
        self._mac_key = blake2b(key=secret, person=b"hos-token-mac").digest()

    def digest(self, key_hash: str) -> bytes:
        """What names a key, by its hash."""
        return blake2b(key_hash.encode(), key=self._digest_key, digest_size=_DIGEST_BYTES).digest()

    def make(self, key_hash: str, ends_at: int, scopes: Iterable[Scope]) -> str:
        """A token for a key."""
        bits = sum(1 << _SCOPES.index(scope) for scope in set(scopes))
        plain = self.digest(key_hash) + ends_at.to_bytes(_TIME_BYTES, "big") + bits.to_bytes(_SCOPE_BYTES, "big")
        return _written(plain + self._mac(plain))

    def open(self, token: str) -> Claims | None:
        """What a token says; None when it was not made here."""
        try:
            sealed = base64.urlsafe_b64decode(token.removeprefix(TOKEN_PREFIX).encode("ascii"))
        except ValueError:
            return None
        plain, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        # The decoder passes over what is no base64, and a token is written in one way alone.
        if len(sealed) != _LENGTH or token != _written(sealed) or not hmac.compare_digest(mac, self._mac(plain)):
            return None
        ends_at = int.from_bytes(plain[_DIGEST_BYTES : _DIGEST_BYTES + _TIME_BYTES], "big")
        bits = int.from_bytes(plain[-_SCOPE_BYTES:], "big")
        scopes = frozenset(scope for n, scope in enumerate(_SCOPES) if bits >> n & 1)
        return Claims(plain[:_DIGEST_BYTES], ends_at, scopes)

    def _mac(self, plain: bytes) -> bytes:
        return blake2b(plain, key=self._mac_key, digest_size=_MAC_BYTES).digest()


def _written(sealed: bytes) -> str:
    return TOKEN_PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii")
