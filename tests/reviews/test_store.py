"""Reviews as rows: each kept, none twice, within the terminals, in the order of the commits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database
from app.ingest.purge import purge
from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview, Review
from app.reviews.store import add_reviews, latest_reviews, reviews_of
from tests.databases import Databases
from tests.ingest.kept import DAY, NOW, count, created, keep, opened

ACKNOWLEDGED = NewReview(ReviewStatus.ACKNOWLEDGED)
COACHED = NewReview(ReviewStatus.COACHED, "talked")
DISPUTED = NewReview(ReviewStatus.DISPUTED)


async def review(
    database: Database,
    ids: Sequence[str],
    given: NewReview = ACKNOWLEDGED,
    by: str = "a",
    at: int = NOW,
    terminals: Sequence[str] | None = None,
) -> list[str]:
    return await database.write(add_reviews(database.dialect, ids, terminals, given, by, at))


async def history(database: Database, violation_id: str) -> list[tuple[str, str | None, str, int]]:
    found = await database.read(reviews_of(violation_id))
    assert [one.pk for one in found] == sorted({one.pk for one in found})
    return [(one.status.word, one.note, one.by, one.at) for one in found]


async def test_every_review_is_kept_oldest_first(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("V"), created("W"))
        assert await history(database, "V") == []
        assert await review(database, ["V"]) == ["V"]
        assert await review(database, ["V"], COACHED, "b", NOW + 1) == ["V"]
        assert await review(database, ["V"], at=NOW + 2) == ["V"]
        told = [
            ("acknowledged", None, "a", NOW),
            ("coached", "talked", "b", NOW + 1),
            ("acknowledged", None, "a", NOW + 2),
        ]
        assert await history(database, "V") == told
        assert await history(database, "W") == []


async def test_the_same_again_by_the_same_name_adds_nothing_while_it_holds(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("V"))
        for at in range(3):
            assert await review(database, ["V"], COACHED, at=NOW + at) == ["V"]
        assert len(await history(database, "V")) == 1
        others = [
            (NewReview(ReviewStatus.COACHED, "talked."), "a"),
            (NewReview(ReviewStatus.COACHED), "a"),
            (NewReview(ReviewStatus.DISPUTED), "a"),
            (NewReview(ReviewStatus.DISPUTED), "b"),
            (COACHED, "a"),
        ]
        for given, by in others:
            await review(database, ["V"], given, by)
        assert len(await history(database, "V")) == 1 + len(others)


async def test_no_review_is_earlier_than_the_one_before(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("V"), created("W"))
        await review(database, ["V"], at=NOW + 5)
        await review(database, ["V", "W"], COACHED, at=NOW)
        assert [at for *_, at in await history(database, "V")] == [NOW + 5, NOW + 5]
        assert [at for *_, at in await history(database, "W")] == [NOW]


async def test_many_are_reviewed_at_once_and_only_those_that_there_are(database_url: str) -> None:
    async with opened(database_url) as database:
        ids = ["V", "a/b", "ü\U0001f69a", "1", "'\";--\\", '["V"]']
        await keep(database, *(created(one) for one in ids))
        await review(database, ["V"])
        asked = [*ids, "unknown", "v", "V", "\0", "\ud800", "V\uffff"]
        assert await review(database, asked) == ids
        assert await count(database, "reviews") == len(ids)
        latest = await database.read(latest_reviews(database.dialect, asked[:-3]))
        assert latest.keys() == set(ids)
        assert await review(database, []) == []
        assert await database.read(latest_reviews(database.dialect, [])) == {}


async def test_a_limited_name_reviews_what_its_terminals_have_now(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("pgh"), created("cle", terminalCode="CLE"), created("none", terminalCode=None))
        everything = ["cle", "pgh", "none"]
        assert await review(database, everything, terminals=["CLE", "ERI"]) == ["cle"]
        assert await review(database, everything, terminals=[]) == []
        assert await count(database, "reviews") == 1
        await keep(database, created("cle", eventTime="2024-01-02T00:00:00Z"))  # moves to PGH
        assert await review(database, everything, COACHED, terminals=["CLE"]) == []
        assert await review(database, everything, COACHED, terminals=["PGH"]) == ["cle", "pgh"]
        assert [word for word, *_ in await history(database, "cle")] == ["acknowledged", "coached"]


@dataclass(frozen=True)
class Step:
    ids: list[str]
    given: NewReview
    by: str
    at: int
    terminals: list[str] | None


STEPS = st.lists(
    st.builds(
        Step,
        ids=st.lists(st.sampled_from(["V", "W", "X", "unknown"]), max_size=5),
        given=st.builds(NewReview, st.sampled_from(ReviewStatus), st.sampled_from([None, "n", "ü\n\U0001f69a"])),
        by=st.sampled_from(["a", "b"]),
        at=st.integers(NOW, NOW + 3),
        terminals=st.sampled_from([None, None, [], ["PGH"], ["CLE", "PGH"]]),
    ),
    max_size=12,
)
TERMINALS = {"V": "PGH", "W": "CLE", "X": None}


@settings(max_examples=40)
@given(steps=STEPS)
def test_any_sequence_of_reviews_is_what_a_list_would_be(databases: Databases, steps: list[Step]) -> None:
    kept: dict[str, list[tuple[ReviewStatus, str | None, str, int]]] = {one: [] for one in TERMINALS}

    def expect(step: Step) -> list[str]:
        seen = [
            one
            for one in dict.fromkeys(step.ids)
            if one in TERMINALS and (step.terminals is None or TERMINALS[one] in step.terminals)
        ]
        for one in seen:
            said = (step.given.status, step.given.note, step.by)
            if not kept[one] or kept[one][-1][:3] != said:
                kept[one].append((*said, max([step.at, *(at for *_, at in kept[one])])))
        return seen

    async def run(url: str) -> None:
        async with opened(url) as database:
            await keep(database, *(created(one, terminalCode=code) for one, code in TERMINALS.items()))
            for step in steps:
                found = await review(database, step.ids, step.given, step.by, step.at, step.terminals)
                assert found == expect(step)
            for one, told in kept.items():
                assert [plain(entry) for entry in await database.read(reviews_of(one))] == told
            latest = await database.read(latest_reviews(database.dialect, [*TERMINALS, "unknown"]))
            assert {one: plain(entry) for one, entry in latest.items()} == {
                one: told[-1] for one, told in kept.items() if told
            }

    with databases.fresh() as url:
        asyncio.run(run(url))


def plain(entry: Review) -> tuple[ReviewStatus, str | None, str, int]:
    return entry.status, entry.note, entry.by, entry.at


async def test_writers_of_several_processes_lose_nothing(database_url: str) -> None:
    """Each connection is one that writes by itself, as of a process."""
    async with opened(database_url) as first, opened(database_url) as second, opened(database_url) as third:
        await keep(first, created("V"), created("W"))

        async def write(database: Database, by: str) -> None:
            for n in range(30):
                # The clocks of machines differ.
                await review(
                    database, ["W", "V"] if n % 2 else ["V", "W"], NewReview(ReviewStatus(n % 4)), by, NOW + n * len(by)
                )

        await asyncio.gather(write(first, "a"), write(second, "bb"), write(third, "ccc"))
        for one in ("V", "W"):
            found = await history(first, one)
            assert [at for *_, at in found] == sorted(at for *_, at in found)
            for by in ("a", "bb", "ccc"):
                assert [word for word, _, name, _ in found if name == by] == [
                    ReviewStatus(n % 4).word for n in range(30)
                ]


async def test_the_same_review_by_many_processes_at_once_is_kept_once(database_url: str) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        await keep(first, *(created(f"V{n}") for n in range(20)))
        for n in range(20):
            await asyncio.gather(*(review(one, [f"V{n}"], DISPUTED) for one in (first, second, first, second)))
        assert await count(first, "reviews") == 20


async def test_a_purge_meanwhile_leaves_no_review_behind(database_url: str) -> None:
    before = NOW + DAY
    async with opened(database_url) as database, opened(database_url) as other:

        async def said(ids: Sequence[str]) -> int:
            return sum([len(await review(other, [one], COACHED)) for one in ids])

        for turn in range(5):
            ids = [f"V{turn}-{n}" for n in range(40)]
            await keep(database, *map(created, ids), at=NOW)
            await review(database, ids)
            purging = purge(
                database,
                before,
                quarantine_too=False,
                dry_run=False,
                clock=lambda: before,
                on_progress=lambda done, total: None,
            )
            _, reviewed = await asyncio.gather(purging, said(ids))
            assert 0 <= reviewed <= 40
            assert await count(database, "violations") == 0
            assert await count(database, "reviews") == 0
