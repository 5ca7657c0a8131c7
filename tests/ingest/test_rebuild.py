"""`rebuild`: rows computed from their events are the rows that are stored, and what is not so is found and mended."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database
from app.db.statements import Dialect
from app.ingest.purge import purge
from app.ingest.rebuild import MOST_LISTED, USUAL, Rebuilt, Sizes, rebuild
from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview
from app.reviews.store import add_reviews
from app.violations.rules import Outcome
from tests.databases import Databases
from tests.events import Told, told
from tests.ingest.kept import DAY, NOW, change, count, created, invalidated, keep, opened, violations
from tests.maven.examples import Json

Progress = list[tuple[int, int]]


async def rebuilt(
    database: Database, *, repair: bool = True, progress: Progress | None = None, sizes: Sizes = USUAL
) -> Rebuilt:
    def report(done: int, total: int) -> None:
        if progress is not None:
            progress.append((done, total))

    return await rebuild(database, repair=repair, clock=lambda: NOW, on_progress=report, sizes=sizes)


async def fill(database: Database, number: int = 3) -> None:
    """Violations V0, V1, …: each created, updated and every second one invalidated."""
    for n in range(number):
        await keep(database, created(f"V{n}", driverName="Doe, Jane"), at=NOW + n)
        await keep(database, created(f"V{n}", eventTime="2024-01-01T12:00:00Z", duration="4:00"), at=NOW + DAY + n)
        if n % 2:
            await keep(database, invalidated(f"V{n}"), at=NOW + 2 * DAY)


async def test_a_sound_database_has_no_differences(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        before = await violations(database)
        found = await rebuilt(database)
        assert (found.events, found.violations, found.differences, found.unrepaired) == (7, 3, 0, 0)
        assert found.summary() == "7 events, 3 violations, 0 differences"
        assert await violations(database) == before


async def test_an_empty_database_is_sound(database_url: str) -> None:
    async with opened(database_url) as database:
        assert (await rebuilt(database)).summary() == "0 events, 0 violations, 0 differences"


@settings(max_examples=25)
@given(histories=st.lists(st.lists(told(["V1", "V2", "V3"]), min_size=1, max_size=6), max_size=5))
def test_whatever_comes_in_whatever_batches_rebuilds_to_the_same_rows(
    databases: Databases, histories: list[list[Told]]
) -> None:
    async def run(url: str) -> None:
        async with opened(url) as database:
            for n, batch in enumerate(histories):
                events: list[Json] = [{"eventType": e.event_type, **e.data} for e in batch]
                await keep(database, *events, at=NOW + n)
            before = await violations(database)
            found = await rebuilt(database, repair=False)
            assert found.listed == []
            assert found.violations == len({e.violation_id for batch in histories for e in batch})
            await change(database, "DELETE FROM violations")
            await rebuilt(database)
            assert await violations(database) == before

    with databases.fresh() as url:
        asyncio.run(run(url))


async def test_changed_fields_are_reported_and_put_right(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        before = await violations(database)
        await change(
            database, "UPDATE violations SET driver_name = 'Roe', revision = 9, event_time = 0 WHERE id = 'V1'"
        )
        await change(database, "UPDATE violations SET status = 1 WHERE id = 'V2'")
        lines = [
            "violation V1: driver_name stored 'Roe', computed 'Doe, John'",
            "violation V1: event_time stored 1970-01-01T00:00:00Z, computed 2024-01-01T12:00:00Z",
            "violation V1: revision stored 9, computed 3",
            "violation V2: status stored 1, computed 0",
        ]
        checked = await rebuilt(database, repair=False)
        assert (checked.listed, checked.differences, checked.unrepaired) == (lines, 4, 2)
        assert await violations(database) != before
        mended = await rebuilt(database)
        assert (mended.listed, mended.differences, mended.unrepaired) == (lines, 4, 0)
        assert await violations(database) == before
        assert (await rebuilt(database)).differences == 0


async def test_reviews_are_left_as_they_are(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        given = NewReview(ReviewStatus.COACHED, "talked")
        await database.write(add_reviews(database.dialect, ["V0", "V1"], None, given, "a", NOW))
        before = [tuple(row) for row in await database.fetch("SELECT * FROM reviews ORDER BY pk")]
        assert len(before) == 2
        for spoil in ("UPDATE violations SET driver_name = 'Roe'", "DELETE FROM violations"):
            await change(database, spoil)
            assert (await rebuilt(database)).differences == 3
            assert [tuple(row) for row in await database.fetch("SELECT * FROM reviews ORDER BY pk")] == before


async def test_missing_rows_come_back_and_rows_without_events_go(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        before = await violations(database)
        await change(database, "DELETE FROM violations WHERE id = 'V1'")
        await change(database, "DELETE FROM events WHERE violation_pk = (SELECT pk FROM violations WHERE id = 'V0')")
        found = await rebuilt(database)
        assert found.listed == [
            "violation V0: stored, but there is no event of it",
            "violation V1: not stored, computed of 3 events",
        ]
        assert await violations(database) == before[1:]
        # What came back is as good as what was there: the next event goes on from it.
        assert await keep(database, created("V1", eventTime="2024-01-03T00:00:00Z"), at=NOW + 3 * DAY) == [
            Outcome.REOPENED
        ]
        assert (await rebuilt(database)).differences == 0


async def test_rows_with_each_others_ids_are_put_right(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database, 2)
        before = await violations(database)
        for old, new in (("V0", "x"), ("V1", "V0"), ("x", "V1")):
            await change(database, "UPDATE violations SET id = $1 WHERE id = $2", new, old)
        found = await rebuilt(database)
        assert found.listed == [
            "violation V1: id stored 'V1', computed 'V0'",
            "violation V0: id stored 'V0', computed 'V1'",
        ]
        assert found.unrepaired == 0
        assert await violations(database) == before


async def test_an_id_that_is_taken_is_left_for_the_next_time(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database, 4)
        before = await violations(database)
        # The row of V0 hangs at a key that no event has, and only in a later window it turns out that it must go.
        await change(database, "UPDATE violations SET pk = 99 WHERE id = 'V0'")
        await change(database, "UPDATE ledger SET last_violation_pk = 99")
        await change(database, "UPDATE violations SET driver_name = 'Roe' WHERE id = 'V1'")
        first = await rebuilt(database, sizes=Sizes(window=2))
        assert first.listed == [
            "violation V0: not stored, computed of 2 events",
            "violation V0: another row has this id; run rebuild again",
            "violation V1: driver_name stored 'Roe', computed 'Doe, John'",
            "violation V0: stored, but there is no event of it",
        ]
        assert first.unrepaired == 1
        second = await rebuilt(database)
        assert (second.differences, second.unrepaired) == (1, 0)
        assert await violations(database) == before


async def test_an_event_that_is_no_longer_understood_is_reported_and_its_violation_left_alone(
    database_url: str,
) -> None:
    async with opened(database_url) as database:
        await fill(database, 2)
        number = (await database.fetch("SELECT min(seq) + 1 FROM events"))[0][0]
        await change(database, "UPDATE events SET payload = $1 WHERE seq = $2", b'{"eventType": 7}', number)
        await change(database, "UPDATE violations SET driver_name = 'Roe'")
        found = await rebuilt(database)
        assert found.listed[0].startswith(f"violation V0: event {number} is not understood by this program: ")
        assert found.listed[1:] == ["violation V1: driver_name stored 'Roe', computed 'Doe, John'"]
        assert found.unrepaired == 1
        assert [row[2] for row in await violations(database)] == ["Roe", "Doe, John"]


async def test_the_list_of_differences_is_capped(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, *(created(f"V{n}") for n in range(MOST_LISTED + 20)))
        await change(database, "UPDATE violations SET revision = 7")
        found = await rebuilt(database)
        assert len(found.listed) == MOST_LISTED
        assert found.differences == MOST_LISTED + 20


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(Sizes(window=1), id="a violation at a time"),
        pytest.param(Sizes(window=2, page_events=1), id="an event at a time"),
        pytest.param(Sizes(page_events=3, page_bytes=3000), id="small pages"),
        pytest.param(Sizes(window_bytes=1), id="large events"),
        pytest.param(Sizes(window_bytes=4000, page_bytes=1), id="payloads one by one"),
        pytest.param(Sizes(window_bytes=5000, page_events=4, page_bytes=2500), id="everything small"),
    ],
)
async def test_however_it_is_cut_the_result_is_the_same(database_url: str, sizes: Sizes) -> None:
    async with opened(database_url) as database:
        await fill(database, 5)
        # One violation with many more events than a page holds.
        await keep(
            database, *(created("V2", eventTime=f"2024-01-01T13:00:{n:02}Z") for n in range(12)), at=NOW + 3 * DAY
        )
        before = await violations(database)
        await change(database, "UPDATE violations SET revision = 77, details_seq = 1, driver_name = NULL")
        await change(database, "DELETE FROM violations WHERE id = 'V3'")
        progress: Progress = []
        found = await rebuilt(database, progress=progress, sizes=sizes)
        assert (found.events, found.violations, found.unrepaired) == (await count(database, "events"), 4, 0)
        assert await violations(database) == before
        assert progress[-1] == (5, 5)
        assert progress == sorted(progress)


async def test_keys_far_apart_cost_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("V1"))
        await change(database, "UPDATE ledger SET last_violation_pk = 900000000")
        await keep(database, created("V2"))
        progress: Progress = []
        found = await rebuilt(database, progress=progress)
        assert (found.violations, found.differences, len(progress)) == (2, 0, 2)


class Meddler:
    """A database to which something happens just before a window is compared, or written."""

    def __init__(self, database: Database, before: str, happens: Callable[[], object]) -> None:
        self._database = database
        self._before = before
        self._happens: Callable[[], object] | None = happens

    @property
    def dialect(self) -> Dialect:
        return self._database.dialect

    def __getattr__(self, name: str) -> object:
        method = getattr(self._database, name)
        if name != self._before or self._happens is None:
            return method
        happens, self._happens = self._happens, None

        async def first_that(*args: object) -> object:
            result = happens()
            if asyncio.iscoroutine(result):
                await result
            return await method(*args)

        return first_that


@pytest.mark.parametrize("moment", ["read", "write"])
async def test_events_that_come_meanwhile_are_no_differences(database_url: str, moment: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        if moment == "write":
            await change(database, "UPDATE violations SET driver_name = 'Roe' WHERE id = 'V0'")

        async def more() -> None:
            await keep(
                database,
                created("V0", eventTime="2024-02-01T00:00:00Z", driverName="New"),
                invalidated("V2"),
                created("V9"),
                at=NOW + 5 * DAY,
            )

        meddler = Meddler(database, moment, more)
        found = await rebuilt(meddler)  # type: ignore[arg-type]
        assert found.events == 9, "those of violations that were there already"
        assert found.listed == []
        assert (await rebuilt(database)).summary() == "10 events, 4 violations, 0 differences"


async def test_a_purge_meanwhile_is_no_difference(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)

        async def purge_all() -> None:
            await purge(
                database,
                NOW + 9 * DAY,
                quarantine_too=False,
                dry_run=False,
                clock=lambda: NOW,
                on_progress=lambda done, total: None,
            )

        found = await rebuilt(Meddler(database, "read", purge_all))  # type: ignore[arg-type]
        assert (found.violations, found.differences) == (0, 0)
        assert await count(database, "violations") == 0
