"""Answers that are compressed where the client takes that."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

COMPRESS_FROM_BYTES = 1000


def packed_answer(
    request: Request,
    body: bytes,
    pack: Callable[[], bytes],
    media_type: str,
    status: int,
    headers: Mapping[str, str],
) -> Response:
    """An answer, compressed by `pack` if the client takes that and there is enough of it."""
    if len(body) < COMPRESS_FROM_BYTES or not takes_gzip(request):
        return Response(body, status, headers=headers, media_type=media_type)
    return Response(pack(), status, headers={**headers, "Content-Encoding": "gzip"}, media_type=media_type)


def takes_gzip(request: Request) -> bool:
    """Whether the client takes gzip, as far as it matters for browsers."""
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
