"""What the product is measured against: the same stack without a database, and a receiver written in an afternoon.

`python -m bench.reference_servers NAME PORT`.
"""

import os
import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.maven.schema import ViolationData


class _Ceiling:
    """The body validated by the product's own model, a constant answer, nothing kept."""

    def __init__(self) -> None:
        self._validate = ViolationData.__pydantic_validator__.validate_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self._validate(body)
        answer = b'{"results":[],"accepted":1,"quarantined":0}'
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def _alive(request: Request) -> Response:
    return Response(b'{"status":"alive"}', media_type="application/json")


def ceiling() -> ASGIApp:
    """uvicorn, Starlette and the same pydantic validation, without a database."""
    return Starlette(
        routes=[Route("/webhooks/maven", _Ceiling(), methods=["POST"]), Route("/readyz", _alive)],
    )


def afternoon() -> ASGIApp:
    """FastAPI, a synchronous SQLModel session per request, select, then insert or update, commit; equally durable."""
    from bench.afternoon import make_app

    app: ASGIApp = make_app(os.environ["BENCH_DATABASE_URL"])
    return app


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    apps: dict[str, Any] = {"ceiling": ceiling, "afternoon": afternoon}
    uvicorn.run(
        apps[name](),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
