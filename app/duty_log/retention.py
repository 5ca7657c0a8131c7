"""Which duty records may go, and how they go (contract section 10: retention by policy).

A record goes whole or not at all: all its versions, when the last of them was received before the limit. It stays, at
whatever age, while a violation is kept whose evidence it is: one of the same driver, from nine log days before it
began, for so far the clocks look back, to a day after it. It stays, too, while a legal hold covers its driver or their
terminal. Driving by nobody known is evidence for the vehicle's violations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript
from app.holds.store import Cover, cover_in_force
from app.inbox.store import open_ledger
from app.maven.times import DAY, MINUTE

DAYS_BEFORE = 9
DAYS_AFTER = 1
LONGEST_DAYS = 31
"""A violation is taken to last no longer when it is looked for by the time of a record."""


@dataclass(frozen=True, slots=True)
class GoneRecords:
    """What one transaction deleted, in versions, and how many as old stay as evidence."""

    records: int = 0
    kept: int = 0


def old_uuids(dialect: Dialect, first: int, last: int, before: int) -> ReadScript[list[str]]:
    """The uuids of records whose first version has an id from `first` to `last` and was received before an instant."""
    rows = yield Fetch(
        "SELECT DISTINCT uuid FROM duty_records WHERE id >= $1 AND id <= $2 AND received_at < $3",
        (first, last, before),
    )
    rows = yield Fetch(
        f"SELECT uuid, min(id) FROM duty_records WHERE uuid IN {any_of(dialect, 1)} GROUP BY uuid",
        (list_argument(dialect, [row[0] for row in rows]),),
    )
    return [row[0] for row in rows if row[1] >= first]


def delete_records(
    dialect: Dialect, uuids: Sequence[str], before: int, now: int, *, is_dry: bool
) -> WriteScript[GoneRecords]:
    """Deletes those of the records that may go; with `is_dry` they are only counted."""
    yield from open_ledger(dialect, now)  # nobody places a hold or brings a violation back meanwhile
    cover = yield from cover_in_force()
    condition, args = _is_evidence(dialect, cover)
    rows = yield Fetch(
        f"SELECT r.uuid, count(*), max(r.received_at) >= $2, sum(CASE WHEN {condition} THEN 1 ELSE 0 END)"
        f" FROM duty_records AS r WHERE r.uuid IN {any_of(dialect, 1)} GROUP BY r.uuid",
        (list_argument(dialect, uuids), before, *args),
    )
    old = [row for row in rows if not row[2]]
    going = [row[0] for row in old if row[3] == 0]
    if going and not is_dry:
        yield Execute(f"DELETE FROM duty_records WHERE uuid IN {any_of(dialect, 1)}", (list_argument(dialect, going),))
    gone = sum(row[1] for row in old if row[3] == 0)
    return GoneRecords(gone, sum(row[1] for row in old) - gone)


def _is_evidence(dialect: Dialect, cover: Cover) -> tuple[str, tuple[object, ...]]:
    """The condition that a record is evidence or held, with its arguments from placeholder 3 on."""
    from_days, to_days = DAYS_BEFORE * DAY, DAYS_AFTER * DAY
    ended = f"coalesce(v.start_time + coalesce(v.duration_minutes, 0) * {MINUTE}, v.event_time)"
    around = (
        f"coalesce(v.start_time, v.event_time) - {from_days} <= r.event_time"
        f" AND CASE WHEN {ended} > v.event_time THEN {ended} ELSE v.event_time END + {to_days} >= r.event_time"
    )
    drivers, terminals = any_of(dialect, 3), any_of(dialect, 4)
    of_driver = (
        "EXISTS (SELECT 1 FROM driver_identities AS i WHERE i.user_id = r.user_id AND"
        f" (coalesce(i.driver_id, i.username) IN {drivers} OR i.terminal_code IN {terminals}"
        " OR EXISTS (SELECT 1 FROM violations AS v WHERE v.status IN (0, 1)"
        f" AND v.driver_id = coalesce(i.driver_id, i.username) AND {around})))"
    )
    of_vehicle = (
        "EXISTS (SELECT 1 FROM assets AS a LEFT JOIN home_terminals AS t ON t.home_terminal_id = a.home_terminal_id"
        f" WHERE a.asset_id = r.asset_id AND (t.code IN {terminals}"
        " OR EXISTS (SELECT 1 FROM violations AS v WHERE v.status IN (0, 1)"
        f" AND v.start_time >= r.event_time - {(LONGEST_DAYS + DAYS_AFTER) * DAY}"
        f" AND v.start_time <= r.event_time + {from_days} AND v.power_unit_number = a.name AND {around})))"
    )
    return (
        f"CASE WHEN r.is_system = 1 THEN {of_vehicle} ELSE {of_driver} END",
        (list_argument(dialect, cover.driver_ids), list_argument(dialect, cover.terminal_codes)),
    )
