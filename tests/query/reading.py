"""The feed, the stream, the drivers and the statistics on a database, asked without a socket; for their tests.

`House` keeps events as the writer does, and asks as a client does: by ASGI, with a receive that says when the client
has gone. Every wait has a deadline.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from app.db.database import Database, open_database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Rows
from app.inbox.model import Channel
from app.inbox.store import cursor_key
from app.ingest.keeping import Delivery, keep_deliveries
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.maven.events import read_delivery
from app.query.answers import Reading
from app.query.changes import routes as change_routes
from app.query.context import QueryContext
from app.query.drivers import list_drivers
from app.query.stats import show_stats
from app.query.watch import ChangeWatch
from app.web.authentication import bearer_token
from app.web.cursors import CursorSeal
from app.web.metrics import Metrics
from app.web.middleware import Frame, Stopping
from app.web.problems import UNAUTHENTICATED, Problem, exception_handlers
from tests.maven.examples import Json, as_bytes, flat_event

PATIENCE = 15.0
NOW = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, the time of the first receipt; each later one is a second later."""

READ = frozenset([KeyScope.READ])
ALL = "all"
"""The token of a key that sees everything. Any other is a terminal, or several with commas, that its key may see."""


async def soon(is_true: Callable[[], bool]) -> None:
    """Returns when it is true."""
    async with asyncio.timeout(PATIENCE):
        while not is_true():  # noqa: ASYNC110 - it waits for whatever the caller looks at
            await asyncio.sleep(0.005)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Json]:
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def data(self) -> list[dict[str, Json]]:
        """The items of a list."""
        assert self.status == 200, self.body
        return cast("list[dict[str, Json]]", self.json["data"])

    @property
    def next_cursor(self) -> str | None:
        return cast("dict[str, str | None]", self.json["pagination"])["nextCursor"]

    @property
    def has_next_page(self) -> bool:
        return cast("dict[str, bool]", self.json["pagination"])["hasNextPage"]


@dataclass
class Event:
    """A block of a stream that is more than a comment."""

    fields: dict[str, str]

    @property
    def data(self) -> dict[str, Json]:
        return cast("dict[str, Json]", json.loads(self.fields["data"]))


@dataclass(eq=False)
class Call:
    """One request under way. `reading` is unset while the client does not read."""

    task: asyncio.Task[None]
    gone: asyncio.Event
    reading: asyncio.Event
    messages: "asyncio.Queue[Message]"
    text: str = ""

    is_blocked: bool = False
    """Whether the application waits for the client to read."""

    async def answer(self) -> Answer:
        """The whole answer, once it is complete."""
        async with asyncio.timeout(PATIENCE):
            await self.task
        messages = [self.messages.get_nowait() for _ in range(self.messages.qsize())]
        start, *rest = messages
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(m.get("body", b"") for m in rest))

    async def start(self) -> Message:
        """The beginning of the answer."""
        async with asyncio.timeout(PATIENCE):
            return await self.messages.get()

    async def block(self) -> Event | None:
        """The next block of the stream that is not only a comment; None when the stream has ended."""
        async with asyncio.timeout(PATIENCE):
            while True:
                head, found, rest = self.text.partition("\n\n")
                if found:
                    self.text = rest
                    lines = [line for line in head.split("\n") if not line.startswith(":")]
                    if lines:
                        return Event(dict(line.split(": ", 1) for line in lines))
                    continue
                message = await self.messages.get()
                if not message.get("more_body", False):
                    return None
                self.text += message["body"].decode()

    async def events(self, count: int) -> list[Event]:
        """The next events."""
        found: list[Event] = []
        while len(found) < count:
            event = await self.block()
            assert event is not None, "the stream has ended"
            if "event" in event.fields:
                found.append(event)
        return found

    async def ended(self) -> bool:
        """Whether nothing but the end comes."""
        return await self.block() is None

    async def leave(self) -> None:
        """Goes away as a client does, and returns when the application has noticed."""
        self.gone.set()
        self.reading.set()
        async with asyncio.timeout(PATIENCE):
            with suppress(asyncio.CancelledError):
                await self.task


@dataclass(eq=False)
class House:
    """One process: its database, its watch, its endpoints, its keys by their tokens."""

    database: Database
    watch: ChangeWatch
    stopping: Stopping
    app: ASGIApp
    revoked: set[str]
    _times: Iterable[int] = field(default_factory=lambda: itertools.count(NOW, 1_000_000))

    async def keep(self, *events: Json, notify: bool = True) -> None:
        """Commits events in one transaction, as this process's writer or, without `notify`, as another's."""
        read = [event for body in events for event in read_delivery(as_bytes(body), 1)]
        delivery = Delivery(read, Channel.WEBHOOK)
        await self.database.write(keep_deliveries(self.database.dialect, [delivery], next(iter(self._times))))
        if notify:
            self.watch.notify()

    def call(self, path: str, key: str, parameters: object = (), **headers: str) -> Call:
        """Begins a request."""
        gone, reading = asyncio.Event(), asyncio.Event()
        reading.set()
        messages: asyncio.Queue[Message] = asyncio.Queue()
        named = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        query = parameters if isinstance(parameters, str) else urlencode(cast("dict[str, str]", parameters), doseq=True)
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in named.items()],
            "state": {},
        }
        is_sent = False

        async def receive() -> Message:
            nonlocal is_sent
            if not is_sent:
                is_sent = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            call.is_blocked = not reading.is_set()
            await reading.wait()
            call.is_blocked = False
            messages.put_nowait(message)

        async def run() -> None:
            await self.app(scope, receive, send)

        call = Call(asyncio.create_task(run()), gone, reading, messages)
        return call

    async def get(self, path: str, parameters: object = (), key: str = ALL) -> Answer:
        """The answer to a request."""
        return await self.call(path, key, parameters).answer()

    async def feed(self, key: str = ALL, limit: int = 1000) -> list[dict[str, Json]]:
        """All entries, page by page."""
        entries: list[dict[str, Json]] = []
        parameters: dict[str, str] = {"limit": str(limit)}
        while True:
            answer = await self.get("/v1/changes", parameters, key)
            entries += answer.data
            assert answer.next_cursor is not None
            parameters["after"] = answer.next_cursor
            if not answer.has_next_page:
                return entries

    @asynccontextmanager
    async def stream(self, key: str = ALL, parameters: object = (), **headers: str) -> AsyncIterator[Call]:
        """An open stream whose client leaves in the end."""
        call = self.call("/v1/stream", key, parameters, **headers)
        try:
            start = await call.start()
            assert start["status"] == 200, start
            yield call
        finally:
            await call.leave()


class Flaky:
    """A database whose reads fail while `is_away`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_away = False
        self.fetches = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)

    async def fetch(self, sql: str, *args: object) -> Rows:
        self.fetches += 1
        if self.is_away:
            raise DatabaseUnavailable("away")
        return await self._database.fetch(sql, *args)


def _key_of(token: str) -> ApiKey:
    return ApiKey(token, READ, None if token == ALL else frozenset(token.split(",")))


async def build_house(database: Database) -> House:
    """The endpoints on a database that is open."""
    revoked: set[str] = set()
    stopping = Stopping()
    watch = ChangeWatch(database)

    def authenticate(scope: Scope, needed: KeyScope) -> ApiKey:
        token = bearer_token(scope)
        if token is None or token in revoked:
            raise Problem(UNAUTHENTICATED, "no key")
        key = _key_of(token)
        assert key.may(needed)
        return key

    context = QueryContext(
        database=database,
        cursors=CursorSeal(await database.read(cursor_key())),
        clock=lambda: NOW,
        stopping=stopping,
        authenticate=authenticate,
        watch=watch,
        metrics=Metrics("0"),
    )
    routes = [
        *change_routes(context, watch),
        Route("/v1/drivers", Reading(context, list_drivers, "/v1/drivers"), methods=["GET"]),
        Route("/v1/stats", Reading(context, show_stats, "/v1/stats"), methods=["GET"]),
    ]
    app = Frame(Starlette(routes=routes, exception_handlers=exception_handlers()), stopping)
    return House(database, watch, stopping, app, revoked)


@asynccontextmanager
async def open_house(url: str) -> AsyncIterator[House]:
    """The endpoints on the database of `url`; afterwards nothing that they began may be left."""
    database = await open_database(url)
    try:
        yield await build_house(database)
        await soon(lambda: not left_behind())
    finally:
        await database.close()


def left_behind() -> list[str]:
    """Tasks of the feed that still run."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("change")]


def created(violation_id: str, terminal: str | None = "PGH", **changes: Json) -> dict[str, Json]:
    """A creation."""
    return flat_event(id=violation_id, terminalCode=terminal, **changes)


def invalidated(violation_id: str, terminal: str | None = "PGH", **changes: Json) -> dict[str, Json]:
    """An invalidation, by default newer than the creation."""
    return flat_event(
        "violationInvalidated",
        **{"id": violation_id, "terminalCode": terminal, "eventTime": "2024-01-02T00:00:00Z", **changes},
    )
