"""What hooks are owed of inspections: a report that was added, an operation that ended (contract section 7)."""

from dataclasses import dataclass

import orjson

from app.db.statements import Fetch, WriteScript
from app.hooks.model import Kind
from app.inspections.schema import Fields, is_safety_critical, listed_defects
from app.outbox.model import TOPIC_WORDS, Topic
from app.outbox.store import add_pending


@dataclass(frozen=True, slots=True)
class Told:
    """An operation that ended."""

    operation_id: str
    connection_id: str
    is_sync: bool
    fields: Fields


def owe_news(told: Told, resource_id: str | None, now: int) -> WriteScript[None]:
    """Puts into the outbox what hooks are owed of an operation that ended, whose report is `resource_id`; None when it
    failed. A synchronous one is told by its answer.
    """
    rows = yield Fetch(f"SELECT pk, events, filter FROM hooks WHERE kind <> {int(Kind.CONNECTION)} ORDER BY pk")
    is_critical = is_safety_critical(told.fields, listed_defects(told.fields))
    owed: list[tuple[int, Topic, int | None, int | None, bytes | None]] = []
    for row in rows:
        events = orjson.loads(row[1])
        wanted = orjson.loads(row[2]).get("safetyCritical")
        if resource_id is not None and TOPIC_WORDS[Topic.DVIR_ADDED] in events and wanted in (None, is_critical):
            owed.append((row[0], Topic.DVIR_ADDED, None, None, _report(told, resource_id, is_critical)))
        ended = Topic.OPERATION_FAILED if resource_id is None else Topic.OPERATION_SUCCEEDED
        if not told.is_sync and TOPIC_WORDS[ended] in events:
            owed.append((row[0], ended, None, None, _operation(told, resource_id)))
    if owed:
        yield from add_pending(owed, now)


def _report(told: Told, resource_id: str, is_critical: bool) -> bytes:
    return orjson.dumps({**told.fields, "id": resource_id, "is_safety_critical": is_critical})


def _operation(told: Told, resource_id: str | None) -> bytes:
    return orjson.dumps(
        {
            "id": told.operation_id,
            "connection_id": told.connection_id,
            "status": "failed" if resource_id is None else "success",
            "resource": "dvir_log",
            "operation_type": "create",
            "resource_id": resource_id,
            "payload": told.fields,
        }
    )
