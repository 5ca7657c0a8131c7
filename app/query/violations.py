"""The SQL of lists, exports, single violations and their events.

Owns order and position. A page begins right behind a position instead of counting rows off: it is put together from
up to three ranges that an index can serve (the rest of those with the position's value, the values beyond, the rows
without a value), for each status by itself, so that it costs the same at any depth and however many violations of the
other status there are. Which rows match is said by `filters`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.db.arguments import Arguments, any_of, list_argument
from app.db.statements import Dialect, Fetch, ReadScript, Row, Rows
from app.query.filters import ViolationFilter, matching
from app.violations.model import ACTIVE
from app.violations.schema import State

INLINE_BYTES = 16 * 1024
"""Payloads up to this size are fetched together. A larger one is fetched by itself, so that a page of large events
need not fit in memory at once."""

_COLUMNS = "v.id, v.details_seq, v.invalidated_at, v.first_received_at, v.last_received_at, v.revision"


@dataclass(frozen=True, slots=True)
class Order:
    """An order of violations: by one column, nulls last, ties by id ascending, whatever the direction."""

    column: str
    descending: bool
    may_be_null: bool = True

    def is_nullable(self, status: int) -> bool:
        """Whether violations of this status may lack the value. An active one was created, and so has a start."""
        return self.may_be_null and not (self.column == "start_time" and status == ACTIVE)

    def value(self, asked: ViolationFilter) -> str:
        """The value that is compared, in SQL."""
        return asked.start_time if self.column == "start_time" else f"v.{self.column}"

    def terms(self, value: str, tie: str, *, nullable: bool) -> str:
        """The terms of ORDER BY. Without nulls the index can be read backwards in both databases."""
        return f"{value}{' DESC' if self.descending else ''}{' NULLS LAST' if nullable else ''}, {tie}"


_COLUMN_OF_SORT = {
    "startTime": Order("start_time", False),
    "eventTime": Order("event_time", False, may_be_null=False),
    "duration": Order("duration_minutes", False),
    "driverName": Order("driver_name", False),
}
ORDERS: dict[str, Order] = {
    **_COLUMN_OF_SORT,
    **{f"-{word}": Order(order.column, True, order.may_be_null) for word, order in _COLUMN_OF_SORT.items()},
}
"""Orders by the words of the parameter `sort`."""
NEWEST_FIRST = "-startTime"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the value it was ordered by, and the id, of its last violation."""

    value: int | str | None
    id: str


@dataclass(frozen=True, slots=True)
class Found:
    """A violation that a query found, in the state it asked for."""

    id: str
    details_seq: int
    state: State
    value: int | str | None
    """What the order compared."""
    payload: bytes | None
    """The event that holds the details; None when it is large, or was not asked for."""

    @classmethod
    def of(cls, row: Row) -> "Found":
        """From a row of `page`, `all_in_order` or `ONE_VIOLATION`."""
        payload = row[7] if len(row) > 7 else None
        state = State(row[2], row[3], row[4], row[5])
        return cls(row[0], row[1], state, row[6], None if payload is None else bytes(payload))


def page(dialect: Dialect, asked: ViolationFilter, order: Order, after: Position | None, limit: int) -> Fetch:
    """At most `limit` violations in order, behind a position; rows for `Found.of`, without payloads."""
    arguments = Arguments(dialect)
    most = arguments.add(limit)
    value = order.value(asked)
    place = None if after is None else _place(order, value, after, arguments)
    parts: list[str] = []
    for status in asked.statuses:
        for condition, terms in _ranges(order, value, status, place):
            for clause in matching(asked, arguments, status, condition):
                parts.append(f"{clause} ORDER BY {terms} LIMIT {most}")
    columns = f"SELECT {_COLUMNS}, v.{order.column} AS sort_value"
    if len(parts) == 1:
        return Fetch(f"{columns} {parts[0]}", tuple(arguments.values))
    union = " UNION ALL ".join(f"SELECT * FROM ({columns} {part}) AS part" for part in parts)
    terms = order.terms("p.sort_value", "p.id", nullable=True)
    return Fetch(f"SELECT p.* FROM ({union}) AS p ORDER BY {terms} LIMIT {most}", tuple(arguments.values))


def _place(order: Order, value: str, after: Position, arguments: Arguments) -> tuple[str, str]:
    """The position as conditions: the rest of its ties, and what lies beyond (empty for a position among the nulls)."""
    if after.value is None:
        return f"{value} IS NULL AND v.id > {arguments.add(after.id)}", ""
    held = arguments.add(after.value)
    beyond = "<" if order.descending else ">"
    return f"{value} = {held} AND v.id > {arguments.add(after.id)}", f"{value} {beyond} {held}"


def _ranges(
    order: Order, value: str, status: int, place: tuple[str, str] | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The ranges of one status that a page is put together from: conditions, and the terms of ORDER BY."""
    nullable = order.is_nullable(status)
    values = order.terms(value, "v.id", nullable=False)
    if place is None:
        yield (f"{value} IS NOT NULL",) if nullable else (), values
    else:
        ties, beyond = place
        yield (ties,), "v.id"
        if not beyond:
            return
        yield (beyond,), values
    if nullable:
        yield (f"{value} IS NULL",), "v.id"


def all_in_order(dialect: Dialect, asked: ViolationFilter, order: Order) -> Fetch:
    """All matching violations in order, without payloads, which a sort would have to carry; rows for `Found.of`."""
    arguments = Arguments(dialect)
    columns = f"SELECT {_COLUMNS}, v.{order.column} AS sort_value"
    parts = [f"{columns} {c}" for status in asked.statuses for c in matching(asked, arguments, status)]
    nullable = any(order.is_nullable(status) for status in asked.statuses)
    if len(parts) == 1:
        terms = order.terms(order.value(asked), "v.id", nullable=nullable)
    else:
        terms = order.terms("sort_value", "id", nullable=nullable)
    return Fetch(f"{' UNION ALL '.join(parts)} ORDER BY {terms}", tuple(arguments.values))


def payloads(dialect: Dialect, seqs: list[int]) -> Fetch:
    """Number and payload of events; the payload is null when it is large."""
    sql = f"SELECT seq, CASE WHEN length(payload) <= {INLINE_BYTES} THEN payload END FROM events WHERE seq IN "
    return Fetch(sql + any_of(dialect, 1, "bigint"), (list_argument(dialect, seqs),))


def large_payload(seq: int) -> Fetch:
    """The payload of one event."""
    return Fetch("SELECT payload FROM events WHERE seq = $1", (seq,))


ONE_VIOLATION = (
    f"SELECT {_COLUMNS}, v.start_time AS sort_value, e.payload, v.terminal_code"
    " FROM violations AS v JOIN events AS e ON e.seq = v.details_seq WHERE v.id = $1"
)
"""A violation by its id; a row for `Found.of`, with the payload whatever its size, and the terminal."""


def events_of(violation_id: str, after_seq: int, limit: int) -> ReadScript[tuple[str | None, Rows] | None]:
    """The terminal of a violation and its events in the order of their receipt, behind number `after_seq`; None when
    there is no such violation."""
    violations = yield Fetch("SELECT pk, terminal_code FROM violations WHERE id = $1", (violation_id,))
    if not violations:
        return None
    rows = yield Fetch(
        "SELECT seq, received_at, channel, event_id, event_type, event_time, outcome,"
        f" CASE WHEN length(payload) <= {INLINE_BYTES} THEN payload END AS payload"
        " FROM events WHERE violation_pk = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        (violations[0][0], after_seq, limit),
    )
    return violations[0][1], rows
