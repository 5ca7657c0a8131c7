"""What a delivery brought: Maven's events, read from bytes into accepted, rejected and ignored ones.

Owns the shapes of a body (flat, enveloped, page, arrays of them; contract section 4), what each event type needs, and
the identity of an event: its type and its violation data as received. Pure: nothing is stored or answered here. JSON
itself is left to `ijson`, the fields to `schema`, their faults to `explain`, the meaning for a violation to the state
rule in `violations`.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import orjson
from pydantic import ValidationError

from app.maven.delivery import TooManyEvents, read_elements
from app.maven.explain import explain, json_type, missing
from app.maven.faults import Fault, find_unstorable
from app.maven.field_types import MAX_IDENTIFIER
from app.maven.ijson import Json, NotJson, canonical
from app.maven.ijson_grammar import MAX_DEPTH
from app.maven.schema import Facts, ViolationData, read_facts, validate

__all__ = [
    "AcceptedEvent",
    "EventType",
    "Fault",
    "IgnoredEvent",
    "NotJson",
    "ReadEvent",
    "RejectedEvent",
    "TooManyEvents",
    "read_data",
    "read_delivery",
    "read_stored",
]


class EventType(StrEnum):
    """The two return events of Maven's ELD page."""

    CREATED = "violationCreated"
    INVALIDATED = "violationInvalidated"


class AcceptedEvent(NamedTuple):
    """An event that was understood.

    `identity` is 32 hexadecimal digits that are equal for the same event (type and violation data equal as JSON
    values), `payload` the bytes of the event, envelope included. What few events are asked for is read from them again,
    so that a large delivery does not hold it of all.
    """

    event_type: EventType
    event_id: str | None
    facts: Facts
    identity: str
    payload: bytes

    @property
    def violation_id(self) -> str:
        """The violation it speaks of."""
        return self.facts.id

    @property
    def data(self) -> ViolationData:
        """All of its violation data."""
        return read_data(self.payload)

    @property
    def canonical(self) -> bytes:
        """Canonical JSON of the violation data as received."""
        return canonical(_members_of(self.payload))


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """An event, or something in its place, that was not understood; what could be told of it, and why."""

    event_type: str | None
    event_id: str | None
    violation_id: str | None
    faults: tuple[Fault, ...]
    payload: bytes


@dataclass(frozen=True, slots=True)
class IgnoredEvent:
    """An event of a type that is not ours."""

    event_type: str
    event_id: str | None


ReadEvent: TypeAlias = AcceptedEvent | RejectedEvent | IgnoredEvent


_OURS: dict[str, EventType] = {str(event_type): event_type for event_type in EventType}
_DIGEST_STARTS = {event_type: sha256(f"{event_type}\n".encode()) for event_type in EventType}


def read_delivery(body: bytes, max_events: int) -> list[ReadEvent]:
    """Read a body into its events, in the order received. Raises NotJson and TooManyEvents, and nothing else."""
    return [_read_event(value, faults, payload) for value, faults, payload in read_elements(body, max_events)]


def read_data(payload: bytes) -> ViolationData:
    """The violation data of a payload kept earlier, when nothing else of it is needed.

    It was judged when it came, so its unknown members, which may be millions, are passed over. Raises ValueError as
    `read_stored` does.
    """
    try:
        members: dict[str, Json] = orjson.loads(payload)
        inner = members.get("data")
        if type(inner) is dict and members.get("eventTime") is None:
            members = inner
        data: ViolationData = validate(members)
        return data
    except (ValueError, TypeError, AttributeError):
        read_stored(payload)
        data = validate(_members_of(payload))
        return data


def read_stored(payload: bytes) -> AcceptedEvent:
    """Read a payload kept earlier. Raises ValueError when it is not exactly one event that would be accepted."""
    try:
        events = read_delivery(payload, 1)
    except (NotJson, TooManyEvents) as error:
        raise ValueError(str(error)) from error
    if len(events) != 1 or not isinstance(events[0], AcceptedEvent):
        raise ValueError("The stored payload is not an accepted event.")
    return events[0]


def _members_of(payload: bytes) -> dict[str, Json]:
    """The violation data as received of an event that was accepted."""
    (element,) = read_elements(payload, 1)
    value = element.value
    assert type(value) is dict
    members = value["data"] if _is_envelope(value) else value
    assert type(members) is dict
    _drop_type(members, value["eventType"])
    return members


def _is_envelope(value: dict[str, Json]) -> bool:
    return "data" in value and value.get("eventTime") is None


def _drop_type(members: dict[str, Json], type_name: Json) -> None:
    """Takes the event type out of violation data, where it stands with it or is repeated from the envelope."""
    if members.get("eventType") == type_name:
        del members["eventType"]


def _read_event(value: Json, faults: tuple[Fault, ...], payload: bytes) -> ReadEvent:
    if type(value) is not dict:
        detail = f"must be an event, which is an object, not {json_type(value)}"
        return RejectedEvent(None, None, None, (Fault("", detail),), payload)
    is_envelope = _is_envelope(value)
    event_id = _event_id(value) if is_envelope else None
    type_name = value.get("eventType")
    if type(type_name) is not str or (faults and any(fault.pointer == "/eventType" for fault in faults)):
        return RejectedEvent(None, event_id, None, _faults_of_type(value, faults, is_envelope), payload)
    event_type = _OURS.get(type_name)
    if event_type is None:
        return IgnoredEvent(type_name, event_id)
    members = value
    if is_envelope:
        inner = value["data"]
        if type(inner) is not dict:
            detail = f"the violation data must be an object, not {json_type(inner)}"
            own = _relative(faults) or (Fault("", detail),)
            return RejectedEvent(event_type, event_id, None, own, payload)
        members = inner
    _drop_type(members, type_name)
    if faults:
        own = _relative(faults) if is_envelope else faults
        return RejectedEvent(event_type, event_id, _violation_id(members, own), own, payload)
    return _read_violation(event_type, event_id, members, payload)


def _read_violation(
    event_type: EventType, event_id: str | None, members: dict[str, Json], payload: bytes
) -> AcceptedEvent | RejectedEvent:
    try:
        facts = read_facts(members)
    except ValidationError:
        return RejectedEvent(
            event_type, event_id, _violation_id(members, ()), _faults_of_data(event_type, members), payload
        )
    if event_type is EventType.CREATED and (facts.driverId is None or facts.type is None or facts.startTime is None):
        return RejectedEvent(event_type, event_id, facts.id, tuple(_lacking(event_type, members)), payload)
    digest = _DIGEST_STARTS[event_type].copy()
    digest.update(canonical(members))
    return AcceptedEvent(event_type, event_id, facts, digest.hexdigest()[:32], payload)


def _faults_of_data(event_type: EventType, members: dict[str, Json]) -> tuple[Fault, ...]:
    try:
        validate(members)
    except ValidationError as error:
        return (*explain(members, error, event_type), *_lacking(event_type, members))
    raise AssertionError("the model lets pass what its lean form refuses")


_NEEDED_BY_CREATION = ("driverId", "type", "startTime")


def _lacking(event_type: EventType, members: dict[str, Json]) -> list[Fault]:
    """The faults of fields that a creation must have and this one has not."""
    if event_type is not EventType.CREATED:
        return []
    return [missing(name, event_type) for name in _NEEDED_BY_CREATION if members.get(name) is None]


def _faults_of_type(value: dict[str, Json], faults: tuple[Fault, ...], is_envelope: bool) -> tuple[Fault, ...]:
    if faults:
        return _relative(faults) if is_envelope else faults
    type_name = value.get("eventType")
    if type_name is not None:
        return (Fault("/eventType", f"must be a string, not {json_type(type_name)}"),)
    if type(value.get("events")) is list:
        return (Fault("/events", f"is a page within pages deeper than {MAX_DEPTH} levels"),)
    if "events" in value:
        return (Fault("/events", f"must be an array of events, not {json_type(value['events'])}"),)
    return (Fault("/eventType", "is required: violationCreated or violationInvalidated"),)


def _relative(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Faults of an envelope, seen from its violation data; those outside of it are pointed at by the empty pointer."""
    return tuple(
        Fault(fault.pointer.removeprefix("/data"), fault.detail)
        if fault.pointer.startswith("/data/")
        else Fault("", f"{fault.pointer} in the envelope {fault.detail}".removeprefix(" in "))
        for fault in faults
    )


def _event_id(envelope: dict[str, Json]) -> str | None:
    event_id = envelope.get("id")
    if type(event_id) is str:
        return None if find_unstorable(event_id) else event_id
    if type(event_id) is int or type(event_id) is float:
        return canonical(event_id).decode()
    return None


def _violation_id(members: dict[str, Json], faults: tuple[Fault, ...]) -> str | None:
    violation_id = members.get("id")
    if type(violation_id) is not str or not 1 <= len(violation_id) <= MAX_IDENTIFIER:
        return None
    if find_unstorable(violation_id) or any(fault.pointer == "/id" for fault in faults):
        return None
    return violation_id
