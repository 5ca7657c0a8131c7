"""The files that pages are made with: style sheet, scripts, icon.

An address has a digest of what the file holds, so browsers keep each for good and never an old one.
"""

import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.dashboard.compression import packed_answer
from app.web.problems import NOT_FOUND, Problem

FOLDER = Path(__file__).parent / "static"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
TAG_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Static:
    """A file, as it is and compressed."""

    body: bytes
    packed: bytes
    media_type: str
    tag: str


class Statics:
    """All files of the folder by their names, read once, when first asked for."""

    @cached_property
    def _files(self) -> dict[str, Static]:
        files = {}
        for path in sorted(FOLDER.iterdir()):
            if path.suffix in MEDIA_TYPES:
                body = path.read_bytes()
                tag = sha256(body).hexdigest()[:TAG_DIGITS]
                files[path.name] = Static(body, gzip.compress(body, 9, mtime=0), MEDIA_TYPES[path.suffix], tag)
        return files

    def address(self, name: str) -> str:
        """The path of a file's present content."""
        return f"/static/{self._files[name].tag}/{name}"

    async def serve(self, request: Request) -> Response:
        """`GET /static/{tag}/{name}`."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise Problem(NOT_FOUND, f"The pages have the files {', '.join(self._files)}.")
        is_present = request.path_params["tag"] == found.tag
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if is_present else "no-store",
            "Vary": "Accept-Encoding",
        }
        return packed_answer(request, found.body, lambda: found.packed, found.media_type, 200, headers)


STATICS = Statics()
