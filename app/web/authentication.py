"""Who is asking: the API key of a reading request (contract section 5)."""

from starlette.types import Scope as AsgiScope

from app.keys.ring import KeyRing, KeysUnknown
from app.keys.schema import ApiKey, Scope
from app.web.problems import FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, Problem

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hos-receiver"'}


def bearer_token(scope: AsgiScope) -> str | None:
    """The token of the request's Authorization header, None when there is no readable Bearer token."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.strip().partition(b" ")
            if scheme.lower() == b"bearer" and token:
                return str(token.strip(), "utf-8", "replace")
    return None


def authenticate(ring: KeyRing, scope: AsgiScope, needed: Scope) -> ApiKey:
    """The key in force that the request carries. Raises `Problem` 401 without a right key, 403 when it may not do
    this.
    """
    token = bearer_token(scope)
    if token is None:
        raise Problem(UNAUTHENTICATED, "Send an API key: Authorization: Bearer <key>.", headers=_CHALLENGE)
    try:
        key = ring.find(token)
    except KeysUnknown:
        raise Problem(
            UNAVAILABLE, "API keys cannot be checked now: the database does not answer.", headers={"Retry-After": "2"}
        ) from None
    if key is None:
        raise Problem(UNAUTHENTICATED, "This API key is unknown or was revoked.", headers=_CHALLENGE)
    if not key.may(needed):
        raise Problem(FORBIDDEN, f"This key lacks the scope {needed.value}.")
    return key
