"""Answers as plain ASGI, in as few steps as an answer takes, and the small things that endpoints read and say alike."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from app.web.middleware import decode_segment
from app.web.problems import UNAVAILABLE, Problem

RETRY_AFTER_SECONDS = 2


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
