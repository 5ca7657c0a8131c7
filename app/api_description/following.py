"""The description of the changes feed and the stream."""

from openapi_pydantic import PathItem

from app.api_description import examples
from app.api_description.pieces import JSON_TYPE, answer, content, operation, parameter, schema_ref
from app.api_description.reading import reading_answers
from app.api_description.shared import READER, cursor_parameter, limit_parameter
from app.query.changes import MOST_WAIT_SECONDS
from app.query.stream import PING_SECONDS

TAG = "Changes"
_CURSOR = {"type": "string", "minLength": 1}

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
