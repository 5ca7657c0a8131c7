"""Examples of hooks: what is asked for, what is answered, and what receivers are sent.

Made by the code that makes the real ones. The hosts end in `.example`, which no name server knows (RFC 2606): so
trying the examples dials nobody.
"""

from app.alerts.shown import shown_delivery, shown_hook
from app.api_description.examples import RECEIVED_AT, JsonObject, flat, violation
from app.hooks.model import Kind
from app.hooks.schema import CHANGES, DVIR_ADDED, Digest, HookFilter
from app.hooks.store import Hook
from app.maven.times import MINUTE, SECOND, parse_time
from app.outbox.model import Status, Topic
from app.outbox.records import Record

HOOK_ID = "hook_5b1e0c7f3a9d42688e10"
HOOK_PATH = f"/v1/hooks/{HOOK_ID}"
DELIVERY_ID = "1042"
MESSAGE_ID = "msg_b0nD2J5kq1X2f7h0pJbA4wT9"
SECRET = "whsec_" + "A" * 43 + "="
URL = "https://alerts.fleet.example/hos"
OLD_ONE_ENDS_AT = "2024-01-03T09:30:00Z"


def new_webhook() -> JsonObject:
    """Every change of egregious violations at one terminal."""
    filter_: JsonObject = {"terminalCodes": ["PGH"], "egregious": True}
    return {"name": "Safety desk", "url": URL, "kind": "webhook", "filter": filter_}


def new_alertmanager() -> JsonObject:
    """An Alertmanager that fires while violations are active."""
    return {"name": "Alertmanager", "url": "http://alertmanager.fleet.example:9093", "kind": "alertmanager"}


def new_threshold() -> JsonObject:
    """A message when a driver has three violations within a week."""
    return {
        "name": "Patterns by e-mail",
        "url": "mailtos://alerts:password@mail.fleet.example?to=safety@fleet.example",
        "kind": "apprise",
        "threshold": {"atLeast": 3, "withinDays": 7, "per": "driver"},
    }


def new_digest() -> JsonObject:
    """What changed, every morning."""
    return {**new_webhook(), "name": "Morning", "digest": {"at": "06:00", "zone": "America/New_York"}}


def new_inspections() -> JsonObject:
    """Inspections with safety-critical defects."""
    return {**new_webhook(), "name": "Shop", "events": [DVIR_ADDED], "filter": {"safetyCritical": True}}


def hook() -> JsonObject:
    """`new_webhook` once it was made."""
    at = parse_time(RECEIVED_AT)
    made = Hook(
        pk=1,
        id=HOOK_ID,
        name="Safety desk",
        kind=Kind.WEBHOOK,
        url="",
        shown_url=None,
        events=CHANGES,
        filter=HookFilter(terminalCodes=("PGH",), egregious=True),
        threshold=None,
        digest=None,
        secrets=(),
        created_at=at,
        updated_at=at,
        disabled_at=None,
        disabled_reason=None,
        failing_since=None,
        last_success_at=None,
        last_failure_at=None,
        last_error=None,
        rests_until=None,
        digest_from=None,
        digest_due_at=None,
    )
    return shown_hook(made, URL)


def created_hook() -> JsonObject:
    """The answer to `new_webhook`."""
    return {**hook(), "secret": SECRET}


def changed_hook() -> JsonObject:
    """After a digest was asked for."""
    digest = Digest(at="06:00", zone="America/New_York")
    return {**hook(), "digest": digest.model_dump(), "nextDigestAt": "2024-01-01T11:00:00Z"}


def new_secret() -> JsonObject:
    """After the secret was replaced."""
    return {"id": HOOK_ID, "secret": SECRET, "oldSecretExpiresAt": OLD_ONE_ENDS_AT}


def _record(topic: Topic, status: Status, *, response_status: int, failures: list[JsonObject]) -> Record:
    at = parse_time(RECEIVED_AT)
    is_over = status is not Status.PENDING
    error = failures[-1]["detail"] if failures and status is not Status.SUCCEEDED else None
    return Record(
        pk=int(DELIVERY_ID),
        topic=topic,
        status=status,
        violation_id=None if topic is Topic.TEST else str(flat()["id"]),
        seq=None,
        created_at=at,
        due_at=at + 5 * MINUTE,
        attempts=len(failures) + is_over,
        last_attempt_at=at + SECOND,
        ended_at=at + SECOND if is_over else None,
        response_status=response_status,
        last_error=None if error is None else str(error),
        failures=failures,
    )


def pending_delivery() -> JsonObject:
    """A delivery of which the first try failed."""
    detail = "The receiver answered 503."
    failure: JsonObject = {
        "at": "2024-01-01T00:00:03.500000Z",
        "outcome": "status",
        "responseStatus": 503,
        "detail": detail,
        "seconds": 0.042,
    }
    record = _record(Topic.CREATED, Status.PENDING, response_status=503, failures=[failure])
    return shown_delivery(HOOK_ID, record, MESSAGE_ID)


def tested_delivery() -> JsonObject:
    """A test that arrived."""
    record = _record(Topic.TEST, Status.SUCCEEDED, response_status=200, failures=[])
    return shown_delivery(HOOK_ID, record, MESSAGE_ID)


def told_threshold() -> JsonObject:
    """The data of `driver.threshold`."""
    shown = violation()
    counted = {name: shown[name] for name in ("type", "startTime", "durationMinutes", "egregious")}
    return {
        "driverId": "JDOE123",
        "driverName": "Doe, John",
        "terminalCode": "PGH",
        "count": 3,
        "atLeast": 3,
        "withinDays": 7,
        "violations": [{"id": name, **counted} for name in ("V-3", "V-2", "V-1")],
    }


def told_digest() -> JsonObject:
    """The data of `violation.digest`."""
    driver = {"driverId": "JDOE123", "driverName": "Doe, John", "terminalCode": "PGH", "activeCount": 1}
    return {
        "from": "2023-12-31T11:00:00Z",
        "to": "2024-01-01T11:00:00Z",
        "changes": {"created": 1, "updated": 0, "invalidated": 0, "reopened": 0},
        "active": {"total": 1, "egregious": 1, "byType": {"shift_drive": 1}, "byTerminal": {"PGH": 1}},
        "drivers": [{**driver, "egregiousCount": 1}],
        "moreDrivers": 0,
    }


def told_test() -> JsonObject:
    """The data of `hook.test`."""
    return {"message": "This is a test. It tells of no violation.", "hook": "Safety desk"}
