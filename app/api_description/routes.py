"""`GET /openapi.json` and `GET /docs`: the description served, for everybody.

It is made at the first request for it, in a thread, and kept: most processes are never asked, and starting is not to
wait for it.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.web.problems import NOT_FOUND, Problem

FILES = {"style.css": "text/css", "script.js": "text/javascript"}
"""Files of the page, and their media types."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that never changes while the process runs."""

    body: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Kept":
        """With the entity tag of the body."""
        return cls(body, media_type, f'"{sha256(body).hexdigest()[:32]}"')

    def answer(self, request: Request) -> Response:
        """The answer, or 304 when the client holds it."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache"}
        held = request.headers.get("if-none-match", "")
        if self.tag in held or held.strip() == "*":
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def prepare(version: str) -> dict[str, Kept]:
    """All answers by name: `openapi.json`, `docs`, and the files of the page."""
    # These are large, and wanted by nobody else.
    from app.api_description.document import describe, write
    from app.api_description.page import FOLDER, render_page

    document = write(describe(version))
    return {
        "openapi.json": Kept.of(document, "application/json"),
        "docs": Kept.of(render_page(document), "text/html"),
        **{name: Kept.of((FOLDER / name).read_bytes(), media_type) for name, media_type in FILES.items()},
    }


class Description:
    """The endpoints."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._kept: dict[str, Kept] | None = None

    async def serve(self, name: str, request: Request) -> Response:
        """One of the answers."""
        if self._kept is None:
            self._kept = await asyncio.to_thread(prepare, self._version)
        return self._kept[name].answer(request)

    async def file(self, request: Request) -> Response:
        """`GET /docs/{file}`."""
        name = request.path_params["file"]
        if name not in FILES:
            raise Problem(NOT_FOUND, f"The page has the files {', '.join(FILES)}.")
        return await self.serve(name, request)


def routes(version: str) -> list[BaseRoute]:
    """The routes of the description."""
    description = Description(version)
    return [
        Route("/openapi.json", partial(description.serve, "openapi.json"), name="description"),
        Route("/docs", partial(description.serve, "docs"), name="docs"),
        Route("/docs/{file}", description.file, name="docs_file"),
    ]
