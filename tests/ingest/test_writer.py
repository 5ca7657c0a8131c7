"""The writer: one commit for all that waits, a bounded queue, deadlines, and failures that stay with whom they concern.

The databases are real; what fails is arranged around their scripts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from app.db.database import Database, open_database
from app.db.errors import DatabaseRefused, DatabaseUnavailable
from app.db.statements import Insert, Row, WriteScript
from app.inbox.model import Channel, EventRow
from app.ingest.keeping import Delivery, Kept
from app.ingest.writer import Overloaded, Writer
from app.maven.events import Fault, ReadEvent, RejectedEvent
from app.violations.rules import Outcome
from tests.events import CREATED, Told
from tests.maven.examples import as_bytes, violation_data
from tests.violations.stored import assert_holds, delivery

T = TypeVar("T")
PATIENCE = 15.0


class Counted:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.failures: list[str] = []
        self.kept: dict[tuple[str, Outcome], int] = {}

    def events_kept(self, event_type: str, channel: Channel, outcome: Outcome, count: int) -> None:
        self.kept[event_type, outcome] = self.kept.get((event_type, outcome), 0) + count

    def batch_committed(self, events: int, seconds: float) -> None:
        assert seconds >= 0
        self.batches.append(events)

    def commit_failed(self, reason: str) -> None:
        self.failures.append(reason)


class Troubled:
    """A real database, with trouble arranged before its transactions and within them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.fetch, self.read, self.stream = database.fetch, database.read, database.stream
        self.check, self.close = database.check, database.close
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.entered = asyncio.Event()
        self.failure: Callable[[], Exception] | None = None
        self.is_poison: Callable[[bytes], Exception | None] = lambda payload: None
        self.writes = 0

    async def write(self, script: WriteScript[T]) -> T:
        self.writes += 1
        self.entered.set()
        await self.is_open.wait()
        if self.failure is not None:
            raise self.failure()
        return await self._database.write(self._tasted(script))

    def _tasted(self, script: WriteScript[T]) -> WriteScript[T]:
        try:
            statement = next(script)
            while True:
                if isinstance(statement, Insert) and statement.model is EventRow:
                    for row in statement.rows:
                        payload = row[-1]
                        assert isinstance(payload, bytes)
                        failure = self.is_poison(payload)
                        if failure is not None:
                            raise failure
                rows: list[Row] = list((yield statement))
                statement = script.send(rows)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Troubled]:
    opened = await open_database(database_url)
    yield Troubled(opened)
    await opened.close()


@asynccontextmanager
async def writing(database: Database, **options: object) -> AsyncIterator[tuple[Writer, Counted]]:
    metrics = Counted()
    writer = Writer(database, lambda: 1_700_000_000_000_000, metrics, **options)  # type: ignore[arg-type]
    writer.start()
    try:
        yield writer, metrics
    finally:
        await writer.stop()


def created(n: int, **changes: object) -> Told:
    data = violation_data(id=f"v{n}", **changes)  # type: ignore[arg-type]
    return Told(CREATED, data, as_bytes({"eventType": CREATED, **data}))


def submitted(writer: Writer, *events: Told) -> "asyncio.Task[list[Kept]]":
    return asyncio.create_task(writer.submit(delivery(events)))


async def outcome_of(task: "asyncio.Task[list[Kept]]") -> list[str]:
    return [kept.outcome.word for kept in await asyncio.wait_for(task, PATIENCE)]


async def rest(turns: int = 20) -> None:
    """Lets every other task run until it waits for something outside."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_all_that_waits_is_committed_together(database: Troubled) -> None:
    committed = 0

    def count_commits() -> None:
        nonlocal committed
        committed += 1

    async with writing(database, on_commit=count_commits) as (writer, metrics):
        database.is_open.clear()
        first = submitted(writer, created(0))
        await database.entered.wait()
        others = [submitted(writer, created(n)) for n in range(1, 50)]
        await rest()
        assert writer.depth == 50
        database.is_open.set()
        assert await outcome_of(first) == ["created"]
        assert [await outcome_of(task) for task in others] == [["created"]] * 49
        assert (database.writes, metrics.batches, committed) == (2, [1, 49], 2)
        assert writer.depth == 0
    assert metrics.kept == {(CREATED, Outcome.CREATED): 50}
    await assert_holds(database, [created(n) for n in range(50)])


async def test_a_transaction_takes_no_more_than_two_thousand_events(database: Troubled) -> None:
    async with writing(database) as (writer, metrics):
        database.is_open.clear()
        tasks = [submitted(writer, created(0))]
        await database.entered.wait()
        tasks += [submitted(writer, *(created(n) for n in range(start, start + 600))) for start in range(1, 3001, 600)]
        await rest()
        database.is_open.set()
        for task in tasks:
            assert set(await outcome_of(task)) == {"created"}
    assert metrics.batches == [1, 1800, 1200]


async def test_results_belong_to_their_delivery_in_its_order(database: Troubled) -> None:
    broken = RejectedEvent(CREATED, None, None, (Fault("/id", "is required"),), b"{}")
    async with writing(database) as (writer, metrics):
        events: list[ReadEvent] = [created(1).read(), broken, created(1).read(), created(2).read()]
        kept, again = await asyncio.gather(
            writer.submit(Delivery(events, Channel.WEBHOOK)), writer.submit(Delivery([broken], Channel.POLL))
        )
    assert [k.outcome.word for k in kept] == ["created", "quarantined", "duplicate", "created"]
    assert [k.quarantine_id for k in kept] == [None, again[0].quarantine_id, None, None]
    assert again[0].quarantine_id is not None
    assert metrics.kept == {
        (CREATED, Outcome.CREATED): 2,
        (CREATED, Outcome.QUARANTINED): 2,
        (CREATED, Outcome.DUPLICATE): 1,
    }


async def test_a_full_queue_refuses_and_takes_again(database: Troubled) -> None:
    async with writing(database, queue_events=10) as (writer, _):
        database.is_open.clear()
        waiting = [submitted(writer, *(created(10 * n + i) for i in range(5))) for n in range(2)]
        await rest()
        with pytest.raises(Overloaded):
            await writer.submit(delivery([created(99)]))
        database.is_open.set()
        for task in waiting:
            assert await outcome_of(task) == ["created"] * 5
        assert await outcome_of(submitted(writer, created(99))) == ["created"]


async def test_a_queue_is_full_by_bytes_too(database: Troubled) -> None:
    async with writing(database, queue_bytes=100_000) as (writer, _):
        database.is_open.clear()
        large = Delivery([created(1).read()], Channel.WEBHOOK, size=90_000)
        task = asyncio.create_task(writer.submit(large))
        await rest()
        with pytest.raises(Overloaded):
            await writer.submit(Delivery([created(2).read()], Channel.WEBHOOK, size=20_000))
        database.is_open.set()
        assert await outcome_of(task) == ["created"]


async def test_a_delivery_larger_than_the_queue_is_taken_alone(database: Troubled) -> None:
    async with writing(database, queue_events=3) as (writer, _):
        database.is_open.clear()
        task = submitted(writer, *(created(n) for n in range(20)))
        await rest()
        with pytest.raises(Overloaded):
            await writer.submit(delivery([created(99)]))
        database.is_open.set()
        assert await outcome_of(task) == ["created"] * 20


async def test_a_delivery_that_waits_too_long_is_unavailable_and_the_next_is_kept(database: Troubled) -> None:
    async with writing(database, answer_seconds=0.3) as (writer, metrics):
        database.is_open.clear()
        loop = asyncio.get_running_loop()
        began = loop.time()
        in_flight = submitted(writer, created(1))
        await database.entered.wait()
        queued = submitted(writer, created(2))
        for task in (in_flight, queued):
            with pytest.raises(DatabaseUnavailable, match=r"did not commit within 0\.3 s"):
                await task
        assert loop.time() - began < 2
        assert set(metrics.failures) == {"too_slow"}
        assert writer.depth == 0
        database.is_open.set()
        assert await outcome_of(submitted(writer, created(3))) == ["created"]
    # What was being written may be kept; what only waited is not.
    await assert_holds(database, [created(1), created(3)])
    assert len(await database.fetch("SELECT 1 FROM events")) == 2


async def test_requests_that_give_up_take_nobody_with_them(database: Troubled) -> None:
    async with writing(database) as (writer, _):
        database.is_open.clear()
        in_flight = submitted(writer, created(0))
        await database.entered.wait()
        tasks = [submitted(writer, created(n)) for n in range(1, 11)]
        await rest()
        in_flight.cancel()
        for task in tasks[::2]:
            task.cancel()
        await rest()
        assert writer.depth == 5
        database.is_open.set()
        for task in tasks[1::2]:
            assert await outcome_of(task) == ["created"]
        for task in (in_flight, *tasks[::2]):
            assert task.cancelled()
        assert writer.depth == 0
    await assert_holds(database, [created(n) for n in (0, 2, 4, 6, 8, 10)])
    assert len(await database.fetch("SELECT 1 FROM events")) == 6


@pytest.mark.parametrize(
    "failure, reason",
    [(DatabaseRefused("this value"), "refused"), (ZeroDivisionError("a fault of ours"), "crashed")],
)
async def test_one_delivery_that_cannot_be_kept_fails_alone(
    database: Troubled, failure: Exception, reason: str
) -> None:
    database.is_poison = lambda payload: failure if b"poison" in payload else None
    async with writing(database) as (writer, metrics):
        database.is_open.clear()
        first = submitted(writer, created(0))
        await database.entered.wait()
        tasks = [submitted(writer, created(n, note="poison" if n == 5 else "")) for n in range(1, 10)]
        await rest()
        database.is_open.set()
        assert await outcome_of(first) == ["created"]
        for n, task in enumerate(tasks, start=1):
            if n == 5:
                with pytest.raises(DatabaseUnavailable, match="could not be stored"):
                    await task
            else:
                assert await outcome_of(task) == ["created"]
        assert metrics.failures == [reason]
    await assert_holds(database, [created(n, note="") for n in range(10) if n not in (0, 5)] + [created(0)])


async def test_a_database_that_goes_fails_who_waits_and_serves_again(database: Troubled) -> None:
    async with writing(database) as (writer, metrics):
        assert await outcome_of(submitted(writer, created(0))) == ["created"]
        database.failure = lambda: DatabaseUnavailable("gone")
        tasks = [submitted(writer, created(n)) for n in range(1, 20)]
        for task in tasks:
            with pytest.raises(DatabaseUnavailable, match="gone"):
                await asyncio.wait_for(task, PATIENCE)
        assert set(metrics.failures) == {"unavailable"}
        database.failure = None
        for n in range(1, 20):
            assert await outcome_of(submitted(writer, created(n))) == ["created"]
    await assert_holds(database, [created(n) for n in range(20)])


async def test_after_a_refusal_a_lost_database_does_not_hold_up_those_whose_time_is_over(database: Troubled) -> None:
    is_refused = True

    def fail() -> Exception:
        nonlocal is_refused
        if is_refused:
            is_refused = False
            return DatabaseRefused("the batch")
        database.is_open.clear()
        return DatabaseUnavailable("and then the database")

    async with writing(database, answer_seconds=0.3) as (writer, _):
        database.is_open.clear()
        database.failure = fail
        tasks = [submitted(writer, created(n)) for n in range(30)]
        await database.entered.wait()
        await rest()
        database.is_open.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results)
        writes = database.writes
        database.failure = None
        database.is_open.set()
        assert await outcome_of(submitted(writer, created(99))) == ["created"]
        # One more try was under way for the others; none was made for those who had their answer.
        assert database.writes - writes <= 2


async def test_who_counts_or_listens_cannot_end_the_writing(database: Troubled) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async with writing(database, on_commit=fail) as (writer, _):
        assert await outcome_of(submitted(writer, created(1))) == ["created"]
        assert await outcome_of(submitted(writer, created(2))) == ["created"]


async def test_stopping_writes_what_waits(database: Troubled) -> None:
    async with writing(database) as (writer, _):
        database.is_open.clear()
        tasks = [submitted(writer, created(0))]
        await database.entered.wait()
        tasks += [submitted(writer, created(n)) for n in range(1, 30)]
        await rest()
        stopping = asyncio.create_task(writer.stop())
        await rest()
        assert not stopping.done()
        database.is_open.set()
        await asyncio.wait_for(stopping, PATIENCE)
        assert all(task.done() for task in tasks)
        for task in tasks:
            assert await outcome_of(task) == ["created"]
        with pytest.raises(DatabaseUnavailable, match="stopping"):
            await writer.submit(delivery([created(99)]))


async def test_stopping_does_not_wait_for_ever(database: Troubled) -> None:
    async with writing(database, answer_seconds=0.3) as (writer, _):
        database.is_open.clear()
        tasks = [submitted(writer, created(n)) for n in range(3)]
        await database.entered.wait()
        await asyncio.wait_for(writer.stop(), 3)
        for task in tasks:
            with pytest.raises(DatabaseUnavailable):
                await task
