"""The description of `POST /webhooks/maven`."""

from openapi_pydantic import MediaType, PathItem, Reference, RequestBody, Response

from app.api_description import examples
from app.api_description.pieces import (
    JSON_TYPE,
    PROBLEM_TYPE,
    answer,
    answer_ref,
    content,
    header,
    header_ref,
    media,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.shared import SENDER, problem_answer
from app.web.problems import (
    INVALID_ENCODING,
    INVALID_EVENTS,
    INVALID_JSON,
    OVERLOADED,
    TOO_LARGE,
    TOO_MANY_EVENTS,
    UNAUTHENTICATED,
    UNSUPPORTED_MEDIA_TYPE,
)

TAG = "Receiving"
PATH = "/webhooks/maven"

_DESCRIPTION = """\
Takes one event, a page of Maven's queue, or an array of both. The credential is checked on the raw bytes before
anything is parsed.

A 2xx means that every event is committed to disk: accepted, or kept in quarantine with the reason. Event types that
are not ours are counted and ignored. Sending an event again is always right: it is a `duplicate` and touches nothing.

What breaks I-JSON (RFC 7493) is quarantined too: names that occur twice in an object, NUL or lone surrogates in
strings, numbers beyond a double, more than 64 levels. A body that is not JSON at all, or that cannot be
decompressed, is kept whole: 400 with `quarantineIds`, or 202 with HOS_INVALID_STATUS=202."""


def paths() -> dict[str, PathItem]:
    """The webhook."""
    coding = parameter(
        "header",
        "Content-Encoding",
        "`gzip` when the body is compressed.",
        {"type": "string", "enum": ["gzip", "identity"]},
    )
    described = operation("receiveEvents", TAG, "Post events", _DESCRIPTION, _responses(), SENDER, [coding])
    described.requestBody = RequestBody(
        required=True,
        description=(
            "At most HOS_MAX_BODY_BYTES, after decompression too, and HOS_MAX_BATCH_EVENTS events. Any JSON media type"
            " is taken, such as `application/cloudevents+json`, and none at all."
        ),
        content={JSON_TYPE: _json(), "application/gzip": _gzip()},
    )
    return {PATH: PathItem(post=described)}


def _json() -> MediaType:
    return media(
        schema_ref("Delivery"),
        flat=examples.flat(),
        invalidation=examples.invalidation(),
        minimalInvalidation=examples.minimal_invalidation(),
        enveloped=examples.enveloped(examples.flat()),
        page=examples.page(),
        array=[examples.flat(), examples.enveloped(examples.invalidation())],
        partlyWrong=examples.partly_wrong(),
    )


def _gzip() -> MediaType:
    return media({"contentMediaType": "application/gzip", "description": "The JSON, compressed."})


def _responses() -> dict[str, Response | Reference]:
    receipt = schema_ref("Receipt")
    at_once = {"retry-after": header_ref("retry-after")}
    return {
        "200": answer("All events were understood.", content(JSON_TYPE, receipt, created=examples.receipt())),
        "202": answer(
            "With HOS_INVALID_STATUS=202: nothing was understood; it is quarantined and acknowledged.",
            content(JSON_TYPE, receipt, quarantined=examples.quarantined_receipt()),
        ),
        "207": answer(
            "Some events were understood, and some are in quarantine.",
            content(JSON_TYPE, receipt, partlyWrong=examples.partial_receipt()),
        ),
        "400": _two_problems(),
        "401": problem_answer(
            "No credential, or a wrong one. Nothing is kept.",
            UNAUTHENTICATED,
            "Send a configured webhook credential: a Standard Webhooks signature, a Bearer or Basic token, or apiKey.",
            PATH,
            headers=("www-authenticate",),
        ),
        "413": answer(
            "Too large, or too many events. Nothing is kept.",
            content(
                PROBLEM_TYPE,
                schema_ref("Problem"),
                tooLarge=examples.problem(
                    TOO_LARGE, "The body may have at most 4194304 bytes, after decompression too.", PATH
                ),
                tooManyEvents=examples.problem(TOO_MANY_EVENTS, "The delivery holds more than 1000 events.", PATH),
            ),
        ),
        "415": answer(
            "Neither JSON nor gzip. Nothing is kept.",
            content(
                PROBLEM_TYPE,
                schema_ref("Problem"),
                notJson=examples.problem(
                    UNSUPPORTED_MEDIA_TYPE, "Send application/json, or gzip with JSON inside.", PATH
                ),
            ),
            {
                "accept-encoding": header(
                    "The content codings taken here, when it was the coding.", {"type": "string"}, required=False
                )
            },
        ),
        "422": problem_answer(
            "No event was understood. They are in quarantine. Sending them again does not help.",
            INVALID_EVENTS,
            "None of the events could be understood. They are kept in quarantine; errors says what is wrong with each.",
            PATH,
            errors=[{**examples.ERRORS[0], "event": 0}],
            quarantine_ids=["1"],
        ),
        "429": answer(
            "Too many events wait to be written. Nothing was acknowledged; send the delivery again.",
            content(
                PROBLEM_TYPE,
                schema_ref("Problem"),
                overloaded=examples.problem(
                    OVERLOADED,
                    "Too many events wait to be written. Nothing of this delivery was kept; send it again.",
                    PATH,
                ),
            ),
            at_once,
        ),
        "503": answer_ref("Unavailable"),
    }


def _two_problems() -> Response:
    detail = "The body is not JSON: at line 1, column 1, a value was expected, but something else stands there."
    corrupt = "The gzip data is corrupt."

    def errors(detail: str) -> list[examples.JsonObject]:
        return [{"event": 0, "pointer": "", "detail": detail}]

    return answer(
        "Not JSON, or broken compression, which is quarantined whole; or a broken request, of which nothing is kept.",
        content(
            PROBLEM_TYPE,
            schema_ref("Problem"),
            notJson=examples.problem(INVALID_JSON, detail, PATH, errors(detail), ["2"]),
            corruptGzip=examples.problem(INVALID_ENCODING, corrupt, PATH, errors(corrupt), ["3"]),
        ),
    )
