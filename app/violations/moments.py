"""A violation as it stood just after one event: what the changes feed shows, and what hooks are told.

An event that was a change holds what is needed for that: which event has the details, when the violation was
invalidated, and its revision. Owns reading such moments; who may see them, and how they are told, is left to others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Fetch, ReadScript, Row
from app.violations.rules import Outcome
from app.violations.schema import State

MOMENT_COLUMNS = (
    "seq",
    "outcome",
    "received_at",
    "id",
    "terminal_code",
    "first_received_at",
    "invalidated_at",
    "revision",
    "details_seq",
)
"""What a query of moments selects from `MOMENT_SOURCE`, before the payload."""

MOMENT_SELECT = (
    "e.seq, e.outcome, e.received_at, v.id, v.terminal_code, v.first_received_at, e.invalidated_at, e.revision,"
    " e.details_seq"
)
MOMENT_SOURCE = "events AS e JOIN violations AS v ON v.pk = e.violation_pk JOIN events AS d ON d.seq = e.details_seq"


@dataclass(slots=True, eq=False)
class Moment:
    """A violation as it stood just after event `seq`, and what that event did."""

    seq: int
    outcome: Outcome
    violation_id: str
    terminal_code: str | None
    """The violation's terminal now, which decides who may see it."""
    details_seq: int
    payload: bytes
    """Event `details_seq` as received."""
    state: State

    @property
    def name(self) -> str:
        """`violation.created`, `.updated`, `.invalidated` or `.reopened`."""
        return f"violation.{self.outcome.word}"

    @property
    def at(self) -> int:
        """When the event was received, microseconds since 1970 UTC."""
        return self.state.last_received_at


def moment_fields(row: Row, payload: bytes) -> tuple[int, Outcome, str, str | None, int, bytes, State]:
    """The fields of a moment, from a row that begins with `MOMENT_COLUMNS`."""
    received_at, first_received_at, invalidated_at, revision = row[2], row[5], row[6], row[7]
    state = State(invalidated_at, first_received_at, received_at, revision)
    return row[0], Outcome(row[1]), row[3], row[4], row[8], bytes(payload), state


def moments_of(dialect: Dialect, seqs: Iterable[int]) -> ReadScript[list[Moment]]:
    """The moments after these events, those that are still there."""
    rows = yield Fetch(
        f"SELECT {MOMENT_SELECT}, d.payload FROM {MOMENT_SOURCE} WHERE e.seq IN {any_of(dialect, 1, 'bigint')}",
        (list_argument(dialect, seqs),),
    )
    return _moments(rows)


def replayable_after(after: int, up_to: int, limit: int) -> ReadScript[list[tuple[Moment, int]]]:
    """The first changes numbered after `after` and not beyond `up_to`, in order, with the keys of their violations."""
    rows = yield Fetch(
        f"SELECT {MOMENT_SELECT}, d.payload, v.pk FROM {MOMENT_SOURCE} WHERE e.seq > $1 AND e.seq <= $2"
        f" AND e.outcome < {int(Outcome.SUPERSEDED)} ORDER BY e.seq LIMIT $3",
        (after, up_to, limit),
    )
    return list(zip(_moments(rows), (row[len(MOMENT_COLUMNS) + 1] for row in rows), strict=True))


def _moments(rows: Sequence[Row]) -> list[Moment]:
    return [Moment(*moment_fields(row, row[len(MOMENT_COLUMNS)])) for row in rows]


@dataclass(frozen=True, slots=True)
class Present:
    """A violation as it stands now."""

    pk: int
    invalidated_at: int | None
    payload: bytes
    """The event with the details, as received."""


def present_violations(dialect: Dialect, pks: Iterable[int]) -> ReadScript[dict[int, Present]]:
    """These violations by their keys, those that are still there."""
    rows = yield Fetch(
        "SELECT v.pk, v.invalidated_at, d.payload FROM violations AS v JOIN events AS d ON d.seq = v.details_seq"
        f" WHERE v.pk IN {any_of(dialect, 1, 'bigint')}",
        (list_argument(dialect, pks),),
    )
    return {row[0]: Present(row[0], row[1], bytes(row[2])) for row in rows}
