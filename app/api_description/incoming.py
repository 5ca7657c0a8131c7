"""The schemas of what senders post: Violation Data with its true limits, and the shapes of a body around it.

Fields and bounds come from the model that reads them; the grammar of times and what each event type needs are said
here, where JSON Schema can say them. Numbers in strings have the same bounds as numbers, which it cannot.
"""

from app.api_description.pieces import JsonSchema, schema_ref
from app.api_description.schemas import model_schemas
from app.maven.events import EventType

INSTANT: dict[str, object] = {
    "type": "string",
    "pattern": (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)([.,][0-9]+)?)?"
        r"(Z|[+-]([01][0-9]|2[0-3])(:[0-5][0-9])?)?$"
    ),
}
"""Times as they are taken: ISO 8601, extended form with date and time, in the years 1970 to 2199."""

NEEDED = {EventType.CREATED: ("driverId", "type", "startTime"), EventType.INVALIDATED: ()}
_OBJECTS = ("startData", "endData", "eldLocation")


def incoming_schemas() -> dict[str, JsonSchema]:
    """Bodies and what they hold."""
    created, invalidated = EventType.CREATED, EventType.INVALIDATED
    return {
        **{f"Incoming{name}": _taken(schema) for name, schema in model_schemas("validation").items()},
        "ViolationCreated": _flat(created, "A violation was logged, as Maven's ELD page has it."),
        "ViolationInvalidated": _flat(invalidated, "A violation was removed by a change of the log."),
        "EnvelopedCreated": _enveloped(created),
        "EnvelopedInvalidated": _enveloped(invalidated),
        "OtherEvent": {
            "type": "object",
            "description": "Any other of Maven's event types: counted and ignored.",
            "required": ["eventType"],
            "properties": {"eventType": {"type": "string", "not": {"enum": [str(each) for each in EventType]}}},
        },
        "IncomingEvent": {
            "description": "One event, flat or in an envelope.",
            "anyOf": [
                schema_ref("ViolationCreated"),
                schema_ref("ViolationInvalidated"),
                schema_ref("EnvelopedCreated"),
                schema_ref("EnvelopedInvalidated"),
                schema_ref("OtherEvent"),
            ],
        },
        "IncomingPage": {
            "type": "object",
            "description": "A page as Maven's queue answers it.",
            "required": ["events"],
            "properties": {
                "events": {"type": "array", "items": schema_ref("IncomingElement")},
                "pagination": {"description": "Not looked at."},
                "eventType": {"type": "null", "description": "A page has no event type."},
            },
        },
        "IncomingElement": {"anyOf": [schema_ref("IncomingEvent"), schema_ref("IncomingPage")]},
        "Delivery": {
            "description": "One event, a page, or an array of both.",
            "anyOf": [schema_ref("IncomingElement"), {"type": "array", "items": schema_ref("IncomingElement")}],
        },
    }


def _taken(schema: JsonSchema) -> dict[str, object]:
    """A schema of the model as senders may write it. Members that are not named are kept and not looked at."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    taken = {name: _member(name, dict(member)) for name, member in properties.items()}
    found: dict[str, object] = {"type": "object", "description": schema["description"], "properties": taken}
    if "required" in schema:
        found["required"] = schema["required"]
        found["description"] = "Violation Data: the fields of Maven's table. A field may be null or absent as well."
    return found


def _member(name: str, member: dict[str, object]) -> dict[str, object]:
    if member.get("format") == "date-time":
        del member["format"]
        return {**member, **INSTANT, "type": member["type"]}
    if name in _OBJECTS:
        one = schema_ref("Incoming" + ("EldLocation" if name == "eldLocation" else "VehicleData"))
        either = [one, {"type": "array", "maxItems": 1, "items": one}, {"type": "null"}]
        return {"description": f"{member['description']} An array of at most one object is the same.", "anyOf": either}
    return member


def _flat(event_type: EventType, description: str) -> dict[str, object]:
    own = _needs(event_type)
    properties = {"eventType": {"const": str(event_type)}, **_not_null(event_type)}
    return {
        "type": "object",
        "description": description,
        "allOf": [
            schema_ref("IncomingViolationData"),
            {"required": ["eventType", *own], "properties": properties},
        ],
    }


def _enveloped(event_type: EventType) -> dict[str, object]:
    """The event as Maven's queue has it; what makes it an envelope is `data`, and no `eventTime` of its own."""
    data: dict[str, object] = {"allOf": [schema_ref("IncomingViolationData")]}
    if own := _needs(event_type):
        data["allOf"] = [
            schema_ref("IncomingViolationData"),
            {"required": own, "properties": _not_null(event_type)},
        ]
    return {
        "type": "object",
        "description": f"{event_type} as in Maven's queue; `id` is the event's, `data.id` the violation's.",
        "required": ["eventType", "data"],
        "properties": {
            "id": {"type": ["string", "number", "null"], "description": "The event's own id; shown as `eventId`."},
            "timestamp": {"description": "Not looked at."},
            "eventType": {"const": str(event_type)},
            "eventTime": {"type": "null", "description": "With a time of its own it would be a flat event."},
            "data": data,
        },
    }


def _needs(event_type: EventType) -> list[str]:
    return list(NEEDED[event_type])


def _not_null(event_type: EventType) -> dict[str, JsonSchema]:
    return {name: {"type": "string"} for name in _needs(event_type)}
