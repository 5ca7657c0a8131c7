"""The description of inspections: reports, their defects, operations, and access tokens. Connections have their own."""

from openapi_pydantic import MediaType, Operation, Parameter, PathItem, RequestBody

from app.api_description import inspection_examples as shown
from app.api_description.hooks import Answers, body_answers
from app.api_description.incoming import INSTANT
from app.api_description.pieces import (
    JSON_TYPE,
    PROBLEM_TYPE,
    PUBLIC,
    JsonSchema,
    answer,
    content,
    exact_object,
    media,
    nullable,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.reading import reading_answers
from app.api_description.schemas import TEXT, problem_schemas, written_time
from app.api_description.shared import DVIR_READER, DVIR_WRITER, problem_answer
from app.dvir_logs.asking import DEFAULT_SIZE, MOST_SIZE
from app.dvir_logs.reports import DEFECTS_PATH, MAX_BODY_BYTES, OPERATION_PATH, PATH
from app.dvir_logs.tokens import GRANT
from app.dvir_logs.tokens import PATH as TOKEN_PATH
from app.inspections.schema import FIELDS
from app.inspections.words import DEFECTS, LOG_STATUSES, LOG_TYPES, OPERATION_TYPES, RESOURCES, OperationStatus
from app.web.bodies import FORM_TYPE
from app.web.problems import BAD_REQUEST, NOT_FOUND, UNAUTHENTICATED

TAG = "Inspections"
TOKENS = "Tokens"

_CREATE = """\
Creates an inspection report at a connection, by an operation that is on disk before it is answered, and always ends.

By default the answer is 202 and the operation as it was accepted, `pending`: it is forwarded by the outbox, tried again
as hooks are, and read under its connection. With `is_sync=true` it is forwarded at once and nobody tries it again; the
answer is 200 with the operation as it ended. By the local connection both have succeeded with the commit.

A provider that answers 2xx with an `id` has the report; a 4xx but 429 refuses it; anything else is tried again."""


def paths() -> dict[str, PathItem]:
    """The endpoints."""
    return {
        PATH: PathItem(get=_list(), post=_create()),
        DEFECTS_PATH: PathItem(get=_list_defects()),
        OPERATION_PATH: PathItem(get=_operation()),
        TOKEN_PATH: PathItem(post=_token()),
    }


def inspection_schemas() -> dict[str, JsonSchema]:
    """Reports, defects and operations."""
    sent: dict[str, JsonSchema] = {
        name: {**(field.kind.json_schema if not field.may_be_null else nullable(field.kind.json_schema))}
        | {"description": field.description}
        for name, field in FIELDS.items()
    }
    moment = written_time
    report: dict[str, JsonSchema] = {
        **sent,
        "id": _uuid("The report."),
        "source_id": nullable({**TEXT, "description": "Its id at the provider."}),
        "fleet_ref": nullable({**TEXT, "description": "The connection's fleet."}),
        "source_name": nullable({**TEXT, "description": "The connection's provider."}),
        "created_at": moment("When it was kept."),
        "updated_at": moment("When it was last changed."),
        "deleted_at": {"type": "null", "description": "Reports are not deleted by requests."},
        "odometer_km": nullable({"type": "number", "description": "The odometer in km."}),
        "open_defect_count": {"type": "integer", "minimum": 0, "description": "Of its defects, how many are open."},
    }
    return {
        "NewDvirLog": {
            "type": "object",
            "description": "An inspection report. Further fields are kept and forwarded as they come.",
            "required": [name for name, field in FIELDS.items() if field.is_required],
            "properties": sent,
        },
        "DvirLog": exact_object(report, "An inspection report that its connection has."),
        "DvirLogPage": _page("DvirLog", "Inspection reports, newest first."),
        "DvirDefect": exact_object(_defect(), "A defect, and which report closed it."),
        "DvirDefectPage": _page("DvirDefect", "Defects, newest first."),
        "ResourceOperationLog": exact_object(_attempt(), "One attempt of an operation."),
        "ResourceOperation": exact_object(_operation_fields(), "A request to create a report, and how it stands."),
        "AccessToken": exact_object(
            {
                "access_token": {**TEXT, "description": "For `Authorization: Bearer`."},
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer", "minimum": 1, "description": "Seconds."},
                "scope": {**TEXT, "description": "What it may do."},
            },
            "An access token.",
        ),
        "TokenProblem": _token_problem(),
    }


def _token_problem() -> dict[str, object]:
    members = problem_schemas()["Problem"]["properties"]
    assert isinstance(members, dict)
    told = {name: shape for name, shape in members.items() if name not in ("errors", "quarantineIds")}
    own = {"error": {**TEXT, "description": "RFC 6749's word."}, "error_description": {**TEXT, "description": "Why."}}
    return exact_object({**told, **own}, "A problem with the members of RFC 6749 section 5.2.")


def _uuid(description: str) -> dict[str, object]:
    return {"type": "string", "format": "uuid", "description": description}


def _defect() -> dict[str, JsonSchema]:
    return {
        "id": _uuid("The defect."),
        "dvir_log_id": _uuid("The report that lists it."),
        "source_dvir_log_id": nullable({**TEXT, "description": "The report's id at the provider."}),
        "connection_id": _uuid("The report's connection."),
        "source_id": {"type": "null", "description": "Providers give ids to reports, not to defects."},
        "fleet_ref": nullable({**TEXT, "description": "The connection's fleet."}),
        "source_name": nullable({**TEXT, "description": "The connection's provider."}),
        "created_at": written_time("When the report was kept."),
        "updated_at": written_time("When the report that closed it was kept; else the same."),
        "deleted_at": {"type": "null", "description": "Defects are not deleted by requests."},
        "occurred_at": written_time("When the inspection was."),
        "driver_id": _uuid("The driver."),
        "vehicle_id": nullable(_uuid("The vehicle.")),
        "trailer_id": nullable(_uuid("The trailer.")),
        "defect_type": {"type": "string", "enum": list(DEFECTS), "description": "What is defective."},
        "defect_code": {"description": "As the report's detail has it."},
        "defect_name": {**TEXT, "description": "The same in words."},
        "description": {"description": "As the report's detail has it."},
        "notes": {"description": "As the report's detail has it."},
        "detail": nullable({"type": "object", "description": "The detail as it was sent."}),
        "status": {"type": "string", "enum": ["open", "resolved"], "description": "Whether a later report closed it."},
        "is_safety_critical": {"type": "boolean", "description": "By its detail, else by the report."},
        "resolved_at": nullable(written_time("When the inspection was that closed it.")),
        "resolved_by": nullable(_uuid("The report that closed it.")),
    }


def _attempt() -> dict[str, JsonSchema]:
    return {
        "id": _uuid("The attempt."),
        "created_at": written_time("When it was made."),
        "updated_at": written_time("The same."),
        "resource_operation_id": _uuid("The operation."),
        "status": {"type": "string", "enum": ["success", "failed"], "description": "How it went."},
        "error_type": nullable({**TEXT, "description": "Of which kind the failure was."}),
        "error_details": nullable({**TEXT, "description": "What failed, for people."}),
        "response_status_code": nullable({"type": "integer", "description": "What the provider answered."}),
        "response_headers": nullable({"type": "object", "description": "Its headers, without secrets."}),
    }


def _operation_fields() -> dict[str, JsonSchema]:
    words = [status.word for status in OperationStatus]
    return {
        "id": _uuid("The operation."),
        "created_at": written_time("When it was accepted."),
        "updated_at": written_time("When it was last tried."),
        "deleted_at": {"type": "null", "description": "Operations are not deleted by requests."},
        "partner_id": _uuid("The API key that sent it."),
        "connection_id": _uuid("The connection."),
        "fleet_ref": nullable({**TEXT, "description": "The connection's fleet."}),
        "source_name": nullable({**TEXT, "description": "The connection's provider."}),
        "resource": {"type": "string", "enum": list(RESOURCES), "description": "Here always dvir_log."},
        "operation_type": {"type": "string", "enum": list(OPERATION_TYPES), "description": "Here always create."},
        "payload": {"type": "object", "description": "The report as it was sent, with the defaults."},
        "resource_id": nullable(_uuid("The report, once its connection has it.")),
        "source_id": nullable({**TEXT, "description": "The report's id at the provider."}),
        "status": {"type": "string", "enum": words, "description": "How it stands."},
        "logs": {"type": "array", "items": schema_ref("ResourceOperationLog"), "description": "Oldest first."},
    }


def _page(item: str, description: str) -> dict[str, object]:
    cursor = nullable({**TEXT, "description": "A cursor of this list."})
    return exact_object(
        {
            "items": {"type": "array", "items": schema_ref(item)},
            "total": {"type": "integer", "minimum": 0, "description": "How many match in all."},
            "current_page": cursor,
            "current_page_backwards": cursor,
            "previous_page": cursor,
            "next_page": cursor,
        },
        description,
    )


def _create() -> Operation:
    missing = 'There is no connection with the id "3c90c3cc-0d44-4b50-8888-8dd25736052a".'
    body = content(JSON_TYPE, schema_ref("ResourceOperation"), one=shown.accepted())
    ended = content(JSON_TYPE, schema_ref("ResourceOperation"), one=shown.ended())
    answers: Answers = {
        "200": answer("With `is_sync=true`: the operation as it ended.", ended),
        "202": answer("The operation as it was accepted.", body),
        **reading_answers(),
        **body_answers(PATH, "/driver_id", "is required", MAX_BODY_BYTES),
        "404": problem_answer("There is no such connection.", NOT_FOUND, missing, PATH),
    }
    is_sync = parameter("query", "is_sync", "Whether to forward it at once.", {"type": "boolean", "default": False})
    described = operation("createDvirLog", TAG, "Create a report", _CREATE, answers, DVIR_WRITER, [is_sync])
    described.requestBody = RequestBody(
        required=True,
        description=f"At most {MAX_BODY_BYTES} bytes. Gzip is taken too, as a `Content-Encoding`.",
        content=content(JSON_TYPE, schema_ref("NewDvirLog"), least=shown.least(), defects=shown.report_sent()),
    )
    return described


def _any(name: str, description: str, item: JsonSchema, example: list[str]) -> Parameter:
    shape = {"type": "array", "minItems": 1, "items": item}
    told = f"{description} Repeat it, or separate by commas, for *or*."
    return parameter("query", name, told, shape, example=example, style="form", explode=True)


_ID = {"type": "string", "format": "uuid"}
_SOME_ID = ["3c90c3cc-0d44-4b50-8888-8dd25736052a"]


def _filters() -> list[Parameter]:
    return [
        _any("connection_id", "Connections.", _ID, _SOME_ID),
        _any("driver_id", "Drivers.", _ID, _SOME_ID),
        _any("vehicle_id", "Vehicles.", _ID, _SOME_ID),
        _any("trailer_id", "Trailers.", _ID, _SOME_ID),
        _any("log_type", "Types of inspection.", {"type": "string", "enum": list(LOG_TYPES)}, ["pre_trip"]),
        parameter("query", "is_safety_critical", "Only those that are, or others.", {"type": "boolean"}),
        parameter("query", "is_open", "Only those with open defects, or others.", {"type": "boolean"}),
        parameter("query", "occurred_from", "Inspections at this time or later.", INSTANT),
        parameter("query", "occurred_to", "Inspections at this time or earlier.", INSTANT),
        parameter("query", "cursor", "A cursor of the page before.", TEXT),
        parameter(
            "query",
            "size",
            "How many at most.",
            {"type": "integer", "minimum": 1, "maximum": MOST_SIZE, "default": DEFAULT_SIZE},
        ),
    ]


def _list() -> Operation:
    statuses = _any("status", "What reports say.", {"type": "string", "enum": list(LOG_STATUSES)}, ["defect_noted"])
    body = content(JSON_TYPE, schema_ref("DvirLogPage"), one=shown.page(shown.report()))
    return operation(
        "listDvirLogs",
        TAG,
        "List reports",
        "Those that their connections have, newest first.",
        {"200": answer("A page of reports.", body), **reading_answers()},
        DVIR_READER,
        [*_filters(), statuses],
    )


def _list_defects() -> Operation:
    body = content(JSON_TYPE, schema_ref("DvirDefectPage"), one=shown.page(shown.defect()))
    return operation(
        "listDvirDefects",
        TAG,
        "List defects",
        "A defect is open until a later report of the same vehicle or trailer says that it was corrected.",
        {"200": answer("A page of defects.", body), **reading_answers()},
        DVIR_READER,
        [
            *_filters(),
            _any("defect_type", "What is defective.", {"type": "string", "enum": list(DEFECTS)}, ["brakes"]),
            _any("dvir_log_id", "Reports.", _ID, _SOME_ID),
        ],
    )


def _operation() -> Operation:
    missing = "There is no operation with this id at this connection."
    place = OPERATION_PATH.format(connection_id=_SOME_ID[0], id=_SOME_ID[0])
    body = content(JSON_TYPE, schema_ref("ResourceOperation"), one=shown.ended())
    return operation(
        "readResourceOperation",
        TAG,
        "Read an operation",
        "How it stands, and every attempt.",
        {
            "200": answer("The operation.", body),
            **reading_answers(),
            "404": problem_answer("There is no such operation.", NOT_FOUND, missing, place),
        },
        DVIR_READER,
        [
            parameter("path", "connection_id", "The connection.", TEXT, example=_SOME_ID[0]),
            parameter("path", "id", "The operation.", TEXT, example=_SOME_ID[0]),
        ],
    )


def _token() -> Operation:
    def problem(error: str, detail: str, kind_of: object) -> dict[str, MediaType]:
        example = shown.token_problem(error, detail, refused=kind_of is UNAUTHENTICATED)
        return {PROBLEM_TYPE: media(schema_ref("TokenProblem"), one=example)}

    body = content(JSON_TYPE, schema_ref("AccessToken"), one=shown.token())
    described = operation(
        "createToken",
        TOKENS,
        "Exchange an API key for an access token",
        "OAuth 2.0 client credentials (RFC 6749 section 4.4): `client_id` is the key's name, `client_secret` the key,"
        " in the body or by HTTP Basic. The token is worth what the key is worth, for an hour at most.",
        {
            "200": answer("The token.", body),
            "400": answer(
                "Not such a request.",
                problem("unsupported_grant_type", f"grant_type must be {GRANT}.", BAD_REQUEST),
            ),
            "401": answer("No such key.", problem("invalid_client", shown.NO_CLIENT, UNAUTHENTICATED)),
            "413": body_answers(TOKEN_PATH, "", "")["413"],
        },
        PUBLIC,
    )
    fields = dict.fromkeys(("grant_type", "client_id", "client_secret", "scope"), TEXT)
    shape = {"type": "object", "required": ["grant_type"], "properties": fields}
    described.requestBody = RequestBody(
        required=True,
        content={
            FORM_TYPE: media(shape),
            JSON_TYPE: media(shape, one={"grant_type": GRANT, "client_id": "tms", "client_secret": "hos_key_…"}),
        },
    )
    return described
