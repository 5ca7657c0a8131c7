"""Who is asking: the API key of a request (contract sections 5 and 10)."""

import base64
import binascii
from collections.abc import Mapping

from starlette.types import Scope as AsgiScope

from app.keys.ring import KeyRing, KeysUnknown
from app.keys.schema import ApiKey, Scope
from app.keys.tokens import is_token
from app.web.problems import FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, Problem

UNKNOWN_KEY = "This API key is unknown or was revoked."
UNKNOWN_ACCESS = "This access token is wrong or has ended, or its key was revoked. POST /oauth/token gives another one."

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hos-receiver"'}
_BOTH_CHALLENGES = {"WWW-Authenticate": 'Basic realm="hos-receiver", charset="UTF-8", Bearer realm="hos-receiver"'}


def bearer_token(scope: AsgiScope) -> str | None:
    """The token of the request's Authorization header, None when there is no readable Bearer token."""
    token = _credentials(scope, b"bearer")
    return None if token is None else str(token, "utf-8", "replace")


def basic_credentials(scope: AsgiScope) -> tuple[tuple[str, str], ...]:
    """Name and password of the request's Authorization header, none when there is no readable Basic one. Where there
    are several colons the first parts them, or the last one: a key's name may have some, and so may a key.
    """
    encoded = _credentials(scope, b"basic")
    if encoded is None:
        return ()
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ()
    first, last = text.partition(":"), text.rpartition(":")
    return tuple({(name, password): None for name, colon, password in (first, last) if colon})


def _credentials(scope: AsgiScope, scheme: bytes) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            found, _, credentials = value.strip().partition(b" ")
            if found.lower() == scheme and credentials:
                return bytes(credentials.strip())
    return None


def authenticate(ring: KeyRing, scope: AsgiScope, needed: Scope) -> ApiKey:
    """The key in force that the request carries. Raises `Problem` 401 without a right key, 403 when it may not do
    this.
    """
    token = bearer_token(scope)
    if token is None:
        raise Problem(UNAUTHENTICATED, "Send an API key: Authorization: Bearer <key>.", headers=_CHALLENGE)
    return _judge(_find(ring, token), token, needed, _CHALLENGE)


def authenticate_either_way(ring: KeyRing, scope: AsgiScope, needed: Scope) -> ApiKey:
    """The same for clients that present a key as Bearer token, or by HTTP Basic with the key's name before it."""
    token, named = bearer_token(scope), basic_credentials(scope)
    if token is not None:
        return _judge(_find(ring, token), token, needed, _BOTH_CHALLENGES)
    if not named:
        detail = "Send an API key: Authorization: Basic with the key's name and the key, or Bearer <key>."
        raise Problem(UNAUTHENTICATED, detail, headers=_BOTH_CHALLENGES)
    found = [key for name, text in named if (key := _find(ring, text)) is not None and key.name == name]
    return _judge(found[0] if found else None, named[0][1], needed, _BOTH_CHALLENGES)


def _find(ring: KeyRing, token: str) -> ApiKey | None:
    try:
        return ring.find(token)
    except KeysUnknown:
        raise Problem(
            UNAVAILABLE, "API keys cannot be checked now: the database does not answer.", headers={"Retry-After": "2"}
        ) from None


def _judge(key: ApiKey | None, text: str, needed: Scope, challenge: Mapping[str, str]) -> ApiKey:
    if key is None:
        detail = UNKNOWN_ACCESS if is_token(text) else UNKNOWN_KEY
        raise Problem(UNAUTHENTICATED, detail, headers=challenge)
    if not key.may(needed):
        raise Problem(FORBIDDEN, f"This key lacks the scope {needed.value}.")
    return key
