"""Standard Webhooks signatures: making secrets, and signing what is sent with them.

Follows the Standard Webhooks specification (symmetric, `v1`): HMAC-SHA256 over `id.timestamp.body`, base64. Keeping
secrets and knowing which are still good is left to others. Contract section 7.
"""

import base64
import binascii
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence

_PREFIX = "whsec_"
_KEY_BYTES = 32


def new_secret() -> str:
    """A secret nobody has: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(random.token_bytes(_KEY_BYTES)).decode("ascii")


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: `v1,<base64>` for each secret in the order given, which is newest first.

    `timestamp` is in seconds since 1970 UTC, as sent in `webhook-timestamp`. Raises ValueError, which shows no secret,
    when there is none or one cannot be read.
    """
    if not secrets:
        raise ValueError("nothing to sign with: a message needs a secret")
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1,{_signature(_key(secret), signed)}" for secret in secrets)


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret must be whsec_ and base64") from None
    if not key:
        # An empty key signs what anybody can sign.
        raise ValueError("a secret must not be empty")
    return key
