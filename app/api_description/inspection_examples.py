"""Examples of inspections, made by what renders them."""

import orjson

from app.api_description.examples import REQUEST_ID, JsonObject
from app.dvir_logs.tokens import PATH as TOKEN_PATH
from app.inspections.connections import LOCAL_ID, Connection
from app.inspections.operation import Operation, OperationLog
from app.inspections.reading import DefectRecord, Report
from app.inspections.schema import Fields, read_report
from app.inspections.showing import partner_of, shown_connection, shown_defect, shown_operation, shown_report
from app.inspections.words import ConnectionKind, OperationStatus
from app.maven.times import parse_time
from app.web.problems import BAD_REQUEST, UNAUTHENTICATED, Problem, render_problem

NO_CLIENT = "client_id must be the name of an API key, and client_secret the key."
_AT = parse_time("2023-11-07T05:31:56Z")
_DRIVER = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
_VEHICLE = "5f0d6a1c-7a53-4c0b-9a57-6a0f3a0f1b7e"
_ID = "0d6a1c5f-537a-4c0b-9a57-6a0f3a0f1b7e"


def least() -> JsonObject:
    """A report with nothing but what is required."""
    return {"connection_id": LOCAL_ID, "driver_id": _DRIVER}


def report_sent() -> dict[str, object]:
    """A report with defects."""
    return {
        **least(),
        "vehicle_id": _VEHICLE,
        "occurred_at": "2023-11-07T05:30:00Z",
        "log_type": "pre_trip",
        "defects": ["brakes", "tires"],
        "is_safety_critical": True,
        "driver_comment": "Left rear brake drags",
        "odometer": 120543.5,
        "odometer_unit": "mi",
        "status": "defect_noted",
    }


def _fields() -> Fields:
    return read_report(orjson.dumps(report_sent()))


def _operation(status: OperationStatus, logs: tuple[OperationLog, ...], resource_id: str | None) -> JsonObject:
    payload = orjson.dumps(_fields())
    found = Operation(
        pk=1,
        id=_ID,
        partner_id=partner_of("tms"),
        connection_id=LOCAL_ID,
        payload=payload,
        is_sync=False,
        status=status,
        resource_id=resource_id,
        source_id=None,
        created_at=_AT,
        updated_at=_AT,
        logs=logs,
    )
    return shown_operation(found, None)


def accepted() -> JsonObject:
    """An operation as it is accepted."""
    return _operation(OperationStatus.PENDING, (), None)


def ended() -> JsonObject:
    """The same when it has succeeded."""
    return _operation(
        OperationStatus.SUCCESS,
        (OperationLog(_VEHICLE, _AT, True, None, None, 201, '{"content-type":"application/json"}'),),
        _ID,
    )


def refused() -> JsonObject:
    """The same when the provider refused it."""
    log = OperationLog(_VEHICLE, _AT, False, "rejected", "The provider answered 422: no such driver", 422, "{}")
    return _operation(OperationStatus.FAILED, (log,), None)


def report() -> JsonObject:
    """The report."""
    return shown_report(Report(1, _ID, LOCAL_ID, None, _AT, True, _AT, _AT, dict(_fields()), 2, None, None))


def defect() -> JsonObject:
    """One of its defects."""
    return shown_defect(
        DefectRecord(
            *(1, _ID, _ID, LOCAL_ID, None, _DRIVER, _VEHICLE, None, _AT, "brakes", True, None, None, None, _AT, _AT),
            *("fleet-7", "acme"),
        )
    )


def page(item: JsonObject) -> JsonObject:
    """A page with one of them."""
    cursors = ("current_page", "current_page_backwards", "previous_page", "next_page")
    return {"items": [item], "total": 1, **dict.fromkeys(cursors)}


def connection() -> JsonObject:
    """A connection of kind http."""
    found = Connection(
        1, _ID, "Acme", ConnectionKind.HTTP, "fleet-7", "acme", {"driver_id": "driver"}, "bearer", 1, _AT, _AT, None
    )
    return shown_connection(found, "https://provider.example/inspections")


def token() -> JsonObject:
    """A token."""
    return {"access_token": "hos_access_…", "token_type": "Bearer", "expires_in": 3600, "scope": "dvir:read dvir:write"}


def token_problem(error: str, detail: str, *, refused: bool) -> JsonObject:
    """A refusal of a token."""
    kind = UNAUTHENTICATED if refused else BAD_REQUEST
    rendered: JsonObject = orjson.loads(render_problem(Problem(kind, detail), REQUEST_ID, TOKEN_PATH))
    return {**rendered, "error": error, "error_description": detail}
