"""How the reading endpoints answer: as plain ASGI, in as few steps as an answer takes.

Owns the order of things around a handler: who asks, the database's troubles as 503, the bytes out. What is asked
and found is left to the handlers.
"""

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.context import QueryContext
from app.web.middleware import decode_segment
from app.web.problems import UNAVAILABLE, Problem

RETRY_AFTER_SECONDS = 2

Handler = Callable[[QueryContext, ApiKey, Scope], Awaitable[ASGIApp]]
"""Gives the answer to a request of a key that may read. Raises `Problem`, and `DatabaseUnavailable`."""


class Reading:
    """An endpoint for keys with scope `read`. `route` is the template of its path, by which its latency is counted."""

    __slots__ = ("_context", "_handler", "_route")

    def __init__(self, context: QueryContext, handler: Handler, route: str) -> None:
        self._context = context
        self._handler = handler
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._context.authenticate(scope, KeyScope.READ)
        began = perf_counter()
        try:
            answer = await self._handler(self._context, key, scope)
        except DatabaseUnavailable as error:
            raise unavailable() from error
        finally:
            self._context.metrics.query_answered(self._route, perf_counter() - began)
        await answer(scope, receive, send)


def unavailable() -> Problem:
    """The problem that the database does not answer."""
    detail = "The database does not answer now. Send the request again shortly."
    return Problem(UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class Json:
    """An answer whose JSON is there already."""

    __slots__ = ("_body", "_headers")

    def __init__(self, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._body = body
        self._headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._body})


def path_text(scope: Scope, name: str) -> str:
    """A path parameter as text. Raises `Problem` 400 unless it is percent-encoded UTF-8."""
    return decode_segment(scope["path_params"][name])


def header(scope: Scope, name: str) -> str | None:
    """A request header, several of one name joined by commas; None when it is absent."""
    values = Headers(scope=scope).getlist(name)
    return ", ".join(values) if values else None
