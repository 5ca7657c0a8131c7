"""Sealed cursors: what a page ended with, given to the client so that it can neither be read nor changed.

A cursor says where a reader stands: positions, names, numbers of events. Clear, it would tell a key that sees one
terminal how much happens at the others; altered, it would reach into a query it was not made for. So it is encrypted
and authenticated, and bound to a purpose, which says the query. What is in a cursor is left to whoever makes it.

Encryption is deterministic, so that one position has one cursor: the tag is a keyed hash of purpose and text, and
seeds the key stream (the SIV construction, RFC 5297, with keyed BLAKE2b for both parts).
"""

import base64
import hmac
from hashlib import blake2b

from app.web.problems import INVALID_PARAMETER, Problem

TAG_BYTES = 12
LONGEST = 8192
"""Characters of the longest cursor that is looked at."""

_STREAM_BYTES = 64


class CursorSeal:
    """Seals and opens cursors under one secret key, 16 to 64 bytes, the same in every process on one database."""

    __slots__ = ("_stream_key", "_tag_key")

    def __init__(self, key: bytes) -> None:
        self._tag_key = blake2b(key=key, person=b"hos-cursor-tag").digest()
        self._stream_key = blake2b(key=key, person=b"hos-cursor-enc").digest()

    def seal(self, purpose: str, plain: bytes) -> str:
        """The cursor for `plain`, in base64url; the same for the same arguments."""
        tag = self._tag(purpose, plain)
        return _to_base64(tag + self._cover(tag, plain))

    def open(self, purpose: str, text: str) -> bytes:
        """What was sealed for this purpose. Raises `Problem` 400 for everything that `seal` did not give for it."""
        sealed = _from_base64(text) if len(text) <= LONGEST else None
        if sealed is not None and len(sealed) >= TAG_BYTES:
            tag = sealed[:TAG_BYTES]
            plain = self._cover(tag, sealed[TAG_BYTES:])
            if hmac.compare_digest(tag, self._tag(purpose, plain)):
                return plain
        raise bad_cursor()

    def fingerprint(self, purpose: str, plain: bytes) -> str:
        """A short name for `plain` that tells nothing of it, for entity tags."""
        return _to_base64(self._tag(purpose, plain))

    def _tag(self, purpose: str, plain: bytes) -> bytes:
        named = purpose.encode("utf-8", "surrogatepass")
        text = len(named).to_bytes(4, "big") + named + plain
        return blake2b(text, key=self._tag_key, digest_size=TAG_BYTES).digest()

    def _cover(self, tag: bytes, text: bytes) -> bytes:
        """Adds the key stream that belongs to the tag; a second time takes it away again."""
        blocks = range(-(-len(text) // _STREAM_BYTES))
        stream = b"".join(blake2b(tag + n.to_bytes(4, "big"), key=self._stream_key).digest() for n in blocks)
        mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream[: len(text)], "big")
        return mixed.to_bytes(len(text), "big")


def bad_cursor() -> Problem:
    """The problem that a cursor is not one of this query's."""
    detail = "is not one that this query gave. Begin again without it."
    return Problem(INVALID_PARAMETER, f"The cursor {detail}", errors=[{"parameter": "cursor", "detail": detail}])


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_base64(text: str) -> bytes | None:
    """The bytes, None unless the text is exactly what `_to_base64` gives for them."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if _to_base64(data) == text else None
