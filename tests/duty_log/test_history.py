"""The log over many changes, against a model: history only grows, one version is active, pollers miss nothing."""

import random
from dataclasses import dataclass, field

import pytest

from app.db.database import Database, open_database
from app.driver_histories.asking import read_asked
from app.duty_log.reading import list_records
from app.duty_log.terms import RecordsRefused, Why
from app.keys.schema import ApiKey
from app.maven.times import format_millis
from tests.duty_log.samples import NOW, Record, edit, keep, record, shown_in, uuid_of, whole_log, without

STEPS = 200
REQUESTED = "InactiveChangeRequested"
KEY = ApiKey("all", frozenset())


@dataclass
class Model:
    """What the log has to be: versions by their ids, and which record each is of."""

    versions: dict[int, Record] = field(default_factory=dict)
    chains: dict[int, int] = field(default_factory=dict)
    sent: list[tuple[Record, int]] = field(default_factory=list)
    """New records as they were sent, and what was made of them."""

    def editable(self, number: int) -> bool:
        """Whether a version may be edited."""
        version = self.versions[number]
        return version["recordStatus"] == "Active" and "deletedAt" not in version


@dataclass
class Poller:
    """A client that keeps a copy of the log by asking for what changed since the newest change that it has seen."""

    copy: dict[int, Record] = field(default_factory=dict)
    since: str = "1970-01-01T00:00:00.000Z"

    async def poll(self, database: Database) -> None:
        query = f"from-change-timestamp={self.since}&driver.system=*&from-deleted-at=*&sort=last-changed-date"
        asked = read_asked(query.encode(), KEY)
        statement = list_records(database.dialect, asked.filter, asked.orders)
        for row in await database.fetch(statement.sql, *statement.args):
            shown = shown_in(row[0])
            self.copy[_id(shown)] = shown
            assert str(shown["lastChangedDate"]) >= self.since
            self.since = str(shown["lastChangedDate"])


def _id(shown: Record) -> int:
    number = shown["id"]
    assert isinstance(number, int)
    return number


class Walk:
    """Random steps on a database and on the model, compared after each."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.source = random.Random(seed)
        self.model = Model()
        self.poller = Poller()
        self.now = NOW
        self.changed = "1970-01-01T00:00:00.000Z"

    async def step(self) -> None:
        """One change, with a clock that stands, goes on, and now and then goes back."""
        self.now += self.source.choice([0, 0, 300, 1_000, 2_000_000, -5_000_000])
        await self.source.choice([self.post, self.put, self.put, self.put_wrong])()
        log = await whole_log(self.database)
        assert {_id(shown): shown for shown in log} == self.model.versions
        active = [
            self.model.chains[_id(shown)]
            for shown in log
            if shown["recordStatus"] == "Active" and _id(shown) in self.model.chains
        ]
        assert len(active) == len(set(active))
        if self.source.random() < 0.4:
            await self.poller.poll(self.database)
            assert self.poller.copy == self.model.versions

    async def post(self) -> None:
        """New records, some of which were here before."""
        new: list[Record] = [
            record(uuid=uuid_of(self.source.randrange(1000)), note=f"n{self.source.randrange(9)}")
            for _ in range(self.source.randint(1, 3))
        ]
        again = self.source.sample(self.model.sent, min(len(self.model.sent), self.source.randint(0, 2)))
        before = len(self.model.versions)
        answered = await keep(self.database, *new, *(sent for sent, _ in again), now=self.now)
        for sent, shown in zip(new, answered, strict=False):
            number = _id(shown)
            if number not in self.model.versions:
                self.follow(shown)
                self.model.versions[number] = shown
                self.model.chains[number] = number
                self.model.sent.append((sent, number))
        for (_, number), shown in zip(again, answered[len(new) :], strict=True):
            assert shown == self.model.versions[number]
        assert before <= len(self.model.versions) <= before + len(new)

    async def put(self) -> None:
        """Edits of records that may be edited; some only asked for, some that delete."""
        editable = [number for number in self.model.versions if self.model.editable(number)]
        chosen = self.source.sample(editable, min(len(editable), self.source.randint(1, 3)))
        edits: list[Record] = []
        for number in chosen:
            changes: Record = self.source.choice(
                [
                    {"note": f"e{self.source.randrange(9)}"},
                    {"recordStatus": REQUESTED, "eventType": "Driving"},
                    {"deletedAt": "2020-01-01T00:00:00.000Z"},
                    {"note": None},
                ]
            )
            edits.append({"id": number, **changes})
        answered = await edit(self.database, *edits, now=self.now)
        for sent, number, shown in zip(edits, chosen, answered, strict=True):
            self.follow(shown)
            before = self.model.versions[number]
            wanted = {**before, **without(sent, "id"), "driverEdit": True}
            unlike = ("id", "dataCheck", "lastChangedDate")
            assert without(shown, *unlike) == {n: v for n, v in without(wanted, *unlike).items() if v is not None}
            assert _id(shown) not in self.model.versions
            self.model.versions[_id(shown)] = shown
            self.model.chains[_id(shown)] = self.model.chains[number]
            if shown["recordStatus"] == "Active":
                self.model.versions[number] = {
                    **before,
                    "recordStatus": "InactiveChanged",
                    "validEndTime": shown["lastChangedDate"],
                    "lastChangedDate": shown["lastChangedDate"],
                }

    async def put_wrong(self) -> None:
        """An array with one edit that cannot be, at any place: nothing is changed."""
        editable = [number for number in self.model.versions if self.model.editable(number)]
        others = [number for number in self.model.versions if number not in editable]
        wrong = self.source.choice([*others, 10**9]) if others else 10**9
        edits: list[Record] = [{"id": number, "note": "lost"} for number in editable[:2]]
        edits.insert(self.source.randint(0, len(edits)), {"id": wrong, "note": "lost"})
        with pytest.raises(RecordsRefused) as caught:
            await edit(self.database, *edits, now=self.now)
        assert caught.value.why is (Why.UNKNOWN_RECORD if wrong == 10**9 else Why.NOT_EDITABLE)

    def follow(self, shown: Record) -> None:
        """A change comes after all before it, in number and in time."""
        changed = str(shown["lastChangedDate"])
        assert changed == max(self.changed, format_millis(self.now))
        assert _id(shown) > max([number for number in self.model.versions if number != _id(shown)], default=0)
        self.changed = changed


@pytest.mark.parametrize("seed", range(5))
async def test_a_log_over_many_changes(database_url: str, seed: int) -> None:
    database = await open_database(database_url)
    try:
        walk = Walk(database, seed)
        await walk.post()
        for _ in range(STEPS):
            await walk.step()
        statuses = {str(shown["recordStatus"]) for shown in walk.model.versions.values()}
        assert statuses == {"Active", "InactiveChanged", REQUESTED}
        assert len(walk.model.versions) > STEPS
    finally:
        await database.close()
