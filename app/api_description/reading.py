"""The description of drivers, violations, their events, and statistics."""

from openapi_pydantic import MediaType, Operation, Parameter, PathItem, Reference, Response

from app.api_description import examples
from app.api_description.pieces import (
    JSON_TYPE,
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
from app.api_description.shared import (
    NO_NUL,
    READER,
    cursor_parameter,
    filter_parameters,
    limit_parameter,
    problem_answer,
    sort_parameter,
)
from app.query.exports import FORMATS
from app.violations.schema import CSV_COLUMNS
from app.web.problems import NOT_ACCEPTABLE

DRIVERS, VIOLATIONS, STATISTICS, CHANNELS = "Drivers", "Violations", "Statistics", "Channels"

_LIST = f"""\
A page of violations, or all of them at once: `Accept: text/csv` or `Accept: application/x-ndjson` streams everything
that matches, without `limit` and `cursor`. An export that ends orderly is complete; trouble on the way breaks the
connection off.

CSV is UTF-8 with CRLF and a header row; text that a spreadsheet might take for a formula has an apostrophe before it.
Its columns are {", ".join(f"`{name}`" for name in CSV_COLUMNS)}.

`asOf` answers from what had been received by then, and `status` means the status then. A key that is limited to
terminals sees what its terminals have now, also with `asOf`."""


def paths() -> dict[str, PathItem]:
    """Everything that reads the present state."""
    filters = filter_parameters()
    paging = [limit_parameter(), cursor_parameter()]
    of_driver = [filters[name] for name in ("status", "type", "startTimeFrom", "startTimeTo", "asOf")]
    return {
        "/v1/drivers": PathItem(get=_drivers([filters["terminalCode"], filters["type"], *paging])),
        "/v1/drivers/{driverId}/violations": PathItem(get=_of_driver([_driver_id(), *of_driver, *paging])),
        "/v1/violations": PathItem(get=_violations([*filters.values(), sort_parameter(), *paging])),
        "/v1/violations/{id}": PathItem(get=_violation()),
        "/v1/violations/{id}/events": PathItem(get=_events([violation_id(), *paging])),
        "/v1/stats": PathItem(get=_stats(list(filters.values()))),
        "/v1/status": PathItem(get=_status()),
    }


def reading_answers(*more: str) -> dict[str, Response | Reference]:
    """The errors of requests with an API key."""
    named = {"401": "Unauthenticated", "403": "Forbidden", "404": "NotFound"}
    return {status: answer_ref(named[status]) for status in ("401", "403", *more)}


def violation_id() -> Parameter:
    """The violation in a path."""
    told = "The violation's id, percent-encoded."
    return parameter("path", "id", told, {"type": "string", "minLength": 1}, example=examples.flat()["id"])


def _driver_id() -> Parameter:
    told = "The driver's id, percent-encoded; any text."
    return parameter("path", "driverId", told, {"type": "string", "minLength": 1, "pattern": NO_NUL}, example="JDOE123")


def _drivers(parameters: list[Parameter]) -> Operation:
    return operation(
        "listDrivers",
        DRIVERS,
        "List drivers with active violations",
        "Most active violations first, ties by `driverId`. The filters say which violations count.",
        {
            "200": answer(
                "A page of drivers.",
                content(JSON_TYPE, schema_ref("DriverPage"), one=examples.listed(examples.driver())),
            ),
            **reading_answers(),
        },
        READER,
        parameters,
    )


def _of_driver(parameters: list[Parameter]) -> Operation:
    return operation(
        "listViolationsOfDriver",
        DRIVERS,
        "List the violations of one driver",
        "Newest `startTime` first, active ones unless `status` says otherwise. A driver never heard of has none.",
        {
            "200": answer(
                "A page of violations.",
                content(JSON_TYPE, schema_ref("ViolationPage"), one=examples.listed(examples.violation())),
            ),
            **reading_answers(),
        },
        READER,
        parameters,
    )


def _violations(parameters: list[Parameter]) -> Operation:
    text = {"type": "string"}
    formats: dict[str, MediaType] = {
        **content(JSON_TYPE, schema_ref("ViolationPage"), one=examples.listed(examples.violation())),
        FORMATS["text/csv"].media_type.decode(): media(text, one=examples.csv()),
        FORMATS["application/x-ndjson"].media_type.decode(): media(
            {**text, "description": "One Violation in each line."}, one=examples.ndjson()
        ),
    }
    disposition = header("A file name, for exports.", text, required=False)
    return operation(
        "listViolations",
        VIOLATIONS,
        "List violations, or export them",
        _LIST,
        {
            "200": answer("A page, or everything.", formats, {"content-disposition": disposition}),
            **reading_answers(),
            "406": problem_answer(
                "None of the accepted media types is available.",
                NOT_ACCEPTABLE,
                "This is available as application/json, text/csv, application/x-ndjson.",
                "/v1/violations",
            ),
        },
        READER,
        parameters,
    )


def _violation() -> Operation:
    held = parameter(
        "header", "If-None-Match", "Entity tags of answers that the client holds.", {"type": "string"}, example='"x"'
    )
    tagged = {"etag": header_ref("etag")}
    return operation(
        "getViolation",
        VIOLATIONS,
        "Get one violation",
        "With its `review`, which lists do not have. With `If-None-Match` the answer is 304 while nothing has changed.",
        {
            "200": answer(
                "The violation.",
                content(
                    JSON_TYPE,
                    schema_ref("ReviewedViolation"),
                    active={**examples.violation(), "review": examples.no_review()},
                    invalidated={**examples.violation(is_invalidated=True), "review": examples.review()},
                ),
                tagged,
            ),
            "304": answer("What the client holds is current.", None, tagged),
            **reading_answers("404"),
        },
        READER,
        [violation_id(), held],
    )


def _events(parameters: list[Parameter]) -> Operation:
    return operation(
        "listEventsOfViolation",
        VIOLATIONS,
        "List the events of one violation",
        "Oldest receipt first, each with its payload as received. Duplicates are not among them.",
        {
            "200": answer(
                "A page of events.", content(JSON_TYPE, schema_ref("EventPage"), invalidated=examples.events())
            ),
            **reading_answers("404"),
        },
        READER,
        parameters,
    )


def _stats(parameters: list[Parameter]) -> Operation:
    return operation(
        "getStats",
        STATISTICS,
        "Count violations",
        "Takes the filters of the list. Each map and its count in `without` add up to `total`.",
        {
            "200": answer("The counts.", content(JSON_TYPE, schema_ref("Stats"), one=examples.stats())),
            **reading_answers(),
        },
        READER,
        parameters,
    )


def _status() -> Operation:
    return operation(
        "getStatus",
        CHANNELS,
        "Ask how events come in",
        "By channel: when an event last came, how far Maven's queue was read and how that goes, and times whose events"
        " may be missing. A key that is limited to terminals is not told when events came: its `lastEventAt` and"
        " `cursor` are null.",
        {
            "200": answer("How the channels stand.", content(JSON_TYPE, schema_ref("Status"), one=examples.status())),
            **reading_answers(),
        },
        READER,
        [],
    )
