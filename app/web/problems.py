"""Errors as the outside sees them: RFC 9457 problem details.

Owns the registry of problem kinds (each with a stable slug, a title and a status), the `Problem` exception that carries
one, its rendering, and the handlers that turn every other exception into one. What went wrong in a particular
case is said by whoever raises; an exception that nobody foresaw becomes a 500 that shows its request id alone.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

JSON_TYPE = "application/problem+json"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. `slug` is part of the API and never changes; `title` does not vary with the case."""

    slug: str
    title: str
    status: int

    @property
    def type(self) -> str:
        """The URI reference that names this kind (RFC 9457 section 3.1.1)."""
        return f"/problems/{self.slug}"


BAD_REQUEST = Kind("bad-request", "The request is broken", 400)
INVALID_PARAMETER = Kind("invalid-parameter", "A parameter is not valid", 400)
INVALID_PATH = Kind("invalid-path", "The path is not valid", 400)
INVALID_JSON = Kind("invalid-json", "The body is not JSON", 400)
INVALID_ENCODING = Kind("invalid-encoding", "The body cannot be decompressed", 400)
UNAUTHENTICATED = Kind("unauthenticated", "A valid credential is needed", 401)
FORBIDDEN = Kind("forbidden", "The credential does not allow this", 403)
NOT_FOUND = Kind("not-found", "There is nothing here", 404)
METHOD_NOT_ALLOWED = Kind("method-not-allowed", "The method is not allowed here", 405)
NOT_ACCEPTABLE = Kind("not-acceptable", "None of the accepted media types is available", 406)
REQUEST_TIMEOUT = Kind("request-timeout", "The request was not complete in time", 408)
CONFLICT = Kind("conflict", "The present state does not allow this", 409)
TOO_LARGE = Kind("too-large", "The body is too large", 413)
TOO_MANY_EVENTS = Kind("too-many-events", "The body has too many events", 413)
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", "The body is neither JSON nor gzip", 415)
INVALID_FIELDS = Kind("invalid-fields", "The body has fields that are not valid", 422)
INVALID_EVENTS = Kind("invalid-events", "No event was understood", 422)
OVERLOADED = Kind("overloaded", "Too much is waiting already", 429)
HEADERS_TOO_LARGE = Kind("headers-too-large", "The headers are too large", 431)
CRASHED = Kind("crashed", "Something went wrong here", 500)
UNAVAILABLE = Kind("unavailable", "The service cannot do this now", 503)
STOPPING = Kind("stopping", "The service is stopping", 503)

KINDS: tuple[Kind, ...] = (
    BAD_REQUEST,
    INVALID_PARAMETER,
    INVALID_PATH,
    INVALID_JSON,
    INVALID_ENCODING,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    REQUEST_TIMEOUT,
    CONFLICT,
    TOO_LARGE,
    TOO_MANY_EVENTS,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_EVENTS,
    INVALID_FIELDS,
    OVERLOADED,
    HEADERS_TOO_LARGE,
    CRASHED,
    UNAVAILABLE,
    STOPPING,
)


class Problem(Exception):
    """An answer that says what is wrong.

    `detail` is shown to the client as it is, so it names no internals. `errors` are the items of contract section 4
    (`event`, `pointer`, `detail`); `quarantine_ids` say where the bytes are kept. `headers` go out beside the body:
    `Retry-After`, `WWW-Authenticate`, `Allow`, `Connection`.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[Mapping[str, object]] | None = None,
        quarantine_ids: Sequence[object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.quarantine_ids = quarantine_ids
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return self.kind.status

    @property
    def title(self) -> str:
        return self.kind.title

    @property
    def type(self) -> str:
        return self.kind.type


def render_problem(problem: Problem, request_id: str, instance: str) -> bytes:
    """The JSON of a problem. Never fails, even when it quotes lone surrogates or huge integers that a client sent."""
    members: dict[str, object] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "requestId": request_id,
    }
    if problem.errors is not None:
        members["errors"] = list(problem.errors)
    if problem.quarantine_ids is not None:
        members["quarantineIds"] = list(problem.quarantine_ids)
    try:
        return orjson.dumps(members)
    except TypeError:
        return json.dumps(members, ensure_ascii=False, default=str).encode("utf-8", "replace")


def problem_response(problem: Problem, request_id: str, instance: str) -> Response:
    """A problem as a response, `application/problem+json`. `instance` comes from `request_instance`."""
    body = render_problem(problem, request_id, instance)
    return Response(body, problem.status, headers=problem.headers, media_type=JSON_TYPE)


def request_instance(scope: Scope) -> str:
    """The path of a request, percent-encoded and without its query, for the member `instance`."""
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    return quote(raw.partition(b"?")[0], safe="/%:@!$&'()*+,;=-._~")


def request_id_of(scope: Scope) -> str:
    """The id that the frame gave this request; empty outside the frame."""
    request_id = scope.get("state", {}).get("request_id", "")
    return request_id if isinstance(request_id, str) else ""


def answer_for(problem: Problem, scope: Scope) -> Response:
    """The response to this request that tells of `problem`."""
    return problem_response(problem, request_id_of(scope), request_instance(scope))


def problem_from_http_exception(exc: HTTPException) -> Problem:
    """Starlette's own errors (404, 405 with `Allow`, a refused parameter) as problems of the registry."""
    kind = next((kind for kind in KINDS if kind.status == exc.status_code), None)
    if kind is None:
        try:
            title = HTTPStatus(exc.status_code).phrase
        except ValueError:
            title = "Error"
        kind = Kind(re.sub("[^a-z]+", "-", title.lower()), title, exc.status_code)
    return Problem(kind, exc.detail or kind.title, headers=exc.headers)


def record_crash(scope: Scope, exc: BaseException) -> Problem:
    """Logs an exception that nobody foresaw, once per request, and gives the problem that stands for it."""
    state = scope.setdefault("state", {})
    if not state.get("is_crash_logged"):
        state["is_crash_logged"] = True
        log.error(
            "request.crashed",
            request_id=request_id_of(scope),
            method=scope.get("method"),
            path=request_instance(scope),
            exc_info=exc,
        )
    return Problem(CRASHED, "The request could not be handled. The log has more under this request id.")


def answer_exception(scope: Scope, exc: Exception, *, is_started: bool = False) -> Response | None:
    """The answer to any exception; None when the client has gone, or an answer has begun and cannot be taken back.

    In the second case the exception is logged whatever it is, because the server breaks the connection off.
    """
    # Starlette raises a RuntimeError from a handled exception that came after the answer had begun.
    if isinstance(exc, ClientDisconnect) or isinstance(exc.__cause__, ClientDisconnect):
        return None
    if is_started:
        record_crash(scope, exc)
        return None
    if isinstance(exc, Problem):
        return answer_for(exc, scope)
    if isinstance(exc, HTTPException):
        if exc.status_code in (204, 304):
            return Response(status_code=exc.status_code, headers=exc.headers)
        return answer_for(problem_from_http_exception(exc), scope)
    return answer_for(record_crash(scope, exc), scope)


async def _handle(request: Request, exc: Exception) -> Response:
    # Starlette sends what it is given; to a client that has gone, the server drops it.
    return answer_exception(request.scope, exc) or Response(status_code=408)


def exception_handlers() -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    """For `Starlette(exception_handlers=...)`, which else answers 404, 405 and the like in plain text."""
    return {Problem: _handle, HTTPException: _handle, ClientDisconnect: _handle, Exception: _handle}
