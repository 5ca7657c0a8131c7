"""What a query string of the dvir-logs lists asks for, and the cursors by which a list is read on.

How names and values are written, and that a wrong one is a 400, is as everywhere (`web.parameters`).
"""

from dataclasses import dataclass, replace

import orjson

from app.inspections.reading import Place, ReportFilter
from app.inspections.schema import read_uuid
from app.inspections.words import DEFECTS, LOG_STATUSES, LOG_TYPES
from app.keys.schema import ApiKey
from app.web.cursors import CursorSeal
from app.web.parameters import Parameters, invalid_parameter, read_parameters

DEFAULT_SIZE, MOST_SIZE = 300, 1000

_SHARED = (
    *("connection_id", "driver_id", "vehicle_id", "trailer_id", "log_type", "is_safety_critical", "is_open"),
    *("occurred_from", "occurred_to", "cursor", "size"),
)
REPORT_PARAMETERS = (*_SHARED, "status")
DEFECT_PARAMETERS = (*_SHARED, "defect_type", "dvir_log_id")


@dataclass(frozen=True, slots=True)
class AskedPage:
    """Which reports or defects, and which page of them."""

    filter: ReportFilter
    place: Place | None
    size: int
    purpose: str
    """What cursors of this list are bound to."""


def read_page(query_string: bytes, key: ApiKey, cursors: CursorSeal, *, is_of_defects: bool) -> AskedPage:
    """What a list is asked for, within what the key may see. Raises `Problem` 400."""
    parameters = read_parameters(query_string, DEFECT_PARAMETERS if is_of_defects else REPORT_PARAMETERS)
    asked = ReportFilter(
        connection_ids=_uuids(parameters, "connection_id"),
        driver_ids=_uuids(parameters, "driver_id"),
        vehicle_ids=_uuids(parameters, "vehicle_id"),
        trailer_ids=_uuids(parameters, "trailer_id"),
        log_types=parameters.some_of("log_type", LOG_TYPES),
        statuses=parameters.some_of("status", LOG_STATUSES),
        defect_types=parameters.some_of("defect_type", DEFECTS),
        log_ids=_uuids(parameters, "dvir_log_id"),
        is_safety_critical=parameters.boolean("is_safety_critical"),
        is_open=parameters.boolean("is_open"),
        occurred_from=parameters.time("occurred_from"),
        occurred_to=parameters.time("occurred_to"),
        terminals=key.terminals,
    )
    purpose = f"inspections:{is_of_defects}:{replace(asked, terminals=None)}:{sorted(key.terminals or ())}"
    cursor = parameters.text("cursor")
    place = None if cursor is None else Place(*orjson.loads(cursors.open(purpose, cursor)))
    return AskedPage(asked, place, parameters.integer("size", 1, MOST_SIZE) or DEFAULT_SIZE, purpose)


def seal_place(cursors: CursorSeal, purpose: str, place: Place) -> str:
    """The cursor of a page."""
    return cursors.seal(purpose, orjson.dumps([place.pk, place.is_backwards]))


def _uuids(parameters: Parameters, name: str) -> tuple[str, ...] | None:
    words = parameters.words(name)
    if words is None:
        return None
    try:
        return tuple(dict.fromkeys(read_uuid(word) for word in words))
    except ValueError as error:
        raise invalid_parameter(name, f"{error}.") from None
