"""Everything that can be read of a database, read over HTTP: no event that was accepted breaks a later read."""

from typing import Any
from urllib.parse import quote

import orjson

from tests.torture.fuzz_wire import Ask, Wire

SORTS = ("startTime", "-startTime", "eventTime", "-eventTime", "duration", "-duration", "driverName", "-driverName")


async def read_everything(wire: Wire, admin: bytes, cookie: bytes) -> int:
    """Reads every list to its end, every violation with its events, and the pages; gives how many requests it took."""
    library = _Reading(wire, admin, cookie)
    violations = [one["id"] for one in await library.walk("/v1/violations?status=all&limit=500")]
    for sort in SORTS:
        walked = [one["id"] for one in await library.walk(f"/v1/violations?status=all&limit=200&sort={sort}")]
        assert sorted(walked) == sorted(violations), f"by {sort} there are others"
    for violation_id in violations:
        path = _path("violations", violation_id)
        shown = orjson.loads(await library.read(f"/v1{path}"))
        assert shown["id"] == violation_id
        assert await library.walk(f"/v1{path}/events?limit=50")
        await library.read(path, is_page=True)
    drivers = [one["driverId"] for one in await library.walk("/v1/drivers?limit=7")]
    for driver_id in drivers:
        await library.walk(f"/v1{_path('drivers', driver_id)}/violations?status=all&limit=100")
        await library.read(_path("drivers", driver_id), is_page=True)
    await library.read_changes()
    for path in ("/v1/stats?status=all", "/v1/status", "/healthz", "/readyz", "/metrics", "/openapi.json"):
        await library.read(path)
    for media_type in ("text/csv", "application/x-ndjson"):
        text = await library.read("/v1/violations?status=all", media_type)
        assert text.count(b"\n") >= len(violations)
    entries = await library.walk("/v1/quarantine?limit=300")
    for entry in entries[:: max(1, len(entries) // 100)]:
        await library.read(f"/v1/quarantine/{entry['id']}")
        await library.read(f"/operations/quarantine/{entry['id']}", is_page=True)
    for hook in await library.walk("/v1/hooks"):
        await library.walk(f"/v1/hooks/{hook['id']}/deliveries?limit=1000")
        await library.read(f"/operations/hooks/{hook['id']}", is_page=True)
    for path in ("/", "/?status=all", "/violations.csv", "/operations", "/operations/quarantine", "/operations/hooks"):
        await library.read(path, is_page=True)
    return library.requests


def _path(kind: str, name: str) -> str:
    return f"/{kind}/" + quote(name, safe="").replace(".", "%2E")


class _Reading:
    def __init__(self, wire: Wire, admin: bytes, cookie: bytes) -> None:
        self._wire, self._admin, self._cookie = wire, admin, cookie
        self.requests = 0

    async def read(self, path: str, media_type: str = "*/*", *, is_page: bool = False) -> bytes:
        self.requests += 1
        headers = (self._cookie, b"Accept: text/html") if is_page else (self._admin, f"Accept: {media_type}".encode())
        ask = Ask("read", b"\r\n".join((f"GET {path} HTTP/1.1".encode(), b"Host: x", *headers, b"", b"")))
        answer = await self._wire.ask(ask)
        assert answer is not None
        assert answer.status == 200, f"{answer.status} {answer.body[:300]!r} for {ask}"
        return answer.body

    async def walk(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        following = path
        while True:
            page = orjson.loads(await self.read(following))
            items += page["data"]
            cursor = page["pagination"]["nextCursor"]
            if cursor is None:
                return items
            assert page["data"], f"a page without items has no next page: {following}"
            following = f"{path}{'&' if '?' in path else '?'}cursor={cursor}"

    async def read_changes(self) -> None:
        after = ""
        while True:
            page = orjson.loads(await self.read(f"/v1/changes?limit=1000{after}"))
            after = f"&after={page['pagination']['nextCursor']}"
            if not page["pagination"]["hasNextPage"]:
                return
