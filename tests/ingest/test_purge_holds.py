"""`purge` beside legal holds: what is covered stays whole, whatever its age, also when the hold comes in the middle."""

import asyncio

from app.db.database import Database
from app.holds.store import Cover, place_hold, release_hold
from app.ingest.purge import Purged, purge
from app.ingest.rebuild import rebuild
from app.maven.times import DAY
from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview
from app.reviews.store import add_reviews
from tests.ingest.kept import NOW, count, created, invalidated, keep, opened
from tests.maven.examples import without

LATER = NOW + 100 * DAY


async def purged(database: Database, *, quarantine_too: bool = False, dry_run: bool = False) -> Purged:
    return await purge(
        database,
        LATER,
        quarantine_too=quarantine_too,
        dry_run=dry_run,
        clock=lambda: LATER + DAY,
        on_progress=lambda done, total: None,
    )


async def place(database: Database, cover: Cover) -> None:
    await database.write(place_hold(database.dialect, "case", cover, None, "tester", LATER))


async def assert_sound(database: Database) -> None:
    found = await rebuild(database, repair=False, clock=lambda: LATER, on_progress=lambda done, total: None)
    assert found.listed == []


async def fill(database: Database, number: int = 4) -> None:
    """V0, V1, … of drivers D0, D1, …: created, told again and invalidated a day apart each, and reviewed."""
    for n, event in enumerate((created, created, invalidated)):
        await keep(
            database,
            *(event(f"V{v}", driverId=f"D{v}", eventTime=f"2024-01-0{n + 1}T00:00:00Z") for v in range(number)),
            at=NOW + n * DAY,
        )
    ids = [f"V{v}" for v in range(number)]
    await database.write(add_reviews(database.dialect, ids, None, NewReview(ReviewStatus.COACHED), "a", NOW))


async def whole(database: Database) -> list[tuple[str, int, int, int]]:
    """For each violation its events, earlier versions and reviews."""
    rows = await database.fetch(
        "SELECT v.id, (SELECT count(*) FROM events AS e WHERE e.violation_pk = v.pk),"
        " (SELECT count(*) FROM violation_versions AS w WHERE w.pk = v.pk),"
        " (SELECT count(*) FROM reviews AS r WHERE r.violation_id = v.id) FROM violations AS v ORDER BY v.id"
    )
    return [tuple(row) for row in rows]


async def test_what_is_held_stays_whole_until_it_is_released(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        await place(database, Cover(frozenset({"D1"}), frozenset({"V3"})))
        expected = Purged(violations=2, events=6, held=2)
        assert await purged(database, dry_run=True) == expected
        assert await purged(database) == expected
        assert await whole(database) == [("V1", 3, 2, 1), ("V3", 3, 2, 1)]
        assert (await count(database, "events"), await count(database, "violation_versions")) == (6, 4)
        await assert_sound(database)
        assert await purged(database) == Purged(held=2)
        await database.write(release_hold("case", "tester", LATER))
        assert await purged(database) == Purged(violations=2, events=6)
        assert await whole(database) == []


async def test_what_is_not_old_is_not_counted_as_held(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        await keep(database, created("V1", driverId="D1", eventTime="2024-01-09T00:00:00Z"), at=LATER)
        await place(database, Cover(frozenset({"D1"})))
        assert await purged(database) == Purged(violations=3, events=9)


async def test_a_hold_that_is_placed_meanwhile_holds_from_then_on(database_url: str) -> None:
    """Two connections, as of two processes: what is there once the hold is placed is there when the purge has ended."""
    async with opened(database_url) as database, opened(database_url) as other:
        await fill(database, 1200)

        async def hold() -> list[tuple[str, int, int, int]]:
            for _ in range(100_000):
                if await count(other, "violations") < 1200:  # the first of them went
                    break
            await place(other, Cover(frozenset(f"D{n}" for n in range(600, 1200))))
            return [one for one in await whole(other) if int(one[0][1:]) >= 600]

        gone, held = await asyncio.gather(purged(database), hold())
        assert len(held) > 0
        assert await whole(database) == held
        assert (gone.violations + gone.held, gone.held) == (1200, len(held))
        await assert_sound(database)


async def test_the_quarantine_stays_while_a_hold_is_in_force(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, without(created("X"), "driverId"))
        await place(database, Cover(frozenset({"D1"})))
        for dry_run in (True, False):
            assert await purged(database, quarantine_too=True, dry_run=dry_run) == Purged(is_quarantine_held=True)
        assert await count(database, "quarantine") == 1
        await database.write(release_hold("case", "tester", LATER))
        assert await purged(database, quarantine_too=True) == Purged(quarantined=1)
