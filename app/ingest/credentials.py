"""Who may post events: the credentials of contract section 4, checked on the raw bytes before anything is parsed.

One right credential is enough; one that cannot be parsed is a wrong one. Tokens are compared as SHA-256 digests in
constant time. A `whsec_` secret signs and is never a token.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Iterable

from app.ingest.signature import is_signed, signing_key
from app.keys.ring import KeyRing
from app.keys.schema import Scope

Headers = list[tuple[bytes, bytes]]


class WebhookGate:
    """Judges the credentials of deliveries against the configured secrets and the stored webhook tokens."""

    def __init__(self, secrets: Iterable[str], ring: KeyRing, clock: Callable[[], float] = time.time) -> None:
        secrets = list(secrets)
        self._keys = [signing_key(s) for s in secrets if s.startswith("whsec_")]
        self._tokens = [_digest(s.encode()) for s in secrets if not s.startswith("whsec_")]
        self._ring = ring
        self._clock = clock

    def admits(self, headers: Headers, body: bytes) -> bool:
        """Whether a delivery carries a right credential. Raises `KeysUnknown` when a stored token cannot be judged."""
        message_id = timestamp = signatures = b""
        tokens: list[bytes] = []
        for name, value in headers:
            if name == b"authorization":
                token = _token_of(value)
                if token:
                    tokens.append(token)
            elif name == b"apikey":
                tokens.append(value.strip())
            elif name == b"webhook-id":
                message_id = value
            elif name == b"webhook-timestamp":
                timestamp = value
            elif name == b"webhook-signature":
                signatures = value if not signatures else signatures + b" " + value
        if signatures and self._keys and is_signed(self._keys, message_id, timestamp, signatures, body, self._clock()):
            return True
        return any(self._is_token(token) for token in tokens if token)

    def _is_token(self, token: bytes) -> bool:
        digest = _digest(token)
        found = False
        for known in self._tokens:
            found |= hmac.compare_digest(known, digest)
        if found:
            return True
        try:
            key = self._ring.find(token.decode())
        except UnicodeDecodeError:
            return False
        return key is not None and key.may(Scope.WEBHOOK)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _token_of(value: bytes) -> bytes:
    """The token of an Authorization header, empty when there is none to be read."""
    scheme, _, rest = value.strip().partition(b" ")
    rest = rest.strip()
    match scheme.lower():
        case b"bearer":
            return rest
        case b"basic":
            try:
                return base64.b64decode(rest, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
        case _:
            return b""
