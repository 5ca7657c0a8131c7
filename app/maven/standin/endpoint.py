"""The endpoint itself: `GET /return-events` as an ASGI application.

Owns who is answered (path, key, parameters), how the bytes come, and the memory of what was asked. What an answer says
is `answers.py`'s. Beside Maven's documentation: the key is checked before the parameters; `startTime` may be any ISO
8601 time and may lie before what is kept, an `endTime` before it is refused; `ids` may be repeated or separated by
commas.
"""

import asyncio
import hmac
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from app.maven.standin.answers import (
    Answer,
    Query,
    answer_instead,
    answer_page,
    bad_request,
    date_header,
    not_found,
    unauthorized,
)
from app.maven.standin.faults import FaultName, Faults
from app.maven.standin.held_events import HeldEvents
from app.maven.times import parse_time

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

PATH = "/return-events"
DEFAULT_API_KEY = "standin"
DEFAULT_PAGE_SIZE = 100
MOST_REMEMBERED = 1000
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what it was answered; `at_us` in microseconds since 1970 UTC, by the stand-in's own clock.

    `status` is None when there was no answer. `start_time` and `end_time` are as they were written, None when missing;
    `faults` those that the answer had; the last three what the page said.
    """

    at_us: int
    path: str
    start_time: str | None
    end_time: str | None
    ids: tuple[str, ...]
    status: int | None
    faults: tuple[FaultName, ...]
    event_count: int
    has_next: bool | None
    next_start_time: str | None


class StandIn:
    """Maven's queue of one fleet, to be served by any ASGI server that leaves the Date header to it.

    `clock` gives microseconds since 1970 UTC: what was saved later is not shown yet. `asked` has the last
    `MOST_REMEMBERED` requests, `request_count` counts all. `page_size`, `api_key` and `faults` may be changed between
    requests.
    """

    def __init__(
        self,
        held: HeldEvents,
        *,
        api_key: str = DEFAULT_API_KEY,
        page_size: int = DEFAULT_PAGE_SIZE,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        faults: Faults | None = None,
    ) -> None:
        if page_size < 1:
            raise ValueError("page_size must be 1 or more")
        self.held = held
        self.api_key = api_key
        self.page_size = page_size
        self.clock = clock
        self.faults = Faults() if faults is None else faults
        self.asked: deque[Asked] = deque(maxlen=MOST_REMEMBERED)
        self.request_count = 0
        self._awaited: list[tuple[int, asyncio.Event]] = []

    async def until_asked(self, count: int) -> None:
        """Wait until there have been so many requests in all."""
        if self.request_count < count:
            event = asyncio.Event()
            self._awaited.append((count, event))
            await event.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the stand-in speaks HTTP only, not {scope['type']}")
        now = self.clock()
        parameters = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        answer, shown = self._answer(scope, parameters, now)
        self._remember(scope["path"], parameters, now, answer, shown)
        if answer is None:
            async with _departing(receive) as departed:
                await departed
            return
        skew = self.faults.skew_us if FaultName.SKEWED_CLOCK in shown else 0
        headers = [("Date", date_header(now + skew)), *answer.headers]
        if FaultName.ENDLESS in shown:
            await _send_start(send, answer.status, headers)
            await _send_endless(answer.body, receive, send)
            return
        await _send_start(send, answer.status, [*headers, ("Content-Length", str(len(answer.body)))])
        if FaultName.RESET in shown:
            # The server closes a connection whose answer is left unfinished.
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        elif FaultName.SLOW in shown:
            await _send_slowly(answer.body, self.faults.slow_seconds, receive, send)
        else:
            await send({"type": "http.response.body", "body": answer.body})

    def _answer(
        self, scope: Scope, parameters: dict[str, list[str]], now: int
    ) -> tuple[Answer | None, tuple[FaultName, ...]]:
        """The answer, None for none, and the faults it has."""
        if scope["path"] != PATH or scope["method"] != "GET":
            return not_found(), ()
        instead = self.faults.take_instead()
        if instead is not None:
            return answer_instead(instead, self.faults), (instead,)
        keys = [value for name, value in scope["headers"] if name.lower() == b"apikey"]
        if len(keys) != 1 or not hmac.compare_digest(keys[0], self.api_key.encode()):
            return unauthorized(), ()
        try:
            query = _read_query(parameters)
        except ValueError as error:
            return bad_request(str(error)), ()
        shown = self.faults.take_for_page()
        return answer_page(self.held, query, self.page_size, now, shown, self.faults), shown

    def _remember(
        self,
        path: str,
        parameters: dict[str, list[str]],
        now: int,
        answer: Answer | None,
        shown: tuple[FaultName, ...],
    ) -> None:
        self.asked.append(
            Asked(
                now,
                path,
                parameters.get("startTime", [None])[0],
                parameters.get("endTime", [None])[0],
                _ids(parameters) or (),
                None if answer is None else answer.status,
                shown,
                0 if answer is None else answer.event_count,
                None if answer is None else answer.has_next,
                None if answer is None else answer.next_start_time,
            )
        )
        self.request_count += 1
        for count, event in self._awaited:
            if count <= self.request_count:
                event.set()
        self._awaited = [(count, event) for count, event in self._awaited if not event.is_set()]


def _ids(parameters: dict[str, list[str]]) -> tuple[str, ...] | None:
    given = [*parameters.get("ids", ()), *parameters.get("ids[]", ())]
    return tuple(event_id for text in given for event_id in text.split(",")) if given else None


def _read_query(parameters: dict[str, list[str]]) -> Query:
    """Raises ValueError with a sentence for what is missing or wrong."""
    start = _read_time(parameters, "startTime")
    end = _read_time(parameters, "endTime")
    if start is None:
        raise ValueError("startTime is required")
    if end is not None and end < start:
        raise ValueError("endTime must not be before startTime")
    return Query(start, end, _ids(parameters))


def _read_time(parameters: dict[str, list[str]], name: str) -> int | None:
    given = parameters.get(name)
    if given is None:
        return None
    if len(given) > 1:
        raise ValueError(f"{name} must be given once")
    try:
        return parse_time(given[0])
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


async def _send_start(send: Send, status: int, headers: list[tuple[str, str]]) -> None:
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def _send_slowly(body: bytes, seconds: float, receive: Receive, send: Send) -> None:
    async with _departing(receive) as departed:
        for place in range(len(body)):
            is_last = place == len(body) - 1
            await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": not is_last})
            await asyncio.wait({departed}, timeout=seconds)
            if departed.done():
                return


async def _send_endless(body: bytes, receive: Receive, send: Send) -> None:
    """The page up to the end of its events, and then blanks, which JSON allows there without end."""
    events, _, _ = body.rpartition(b'],"pagination"')
    async with _departing(receive) as departed:
        await send({"type": "http.response.body", "body": events, "more_body": True})
        while not departed.done():
            await send({"type": "http.response.body", "body": b" " * _CHUNK, "more_body": True})
            # A client on the same loop must have its turn.
            await asyncio.sleep(0)


@asynccontextmanager
async def _departing(receive: Receive) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that is done when the client has gone."""

    async def wait_for_departure() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(wait_for_departure())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
