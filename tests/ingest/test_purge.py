"""`purge`: violations whose last event is old go whole, and nothing else does."""

import asyncio
from itertools import pairwise

import pytest

from app.db.database import Database
from app.inbox.month_tables import make_missing_months
from app.inbox.months import month_of
from app.ingest.old_months import Patience
from app.ingest.purge import Purged, purge
from app.ingest.rebuild import rebuild
from app.maven.times import DAY
from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview
from app.reviews.store import add_reviews
from app.violations.rules import Outcome
from tests.ingest.kept import NOW, change, count, created, invalidated, keep, opened, violations
from tests.maven.examples import Json, without

LIMIT = NOW + 10 * DAY


async def purged(
    database: Database,
    *,
    dry_run: bool = False,
    quarantine_too: bool = False,
    progress: list[tuple[int, int]] | None = None,
) -> Purged:
    def report(done: int, total: int) -> None:
        if progress is not None:
            progress.append((done, total))

    return await purge(
        database,
        LIMIT,
        quarantine_too=quarantine_too,
        dry_run=dry_run,
        clock=lambda: NOW + 20 * DAY,
        on_progress=report,
        patience=Patience(tries=2, pause_seconds=0.0),
    )


async def assert_sound(database: Database) -> None:
    found = await rebuild(database, repair=False, clock=lambda: NOW, on_progress=lambda done, total: None)
    assert found.listed == []


async def fill(database: Database) -> None:
    """OLD has three events, the last just before the limit; TOUCHED's last came at it; NEW's came later."""
    await keep(database, created("OLD"), created("TOUCHED"), at=NOW)
    await keep(database, created("OLD", eventTime="2024-01-01T12:00:00Z", duration="4:00"), at=NOW + DAY)
    await keep(database, invalidated("OLD"), at=LIMIT - 1)
    await keep(database, invalidated("TOUCHED"), at=LIMIT)
    await keep(database, created("NEW"), at=LIMIT + DAY)


async def ids(database: Database) -> list[object]:
    return [row[0] for row in await violations(database)]


async def test_what_is_old_goes_with_its_events_and_versions(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        assert await count(database, "violation_versions") == 3
        assert await purged(database) == Purged(violations=1, events=3)
        assert await ids(database) == ["TOUCHED", "NEW"]
        assert await count(database, "events") == 3
        assert [row[0] for row in await database.fetch("SELECT id FROM violation_versions")] == ["TOUCHED"]
        await assert_sound(database)


async def test_reviews_go_with_their_violation_and_only_then(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        for status in (ReviewStatus.ACKNOWLEDGED, ReviewStatus.COACHED):
            ids_given = ["OLD", "TOUCHED", "NEW"]
            await database.write(add_reviews(database.dialect, ids_given, None, NewReview(status), "a", NOW))
        await purged(database, dry_run=True)
        assert await count(database, "reviews") == 6
        await purged(database)
        rows = await database.fetch("SELECT violation_id FROM reviews ORDER BY pk")
        assert [row[0] for row in rows] == ["TOUCHED", "NEW"] * 2


async def test_a_dry_run_counts_the_same_and_deletes_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        before = await violations(database)
        assert await purged(database, dry_run=True) == Purged(violations=1, events=3)
        assert await violations(database) == before
        assert await count(database, "events") == 6
        assert await count(database, "violation_versions") == 3


async def test_a_second_purge_finds_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        await purged(database)
        assert await purged(database) == Purged()


async def test_a_purged_violation_that_comes_again_is_new(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        await purged(database)
        assert await keep(database, created("OLD"), at=LIMIT + 2 * DAY) == [Outcome.CREATED]
        await assert_sound(database)


async def test_the_numbers_go_on_when_the_newest_went(database_url: str) -> None:
    """A reader of the changes that stands at a purged event must not miss the next one."""
    async with opened(database_url) as database:
        await keep(database, created("OLD"), at=NOW)
        last = (await database.fetch("SELECT max(seq) FROM events"))[0][0]
        await purged(database)
        assert await count(database, "events") == 0
        await keep(database, created("NEXT"), at=LIMIT)
        assert (await database.fetch("SELECT max(seq) FROM events"))[0][0] == last + 1


async def test_more_than_a_transaction_holds(database_url: str) -> None:
    async with opened(database_url) as database:
        events: list[Json] = []
        for n in range(1100):
            events.append(created(f"V{n}"))
        await keep(database, *events, at=NOW)
        # More events than one transaction takes, of few violations.
        for n in range(3):
            times = [f"2024-01-0{2 + n}T00:{m // 60:02}:{m % 60:02}Z" for m in range(900)]
            many = [created(f"V{n}", eventTime=time) for time in times]
            await keep(database, *many, at=NOW + 1)
        await keep(database, created("V1099", eventTime="2024-01-09T00:00:00Z"), at=LIMIT)
        progress: list[tuple[int, int]] = []
        assert await purged(database, progress=progress) == Purged(violations=1099, events=1099 + 2700)
        assert await ids(database) == ["V1099"]
        assert progress[-1] == (1100, 1100)
        await assert_sound(database)


async def test_keys_far_apart_cost_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("A"), at=NOW)
        await change(database, "UPDATE ledger SET last_violation_pk = 900000000")
        await keep(database, created("B"), at=NOW)
        progress: list[tuple[int, int]] = []
        assert (await purged(database, progress=progress)).violations == 2
        assert len(progress) == 2


async def test_an_empty_database_has_nothing_to_purge(database_url: str) -> None:
    async with opened(database_url) as database:
        assert await purged(database, quarantine_too=True) == Purged()


async def test_a_violation_that_is_told_of_again_meanwhile_stays(database_url: str) -> None:
    """Two connections, as of two processes: one purges while the other takes events in."""
    async with opened(database_url) as database, opened(database_url) as other:
        for n in range(40):
            await keep(database, created(f"V{n}"), at=NOW)

        async def tell_again() -> list[str]:
            told = []
            for n in range(0, 40, 2):
                (outcome,) = await keep(other, invalidated(f"V{n}"), at=LIMIT + DAY)
                if outcome is Outcome.INVALIDATED:
                    told.append(f"V{n}")
            return told

        told, gone = await asyncio.gather(tell_again(), purged(database))
        assert len(told) == 20
        assert set(told) <= set(map(str, await ids(database)))
        assert gone.violations + await count(database, "violations") >= 40
        await assert_sound(database)
        assert gone.events + await count(database, "events") == 60


@pytest.mark.parametrize("quarantine_too", [True, False])
async def test_the_quarantine_goes_only_when_asked(database_url: str, quarantine_too: bool) -> None:
    async with opened(database_url) as database:
        broken = without(created("X"), "driverId")
        await keep(database, *(without(created(f"X{n}"), "driverId") for n in range(600)), at=NOW)
        await keep(database, broken, at=NOW)
        await keep(database, broken, at=LIMIT)  # the same bytes again: its last receipt counts
        expected = 600 if quarantine_too else 0
        dry = await purged(database, dry_run=True, quarantine_too=quarantine_too)
        assert dry.quarantined == expected
        assert await count(database, "quarantine") == 601
        assert (await purged(database, quarantine_too=quarantine_too)).quarantined == expected
        assert await count(database, "quarantine") == 601 - expected


async def test_progress_only_grows(database_url: str) -> None:
    async with opened(database_url) as database:
        await change(database, "UPDATE ledger SET last_violation_pk = 7000")
        for n in range(3):
            await keep(database, created(f"V{n}"), at=NOW)
            await change(database, "UPDATE ledger SET last_violation_pk = last_violation_pk + 6000")
        progress: list[tuple[int, int]] = []
        await purged(database, progress=progress)
        assert len(progress) == 3
        assert all(a[0] < b[0] and a[1] == b[1] for a, b in pairwise(progress))


# Months of which all is older than the limit, on PostgreSQL. LIMIT is a day of January 2027.

MONTHS_AGO = 100 * DAY


async def fill_months(database: Database) -> None:
    """A month of its own for the old ones: one that goes, one that a later event keeps, and one touched just before."""
    await make_missing_months(database, NOW - MONTHS_AGO)
    await keep(database, created("OLD"), created("KEPT"), created("GOES"), at=NOW - MONTHS_AGO)
    await keep(database, invalidated("OLD"), at=NOW - MONTHS_AGO + DAY)
    await keep(database, created("KEPT", duration="4:00"), at=NOW - MONTHS_AGO + 2 * DAY)
    await keep(database, invalidated("GOES"), at=LIMIT - 1)
    await keep(database, invalidated("KEPT"), at=LIMIT + DAY)


async def tables(database: Database) -> set[str]:
    rows = await database.fetch("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    return {row[0] for row in rows}


async def test_an_old_month_goes_as_a_whole_and_what_stays_is_carried_on(postgresql_url: str) -> None:
    month = month_of(NOW - MONTHS_AGO)
    async with opened(postgresql_url) as database:
        await fill_months(database)
        assert month.table("events") in await tables(database)
        before = await database.fetch("SELECT seq, payload FROM events WHERE violation_pk = 2 ORDER BY seq")
        assert await purged(database) == Purged(violations=2, events=4)
        assert not {month.table("events"), month.table("violation_versions")} & await tables(database)
        assert await ids(database) == ["KEPT"]
        after = await database.fetch("SELECT seq, payload FROM events ORDER BY seq")
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
        assert len(after) == 3
        assert await count(database, "events_rest") == 2
        versions = await database.fetch("SELECT pk, revision FROM violation_versions ORDER BY replaced_seq")
        assert [tuple(row) for row in versions] == [(2, 1), (2, 2)]
        await assert_sound(database)
        assert await keep(database, created("KEPT"), created("OLD")) == [Outcome.DUPLICATE, Outcome.CREATED]
        assert await purged(database) == Purged()


async def test_a_month_that_is_read_for_long_goes_row_by_row(postgresql_url: str) -> None:
    month = month_of(NOW - MONTHS_AGO)
    async with opened(postgresql_url) as database:
        await fill_months(database)
        reader = database.stream(f"SELECT seq FROM {month.table('events')}", chunk=1)
        await anext(reader)
        assert await purged(database) == Purged(violations=2, events=4)
        assert await count(database, month.table("events")) == 2
        await reader.aclose()  # type: ignore[attr-defined]
        await assert_sound(database)
        assert await purged(database) == Purged()
        assert month.table("events") not in await tables(database)
        assert await count(database, "events") == 3


async def test_what_an_interrupted_purge_left_of_a_month_goes_with_the_next_one(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        await fill_months(database)
        await change(database, "DELETE FROM violations WHERE id = 'OLD'")
        assert await purged(database) == Purged(violations=1, events=4)
        assert await ids(database) == ["KEPT"]
        assert await count(database, "events") == 3
