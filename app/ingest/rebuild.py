"""`rebuild`: every violation computed anew from its events, compared with what is stored, and put right.

The rows of `violations` are what the events add up to and nothing more (contract section 4), so they can be made again
at any time. Events are history and are never touched. It goes window by window over the violations' keys: events are
read outside of any transaction, in pages of bounded size; what came meanwhile is added, and rows compared, on one
snapshot; only a window that differs is compared again under the ledger's lock, where nothing moves, and written.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.db.arguments import any_of, list_argument
from app.db.database import Database
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, Row, WriteScript, shape_of
from app.inbox.store import open_ledger
from app.maven.events import AcceptedEvent, read_stored
from app.maven.times import format_time
from app.violations.model import ViolationRow
from app.violations.rules import Outcome, Standing, standing_of
from app.violations.store import violation_row

MOST_LISTED = 100

_COLUMNS = shape_of(ViolationRow).columns
_ROW = ", ".join(_COLUMNS)
_PK, _ID = _COLUMNS.index("pk"), _COLUMNS.index("id")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is looked at together. None of it changes the result."""

    window: int = 500
    """Keys of violations in one window."""
    window_bytes: int = 32 * 1024 * 1024
    """Payloads after which a window ends early: its violations' newest events are held until it is compared."""
    page_events: int = 1000
    page_bytes: int = 4 * 1024 * 1024
    """Payloads fetched at a time."""


USUAL = Sizes()


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found. `listed` are the first differences as lines, `differences` the number of all."""

    events: int = 0
    violations: int = 0
    differences: int = 0
    unrepaired: int = 0
    """Violations that still differ and need a person; without repairing, all that differ."""
    listed: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for the end."""
        return f"{self.events:,} events, {self.violations:,} violations, {self.differences:,} differences"


@dataclass(slots=True)
class _Tally:
    """What the events of one violation add up to, as far as they were read."""

    pk: int
    creation: AcceptedEvent | None = None
    invalidation: AcceptedEvent | None = None
    creation_seq: int | None = None
    invalidation_seq: int | None = None
    first_received_at: int = 0
    last_received_at: int = 0
    revision: int = 0
    events: int = 0
    unreadable: list[str] = field(default_factory=list)

    def add(self, seq: int, received_at: int, outcome: int, payload: bytes) -> None:
        """One more event, in any order."""
        self.first_received_at = min(self.first_received_at, received_at) if self.events else received_at
        self.last_received_at = max(self.last_received_at, received_at)
        self.revision += Outcome(outcome).is_change
        self.events += 1
        try:
            event = read_stored(payload)
        except ValueError as error:
            self.unreadable.append(f"event {seq} is not understood by this program: {error}")
            return
        standing = standing_of(e for e in (self.creation, self.invalidation, event) if e is not None)
        if standing.creation is event:
            self.creation, self.creation_seq = event, seq
        if standing.invalidation is event:
            self.invalidation, self.invalidation_seq = event, seq

    def row(self) -> tuple[object, ...]:
        """The row that these events make."""
        return violation_row(Standing(self.creation, self.invalidation), self)


@dataclass(slots=True)
class _Window:
    """The violations with keys from `first` to `last`, and their events up to number `upto`."""

    first: int
    last: int
    upto: int
    tallies: dict[int, _Tally] = field(default_factory=dict)

    def add(self, pk: int, seq: int, received_at: int, outcome: int, payload: bytes) -> None:
        """One more event of this window."""
        tally = self.tallies.get(pk)
        if tally is None:
            tally = self.tallies[pk] = _Tally(pk)
        tally.add(seq, received_at, outcome, payload)


@dataclass(slots=True)
class _Difference:
    """A violation whose row is not what its events make. `row` is what it should be, None when there should be none."""

    pk: int
    lines: list[str]
    row: tuple[object, ...] | None = None
    is_repairable: bool = True


async def rebuild(
    database: Database,
    *,
    repair: bool,
    clock: Callable[[], int],
    on_progress: Callable[[int, int], None],
    sizes: Sizes = USUAL,
) -> Rebuilt:
    """Compares every violation with its events; with `repair`, writes those that differ anew.

    `on_progress` is told how many keys are done, and of how many. Violations that first come meanwhile are left out;
    they are as new as can be. Raises what `Database` raises; windows written before that stay written.
    """
    rebuilt = Rebuilt()
    most = (await database.fetch("SELECT last_violation_pk FROM ledger WHERE pk = 1"))[0][0]
    first = start = await _next_key(database, 0)
    while start is not None and start <= most:
        window = await _read_window(database, sizes, start, min(start + sizes.window - 1, most))
        count, differences = await database.read(_compare(database.dialect, window))
        if differences and repair:
            differences = await database.write(_repair(database.dialect, window, clock()))
        _note(rebuilt, window, count, differences, repair)
        assert first is not None
        on_progress(window.last - first + 1, most - first + 1)
        start = await _next_key(database, window.last)
    return rebuilt


def _note(rebuilt: Rebuilt, window: _Window, count: int, differences: Iterable[_Difference], repair: bool) -> None:
    rebuilt.violations += count
    rebuilt.events += sum(tally.events for tally in window.tallies.values())
    for difference in differences:
        rebuilt.differences += len(difference.lines)
        rebuilt.listed += difference.lines[: MOST_LISTED - len(rebuilt.listed)]
        rebuilt.unrepaired += not (repair and difference.is_repairable)


async def _next_key(database: Database, after: int) -> int | None:
    """The least key above `after` that a row or an event has."""
    found = []
    for sql in (
        "SELECT min(pk) FROM violations WHERE pk > $1",
        "SELECT min(violation_pk) FROM events WHERE violation_pk > $1",
    ):
        found.append((await database.fetch(sql, after))[0][0])
    return min((key for key in found if key is not None), default=None)


async def _read_window(database: Database, sizes: Sizes, first: int, last: int) -> _Window:
    """Adds up the events of a window, which ends early when they are large."""
    upto = (await database.fetch("SELECT max(seq) FROM events"))[0][0] or 0
    window = _Window(first, last, upto)
    position: tuple[int, str] = (first, "")
    size = 0
    while True:
        page = await database.fetch(
            "SELECT violation_pk, identity, seq, received_at, outcome, length(payload) FROM events"
            " WHERE (violation_pk, identity) > ($1, $2) AND violation_pk <= $3 AND seq <= $4"
            " ORDER BY violation_pk, identity LIMIT $5",
            *position,
            window.last,
            upto,
            sizes.page_events,
        )
        for group in _groups(page, sizes.page_bytes):
            if size > sizes.window_bytes and group[0][0] > position[0]:
                window.last = position[0]
                return window
            # A group may begin with the rest of one violation and go on to others.
            await _add_events(database, window, group)
            size += sum(row[5] for row in group)
            position = (group[-1][0], group[-1][1])
            if size > sizes.window_bytes:
                window.last = position[0]
        if len(page) < sizes.page_events:
            return window


def _groups(page: Iterable[Row], most_bytes: int) -> Iterable[list[Row]]:
    """A page in groups whose payloads together are at most so many bytes, or a single event."""
    group: list[Row] = []
    size = 0
    for row in page:
        if group and size + row[5] > most_bytes:
            yield group
            group, size = [], 0
        group.append(row)
        size += row[5]
    if group:
        yield group


async def _add_events(database: Database, window: _Window, group: list[Row]) -> None:
    rows = await database.fetch(
        f"SELECT seq, payload FROM events WHERE seq IN {any_of(database.dialect, 1, 'bigint')}",
        list_argument(database.dialect, [row[2] for row in group]),
    )
    payloads = {row[0]: bytes(row[1]) for row in rows}
    for pk, _, seq, received_at, outcome, _ in group:
        if seq in payloads:  # else purged this moment, with all of its violation
            window.add(pk, seq, received_at, outcome, payloads[seq])


def _compare(dialect: Dialect, window: _Window) -> ReadScript[tuple[int, list[_Difference]]]:
    """How many rows a window has, and which of its violations are not stored as their events make them.

    First takes in events that came since the window was read: they have greater numbers, because numbers are given out
    in the order of commits.
    """
    late = yield Fetch(
        "SELECT violation_pk, seq, received_at, outcome, payload FROM events"
        " WHERE seq > $1 AND violation_pk >= $2 AND violation_pk <= $3 ORDER BY seq",
        (window.upto, window.first, window.last),
    )
    for pk, seq, received_at, outcome, payload in late:
        window.add(pk, seq, received_at, outcome, bytes(payload))
        window.upto = seq
    rows = yield Fetch(f"SELECT {_ROW} FROM violations WHERE pk >= $1 AND pk <= $2", (window.first, window.last))
    stored = {row[_PK]: tuple(row) for row in rows}
    without_row = [pk for pk in window.tallies if pk not in stored]
    if without_row:
        yield from _forget_purged(dialect, window, without_row)
    differences = [
        difference
        for pk in sorted(window.tallies.keys() | stored.keys())
        if (difference := _difference(pk, stored.get(pk), window.tallies.get(pk))) is not None
    ]
    return len(rows), differences


def _forget_purged(dialect: Dialect, window: _Window, keys: list[int]) -> ReadScript[None]:
    """A violation may have been purged, row and events together, after its events were read."""
    rows = yield Fetch(
        f"SELECT DISTINCT violation_pk FROM events WHERE violation_pk IN {any_of(dialect, 1, 'bigint')}",
        (list_argument(dialect, keys),),
    )
    for pk in set(keys) - {row[0] for row in rows}:
        del window.tallies[pk]


def _difference(pk: int, stored: tuple[object, ...] | None, tally: _Tally | None) -> _Difference | None:
    if tally is None:
        assert stored is not None
        return _Difference(pk, [f"violation {stored[_ID]}: stored, but there is no event of it"])
    if tally.unreadable:
        name = f"number {pk}" if stored is None else stored[_ID]
        return _Difference(pk, [f"violation {name}: {line}" for line in tally.unreadable], is_repairable=False)
    computed = tally.row()
    if stored is None:
        return _Difference(pk, [f"violation {computed[_ID]}: not stored, computed of {tally.events} events"], computed)
    lines = [
        f"violation {stored[_ID]}: {name} stored {_shown(name, was)}, computed {_shown(name, now)}"
        for name, was, now in zip(_COLUMNS, stored, computed, strict=True)
        if was != now
    ]
    return _Difference(pk, lines, computed) if lines else None


def _shown(name: str, value: object) -> str:
    if isinstance(value, int) and name.endswith(("_at", "_time")):
        return format_time(value)
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _repair(dialect: Dialect, window: _Window, now: int) -> WriteScript[list[_Difference]]:
    """Compares again under the ledger's lock and writes what differs. Gives what it found."""
    yield from open_ledger(dialect, now)
    _, differences = yield from _compare(dialect, window)
    yield from _set_apart_taken_ids(dialect, differences)
    repairable = [difference for difference in differences if difference.is_repairable]
    if repairable:
        # All go before any comes, for two rows may have each other's id.
        yield Execute(
            f"DELETE FROM violations WHERE pk IN {any_of(dialect, 1, 'bigint')}",
            (list_argument(dialect, [difference.pk for difference in repairable]),),
        )
        yield Insert(ViolationRow, [difference.row for difference in repairable if difference.row is not None])
    return differences


def _set_apart_taken_ids(dialect: Dialect, differences: list[_Difference]) -> ReadScript[None]:
    """An id that a row of another key has cannot be written a second time. That row may go in a later window."""
    waiting = [d for d in differences if d.row is not None]
    rows = yield Fetch(
        f"SELECT id, pk FROM violations WHERE id IN {any_of(dialect, 1)}",
        (list_argument(dialect, sorted({str(d.row[_ID]) for d in waiting if d.row is not None})),),
    )
    holders = {row[0]: row[1] for row in rows}
    while waiting:
        going = {d.pk for d in differences if d.is_repairable}
        taken: set[object] = {violation_id for violation_id, pk in holders.items() if pk not in going}
        for difference in waiting:
            assert difference.row is not None
            difference.is_repairable = difference.row[_ID] not in taken
            taken.add(difference.row[_ID])
        refused = [d for d in waiting if not d.is_repairable]
        for difference in refused:
            assert difference.row is not None
            difference.lines.append(f"violation {difference.row[_ID]}: another row has this id; run rebuild again")
        if not refused:  # else one that stays may hold an id that another one was to get
            return
        waiting = [d for d in waiting if d.is_repairable]
