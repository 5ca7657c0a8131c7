"""The schemas of what the service says: violations, lists, changes, outcomes, problems.

Violation Data comes from the model that renders it, so that a field cannot be forgotten; all else is said here. What
senders may send is in `incoming`.
"""

from app.api_description.pieces import JsonSchema, exact_object, nullable, schema_ref
from app.inbox.model import Channel
from app.maven.events import EventType
from app.maven.schema import ViolationData
from app.query.stats import FACETS
from app.violations.rules import Outcome
from app.violations.schema import STATUS_WORDS
from app.web.problems import KINDS

TEXT: JsonSchema = {"type": "string"}
COUNT: JsonSchema = {"type": "integer", "minimum": 0}
COUNTS: JsonSchema = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}
INSTANT = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z$",
}
"""Times as the service writes them: UTC with `Z`, six digits of a second when it has a fraction."""

CHANGES = [f"violation.{outcome.word}" for outcome in Outcome if outcome.is_change]


def written_time(description: str) -> dict[str, object]:
    """A time as the service writes it."""
    return {**INSTANT, "description": description}


def model_schemas(mode: str) -> dict[str, dict[str, object]]:
    """Violation Data and its two nested objects as pydantic describes them, made plain.

    Titles repeat names, and a default of null says nothing, so both go; `anyOf` of a type and null becomes one list of
    types. `mode` is pydantic's: `validation` or `serialization`.
    """
    found = ViolationData.model_json_schema(
        mode="validation" if mode == "validation" else "serialization", ref_template="#/components/schemas/{model}"
    )
    nested = found.pop("$defs")
    schemas = {"ViolationData": found, **nested}
    return {name: {**schema, "properties": plain_properties(schema)} for name, schema in schemas.items()}


def plain_properties(schema: JsonSchema) -> dict[str, JsonSchema]:
    """The members of an object as pydantic describes it, without titles and defaults, and with lists of types."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    return {name: _plain(member) for name, member in properties.items()}


def _plain(member: dict[str, object]) -> JsonSchema:
    plain = {name: value for name, value in member.items() if name not in ("title", "default", "anyOf")}
    choices = member.get("anyOf")
    if isinstance(choices, list):
        others = [choice for choice in choices if choice != {"type": "null"}]
        if len(others) < len(choices) and len(others) == 1:
            return {**nullable(others[0]), **plain}
        plain["anyOf"] = choices
    return plain


def _said(schema: JsonSchema) -> dict[str, object]:
    """A schema of the model as the service writes it: all members there, times in UTC."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    written: dict[str, object] = {}
    for name, member in properties.items():
        if member.get("format") == "date-time":
            member = {**member, "pattern": INSTANT["pattern"]}
        written[name] = member
    return {"type": "object", "description": schema["description"], "required": list(written), "properties": written}


def violation_schemas() -> dict[str, JsonSchema]:
    """The violation and what it holds."""
    said = {name: _said(schema) for name, schema in model_schemas("serialization").items()}
    data = said.pop("ViolationData")["properties"]
    assert isinstance(data, dict)
    violation: dict[str, JsonSchema] = {
        **data,
        "durationMinutes": nullable({**COUNT, "description": "`duration` in minutes."}),
        "egregious": {
            "type": "boolean",
            "description": "A driving limit was exceeded by more than 3 hours (49 CFR part 386, appendix B).",
        },
        "regulation": {
            **nullable(schema_ref("Regulation")),
            "description": "The federal rule; null for intrastate rulesets and for what is unknown.",
        },
        "status": {"type": "string", "enum": list(STATUS_WORDS), "description": "What it is now."},
        "invalidated": {"type": "boolean", "description": "Whether `status` is `invalidated`."},
        "invalidatedAt": nullable(written_time("`eventTime` of the newest invalidation; null when active.")),
        "firstReceivedAt": written_time("When its first event came."),
        "lastReceivedAt": written_time("When its last event came that was kept; duplicates do not count."),
        "revision": {"type": "integer", "minimum": 1, "description": "Number of changes so far."},
    }
    return {
        "Violation": exact_object(
            violation, "What the events of one violation add up to. Every member is always there."
        ),
        "ReviewedViolation": exact_object(
            {**violation, "review": schema_ref("Review")}, "One violation, with what was done about it."
        ),
        "Regulation": exact_object(
            {"cite": {**TEXT, "description": "Section of 49 CFR."}, "title": {**TEXT, "description": "In words."}},
            "A section of the federal hours-of-service rules.",
        ),
        **said,
    }


def event_schemas() -> dict[str, JsonSchema]:
    """What became of events."""
    stored = [outcome.word for outcome in Outcome if outcome <= Outcome.SUPERSEDED]
    words = [outcome.word for outcome in Outcome if outcome is not Outcome.QUARANTINED]
    named = {
        "violationId": nullable({**TEXT, "description": "The violation; null when it could not be told."}),
        "eventId": nullable({**TEXT, "description": "The envelope's id; null for flat events."}),
        "eventType": nullable({**TEXT, "description": "As sent; null when it could not be told."}),
    }
    fault = {
        "pointer": {
            "type": "string",
            "description": "JSON Pointer into the violation data, or the body; empty for the whole.",
        },
        "detail": {"type": "string", "description": "What is wrong there."},
    }
    return {
        "KeptResult": exact_object(
            {**named, "outcome": {"type": "string", "enum": words}}, "What became of an event that was understood."
        ),
        "QuarantinedResult": exact_object(
            {
                **named,
                "outcome": {"type": "string", "enum": [Outcome.QUARANTINED.word]},
                "errors": {"type": "array", "minItems": 1, "items": schema_ref("EventError")},
                "quarantineId": {"type": "string", "description": "Where its bytes are kept."},
            },
            "What became of an event that was not understood.",
        ),
        "Receipt": exact_object(
            {
                "results": {
                    "type": "array",
                    "items": {"anyOf": [schema_ref("KeptResult"), schema_ref("QuarantinedResult")]},
                    "description": "One for each event, in the order received.",
                },
                "accepted": {**COUNT, "description": "All but the quarantined."},
                "quarantined": COUNT,
            },
            "What became of a delivery.",
        ),
        "EventError": exact_object(
            {"event": {**COUNT, "description": "Place of the event in the delivery, from 0."}, **fault},
            "One fault of one event.",
        ),
        "Fault": exact_object(fault, "One fault of a quarantined event, or of a body with fields."),
        "Event": exact_object(
            {
                "receivedAt": written_time("When it came."),
                "channel": {"type": "string", "enum": [channel.word for channel in Channel]},
                "eventId": nullable({**TEXT, "description": "The envelope's id; null for flat events."}),
                "eventType": {"type": "string", "enum": [str(event_type) for event_type in EventType]},
                "eventTime": written_time("The event's own time."),
                "outcome": {"type": "string", "enum": stored},
                "payload": {
                    "type": ["object", "null"],
                    "description": "The event as received, envelope included; null if it was purged just now.",
                },
            },
            "One event of a violation, as received.",
        ),
        "QuarantineEntry": exact_object(
            {
                "id": TEXT,
                "receivedAt": written_time("When these bytes came first."),
                "lastReceivedAt": written_time("When they came last."),
                "count": {"type": "integer", "minimum": 1, "description": "How often they came."},
                "channel": {"type": "string", "enum": [channel.word for channel in Channel]},
                "errors": {"type": "array", "items": schema_ref("Fault")},
                "bodyBase64": {"type": "string", "contentEncoding": "base64", "description": "The bytes themselves."},
            },
            "Bytes that were not understood: one event, or a whole body that is not JSON.",
        ),
    }


def reading_schemas() -> dict[str, JsonSchema]:
    """Drivers, changes, statistics, pages."""
    stats: dict[str, JsonSchema] = {"total": COUNT, "egregious": COUNT}
    stats |= {f"by{name[0].upper()}{name[1:]}": COUNTS for name in FACETS}
    without = exact_object(dict.fromkeys(FACETS, COUNT), "How many have no value, by what is counted.")
    more = {"type": "boolean", "description": "Whether there is more."}
    return {
        "Driver": exact_object(
            {
                "driverId": TEXT,
                "driverName": nullable({**TEXT, "description": "Name of the newest active violation."}),
                "terminalCode": nullable({**TEXT, "description": "Terminal of the newest active violation."}),
                "activeCount": {"type": "integer", "minimum": 1},
                "egregiousCount": COUNT,
                "latestStartTime": nullable(written_time("`startTime` of the newest active violation.")),
                "types": {**COUNTS, "description": "Active violations by type."},
            },
            "A driver with active violations.",
        ),
        "Change": exact_object(
            {
                "cursor": {**TEXT, "description": "Stands right behind this entry; good for `after`."},
                "type": {"type": "string", "enum": CHANGES},
                "at": written_time("When it was received."),
                "violationId": TEXT,
                "violation": schema_ref("Violation"),
            },
            "One visible difference that one event made, with the violation as it stood just after.",
        ),
        "Stats": exact_object({**stats, "without": without}, "Counts of the violations that match."),
        "Pagination": exact_object(
            {
                "nextCursor": {"type": ["string", "null"], "description": "For `cursor`; null on the last page."},
                "hasNextPage": more,
            },
            "Where the next page begins.",
        ),
        "ChangesPagination": exact_object(
            {"nextCursor": {"type": "string", "description": "For `after`; never null."}, "hasNextPage": more},
            "Where to go on, now or later.",
        ),
        **{
            f"{item}Page": page_schema(item, "Pagination")
            for item in ("Violation", "Driver", "Event", "QuarantineEntry")
        },
        "ChangePage": page_schema("Change", "ChangesPagination"),
    }


def page_schema(item: str, pagination: str = "Pagination") -> dict[str, object]:
    """One page of a list of what the schema `item` describes."""
    items = {"type": "array", "items": schema_ref(item)}
    return exact_object({"data": items, "pagination": schema_ref(pagination)}, "One page of a list.")


def problem_schemas() -> dict[str, JsonSchema]:
    """Errors (RFC 9457)."""
    told = exact_object(
        {
            "type": {"type": "string", "enum": [kind.type for kind in KINDS], "description": "Names the kind."},
            "title": {**TEXT, "description": "The kind in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {**TEXT, "description": "What is wrong in this case."},
            "instance": {**TEXT, "description": "Path of the request."},
            "requestId": {**TEXT, "description": "The same as `x-request-id`."},
        },
        "An error (RFC 9457).",
    )
    properties = told["properties"]
    assert isinstance(properties, dict)
    items = {
        "anyOf": [schema_ref("EventError"), schema_ref("ParameterError"), schema_ref("Fault"), schema_ref("ItemError")]
    }
    properties["errors"] = {"type": "array", "items": items, "description": "What exactly is wrong, where it is known."}
    properties["quarantineIds"] = {"type": "array", "items": TEXT, "description": "Where the bytes are kept."}
    named = {"parameter": {"type": "string"}, "detail": {"type": "string"}}
    place = {"item": {"type": "integer", "minimum": 0, "description": "Which item of the array, the first is 0."}}
    pointer = {"pointer": {**TEXT, "description": "JSON pointer into the body."}, "detail": TEXT}
    return {
        "Problem": told,
        "ParameterError": exact_object(named, "A parameter that is not valid."),
        "ItemError": exact_object({**place, **pointer}, "A fault in one item of an array."),
    }
