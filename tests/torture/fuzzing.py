"""A server under requests made up from bytes, from a grammar of events, and from its own OpenAPI document.

A round is a thousand requests over many connections, in turn to a `serve` on SQLite and one on PostgreSQL. Some rounds
share their databases; then everything there is is read, and compared with the rule.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvloop

from app.db.database import open_database
from app.db.statements import Dialect
from tests.command_line import Served, serving
from tests.databases import Databases
from tests.ingest.served import ADMIN
from tests.torture.course import Course, Round, Trial
from tests.torture.feed_house import SENDER, SETTINGS, databases_of, make_key
from tests.torture.fuzz_events import make_body
from tests.torture.fuzz_http import make_rough
from tests.torture.fuzz_pages import make_page_ask
from tests.torture.fuzz_reading import read_everything
from tests.torture.fuzz_requests import Credentials, Operation, make_ask, read_document
from tests.torture.fuzz_wire import Ask, Wire
from tests.torture.history_rule import assert_follows_the_rule

REQUESTS = 1000
"""Of one round."""
SHARED = 50
"""Rounds on one pair of databases."""
CONNECTIONS = 24
ROUGH_CONNECTIONS = 8
DIALECTS = (Dialect.SQLITE, Dialect.POSTGRESQL)


@dataclass(eq=False)
class Subject:
    """A server under test."""

    url: str
    served: Served
    credentials: Credentials
    operations: list[Operation]
    read_to: int = 0
    """How much of its log was looked at."""

    def assert_well(self) -> None:
        """Asserts that the process lives, and that it has logged no exception since the last look."""
        assert self.served.process.poll() is None, f"the server has ended: {self.served.log[-3000:]}"
        wrong = self._new_errors()
        assert not wrong, f"in its log: {wrong[0][:3000]}"

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Adds to what goes wrong in the block what the server says of it."""
        try:
            yield
        except BaseException as error:
            for line in self._new_errors():
                error.add_note(f"In the server's log: {line[-3000:]}")
            raise

    def _new_errors(self) -> list[str]:
        log = self.served.log
        new, self.read_to = log[self.read_to :], len(log)
        return [line for line in new.splitlines() if '"level": "error"' in line or "Traceback" in line]


def _header(headers: dict[str, str]) -> bytes:
    name, value = next(iter(headers.items()))
    return f"{name}: {value}".encode()


def _sign_in(served: Served) -> bytes:
    """The cookie of somebody who is signed in as administrator."""
    form = {"key": ADMIN["Authorization"].removeprefix("Bearer ")}
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = httpx2.post(f"{served.url}/sign-in", data=form, headers=headers, trust_env=False)
    assert answer.status_code == 303, answer.text
    return b"Cookie: " + answer.headers["set-cookie"].partition(";")[0].encode()


@contextmanager
def _subject(databases: Databases, folder: Path) -> Iterator[Subject]:
    folder.mkdir(parents=True)
    with databases.fresh() as url:
        reader, limited = make_key(url, "reader"), make_key(url, "limited", ["PGH"])
        # What stops in the middle is waited for less long, or a round would take as long as that.
        with serving(cwd=folder, HOS_DATABASE_URL=url, HOS_REQUEST_SECONDS="2", **SETTINGS) as served:
            document = httpx2.get(f"{served.url}/openapi.json", trust_env=False).json()
            credentials = Credentials(
                _header(ADMIN), _header(reader), _header(limited), _header(SENDER), _sign_in(served)
            )
            yield Subject(url, served, credentials, read_document(document))


def _make_round(subject: Subject, chance: random.Random) -> list[Ask]:
    """The requests of one round."""
    sender = subject.credentials.sender
    asks: list[Ask] = []
    for _ in range(REQUESTS):
        drawn = chance.random()
        if drawn < 0.15:
            asks.append(make_rough(chance, sender))
        elif drawn < 0.6:
            asks.append(_post(sender, make_body(chance)))
        elif drawn < 0.66:
            asks.append(make_page_ask(subject.credentials, chance))
        else:
            asks.append(make_ask(subject.operations, subject.credentials, chance))
    return asks


def _post(sender: bytes, body: bytes) -> Ask:
    head = (b"POST /webhooks/maven HTTP/1.1", b"Host: x", b"Content-Type: application/json", sender)
    return Ask("event", b"\r\n".join((*head, b"Content-Length: %d" % len(body), b"", body)))


async def _send(wires: Sequence[Wire], asks: Sequence[Ask], course: Course) -> None:
    """Sends all, each by the next connection that is free."""
    whole, rough = ([ask for ask in asks if ask.is_rough is is_rough] for is_rough in (False, True))

    async def work(wire: Wire, waiting: list[Ask]) -> None:
        while waiting:
            ask = waiting.pop()
            await wire.ask(ask)

    try:
        async with asyncio.TaskGroup() as group:
            for number, wire in enumerate(wires):
                group.create_task(work(wire, rough if number < ROUGH_CONNECTIONS else whole))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    for wire in wires:
        for status, count in sorted(wire.counted.items()):
            course.count(f"{status // 100}xx" if status != 503 else "503", count)
        wire.counted.clear()


async def _play_some(subjects: Sequence[Subject], course: Course, rounds: Sequence[Round]) -> None:
    async with AsyncExitStack() as stack:
        wires: list[list[Wire]] = []
        for subject in subjects:
            several = [Wire(subject.served.port) for _ in range(ROUGH_CONNECTIONS + CONNECTIONS)]
            for wire in several:
                stack.push_async_callback(wire.close)
            wires.append(several)
        for one in rounds:
            with course.told(one.number):
                place = one.number % len(subjects)
                subject = subjects[place]
                with subject.telling():
                    await _send(wires[place], _make_round(subject, one.chance), course)
                subject.assert_well()
        with course.told(rounds[-1].number):
            for subject, (wire, *_) in zip(subjects, wires, strict=True):
                keys = subject.credentials
                with subject.telling():
                    course.count("read again", await read_everything(wire, keys.admin, keys.cookie))
                subject.assert_well()
                database = await open_database(subject.url, pool_size=2)
                try:
                    course.count("events kept", await assert_follows_the_rule(database))
                finally:
                    await database.close()


def _play(course: Course) -> None:
    rounds = list(course.each_round())
    with ExitStack() as stack:
        # A single round is of one database, and its server is all that is needed.
        numbers = sorted({one.number % len(DIALECTS) for one in rounds})
        sources = [
            stack.enter_context(databases_of(DIALECTS[number], course.directory)) if number in numbers else None
            for number in range(len(DIALECTS))
        ]
        for first in range(0, len(rounds), SHARED):
            _play_on_fresh(sources, course, rounds[first : first + SHARED])


def _play_on_fresh(sources: Sequence[Databases | None], course: Course, rounds: Sequence[Round]) -> None:
    with ExitStack() as stack:
        subjects = []
        for number, source in enumerate(sources):
            folder = course.directory / f"{rounds[0].number}-{number}"
            if source is not None:
                subjects.append(stack.enter_context(_subject(source, folder)))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_play_some(subjects, course, rounds))
        for subject in subjects:
            assert subject.served.stop() == 0


TRIALS = (
    Trial(
        "fuzz",
        "Whatever is sent, no answer is a 500, no answer is late, and nothing that was accepted breaks a later read.",
        "thousands of requests",
        short=2,
        full=1000,
        run=_play,
    ),
)
