"""What hooks are owed of inspections: a report that was added, an operation that ended (contract section 7).

Both are told as the API shows them at that moment.
"""

import orjson

from app.db.statements import Fetch, WriteScript
from app.hooks.model import Kind
from app.inspections.connections import find_connection
from app.inspections.operation import find_operation
from app.inspections.reading import find_report
from app.inspections.showing import shown_operation, shown_report
from app.outbox.model import TOPIC_WORDS, Topic
from app.outbox.store import add_pending

_TOPICS = frozenset({Topic.DVIR_ADDED, Topic.OPERATION_SUCCEEDED, Topic.OPERATION_FAILED})


def owe_news(connection_id: str, operation_id: str, now: int) -> WriteScript[None]:
    """Puts into the outbox what hooks are owed of an operation that ended. A synchronous one is told by its answer, and
    only its report by hooks.
    """
    rows = yield Fetch(f"SELECT pk, events, filter FROM hooks WHERE kind <> {int(Kind.CONNECTION)} ORDER BY pk")
    hooks = [(row[0], frozenset(orjson.loads(row[1])), orjson.loads(row[2]).get("safetyCritical")) for row in rows]
    if not any(TOPIC_WORDS[topic] in events for _, events, _ in hooks for topic in _TOPICS):
        return
    ended = yield from find_operation(connection_id, operation_id)
    assert ended is not None
    told: list[tuple[Topic, bytes]] = []
    is_critical = False
    if ended.resource_id is not None:
        report = yield from find_report(ended.resource_id)
        assert report is not None
        is_critical = report.is_safety_critical
        told.append((Topic.DVIR_ADDED, orjson.dumps(shown_report(report))))
    if not ended.is_sync:
        topic = Topic.OPERATION_FAILED if ended.resource_id is None else Topic.OPERATION_SUCCEEDED
        connection = yield from find_connection(connection_id)
        told.append((topic, orjson.dumps(shown_operation(ended, connection))))
    owed: list[tuple[int, Topic, int | None, int | None, bytes | None]] = [
        (pk, topic, None, None, body)
        for pk, events, wanted in hooks
        for topic, body in told
        if TOPIC_WORDS[topic] in events and (topic is not Topic.DVIR_ADDED or wanted in (None, is_critical))
    ]
    if owed:
        yield from add_pending(owed, now)
