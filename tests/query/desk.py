"""The reading endpoints over a database, asked by HTTP without a socket; for tests of lists, details and exports.

Events come in by the script that the writer runs, at receipt times that the test chooses.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.types import ASGIApp, Scope

from app.db.database import Database, open_database
from app.inbox.model import Channel
from app.inbox.store import cursor_key
from app.ingest.keeping import Delivery, keep_deliveries
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.maven.events import read_delivery
from app.query.context import QueryContext
from app.query.routes import routes
from app.query.watch import ChangeWatch
from app.web.authentication import bearer_token
from app.web.cursors import CursorSeal
from app.web.metrics import Metrics
from app.web.middleware import Frame, Stopping
from app.web.problems import FORBIDDEN, UNAUTHENTICATED, Problem, exception_handlers
from tests.maven.examples import Json

BEGIN = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, when the first event is received unless the test says otherwise."""

ALL_SEEING = "all"
REVIEWING = "reviewing"

MOST_ITEMS = 1000
"""No test has more to walk over."""


@dataclass
class Clock:
    """The present, in microseconds since 1970 UTC, as a test sets it."""

    at: int = BEGIN

    def __call__(self) -> int:
        return self.at


def path_of(violation_id: str, rest: str = "") -> str:
    """The path of a violation, of which no part can be taken for anything else."""
    return "/v1/violations/" + quote(violation_id, safe="").replace(".", "%2E") + rest


@dataclass(eq=False)
class Desk:
    """Where questions are asked. `keys` are those in force, by their tokens."""

    database: Database
    keys: dict[str, ApiKey]
    context: QueryContext
    app: ASGIApp
    client: AsyncClient
    now: Clock

    async def receive(self, *bodies: bytes, at: int = BEGIN, channel: Channel = Channel.WEBHOOK) -> None:
        """Commits deliveries in one transaction."""
        deliveries = [Delivery(read_delivery(body, 1000), channel) for body in bodies]
        kept = await self.database.write(keep_deliveries(self.database.dialect, deliveries, at))
        assert all(one.quarantine_id is None for delivery in kept for one in delivery)

    def limit_key(self, terminals: Iterable[str], *scopes: KeyScope) -> str:
        """The token of a key that sees some terminals only; with `read`, unless other scopes are named."""
        token = f"limited-{len(self.keys)}"
        self.keys[token] = ApiKey(token, frozenset(scopes or [KeyScope.READ]), frozenset(terminals))
        return token

    async def get(self, path: str, key: str = ALL_SEEING, method: str = "GET", **headers: str) -> Response:
        """The answer to a request; underscores in the names of headers stand for hyphens."""
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self.client.request(method, path, headers=sent)

    async def put_review(
        self, violation_id: str, body: object, key: str = REVIEWING, query: str = "", **headers: str
    ) -> Response:
        """The answer to a review; bytes are sent as they are and anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        url = f"{path_of(violation_id, '/review')}{query}"
        return await self.client.put(url, content=content, headers=sent)

    async def walk(self, path: str, key: str = ALL_SEEING) -> list[dict[str, Json]]:
        """All items of a list, page after page."""
        items: list[dict[str, Json]] = []
        following = path
        while True:
            answer = await self.get(following, key)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            items += cast("list[dict[str, Json]]", page["data"])
            cursor = page["pagination"]["nextCursor"]
            assert page["pagination"]["hasNextPage"] is (cursor is not None)
            if cursor is None:
                return items
            assert page["data"], "a page without items has no next page"
            assert len(items) < MOST_ITEMS, "the walk goes in circles"
            following = f"{path}{'&' if '?' in path else '?'}cursor={cursor}"


@asynccontextmanager
async def open_desk(url: str) -> AsyncIterator[Desk]:
    """The reading endpoints on the database of `url`."""
    database = await open_database(url)
    try:
        cursors = CursorSeal(await database.read(cursor_key()))
        async with desk_on(database, cursors) as desk:
            yield desk
    finally:
        await database.close()


@asynccontextmanager
async def desk_on(database: Database, cursors: CursorSeal) -> AsyncIterator[Desk]:
    """The reading endpoints on a database that is open, or stands in for one."""
    keys = {
        ALL_SEEING: ApiKey("all", frozenset([KeyScope.READ])),
        REVIEWING: ApiKey("safety", frozenset([KeyScope.REVIEW])),
        "webhook": ApiKey("w", frozenset()),
    }
    now = Clock()
    stopping = Stopping()

    def authenticate(scope: Scope, needed: KeyScope) -> ApiKey:
        key = keys.get(bearer_token(scope) or "")
        if key is None:
            raise Problem(UNAUTHENTICATED, "This key is unknown.")
        if not key.may(needed):
            raise Problem(FORBIDDEN, "This key may not.")
        return key

    watch = ChangeWatch(database)
    context = QueryContext(database, cursors, now, stopping, authenticate, watch, Metrics("0"))
    app = Frame(Starlette(routes=routes(context), exception_handlers=exception_handlers()), stopping)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://desk") as client:
        yield Desk(database, keys, context, app, client, now)
