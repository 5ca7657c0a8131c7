"""The dvir-logs endpoints over a database, asked by HTTP without a socket; what is forwarded goes to real servers.

Routes, frame and keys are those of the application; the house behind it has a clock that a test can set on.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.routing import Router
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from app.db.statements import Execute, WriteScript
from app.dialling.client import Patience
from app.dialling.sealing import Seal
from app.dvir_logs.context import InspectionsContext
from app.dvir_logs.desk import ConnectionDesk
from app.dvir_logs.routes import routes
from app.hooks.model import Kind
from app.inbox.store import cursor_key
from app.inspections.connections import LOCAL_ID, ensure_local
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope, hash_key, new_key
from app.keys.store import create_key, revoke_key
from app.keys.tokens import TokenSeal
from app.maven.ijson_grammar import Json
from app.web.authentication import authenticate
from app.web.cursors import CursorSeal
from app.web.metrics import Metrics
from app.web.middleware import Frame, Stopping
from tests.alerts.alerted import LOCAL, House, alerting_on, eventually
from tests.dialling.answering import http
from tests.ingest.served import assert_problem
from tests.inspections.samples import report

ADMIN = "an-admin-key-for-tests"
LOGS = "/v2/telematics/dvir-logs"
DEFECTS = f"{LOGS}/defects"
CONNECTIONS = "/v2/integrations/connections"
TOKENS = "/oauth/token"
PUBLIC = "http://93.184.215.14/dvir"
"""An address that may be dialled, and is not."""
DAY_SECONDS = 25 * 3600.0
"""Longer than any wait between two tries."""

Shown = dict[str, Json]


def bearer(key: str) -> dict[str, str]:
    """The header of a client with a key or an access token."""
    return {"authorization": f"Bearer {key}"}


def taken(source_id: Json, *headers: str, status: int = 201) -> bytes:
    """The answer of a provider that took a report."""
    return http(status, json.dumps({"id": source_id}).encode(), "Content-Type: application/json", *headers)


@dataclass(eq=False)
class Depot:
    """What clients ask, and the house that answers."""

    house: House
    ring: KeyRing
    client: AsyncClient

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The answer to a request by the admin key, or with other headers; bytes are sent as they are."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {**({} if content is None else {"Content-Type": "application/json"}), **(headers or bearer(ADMIN))}
        return await self.client.request(method, path, content=content, headers=sent)

    async def given(self, method: str, path: str, body: object = None, status: int = 200) -> Shown:
        """What a request that has to succeed gives."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        return cast(Shown, answer.json()) if answer.content else {}

    async def refused(self, method: str, path: str, body: object = None, status: int = 422) -> dict[str, str]:
        """The sentences of a request that is wrong, by their pointers."""
        problem = assert_problem(await self.ask(method, path, body), status)
        errors = cast("list[dict[str, str]]", problem.get("errors", []))
        assert all(set(error) == {"pointer", "detail"} for error in errors)
        return {error["pointer"]: error["detail"] for error in errors}

    async def connect(self, url: str = PUBLIC, **more: object) -> str:
        """A new connection of kind http; its id."""
        made = await self.given("POST", CONNECTIONS, {"name": "Provider", "kind": "http", "url": url, **more}, 201)
        return str(made["id"])

    async def send(self, connection_id: str = LOCAL_ID, *, is_sync: bool = False, **fields: Json) -> Shown:
        """A report that is accepted; its operation as it is answered."""
        return await self.keep(report(connection_id, **fields), is_sync=is_sync)

    async def keep(self, fields: Mapping[str, Json], *, is_sync: bool = False) -> Shown:
        """The same for a report given whole."""
        path = f"{LOGS}?is_sync=true" if is_sync else LOGS
        return await self.given("POST", path, fields, 200 if is_sync else 202)

    async def operation(self, sent: Mapping[str, Json]) -> Shown:
        """An operation as it stands."""
        return await self.given("GET", operation_path(sent))

    async def tried(self, sent: Mapping[str, Json], times: int) -> Shown:
        """An operation once it was tried so many times."""
        return await self._once(sent, lambda one: len(logs_of(one)) >= times, f"{times} tries")

    async def ended(self, sent: Mapping[str, Json]) -> Shown:
        """An operation once it has ended."""
        return await self._once(sent, lambda one: one["status"] != "pending", "the operation has ended")

    async def _once(self, sent: Mapping[str, Json], is_so: Callable[[Shown], bool], what: str) -> Shown:
        found: Shown = {}

        async def look() -> bool:
            found.update(await self.operation(sent))
            return is_so(found)

        await eventually(look, what)
        return found

    async def items(self, path: str = LOGS, query: str = "") -> list[Shown]:
        """The items of a page."""
        return items_of(await self.given("GET", f"{path}?{query}"))

    async def make_key(self, name: str, *scopes: Scope, terminals: Iterable[str] | None = None) -> str:
        """A stored key that is in force."""
        key = new_key(frozenset(scopes))
        await self.house.database.write(create_key(name, hash_key(key), scopes, terminals, self.house.clock()))
        await self.ring.refresh()
        return key

    async def revoke(self, name: str) -> None:
        """Ends a key."""
        assert await self.house.database.write(revoke_key(name, self.house.clock()))
        await self.ring.refresh()

    async def know_driver(self, catena_driver_id: str, terminal_code: str) -> None:
        """Makes known at which terminal a driver is."""

        def script() -> WriteScript[None]:
            yield Execute(
                "INSERT INTO driver_identities (catena_driver_id, terminal_code, changed_at) VALUES ($1, $2, 0)",
                (catena_driver_id, terminal_code),
            )

        await self.house.database.write(script())


def operation_path(sent: Mapping[str, Json]) -> str:
    """Where an operation is looked at."""
    return f"{CONNECTIONS}/{sent['connection_id']}/resource-operations/{sent['id']}"


def logs_of(operation: Shown) -> list[Shown]:
    """The attempts of an operation."""
    return cast("list[Shown]", operation["logs"])


def items_of(page: Shown) -> list[Shown]:
    """The items of a page."""
    return cast("list[Shown]", page["items"])


@asynccontextmanager
async def depot_on(
    url: str, *, allowed: tuple[str, ...] = LOCAL, patience: Patience | None = None, key: str | None = None
) -> AsyncIterator[Depot]:
    """The endpoints on the database of `url`; `key` is what secrets are sealed with."""
    seal = Seal(key)
    async with alerting_on(url, allowed=allowed, patience=patience, seal=seal) as house:
        database = house.database
        secret = await database.read(cursor_key())
        admin = ApiKey("admin", frozenset(Scope) - {Scope.WEBHOOK})
        ring = KeyRing(database, [(ADMIN, admin)], lambda: 0.0, TokenSeal(secret))
        await ring.refresh()
        await database.write(ensure_local(house.clock()))
        forwarder = house.deliverer.forwarder
        judge_url = partial(house.sender.check, Kind.CONNECTION)
        stopping = Stopping()
        context = InspectionsContext(
            database=database,
            reads=database,
            authenticate=partial(authenticate, ring),
            ring=ring,
            cursors=CursorSeal(secret),
            desk=ConnectionDesk(database, seal, judge_url, forwarder.post_nothing, house.clock, house.wake.set),
            forward_now=forwarder.forward_now,
            clock=house.clock,
            metrics=Metrics("0"),
            stopping=stopping,
            on_change=house.wake.set,
        )
        router = Router(routes(context), redirect_slashes=False)

        async def route(scope: AsgiScope, receive: Receive, send: Send) -> None:
            scope["app"] = router  # by this it knows that an HTTPException will find somebody
            await router(scope, receive, send)

        app = Frame(route, stopping)
        async with AsyncClient(transport=ASGITransport(app), base_url="http://depot", timeout=30) as client:
            yield Depot(house, ring, client)
