"""What an operator should know of at once: hooks that the service disabled, deliveries given up, gaps, quarantine, and
polling that rests because Maven refused the key.

One short script, for the overview; the pages of operations show the rest.
"""

from dataclasses import dataclass

from app.alerts.desk import BY_HAND
from app.channels.store import open_gaps, queue_state
from app.db.statements import Dialect, Fetch, ReadScript
from app.ingest.quarantine import count_entries
from app.outbox.model import Status

MOST_DEAD = 1000
"""Deliveries of one hook that are counted."""


@dataclass(frozen=True, slots=True)
class DisabledHook:
    """A hook that gets nothing any more, because its receiver failed or answered 410; microseconds since 1970 UTC."""

    id: str
    name: str
    disabled_at: int
    reason: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """What asks for an operator."""

    disabled_hooks: tuple[DisabledHook, ...]
    """Those that no person disabled, the latest first."""
    dead_deliveries: int
    """Deliveries whose tries are used up, of a hook `MOST_DEAD` at most."""
    open_gaps: int
    """Times of which events may be missing."""
    quarantined: int
    is_key_refused: bool
    """Whether polling rests because Maven refused the API key."""

    @property
    def has_any(self) -> bool:
        """Whether there is anything to tell."""
        counts = self.dead_deliveries or self.open_gaps or self.quarantined
        return bool(self.disabled_hooks or counts or self.is_key_refused)


def troubles(dialect: Dialect) -> ReadScript[Troubles]:
    """What asks for an operator now."""
    disabled = yield from disabled_hooks()
    dead = yield from dead_deliveries()
    gaps = yield from open_gaps()
    quarantined = yield from count_entries()
    queue = yield from queue_state(dialect)
    return Troubles(disabled, sum(dead.values()), gaps, quarantined, queue.refused_at is not None)


def disabled_hooks() -> ReadScript[tuple[DisabledHook, ...]]:
    """The hooks that the service disabled, the latest first."""
    rows = yield Fetch(
        "SELECT id, name, disabled_at, disabled_reason FROM hooks WHERE disabled_at IS NOT NULL"
        " AND disabled_reason <> $1 ORDER BY disabled_at DESC, pk",
        (BY_HAND,),
    )
    return tuple(DisabledHook(*row) for row in rows)


def dead_deliveries() -> ReadScript[dict[int, int]]:
    """How many deliveries of each hook are dead, by the hook's key; `MOST_DEAD` at most of each, none left out."""
    # That the status is not 0 is said for SQLite, which else does not see that the index of ended ones has them.
    rows = yield Fetch(
        "SELECT h.pk, (SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE hook_pk = h.pk"
        f" AND status = {int(Status.DEAD)} AND status <> 0 LIMIT $1) AS counted) FROM hooks AS h",
        (MOST_DEAD,),
    )
    return {row[0]: row[1] for row in rows}
