"""Inspections on the wire: operations, reports, defects and connections as answers have them."""

from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

import orjson

from app.inspections.connections import Connection
from app.inspections.operation import Operation, OperationLog
from app.inspections.reading import DefectRecord, Report
from app.inspections.schema import FIELDS
from app.inspections.words import CREATE, RESOURCE
from app.maven.times import format_time

KM_PER = {"m": 0.001, "km": 1.0, "mi": 1.609344, "ft": 0.0003048, "nmi": 1.852}


def partner_of(key_name: str) -> str:
    """The id of the partner that a key is, always the same for one name."""
    return str(uuid5(NAMESPACE_URL, f"hos-receiver:partner:{key_name}"))


def shown_operation(operation: Operation, connection: Connection | None) -> dict[str, object]:
    """An operation with its attempts."""
    return {
        "id": operation.id,
        "created_at": format_time(operation.created_at),
        "updated_at": format_time(operation.updated_at),
        "deleted_at": None,
        "partner_id": operation.partner_id,
        "connection_id": operation.connection_id,
        "fleet_ref": None if connection is None else connection.fleet_ref,
        "source_name": None if connection is None else connection.source_name,
        "resource": RESOURCE,
        "operation_type": CREATE,
        "payload": orjson.loads(operation.payload),
        "resource_id": operation.resource_id,
        "source_id": operation.source_id,
        "status": operation.status.word,
        "logs": [_shown_log(operation.id, log) for log in operation.logs],
    }


def _shown_log(operation_id: str, log: OperationLog) -> dict[str, object]:
    at = format_time(log.attempted_at)
    return {
        "id": log.id,
        "created_at": at,
        "updated_at": at,
        "resource_operation_id": operation_id,
        "status": "success" if log.is_success else "failed",
        "error_type": log.error_type,
        "error_details": log.error_details,
        "response_status_code": log.response_status_code,
        "response_headers": None if log.response_headers is None else orjson.loads(log.response_headers),
    }


def shown_report(report: Report) -> dict[str, object]:
    """A report: what was sent, and what became of it."""
    sent = report.fields
    return {
        **dict.fromkeys(FIELDS),
        **sent,
        "id": report.id,
        "connection_id": report.connection_id,
        "source_id": report.source_id,
        "fleet_ref": report.fleet_ref,
        "source_name": report.source_name,
        "created_at": format_time(report.created_at),
        "updated_at": format_time(report.updated_at),
        "deleted_at": None,
        "occurred_at": format_time(report.occurred_at),
        "is_safety_critical": report.is_safety_critical,
        "odometer_km": _kilometres(sent),
        "open_defect_count": report.open_defects,
    }


def _kilometres(sent: Mapping[str, object]) -> float | None:
    distance, unit = sent.get("odometer"), sent.get("odometer_unit")
    if not isinstance(distance, int | float) or not isinstance(unit, str):
        return None
    return round(distance * KM_PER[unit], 6)


def shown_defect(defect: DefectRecord) -> dict[str, object]:
    """A defect, and which report closed it."""
    detail = defect.detail or {}
    return {
        "id": defect.id,
        "dvir_log_id": defect.log_id,
        "source_dvir_log_id": defect.source_log_id,
        "connection_id": defect.connection_id,
        "source_id": None,
        "fleet_ref": defect.fleet_ref,
        "source_name": defect.source_name,
        "created_at": format_time(defect.created_at),
        "updated_at": format_time(defect.updated_at),
        "deleted_at": None,
        "occurred_at": format_time(defect.occurred_at),
        "driver_id": defect.driver_id,
        "vehicle_id": defect.vehicle_id,
        "trailer_id": defect.trailer_id,
        "defect_type": defect.type,
        "defect_code": detail.get("defect_code"),
        "defect_name": defect.type.replace("_", " "),
        "description": detail.get("description"),
        "notes": detail.get("notes"),
        "detail": defect.detail,
        "status": "open" if defect.resolved_at is None else "resolved",
        "is_safety_critical": defect.is_safety_critical,
        "resolved_at": None if defect.resolved_at is None else format_time(defect.resolved_at),
        "resolved_by": defect.resolved_by,
    }


def shown_connection(connection: Connection, url: str | None) -> dict[str, object]:
    """A connection; its credentials are never shown, only of which type they are."""
    return {
        "id": connection.id,
        "name": connection.name,
        "kind": connection.kind.word,
        "url": url,
        "method": None if connection.hook_pk is None else "POST",
        "credentials": None if connection.credential_type is None else {"type": connection.credential_type},
        "mapping": dict(connection.mapping),
        "fleet_ref": connection.fleet_ref,
        "source_name": connection.source_name,
        "created_at": format_time(connection.created_at),
        "updated_at": format_time(connection.updated_at),
    }
