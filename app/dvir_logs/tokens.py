"""`POST /oauth/token`: an access token for an API key, by OAuth 2.0 client credentials (RFC 6749 section 4.4).

The client's id is the key's name, its secret the key. Errors are problem details that have the members of RFC 6749
section 5.2 too.
"""

import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.dvir_logs.context import InspectionsContext
from app.keys.ring import KeysUnknown
from app.keys.schema import ApiKey, Scope
from app.keys.tokens import LIFETIME_SECONDS
from app.web.answers import unavailable
from app.web.authentication import basic_credentials
from app.web.bodies import media_type, read_body
from app.web.problems import (
    BAD_REQUEST,
    JSON_TYPE,
    UNAUTHENTICATED,
    Kind,
    Problem,
    render_problem,
    request_id_of,
    request_instance,
)

PATH = "/oauth/token"
MAX_BODY_BYTES = 16 * 1024
GRANT = "client_credentials"
_CACHE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="hos-receiver", charset="UTF-8"'}


class _Refused(Exception):
    def __init__(self, kind: Kind, error: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.error = error


class Tokens:
    """The endpoint."""

    def __init__(self, context: InspectionsContext) -> None:
        self._context = context

    async def make(self, request: Request) -> ASGIApp:
        """Gives a token."""
        body = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
        try:
            asked = _asked(request, body)
            return self._token(request, asked)
        except _Refused as error:
            return _refusal(request, error)
        except KeysUnknown:
            raise unavailable() from None

    def _token(self, request: Request, asked: Mapping[str, str]) -> Response:
        if "grant_type" not in asked:
            raise _Refused(BAD_REQUEST, "invalid_request", f"grant_type is required: {GRANT}.")
        if asked["grant_type"] != GRANT:
            raise _Refused(BAD_REQUEST, "unsupported_grant_type", f"grant_type must be {GRANT}.")
        presented = _presented(request)
        if presented and "client_secret" in asked and (asked.get("client_id"), asked["client_secret"]) not in presented:
            raise _Refused(BAD_REQUEST, "invalid_request", "HTTP Basic and the body name two clients: send one.")
        pairs = presented or ((asked.get("client_id", ""), asked.get("client_secret", "")),)
        ring = self._context.ring
        for name, text in pairs:
            key = ring.find_key(text)
            if key is not None and key.name == name:
                scopes = _scopes(key, asked.get("scope"))
                token = ring.make_token(text, scopes, int(time.time()) + LIFETIME_SECONDS)
                told = {
                    "access_token": token,
                    "token_type": "Bearer",
                    "expires_in": LIFETIME_SECONDS,
                    "scope": " ".join(sorted(scopes)),
                }
                return Response(orjson.dumps(told), 200, _CACHE, media_type="application/json")
        detail = "client_id must be the name of an API key, and client_secret the key."
        raise _Refused(UNAUTHENTICATED, "invalid_client", detail)


def _presented(request: Request) -> tuple[tuple[str, str], ...]:
    """Name and key by HTTP Basic, as they are, and as RFC 6749 section 2.3.1 has them: encoded as in a form."""
    plain = basic_credentials(request.scope)
    return (*plain, *((unquote_plus(name), unquote_plus(text)) for name, text in plain))


def _asked(request: Request, body: bytes) -> dict[str, str]:
    """The parameters of a request: a form as the RFC has it, or a JSON object."""
    try:
        if media_type(request.scope) == "application/json":
            found = orjson.loads(body)
            if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
                raise ValueError
            return found
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20)
    except ValueError:
        raise _Refused(BAD_REQUEST, "invalid_request", "Send a form, or a JSON object of strings.") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Refused(BAD_REQUEST, "invalid_request", "A parameter may be given once.")
    return dict(pairs)


def _scopes(key: ApiKey, asked: str | None) -> frozenset[Scope]:
    """The scopes of a token: those asked for, or all that the key has."""
    own = frozenset(scope for scope in Scope if key.may(scope))
    words = (asked or "").split()
    if not words:
        return own
    wanted = frozenset(scope for scope in own if scope in words)
    if len(wanted) != len(set(words)):
        raise _Refused(BAD_REQUEST, "invalid_scope", f"scope may have {', '.join(sorted(own))} for this key.")
    return wanted


def _refusal(request: Request, error: _Refused) -> Response:
    problem = Problem(error.kind, str(error))
    members = orjson.loads(render_problem(problem, request_id_of(request.scope), request_instance(request.scope)))
    members |= {"error": error.error, "error_description": str(error)}
    headers = {**_CACHE, **(_CHALLENGE if error.kind is UNAUTHENTICATED else {})}
    return Response(orjson.dumps(members), error.kind.status, headers, media_type=JSON_TYPE)
