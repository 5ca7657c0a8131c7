"""A small application in a process of its own, for the tests of the server: `python -m tests.web.serving '{...}'`.

The argument is JSON: `deadlines` (fields of `Deadlines`), `workers`. The port is printed when the server is ready.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.middleware import Frame, decode_segment, read_body
from app.web.problems import exception_handlers
from app.web.server import Deadlines, Stopping, serve
from tests.web.wire import wait_until

LIMIT = 100_000


class Echo:
    """A plain ASGI endpoint, as the webhook is one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, LIMIT)
        names = [name.decode() for name, _ in scope["headers"]]
        await JSONResponse({"bytes": len(body), "headers": names, "pid": os.getpid()})(scope, receive, send)


class LateEcho(Echo):
    """Reads the body only after the time that a client has for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1)
        await super().__call__(scope, receive, send)


async def get_item(request: Request) -> Response:
    return JSONResponse({"id": decode_segment(request.path_params["id"])})


async def crash(request: Request) -> Response:
    raise ValueError("a secret: hunter2")


async def answer_early(request: Request) -> Response:
    return PlainTextResponse("no need of a body")


async def poll(request: Request) -> Response:
    await request.state.stopping.wait()
    return PlainTextResponse("ended")


async def wait_in_vain(request: Request) -> Response:
    await asyncio.Event().wait()
    return PlainTextResponse("never")


async def wait_a_little(request: Request) -> Response:
    # Past the signal, which the test sends when it has seen that the request is in here.
    await request.state.stopping.wait()
    await asyncio.sleep(0.2)
    return PlainTextResponse("done")


async def flood(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)  # as any stream that has a source; else nobody else would ever run
            yield b"x" * 65536

    return StreamingResponse(chunks())


async def answer_large(request: Request) -> Response:
    return PlainTextResponse("x" * 10_000_000)


async def page(request: Request) -> Response:
    return HTMLResponse("<p>hello")


async def block(request: Request) -> Response:
    await request.state.stopping.wait()
    while True:  # a handler that holds up the whole loop
        pass


async def die(request: Request) -> Response:
    os._exit(9)


def _is_made(file: Path) -> bool:
    """Whether this process made a file that was not there."""
    with contextlib.suppress(FileExistsError):
        file.touch(exist_ok=False)
        return True
    return False


async def _die_if_second(folder: Path) -> None:
    """Of three that start with one folder, the first serves, the second dies once it does, the third serves."""
    if _is_made(folder / "first"):
        asyncio.get_running_loop().call_later(0.3, (folder / "serving").touch)
    elif _is_made(folder / "second"):
        await asyncio.to_thread(wait_until, (folder / "serving").exists)
        os._exit(3)


def make_app(stopping: Stopping) -> ASGIApp:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        if "FAIL_TO_START" in os.environ:
            raise RuntimeError("told to fail")
        if folder := os.environ.get("SECOND_DIES"):
            await _die_if_second(Path(folder))
        yield {"stopping": stopping}
        sys.stdout.write("lifespan ended\n")
        sys.stdout.flush()

    routes = [
        Route("/echo", Echo(), methods=["POST"]),
        Route("/late", LateEcho(), methods=["POST"]),
        Route("/items/{id}", get_item),
        Route("/crash", crash),
        Route("/early", answer_early, methods=["POST"]),
        Route("/poll", poll),
        Route("/vain", wait_in_vain),
        Route("/little", wait_a_little),
        Route("/flood", flood),
        Route("/large", answer_large),
        Route("/page", page),
        Route("/block", block),
        Route("/die", die),
        Route("/healthz", answer_early),
    ]
    return Frame(Starlette(routes=routes, lifespan=lifespan, exception_handlers=exception_handlers()), stopping)


def main(terms: dict[str, object]) -> int:
    # What is logged must not come between what is printed.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    deadlines = terms.get("deadlines", {})
    workers = terms.get("workers", 1)
    assert isinstance(deadlines, dict)
    assert isinstance(workers, int)

    def on_ready(host: str, port: int) -> None:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()

    return serve(make_app, "127.0.0.1", 0, workers=workers, deadlines=Deadlines(**deadlines), on_ready=on_ready)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
