"""What a database must hold after a load: everything that was acknowledged, the right state, nothing made up.

The state is compared with the oracle of `tests.events`, by `tests.violations.stored`. What was sent is in `load`.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from app.db.database import Database, open_database
from tests.command_line import run
from tests.torture.course import Course
from tests.torture.load import Record
from tests.violations.stored import assert_holds


@dataclass(slots=True)
class Watched:
    """One database over many rounds: how far its events were seen."""

    url: str
    record: Record
    last_seq: int = 0
    seen: set[str] = field(default_factory=set)
    """The events seen up to number `last_seq`."""

    def look(self, course: Course, *, may_forget: bool = False) -> None:
        """Asserts that everything acknowledged by now is there, may be said beside a load that goes on.

        What was seen once stays, with its number, and what comes later has greater ones; unless it `may_forget` what
        was not acknowledged, as a standby that is promoted does.
        """
        asyncio.run(self._look(course, may_forget))

    def look_closely(self, course: Course, directory: Path) -> None:
        """Asserts also that every violation is what its events make it, told by the oracle and by `rebuild --check`.

        Nothing may be sent meanwhile.
        """
        asyncio.run(self._look_closely(course))
        checked = run("rebuild", "--check", cwd=directory, HOS_DATABASE_URL=self.url)
        assert checked.returncode == 0, checked.stdout + checked.stderr

    async def _look(self, course: Course, may_forget: bool) -> None:
        database = await open_database(self.url)
        try:
            acknowledged, quarantined = set(self.record.acknowledged), set(self.record.quarantined)
            if may_forget:
                self.last_seq, self.seen = 0, set()
            (before,) = await database.fetch("SELECT count(*) FROM events WHERE seq <= $1", self.last_seq)
            assert before[0] == len(self.seen), f"{before[0]} events up to {self.last_seq}, and not {len(self.seen)}"
            rows = await database.fetch("SELECT seq, identity FROM events WHERE seq > $1 ORDER BY seq", self.last_seq)
            numbers = [self.last_seq, *(row[0] for row in rows)]
            assert all(one < other for one, other in pairwise(numbers)), "numbers do not increase"
            new = [str(row[1]) for row in rows]
            assert len({*new} | self.seen) == len(new) + len(self.seen), "an event is here twice"
            self.last_seq, self.seen = numbers[-1], self.seen | {*new}
            assert self.seen <= self.record.sent.keys(), "an event that was never sent"
            lost = acknowledged - self.seen
            course.count("lost", len(lost))
            assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged: {_named(self.record, lost)}"
            await _assert_quarantine(database, self.record, quarantined)
        finally:
            await database.close()

    async def _look_closely(self, course: Course) -> None:
        await self._look(course, may_forget=False)
        database = await open_database(self.url)
        try:
            rows = await database.fetch("SELECT identity, payload FROM events")
            made_up = [row[0] for row in rows if bytes(row[1]) not in self.record.payloads[row[0]]]
            assert made_up == [], "bytes that were never sent"
            held = await assert_holds(database, [self.record.sent[identity] for identity in self.seen])
            ((violations,),) = await database.fetch("SELECT count(*) FROM violations")
            assert violations == len(held)
            course.count("violations compared", len(held))
        finally:
            await database.close()


def _named(record: Record, identities: set[str]) -> list[bytes]:
    return [record.sent[identity].body for identity in sorted(identities)[:3]]


async def _assert_quarantine(database: Database, record: Record, quarantined: set[bytes]) -> None:
    bodies = {bytes(row[0]) for row in await database.fetch("SELECT body FROM quarantine")}
    lost = quarantined - bodies
    assert not lost, f"{len(lost)} of {len(quarantined)} lost from quarantine: {sorted(lost)[:3]}"
    assert bodies <= record.broken, "in quarantine, and never sent"


def count_promises(course: Course, record: Record) -> None:
    """Counts what one database promised to keep."""
    course.count("events acknowledged", len(record.acknowledged))
    course.count("quarantined", len(record.quarantined))
