"""The description of connections: where inspections go."""

from openapi_pydantic import Operation, PathItem, RequestBody

from app.api_description import inspection_examples as shown
from app.api_description.hooks import Answers, body_answers
from app.api_description.pieces import (
    JSON_TYPE,
    JsonSchema,
    answer,
    content,
    exact_object,
    nullable,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.reading import reading_answers
from app.api_description.schemas import TEXT, written_time
from app.api_description.shared import ADMIN, problem_answer
from app.dvir_logs.connections import MAX_BODY_BYTES, ONE, PATH, TEST
from app.inspections.connection_schema import MOST_URL
from app.inspections.schema import FIELDS
from app.inspections.words import ConnectionKind
from app.web.problems import CONFLICT, NOT_FOUND

TAG = "Connections"

_CREATE = """\
A connection of kind `http` gets each inspection report by POST, through the same outbox as hooks: with the same address
guard, retries and sealing of secrets. It answers 2xx with `{"id": …}`. The operation's id goes along as
`Idempotency-Key`, the same on every try. One connection of kind `local` is always there."""

_MISSING = 'There is no connection with the id "x".'


def paths() -> dict[str, PathItem]:
    """The endpoints."""
    return {
        PATH: PathItem(get=_list(), post=_create()),
        ONE: PathItem(get=_read(), patch=_change(), delete=_remove()),
        TEST: PathItem(post=_test()),
    }


def connection_schemas() -> dict[str, JsonSchema]:
    """Connections as they are asked for and as they are shown."""
    name = {"type": "string", "minLength": 1, "maxLength": 100, "description": "A name for people."}
    url = {"type": "string", "minLength": 1, "maxLength": MOST_URL, "description": "Where to; http or https."}
    word: dict[str, object] = {"type": ["string", "null"], "minLength": 1, "maxLength": 1000}
    mapping = {
        "type": "object",
        "description": "The provider's names for fields; null leaves a field out.",
        "properties": {field: {"type": ["string", "null"], "minLength": 1, "maxLength": 100} for field in FIELDS},
        "additionalProperties": False,
    }
    credentials = {"oneOf": [_credentials(*one) for one in _CREDENTIALS], "description": "Never shown again."}
    optional: dict[str, JsonSchema] = {
        "credentials": {"anyOf": [credentials, {"type": "null"}]},
        "fleet_ref": {**word, "description": "The fleet, in your words."},
        "source_name": {**word, "description": "The provider, in your words."},
    }
    kinds = {"type": "string", "enum": [kind.word for kind in ConnectionKind], "description": "Where it leads."}
    shown_fields: dict[str, JsonSchema] = {
        "id": {"type": "string", "format": "uuid", "description": "The connection."},
        "name": name,
        "kind": kinds,
        "url": nullable({**TEXT, "description": "Where to."}),
        "method": {"type": ["string", "null"], "description": "POST for kind http."},
        "credentials": nullable(exact_object({"type": TEXT}, "Of which type they are.")),
        "mapping": mapping,
        "fleet_ref": optional["fleet_ref"],
        "source_name": optional["source_name"],
        "created_at": written_time("When it was made."),
        "updated_at": written_time("When it was last changed."),
    }
    return {
        "NewConnection": {
            "type": "object",
            "description": "A connection to make.",
            "required": ["name", "kind"],
            "properties": {
                "name": name,
                "kind": kinds,
                "url": {**url, "type": ["string", "null"]},
                "method": {"enum": ["POST", None], "description": "Always POST."},
                "mapping": mapping,
                **optional,
            },
            "additionalProperties": False,
        },
        "ConnectionChanges": {
            "type": "object",
            "description": "What is to be otherwise; what is left out stays.",
            "properties": {"name": name, "url": url, "mapping": {"anyOf": [mapping, {"type": "null"}]}, **optional},
            "additionalProperties": False,
        },
        "Connection": exact_object(shown_fields, "A connection."),
        "ConnectionList": exact_object(
            {
                "items": {"type": "array", "items": schema_ref("Connection")},
                "total": {"type": "integer", "minimum": 1},
                "next_page": {"type": "null"},
            },
            "All connections.",
        ),
        "ConnectionTest": exact_object(
            {
                "is_reachable": {"type": "boolean", "description": "Whether anything was answered."},
                "response_status_code": nullable({"type": "integer", "description": "What was answered."}),
                "detail": nullable({**TEXT, "description": "What failed, for people."}),
                "seconds": {"type": "number", "minimum": 0},
            },
            "What a provider answered to an empty object.",
        ),
    }


_CREDENTIALS = (("bearer", ("token",)), ("basic", ("username", "password")), ("header", ("name", "value")))


def _credentials(kind: str, fields: tuple[str, ...]) -> dict[str, object]:
    return {
        "type": "object",
        "required": ["type", *fields],
        "properties": {"type": {"const": kind}, **{name: {"type": "string"} for name in fields}},
        "additionalProperties": False,
    }


def _answers(*more: str) -> Answers:
    missing = problem_answer("There is no such connection.", NOT_FOUND, _MISSING, PATH)
    return {**reading_answers(), **({"404": missing} if more else {})}


def _body(schema: str, **named: object) -> RequestBody:
    return RequestBody(required=True, content=content(JSON_TYPE, schema_ref(schema), **named))


def _one(description: str) -> Answers:
    return {"200": answer(description, content(JSON_TYPE, schema_ref("Connection"), one=shown.connection()))}


def _list() -> Operation:
    body = content(
        JSON_TYPE, schema_ref("ConnectionList"), one={"items": [shown.connection()], "total": 1, "next_page": None}
    )
    told = "All of them, in the order they were made."
    answers: Answers = {"200": answer("The connections.", body), **_answers()}
    return operation("listConnections", TAG, "List connections", told, answers, ADMIN)


def _create() -> Operation:
    made = content(JSON_TYPE, schema_ref("Connection"), one=shown.connection())
    answers: Answers = {
        "201": answer("The connection.", made),
        **_answers(),
        **body_answers(PATH, "/url", "is required for kind http.", MAX_BODY_BYTES),
    }
    described = operation("createConnection", TAG, "Make a connection", _CREATE, answers, ADMIN)
    described.requestBody = _body(
        "NewConnection",
        http={
            "name": "Acme",
            "kind": "http",
            "url": "https://provider.example/inspections",
            "credentials": {"type": "bearer", "token": "…"},
            "mapping": {"driver_id": "driver"},
        },
        local={"name": "Yard", "kind": "local"},
    )
    return described


_CONNECTION = [parameter("path", "connection_id", "The connection.", TEXT, example="x")]


def _read() -> Operation:
    answers: Answers = {**_one("The connection."), **_answers("404")}
    told = "Its credentials are not shown, only of which type they are."
    return operation("readConnection", TAG, "Read a connection", told, answers, ADMIN, _CONNECTION)


def _change() -> Operation:
    answers: Answers = {
        **_one("The connection as it is now."),
        **_answers("404"),
        **body_answers(PATH, "/url", "must not be null.", MAX_BODY_BYTES),
        "409": problem_answer("Others change it.", CONFLICT, "Others change this connection at the same time.", PATH),
    }
    told = "What is left out stays. What waits for it is tried at once."
    described = operation("changeConnection", TAG, "Change a connection", told, answers, ADMIN, _CONNECTION)
    described.requestBody = _body("ConnectionChanges", url={"url": "https://provider.example/v2/inspections"})
    return described


def _remove() -> Operation:
    answers: Answers = {
        "204": answer("It is gone."),
        **_answers("404"),
        "409": problem_answer("It is the local one.", CONFLICT, "The local connection is always there.", PATH),
    }
    told = "Operations that had not ended fail. What was created stays."
    return operation("removeConnection", TAG, "Remove a connection", told, answers, ADMIN, _CONNECTION)


def _test() -> Operation:
    example = {"is_reachable": True, "response_status_code": 422, "detail": None, "seconds": 0.12}
    body = content(JSON_TYPE, schema_ref("ConnectionTest"), one=example)
    answers: Answers = {"200": answer("What was answered.", body), **_answers("404")}
    told = "Posts an empty object, which no provider takes for a report: any answer shows that it is reached."
    return operation("testConnection", TAG, "Test a connection", told, answers, ADMIN, _CONNECTION)
