"""Random histories, told to SQLite and PostgreSQL in several orders, compared with the pure rule event by event.

Many histories share a database, each with violations of its own, and are told side by side, so that one transaction
has something of each. Long runs are split among processes.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from app.db.database import Database, open_database
from app.db.errors import DatabaseUnavailable
from app.ingest.keeping import keep_deliveries
from app.maven.events import IgnoredEvent
from app.query.filters import ViolationFilter
from app.query.violations import ORDERS, all_in_order
from app.violations.model import ACTIVE, INVALIDATED
from app.violations.rules import Outcome
from tests.databases import Databases, PostgresqlDatabases, SqliteDatabases, running_postgresql
from tests.torture.course import Course, Trial
from tests.torture.history_events import MOST_STEPS, History, Said, Transaction, delivered, make_history
from tests.torture.history_rule import ByRule, Step, assert_same, held_steps, held_violations, told_by_rule

CHUNK = 300
"""Histories that share a database."""
PROCESSES = 2
MOST_ANEW = 3
"""How often some histories may be begun anew because a database did not answer."""

# When each transaction is received: some at once with the one before, and twice the clock has gone back.
_BEGIN = 1_767_225_600_000_000
_CLOCK = [_BEGIN + at for at in (0, 1, 1, 2, 5, 3, 5, 8, 9, 9, *range(1_000_000, 1_000_011), 7, 1_000_020, 1_000_021)]
_RECEIVED = list(accumulate(_CLOCK, max))
assert len(_CLOCK) >= MOST_STEPS


class Expected(NamedTuple):
    """One violation by the rule, with the transaction in which each kept event was new."""

    told: ByRule
    transactions: list[int]
    channels: list[int]


def _expected_of(transactions: Sequence[Transaction]) -> tuple[dict[str, Expected], list[list[str]]]:
    """Every violation of one telling by the rule, and the outcomes of each transaction, rejected events among them."""
    by_violation: dict[str, list[tuple[Said, int, int]]] = {}
    for number, deliveries in enumerate(transactions):
        for channel, events in deliveries:
            for said in events:
                if said.accepted is not None:
                    by_violation.setdefault(said.accepted.violation_id, []).append((said, number, int(channel)))
    expected: dict[str, Expected] = {}
    outcome_of: dict[str, Iterator[str]] = {}
    for violation_id, arrivals in by_violation.items():
        told = told_by_rule([said.accepted for said, _, _ in arrivals if said.accepted is not None])
        new = [
            place for place, outcome in zip(arrivals, told.outcomes, strict=True) if outcome != Outcome.DUPLICATE.word
        ]
        expected[violation_id] = Expected(told, [number for _, number, _ in new], [channel for *_, channel in new])
        outcome_of[violation_id] = iter(told.outcomes)
    outcomes: list[list[str]] = []
    for deliveries in transactions:
        outcomes.append([_outcome_of(said, outcome_of) for _, events in deliveries for said in events])
    return expected, outcomes


def _outcome_of(said: Said, outcome_of: dict[str, Iterator[str]]) -> str:
    if said.accepted is not None:
        return next(outcome_of[said.accepted.violation_id])
    return (Outcome.IGNORED if isinstance(said.read, IgnoredEvent) else Outcome.QUARANTINED).word


class Broken(AssertionError):
    """What differs, in which history."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(number, why)
        self.number, self.why = number, why

    def __str__(self) -> str:
        return f"history {self.number}: {self.why}"


@contextmanager
def _of(number: int, where: str) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise Broken(number, f"{where}: {error}") from error


def _refuse(violation_ids: Iterable[str], why: str) -> None:
    """Raises `Broken` when there is any of these."""
    for violation_id in violation_ids:
        raise Broken(int(violation_id.partition("-")[0]), f"{violation_id!r}: {why}")


async def _tell_all(database: Database, histories: Sequence[History], telling: int) -> Counter[str]:
    """Tells one telling of every history, and compares all that there is to see."""
    figures: Counter[str] = Counter()
    where = f"{database.dialect.value}, order {telling}"
    wanted = [_expected_of(history.tellings[telling]) for history in histories]
    for number in range(max(len(history.tellings[telling]) for history in histories)):
        now = [history for history in histories if number < len(history.tellings[telling])]
        deliveries = [
            (history, delivered(history.number + number + place, channel, events))
            for history in now
            for place, (channel, events) in enumerate(history.tellings[telling][number])
        ]
        script = keep_deliveries(database.dialect, [one for _, one in deliveries], _CLOCK[number])
        kept = iter(await database.write(script))
        for history, (_, outcomes) in zip(histories, wanted, strict=True):
            if history not in now:
                continue
            words = [one.outcome.word for _ in history.tellings[telling][number] for one in next(kept)]
            with _of(history.number, where):
                assert_same(words, outcomes[number], f"outcomes of transaction {number}")
            figures["events"] += len(words)
    await _compare(database, histories, [expected for expected, _ in wanted], where)
    figures["versions"] += await _compare_past(database, histories, [expected for expected, _ in wanted], where)
    return figures


async def _compare(
    database: Database, histories: Sequence[History], wanted: Sequence[dict[str, Expected]], where: str
) -> None:
    steps, violations = await held_steps(database), await held_violations(database)
    numbers = [one.seq for held in steps.values() for one in held]
    assert len(set(numbers)) == len(numbers)
    for history, expected in zip(histories, wanted, strict=True):
        for violation_id, one in expected.items():
            with _of(history.number, f"{where}, {violation_id!r}"):
                held, row = steps.pop(violation_id, []), violations.pop(violation_id, None)
                assert_same([entry.step for entry in held], one.told.steps, "events")
                receipts = [(_RECEIVED[n], channel) for n, channel in zip(one.transactions, one.channels, strict=True)]
                assert_same([(entry.received_at, entry.channel) for entry in held], receipts, "receipts")
                last = one.told.steps[-1]
                assert row is not None
                assert row[:3] == (last.details, last.invalidated_at, last.revision), "the violation stands otherwise"
                assert (row.first_received_at, row.last_received_at) == (receipts[0][0], receipts[-1][0])
                assert row.rendered
    _refuse({**steps, **violations}, f"{where}: nobody told it")


async def _compare_past(
    database: Database, histories: Sequence[History], wanted: Sequence[dict[str, Expected]], where: str
) -> int:
    """Asks what was known at each moment of receipt, and just before the first one."""
    compared = 0
    details: dict[int, str] = dict(map(tuple, await database.fetch("SELECT seq, identity FROM events")))
    for moment in (_BEGIN - 1, *sorted(set(_RECEIVED))):
        asked = ViolationFilter(statuses=(ACTIVE, INVALIDATED), as_of=moment)
        statement = all_in_order(database.dialect, asked, ORDERS["eventTime"])
        rows = await database.fetch(statement.sql, *statement.args)
        held = {row[0]: (details[row[1]], *tuple(row)[2:6]) for row in rows}
        twice = [name for name, count in Counter(row[0] for row in rows).items() if count > 1]
        _refuse(twice, f"{where}, as of {moment - _BEGIN:+d}: twice in one list")
        for history, expected in zip(histories, wanted, strict=True):
            for violation_id, one in expected.items():
                then, known = held.pop(violation_id, None), _known_at(one, moment)
                if then != known:
                    why = f"{where}, {violation_id!r} as of {moment - _BEGIN:+d}: held {then}, by the rule {known}"
                    raise Broken(history.number, why)
                compared += 1
        _refuse(held, f"{where}, as of {moment - _BEGIN:+d}: nobody told it")
    return compared


def _known_at(one: Expected, moment: int) -> tuple[object, ...] | None:
    """Details, invalidation, receipts and revision at a moment; None before the first receipt."""
    received = [_RECEIVED[number] for number in one.transactions]
    count = sum(at <= moment for at in received)
    if not count:
        return None
    step: Step = one.told.steps[count - 1]
    return step.details, step.invalidated_at, received[0], received[count - 1], step.revision


async def _play_chunk(histories: Sequence[History], sources: Sequence[Databases]) -> Counter[str]:
    """Every history, one telling in each database; afterwards all must stand the same, for they had the same events."""
    figures: Counter[str] = Counter(dict.fromkeys(("events", "versions"), 0))
    ends: list[dict[str, tuple[object, ...]]] = []
    async with AsyncExitStack() as stack:
        for number, source in enumerate(sources):
            url = stack.enter_context(source.fresh())
            database = await open_database(url, pool_size=2)
            stack.push_async_callback(database.close)
            # The first order is told to the first two, which must agree in all they hold.
            figures += await _tell_all(database, histories, max(0, number - 1))
            ends.append({name: row[:2] for name, row in (await held_violations(database)).items()})
    for history in histories:
        for name in {said.accepted.violation_id for said in _all_said(history) if said.accepted is not None}:
            if len({end[name] for end in ends}) != 1:
                raise Broken(history.number, f"{name!r} stands by the order of its events")
    return figures


def _all_said(history: History) -> Iterator[Said]:
    return (said for deliveries in history.tellings[0] for _, events in deliveries for said in events)


def play_some(course: Course, postgresql: str, numbers: range) -> Counter[str]:
    """Plays the histories of these numbers. Raises `Broken`."""
    histories = [make_history(number, course.chance(number), 2) for number in numbers]
    figures: Counter[str] = Counter()
    with closing(PostgresqlDatabases(postgresql)) as served:
        while True:
            with TemporaryDirectory(dir=course.directory) as directory:
                files = SqliteDatabases(Path(directory))
                again: Databases = (files, served)[numbers[0] // CHUNK % 2]
                try:
                    return figures + asyncio.run(_play_chunk(histories, (files, served, again)))
                except DatabaseUnavailable:
                    # A machine that stands still for seconds: nobody knows what was committed, so all of it anew.
                    figures["begun anew"] += 1
                    if figures["begun anew"] > MOST_ANEW:
                        raise


def _play(course: Course) -> None:
    end = course.first + course.rounds
    chunks = [range(first, min(first + CHUNK, end)) for first in range(course.first, end, CHUNK)]
    with running_postgresql() as server, ExitStack() as stack:
        if len(chunks) == 1:
            each = (play_some(course, server.url, numbers) for numbers in chunks)
        else:
            # A process that serves a database has threads, so others do not begin as copies of this one.
            pool = stack.enter_context(ProcessPoolExecutor(PROCESSES, get_context("spawn")))
            waiting = [pool.submit(play_some, course, server.url, numbers) for numbers in chunks]
            stack.callback(pool.shutdown, cancel_futures=True)
            each = (one.result() for one in waiting)
        try:
            for figures in each:
                course.figures += figures
        except Broken as broken:
            with course.told(broken.number):
                raise


TRIALS = (
    Trial(
        "histories",
        "Whatever comes in whatever order, cut and shape, both databases hold what the rule makes of the set.",
        "histories",
        short=300,
        full=100_000,
        run=_play,
    ),
)
