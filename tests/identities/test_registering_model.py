"""Imports against a plain model: the same rows one by one, the same persons and the same refusals.

The model keeps a list of dictionaries and looks through all of it for every row.
"""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database
from app.identities.merging import PERSON_COLUMNS
from app.identities.registering import NotRegistered
from app.identities.schema import check_driver
from app.identities.store import find_users, introduce_users
from tests.databases import Databases
from tests.identities.registered import NOW, persons, take
from tests.ingest.kept import opened

IDS = ("driver_id", "user_id", "catena_driver_id")
SYSTEM = "unidentifiedDriver"

Model = list[dict[str, Any]]


def is_bare(person: dict[str, Any]) -> bool:
    return {name for name in person if person[name] is not None} <= {"user_id", "username"}


def clash(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(None not in (one.get(i), other.get(i)) and one[i] != other[i] for i in IDS)


def model_take(model: Model, row: dict[str, Any]) -> Model | None:
    """What becomes of the persons by one row; None when it is refused."""
    named: Model = []
    for name in IDS:
        named += [p for p in model if row.get(name) is not None and p.get(name) == row[name] and p not in named]
    for person in named:
        if row.get("driver_id") is not None and clash({"driver_id": row["driver_id"]}, person):
            return None
        if any(is_bare(person) == is_bare(other) and clash(person, other) for other in named):
            return None
    known = [p for p in named if not is_bare(p)] + [p for p in named if is_bare(p)]
    one: dict[str, Any] = {}
    for person in reversed(known):
        one |= {name: value for name, value in person.items() if value is not None}
    was_system = any(person.get("username") == SYSTEM for person in named)
    user_id = row.get("user_id", one.get("user_id"))
    for person in named:
        if user_id is not None and person.get("user_id") == user_id and person.get("username") is not None:
            one["username"] = person["username"]
    one |= row
    if one.get("driver_id") is not None and (was_system or row.get("username") == SYSTEM):
        return None
    return [p for p in model if p not in named] + [one]


def seen(model: Model) -> set[tuple[object, ...]]:
    """Persons without an order; what is null and what is not there are the same."""
    return {tuple(person.get(column) for column in PERSON_COLUMNS) for person in model}


def maybe(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


DRIVER = st.fixed_dictionaries(
    {},
    optional={
        "driverId": maybe("A", "B", "C", None),
        "userId": maybe(1, 2, 3, None),
        "catenaDriverId": maybe("x", "y", None),
        "username": maybe("u", "v", SYSTEM, None),
        "firstName": maybe("Jane", "Joan", None),
    },
).filter(lambda row: any(row.get(name) is not None for name in ("driverId", "userId", "catenaDriverId")))
RECORD = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["u", "w", SYSTEM]))
STEP = DRIVER | DRIVER | RECORD


async def introduced(database: Database, user_id: int, username: str) -> bool:
    """Whether a record made this user known."""
    if await database.read(find_users(database.dialect, [user_id])):
        return False
    await database.write(introduce_users(database.dialect, [(user_id, username)], NOW))
    return True


async def one_by_one(database: Database, steps: list[Any]) -> list[Any]:
    """Holds the database against the model after each step; gives the rows that were registered."""
    model: Model = []
    taken = []
    for step in steps:
        if isinstance(step, tuple):
            if await introduced(database, *step):
                model.append({"user_id": step[0], "username": step[1]})
        else:
            expected = model_take(model, check_driver(step))
            try:
                await take(database, step)
            except NotRegistered:
                assert expected is None
            else:
                assert expected is not None
                model = expected
                taken.append(step)
        found = await persons(database)
        assert seen(found) == seen(model)
        assert len(found) == len(model)
    return taken


@settings(max_examples=60)
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_row_by_row_it_is_as_in_the_model(databases: Databases, steps: list[Any]) -> None:
    async def play() -> None:
        with databases.fresh() as url:
            async with opened(url) as database:
                await one_by_one(database, steps)

    asyncio.run(play())


@settings(max_examples=60)
@given(records=st.lists(RECORD, max_size=3), rows=st.lists(DRIVER, min_size=2, max_size=5))
def test_one_import_does_what_its_rows_do_one_by_one(
    databases: Databases, records: list[tuple[int, str]], rows: list[dict[str, object]]
) -> None:
    """Where it is taken at all: rows of one import may not contradict each other."""

    async def play() -> None:
        with databases.fresh() as whole, databases.fresh() as single:
            async with opened(whole) as at_once, opened(single) as in_turn:
                for record in records:
                    await introduced(at_once, *record)
                before = await persons(at_once)
                try:
                    await take(at_once, *rows)
                except NotRegistered:
                    assert await persons(at_once) == before
                    return
                assert await one_by_one(in_turn, [*records, *rows]) == rows
                assert seen(await persons(at_once)) == seen(await persons(in_turn))

    asyncio.run(play())
