"""Legal holds: what they cover, now and before, and that none is placed while something of it goes."""

import pytest

from app.db.database import Database
from app.db.errors import DatabaseConflict
from app.holds.store import Cover, cover_in_force, keys_covered, list_holds, place_hold, release_hold
from tests.ingest.kept import DAY, NOW, change, created, invalidated, keep, opened


def cover(*, drivers: str = "", ids: str = "", terminals: str = "") -> Cover:
    return Cover(frozenset(drivers.split()), frozenset(ids.split()), frozenset(terminals.split()))


async def place(database: Database, name: str, covered: Cover, at: int = NOW) -> None:
    await database.write(place_hold(database.dialect, name, covered, None, "tester", at))


async def covered_ids(database: Database) -> list[str]:
    rows = {row[0]: row[1] for row in await database.fetch("SELECT pk, id FROM violations")}
    return sorted(rows[pk] for pk in await database.read(keys_covered(database.dialect, list(rows))))


async def fill(database: Database) -> None:
    """A is D1's at T1, B is D2's at T1, C is D2's at T2; D has neither driver nor terminal."""
    await keep(
        database,
        created("A", driverId="D1", terminalCode="T1"),
        created("B", driverId="D2", terminalCode="T1"),
        created("C", driverId="D2", terminalCode="T2"),
    )
    await keep(database, invalidated("D", driverId=None, terminalCode=None))


@pytest.mark.parametrize(
    "held, expected",
    [
        (cover(drivers="D1"), ["A"]),
        (cover(drivers="D1 D2"), ["A", "B", "C"]),
        (cover(drivers="d1 D"), []),
        (cover(ids="D C"), ["C", "D"]),
        (cover(terminals="T1"), ["A", "B"]),
        (cover(drivers="D1", ids="D", terminals="T2"), ["A", "C", "D"]),
        (cover(ids='x", "D'), []),
    ],
)
async def test_what_a_hold_covers(database_url: str, held: Cover, expected: list[str]) -> None:
    async with opened(database_url) as database:
        await fill(database)
        await place(database, "case", held)
        assert await covered_ids(database) == expected


async def test_who_had_the_driver_before_is_covered_too(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        moved = created("A", driverId="D9", terminalCode="T9", eventTime="2024-01-01T12:00:00Z")
        await keep(database, moved, at=NOW + DAY)
        await keep(database, invalidated("A"), at=NOW + 2 * DAY)
        for held in (cover(drivers="D1"), cover(drivers="D9"), cover(terminals="T9")):
            await place(database, "case", held)
            assert await covered_ids(database) == ["A"]
            await database.write(release_hold("case", "tester", NOW))
        await place(database, "case", cover(terminals="T1"))
        assert await covered_ids(database) == ["A", "B"]


async def test_holds_add_up_until_they_are_released(database_url: str) -> None:
    async with opened(database_url) as database:
        await fill(database)
        assert await database.read(cover_in_force()) == Cover()
        assert await covered_ids(database) == []
        await place(database, "one", cover(drivers="D1"))
        await place(database, "two", cover(drivers="D2", terminals="T1"))
        assert await database.read(cover_in_force()) == cover(drivers="D1 D2", terminals="T1")
        assert await database.write(release_hold("one", "tester", NOW + 1))
        assert await database.read(cover_in_force()) == cover(drivers="D2", terminals="T1")
        assert await covered_ids(database) == ["A", "B", "C"]


async def test_a_name_is_in_force_once_and_every_hold_stays_listed(database_url: str) -> None:
    async with opened(database_url) as database:
        await place(database, "case", cover(ids="A"))
        with pytest.raises(DatabaseConflict, match="a hold named case is in force already"):
            await place(database, "case", cover(ids="B"))
        assert await database.write(release_hold("case", "jane", NOW + 5))
        assert not await database.write(release_hold("case", "jane", NOW + 6))
        await place(database, "case", cover(ids="B"), NOW + 7)
        first, second = await database.read(list_holds())
        assert (first.name, first.cover.violation_ids, first.placed_at) == ("case", frozenset("A"), NOW)
        assert (first.placed_by, first.released_by, first.released_at) == ("tester", "jane", NOW + 5)
        assert (second.cover.violation_ids, second.released_by, second.released_at) == (frozenset("B"), None, None)


async def test_the_database_too_takes_a_name_once(database_url: str) -> None:
    async with opened(database_url) as database:
        await place(database, "case", cover(ids="A"))
        with pytest.raises(DatabaseConflict):
            await change(
                database,
                "INSERT INTO legal_holds (name, driver_ids, violation_ids, terminal_codes, placed_by, placed_at)"
                " SELECT name, driver_ids, violation_ids, terminal_codes, placed_by, placed_at FROM legal_holds",
            )
