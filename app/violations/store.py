"""Scripts that advance violations by events: the state rule as rows.

One call takes a whole batch of new events, in the order received, reads what is held of their violations, lets
`rules.advance` judge each, and writes events, violations and replaced versions. It runs under the ledger's lock, so
nothing else moves meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, assert_never

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Fetch, Insert, ReadScript, Rows, WriteScript, shape_of
from app.inbox.model import Channel, EventRow
from app.inbox.store import Ledger
from app.maven.events import AcceptedEvent, EventType, read_stored
from app.violations.model import ACTIVE, INVALIDATED, ViolationRow, ViolationVersionRow
from app.violations.regulation import is_egregious
from app.violations.rules import Outcome, Standing, advance

SEARCH_SEPARATOR = "\uffff"
"""Between driver name and unit in `search_text`: a noncharacter, which no accepted string contains."""

_HELD = ", ".join(shape_of(ViolationRow).columns)
_EVENT_TYPES = {EventType.CREATED: 0, EventType.INVALIDATED: 1}


@dataclass(frozen=True, slots=True)
class Arrival:
    """An accepted event and the channel it came by."""

    event: AcceptedEvent
    channel: Channel


class Change(NamedTuple):
    """A visible difference that event `seq` made to a violation; how it stood before, None for a new one, and after."""

    violation_pk: int
    seq: int
    outcome: Outcome
    before: Standing | None
    after: Standing


class Numbers(Protocol):
    """What a violation's row says beside its standing: its key, the events it rests on, its history in numbers."""

    @property
    def pk(self) -> int: ...
    @property
    def creation_seq(self) -> int | None: ...
    @property
    def invalidation_seq(self) -> int | None: ...
    @property
    def first_received_at(self) -> int: ...
    @property
    def last_received_at(self) -> int: ...
    @property
    def revision(self) -> int: ...


@dataclass(slots=True)
class _Case:
    """One violation while a batch is applied to it."""

    pk: int
    held: tuple[object, ...] | None = None
    """The row as it was before the batch."""
    standing: Standing | None = None
    creation_seq: int | None = None
    invalidation_seq: int | None = None
    first_received_at: int = 0
    last_received_at: int = 0
    revision: int = 0
    known: set[str] = field(default_factory=set)
    """Identities of events known already."""
    touched_by: int | None = None
    """The first event of this batch that replaced the held row."""


def apply_events(
    dialect: Dialect, arrivals: Sequence[Arrival], ledger: Ledger
) -> WriteScript[tuple[list[Outcome], list[Change]]]:
    """Applies events in order; gives the outcome of each, and the changes they made. Numbers come from, and go back
    into, `ledger`."""
    if not arrivals:
        return [], []
    cases = yield from _open_cases(dialect, arrivals)
    now = ledger.now
    outcomes: list[Outcome] = []
    changes: list[Change] = []
    event_rows: list[tuple[object, ...]] = []
    touched: dict[str, _Case] = {}
    for arrival in arrivals:
        event = arrival.event
        case = cases.get(event.violation_id)
        if case is None:
            ledger.last_violation_pk += 1
            case = cases[event.violation_id] = _Case(ledger.last_violation_pk, first_received_at=now)
        elif event.identity in case.known:
            outcomes.append(Outcome.DUPLICATE)
            continue
        ledger.last_seq += 1
        seq = ledger.last_seq
        before = case.standing
        after, outcome = advance(before, event)
        if before is None or after is not before:
            _note_newest(case, before, after, seq)
        case.standing = after
        case.known.add(event.identity)
        case.last_received_at = now
        if outcome < Outcome.SUPERSEDED:
            case.revision += 1
            changes.append(Change(case.pk, seq, outcome, before, after))
        if case.touched_by is None:
            case.touched_by = seq
        touched[event.violation_id] = case
        ledger.channels.add(arrival.channel)
        outcomes.append(outcome)
        event_rows.append(
            (
                seq,
                case.pk,
                event.identity,
                _EVENT_TYPES[event.event_type],
                event.facts.eventTime,
                now,
                int(arrival.channel),
                int(outcome),
                event.event_id,
                _details_seq(case),
                after.invalidated_at,
                case.revision,
                event.payload,
            )
        )
    yield from _write(touched.values(), event_rows, now)
    return outcomes, changes


def _note_newest(case: _Case, before: Standing | None, after: Standing, seq: int) -> None:
    """Remembers which event the newest creation or invalidation is, when this one became it."""
    if after.creation is not None and (before is None or after.creation is not before.creation):
        case.creation_seq = seq
    if after.invalidation is not None and (before is None or after.invalidation is not before.invalidation):
        case.invalidation_seq = seq


def _details_seq(case: Numbers) -> int:
    seq = case.creation_seq if case.creation_seq is not None else case.invalidation_seq
    assert seq is not None
    return seq


def _open_cases(dialect: Dialect, arrivals: Sequence[Arrival]) -> ReadScript[dict[str, _Case]]:
    """What is held of the violations that the arrivals speak of."""
    ids = {a.event.violation_id for a in arrivals}
    rows = yield Fetch(
        f"SELECT {_HELD} FROM violations WHERE id IN {any_of(dialect, 1)}",
        (list_argument(dialect, ids),),
    )
    if not rows:
        return {}
    columns = {name: n for n, name in enumerate(shape_of(ViolationRow).columns)}
    cases: dict[str, _Case] = {}
    by_pk: dict[int, _Case] = {}
    for row in rows:
        held = tuple(row)
        case = _Case(
            pk=held[columns["pk"]],
            held=held,
            creation_seq=held[columns["creation_seq"]],
            invalidation_seq=held[columns["invalidation_seq"]],
            first_received_at=held[columns["first_received_at"]],
            last_received_at=held[columns["last_received_at"]],
            revision=held[columns["revision"]],
        )
        cases[held[columns["id"]]] = by_pk[case.pk] = case
    pairs = {(cases[a.event.violation_id].pk, a.event.identity) for a in arrivals if a.event.violation_id in cases}
    known = yield from _known_identities(dialect, sorted(pairs))
    for pk, identity in known:
        by_pk[pk].known.add(identity)
    news = {
        a.event.violation_id
        for a in arrivals
        if a.event.violation_id in cases and a.event.identity not in cases[a.event.violation_id].known
    }
    yield from _recall_standings(dialect, [cases[i] for i in news])
    return cases


def _known_identities(dialect: Dialect, pairs: Sequence[tuple[int, str]]) -> ReadScript[Rows]:
    """Which of these (violation, identity) pairs are held. The unique index answers each pair by itself."""
    match dialect:
        case Dialect.SQLITE:
            asked = "(SELECT value ->> 0 AS pk, value ->> 1 AS identity FROM json_each($1)) AS asked"
            arguments: tuple[object, ...] = (orjson.dumps(pairs).decode(),)
        case Dialect.POSTGRESQL:
            asked = "unnest($1::bigint[], $2::text[]) AS asked (pk, identity)"
            arguments = ([pk for pk, _ in pairs], [identity for _, identity in pairs])
        case _:
            assert_never(dialect)
    return (
        yield Fetch(
            f"SELECT e.violation_pk, e.identity FROM {asked} CROSS JOIN events AS e"
            " WHERE e.violation_pk = asked.pk AND e.identity = asked.identity",
            arguments,
        )
    )


def _recall_standings(dialect: Dialect, cases: Sequence[_Case]) -> ReadScript[None]:
    """Reads back the newest creation and invalidation of each violation from the events as received."""
    seqs = [s for c in cases for s in (c.creation_seq, c.invalidation_seq) if s is not None]
    if not seqs:
        return
    rows = yield Fetch(
        f"SELECT seq, payload FROM events WHERE seq IN {any_of(dialect, 1, 'bigint')}",
        (list_argument(dialect, seqs),),
    )
    events = {row[0]: read_stored(bytes(row[1])) for row in rows}
    for case in cases:
        case.standing = Standing(
            creation=None if case.creation_seq is None else events[case.creation_seq],
            invalidation=None if case.invalidation_seq is None else events[case.invalidation_seq],
        )


def _write(touched: Iterable[_Case], event_rows: list[tuple[object, ...]], now: int) -> WriteScript[None]:
    new: list[tuple[object, ...]] = []
    changed: list[tuple[object, ...]] = []
    versions: list[tuple[object, ...]] = []
    last_received = shape_of(ViolationRow).columns.index("last_received_at")
    for case in touched:
        row = violation_row(case.standing, case)
        if case.held is None:
            new.append(row)
            continue
        changed.append(row)
        if case.held[last_received] != now:
            versions.append((*case.held[:-1], case.touched_by, now, case.pk))
    yield Insert(EventRow, event_rows)
    if new:
        yield Insert(ViolationRow, new)
    if changed:
        yield Insert(ViolationRow, changed, replace=True)
    if versions:
        yield Insert(ViolationVersionRow, versions)


def violation_row(standing: Standing | None, case: Numbers) -> tuple[object, ...]:
    """The row of `violations`, in the model's column order."""
    assert standing is not None
    data = standing.details.facts
    minutes = data.duration_minutes
    invalidated_at = standing.invalidated_at
    name, unit = data.driverName, data.powerUnitNumber
    return (
        data.id,
        data.driverId,
        name,
        data.terminalCode,
        data.type,
        data.ruleset,
        unit,
        f"{name.casefold() if name else ''}{SEARCH_SEPARATOR}{unit.casefold() if unit else ''}",
        data.logDate,
        data.startTime,
        data.eventTime,
        minutes,
        int(is_egregious(data.type, minutes)),
        ACTIVE if invalidated_at is None else INVALIDATED,
        invalidated_at,
        case.creation_seq,
        case.invalidation_seq,
        None if standing.invalidation is None else standing.invalidation.facts.eventTime,
        _details_seq(case),
        case.first_received_at,
        case.last_received_at,
        case.revision,
        case.pk,
    )
