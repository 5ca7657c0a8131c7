"""`/v1/hooks` over a database, asked by HTTP without a socket; the house behind it has a clock that a test can set on.

Routes, frame and keys are those of the application; what it delivers goes to real servers.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.routing import Router
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from app.alerts.routes import HookRoutes, routes
from app.dialling.client import Patience
from app.dialling.sealing import Seal
from app.hooks.store import Hook
from app.inbox.store import cursor_key
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope
from app.web.authentication import authenticate
from app.web.cursors import CursorSeal
from app.web.middleware import Frame, Stopping
from tests.alerts.alerted import LOCAL, House, alerting_on
from tests.ingest.served import assert_problem
from tests.maven.examples import Json

ADMIN, READER, LIMITED = "admin-key-for-tests", "reader-key-for-tests", "limited-key-for-tests"
KEYS = [
    (ADMIN, ApiKey("boss", frozenset([Scope.ADMIN]))),
    (READER, ApiKey("reader", frozenset([Scope.READ]))),
    (LIMITED, ApiKey("limited", frozenset([Scope.ADMIN]), frozenset(["PGH"]))),
]
PUBLIC = "http://93.184.215.14/hook"
"""An address that may be dialled, and is not."""

Shown = dict[str, Json]


@dataclass(eq=False)
class Front:
    """What an administrator asks over HTTP, and the house that answers."""

    house: House
    client: AsyncClient

    async def ask(
        self, method: str, path: str = "", body: object = None, *, key: str | None = ADMIN, **headers: str
    ) -> Response:
        """The answer; `path` follows `/v1/hooks`, bytes are sent as they are and anything else as JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return await self.client.request(method, f"/v1/hooks{path}", content=content, headers=sent)

    async def given(self, method: str, path: str = "", body: object = None, status: int = 200) -> Shown:
        """What a request that has to succeed gives."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        assert answer.headers["x-request-id"]
        return cast(Shown, answer.json()) if answer.content else {}

    async def made(self, url: str = PUBLIC, **more: object) -> Shown:
        """A new hook as the API shows it this once, with its secret."""
        return await self.given("POST", "", {"name": "Safety", "url": url, **more}, 201)

    async def refused(self, method: str, path: str, body: object = None, status: int = 422) -> dict[str, str]:
        """The sentences of a request that is wrong, by their pointers."""
        problem = assert_problem(await self.ask(method, path, body), status)
        errors = cast(list[dict[str, str]], problem.get("errors", []))
        return {error["pointer"]: error["detail"] for error in errors}

    async def deliveries(self, hook_id: object, query: str = "") -> list[Shown]:
        found = await self.given("GET", f"/{hook_id}/deliveries{query}")
        return cast("list[Shown]", found["data"])

    async def statuses(self, hook_id: object) -> list[Json]:
        """How the deliveries of a hook stand, oldest first."""
        return [one["status"] for one in reversed(await self.deliveries(hook_id))]

    async def hook(self, hook_id: object) -> Hook:
        """A hook as it is stored."""
        return await self.house.desk.find(str(hook_id))


@asynccontextmanager
async def front_on(
    url: str, *, allowed: tuple[str, ...] = LOCAL, patience: Patience | None = None, seal: Seal | None = None
) -> AsyncIterator[Front]:
    """The hook endpoints on the database that `url` names."""
    async with alerting_on(url, allowed=allowed, patience=patience, seal=seal) as house:
        ring = KeyRing(house.database, KEYS, lambda: 0.0)
        await ring.refresh()
        cursors = CursorSeal(await house.database.read(cursor_key()))
        answering = HookRoutes(house.desk, partial(authenticate, ring), cursors)
        router = Router(routes(answering), redirect_slashes=False)

        async def route(scope: AsgiScope, receive: Receive, send: Send) -> None:
            scope["app"] = router  # by this it knows that an HTTPException will find somebody
            await router(scope, receive, send)

        app = Frame(route, Stopping())
        async with AsyncClient(transport=ASGITransport(app), base_url="http://front") as client:
            yield Front(house, client)


def page_of(answer: Shown) -> tuple[list[Shown], str | None]:
    """The items of a page and the cursor of the next."""
    pagination = cast(Shown, answer["pagination"])
    cursor = cast("str | None", pagination["nextCursor"])
    assert pagination["hasNextPage"] is (cursor is not None)
    return cast("list[Shown]", answer["data"]), cursor
