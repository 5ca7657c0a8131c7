"""`GET /v1/drivers` against a model in plain Python, over random violations, filters and keys."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.query.drivers import Position, find_drivers
from app.query.filters import ViolationFilter
from tests.databases import Databases
from tests.maven.examples import Json
from tests.query.reading import ALL, created, invalidated, open_house
from tests.query.sample import TERMINALS, TYPES, Sample, samples

Asked = dict[str, Sequence[str]]

QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "terminalCode": st.lists(st.sampled_from([t for t in TERMINALS if t]), min_size=1, max_size=2, unique=True),
        "type": st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True),
    },
)
KEYS = st.sampled_from([ALL, ALL, "PGH", "PGH,pgh", "X"])


def drivers_of(known: Sequence[Sample], asked: Asked, key: str) -> list[dict[str, Json]]:
    """What contract section 5 says of the drivers list."""
    matching = [
        s
        for s in known
        if s.is_active
        and s.is_visible_to(key)
        and s.terminal in asked.get("terminalCode", [s.terminal])
        and s.type in asked.get("type", [s.type])
    ]
    drivers: list[dict[str, Json]] = []
    for driver in {s.driver for s in matching}:
        own = sorted((s for s in matching if s.driver == driver), key=lambda s: (s.start_time, s.event_time, s.id))
        drivers.append(
            {
                "driverId": driver,
                "driverName": own[-1].name,
                "terminalCode": own[-1].terminal,
                "activeCount": len(own),
                "egregiousCount": sum(s.is_egregious for s in own),
                "latestStartTime": own[-1].start_time,
                "types": cast("Json", dict(Counter(s.type for s in own))),
            }
        )
    return sorted(drivers, key=lambda d: (-cast("int", d["activeCount"]), str(d["driverId"])))


@settings(max_examples=25)
@given(
    known=samples(), asked=QUESTIONS, key=st.sampled_from([ALL, ALL, "PGH", "PGH,pgh", "X"]), limit=st.integers(1, 4)
)
def test_drivers_are_those_of_the_model(
    databases: Databases, known: list[Sample], asked: Asked, key: str, limit: int
) -> None:
    async def run(url: str) -> None:
        async with open_house(url) as house:
            await house.keep(*[event for sample in known for event in sample.events()])
            found: list[dict[str, Json]] = []
            parameters: dict[str, object] = {**asked, "limit": limit}
            while True:
                answer = await house.get("/v1/drivers", parameters, key)
                found += answer.data
                assert answer.has_next_page == (answer.next_cursor is not None)
                if answer.next_cursor is None:
                    break
                assert len(answer.data) == limit
                parameters["cursor"] = answer.next_cursor
            assert found == drivers_of(known, asked, key)

    with databases.fresh() as url:
        asyncio.run(run(url))


async def test_the_example_of_the_page(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"), created("v2", type="break", startTime="2024-01-03T00:00:00.5Z"))
        (driver,) = (await house.get("/v1/drivers")).data
        assert list(driver.items()) == [
            ("driverId", "JDOE123"),
            ("driverName", "Doe, John"),
            ("terminalCode", "PGH"),
            ("activeCount", 2),
            ("egregiousCount", 1),
            ("latestStartTime", "2024-01-03T00:00:00.500000Z"),
            ("types", {"break": 1, "shift_drive": 1}),
        ]


async def test_a_driver_without_active_violations_is_not_listed(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"), invalidated("v1"), invalidated("v2", driverId=None))
        assert (await house.get("/v1/drivers")).data == []
        await house.keep(created("v1", eventTime="2024-01-03T00:00:00Z"))
        assert [driver["activeCount"] for driver in (await house.get("/v1/drivers")).data] == [1]


@pytest.mark.parametrize("parameters", ["limit=0", "limit=x", "cursor=x", "status=all", "type=", "terminalcode=PGH"])
async def test_a_bad_value_is_400(sqlite_url: str, parameters: str) -> None:
    async with open_house(sqlite_url) as house:
        assert (await house.get("/v1/drivers", parameters)).status == 400


async def test_a_cursor_belongs_to_its_query_and_key(sqlite_url: str) -> None:
    async with open_house(sqlite_url) as house:
        await house.keep(*[created(f"v{n}", driverId=f"D{n}") for n in range(3)])
        cursor = (await house.get("/v1/drivers", {"limit": "1"})).next_cursor
        assert [d["driverId"] for d in (await house.get("/v1/drivers", {"cursor": cursor})).data] == ["D1", "D2"]
        assert (await house.get("/v1/drivers", {"cursor": cursor, "type": "shift_drive"})).status == 400
        assert (await house.get("/v1/drivers", {"cursor": cursor}, "PGH")).status == 400
        assert (await house.get("/v1/changes", {"after": cursor})).status == 400


@pytest.mark.parametrize("after", [None, Position(1, "D")])
async def test_counting_does_not_pass_through_what_was_invalidated(sqlite_url: str, after: Position | None) -> None:
    """SQLite reads the active part of the index of drivers, in its order, and no row of the table."""
    async with open_house(sqlite_url) as house:
        statement = next(find_drivers(house.database.dialect, ViolationFilter(), after, 10))
        plan = await house.database.fetch(f"EXPLAIN QUERY PLAN {statement.sql}", *statement.args)
        steps = [row["detail"] for row in plan]
        assert any("COVERING INDEX violations_driver (status=?" in step for step in steps), steps
