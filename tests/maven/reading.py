"""Reading a delivery in a test, and insisting on what it holds."""

from typing import TypeAlias

from app.maven.events import (
    AcceptedEvent,
    EventType,
    ReadEvent,
    RejectedEvent,
    read_delivery,
)
from tests.maven.examples import Json, as_bytes

Body: TypeAlias = "bytes | Json"

CREATED, INVALIDATED = EventType.CREATED, EventType.INVALIDATED


def read(body: Body, max_events: int = 1000) -> list[ReadEvent]:
    """Read a delivery, given as bytes or as a value to write."""
    return read_delivery(body if isinstance(body, bytes) else as_bytes(body), max_events)


def accepted(body: Body) -> AcceptedEvent:
    """The one accepted event of a delivery."""
    (event,) = read(body)
    assert isinstance(event, AcceptedEvent), event
    return event


def rejected(body: Body) -> RejectedEvent:
    """The one rejected event of a delivery."""
    (event,) = read(body)
    assert isinstance(event, RejectedEvent), event
    return event


def faults_of(body: Body) -> dict[str, str]:
    """The faults of the one rejected event of a delivery, by pointer."""
    return {fault.pointer: fault.detail for fault in rejected(body).faults}
