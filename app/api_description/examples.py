"""Examples: the event of Maven's ELD page in every shape, and what comes back for it.

Answers are made by the code that makes the real ones, as far as they do not depend on the moment. Tests post every
example and hold every answer against its schema.
"""

import base64
from collections.abc import Sequence
from typing import TypeAlias

import orjson

from app.first_start import SAMPLE_EVENT
from app.maven.events import EventType
from app.maven.times import parse_time
from app.reviews.model import ReviewStatus
from app.reviews.schema import Review, shown_reviews
from app.violations.schema import State, csv_header, render_csv, render_violation
from app.web.problems import Kind, Problem, render_problem

JsonObject: TypeAlias = dict[str, object]

RECEIVED_AT = "2024-01-01T00:00:02.500000Z"
INVALIDATED_AT = "2024-01-02T09:30:00Z"
INVALIDATION_RECEIVED_AT = "2024-01-02T09:30:01.250000Z"
REQUEST_ID = "3f9c1d7a20be51c4"
CURSOR = "mZ0c5y8S3kq1X2f7h0pJbA4wT9sR6e1vQnU"
EVENT_ID = "9b2f2f0e-6f0e-4a38-9d52-3f3c5d8f7a10"


def flat() -> JsonObject:
    """The creation, flat."""
    event: JsonObject = orjson.loads(SAMPLE_EVENT)
    return event


def invalidation() -> JsonObject:
    """Its invalidation, flat."""
    return {**flat(), "eventType": str(EventType.INVALIDATED), "eventTime": INVALIDATED_AT}


def enveloped(event: JsonObject) -> JsonObject:
    """A flat event in the envelope of Maven's queue."""
    data = {name: value for name, value in event.items() if name != "eventType"}
    return {"id": EVENT_ID, "timestamp": event["eventTime"], "eventType": event["eventType"], "data": data}


def page() -> JsonObject:
    """A page of Maven's queue, where other event types are mixed in."""
    other = {"id": "1f0d", "timestamp": "2024-01-01T00:00:01Z", "eventType": "tripStarted", "data": {}}
    pagination = {"nextPageStartTime": "2024-01-01T00:00:01Z", "hasNextPage": False}
    return {"events": [enveloped(flat()), other], "pagination": pagination}


def partly_wrong() -> list[JsonObject]:
    """An event that is right, and one that is not."""
    vehicle = flat()["startData"]
    assert isinstance(vehicle, dict)
    return [flat(), {**flat(), "startData": {**vehicle, "latitude": 91}}]


def minimal_invalidation() -> JsonObject:
    """The least that an invalidation needs."""
    event = invalidation()
    return {name: event[name] for name in ("eventType", "eventTime", "id")}


def _state(*, is_invalidated: bool) -> State:
    received_at = parse_time(RECEIVED_AT)
    if not is_invalidated:
        return State(None, received_at, received_at, 1)
    return State(parse_time(INVALIDATED_AT), received_at, parse_time(INVALIDATION_RECEIVED_AT), 2)


def violation(*, is_invalidated: bool = False) -> JsonObject:
    """The violation after its creation, or after its invalidation too."""
    rendered: JsonObject = orjson.loads(render_violation(SAMPLE_EVENT.encode(), _state(is_invalidated=is_invalidated)))
    return rendered


def no_review() -> JsonObject:
    """What is shown of a violation that was never reviewed."""
    return shown_reviews([])


def new_review() -> JsonObject:
    """A review as it is asked for."""
    return {"status": "coached", "note": "Went through the log with the driver."}


def review() -> JsonObject:
    """The reviews after it."""
    note = str(new_review()["note"])
    first = Review(1, ReviewStatus.ACKNOWLEDGED, None, "dispatch", parse_time(RECEIVED_AT))
    return shown_reviews([first, Review(2, ReviewStatus.COACHED, note, "safety", parse_time(INVALIDATION_RECEIVED_AT))])


def csv() -> str:
    """The export of the violation."""
    return (csv_header() + render_csv(SAMPLE_EVENT.encode(), _state(is_invalidated=False))).decode()


def ndjson() -> str:
    """The same as a line of JSON."""
    return render_violation(SAMPLE_EVENT.encode(), _state(is_invalidated=False)).decode() + "\n"


def listed(*items: JsonObject) -> JsonObject:
    """The only page of a list."""
    return {"data": list(items), "pagination": {"nextCursor": None, "hasNextPage": False}}


def change() -> JsonObject:
    """The entry of the feed for the creation."""
    return {
        "cursor": CURSOR,
        "type": "violation.created",
        "at": RECEIVED_AT,
        "violationId": flat()["id"],
        "violation": violation(),
    }


def changes() -> JsonObject:
    """A page of the feed."""
    return {"data": [change()], "pagination": {"nextCursor": CURSOR, "hasNextPage": False}}


def stream() -> str:
    """The beginning of a stream."""
    entry = orjson.dumps(change()).decode()
    return f"retry: 2000\nid: {CURSOR}\n\nid: {CURSOR}\nevent: violation.created\ndata: {entry}\n\n: ping\n\n"


def result(event: JsonObject, outcome: str, event_id: str | None = None) -> JsonObject:
    """What became of an event."""
    return {
        "violationId": event["id"],
        "eventId": event_id,
        "eventType": event["eventType"],
        "outcome": outcome,
    }


def receipt() -> JsonObject:
    """The answer to the creation."""
    return {"results": [result(flat(), "created")], "accepted": 1, "quarantined": 0}


ERRORS: list[JsonObject] = [
    {"event": 1, "pointer": "/startData/latitude", "detail": "must be a number between -90 and 90, not 91"}
]


def partial_receipt() -> JsonObject:
    """The answer to `partly_wrong`."""
    refused = {**result(flat(), "quarantined"), "errors": ERRORS, "quarantineId": "1"}
    return {"results": [result(flat(), "created"), refused], "accepted": 1, "quarantined": 1}


def quarantined_receipt() -> JsonObject:
    """The answer to its second event alone, with HOS_INVALID_STATUS=202."""
    refused = {**result(flat(), "quarantined"), "errors": [{**ERRORS[0], "event": 0}], "quarantineId": "1"}
    return {"results": [refused], "accepted": 0, "quarantined": 1}


def events() -> JsonObject:
    """The events of the violation after its invalidation."""
    created: JsonObject = {
        "receivedAt": RECEIVED_AT,
        "channel": "webhook",
        "eventId": None,
        "eventType": str(EventType.CREATED),
        "eventTime": "2024-01-01T00:00:00Z",
        "outcome": "created",
        "payload": flat(),
    }
    ended: JsonObject = {
        **created,
        "receivedAt": INVALIDATION_RECEIVED_AT,
        "eventType": str(EventType.INVALIDATED),
        "eventTime": INVALIDATED_AT,
        "outcome": "invalidated",
        "payload": invalidation(),
    }
    return listed(created, ended)


def driver() -> JsonObject:
    """The driver while the violation is active."""
    return {
        "driverId": "JDOE123",
        "driverName": "Doe, John",
        "terminalCode": "PGH",
        "activeCount": 1,
        "egregiousCount": 1,
        "latestStartTime": "2024-01-01T00:00:00Z",
        "types": {"shift_drive": 1},
    }


def stats() -> JsonObject:
    """The statistics while the violation is active."""
    return {
        "total": 1,
        "egregious": 1,
        "byType": {"shift_drive": 1},
        "byTerminal": {"PGH": 1},
        "byRuleset": {"USA_PROPERTY_70_8": 1},
        "byLogDate": {"2024-01-01": 1},
        "without": {"type": 0, "terminal": 0, "ruleset": 0, "logDate": 0},
    }


def status() -> JsonObject:
    """The channels of a fleet that is polled; nobody polled it over a holiday of 31 days."""
    gap = {
        "from": "2023-11-01T00:00:00Z",
        "to": "2023-11-02T00:00:00Z",
        "reason": "not_polled",
        "recordedAt": "2023-12-02T00:00:00Z",
        "closedAt": None,
    }
    silent = {"lastEventAt": None, "lastSuccessAt": None, "lagSeconds": None, "cursor": None, "errorsInRow": 0}
    return {
        "channels": {
            "webhook": {**silent, "lastEventAt": RECEIVED_AT, "lastSuccessAt": RECEIVED_AT, "gaps": []},
            "poll": {
                "lastEventAt": RECEIVED_AT,
                "lastSuccessAt": RECEIVED_AT,
                "lagSeconds": 12.5,
                "cursor": "2024-01-01T03:31:02.250000Z",
                "errorsInRow": 0,
                "state": "working",
                "lastErrorAt": None,
                "lastError": None,
                "lastReconciledAt": RECEIVED_AT,
                "gaps": [gap],
            },
            "replay": {**silent, "gaps": []},
        }
    }


def quarantine_entry() -> JsonObject:
    """The wrong event of `partly_wrong`, kept."""
    errors = [{"pointer": error["pointer"], "detail": error["detail"]} for error in ERRORS]
    return {
        "id": "1",
        "receivedAt": RECEIVED_AT,
        "lastReceivedAt": RECEIVED_AT,
        "count": 1,
        "channel": "webhook",
        "errors": errors,
        "bodyBase64": base64.b64encode(orjson.dumps(partly_wrong()[1])).decode(),
    }


def problem(
    kind: Kind,
    detail: str,
    instance: str,
    errors: Sequence[JsonObject] | None = None,
    quarantine_ids: Sequence[str] | None = None,
) -> JsonObject:
    """A problem as it is rendered."""
    found = Problem(kind, detail, errors=errors, quarantine_ids=quarantine_ids)
    rendered: JsonObject = orjson.loads(render_problem(found, REQUEST_ID, instance))
    return rendered


def metrics() -> str:
    """Some lines of the metrics page."""
    return (
        "# HELP hos_events_total Events by type, channel and outcome.\n"
        "# TYPE hos_events_total counter\n"
        'hos_events_total{channel="webhook",outcome="created",type="violationCreated"} 1.0\n'
    )
