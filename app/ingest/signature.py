"""Standard Webhooks signatures: verifying what a sender signed with a shared `whsec_` secret.

Follows the Standard Webhooks specification (symmetric, `v1`): HMAC-SHA256 over `id.timestamp.body`, base64. A header
that cannot be parsed is a wrong one; nothing here raises on what a sender wrote.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

TOLERANCE_SECONDS = 300
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 128
"""Key lengths taken. The specification asks makers for 24 to 64 bytes; below 128 bits a key could be guessed."""

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


def signing_key(secret: str) -> bytes:
    """The bytes of a `whsec_…` secret. Raises ValueError that names what is allowed and never the secret."""
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what follows whsec_ must be base64") from None
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(
            f"a whsec_ secret must hold {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes, this one holds {len(key)}"
        )
    return key


def is_signed(
    keys: Sequence[bytes], message_id: bytes, timestamp: bytes, signatures: bytes, body: bytes, now_seconds: float
) -> bool:
    """Whether any signature in the header was made with any key over this very body, within five minutes of now."""
    if not message_id or not _TIMESTAMP.fullmatch(timestamp) or abs(now_seconds - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    offered = [part[3:] for part in signatures.split(b" ")[:32] if part.startswith(b"v1,")]
    signed = b"%b.%b.%b" % (message_id, timestamp, body)
    found = False
    for key in keys:
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
        for signature in offered:
            found |= hmac.compare_digest(expected, signature)
    return found
