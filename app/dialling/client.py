"""One POST to a URL that others chose, within a deadline, and what came back of it.

Owns the request and its limits: bytes, seconds, redirects (none is followed), the environment (no proxy, no .netrc).
Which addresses may be reached is `addresses`'s, how one is reached `connecting`'s; what an answer means and when to try
again is left to the caller. Contract section 7.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import httpcore2
import httpx2

from app.dialling.addresses import AddressGuard
from app.dialling.connecting import HEAD_BYTES, CheckedBackend, Connection
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.idle import IdleConnections
from app.dialling.resolving import Resolver, SystemResolver
from app.dialling.urls import Target, read_target

EXCERPT_CHARACTERS = 200
_EXCERPT_BYTES = 2048
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers that say how the request is sent; a caller's are not taken."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, and for how much, an answer is waited for."""

    total_seconds: float = 15.0
    """For the whole: name, connection, sending, answer."""
    connect_seconds: float = 5.0
    """For one address to take the connection, and again for TLS."""
    idle_seconds: float = 15.0
    """How long a connection is kept for the next request."""
    longest_seconds: float = 60.0
    """How long it is used at all: after that the name is looked up, and checked, again."""
    body_bytes: int = 64 * 1024
    """How much of an answer's body is read; what follows is dropped with the connection."""
    idle_connections: int = 256


USUAL_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. Redirects are answers."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; several of one name are joined with commas."""
    excerpt: str
    """At most 200 printable characters of the body's beginning, for whoever looks into a failure; untrusted."""
    body: bytes = b""
    """For programs, never to be shown: the whole body, or as much of it as is read."""
    is_cut: bool = False
    """Whether there was more of it."""


class Dialler:
    """Posts to where the guard allows. Kept open by `open_dialler`; may be used by many tasks at a time."""

    def __init__(self, backend: CheckedBackend, tls: ssl.SSLContext, patience: Patience) -> None:
        self._backend = backend
        self._tls = tls
        self._patience = patience
        self.idle = IdleConnections(patience.idle_connections, patience.longest_seconds)

    async def check(self, url: str) -> None:
        """Resolves and judges the URL without connecting to it.

        Raises `DialRefused` when it may not be dialled, `DialFailed` when its name cannot be resolved now.
        """
        target = _target(url)
        try:
            async with asyncio.timeout(self._patience.total_seconds):
                await self._backend.check(target.host)
        except TimeoutError:
            seconds = self._patience.total_seconds
            raise DialFailed("timeout", f"The name {target.host} was not resolved within {seconds:g} s") from None

    async def post(self, url: str, body: bytes, headers: dict[str, str], *, is_fresh: bool = False) -> Answer:
        """Sends `body` once and gives the answer, whatever its status. Raises `DialRefused` and `DialFailed`.

        On a kept connection that the other side closed meanwhile it is sent a second time, on a new one: receivers
        get a message at least once. With `is_fresh` it is sent on a new one only, and never twice.
        """
        target = _target(url)
        request = _request(target, body, headers)
        try:
            async with asyncio.timeout(self._patience.total_seconds):
                return await self._post(target, request, is_fresh=is_fresh)
        except TimeoutError:
            seconds = self._patience.total_seconds
            raise DialFailed("timeout", f"No complete answer from {target.shown} within {seconds:g} s") from None

    async def _post(self, target: Target, request: httpcore2.Request, *, is_fresh: bool) -> Answer:
        connection = None if is_fresh else await self.idle.take(target)
        if connection is not None:
            try:
                return await self._exchange(connection, target, request)
            except (httpcore2.NetworkError, httpcore2.RemoteProtocolError, OSError):
                # It may have been closed while the request was under way; a new one shows whether more is wrong.
                pass
        connection = await self._backend.open(target, self._tls, self._patience.idle_seconds)
        try:
            return await self._exchange(connection, target, request)
        except httpcore2.NetworkError:
            raise DialFailed("unreachable", f"{target.shown} broke the connection off") from None
        except httpcore2.ProtocolError as error:
            if getattr(error.__cause__, "error_status_hint", None) == 431:
                raise _too_large(target) from None
            why = " ".join(str(error).split())[:EXCERPT_CHARACTERS]
            raise DialFailed("protocol", f"No HTTP answer from {target.shown}: {why}") from None
        except ssl.SSLError:
            raise DialFailed("tls", f"TLS with {target.shown} broke off") from None
        except OSError:
            raise DialFailed("unreachable", f"{target.shown} broke the connection off") from None

    async def _exchange(self, connection: Connection, target: Target, request: httpcore2.Request) -> Answer:
        try:
            response = await connection.handle_async_request(request)
            try:
                if sum(len(name) + len(value) + 4 for name, value in response.headers) > HEAD_BYTES:
                    raise _too_large(target)
                body, is_cut = await self._read(response)
                return Answer(response.status, _headers(response), _excerpt(body), body, is_cut)
            finally:
                await response.aclose()
        finally:
            await self.idle.keep(target, connection)

    async def _read(self, response: httpcore2.Response) -> tuple[bytes, bool]:
        """The body up to the cap, and whether there was more."""
        most, body = self._patience.body_bytes, bytearray()
        async with aclosing(response.aiter_stream()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > most:
                    return bytes(body[:most]), True
        return bytes(body), False


def _target(url: str) -> Target:
    try:
        return read_target(url)
    except ValueError as error:
        raise DialRefused(str(error)) from None


def _excerpt(body: bytes) -> str:
    text = "".join(c if c.isprintable() else " " for c in body[:_EXCERPT_BYTES].decode("utf-8", "replace"))
    return " ".join(text.split())[:EXCERPT_CHARACTERS]


def _request(target: Target, body: bytes, headers: dict[str, str]) -> httpcore2.Request:
    sent = {"accept": "*/*", "user-agent": "hos-receiver"}
    sent |= {name.lower(): value for name, value in headers.items() if name.lower() not in _OURS}
    # A compressed answer would have to be unpacked, which is work that the other side could choose the size of.
    own = {"host": target.authority, "content-length": str(len(body)), "accept-encoding": "identity"}
    listed = [(name.encode(), value.encode()) for name, value in (own | sent).items()]
    url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    return httpcore2.Request("POST", url, headers=listed, content=body)


def _headers(response: httpcore2.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _too_large(target: Target) -> DialFailed:
    return DialFailed("too_large", f"The head of the answer from {target.shown} is larger than {HEAD_BYTES:,} bytes")


@asynccontextmanager
async def open_dialler(
    guard: AddressGuard,
    *,
    patience: Patience = USUAL_PATIENCE,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Dialler]:
    """A dialler for as long as the context lasts. `tls` says which certificates are accepted: usually the system's."""
    context = httpx2.create_ssl_context(trust_env=False) if tls is None else tls
    context.set_alpn_protocols(["http/1.1"])
    system = SystemResolver()
    dialler = Dialler(CheckedBackend(guard, resolver or system, patience.connect_seconds), context, patience)
    sweeper = asyncio.create_task(_sweep(dialler.idle, patience.idle_seconds))
    try:
        yield dialler
    finally:
        sweeper.cancel()
        await asyncio.gather(sweeper, return_exceptions=True)
        await dialler.idle.aclose()
        await system.aclose()


async def _sweep(idle: IdleConnections, every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        await idle.close_spent()
