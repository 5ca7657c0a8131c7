"""Many writers, and readers who give up and come back: nobody misses, repeats or reorders a change.

A round is one run of sixteen writers against two `serve` processes on PostgreSQL, or one on SQLite. Some violations
move between terminals meanwhile; of those a limited key gets what it may see at the moment that it asks.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx2

from app.db.database import open_database
from app.db.statements import Dialect
from app.violations.rules import Outcome
from tests.command_line import Served
from tests.databases import Databases
from tests.events import CREATED, INVALIDATED, Told
from tests.maven.examples import as_bytes, violation_data
from tests.torture.course import Course, Round, Trial
from tests.torture.feed_house import SENDER, databases_of, make_key, several_serving
from tests.torture.feed_readers import PATIENCE, Entry, Reader
from tests.torture.history_rule import assert_follows_the_rule

WRITERS = 16
VIOLATIONS = 60
TERMINALS: tuple[str | None, ...] = ("PGH", "CLE", None)
"""In the order in which the round's last violations are sent."""
KEYS: tuple[tuple[str, ...], ...] = ((), ("PGH",), ("CLE",), ("CLE", "PGH"), ("ERI",))
"""The terminals that each key is limited to; the first is not limited, the last sees those that pass through."""
MOVING = 6
FEW_EVENTS = 400


class Stored(NamedTuple):
    """A change as the database has it."""

    violation_id: str
    type: str
    revision: int


def _terminal_of(violation: int, chance: random.Random) -> str | None:
    if violation % MOVING == 0:
        return chance.choice((*TERMINALS, "ERI"))
    return TERMINALS[violation % len(TERMINALS)]


def _make_event(chance: random.Random, place: int) -> Told:
    """An event that is mostly newer than those before it, so that it is a change."""
    number = chance.randrange(VIOLATIONS)
    minute, second = divmod(max(0, place + chance.randint(-30, 0)), 60)
    data = violation_data(
        id=f"v{number}",
        eventTime=f"2024-01-01T{minute // 60:02}:{minute % 60:02}:{second:02}Z",
        driverName=chance.choice(("A", "B", "\u2028C")),
        terminalCode=_terminal_of(number, chance),
    )
    event_type = chance.choice((CREATED, CREATED, INVALIDATED))
    return Told(event_type, data, as_bytes({"eventType": event_type, **data}))


def _make_last(terminal: str | None) -> Told:
    data = violation_data(id=f"last-{terminal}", terminalCode=terminal)
    return Told(CREATED, data, as_bytes({"eventType": CREATED, **data}))


async def _write(
    processes: Sequence[httpx2.AsyncClient], chance: random.Random, events: Sequence[Told]
) -> list[tuple[str, str]]:
    """Sends events in deliveries of any size; gives violation and outcome of each."""
    answered: list[tuple[str, str]] = []
    left = list(events)
    while left:
        size = chance.choice((1, 1, 2, 5, 12))
        some, left = left[:size], left[size:]
        body = b"[" + b",".join(one.body for one in some) + b"]"
        answer = await chance.choice(processes).post("/webhooks/maven", content=body, headers=SENDER)
        assert answer.status_code == 200, answer.text
        answered += [(result["violationId"], result["outcome"]) for result in answer.json()["results"]]
        if chance.random() < 0.05:
            await asyncio.sleep(chance.uniform(0, 0.2))
    return answered


async def _run(served: Sequence[Served], url: str, keys: Sequence[dict[str, str]], one: Round, course: Course) -> None:
    chance = one.chance
    # The first round is small, so that there is one to have with every change.
    count = FEW_EVENTS if one.number == 0 else chance.randint(1500, 4000)
    events = [_make_event(chance, place) for place in range(count)]
    last = [_make_last(terminal) for terminal in (*TERMINALS, "ERI")]
    async with AsyncExitStack() as stack:
        processes = []
        for process in served:
            limits = httpx2.Limits(max_connections=None)
            client = httpx2.AsyncClient(base_url=process.url, trust_env=False, timeout=PATIENCE, limits=limits)
            processes.append(await stack.enter_async_context(client))
        start = (await processes[0].get("/v1/changes", headers=keys[0])).json()["pagination"]["nextCursor"]
        readers: list[Reader] = []
        following: list[asyncio.Task[None]] = []
        for number in range(12):
            key = (0, 0, 1, 2, 3, 4)[number % 6]
            terminals = frozenset(KEYS[key]) or None
            ends = [told.violation_id for told in last if terminals is None or told.data["terminalCode"] in terminals]
            reader = Reader(f"reader {number}", keys[key], terminals, ends[-1], random.Random(chance.random()))
            readers.append(reader)
            # Those who see all may begin without a cursor: pages at the beginning, a stream with what is to come.
            begin = None if key == 0 and number < 6 else start
            follow = reader.follow_pages if number % 2 else reader.follow_stream
            following.append(asyncio.create_task(follow(processes, begin)))
        try:
            # A stream that begins with what is to come misses what came before it began.
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(reader.has_begun.wait() for reader in readers))
            shares = [events[number::WRITERS] for number in range(WRITERS)]
            writing = [_write(processes, random.Random(chance.random()), share) for share in shares]
            answered = [pair for pairs in await asyncio.gather(*writing) for pair in pairs]
            for told in last:
                answered += await _write(processes, chance, [told])
            await asyncio.gather(*following)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    await _judge(url, [*events, *last], answered, readers)
    course.count("events", len(answered))
    for what, number in (
        ("changes read", sum(len(reader.entries) for reader in readers)),
        ("requests", sum(reader.requests for reader in readers)),
        ("broken off", sum(reader.broken_off for reader in readers)),
    ):
        course.count(what, number)


async def _judge(
    url: str, told: Sequence[Told], answered: Sequence[tuple[str, str]], readers: Sequence[Reader]
) -> None:
    database = await open_database(url)
    try:
        rows = await database.fetch(
            "SELECT v.id, e.outcome, e.revision FROM events AS e JOIN violations AS v ON v.pk = e.violation_pk"
            f" WHERE e.outcome < {int(Outcome.SUPERSEDED)} ORDER BY e.seq"
        )
        identities = {row[0] for row in await database.fetch("SELECT identity FROM events")}
        assert identities == {one.read().identity for one in told}
        await assert_follows_the_rule(database)
    finally:
        await database.close()
    stored = [Stored(row[0], f"violation.{Outcome(row[1]).word}", row[2]) for row in rows]
    changes = [(name, outcome) for name, outcome in answered if Outcome[outcome.upper()].is_change]
    assert sorted(changes) == sorted((one.violation_id, one.type.removeprefix("violation.")) for one in stored)
    terminals: dict[str, set[object]] = {}
    for event in told:
        terminals.setdefault(event.violation_id, set()).add(event.data["terminalCode"])
    known: dict[Stored, Entry] = {}
    for reader in readers:
        _judge_one(reader, stored, terminals, known)


def _judge_one(
    reader: Reader, stored: Sequence[Stored], terminals: dict[str, set[object]], known: dict[Stored, Entry]
) -> None:
    """Compares what one reader got with what it should have got; `known` is what others got of the same changes."""
    got = [Stored(entry["violationId"], entry["type"], entry["violation"]["revision"]) for entry in reader.entries]
    place = {change: number for number, change in enumerate(stored)}
    numbers = [place[change] for change in got]
    for number, (before, after) in enumerate(pairwise(numbers)):
        assert before < after, f"{reader.name} got {got[number + 1]} after {got[number]}"
    for change, entry in zip(got, reader.entries, strict=True):
        assert known.setdefault(change, entry) == entry, f"{reader.name} was told otherwise than others: {change}"
        ever = terminals[change.violation_id]
        assert reader.terminals is None or reader.terminals & ever, f"{reader.name} must not see {change}"
    is_constant = {name for name, several in terminals.items() if len(several) == 1}
    wanted = [
        change
        for change in stored
        if reader.terminals is None
        or (change.violation_id in is_constant and terminals[change.violation_id] & reader.terminals)
    ]
    missed = set(wanted) - set(got)
    assert not missed, f"{reader.name} missed {len(missed)} of {len(wanted)}, such as {min(missed)}"


def _play_one(course: Course, databases: Databases, one: Round) -> None:
    count = 2 if databases.dialect is Dialect.POSTGRESQL else 1
    folder = course.directory / str(one.number)
    with databases.fresh() as url:
        keys = [make_key(url, f"key-{number}", terminals) for number, terminals in enumerate(KEYS)]
        with several_serving(count, url, folder) as served:
            asyncio.run(_run(served, url, keys, one, course))
            for process in served:
                assert process.stop() == 0
                assert '"level": "error"' not in process.log, process.log


def _play(dialect: Dialect, course: Course) -> None:
    with databases_of(dialect, Path(course.directory)) as databases:
        course.play(partial(_play_one, course, databases))


TRIALS = tuple(
    Trial(
        f"feed-{dialect.value}",
        "Readers of changes and streams miss, repeat and reorder nothing, however they come and go.",
        "runs",
        short=1,
        full=50,
        run=partial(_play, dialect),
    )
    for dialect in Dialect
)
