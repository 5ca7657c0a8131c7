"""The description of the changes feed and the stream, and of what the service will post to others."""

from openapi_pydantic import Operation, PathItem, Reference, RequestBody, Response

from app.api_description import examples
from app.api_description.pieces import JSON_TYPE, answer, content, operation, parameter, schema_ref
from app.api_description.reading import reading_answers
from app.api_description.schemas import CHANGES, written_time
from app.api_description.shared import READER, cursor_parameter, limit_parameter
from app.query.changes import MOST_WAIT_SECONDS
from app.query.stream import PING_SECONDS

TAG = "Changes"
HOOKS = "Sending"

_FEED = """\
Every change in the order of commits. Without `after` from the beginning. `nextCursor` is never null: it is the next
`after`, also when nothing is there yet. A reader who follows it misses no change.

With `wait` an empty page is held back until there is a change, at most that many seconds. A key that is limited to
terminals gets the changes of the violations whose terminal is one of them now."""

_STREAM = f"""\
The entries of the feed as server-sent events: the event's name is the change, its id the cursor, its data the entry
in one line. Starts with what is committed from now on, or behind `Last-Event-ID`. A comment comes every
{PING_SECONDS} s.

The stream ends when the key is revoked or changed, when the service stops, or when the database or the reader falls
silent. The client connects again with `Last-Event-ID`, as browsers do by themselves, and misses nothing."""


def paths() -> dict[str, PathItem]:
    """The feed, as pages and as a stream."""
    after = cursor_parameter("after", "`nextCursor` of the page before, the `cursor` of an entry, or an event's id.")
    seconds = {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_SECONDS, "default": 0}
    wait = parameter("query", "wait", "Seconds to wait for a change when there is none.", seconds, example=0)
    last = parameter("header", "Last-Event-ID", "The id of the last event received; wins over `after`.", _CURSOR)
    return {
        "/v1/changes": PathItem(
            get=operation(
                "listChanges",
                TAG,
                "List changes, or wait for them",
                _FEED,
                {
                    "200": answer(
                        "A page of changes.", content(JSON_TYPE, schema_ref("ChangePage"), one=examples.changes())
                    ),
                    **reading_answers(),
                },
                READER,
                [after, wait, limit_parameter()],
            )
        ),
        "/v1/stream": PathItem(
            get=operation(
                "streamChanges",
                TAG,
                "Stream changes",
                _STREAM,
                {
                    "200": answer(
                        "Server-sent events, until one side ends it.",
                        content(
                            "text/event-stream",
                            {"type": "string", "description": "Events whose data is a Change."},
                            one=examples.stream(),
                        ),
                    ),
                    **reading_answers(),
                },
                READER,
                [after, last],
            )
        ),
    }


_CURSOR = {"type": "string", "minLength": 1}

_HOOK = """\
The payload for one change, signed as Standard Webhooks has it. The same changes are the entries of `GET /v1/changes`
and the events of `GET /v1/stream`; outgoing hooks will post them. This version has no route to subscribe with: follow
the feed."""


def webhooks() -> dict[str, PathItem]:
    """What outgoing hooks post, by the name of the change."""
    return {name: PathItem(post=_hook(name)) for name in CHANGES}


def _hook(name: str) -> Operation:
    word = name.partition(".")[2]
    violation = examples.violation(is_invalidated=word == "invalidated")
    payload = {"type": name, "timestamp": examples.RECEIVED_AT, "data": violation}
    shape = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": name},
            "timestamp": written_time("When the change was received."),
            "data": schema_ref("Violation"),
        },
    }
    text = {"type": "string"}
    answers: dict[str, Response | Reference] = {
        "2XX": Response(description="Taken. Anything else is tried again later."),
        "410": Response(description="Not wanted any more: the hook is disabled."),
    }
    return Operation(
        operationId="on" + word.capitalize(),
        tags=[HOOKS],
        summary=f"A violation was {word}",
        description=_HOOK,
        parameters=[
            parameter("header", "webhook-id", "The same on every try.", text, required=True),
            parameter("header", "webhook-timestamp", "Seconds since 1970.", text, required=True),
            parameter("header", "webhook-signature", "`v1,` and base64 of HMAC-SHA256.", text, required=True),
        ],
        requestBody=RequestBody(required=True, content=content(JSON_TYPE, shape, payload=payload)),
        responses=answers,
        security=[],
    )
