"""What must be in a file after the power was cut, by what was promised before: asked of the product, which opens it.

Everything but the state rule is asked after every cut; the rule, and that the next delivery is taken, once for each
content, for many cuts leave the same rows.
"""

import hashlib
from pathlib import Path

from app.db.database import Database, open_database
from app.ingest.rebuild import rebuild
from app.violations.rules import Outcome
from tests.events import Told
from tests.ingest.kept import NOW, created, keep
from tests.torture.cut_workload import FILE, Recording
from tests.violations.stored import assert_holds

_TABLES = ("events", "violations", "violation_versions")


class Judge:
    """What one recording promised, ready to be held against files."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._by_identity: dict[str, Told] = {}
        self._identities: list[set[str]] = []
        """Of each delivery."""
        self._purged: set[str] = set()
        for number, sent in enumerate(recording.sent):
            of_delivery = {event.read().identity: event for event in sent.events}
            self._by_identity |= of_delivery
            self._identities.append(set(of_delivery))
            if number < recording.sent_before_purge:
                self._purged |= {i for i, told in of_delivery.items() if told.violation_id in recording.purged_ids}
        self._seen: set[bytes] = set()

    @property
    def contents(self) -> int:
        """How many different contents were judged."""
        return len(self._seen)

    async def judge(self, directory: Path, position: int) -> int:
        """Opens the file in `directory` as a start after a cut at `position` does; the acknowledged events that were
        looked for. Raises AssertionError for what is lost or wrong, and `DatabaseUnusable` when it cannot be opened.
        """
        database = await open_database(f"sqlite:///{directory / FILE}")
        try:
            found = [row[0] for row in await database.fetch("PRAGMA integrity_check")]
            assert found == ["ok"], found
            await database.check()
            recording = self._recording
            if recording.damaged_from <= position < recording.rebuilt_at:
                rebuilt = await rebuild(database, repair=True, clock=lambda: NOW, on_progress=lambda done, of: None)
                assert rebuilt.unrepaired == 0
            looked_for = await self._judge_what_was_promised(database, position)
            await self._judge_once(database)
            return looked_for
        finally:
            await database.close()

    async def _judge_what_was_promised(self, database: Database, position: int) -> int:
        recording = self._recording
        events = await database.fetch("SELECT identity, seq, received_at, outcome FROM events ORDER BY seq")
        kept = {row["identity"]: row["seq"] for row in events}
        bodies = {bytes(row[0]) for row in await database.fetch("SELECT body FROM quarantine")}
        assert kept.keys() <= self._by_identity.keys(), "an event that nobody sent"
        may_be_gone = self._purged if position >= recording.purge_from else set()
        bodies_may_be_gone = recording.purged_bodies if position >= recording.purge_from else set()
        looked_for = 0
        for sent, identities in zip(recording.sent, self._identities, strict=True):
            if sent.acknowledged_at is not None and sent.acknowledged_at <= position:
                lost = identities - kept.keys() - may_be_gone
                assert not lost, f"{len(lost)} of {len(identities)} acknowledged events are lost"
                assert set(sent.broken) - bodies_may_be_gone <= bodies, "an acknowledged quarantine entry is lost"
                looked_for += len(identities)
                # What was once given out stays: cursors are made of it.
                moved = [one for one in identities if kept.get(one, 0) != recording.numbers.get(one, kept.get(one, 0))]
                assert not moved, "an acknowledged event has another number"
            whole = [one in kept for one in sent.own - may_be_gone]
            whole += [body in bodies for body in set(sent.broken) - bodies_may_be_gone]
            assert len(set(whole)) <= 1, f"half a delivery is there: {whole}"
        if position >= recording.purge_until > 0:
            assert not self._purged & kept.keys(), "what was purged is back"
            assert not recording.purged_bodies & bodies, "what was purged is back"
        numbers = [row["seq"] for row in events]
        assert numbers == sorted(set(numbers)), "numbers are not given out upwards"
        times = [row["received_at"] for row in events]
        assert times == sorted(times), "receipt goes back"
        await self._judge_ledger(database)
        await self._judge_reviews(database, position)
        await self._judge_deliveries(database, position)
        return looked_for

    async def _judge_ledger(self, database: Database) -> None:
        (row,) = await database.fetch(
            "SELECT last_seq, last_violation_pk, last_delivery_pk, last_received_at,"
            " (SELECT coalesce(max(seq), 0) FROM events), (SELECT coalesce(max(pk), 0) FROM violations),"
            " (SELECT coalesce(max(pk), 0) FROM deliveries), (SELECT coalesce(max(received_at), 0) FROM events)"
            " FROM ledger WHERE pk = 1"
        )
        given_out, taken = tuple(row)[:4], tuple(row)[4:]
        assert all(most >= one for most, one in zip(given_out, taken, strict=True)), "a number would be given out twice"

    async def _judge_reviews(self, database: Database, position: int) -> None:
        recording = self._recording
        kept = {(row[0], row[1]) for row in await database.fetch("SELECT violation_id, note FROM reviews")}
        gone = recording.purged_ids if position >= recording.purge_from else set()
        for one in recording.reviewed:
            is_gone = one.violation_id in gone and one.acknowledged_at <= recording.purge_from
            if one.acknowledged_at <= position and not is_gone:
                assert (one.violation_id, one.note) in kept, "an acknowledged review is lost"

    async def _judge_deliveries(self, database: Database, position: int) -> None:
        """Every change is owed to the hooks that it matches; both hooks were there before the first event."""
        if position < self._recording.hooks_from:
            return
        hooks = {row[1]: row[0] for row in await database.fetch("SELECT pk, name FROM hooks")}
        assert hooks.keys() == {"all", "PGH"}, "a hook is lost"
        owed = {(row[0], row[1]) for row in await database.fetch("SELECT hook_pk, seq FROM deliveries")}
        changes = await database.fetch("SELECT seq, identity FROM events WHERE outcome < $1", int(Outcome.SUPERSEDED))
        for row in changes:
            assert (hooks["all"], row["seq"]) in owed, "a change is owed to nobody"
            terminal = self._by_identity[row["identity"]].data["terminalCode"]
            assert ((hooks["PGH"], row["seq"]) in owed) is (terminal == "PGH"), "a change is owed to the wrong hooks"

    async def _judge_once(self, database: Database) -> None:
        """The state rule, and that it goes on: the next event is taken, and the same again is a duplicate."""
        digest = hashlib.sha256()
        for table in _TABLES:
            for row in await database.fetch(f"SELECT * FROM {table}"):
                digest.update(repr(tuple(row)).encode())
        if digest.digest() in self._seen:
            return
        self._seen.add(digest.digest())
        kept = [row[0] for row in await database.fetch("SELECT identity FROM events")]
        held = await assert_holds(database, [self._by_identity[identity] for identity in kept])
        assert len(await database.fetch("SELECT 1 FROM violations")) == len(held)
        next_one = created("the next one")
        assert await keep(database, next_one) == [Outcome.CREATED]
        assert await keep(database, next_one) == [Outcome.DUPLICATE]
