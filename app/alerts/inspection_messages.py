"""What people are told of inspections: of one that was added, and of one that arrived at its connection or did not.

Plain text in the form of `messages`. What a report says comes from drivers and devices and may hold anything: it is
told in single lines of bounded length. Pure. Contract section 7.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.alerts.messages import Message, and_more, counted, fact, lines_of, readable
from app.inspections.schema import Defect, corrects, listed_defects
from app.inspections.words import DEFECT_NOTED, OperationStatus
from app.violations.telling import cut, one_line, type_in_words

SHOWN_IN_TITLE = 5
SHOWN_DEFECTS = 10

NO_DEFECTS = "Vehicle inspection without defects"


def inspection_message(data: Mapping[str, Any], sent: Mapping[str, Any]) -> Message:
    """Tells of an inspection that was added. `data` is that of `dvir_log.added`, whose `is_safety_critical` is also of
    a report that says it of one defect alone; `sent` is the report as it was sent, by which each defect is judged.
    """
    defects = listed_defects(sent)
    body = lines_of(_report(data, defects))
    if corrects(data):
        return Message(_title("Defects corrected", defects), body, "good")
    if data.get("is_safety_critical") is True:
        critical = [one for one in defects if one.is_safety_critical]
        title = _title("Safety-critical defects", critical) if critical else "Safety-critical inspection"
        return Message(title, body, "urgent")
    if defects:
        return Message(_title("Vehicle defects", defects), body, "problem")
    count = int(data.get("defect_count") or 0)
    if count:
        return Message(f"Vehicle inspection with {counted(count, 'defect')}", body, "problem")
    if data.get("status") == DEFECT_NOTED:
        return Message("Vehicle inspection with defects", body, "problem")
    return Message(NO_DEFECTS, body, "good")


def operation_message(data: Mapping[str, Any], connection_name: str | None, why: str | None) -> Message:
    """Tells that an inspection arrived at its connection, or that it did not; `data` is that of
    `resource_operation.succeeded` or `resource_operation.failed`, `why` the reason of the last try that failed.
    """
    place = one_line(connection_name) or one_line(data.get("connection_id")) or "its connection"
    payload = data.get("payload") or {}
    is_failed = data.get("status") == OperationStatus.FAILED.word
    return Message(
        title=cut(f"An inspection {'could not be forwarded to' if is_failed else 'arrived at'} {place}"),
        body=lines_of(
            [
                fact("Why", one_line(why)) if is_failed else None,
                *_report(payload, listed_defects(payload)),
                fact("Operation", one_line(data.get("id"))),
            ]
        ),
        kind="problem" if is_failed else "good",
    )


def _title(what: str, defects: Iterable[Defect]) -> str:
    words = list(dict.fromkeys(_words(one) for one in defects))
    shown = [*words[:SHOWN_IN_TITLE], and_more(len(words) - SHOWN_IN_TITLE)]
    return cut(f"{what}: {', '.join(filter(None, shown))}" if words else what)


def _words(defect: Defect) -> str:
    return defect.type.replace("_", " ")


def _report(data: Mapping[str, Any], defects: list[Defect]) -> list[str | None]:
    """The facts of a report."""
    return [
        "Defects:" if defects else None,
        *(_defect_line(one) for one in defects[:SHOWN_DEFECTS]),
        and_more(len(defects) - SHOWN_DEFECTS),
        fact("Vehicle", one_line(data.get("vehicle_id"))),
        fact("Trailer", one_line(data.get("trailer_id"))),
        fact("Driver", one_line(data.get("driver_id"))),
        fact("When", readable(data.get("occurred_at"))),
        fact("Inspection", type_in_words(data.get("log_type"))),
        fact("Inspector", one_line(data.get("inspected_by"))),
        fact("Comment", one_line(data.get("driver_comment"))),
        fact("Certification", one_line(data.get("certify_comment"))),
    ]


def _defect_line(defect: Defect) -> str:
    said = None if defect.detail is None else orjson.loads(defect.detail).get("description")
    description = one_line(said) if isinstance(said, str) else None
    line = f"- {_words(defect)}" + (", safety-critical" if defect.is_safety_critical else "")
    return line if description is None else f"{line}: {description}"
