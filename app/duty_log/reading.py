"""Statements that read the duty log as the driverHistories page has it: its filters, its sorts, one order each.

Every statement gives the JSON of records as it is stored. What a query string says is left to the endpoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch
from app.duty_log.visibility import visible_records
from app.duty_log.words import AUTOMATIC_NOTE, DRIVEN, RecordStatus

SORTS: dict[str, str] = {
    "id": "r.id",
    "uuid": "r.uuid",
    "first-name": "coalesce(u.first_name, '')",
    "last-name": "coalesce(u.last_name, '')",
    "suffix": "coalesce(u.suffix, '')",
    "event-time": "r.event_time",
    "last-changed-date": "r.changed_at",
}
"""What a list can be sorted by, as SQL. A user without a name sorts as one with an empty name."""

_OF_USERS = ("first-name", "last-name", "suffix")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What is asked for; None does not narrow, and of several values any may match. Times are microseconds since 1970
    UTC.
    """

    user_ids: tuple[int, ...] | None = None
    asset_ids: tuple[int, ...] | None = None
    uuids: tuple[str, ...] | None = None
    home_terminal_ids: tuple[int, ...] | None = None
    event_types: tuple[str, ...] | None = None
    notes: tuple[str, ...] | None = None
    statuses: tuple[RecordStatus, ...] | None = None
    origins: tuple[str, ...] | None = None
    event_from: int | None = None
    event_to: int | None = None
    """Both inclusive."""
    has_deleted: bool = False
    """Whether deleted records are shown too."""
    deleted_after: int | None = None
    """Only records that were deleted after then."""
    changed_from: int | None = None
    changed_before: int | None = None
    is_system: bool | None = False
    """Whether the records of the unidentified driver, or of all others, or both."""
    is_edited: bool | None = None
    is_classified: bool | None = None
    """Whether the note says more than that nobody has classified the record."""
    shift_from: int | None = None
    shift_to: int | None = None
    terminals: frozenset[str] | None = None
    """Terminal codes to which the reader is limited."""


@dataclass(frozen=True, slots=True)
class Order:
    """One sort; of equal records the id decides, in the same direction."""

    name: str = "id"
    is_descending: bool = False


def list_records(
    dialect: Dialect, asked: RecordFilter, orders: Sequence[Order], *, offset: int = 0, limit: int | None = None
) -> Fetch:
    """The JSON of the records that match, in order."""
    arguments = Arguments(dialect)
    conditions = _conditions(asked, arguments)
    join = " LEFT JOIN driver_identities AS u ON u.user_id = r.user_id" if _names_users(orders) else ""
    where = " AND ".join(conditions)
    paging = "" if limit is None and not offset else f" LIMIT {arguments.add(2**62 if limit is None else limit)}"
    if offset:
        paging += f" OFFSET {arguments.add(offset)}"
    visible, args = visible_records(dialect, asked.terminals, first=len(arguments.values) + 1)
    return Fetch(
        f"SELECT r.shown FROM duty_records AS r{join} WHERE {where}{visible} ORDER BY {_order(asked, orders)}{paging}",
        (*arguments.values, *args),
    )


def _names_users(orders: Sequence[Order]) -> bool:
    return any(order.name in _OF_USERS for order in orders)


def _order(asked: RecordFilter, orders: Sequence[Order]) -> str:
    # Behind a selective filter the planner is kept from walking along the key until enough records have turned up.
    is_selective = asked.user_ids is not None or asked.uuids is not None or asked.asset_ids is not None
    terms = []
    for order in orders:
        expression = SORTS[order.name]
        if order.name == "id" and is_selective:
            expression += " + 0"
        terms.append(f"{expression}{' DESC' if order.is_descending else ''}")
    if not any(order.name == "id" for order in orders):
        terms.append(f"r.id{' DESC' if orders and orders[-1].is_descending else ''}")
    return ", ".join(terms)


def _conditions(asked: RecordFilter, arguments: Arguments) -> list[str]:
    found = []
    for column, numbers in (
        ("r.user_id", asked.user_ids),
        ("r.asset_id", asked.asset_ids),
        ("r.record_status", None if asked.statuses is None else tuple(int(status) for status in asked.statuses)),
    ):
        if numbers is not None:
            found.append(arguments.one_of_numbers(column, numbers))
    for column, words in (
        ("r.uuid", asked.uuids),
        ("r.event_type", asked.event_types),
        ("r.note", asked.notes),
        ("r.record_origin", asked.origins),
    ):
        if words is not None:
            found.append(arguments.one_of(column, words))
    if asked.home_terminal_ids is not None:
        terminals = arguments.one_of_numbers("a.home_terminal_id", asked.home_terminal_ids)
        found.append(f"r.asset_id IN (SELECT a.asset_id FROM assets AS a WHERE {terminals})")
    for column, sign, bound in (
        ("r.event_time", ">=", asked.event_from),
        ("r.event_time", "<=", asked.event_to),
        ("r.deleted_at", ">", asked.deleted_after),
        ("r.changed_at", ">=", asked.changed_from),
        ("r.changed_at", "<", asked.changed_before),
        ("r.shift_start", ">=", asked.shift_from),
        ("r.shift_start", "<=", asked.shift_to),
    ):
        if bound is not None:
            found.append(f"{column} {sign} {arguments.add(bound)}")
    if not asked.has_deleted and asked.deleted_after is None:
        found.append("r.deleted_at IS NULL")
    if asked.is_system is not None:
        found.append(f"r.is_system = {int(asked.is_system)}")
    if asked.is_edited is not None:
        found.append(f"r.driver_edit = {int(asked.is_edited)}")
    if asked.is_classified is not None:
        classified = f"coalesce(r.note, '') NOT IN ('', {arguments.add(AUTOMATIC_NOTE)})"
        found.append(classified if asked.is_classified else f"NOT ({classified})")
    return found or ["1 = 1"]


def one_record(dialect: Dialect, record_id: int, terminals: frozenset[str] | None) -> Fetch:
    """The JSON of one version of a record, deleted or not."""
    visible, args = visible_records(dialect, terminals, first=2)
    return Fetch(f"SELECT r.shown FROM duty_records AS r WHERE r.id = $1{visible}", (record_id, *args))


def vehicles_driven(dialect: Dialect, user_ids: tuple[int, ...], terminals: frozenset[str] | None) -> Fetch:
    """The ids of the vehicles that users have driven by their log as it stands, smallest first."""
    arguments = Arguments(dialect)
    asked = RecordFilter(user_ids=user_ids, event_types=DRIVEN, statuses=(RecordStatus.ACTIVE,), is_system=None)
    conditions = _conditions(replace(asked, terminals=terminals), arguments)
    visible, args = visible_records(dialect, terminals, first=len(arguments.values) + 1)
    return Fetch(
        "SELECT DISTINCT r.asset_id FROM duty_records AS r"
        f" WHERE {' AND '.join(conditions)} AND r.asset_id IS NOT NULL{visible} ORDER BY r.asset_id",
        (*arguments.values, *args),
    )
