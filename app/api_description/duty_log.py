"""The description of the driverHistories API: records, their edits, and the lists of them."""

from openapi_pydantic import Operation, Parameter, PathItem, RequestBody

from app.api_description import duty_log_examples as duty_examples
from app.api_description import examples
from app.api_description.hooks import Answers, body_answers
from app.api_description.incoming import INSTANT
from app.api_description.pieces import (
    JSON_TYPE,
    PUBLIC,
    JsonSchema,
    answer,
    content,
    exact_object,
    media,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.reading import reading_answers
from app.api_description.shared import LOG_READER, LOG_WRITER, NO_NUL, problem_answer
from app.driver_histories.asking import EVERYTHING
from app.driver_histories.endpoints import ONE, PATH, UNIDENTIFIED, VEHICLES_DRIVEN
from app.duty_log.fields import FIELDS, LONG, REQUIRED
from app.duty_log.reading import SORTS
from app.duty_log.terms import ALREADY_EDITED, DELETE_UNSUPPORTED, unknown_record, unknown_user
from app.duty_log.words import STATUSES
from app.web.bodies import FORM_TYPE
from app.web.problems import CONFLICT, METHOD_NOT_ALLOWED, NOT_FOUND

TAG = "Duty log"

_ABOUT = """\
The API by which ELDs, timekeeping systems and back offices store and read drivers' logs, after VisTracks'
driverHistories. A key comes as `Bearer`, or by HTTP Basic with its name as user."""

_CREATE = f"""\
{_ABOUT}

The array is kept whole, or refused whole with `errors` that name each item and field. `id`, `lastChangedDate` and
`dataCheck` are made here. A record that is sent again word for word is not kept twice: the answer has the version that
was made of it. Users and vehicles become known with their first record, unless HOS_LOG_STRICT is set."""

_EDIT = """\
Each item names by `id` the version that it edits, and what is to be otherwise; what it leaves out stays, null takes
away. The version before is kept as `InactiveChanged`; the new one has the same `uuid`, a new `id`, and `driverEdit`.
With `recordStatus` `InactiveChangeRequested` the edit waits beside the record that it is of, which stays active.
Of two edits of one version one is taken, the other gets a 409."""

_LIST = """\
All that match, as a bare array; without `limit` as many as there are. Deleted records, and those of the unidentified
driver, are left out unless they are asked for."""


def paths() -> dict[str, PathItem]:
    """The endpoints."""
    return {
        PATH: PathItem(get=_list(), post=_create(), put=_edit(), delete=_delete("deleteDutyRecords")),
        VEHICLES_DRIVEN: PathItem(get=_vehicles(), delete=_delete("deleteVehiclesDriven")),
        UNIDENTIFIED: PathItem(
            get=_unidentified("listUnidentifiedDriving"),
            post=_unidentified_by_post(),
            delete=_delete("deleteUnidentifiedDriving"),
        ),
        ONE: PathItem(get=_one(), delete=_delete("deleteDutyRecord", _record_id())),
    }


def duty_log_schemas() -> dict[str, JsonSchema]:
    """Records as they are sent, edited and shown."""
    fields: dict[str, dict[str, object]] = {
        name: {**field.kind.json_schema, "description": field.description} for name, field in FIELDS.items()
    }
    sent = {name: fields[name] for name, field in FIELDS.items() if not field.is_auto}
    always = (*REQUIRED, "accountId", "driverEdit", "useCycleReset", "malfunctionIndicator", "diagnosticIndicator")
    return {
        "NewDutyRecord": {
            "type": "object",
            "description": "A new record. Further fields are kept as they come, unless HOS_LOG_STRICT is set.",
            "required": list(REQUIRED),
            "properties": {name: shape if name in REQUIRED else _or_null(shape) for name, shape in sent.items()},
        },
        "DutyRecordEdit": {
            "type": "object",
            "description": "An edit of a record.",
            "required": ["id"],
            "properties": {
                "id": {**LONG.json_schema, "description": "The version that is edited."},
                **{name: shape if name in REQUIRED else _or_null(shape) for name, shape in sent.items()},
            },
        },
        "DutyRecord": {
            "type": "object",
            "description": "One version of a record.",
            "required": [*always, "validBeginTime", "dataCheck", "id", "lastChangedDate"],
            "properties": fields,
        },
        "VehiclesDriven": exact_object(
            {"Vehicles Driven": {"type": "array", "items": {"type": "integer"}}}, "Asset ids, smallest first."
        ),
    }


def _or_null(shape: JsonSchema) -> dict[str, object]:
    return {"anyOf": [{name: value for name, value in shape.items() if name != "description"}, {"type": "null"}]} | {
        "description": shape["description"]
    }


def _records(description: str) -> Answers:
    shape = {"type": "array", "items": schema_ref("DutyRecord")}
    return {"200": answer(description, content(JSON_TYPE, shape, one=[duty_examples.record()]))}


def _body(schema: str, **named: object) -> RequestBody:
    shape = {"type": "array", "items": schema_ref(schema)}
    told = "An array of at most HOS_MAX_BODY_BYTES bytes. Gzip is taken too, as a `Content-Encoding`."
    return RequestBody(required=True, description=told, content=content(JSON_TYPE, shape, **named))


def _create() -> Operation:
    user = unknown_user(5)
    described = operation(
        "createDutyRecords",
        TAG,
        "Store new records",
        _CREATE,
        {
            **_records("The records as they were kept, in the order sent."),
            **reading_answers(),
            **body_answers(PATH, "/0/userId", user),
        },
        LOG_WRITER,
    )
    described.requestBody = _body("NewDutyRecord", onDuty=[duty_examples.new_record()])
    return described


def _edit() -> Operation:
    missing = unknown_record(5)
    errors: list[examples.JsonObject] = [{"item": 0, "pointer": "/0/id", "detail": missing}]
    described = operation(
        "editDutyRecords",
        TAG,
        "Edit records",
        _EDIT,
        {
            **_records("The new versions, in the order sent."),
            **reading_answers(),
            **body_answers(PATH, "/0/id", "is required: the number of the record to edit"),
            "404": problem_answer("There is no such record.", NOT_FOUND, missing, PATH, errors=errors),
            "409": problem_answer("The record cannot be edited any more.", CONFLICT, ALREADY_EDITED, PATH),
        },
        LOG_WRITER,
    )
    described.requestBody = _body("DutyRecordEdit", note=[duty_examples.edit()])
    return described


def _list() -> Operation:
    parameters = [
        _any("user-id", "Drivers.", {"type": "integer"}, [1253132]),
        _any("asset-id", "Vehicles.", {"type": "integer"}, [1326729]),
        _any("uuid", "Records, with all their versions.", {"type": "string", "format": "uuid"}, [duty_examples.UUID]),
        _any("home-terminal-id", "Home terminals of vehicles.", {"type": "integer"}, [634]),
        _any("event-type", "Event types, as sent.", _WORD, ["OnDuty"]),
        _any("note", "Notes, word for word.", _WORD, ["Authenticate"]),
        _STATUS,
        _any("record-origin", "Record origins, as sent.", _WORD, ["Driver"]),
        *_EVENT_TIMES,
        parameter(
            "query",
            "from-deleted-at",
            f"Only records that were deleted after then; `{EVERYTHING}` for all, deleted or not. Without it those that"
            " are not deleted.",
            {"type": "string"},
            example=EVERYTHING,
        ),
        _time("from-change-timestamp", "Changed here at this time or later."),
        # Without an example: alone it is refused.
        parameter("query", "to-change-timestamp", "Changed here before this time. Requires the other.", INSTANT),
        *_PART,
        parameter(
            "query",
            "driver.system",
            f"`true`: only records of the unidentified driver; `{EVERYTHING}` or `true,false`: of everybody.",
            {"type": "string", "enum": ["true", "false", EVERYTHING, "true,false"], "default": "false"},
        ),
        parameter("query", "driver-edit", "Whether the version is an edit.", {"type": "boolean"}),
        _any(
            "can-adl-hours-work-shift-start",
            "Start of the Canadian shift with additional hours: from one time on, or between two.",
            INSTANT,
            ["2024-01-01T00:00:00Z"],
        ),
        _any(
            "sort",
            "By what, `-` for descending; of equal ones the id decides, in the same direction.",
            {"type": "string", "enum": [word for name in SORTS for word in (name, f"-{name}")]},
            ["event-time"],
            default=["id"],
        ),
    ]
    return operation(
        "listDutyRecords",
        TAG,
        "List records",
        f"{_ABOUT}\n\n{_LIST}",
        {**_records("The records."), **reading_answers()},
        LOG_READER,
        parameters,
    )


def _one() -> Operation:
    missing = problem_answer("There is no such record.", NOT_FOUND, unknown_record(5), f"{PATH}/5")
    body = content(JSON_TYPE, schema_ref("DutyRecord"), one=duty_examples.record())
    return operation(
        "readDutyRecord",
        TAG,
        "Read one version of a record",
        "Also one that was edited since, or deleted.",
        {"200": answer("The record.", body), **reading_answers(), "404": missing},
        LOG_READER,
        [_record_id()],
    )


def _vehicles() -> Operation:
    body = content(JSON_TYPE, schema_ref("VehiclesDriven"), some={"Vehicles Driven": [1460902, 1460903, 1460921]})
    whose = _any("user-id", "Drivers.", {"type": "integer"}, [496650], required=True)
    return operation(
        "listVehiclesDriven",
        TAG,
        "List the vehicles that drivers have driven",
        "By their active records of driving, intermediate logs, personal use and yard moves.",
        {"200": answer("The vehicles.", body), **reading_answers()},
        LOG_READER,
        [whose],
    )


def _unidentified(name: str) -> Operation:
    parameters = [
        _any("asset-id", "Vehicles.", {"type": "integer"}, [1581651]),
        _any("home-terminal-id", "Home terminals of vehicles.", {"type": "integer"}, [634]),
        *_EVENT_TIMES,
        _any("event-type", "Event types, as sent.", _WORD, ["Driving"]),
        _STATUS,
        _any("record-origin", "Record origins, as sent.", _WORD, ["Auto"]),
        parameter(
            "query",
            "is-classified",
            "Whether the note is something else than empty and `Automatic Transition`.",
            {"type": "boolean"},
        ),
        *_PART,
    ]
    return operation(
        name,
        TAG,
        "List what was driven while nobody was signed in",
        "Records of the user `unidentifiedDriver`.",
        {**_records("The records."), **reading_answers()},
        LOG_READER,
        parameters,
    )


def _unidentified_by_post() -> Operation:
    described = _unidentified("findUnidentifiedDriving")
    described.description = "The same, as the vendor's page asks for it; the parameters may stand in the body too."
    problems = body_answers(UNIDENTIFIED, "/asset-id", "must be a string, a number, true, false, or a list of these.")
    described.responses = dict(sorted({**(described.responses or {}), **problems}.items()))
    described.requestBody = RequestBody(
        description="Nothing, a form, or an object with the parameters as members.",
        content={
            **content(JSON_TYPE, {"type": "object"}, none={}, some={"asset-id": [1581651], "is-classified": False}),
            FORM_TYPE: media({"type": "object"}),
        },
    )
    return described


def _delete(name: str, *parameters: Parameter) -> Operation:
    refused = problem_answer("Always.", METHOD_NOT_ALLOWED, DELETE_UNSUPPORTED, PATH)
    told = "A driver's log is a permanent record: nothing in it is deleted."
    return operation(name, TAG, "Not supported", told, {"405": refused}, PUBLIC, parameters)


def _record_id() -> Parameter:
    return parameter("path", "id", "The version's id.", {"type": "string", "minLength": 1}, example="1")


_WORD: dict[str, object] = {"type": "string", "minLength": 1, "pattern": NO_NUL}


def _any(
    name: str, description: str, item: JsonSchema, example: list[object] | list[str] | list[int], **more: object
) -> Parameter:
    """A parameter of which any value may match: repeated, or with commas."""
    is_required = bool(more.pop("required", False))
    shape = {"type": "array", "minItems": 1, "items": item, **more}
    told = f"{description} Repeat it, or separate by commas, for *or*."
    return parameter("query", name, told, shape, example=example, required=is_required, style="form", explode=True)


def _time(name: str, description: str) -> Parameter:
    return parameter("query", name, f"{description} To the millisecond.", INSTANT, example="2016-07-05T03:03:10.147Z")


_STATUS = _any("record-status", "Statuses of versions.", {"type": "string", "enum": list(STATUSES)}, ["Active"])
_EVENT_TIMES = (
    _time("from-event-time", "Happened at this time or later."),
    _time("to-event-time", "Happened at this time or earlier."),
)
_PART = (
    parameter("query", "offset", "How many of the first to leave out.", {"type": "integer", "minimum": 0}),
    parameter("query", "limit", "How many at most.", {"type": "integer", "minimum": 0}),
)
