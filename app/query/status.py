"""`GET /v1/status`: how events come in, channel by channel (contract section 6).

When an event last came, how far Maven's queue was read and how that goes, and the times whose events may be missing. A
key that is limited to terminals is not told when events came, for they may be another terminal's.
"""

from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp, Scope

from app.channels.store import Gap, QueueState, list_gaps, queue_state
from app.db.statements import Dialect, ReadScript
from app.inbox.model import Channel
from app.inbox.store import last_events
from app.keys.schema import ApiKey
from app.maven.times import SECOND, format_time
from app.query.context import QueryContext
from app.web.answers import Json
from app.web.parameters import read_parameters

MOST_GAPS = 1000
"""How many gaps are shown, the ones recorded last."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the channels stand; times are microseconds since 1970 UTC."""

    last_events: dict[Channel, int | None]
    """When an event was last kept."""
    queue: QueueState
    gaps: list[tuple[Channel, Gap]]
    """Those recorded last, newest first."""


def read_standing(dialect: Dialect) -> ReadScript[Standing]:
    """How the channels stand."""
    last = yield from last_events()
    queue = yield from queue_state(dialect)
    gaps = yield from list_gaps(MOST_GAPS)
    return Standing(last, queue, gaps)


def lag_seconds(queue: QueueState, now: int) -> float | None:
    """How long ago all of Maven's queue was read; None when it never was."""
    return None if queue.last_success_at is None else round(max(0, now - queue.last_success_at) / SECOND, 3)


async def show_status(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """How the channels stand."""
    read_parameters(scope["query_string"], frozenset())
    standing = await context.database.read(read_standing(context.database.dialect))
    now = context.clock()
    channels: dict[str, object] = {}
    for channel in Channel:
        last_event_at = None if key.terminals is not None else standing.last_events[channel]
        shown: dict[str, object] = {
            "lastEventAt": _time(last_event_at),
            "lastSuccessAt": _time(last_event_at),
            "lagSeconds": None,
            "cursor": None,
            "errorsInRow": 0,
        }
        if channel is Channel.POLL:
            shown |= _shown_queue(standing.queue, now, is_limited=key.terminals is not None)
        shown["gaps"] = [_shown_gap(gap) for gap_channel, gap in standing.gaps if gap_channel is channel]
        channels[channel.word] = shown
    return Json(orjson.dumps({"channels": channels}))


def _shown_queue(queue: QueueState, now: int, *, is_limited: bool) -> dict[str, object]:
    return {
        "state": queue.word,
        "lastSuccessAt": _time(queue.last_success_at),
        "lagSeconds": lag_seconds(queue, now),
        "cursor": None if is_limited else _time(queue.position),
        "errorsInRow": queue.errors_in_row,
        "lastErrorAt": _time(queue.last_error_at),
        "lastError": queue.last_error if queue.errors_in_row else None,
        "lastReconciledAt": _time(queue.reconciled_at),
    }


def _shown_gap(gap: Gap) -> dict[str, object]:
    return {
        "from": format_time(gap.from_at),
        "to": format_time(gap.to_at),
        "reason": gap.reason.value,
        "recordedAt": format_time(gap.recorded_at),
        "closedAt": _time(gap.closed_at),
    }


def _time(micros: int | None) -> str | None:
    return None if micros is None else format_time(micros)
