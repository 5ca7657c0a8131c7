"""The state rule as rows: on both databases the rows say what the oracle says, however the events came."""

import itertools
import re
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.database import Database, open_database
from app.inbox.model import Channel
from tests.events import CREATED, INVALIDATED, Told, Transactions, batched, batched_twice, flattened, outcomes_of
from tests.maven.examples import as_bytes, violation_data
from tests.violations.stored import Held, assert_holds, delivery, held_of, keep, words

NUMBERS = itertools.count(1)
IN_ONE_DATABASE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def renamed(transactions: Transactions) -> Transactions:
    """The same events with ids of their own, so that one database serves all examples."""
    prefix = f"x{next(NUMBERS)}-"

    def rename(event: Told) -> Told:
        marker = re.compile(rb'("id": ?")(v[0-9])')
        body = marker.sub(rb"\g<1>" + prefix.encode() + rb"\g<2>", event.body)
        return Told(event.event_type, {**event.data, "id": prefix + event.violation_id}, body)

    return [[[rename(event) for event in events] for events in deliveries] for deliveries in transactions]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


def told(event_type: str, event_time: str = "2024-01-01T00:00:00Z", **changes: object) -> Told:
    data = violation_data(eventTime=event_time, **changes)  # type: ignore[arg-type]
    return Told(event_type, data, as_bytes({"eventType": event_type, **data}))


@given(batched(["v1", "v2", "v3"]), st.lists(st.sampled_from(Channel), min_size=3))
@IN_ONE_DATABASE
async def test_rows_are_what_the_set_of_events_adds_up_to(
    database: Database, transactions: Transactions, channels: list[Channel]
) -> None:
    transactions = renamed(transactions)
    channel = itertools.cycle(channels)
    outcomes: list[str] = []
    for number, deliveries in enumerate(transactions):
        batch = [delivery(events, next(channel)) for events in deliveries]
        outcomes += words(await database.write(keep(database, batch, 1_700_000_000_000_000 + number)))
    assert outcomes == outcomes_of(flattened(transactions))
    await assert_holds(database, flattened(transactions))


@given(batched_twice(["v1", "v2"]))
@IN_ONE_DATABASE
async def test_any_order_and_any_batches_hold_the_same(
    database: Database, ways: tuple[Transactions, Transactions]
) -> None:
    found = []
    for way in ways:
        own = renamed(way)
        for deliveries in own:
            await database.write(keep(database, [delivery(events) for events in deliveries], 1))
        held = await assert_holds(database, flattened(own))
        found.append({key.split("-")[1]: (row.invalidated_at, row.view) for key, row in held.items()})
    assert found[0] == found[1]


AS_OF = """
SELECT details_seq, invalidated_at, revision, last_received_at FROM violations
 WHERE id = $1 AND last_received_at <= $2
UNION ALL
SELECT details_seq, invalidated_at, revision, last_received_at FROM violation_versions
 WHERE id = $1 AND last_received_at <= $2 AND replaced_at > $2
"""


@given(batched(["v1", "v2"]), st.lists(st.sampled_from([-5, 0, 0, 1, 10]), min_size=1))
@IN_ONE_DATABASE
async def test_versions_tell_what_was_known_at_any_time(
    database: Database, transactions: Transactions, steps: list[int]
) -> None:
    transactions = renamed(transactions)
    ids = {event.violation_id for event in flattened(transactions)}
    step = itertools.cycle(steps)
    (row,) = await database.fetch("SELECT last_received_at FROM ledger")
    now: int = row[0]
    known: dict[int, dict[str, Held]] = {now - 1: {}}
    for deliveries in transactions:
        # The clock may stand still, or go back, between two transactions.
        moment = now + next(step)
        await database.write(keep(database, [delivery(events) for events in deliveries], moment))
        now = max(now, moment)
        known[now] = await held_of(database, ids)
    for moment, expected in known.items():
        for violation_id in ids:
            rows = [tuple(found) for found in await database.fetch(AS_OF, violation_id, moment)]
            if violation_id not in expected:
                assert rows == []
                continue
            held = expected[violation_id]
            ((_, invalidated_at, revision, last_received_at),) = rows
            assert (invalidated_at, revision) == (held.invalidated_at, held.revision)
            assert last_received_at == held.last_received_at


async def test_duplicates_touch_nothing(database: Database) -> None:
    first = told(CREATED, note=1)
    again = Told(CREATED, first.data, as_bytes({"id": "e", "eventType": CREATED, "data": {**first.data, "note": 1.0}}))
    other = told(CREATED, id="other")
    await database.write(keep(database, [delivery([first])], 100))
    before = await held_of(database, [first.violation_id])
    kept = await database.write(keep(database, [delivery([again, other, again], Channel.POLL)], 200))
    assert words(kept) == ["duplicate", "created", "duplicate"]
    assert await held_of(database, [first.violation_id]) == before
    assert len(await database.fetch("SELECT 1 FROM violation_versions")) == 0
    (row,) = await database.fetch("SELECT payload, channel FROM events WHERE seq = 1")
    assert (bytes(row[0]), row[1]) == (first.body, Channel.WEBHOOK)
    (row,) = await database.fetch("SELECT last_seq, last_violation_pk FROM ledger")
    assert tuple(row) == (2, 2)


async def test_every_kept_event_moves_last_received_at(database: Database) -> None:
    newer, older = told(CREATED, "2024-02-01T00:00:00Z"), told(CREATED)
    await database.write(keep(database, [delivery([newer])], 100))
    assert words(await database.write(keep(database, [delivery([older])], 200))) == ["superseded"]
    held = (await held_of(database, [newer.violation_id]))[newer.violation_id]
    assert (held.first_received_at, held.last_received_at, held.revision) == (100, 200, 1)


async def test_the_clock_never_goes_back(database: Database) -> None:
    for number, now in enumerate([1000, 10, 1001]):
        await database.write(keep(database, [delivery([told(CREATED, id=f"v{number}")])], now))
    rows = await database.fetch("SELECT received_at FROM events ORDER BY seq")
    assert [row[0] for row in rows] == [1000, 1000, 1001]


async def test_a_batch_of_a_thousand_events_of_few_violations(database: Database) -> None:
    history = [
        told(CREATED if n % 3 else INVALIDATED, f"2024-01-{1 + n % 28:02d}T00:00:00Z", id=f"v{n % 50}", n=n)
        for n in range(1000)
    ]
    for start in (0, 500, 250):
        await database.write(keep(database, [delivery(history[start : start + 500])], start))
    await assert_holds(database, history)


async def test_ids_differ_by_case_and_by_code_point(database: Database) -> None:
    ids = [
        "v",
        "V",
        " v",
        "v ",
        "\u00e9",
        "e\u0301",
        "\U0001f69a" * 255,
        "x" * 255,
        "\\",
        "%",
        "_",
        "'",
        '"',
        "$1",
        "?1",
    ]
    history = [told(CREATED, id=violation_id) for violation_id in ids]
    kept = await database.write(keep(database, [delivery(history)], 1))
    assert words(kept) == ["created"] * len(ids)
    await assert_holds(database, history)


async def test_nothing_is_kept_of_a_transaction_that_fails(database: Database) -> None:
    history = [told(CREATED), told(INVALIDATED, "2024-01-02T00:00:00Z")]

    class Broken(Exception):
        pass

    def failing() -> object:
        yield from keep(database, [delivery(history)], 1)
        raise Broken

    with pytest.raises(Broken):
        await database.write(failing())  # type: ignore[arg-type]
    for table in ("events", "violations", "violation_versions"):
        assert len(await database.fetch(f"SELECT 1 FROM {table}")) == 0
    assert words(await database.write(keep(database, [delivery(history)], 1))) == ["created", "invalidated"]
