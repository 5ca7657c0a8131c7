"""Hooks and deliveries as the API and the commands show them. No secret is ever in them."""

from app.hooks.store import Hook
from app.maven.times import format_time
from app.outbox.model import Status
from app.outbox.records import Record


def shown_hook(hook: Hook, url: str | None) -> dict[str, object]:
    """A hook on the wire; `url` as it may be shown."""
    return {
        "id": hook.id,
        "name": hook.name,
        "kind": hook.kind.word,
        "url": url,
        "events": list(hook.events),
        "filter": hook.filter.model_dump(exclude_none=True),
        "threshold": None if hook.threshold is None else hook.threshold.model_dump(),
        "digest": None if hook.digest is None else hook.digest.model_dump(),
        "enabled": hook.disabled_at is None,
        "disabledAt": _time(hook.disabled_at),
        "disabledReason": hook.disabled_reason,
        "createdAt": format_time(hook.created_at),
        "updatedAt": format_time(hook.updated_at),
        "failingSince": _time(hook.failing_since),
        "lastSuccessAt": _time(hook.last_success_at),
        "lastFailureAt": _time(hook.last_failure_at),
        "lastError": hook.last_error if hook.failing_since is not None else None,
        "nextDigestAt": _time(hook.digest_due_at),
    }


def shown_delivery(hook_id: str, record: Record, message_id: str) -> dict[str, object]:
    """A delivery on the wire."""
    is_pending = record.status is Status.PENDING
    return {
        "id": str(record.pk),
        "hookId": hook_id,
        "type": record.topic.word,
        "status": record.status.word,
        "violationId": record.violation_id,
        "messageId": message_id,
        "createdAt": format_time(record.created_at),
        "attempts": record.attempts,
        "lastAttemptAt": _time(record.last_attempt_at),
        "nextAttemptAt": format_time(max(record.due_at, record.created_at)) if is_pending else None,
        "endedAt": _time(record.ended_at),
        "responseStatus": record.response_status,
        "lastError": record.last_error,
        "failures": record.failures,
    }


def _time(micros: int | None) -> str | None:
    return None if micros is None else format_time(micros)
