"""The description of what the service posts to webhooks: one message for each event that a hook may be told of."""

import re

from openapi_pydantic import Operation, Parameter, PathItem, Reference, RequestBody, Response

from app.api_description import examples, hook_examples, inspection_examples
from app.api_description.pieces import JSON_TYPE, JsonSchema, content, exact_object, nullable, parameter, schema_ref
from app.api_description.schemas import COUNT, COUNTS, TEXT, written_time
from app.hooks.digests import MOST_DRIVERS
from app.hooks.owing import MOST_LISTED
from app.hooks.schema import CHANGES, MESSAGES, Threshold
from app.outbox.model import Topic
from app.violations.rules import Outcome

TAG = "Sending"

_SIGNED = """\
Posted to hooks of the kind `webhook`, signed as Standard Webhooks has it. Any 2xx within 15 seconds takes it; anything
else is tried again later. The same message may come more than once, always with the same `webhook-id`."""

_TEXTS = {
    Topic.THRESHOLD: (
        "A driver passed a threshold",
        "A driver has as many active violations as the hook's `threshold` asks for, and had fewer before.",
    ),
    Topic.DIGEST: (
        "A day in figures",
        "What changed since the last digest, and what is active now, by the hook's filter.",
    ),
    Topic.TEST: ("A test", "What `POST /v1/hooks/{id}/test` sends. It tells of no violation."),
    Topic.DVIR_ADDED: (
        "An inspection was added",
        "A connection has an inspection report. `safetyCritical` of the hook's filter narrows these.",
    ),
    Topic.OPERATION_SUCCEEDED: (
        "An inspection arrived at its connection",
        "Of operations that were asked for without `is_sync`; with it, the answer tells.",
    ),
    Topic.OPERATION_FAILED: (
        "An inspection did not arrive at its connection",
        "It is not tried again. Of operations that were asked for without `is_sync`; with it, the answer tells.",
    ),
}


def webhooks() -> dict[str, PathItem]:
    """What is posted, by the `type` of the message."""
    found = {name: PathItem(post=_change(name)) for name in CHANGES}
    others = {
        Topic.THRESHOLD: ("DriverThreshold", hook_examples.told_threshold()),
        Topic.DIGEST: ("ViolationDigest", hook_examples.told_digest()),
        Topic.TEST: ("HookTest", hook_examples.told_test()),
        Topic.DVIR_ADDED: ("DvirLog", inspection_examples.report()),
        Topic.OPERATION_SUCCEEDED: ("ResourceOperation", inspection_examples.ended()),
        Topic.OPERATION_FAILED: ("ResourceOperation", inspection_examples.refused()),
    }
    for topic, (schema, data) in others.items():
        summary, told = _TEXTS[topic]
        found[topic.word] = PathItem(post=_message(topic.word, summary, told, schema, data, "When it was owed."))
    assert set(found) == set(MESSAGES)
    return found


def _change(name: str) -> Operation:
    word = name.partition(".")[2]
    violation = examples.violation(is_invalidated=word == "invalidated")
    told = "The violation as it stood just after the change. The same changes are the entries of `GET /v1/changes`."
    return _message(name, f"A violation was {word}", told, "Violation", violation, "When the change was received.")


def _message(name: str, summary: str, told: str, schema: str, data: examples.JsonObject, when: str) -> Operation:
    shape = exact_object(
        {"type": {"const": name}, "timestamp": written_time(when), "data": schema_ref(schema)}, "One message."
    )
    example = {"type": name, "timestamp": examples.RECEIVED_AT, "data": data}
    answers: dict[str, Response | Reference] = {
        "2XX": Response(description="Taken. Anything else is tried again later."),
        "410": Response(description="Not wanted any more: the hook is disabled."),
    }
    return Operation(
        operationId="on" + "".join(word.capitalize() for word in re.split("[._]", name.removeprefix("violation."))),
        tags=[TAG],
        summary=summary,
        description=f"{told}\n\n{_SIGNED}",
        parameters=_headers(),
        requestBody=RequestBody(required=True, content=content(JSON_TYPE, shape, payload=example)),
        responses=answers,
        security=[],
    )


def _headers() -> list[Parameter | Reference]:
    told = {
        "webhook-id": "The message: the same on every try, and when the change is replayed.",
        "webhook-timestamp": "When this try was made, in seconds since 1970.",
        "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, with the base64 behind `whsec_`"
        " as key. Several, separated by spaces, while an old secret signs along: one that fits is enough.",
    }
    return [parameter("header", name, text, TEXT, required=True) for name, text in told.items()]


def sending_schemas() -> dict[str, JsonSchema]:
    """The data of messages that are not about one violation."""
    name = nullable({**TEXT, "description": "As in the newest violation that counts."})
    driver: dict[str, JsonSchema] = {"driverId": TEXT, "driverName": name, "terminalCode": name}
    days = Threshold.model_fields["withinDays"].description
    return {
        "DriverThreshold": exact_object(
            {
                **driver,
                "count": {"type": "integer", "minimum": 1, "description": "How many violations."},
                "atLeast": {"type": "integer", "minimum": 1, "description": "How many the hook asks for."},
                "withinDays": {"type": "integer", "minimum": 1, "description": days},
                "violations": {
                    "type": "array",
                    "items": schema_ref("CountedViolation"),
                    "maxItems": MOST_LISTED,
                    "description": f"The newest {MOST_LISTED} of them, newest first.",
                },
            },
            "A driver who passed a threshold.",
        ),
        "CountedViolation": exact_object(
            {
                "id": TEXT,
                "type": nullable(TEXT),
                "startTime": nullable(written_time("When it began.")),
                "durationMinutes": nullable(COUNT),
                "egregious": {"type": "boolean"},
            },
            "A violation in short.",
        ),
        "ViolationDigest": _digest(driver),
        "HookTest": exact_object(
            {"message": {**TEXT, "description": "One sentence."}, "hook": {**TEXT, "description": "The hook's name."}},
            "Nothing but a test.",
        ),
    }


def _digest(driver: dict[str, JsonSchema]) -> dict[str, object]:
    words = [outcome.word for outcome in Outcome if outcome.is_change]
    changes = {
        "type": "object",
        "description": "How many changes of each kind that the hook asks for.",
        "properties": dict.fromkeys(words, COUNT),
        "additionalProperties": False,
    }
    active = {"total": COUNT, "egregious": COUNT, "byType": COUNTS, "byTerminal": COUNTS}
    counts = {"activeCount": {"type": "integer", "minimum": 1}, "egregiousCount": COUNT}
    return exact_object(
        {
            "from": written_time("What was received from then on."),
            "to": written_time("Up to then; does not belong to it."),
            "changes": changes,
            "active": exact_object(active, "What is active now."),
            "drivers": {
                "type": "array",
                "items": exact_object({**driver, **counts}, "A driver with active violations."),
                "maxItems": MOST_DRIVERS,
                "description": "Those with the most active violations.",
            },
            "moreDrivers": {**COUNT, "description": "How many more have any."},
        },
        "What changed in a day, and how all stands.",
    )
