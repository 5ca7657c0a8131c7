"""What the pages of a driver and of a violation show, read on one snapshot each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dashboard.overview_data import ShownViolation, columns_of, with_words
from app.dashboard.tellings import Tellings
from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, ReadScript, Row
from app.maven.events import read_data
from app.maven.schema import ViolationData
from app.query.filters import ViolationFilter, matching
from app.query.violations import ONE_VIOLATION, Found
from app.reviews.schema import Review
from app.reviews.store import reviews_of
from app.violations.model import ACTIVE, INVALIDATED

VIOLATIONS_PER_PAGE = 200
EVENTS_SHOWN = 100
PAYLOAD_SHOWN_BYTES = 64 * 1024
"""Of one event on the page; the API has it whole."""


@dataclass(frozen=True, slots=True)
class DriverView:
    """One driver's violations that the visitor sees, newest first."""

    violations: list[ShownViolation]
    counts: dict[tuple[str | None, int], int]
    """Violations by type and status, of all."""
    has_more: bool

    def count(self, status: int) -> int:
        """How many violations of one status there are."""
        return sum(count for (_, of), count in self.counts.items() if of == status)

    @property
    def types(self) -> list[tuple[str | None, int, int]]:
        """Type, active and invalidated ones, most first."""
        found = {
            kind: (self.counts.get((kind, ACTIVE), 0), self.counts.get((kind, INVALIDATED), 0))
            for kind, _ in self.counts
        }
        return sorted(((k, *both) for k, both in found.items()), key=lambda one: (-one[1] - one[2], one[0] or ""))


def read_driver(dialect: Dialect, tellings: Tellings, asked: ViolationFilter, page: int) -> ReadScript[DriverView]:
    """A page of the violations of the one driver that `asked` names, of both states, newest first."""
    both = replace(asked, statuses=(ACTIVE, INVALIDATED))
    arguments = Arguments(dialect)
    (clause,) = matching(both, arguments)
    counts = yield Fetch(
        f"SELECT v.type, v.status, count(*) {clause} GROUP BY v.type, v.status", tuple(arguments.values)
    )
    arguments = Arguments(dialect)
    (clause,) = matching(both, arguments)
    most, first = arguments.add(VIOLATIONS_PER_PAGE + 1), arguments.add((page - 1) * VIOLATIONS_PER_PAGE)
    rows = yield Fetch(
        f"SELECT {columns_of('v')} {clause} ORDER BY v.start_time DESC NULLS LAST, v.id LIMIT {most} OFFSET {first}",
        tuple(arguments.values),
    )
    shown = yield from with_words(dialect, tellings, rows[:VIOLATIONS_PER_PAGE])
    return DriverView(shown, {(row[0], row[1]): row[2] for row in counts}, len(rows) > VIOLATIONS_PER_PAGE)


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event of a violation as it was received. Times are microseconds since 1970 UTC."""

    received_at: int
    channel: int
    event_id: str | None
    event_type: int
    event_time: int
    outcome: int
    payload: bytes | None
    """None when it is too large to be shown whole."""
    size: int
    data: ViolationData | None
    """None of those that are too large."""


@dataclass(frozen=True, slots=True)
class ViolationView:
    """One violation with its history."""

    found: Found
    terminal_code: str | None
    data: ViolationData
    events: list[ShownEvent]
    has_more_events: bool
    reviews: list[Review]


def read_violation(violation_id: str) -> ReadScript[ViolationView | None]:
    """A violation with its first events and all its reviews; None when there is none."""
    rows = yield Fetch(ONE_VIOLATION, (violation_id,))
    if not rows:
        return None
    found = Found.of(rows[0])
    assert found.payload is not None
    events = yield Fetch(
        "SELECT e.received_at, e.channel, e.event_id, e.event_type, e.event_time, e.outcome,"
        f" CASE WHEN length(e.payload) <= {PAYLOAD_SHOWN_BYTES} THEN e.payload END, length(e.payload)"
        " FROM events AS e JOIN violations AS v ON v.pk = e.violation_pk WHERE v.id = $1 ORDER BY e.seq LIMIT $2",
        (violation_id, EVENTS_SHOWN + 1),
    )
    reviews = yield from reviews_of(violation_id)
    return ViolationView(
        found,
        rows[0]["terminal_code"],
        read_data(found.payload),
        [_event(row) for row in events[:EVENTS_SHOWN]],
        len(events) > EVENTS_SHOWN,
        reviews,
    )


def _event(row: Row) -> ShownEvent:
    payload = None if row[6] is None else bytes(row[6])
    data = None if payload is None else read_data(payload)
    return ShownEvent(row[0], row[1], row[2], row[3], row[4], row[5], payload, row[7], data)


def timeline_of(violations: Sequence[ShownViolation], since: int) -> list[ShownViolation]:
    """Those that started since, oldest first."""
    return sorted(
        (one for one in violations if one.start_time is not None and one.start_time >= since),
        key=lambda one: (one.start_time or 0, one.id),
    )
