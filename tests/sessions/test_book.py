"""Who a session's token stands for: now, a while later, in another process, and against a model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database, open_database
from app.keys.ring import STALE_SECONDS, KeyRing, KeysUnknown
from app.keys.schema import ApiKey, Scope, hash_key
from app.keys.store import create_key, revoke_key
from app.maven.times import HOUR, MINUTE, SECOND
from app.sessions.book import KEPT_SECONDS, Lifetimes, SessionBook
from app.sessions.store import find_session, hash_token
from tests.databases import Databases
from tests.query.desk import Clock

pytestmark = pytest.mark.anyio

IDLE, WHOLE = 30 * MINUTE, 8 * HOUR
KEPT = KEPT_SECONDS * SECOND
KEY = ApiKey("safety", frozenset([Scope.READ]))
PERSON = ApiKey("Ada (4711)", frozenset([Scope.READ]), frozenset(["PGH"]))


@dataclass(eq=False)
class Desk:
    """Two processes on one database, with one clock."""

    database: Database
    clock: Clock
    ring: KeyRing
    here: SessionBook
    there: SessionBook

    async def make_key(self, key: ApiKey = KEY) -> str:
        """Stores a key, whose text is its name; gives its hash."""
        digest = hash_key(key.name)
        await self.database.write(create_key(key.name, digest, key.scopes, key.terminals, self.clock()))
        await self.ring.refresh()
        return digest

    async def revoke(self, name: str = KEY.name) -> None:
        assert await self.database.write(revoke_key(name, self.clock()))
        await self.ring.refresh()

    async def pass_time(self, micros: int) -> None:
        self.clock.at += micros
        await self.ring.refresh()


@asynccontextmanager
async def open_desk(url: str, idle: int = IDLE) -> AsyncIterator[Desk]:
    database = await open_database(url)
    clock = Clock()
    ring = KeyRing(database, [], lambda: clock() / SECOND)
    await ring.refresh()
    here, there = (SessionBook(database, ring, Lifetimes(idle, WHOLE), clock) for _ in range(2))
    try:
        yield Desk(database, clock, ring, here, there)
    finally:
        await database.close()


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened


async def test_a_session_with_a_key_is_what_the_key_is(desk: Desk) -> None:
    token = await desk.here.begin(KEY, await desk.make_key())
    assert await desk.here.find(token) == await desk.there.find(token) == KEY
    assert await desk.here.find(token + "x") is None
    await desk.revoke()
    assert await desk.here.find(token) is None
    assert desk.here.held_now(token) is None
    # A new key of the same name is another key.
    await desk.database.write(create_key(KEY.name, hash_key("other"), KEY.scopes, None, desk.clock()))
    await desk.ring.refresh()
    assert await desk.here.find(token) is None


async def test_a_key_that_may_less_now_makes_its_session_less(desk: Desk) -> None:
    token = await desk.here.begin(ApiKey("safety", frozenset([Scope.ADMIN])), await desk.make_key())
    assert await desk.here.find(token) == KEY
    await desk.database.fetch("SELECT 1")
    assert desk.here.held_now(token) == KEY


async def test_a_persons_session_is_what_it_was(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    await desk.pass_time(20 * MINUTE)
    assert await desk.there.find(token) == PERSON


async def test_keys_that_are_not_known_make_no_session(desk: Desk) -> None:
    token = await desk.here.begin(KEY, await desk.make_key())
    desk.clock.at += int(STALE_SECONDS * SECOND) + 1
    with pytest.raises(KeysUnknown):
        await desk.here.find(token)
    await desk.ring.refresh()
    assert await desk.here.find(token) == KEY


async def test_use_extends_a_session_and_time_ends_it(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    for _ in range(WHOLE // (25 * MINUTE)):
        await desk.pass_time(25 * MINUTE)
        assert await desk.here.find(token) == PERSON
    await desk.pass_time(WHOLE % (25 * MINUTE) - 1)
    assert await desk.here.find(token) == PERSON
    await desk.pass_time(1)
    assert await desk.here.find(token) is None
    assert desk.here.held_now(token) is None


async def test_what_a_page_does_by_itself_extends_nothing(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    for _ in range(29):
        await desk.pass_time(MINUTE)
        assert await desk.here.find(token, is_use=False) == PERSON
    await desk.pass_time(MINUTE)
    assert await desk.here.find(token, is_use=False) is None
    assert await desk.here.find(token) is None


async def test_use_there_counts_here(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    assert await desk.here.find(token) == PERSON
    await desk.pass_time(29 * MINUTE)
    assert await desk.there.find(token) == PERSON
    await desk.pass_time(29 * MINUTE)
    assert await desk.here.find(token, is_use=False) == PERSON


async def test_a_short_session_that_is_used_all_the_time_goes_on(database_url: str) -> None:
    async with open_desk(database_url, MINUTE) as desk:
        token = await desk.here.begin(PERSON, None)
        for _ in range(10):
            await desk.pass_time(40 * SECOND)
            assert await desk.here.find(token) == PERSON
        await desk.pass_time(MINUTE)
        assert await desk.here.find(token) is None


async def test_signing_out_counts_here_at_once_and_there_soon(desk: Desk) -> None:
    token, other = await desk.here.begin(PERSON, None), await desk.here.begin(PERSON, None)
    assert await desk.here.find(token) == await desk.there.find(token) == PERSON
    await desk.here.end(token)
    assert await desk.here.find(token) is None
    assert desk.here.held_now(token) is None
    await desk.pass_time(KEPT)
    assert await desk.there.find(token) is None
    assert desk.there.held_now(token) is None
    assert await desk.there.find(other) == PERSON
    await desk.here.end("never begun")


async def test_a_clock_that_is_set_back_keeps_nothing_longer(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    assert await desk.there.find(token) == PERSON
    await desk.here.end(token)
    desk.clock.at -= HOUR
    assert await desk.there.find(token) is None


async def test_many_requests_at_once_are_all_answered(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    await desk.pass_time(10 * MINUTE)
    answers = await asyncio.gather(*(desk.here.find(token) for _ in range(20)))
    assert answers == [PERSON] * 20
    session = await desk.database.read(find_session(hash_token(token)))
    assert session is not None
    assert session.seen_at == desk.clock()


async def test_what_goes_on_for_long_holds_while_others_use_the_session(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    assert desk.here.held_now(token) is None  # it was not asked for yet
    for _ in range(5):
        await desk.pass_time(2 * MINUTE)
        assert await desk.here.find(token) == PERSON
        assert desk.here.held_now(token) == PERSON


async def test_made_up_tokens_drive_out_nobody(desk: Desk) -> None:
    token = await desk.here.begin(PERSON, None)
    assert await desk.here.find(token) == PERSON
    for number in range(0, 11_000, 100):
        answers = await asyncio.gather(*(desk.here.find(f"{number + n}") for n in range(100)))
        assert set(answers) == {None}
    assert desk.here.held_now(token) == PERSON


async def test_signing_out_while_the_session_is_asked_for_holds(desk: Desk) -> None:
    tokens = [await desk.here.begin(PERSON, None) for _ in range(20)]
    await asyncio.gather(*(one for token in tokens for one in (desk.here.find(token), desk.here.end(token))))
    assert {await desk.here.find(token) for token in tokens} == {None}


@dataclass
class Model:
    """What the sessions are, in plain words: when each began and was last used; `key` is whether it is a key's."""

    now: int = 0
    began: list[int] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)
    is_key: list[bool] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    is_revoked: bool = False

    def lives(self, number: int) -> bool:
        return not (
            number in self.ended
            or (self.is_key[number] and self.is_revoked)
            or self.now >= self.began[number] + WHOLE
            or self.now >= self.noted[number] + IDLE
        )

    def use(self, number: int) -> None:
        if self.now >= self.noted[number] + MINUTE:
            self.noted[number] = self.now


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["use", "use", "peep", "use there"]), st.integers(0, 5)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("revoke"), st.just(0)),
        st.tuples(
            st.just("wait"),
            st.sampled_from([KEPT, MINUTE - 1, MINUTE, 10 * MINUTE, IDLE - 1, IDLE - MINUTE, IDLE, 2 * HOUR]),
        ),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(steps=STEPS)
async def test_sessions_are_what_the_model_says(databases: Databases, steps: list[tuple[str, int]]) -> None:
    with databases.fresh() as url:
        async with open_desk(url) as desk:
            digest = await desk.make_key()
            model, tokens = Model(), list[str]()
            for step, number in [("begin", 0), ("begin", 1), *steps]:
                which = number % max(1, len(tokens))
                match step:
                    case "begin":
                        tokens.append(await desk.here.begin((KEY, PERSON)[number], (digest, None)[number]))
                        model.began.append(model.now)
                        model.noted.append(model.now)
                        model.is_key.append(number == 0)
                    case "wait":
                        await desk.pass_time(number)
                        model.now += number
                    case "end":
                        await desk.here.end(tokens[which])
                        model.ended.add(which)
                        await desk.pass_time(KEPT)
                        model.now += KEPT
                    case "revoke" if not model.is_revoked:
                        await desk.revoke()
                        model.is_revoked = True
                    case "use" | "use there" | "peep":
                        book = desk.there if step == "use there" else desk.here
                        held = await book.find(tokens[which], is_use=step != "peep")
                        wanted = (KEY if model.is_key[which] else PERSON) if model.lives(which) else None
                        assert held == wanted
                        if held is not None and step != "peep":
                            model.use(which)
                            # What another process noted is known within this time.
                            await desk.pass_time(KEPT)
                            model.now += KEPT
