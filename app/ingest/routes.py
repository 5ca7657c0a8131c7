"""`POST /webhooks/maven`: the hot way in (contract section 4).

A plain ASGI endpoint: credential on the raw bytes, then parse, then wait for the commit, then answer. The order is the
promise: nothing is parsed for a stranger, and no 2xx leaves before the disk has it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.inbox.model import Channel
from app.ingest.credentials import WebhookGate
from app.ingest.keeping import Delivery, Kept
from app.ingest.large import LARGE_BYTES, LargeDeliveries
from app.ingest.writer import Overloaded, Writer
from app.keys.ring import KeysUnknown
from app.maven.events import AcceptedEvent, Fault, NotJson, ReadEvent, RejectedEvent, TooManyEvents, read_delivery
from app.violations.rules import Outcome
from app.web.bodies import ClientGone, decode_body, read_body
from app.web.metrics import Metrics
from app.web.problems import (
    INVALID_ENCODING,
    INVALID_EVENTS,
    INVALID_JSON,
    OVERLOADED,
    TOO_MANY_EVENTS,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Kind,
    Problem,
)

WEBHOOK_PATH = "/webhooks/maven"

_WORDS = {outcome: outcome.word for outcome in Outcome}
_UNAUTHENTICATED = (
    "Send a configured webhook credential: a Standard Webhooks signature, a Bearer or Basic token, or apiKey."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hos-receiver"'}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a delivery may be."""

    body_bytes: int
    batch_events: int
    invalid_status: int = 422
    """202 acknowledges, and quarantines, what could not be understood."""


class MavenWebhook:
    """The endpoint. One object per process."""

    def __init__(self, gate: WebhookGate, writer: Writer, metrics: Metrics, limits: Limits) -> None:
        self._gate = gate
        self._writer = writer
        self._metrics = metrics
        self._limits = limits
        self._large = LargeDeliveries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, body = await self._receive(scope, receive)
        except ClientGone:
            return
        except Problem as problem:
            self._metrics.delivery_answered(problem.status)
            raise
        self._metrics.delivery_answered(status)
        start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _receive(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        headers = scope["headers"]
        raw = await read_body(scope, receive, self._limits.body_bytes)
        try:
            admitted = self._gate.admits(headers, raw)
        except KeysUnknown:
            raise _unavailable() from None
        if not admitted:
            raise Problem(UNAUTHENTICATED, _UNAUTHENTICATED, headers=_CHALLENGE)
        content_type = content_encoding = b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"content-encoding":
                content_encoding = value if not content_encoding else content_encoding + b"," + value
        try:
            if not content_encoding and content_type == b"application/json":
                return await self._take(raw)
            return await self._take_encoded(raw, content_encoding, content_type)
        except Overloaded:
            raise Problem(
                OVERLOADED,
                "Too many events wait to be written. Nothing of this delivery was kept; send it again.",
                headers={"Retry-After": "1"},
            ) from None
        except DatabaseUnavailable:
            raise _unavailable() from None

    async def _take_encoded(self, raw: bytes, content_encoding: bytes, content_type: bytes) -> tuple[int, bytes]:
        try:
            body = decode_body(raw, content_encoding, content_type, self._limits.body_bytes)
        except Problem as problem:
            if problem.kind is not INVALID_ENCODING:
                raise
            return await self._keep_unreadable(raw, problem.detail, None, INVALID_ENCODING)
        return await self._take(body)

    async def _take(self, body: bytes) -> tuple[int, bytes]:
        """Reads and keeps a body; a large one when it is its turn."""
        if len(body) <= LARGE_BYTES:
            return await self._read_and_keep(body, None)
        async with self._large.turn() as began:
            return await self._read_and_keep(body, began)

    async def _read_and_keep(self, body: bytes, began: float | None) -> tuple[int, bytes]:
        """Reads a body, a large one, whose turn `began` at that time, in a thread; and waits for its commit."""
        limit = self._limits.batch_events
        try:
            events = read_delivery(body, limit) if began is None else await self._large.read(body, limit, began)
        except NotJson as error:
            return await self._keep_unreadable(body, str(error), began)
        except TooManyEvents as error:
            raise Problem(TOO_MANY_EVENTS, str(error)) from None
        if not events:
            return 200, b'{"results":[],"accepted":0,"quarantined":0}'
        return self._answer(events, await self._keep(events, body, began))

    async def _keep(self, events: Sequence[ReadEvent], body: bytes, began: float | None) -> list[Kept]:
        return await self._writer.submit(Delivery(events, Channel.WEBHOOK, size=len(body)), began)

    async def _keep_unreadable(
        self, body: bytes, detail: str, began: float | None, kind: Kind = INVALID_JSON
    ) -> tuple[int, bytes]:
        unreadable = RejectedEvent(None, None, None, (Fault("", detail),), body)
        kept = await self._keep([unreadable], body, began)
        if self._limits.invalid_status == 202:
            return 202, orjson.dumps(results_of([unreadable], kept, 1))
        entries = [str(one.quarantine_id) for one in kept]
        raise Problem(kind, detail, errors=list(_errors(0, unreadable)), quarantine_ids=entries)

    def _answer(self, events: Sequence[ReadEvent], kept: Sequence[Kept]) -> tuple[int, bytes]:
        quarantined = sum(k.outcome is Outcome.QUARANTINED for k in kept)
        if quarantined == len(events) and self._limits.invalid_status == 422:
            raise not_understood(events, kept)
        status = 200 if not quarantined else 207 if quarantined < len(events) else 202
        return status, orjson.dumps(results_of(events, kept, quarantined))


def results_of(events: Sequence[ReadEvent], kept: Sequence[Kept], quarantined: int) -> dict[str, object]:
    """The body of a 2xx: what became of each event, in the order received."""
    return {
        "results": [_result(n, e, k) for n, (e, k) in enumerate(zip(events, kept, strict=True))],
        "accepted": len(events) - quarantined,
        "quarantined": quarantined,
    }


def _result(number: int, event: ReadEvent, kept: Kept) -> dict[str, object]:
    outcome = _WORDS[kept.outcome]
    if isinstance(event, AcceptedEvent):
        return {
            "violationId": event.violation_id,
            "eventId": event.event_id,
            "eventType": event.event_type.value,
            "outcome": outcome,
        }
    if isinstance(event, RejectedEvent):
        return {
            "violationId": event.violation_id,
            "eventId": event.event_id,
            "eventType": event.event_type,
            "outcome": outcome,
            "errors": list(_errors(number, event)),
            "quarantineId": str(kept.quarantine_id),
        }
    return {"violationId": None, "eventId": event.event_id, "eventType": event.event_type, "outcome": outcome}


def _errors(number: int, event: RejectedEvent) -> Iterable[dict[str, object]]:
    return ({"event": number, "pointer": f.pointer, "detail": f.detail} for f in event.faults)


def not_understood(events: Sequence[ReadEvent], kept: Sequence[Kept]) -> Problem:
    """The 422 of a delivery none of whose events was understood."""
    rejected = [(n, e) for n, e in enumerate(events) if isinstance(e, RejectedEvent)]
    return Problem(
        INVALID_EVENTS,
        "None of the events could be understood. They are kept in quarantine; errors says what is wrong with each.",
        errors=[error for n, e in rejected for error in _errors(n, e)],
        quarantine_ids=list(dict.fromkeys(str(k.quarantine_id) for k in kept)),
    )


def _unavailable() -> Problem:
    return Problem(
        UNAVAILABLE,
        "The database cannot commit now. Nothing was acknowledged; send the delivery again.",
        headers={"Retry-After": "2"},
    )


def routes(webhook: MavenWebhook) -> list[BaseRoute]:
    """The routes of this room."""
    return [Route(WEBHOOK_PATH, webhook, methods=["POST"], name="receive_events")]
