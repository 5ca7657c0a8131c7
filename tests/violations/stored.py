"""What a database holds, for comparison with the oracle of `tests.events`; and the script that puts events there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.db.database import Database
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.ingest.keeping import Delivery, Kept, keep_deliveries
from app.maven.events import read_stored
from app.violations.model import ACTIVE
from app.violations.regulation import is_egregious
from app.violations.rules import Outcome
from tests.events import CHANGES, State, Told, View, outcomes_of, state_of, view_of_accepted


def delivery(events: Iterable[Told], channel: Channel = Channel.WEBHOOK) -> Delivery:
    return Delivery([event.read() for event in events], channel)


def keep(database: Database, deliveries: Sequence[Delivery], now: int) -> WriteScript[list[list[Kept]]]:
    return keep_deliveries(database.dialect, deliveries, now)


def words(kept: Iterable[Iterable[Kept]]) -> list[str]:
    return [one.outcome.word for several in kept for one in several]


@dataclass(frozen=True)
class Held:
    """A row of `violations`, with the details it points at."""

    pk: int
    is_active: bool
    invalidated_at: int | None
    view: View
    revision: int
    first_received_at: int
    last_received_at: int


async def held_of(database: Database, ids: Iterable[str]) -> dict[str, Held]:
    """The violations held of these ids. Asserts that each row's columns say what its details say."""
    found: dict[str, Held] = {}
    for violation_id in ids:
        rows = await database.fetch(
            "SELECT v.*, e.payload, e.violation_pk FROM violations v JOIN events e ON e.seq = v.details_seq"
            " WHERE v.id = $1",
            violation_id,
        )
        if not rows:
            continue
        (row,) = rows
        event = read_stored(bytes(row["payload"]))
        data = event.data
        assert row["violation_pk"] == row["pk"]
        assert (row["id"], row["driver_id"], row["driver_name"]) == (data.id, data.driverId, data.driverName)
        assert (row["terminal_code"], row["type"], row["ruleset"]) == (data.terminalCode, data.type, data.ruleset)
        assert (row["power_unit_number"], row["log_date"]) == (data.powerUnitNumber, data.logDate)
        assert (row["start_time"], row["event_time"]) == (data.startTime, data.eventTime)
        assert row["duration_minutes"] == data.duration_minutes
        assert bool(row["egregious"]) is is_egregious(data.type, data.duration_minutes)
        assert (row["status"] == ACTIVE) is (row["invalidated_at"] is None)
        found[violation_id] = Held(
            pk=row["pk"],
            is_active=row["status"] == ACTIVE,
            invalidated_at=row["invalidated_at"],
            view=view_of_accepted(event),
            revision=row["revision"],
            first_received_at=row["first_received_at"],
            last_received_at=row["last_received_at"],
        )
    return found


async def assert_holds(database: Database, history: Sequence[Told]) -> dict[str, Held]:
    """Asserts that the state is that of the set of these events, and that the history told by the rows is one that
    leads there: distinct events in `seq` order, with the outcomes the oracle gives to that order.
    """
    sets: dict[str, list[Told]] = {}
    for event in history:
        sets.setdefault(event.violation_id, []).append(event)
    held = await held_of(database, sets)
    assert held.keys() == sets.keys()
    for violation_id, events in sets.items():
        row = held[violation_id]
        expected: State = state_of(events)
        assert (row.invalidated_at, row.view) == expected.seen, violation_id
        assert row.is_active is (expected.status == "active")
        await _assert_history(database, row, events)
    return held


async def _assert_history(database: Database, row: Held, events: Sequence[Told]) -> None:
    kept = await database.fetch("SELECT * FROM events WHERE violation_pk = $1 ORDER BY seq", row.pk)
    by_identity = {event.read().identity: event for event in events}
    assert sorted(e["identity"] for e in kept) == sorted(by_identity)
    in_order = [by_identity[e["identity"]] for e in kept]
    outcomes = [Outcome(e["outcome"]).word for e in kept]
    assert outcomes == outcomes_of(in_order)
    assert row.revision == sum(outcome in CHANGES for outcome in outcomes)
    payload_of = {e["seq"]: bytes(e["payload"]) for e in kept}
    revision = 0
    for number, entry in enumerate(kept, start=1):
        after = state_of(in_order[:number])
        revision += outcomes[number - 1] in CHANGES
        assert (entry["invalidated_at"], entry["revision"]) == (after.invalidated_at, revision)
        assert read_stored(payload_of[entry["details_seq"]]).identity == after.details.read().identity
        assert entry["event_time"] == in_order[number - 1].event_time
    times = [e["received_at"] for e in kept]
    assert times == sorted(times)
    assert (row.first_received_at, row.last_received_at) == (times[0], times[-1])
