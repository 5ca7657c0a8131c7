"""Secrets at rest: sealed under `HOS_SECRET_KEY`, so that a copy of the database alone gives none of them away.

AES-256-GCM with a random nonce, bound to a purpose (such as `hook:<id>`), so that a sealed text opens only where it was
put. The key comes from the setting by scrypt, which makes guessing dear, for people set passphrases where a random key
was asked for; its salt is fixed, because keys of many processes have to agree and nothing is stored beside the text.
Where sealed texts are kept, and sealing them anew after a rotation, is left to others.
"""

import base64
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Imported where it is needed: without a key it would be memory for nothing.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SHORTEST_KEY = 16
"""Characters."""

_PLAIN, _SEALED = "plain:", "sealed:1:"
_SALT = b"hos-receiver secrets at rest 1"
_NAME_BYTES, _NONCE_BYTES, _TAG_BYTES = 4, 12, 16
_WORK = 2**15
"""Of scrypt, with blocks of 8: 32 MiB and about a tenth of a second for each key, once per process."""


class Unsealable(Exception):
    """A text that cannot be opened. The message is one sentence for people and shows nothing of the text."""


def read_keys(text: str) -> tuple[str, ...]:
    """The keys of a comma-separated list, the one that seals first.

    Raises ValueError, which shows no key, when there is none or one is short.
    """
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys:
        raise ValueError("there is no key in it")
    for number, key in enumerate(keys, 1):
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"key {number} has {len(key)} characters; a key has {SHORTEST_KEY} at least")
    return keys


class Seal:
    """Seals and opens texts under `HOS_SECRET_KEY`: keys separated by commas, of which the first seals and all open.

    Without a key texts are stored as they are, and say so. Raises ValueError as `read_keys` does. Making one takes a
    tenth of a second for each key.
    """

    __slots__ = ("_by_name", "_newest")

    def __init__(self, key: str | None) -> None:
        named: Sequence[tuple[bytes, AESGCM]] = [] if key is None else [_derived(text) for text in read_keys(key)]
        self._by_name = dict(named)
        self._newest = named[0] if named else None

    def seal(self, purpose: str, text: str) -> str:
        """What to store for `text`. It is another each time, and longer by about 50 characters and a third."""
        if self._newest is None:
            return _PLAIN + text
        name, cipher = self._newest
        nonce = os.urandom(_NONCE_BYTES)
        covered = cipher.encrypt(nonce, text.encode(), purpose.encode())
        return _SEALED + base64.urlsafe_b64encode(name + nonce + covered).decode("ascii")

    def open(self, purpose: str, sealed: str) -> str:
        """The text that was sealed for this purpose, under any of the keys or none. Raises `Unsealable`."""
        if sealed.startswith(_PLAIN):
            return sealed.removeprefix(_PLAIN)
        name, nonce, covered = _parts(sealed)
        if not self._by_name:
            raise Unsealable("a secret is sealed, and HOS_SECRET_KEY is not set")
        from cryptography.exceptions import InvalidTag

        cipher = self._by_name.get(name)
        if cipher is None:
            raise Unsealable("a secret is sealed with a key that is not among those of HOS_SECRET_KEY")
        try:
            return cipher.decrypt(nonce, covered, purpose.encode()).decode()
        except InvalidTag:
            raise Unsealable("a sealed secret was altered, or does not belong where it was found") from None

    def is_current(self, sealed: str) -> bool:
        """Whether `seal` would use the same key, or none, today; if not, open it and seal it anew."""
        if self._newest is None or sealed.startswith(_PLAIN):
            return self._newest is None and sealed.startswith(_PLAIN)
        return _parts(sealed)[0] == self._newest[0]


def _derived(key: str) -> "tuple[bytes, AESGCM]":
    """The cipher of a key, and a name that tells it from others and nothing else."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    made = Scrypt(salt=_SALT, length=32 + _NAME_BYTES, n=_WORK, r=8, p=1).derive(key.encode())
    return made[32:], AESGCM(made[:32])


def _parts(sealed: str) -> tuple[bytes, bytes, bytes]:
    """Name of the key, nonce, and the text covered."""
    data = b""
    if sealed.startswith(_SEALED):
        try:
            data = base64.b64decode(sealed.removeprefix(_SEALED), altchars=b"-_", validate=True)
        except ValueError:
            data = b""
    if len(data) < _NAME_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise Unsealable("what is stored is no sealed secret")
    end = _NAME_BYTES + _NONCE_BYTES
    return data[:_NAME_BYTES], data[_NAME_BYTES:end], data[end:]
