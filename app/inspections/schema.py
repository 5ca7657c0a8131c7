"""An inspection report on the wire: the fields of the dvir-logs page, what they may hold, and their defaults.

Owns what a report says; where it goes is left to connections, what became of it to operations.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from app.inspections.words import (
    DEFAULT_LOG_TYPE,
    DEFECT_CORRECTED,
    DEFECT_NOTED,
    DEFECTS,
    LOG_STATUSES,
    LOG_TYPES,
    ODOMETER_UNITS,
)
from app.maven import kinds
from app.maven.faults import Fault, WrongFields, excerpt, point
from app.maven.ijson import read_document
from app.maven.ijson_grammar import Json, NotJson
from app.maven.kinds import BOOLEAN, OBJECT, Kind, list_of, number, one_of, parsed, text, whole
from app.maven.long_numbers import BEYOND, writable
from app.maven.times import format_time, parse_time

Fields = dict[str, Json]

MOST_DEFECTS = 1000
MOST_COUNT = 1_000_000
MOST_WORDS = 10_000

_OFFSET = re.compile(r"[+-][0-9]{2}(?::[0-9]{2})?$")


def read_uuid(value: str) -> str:
    """A UUID in lower case. Raises ValueError with a sentence."""
    return kinds.read_uuid(value).lower()


def read_utc(value: str) -> str:
    """A date and time in UTC, as it is kept. Raises ValueError with a sentence."""
    micros = parse_time(value)
    offset = _OFFSET.search(value[10:])
    if offset is not None and datetime.fromisoformat(f"2000-01-01T00:00:00{_full(offset[0])}").utcoffset():
        raise ValueError(f"must be UTC, such as 2023-11-07T05:31:56Z, not {excerpt(value)}")
    return format_time(micros)


def _full(offset: str) -> str:
    return offset if ":" in offset else f"{offset}:00"


UUID = parsed(read_uuid, {"format": "uuid"}, "a UUID")
UTC_TIME = parsed(read_utc, {"format": "date-time"}, "a date and time in UTC such as 2023-11-07T05:31:56Z")
WORDS = text(MOST_WORDS)
DEFECT = one_of(DEFECTS)


@dataclass(frozen=True)
class Field:
    """A field of the page's table."""

    kind: Kind
    description: str
    is_required: bool = False
    may_be_null: bool = True


FIELDS: dict[str, Field] = {
    "connection_id": Field(UUID, "The connection by which it is created.", is_required=True, may_be_null=False),
    "driver_id": Field(UUID, "The driver.", is_required=True, may_be_null=False),
    "vehicle_id": Field(UUID, "The vehicle."),
    "trailer_id": Field(UUID, "The trailer."),
    "occurred_at": Field(UTC_TIME, "When the inspection was; when it was received if it is not sent. Must be UTC."),
    "log_type": Field(one_of(LOG_TYPES), f"`{DEFAULT_LOG_TYPE}` when it is not sent.", may_be_null=False),
    "inspected_by": Field(WORDS, "Name of the inspector."),
    "defect_count": Field(
        whole(MOST_COUNT, f" from 0 to {MOST_COUNT}", least=0),
        "How many defects were reported; as many as are listed when it is not sent.",
    ),
    "defects": Field(
        list_of(DEFECT, MOST_DEFECTS, f"must be a list of at most {MOST_DEFECTS} defects"), "The defects."
    ),
    "defects_detail": Field(
        list_of(OBJECT, MOST_DEFECTS, f"must be a list of at most {MOST_DEFECTS} objects"),
        "More of each defect: objects, whose members the page does not publish. `defect_type` and `is_safety_critical`"
        " are understood, the others kept.",
    ),
    "is_safety_critical": Field(BOOLEAN, "Whether the report is safety-critical."),
    "driver_comment": Field(WORDS, "The driver's comment."),
    "certify_comment": Field(WORDS, "The driver's certification."),
    "odometer": Field(number(), "The odometer, in `odometer_unit`."),
    "odometer_unit": Field(one_of(ODOMETER_UNITS), "Unit of the odometer."),
    "certify_date": Field(UTC_TIME, "When it was certified. Must be UTC."),
    "certified_by": Field(WORDS, "Who certified it."),
    "status": Field(one_of(LOG_STATUSES), "What the report says of defects as a whole."),
}
"""The table. Further fields are kept and forwarded as they come: the page's schema may grow."""


def _check() -> SchemaValidator:
    taken = {
        name: core_schema.typed_dict_field(
            core_schema.nullable_schema(field.kind.core) if field.may_be_null else field.kind.core,
            required=field.is_required,
        )
        for name, field in FIELDS.items()
    }
    return SchemaValidator(core_schema.typed_dict_schema(taken, extra_behavior="allow"))


_validate = _check().validate_python


class WrongReport(WrongFields):
    """A report that cannot be."""


def read_report(body: bytes) -> Fields:
    """The fields of a report: as sent, times and UUIDs in one form, with the defaults. Raises `WrongReport`."""
    members = _read_object(body)
    try:
        found: Fields = _validate(members)
    except ValidationError as error:
        raise WrongReport(_explain(members, error)) from None
    found, beyond = writable(found)
    if beyond:
        raise WrongReport([Fault(point([name]), BEYOND) for name in beyond])
    found.setdefault("log_type", DEFAULT_LOG_TYPE)
    if found.get("defect_count") is None:
        found["defect_count"] = len(listed_defects(found))
    return found


def _read_object(body: bytes) -> Fields:
    try:
        value, faults = read_document(body)
    except NotJson as error:
        raise WrongReport([Fault("", error.detail)], is_json=False) from None
    if faults:
        raise WrongReport(list(faults))
    if not isinstance(value, dict):
        raise WrongReport([Fault("", "The body must be an object, an inspection report.")])
    return value


def _explain(members: Mapping[str, Json], error: ValidationError) -> list[Fault]:
    faults: dict[str, Fault] = {}
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        name, *rest = found["loc"]
        field = FIELDS[str(name)]
        path: list[str | int] = [str(name)]
        if field.is_required and members.get(str(name)) is None:
            faults.setdefault(str(name), Fault(point(path), "is required"))
            continue
        sentence = field.kind.what_is_wrong(members.get(str(name)))
        if rest and isinstance(rest[0], int):
            path.append(rest[0])
            items = members[str(name)]
            assert isinstance(items, list)
            sentence = (DEFECT if name == "defects" else OBJECT).what_is_wrong(items[rest[0]])
        faults.setdefault(point(path), Fault(point(path), sentence))
    return list(faults.values())


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect that a report lists, and what else it says of it, as JSON."""

    type: str
    is_safety_critical: bool
    detail: str | None


def listed_defects(fields: Mapping[str, Json]) -> list[Defect]:
    """The defects of a report: those of `defects`, each with the first detail of its type, and then the details that
    none of them has.
    """
    defects, details = fields.get("defects"), fields.get("defects_detail")
    is_critical = fields.get("is_safety_critical") is True
    left = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    found = []
    for kind in defects if isinstance(defects, list) else []:
        detail = next((one for one in left if one.get("defect_type") == kind), None)
        if detail is not None:
            left.remove(detail)
        found.append(_defect(str(kind), is_critical, detail))
    for detail in left:
        kind = detail.get("defect_type")
        found.append(_defect(kind if isinstance(kind, str) and kind in DEFECTS else "other", is_critical, detail))
    return found


def _defect(kind: str, is_critical: bool, detail: Fields | None) -> Defect:
    own = None if detail is None else detail.get("is_safety_critical")
    written = None if detail is None else orjson.dumps(detail).decode()
    return Defect(kind, own if isinstance(own, bool) else is_critical, written)


def is_safety_critical(fields: Mapping[str, Json], defects: Iterable[Defect]) -> bool:
    """Whether a report says that it, or one of the defects that it lists, is safety-critical."""
    return fields.get("is_safety_critical") is True or any(one.is_safety_critical for one in defects)


def corrects(fields: Mapping[str, Json]) -> bool:
    """Whether a report says that defects were corrected: by its status, or as a mechanic's certified report that notes
    none.
    """
    status = fields.get("status")
    if status == DEFECT_CORRECTED:
        return True
    is_certified = fields.get("certify_date") is not None or fields.get("certified_by") is not None
    return fields.get("log_type") == "mechanic" and is_certified and status != DEFECT_NOTED
