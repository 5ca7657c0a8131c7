"""What the pure rule says of events in the order they came, and what a database holds of them, in the same words.

Of every event: what it did, and how its violation stood afterwards. The rule is asked for the whole set each time
(`standing_of`), never for one more event, which is how the store goes on.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.db.database import Database
from app.maven.events import AcceptedEvent, read_data, read_stored
from app.violations.model import ACTIVE, INVALIDATED
from app.violations.regulation import is_egregious
from app.violations.rules import Outcome, Standing, standing_of
from app.violations.schema import State, render_violation


class Step(NamedTuple):
    """An event that was not here before, and its violation just after it."""

    identity: str
    event_time: int
    outcome: str
    details: str
    """The identity of the event that has them."""
    invalidated_at: int | None
    revision: int


class ByRule(NamedTuple):
    """One violation by the rule: the outcome of every event, a step for each that is kept, and how it stands."""

    outcomes: list[str]
    steps: list[Step]
    standing: Standing


def told_by_rule(events: Sequence[AcceptedEvent]) -> ByRule:
    """The history of one violation, of which these events came in this order; one at least."""
    known: dict[str, AcceptedEvent] = {}
    outcomes: list[str] = []
    steps: list[Step] = []
    standing: Standing | None = None
    revision = 0
    for event in events:
        if event.identity in known:
            outcomes.append(Outcome.DUPLICATE.word)
            continue
        known[event.identity] = event
        before, standing = standing, standing_of(known.values())
        outcome = _difference(before, standing)
        revision += outcome is not Outcome.SUPERSEDED
        outcomes.append(outcome.word)
        steps.append(
            Step(
                event.identity,
                event.facts.eventTime,
                outcome.word,
                standing.details.identity,
                standing.invalidated_at,
                revision,
            )
        )
    assert standing is not None
    return ByRule(outcomes, steps, standing)


def _difference(before: Standing | None, after: Standing) -> Outcome:
    is_active = after.invalidated_at is None
    if before is None:
        return Outcome.CREATED if is_active else Outcome.INVALIDATED
    if is_active is not (before.invalidated_at is None):
        return Outcome.REOPENED if is_active else Outcome.INVALIDATED
    is_same = before.invalidated_at == after.invalidated_at and (
        before.details.identity == after.details.identity or before.details.data == after.details.data
    )
    return Outcome.SUPERSEDED if is_same else Outcome.UPDATED


class HeldStep(NamedTuple):
    """A row of `events`."""

    step: Step
    seq: int
    received_at: int
    channel: int


async def held_steps(database: Database) -> dict[str, list[HeldStep]]:
    """All events that a database holds, by violation, in the order of their numbers."""
    found: dict[str, list[HeldStep]] = {}
    rows = await database.fetch(
        "SELECT v.id, e.seq, e.received_at, e.channel, e.identity, e.event_time, e.outcome, d.identity,"
        " e.invalidated_at, e.revision FROM events AS e JOIN violations AS v ON v.pk = e.violation_pk"
        " JOIN events AS d ON d.seq = e.details_seq ORDER BY e.seq"
    )
    for row in rows:
        step = Step(row[4], row[5], Outcome(row[6]).word, row[7], row[8], row[9])
        found.setdefault(row[0], []).append(HeldStep(step, row[1], row[2], row[3]))
    return found


class HeldViolation(NamedTuple):
    """A row of `violations`."""

    details: str
    invalidated_at: int | None
    revision: int
    first_received_at: int
    last_received_at: int
    payload: bytes
    """The event with the details."""

    @property
    def rendered(self) -> bytes:
        """The violation as it is shown."""
        state = State(self.invalidated_at, self.first_received_at, self.last_received_at, self.revision)
        return render_violation(self.payload, state)


_COLUMNS = (
    *("id", "driver_id", "driver_name", "terminal_code", "type", "ruleset", "power_unit_number"),
    *("log_date", "start_time", "event_time", "duration_minutes", "egregious", "status"),
)


async def held_violations(database: Database) -> dict[str, HeldViolation]:
    """All violations that a database holds. Asserts that each row's columns say what its details say."""
    found: dict[str, HeldViolation] = {}
    rows = await database.fetch(
        "SELECT v.*, e.identity AS details, e.payload FROM violations AS v JOIN events AS e ON e.seq = v.details_seq"
    )
    for row in rows:
        data = read_data(bytes(row["payload"]))
        minutes = data.duration_minutes
        assert tuple(row[name] for name in _COLUMNS) == (
            *(data.id, data.driverId, data.driverName, data.terminalCode, data.type, data.ruleset),
            *(data.powerUnitNumber, data.logDate, data.startTime, data.eventTime, minutes),
            int(is_egregious(data.type, minutes)),
            ACTIVE if row["invalidated_at"] is None else INVALIDATED,
        ), f"the row of {row['id']!r} differs from its details"
        found[row["id"]] = HeldViolation(
            row["details"],
            row["invalidated_at"],
            row["revision"],
            row["first_received_at"],
            row["last_received_at"],
            bytes(row["payload"]),
        )
    return found


async def assert_follows_the_rule(database: Database) -> int:
    """Asserts that everything held is what the rule makes of the events held; gives how many events those are."""
    payloads: dict[str, list[AcceptedEvent]] = {}
    rows = await database.fetch(
        "SELECT v.id, e.payload FROM events AS e JOIN violations AS v ON v.pk = e.violation_pk ORDER BY e.seq"
    )
    for row in rows:
        payloads.setdefault(row[0], []).append(read_stored(bytes(row[1])))
    steps, violations = await held_steps(database), await held_violations(database)
    assert steps.keys() == violations.keys() == payloads.keys()
    for violation_id, events in payloads.items():
        assert {event.violation_id for event in events} == {violation_id}
        expected, held, row = told_by_rule(events).steps, steps[violation_id], violations[violation_id]
        assert_same([one.step for one in held], expected, f"the events of {violation_id!r}")
        last = expected[-1]
        assert row[:3] == (last.details, last.invalidated_at, last.revision), f"{violation_id!r} stands otherwise"
        assert (row.first_received_at, row.last_received_at) == (held[0].received_at, held[-1].received_at)
        assert row.rendered
    return len(rows)


def assert_same(held: Iterable[object], expected: Iterable[object], what: str) -> None:
    """Asserts that two lists are equal; says only the first place where they are not."""
    ours, theirs = list(held), list(expected)
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        assert one == other, f"{what}, number {number}: held {one!r}, by the rule {other!r}"
    assert len(ours) == len(theirs), f"{what}: {len(ours)} held, by the rule {len(theirs)}"
