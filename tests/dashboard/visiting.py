"""The pages and the reading endpoints over a database, looked at by browsers that keep cookies, without a socket.

Routes, frame, key ring, session book and hooks are those of the application; the clock is the test's. Keys are stored
ones, and events come in by the script that the writer runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from app.dashboard.context import DashboardContext
from app.dashboard.routes import routes as dashboard_routes
from app.inbox.model import Channel
from app.inbox.store import cursor_key
from app.ingest.keeping import Delivery, keep_deliveries
from app.ingest.writer import Writer
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope, hash_key
from app.keys.store import create_key, revoke_key
from app.maven.events import read_delivery
from app.maven.times import DAY, HOUR
from app.query.context import QueryContext
from app.query.routes import routes as query_routes
from app.query.watch import ChangeWatch
from app.sessions.book import Lifetimes, SessionBook
from app.web.authentication import authenticate
from app.web.cursors import CursorSeal
from app.web.metrics import Metrics
from app.web.middleware import Frame, Stopping
from tests.alerts.alerted import alerting_on
from tests.dashboard.reading import Element, read
from tests.maven.examples import Json, as_bytes
from tests.query.desk import Clock
from tests.query.reading import Call, soon

HOME = "http://127.0.0.1:8000"
AWAY = "https://hos.example.com"
IDLE, WHOLE = 12 * HOUR, 7 * DAY
SESSION = "hos_session"
EVERYTHING = (Scope.READ, Scope.REVIEW)


@dataclass(eq=False)
class Browser:
    """A browser with its cookies. It says where its forms come from, as browsers do."""

    client: AsyncClient
    app: ASGIApp

    @property
    def session(self) -> str | None:
        """The token of the session in its cookies."""
        return self.client.cookies.get(SESSION)

    async def get(self, path: str, method: str = "GET", **headers: str) -> Response:
        """The answer to a request; underscores in the names of headers stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(method, path, headers=sent)
        assert_framed(answer)
        return answer

    async def page(self, path: str, status: int = 200) -> Element:
        """A page that has to be there."""
        answer = await self.get(path)
        assert answer.status_code == status, answer.text
        return read(answer.text)

    async def live(self, path: str = "/") -> Response:
        """The live part, asked for as the page does it."""
        return await self.get(path, x_live="1")

    async def post(self, path: str, fields: object, **headers: str) -> Response:
        """A form as a page of ours sends it, or with the headers given, as another does; a header that is empty is
        not sent. Bytes are sent as they are."""
        named = {
            "sec-fetch-site": "same-origin",
            "origin": str(self.client.base_url).rstrip("/"),
            "content-type": "application/x-www-form-urlencoded",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        content = fields if isinstance(fields, bytes) else urlencode(fields, doseq=True).encode()  # type: ignore[arg-type]
        sent = {name: value for name, value in named.items() if value}
        answer = await self.client.post(path, content=content, headers=sent)
        assert_framed(answer)
        return answer

    async def sign_in(self, key: str, path: str = "/") -> Response:
        """Fills in the form of the page to sign in at."""
        page = read((await self.get(f"/sign-in?next={path}")).text)
        form = page.only("form", action="/sign-in")
        return await self.post("/sign-in", {**dict(form.fields), "key": key})

    async def sign_out(self) -> Response:
        form = (await self.page("/")).only("form", action="/sign-out")
        return await self.post("/sign-out", form.fields)

    async def form_token(self) -> str:
        """What the forms of its session carry."""
        return dict((await self.page("/")).only("form", action="/sign-out").fields)["token"]

    def listen(self) -> Call:
        """Opens the stream of ticks, with its cookies."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        return begin_request(self.app, "/live", [(b"cookie", cookies.encode()), (b"host", b"127.0.0.1:8000")])


def assert_framed(answer: Response) -> None:
    """What every answer has, and that none is a crash."""
    assert answer.status_code != 500, answer.text
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "cache-control" in answer.headers
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    elif answer.status_code >= 400:
        assert kind == "application/problem+json"


def begin_request(app: ASGIApp, path: str, headers: list[tuple[bytes, bytes]], method: str = "GET") -> Call:
    """Begins a request whose answer has no end until the client leaves."""
    gone, reading = asyncio.Event(), asyncio.Event()
    reading.set()
    messages: asyncio.Queue[Message] = asyncio.Queue()
    scope: AsgiScope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "state": {},
    }
    is_asked = False

    async def receive() -> Message:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.put_nowait(message)

    async def run() -> None:
        await app(scope, receive, send)

    return Call(asyncio.create_task(run()), gone, reading, messages)


@dataclass(eq=False)
class House:
    """One process: its pages, its endpoints, its clock."""

    context: DashboardContext
    app: ASGIApp
    clock: Clock
    stopping: Stopping
    ring: KeyRing
    _stack: AsyncExitStack

    async def keep(self, *events: Json, at: int | None = None) -> None:
        """Commits events in one transaction, as the writer does."""
        database = self.context.database
        deliveries = [Delivery(read_delivery(as_bytes(event), 1), Channel.WEBHOOK) for event in events]
        kept = await database.write(keep_deliveries(database.dialect, deliveries, self.clock() if at is None else at))
        assert all(one.quarantine_id is None for delivery in kept for one in delivery)
        self.context.query.watch.notify()

    async def pass_time(self, micros: int) -> None:
        """Sets the clock on; the keys are read meanwhile."""
        self.clock.at += micros
        await self.ring.refresh()

    async def key(self, name: str = "safety", *scopes: Scope, terminals: tuple[str, ...] | None = None) -> str:
        """A new key; with `read` and `review` unless scopes are named."""
        text = f"hos_key_{name}"
        script = create_key(name, hash_key(text), scopes or EVERYTHING, terminals, self.clock())
        await self.context.database.write(script)
        await self.ring.refresh()
        return text

    async def revoke(self, name: str = "safety") -> None:
        assert await self.context.database.write(revoke_key(name, self.clock()))
        await self.ring.refresh()

    async def browser(self, base_url: str = HOME, address: str = "198.51.100.7") -> Browser:
        """A browser that nobody used before."""
        client = AsyncClient(
            transport=ASGITransport(self.app, client=(address, 1)),
            base_url=base_url,
            headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
        )
        return Browser(await self._stack.enter_async_context(client), self.app)

    async def visitor(
        self, name: str = "safety", *scopes: Scope, terminals: tuple[str, ...] | None = None, base_url: str = HOME
    ) -> Browser:
        """A browser that is signed in with a new key of this name."""
        browser = await self.browser(base_url)
        answer = await browser.sign_in(await self.key(name, *scopes, terminals=terminals))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        return browser

    async def ask(self, path: str, key: str = "hos_key_safety", **headers: str) -> Response:
        """The API's answer."""
        async with AsyncClient(transport=ASGITransport(self.app), base_url=HOME) as client:
            return await client.get(path, headers={"authorization": f"Bearer {key}", **headers})


@asynccontextmanager
async def open_house(
    url: str,
    *,
    zones: dict[str, str] | None = None,
    public_url: str | None = None,
    fixed: tuple[tuple[str, ApiKey], ...] = (),
) -> AsyncIterator[House]:
    """A process on the database that `url` names, at the newest schema."""
    async with alerting_on(url) as alerting, AsyncExitStack() as stack:
        database, clock, stopping, metrics = alerting.database, Clock(), Stopping(), Metrics("0")
        ring = KeyRing(database, fixed, lambda: clock() / 1_000_000)
        await ring.refresh()
        query = QueryContext(
            database=database,
            cursors=CursorSeal(await database.read(cursor_key())),
            clock=clock,
            stopping=stopping,
            authenticate=partial(authenticate, ring),
            watch=ChangeWatch(database),
            metrics=metrics,
        )
        context = DashboardContext(
            query=query,
            sessions=SessionBook(database, ring, Lifetimes(IDLE, WHOLE), clock),
            ring=ring,
            hooks=alerting.desk,
            writer=Writer(database, clock, metrics),
            clock=clock,
            zones={terminal: ZoneInfo(zone) for terminal, zone in (zones or {}).items()},
            public_url=public_url,
            door=None,
            version="1.2.3",
        )
        router = Router([*dashboard_routes(context), *query_routes(query)], redirect_slashes=False)

        async def route(scope: AsgiScope, receive: Receive, send: Send) -> None:
            scope["app"] = router  # by this it knows that an HTTPException will find somebody
            await router(scope, receive, send)

        yield House(context, Frame(route, stopping), clock, stopping, ring, stack)
        await soon(lambda: not left_behind())


def left_behind() -> list[str]:
    """Tasks of the pages that still run."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "pages-follow"]
