"""The description of reviews: what may be said of a violation, and how it is shown."""

from openapi_pydantic import Operation, PathItem, RequestBody

from app.api_description import examples
from app.api_description.hooks import Answers, body_answers
from app.api_description.pieces import (
    JSON_TYPE,
    JsonSchema,
    answer,
    content,
    exact_object,
    nullable,
    operation,
    schema_ref,
)
from app.api_description.reading import VIOLATIONS, reading_answers, violation_id
from app.api_description.schemas import TEXT, written_time
from app.api_description.shared import REVIEWER
from app.query.reviews import MAX_BODY_BYTES, PATH
from app.reviews.schema import MAX_NOTE, STATUSES

_TOLD = """\
A review is kept beside what Maven said and never changes it. Every review is kept, with the name of the key and the
time; the newest one holds. The same status and note once more by the same key, while they hold, add nothing, so that
a request may be sent again.

Needs the scope `review` or `admin`; `review` does not read violations by itself."""

_STATUS: JsonSchema = {
    "type": "string",
    "enum": list(STATUSES),
    "description": "What was done about the violation; `open` when it was never reviewed.",
}


def paths() -> dict[str, PathItem]:
    """What is said of violations."""
    return {PATH: PathItem(put=_review())}


def review_schemas() -> dict[str, JsonSchema]:
    """Reviews as they are asked for and as they are shown."""
    entry: dict[str, JsonSchema] = {
        "status": _STATUS,
        "note": nullable({**TEXT, "description": "What was noted; null for nothing."}),
        "by": {**TEXT, "description": "Name of the key."},
        "at": written_time("When it was given."),
    }
    holding = {name: nullable(entry[name]) for name in ("note", "by", "at")}
    history: JsonSchema = {
        "type": "array",
        "items": schema_ref("ReviewEntry"),
        "description": "Every review, oldest first, with the one that holds as the last.",
    }
    note = {
        "type": ["string", "null"],
        "description": f"At most {MAX_NOTE} characters without the space around it, lines too; empty means null.",
    }
    return {
        "NewReview": {
            "type": "object",
            "description": "What is said of a violation.",
            "required": ["status"],
            "properties": {"status": {**_STATUS, "description": "What was done about it."}, "note": note},
            "additionalProperties": False,
        },
        "ReviewEntry": exact_object(entry, "One review."),
        "Review": exact_object(
            {"status": _STATUS, **holding, "history": history},
            "The review that holds, and all there were. Who and when are null for a violation that was never reviewed.",
        ),
    }


def _review() -> Operation:
    reviewed = answer("The review as it is now.", content(JSON_TYPE, schema_ref("Review"), one=examples.review()))
    path = PATH.format(id=examples.flat()["id"])
    words = ", ".join(STATUSES)
    answers: Answers = {
        "200": reviewed,
        **reading_answers("404"),
        **body_answers(path, "/status", f"must be one of {words}.", MAX_BODY_BYTES),
    }
    described = operation(
        "reviewViolation", VIOLATIONS, "Review a violation", _TOLD, answers, REVIEWER, [violation_id()]
    )
    described.requestBody = RequestBody(
        required=True,
        description=f"At most {MAX_BODY_BYTES} bytes. Gzip is taken too, as a `Content-Encoding`.",
        content=content(
            JSON_TYPE,
            schema_ref("NewReview"),
            coached=examples.new_review(),
            acknowledged={"status": "acknowledged"},
            reopened={"status": "open", "note": None},
        ),
    )
    return described
