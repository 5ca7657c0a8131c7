"""Trial: the disk under the SQLite file fails in every way it can, and whoever sends is told so and loses nothing.

Troubles that pass (`cut_troubles.PASSING`) befall one running service after another; it heals each time. Those that
last end a service: it refuses until it is stopped, and what a new start makes of the file is judged too.
"""

import asyncio
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from app.db.migrate import upgrade
from tests.databases import roomy_directory
from tests.ingest.served import ADMIN
from tests.torture.course import Course, Round, Trial
from tests.torture.cut_load import Answer, Load, TroubledService
from tests.torture.cut_serve import HOLDS
from tests.torture.cut_troubles import LASTING, passing_troubles, small_disk
from tests.torture.recorded_disk import find_library

HEALED_SECONDS = 5.0
ENOUGH_ANSWERS = 8
"""While a trouble lasts whose answers come at once."""
REFUSED_AT_ONCE = frozenset(["full", "full-halfway", "read-only", "write-error", "sync-error", "moved-away"])
"""Troubles during which nothing can be committed, and nothing has to be waited for."""


class DiskTroubles:
    """A service at a time, and what befalls it."""

    def __init__(self, course: Course, directory: Path) -> None:
        self._course = course
        self._directory = directory
        self._template = directory / "template.db"
        self._passing = passing_troubles()
        self._names = [*self._passing, *LASTING]
        random.Random(course.seed).shuffle(self._names)
        self._stack = AsyncExitStack()
        self._service: TroubledService | None = None
        self._count = 0
        self.worst_seconds = 0.0
        upgrade(f"sqlite:///{self._template}")

    async def _running(self) -> TroubledService:
        if self._service is None:
            self._count += 1
            place = self._directory / f"service-{self._count}"
            place.mkdir()
            (place / "data").mkdir()
            self._stack.enter_context(small_disk(place / "data"))
            self._service = TroubledService(place, self._template)
            self._stack.callback(self._service.kill)
            assert await self._service.start(), self._service.log
        return self._service

    async def end(self) -> None:
        """Stops the service that has come through all its troubles, and looks at its file once more."""
        if self._service is not None:
            assert self._service.stop() == 0
            await self._service.assert_nothing_is_lost()
            await self._service.assert_whole()
        await self.drop()

    async def drop(self) -> None:
        """Lets go of a service, however it fares."""
        self._service = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def befall(self, one: Round) -> None:
        """One trouble."""
        name = self._names[one.number % len(self._names)]
        service = await self._running()
        try:
            if name in self._passing:
                await self._pass_by(service, name, one.chance)
            else:
                await self._last(service, name, one.chance)
                await self.drop()
        except BaseException as error:
            error.add_note(f"Trouble: {name}\n{service.log[-3000:]}")
            await self.drop()
            raise

    def _lasts_seconds(self, name: str, chance: random.Random) -> float:
        if self._course.rounds > 20 and chance.random() < 0.1:
            return chance.uniform(6, 12)  # beyond what a request may take
        # A lock is waited for up to two seconds.
        return chance.uniform(0.5, 2.6) if name in ("locked", "turn-taken", HOLDS) else chance.uniform(0, 0.3)

    async def _pass_by(self, service: TroubledService, name: str, chance: random.Random) -> None:
        load = Load(service, chance)
        async with load.running() as work:
            await load.until(work, chance.randint(1, 25))
            with self._passing[name](service, chance):
                began_at = time.monotonic()
                if name in REFUSED_AT_ONCE:
                    await load.until(work, ENOUGH_ANSWERS)
                await asyncio.sleep(self._lasts_seconds(name, chance))
            ended_at = time.monotonic()
            seconds = await self._healed(service, load)
        self.worst_seconds = max(self.worst_seconds, seconds)
        between = [one for one in load.answers if began_at < one.began_at and one.ended_at < ended_at]
        if name in REFUSED_AT_ONCE:
            assert {one.status for one in between} == {503}, "an acknowledgement while nothing could be written"
        self._count_answers(load.answers)
        await service.assert_nothing_is_lost()

    async def _healed(self, service: TroubledService, load: Load) -> float:
        """Seconds until a delivery is taken, and the service is ready."""
        began_at = time.monotonic()
        async with service.client() as client:
            while True:
                answer = await load.deliver(client)
                is_ready = (await client.get("/readyz")).status_code == 200
                seconds = time.monotonic() - began_at
                assert seconds < HEALED_SECONDS, f"not healed after {seconds:.1f} s"
                if is_ready and answer.is_acknowledgement:
                    return seconds

    def _count_answers(self, answers: list[Answer]) -> None:
        self._course.count("acknowledged", sum(len(one.events) for one in answers if one.is_acknowledgement))
        self._course.count("refused with 503", sum(one.status == 503 for one in answers))
        self._course.count("lost", 0)

    async def _last(self, service: TroubledService, name: str, chance: random.Random) -> None:
        load = Load(service, chance)
        async with load.running() as work:
            await load.until(work, chance.randint(20, 60))
            with LASTING[name](service, chance):
                befell_at = time.monotonic()
                await load.until(work, ENOUGH_ANSWERS)
        after = [one for one in load.answers if one.began_at > befell_at]
        self._count_answers(load.answers)
        if name != "spoiled":  # which may be where nobody has looked yet
            assert {one.status for one in after} == {503}, "an acknowledgement into a file that is not there"
            async with service.client() as client:
                assert (await client.get("/readyz")).status_code == 503
            assert re.search("is gone|was replaced|was cut short", service.log), "nothing says what happened"
        assert service.stop() == 0
        match name:
            case "deleted" | "replaced":
                assert list(service.directory.glob("*-wal.of-replaced-*")), "the last commits are thrown away"
            case "cut-short" | "spoiled":
                await self._judge_start(service, may_start=name == "spoiled")
        if name == "replaced":
            assert await service.start(), service.log
            async with service.client() as client:
                first = await load.deliver(client)
            assert first.is_acknowledgement
            assert service.stop() == 0
            kept = {row[0] for row in await service.fetch("SELECT identity FROM events")}
            assert kept == {event.read().identity for event in first.events}, "it is not the file that was put there"

    async def _judge_start(self, service: TroubledService, *, may_start: bool) -> None:
        """A new start refuses a file that is not whole; or what is asked for is all there, or not answered."""
        if not await service.start():
            told = service.log.splitlines()
            assert len(told) == 1, told
            assert re.search("SQLite.*malformed|was cut short|was emptied", told[0]), told
            self._course.count("starts refused")
            return
        assert may_start, "a file without its end is served"
        is_all_answered = await self._assert_nothing_is_hidden(service)
        self._course.count("starts with all" if is_all_answered else "starts that refuse what is damaged")

    async def _assert_nothing_is_hidden(self, service: TroubledService) -> bool:
        """No answer leaves out what was acknowledged; whether all was answered."""
        counts = Counter(told.violation_id for told in service.acknowledged.values())
        statuses = set()
        async with service.client() as client:
            listed = await client.get("/v1/violations", params={"status": "all", "limit": "1000"}, headers=ADMIN)
            statuses.add(listed.status_code)
            if listed.status_code == 200:
                assert counts.keys() <= {one["id"] for one in listed.json()["data"]}, "a list without what was there"
            for violation_id, count in counts.items():
                answer = await client.get(f"/v1/violations/{violation_id}/events", headers=ADMIN)
                statuses.add(answer.status_code)
                if answer.status_code == 200:
                    assert len(answer.json()["data"]) >= count, f"{violation_id} is shown without events that it had"
        assert statuses <= {200, 503}, statuses
        return statuses == {200}


@asynccontextmanager
async def _troubles(course: Course, directory: Path) -> AsyncIterator[DiskTroubles]:
    troubles = DiskTroubles(course, directory)
    try:
        yield troubles
        await troubles.end()
    finally:
        await troubles.drop()


def run(course: Course) -> None:
    """One trouble in each round."""
    find_library()  # or this is skipped, before a process has no way to say so

    async def all_of_them() -> None:
        with tempfile.TemporaryDirectory(prefix="hos-trouble-", dir=roomy_directory()) as name:
            async with _troubles(course, Path(name)) as troubles:
                for one in course.each_round():
                    with course.told(one.number):
                        await troubles.befall(one)
                course.count("ms to heal at worst", round(troubles.worst_seconds * 1000))

    asyncio.run(all_of_them())


TRIALS = (
    Trial(
        name="disk-trouble",
        promise="A disk that fails is said with 503 within 10 s, loses nothing acknowledged, and heals within 5 s.",
        unit="troubles",
        short=6,
        full=200,
        run=run,
    ),
)
