"""What many operations share: answers, headers, credentials and query parameters, described once.

The parameters carry the limits of the rooms that read them. Which operation takes which is said by the modules of the
routes.
"""

from openapi_pydantic import Header, Parameter, Response, SecurityScheme

from app.api_description import examples
from app.api_description.incoming import INSTANT
from app.api_description.pieces import (
    PROBLEM_TYPE,
    Security,
    answer,
    content,
    header,
    header_ref,
    parameter,
    schema_ref,
)
from app.query.filters import MOST_MINUTES, WORD_FILTERS
from app.query.violations import NEWEST_FIRST, ORDERS
from app.reviews.schema import STATUSES as REVIEW_WORDS
from app.violations.schema import STATUS_WORDS
from app.web.authentication import UNKNOWN_KEY
from app.web.cursors import LONGEST
from app.web.deadlines import MAX_HEAD_BYTES
from app.web.parameters import DEFAULT_LIMIT, MOST_LIMIT
from app.web.problems import (
    FORBIDDEN,
    HEADERS_TOO_LARGE,
    INVALID_PARAMETER,
    NOT_FOUND,
    REQUEST_TIMEOUT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Kind,
)

READER: Security = [{"apiKey": ["read"]}]
REVIEWER: Security = [{"apiKey": ["review"]}]
ADMIN: Security = [{"apiKey": ["admin"]}]
LOG_READER: Security = [{"apiKey": ["log:read"]}, {"apiKeyBasic": ["log:read"]}]
LOG_WRITER: Security = [{"apiKey": ["log:write"]}, {"apiKeyBasic": ["log:write"]}]
DVIR_READER: Security = [{"apiKey": ["dvir:read"]}]
DVIR_WRITER: Security = [{"apiKey": ["dvir:write"]}]
SENDER: Security = [
    {"webhookSignature": [], "webhookId": [], "webhookTimestamp": []},
    {"webhookBearer": []},
    {"webhookBasic": []},
    {"webhookApiKey": []},
]
SCRAPER: Security = [{}, {"metricsToken": []}]

NO_NUL = r"^[^\u0000]+$"


def security_schemes() -> dict[str, SecurityScheme]:
    """Who may do what, and how that is shown."""
    signed = "Standard Webhooks, the three headers together; HOS_WEBHOOK_SECRETS with a `whsec_…` secret. "

    def in_header(name: str, description: str) -> SecurityScheme:
        told = {"type": "apiKey", "in": "header", "name": name, "description": description}
        return SecurityScheme.model_validate(told)

    return {
        "apiKey": SecurityScheme(
            type="http",
            scheme="bearer",
            description=(
                "An API key, or an access token of one, with the scope `read`, `review`, `log:read`, `log:write`,"
                " `dvir:read`, `dvir:write` or `admin`. `admin` may all that these may. A key may be limited to"
                " terminals and then sees and reviews only violations whose terminal now is one of them, and only logs"
                " and inspections of drivers of these terminals."
            ),
        ),
        "apiKeyBasic": SecurityScheme(
            type="http", scheme="basic", description="The same, with the key's name as user and the key as password."
        ),
        "webhookSignature": in_header(
            "webhook-signature", signed + "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several by spaces."
        ),
        "webhookId": in_header("webhook-id", signed + "Any text, the same when a delivery is sent again."),
        "webhookTimestamp": in_header("webhook-timestamp", signed + "Seconds since 1970, within 5 minutes of now."),
        "webhookBearer": SecurityScheme(
            type="http",
            scheme="bearer",
            description="A webhook token: a plain secret of HOS_WEBHOOK_SECRETS, or a key with the scope `webhook`.",
        ),
        "webhookBasic": SecurityScheme(
            type="http", scheme="basic", description="The webhook token as password, with any user name."
        ),
        "webhookApiKey": in_header("apiKey", "The webhook token in Maven's own header."),
        "metricsToken": SecurityScheme(
            type="http", scheme="bearer", description="HOS_METRICS_TOKEN. Needed only when that is set."
        ),
    }


def shared_headers() -> dict[str, Header]:
    """Headers of more than one answer."""
    seconds = "Seconds after which to try again."
    return {
        "x-request-id": header(
            "The id of this request in the log: the one that was sent, or a new one.", {"type": "string"}
        ),
        "retry-after": header(seconds, {"type": "integer", "minimum": 1}),
        "www-authenticate": header("Which credential is wanted.", {"type": "string"}),
        "etag": header("Names this very answer, for `If-None-Match`.", {"type": "string"}),
    }


def problem_answer(
    description: str,
    kind: Kind,
    detail: str,
    instance: str,
    *,
    headers: tuple[str, ...] = (),
    errors: list[examples.JsonObject] | None = None,
    quarantine_ids: list[str] | None = None,
) -> Response:
    """An error, with one example."""
    example = examples.problem(kind, detail, instance, errors, quarantine_ids)
    body = content(PROBLEM_TYPE, schema_ref("Problem"), **{kind.slug: example})
    return answer(description, body, {name: header_ref(name) for name in headers})


def shared_answers() -> dict[str, Response]:
    """Errors of more than one operation."""
    detail = 'must be a whole number from 1 to 1000, not "0".'
    return {
        "BadRequest": problem_answer(
            "The request is broken, a parameter is unknown, or a value is not valid.",
            INVALID_PARAMETER,
            f"limit {detail}",
            "/v1/violations",
            errors=[{"parameter": "limit", "detail": detail}],
        ),
        "Unauthenticated": problem_answer(
            "No credential, or a wrong one.",
            UNAUTHENTICATED,
            UNKNOWN_KEY,
            "/v1/violations",
            headers=("www-authenticate",),
        ),
        "Forbidden": problem_answer(
            "The key does not allow this.", FORBIDDEN, "This key lacks the scope admin.", "/v1/quarantine"
        ),
        "NotFound": problem_answer(
            "There is no such thing, or the key does not see it.",
            NOT_FOUND,
            'There is no violation with the id "V-1".',
            "/v1/violations/V-1",
        ),
        "RequestTimeout": problem_answer(
            "Headers or body were not complete in time. The connection closes.",
            REQUEST_TIMEOUT,
            "The request was not complete within 10 s.",
            "/webhooks/maven",
        ),
        "HeadersTooLarge": problem_answer(
            "The headers are too large. The connection closes.",
            HEADERS_TOO_LARGE,
            f"The request line and the headers may have {MAX_HEAD_BYTES} bytes together.",
            "/v1/violations",
        ),
        "Unavailable": problem_answer(
            "The database cannot answer or commit now, or the service is stopping. Send the request again.",
            UNAVAILABLE,
            "The database does not answer now. Send the request again shortly.",
            "/v1/violations",
            headers=("retry-after",),
        ),
    }


def _time(name: str, description: str) -> Parameter:
    example = "2024-01-01T00:00:00Z"
    return parameter("query", name, f"{description} Without an offset it means UTC.", INSTANT, example=example)


def _day(name: str, description: str) -> Parameter:
    return parameter("query", name, description, {"type": "string", "format": "date"}, example="2024-01-01")


def _words(name: str, description: str, words: dict[str, object], example: list[str], **schema: object) -> Parameter:
    """A parameter of which any value may match: repeated, or with commas; a comma in a value is written %2C."""
    any_of = "Repeat it, or separate by commas, for *or*; a comma within a value is `%2C`."
    shape = {"type": "array", "minItems": 1, "items": words, **schema}
    told = f"{description} {any_of}"
    return parameter("query", name, told, shape, example=example, style="form", explode=True)


_WORD_TEXTS = {
    "driverId": ("Drivers.", ["JDOE123"]),
    "terminalCode": ("Terminals.", ["PGH"]),
    "type": ("Types of violation, as sent.", ["shift_drive"]),
    "ruleset": ("Rulesets, as sent.", ["USA_PROPERTY_70_8"]),
    "powerUnitNumber": ("Vehicles.", ["Truck 12345"]),
}


def filter_parameters() -> dict[str, Parameter]:
    """The filters of lists and statistics, by name."""
    statuses: dict[str, object] = {"type": "string", "enum": [*STATUS_WORDS, "all"]}
    word: dict[str, object] = {"type": "string", "minLength": 1, "pattern": NO_NUL}
    found = [_words("status", "What it is now; with `asOf`, what it was then.", statuses, ["all"], default=["active"])]
    for name in WORD_FILTERS:
        told, example = _WORD_TEXTS[name]
        found.append(_words(name, told, word, example))
    found += [
        _time("startTimeFrom", "Violations that began then or later."),
        _time("startTimeTo", "Violations that began then or earlier."),
        _day("logDateFrom", "Log dates from this day on."),
        _day("logDateTo", "Log dates up to this day."),
        parameter(
            "query",
            "minDurationMinutes",
            "Violations of at least that many minutes.",
            {"type": "integer", "minimum": 0, "maximum": MOST_MINUTES},
            example=30,
        ),
        parameter(
            "query",
            "egregious",
            "Only those that are, or are not, more than 3 hours over a driving limit.",
            {"type": "boolean"},
            example=True,
        ),
        parameter(
            "query",
            "q",
            "A part of the driver's name or of the unit, without regard to case.",
            {"type": "string", "minLength": 1, "pattern": r"^[^\u0000\uffff]+$"},
            example="doe",
        ),
        _words(
            "review",
            "What was done about it: the newest review, with `asOf` that of then. `open` without one.",
            {"type": "string", "enum": list(REVIEW_WORDS)},
            ["open", "acknowledged"],
        ),
        _time("asOf", "What was known then, by the time of receipt."),
    ]
    return {one.name: one for one in found}


def sort_parameter() -> Parameter:
    """The order of the list."""
    told = "`-` for descending. Texts by code point, nulls last, ties by `id`."
    return parameter("query", "sort", told, {"type": "string", "enum": list(ORDERS), "default": NEWEST_FIRST})


def limit_parameter() -> Parameter:
    """The size of a page."""
    shape = {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": DEFAULT_LIMIT}
    told = "Items on a page. A page may end earlier when its items are large."
    return parameter("query", "limit", told, shape, example=DEFAULT_LIMIT)


def cursor_parameter(name: str = "cursor", described: str | None = None) -> Parameter:
    """Where a page begins."""
    told = described or "`nextCursor` of the page before, with the same parameters; `limit` may change."
    return parameter("query", name, told, {"type": "string", "minLength": 1, "maxLength": LONGEST})
