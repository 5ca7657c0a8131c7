"""The driverHistories endpoints over a database, with real keys, asked by HTTP without a socket."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.db.database import Database, open_database
from app.driver_histories.context import HistoriesContext, make_turns
from app.driver_histories.routes import routes
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope, hash_key, new_key
from app.keys.store import create_key, revoke_key
from app.maven.ijson_grammar import Json
from app.web.authentication import authenticate_either_way
from app.web.metrics import Metrics
from app.web.middleware import Frame, Stopping
from app.web.problems import exception_handlers
from tests.duty_log.samples import ACCOUNT, NOW, Record
from tests.ingest.served import assert_problem

PATH = "/api/v2/driverHistories"
UNIDENTIFIED = f"{PATH}/meta/unidentifiedDrivingEvents"
VEHICLES_DRIVEN = f"{PATH}/meta/vehiclesDriven"
ADMIN = "an-admin-key-for-tests"
MAX_BODY_BYTES = 1_000_000


@dataclass
class Clock:
    """The present, in microseconds since 1970 UTC, as a test sets it."""

    at: int = NOW

    def __call__(self) -> int:
        return self.at


def bearer(key: str) -> dict[str, str]:
    """The header of a client with a token."""
    return {"Authorization": f"Bearer {key}"}


def basic(name: str, key: str) -> dict[str, str]:
    """The header of a client of VisTracks."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


@dataclass(eq=False)
class Office:
    """Where records are handed in and asked for; by the key of the settings unless another one is named."""

    database: Database
    ring: KeyRing
    app: ASGIApp
    client: AsyncClient
    now: Clock

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The answer to a request; bytes are sent as they are, anything else but None as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**({} if content is None else {"Content-Type": "application/json"}), **(headers or bearer(ADMIN))}
        return await self.client.request(method, path, content=content, headers=sent)

    async def post(self, *records: Mapping[str, Json], headers: Mapping[str, str] | None = None) -> list[Record]:
        """Keeps records."""
        return _array(await self.ask("POST", PATH, records, headers))

    async def put(self, *edits: Mapping[str, Json], headers: Mapping[str, str] | None = None) -> list[Record]:
        """Edits records."""
        return _array(await self.ask("PUT", PATH, edits, headers))

    async def find(self, query: str = "", headers: Mapping[str, str] | None = None) -> list[Record]:
        """The records that match."""
        return _array(await self.ask("GET", f"{PATH}?{query}", headers=headers))

    async def history(self) -> list[Record]:
        """Everything there is, oldest first."""
        return await self.find("driver.system=*&from-deleted-at=*")

    async def make_key(self, name: str, *scopes: Scope, terminals: Iterable[str] | None = None) -> str:
        """A stored key that is in force."""
        key = new_key(frozenset(scopes))
        await self.database.write(create_key(name, hash_key(key), scopes, terminals, NOW))
        await self.ring.refresh()
        return key

    async def revoke(self, name: str) -> None:
        """Ends a key."""
        assert await self.database.write(revoke_key(name, NOW))
        await self.ring.refresh()


def assert_refused(answer: Response, status: int) -> list[dict[str, object]]:
    """Asserts that nothing was done, and gives what was wrong, item by item."""
    return cast("list[dict[str, object]]", assert_problem(answer, status)["errors"])


def _array(answer: Response) -> list[Record]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert isinstance(found, list)
    return cast("list[Record]", found)


@asynccontextmanager
async def open_office(
    url: str, *, is_strict: bool = False, max_body_bytes: int = MAX_BODY_BYTES
) -> AsyncIterator[Office]:
    """The endpoints on the database of `url`."""
    database = await open_database(url)
    try:
        scopes = frozenset(Scope) - {Scope.WEBHOOK}
        ring = KeyRing(database, [(ADMIN, ApiKey("admin", scopes))], time.monotonic)
        await ring.refresh()
        now, stopping = Clock(), Stopping()
        context = HistoriesContext(
            database=database,
            reads=database,
            authenticate=partial(authenticate_either_way, ring),
            clock=now,
            stopping=stopping,
            metrics=Metrics("0"),
            turns=make_turns(),
            max_body_bytes=max_body_bytes,
            account_id=ACCOUNT,
            is_strict=is_strict,
        )
        app = Frame(Starlette(routes=routes(context), exception_handlers=exception_handlers()), stopping)
        async with AsyncClient(transport=ASGITransport(app), base_url="http://office") as client:
            yield Office(database, ring, app, client, now)
    finally:
        await database.close()
