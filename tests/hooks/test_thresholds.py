"""Thresholds: told once when a driver comes to have so many, again only after there were fewer; on both databases.

The model counts over plain values, one change after the other, and shares no code with the program.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.outbox.model import Topic
from tests.alerts.alerted import House, alerting_on, created, invalidated
from tests.databases import Databases

URL = "https://203.0.113.9/never"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with alerting_on(database_url, allowed=("203.0.113.0/24",)) as house:
        yield house


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def crossings(house: House) -> list[dict[str, object]]:
    rows = await house.database.fetch("SELECT topic, body FROM deliveries ORDER BY pk")
    return [orjson.loads(bytes(row[1])) for row in rows if row[0] == Topic.THRESHOLD]


async def counts(house: House) -> list[tuple[object, object]]:
    return [(one["driverId"], one["count"]) for one in await crossings(house)]


async def test_it_is_told_once_with_the_violations_that_make_it(house: House) -> None:
    await house.hook(URL, threshold={"atLeast": 3, "withinDays": 7})
    for n in range(5):
        await house.keep(created(f"v{n}", startTime=ago(n), driverName="Ada"))
    (told,) = await crossings(house)
    assert (told["driverId"], told["driverName"], told["terminalCode"]) == ("JDOE123", "Ada", "PGH")
    assert (told["count"], told["atLeast"], told["withinDays"]) == (3, 3, 7)
    assert [one["id"] for one in told["violations"]] == ["v0", "v1", "v2"]  # type: ignore[attr-defined]


async def test_it_is_told_again_after_there_were_fewer(house: House) -> None:
    await house.hook(URL, threshold={"atLeast": 2, "withinDays": 7})
    await house.keep(created("v1", startTime=ago(1)), created("v2", startTime=ago(1)))
    await house.keep(invalidated("v2", eventTime=ago(0)))
    await house.keep(created("v3", startTime=ago(1)))
    assert await counts(house) == [("JDOE123", 2), ("JDOE123", 2)]


async def test_what_is_too_long_ago_does_not_count(house: House) -> None:
    await house.hook(URL, threshold={"atLeast": 2, "withinDays": 7})
    await house.keep(created("v1", startTime=ago(8)), created("v2", startTime=ago(1)))
    assert await counts(house) == []
    await house.keep(created("v3", startTime=ago(6.9)))
    assert await counts(house) == [("JDOE123", 2)]


async def test_as_time_goes_by_there_are_fewer(house: House) -> None:
    await house.hook(URL, threshold={"atLeast": 2, "withinDays": 7})
    await house.keep(created("v1", startTime=ago(6)), created("v2", startTime=ago(4)))
    house.clock.pass_by(2.5 * 86_400)
    await house.keep(created("v3", startTime=ago(-1)))
    assert await counts(house) == [("JDOE123", 2), ("JDOE123", 2)]


async def test_only_what_matches_counts(house: House) -> None:
    await house.hook(
        URL, threshold={"atLeast": 2, "withinDays": 7}, filter={"egregious": True, "terminalCodes": ["PGH"]}
    )
    await house.keep(created("v1", startTime=ago(1)), created("v2", startTime=ago(1), duration="0:10"))
    await house.keep(created("v3", startTime=ago(1), terminalCode="DAL"))
    assert await counts(house) == []
    # One that comes to match counts from then on.
    await house.keep(created("v3", startTime=ago(1), eventTime=ago(0)))
    assert await counts(house) == [("JDOE123", 2)]


async def test_changes_are_told_beside_it_only_where_asked_for(house: House) -> None:
    await house.hook(URL, threshold={"atLeast": 1, "withinDays": 7})
    await house.hook(URL, threshold={"atLeast": 1, "withinDays": 7}, events=["violation.created", "driver.threshold"])
    await house.keep(created("v1", startTime=ago(1)))
    rows = await house.database.fetch("SELECT hook_pk, topic FROM deliveries ORDER BY hook_pk, topic")
    assert [tuple(row) for row in rows] == [(1, 4), (2, 0), (2, 4)]


DRIVERS = ("A", "B")
ACTIONS = st.tuples(st.integers(0, 4), st.sampled_from(DRIVERS), st.sampled_from([1, 3, 9]), st.booleans())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(ACTIONS, min_size=1, max_size=4), max_size=8), at_least=st.integers(1, 3))
async def test_any_history_crosses_where_the_model_says(
    databases: Databases, batches: list[list[tuple[int, str, int, bool]]], at_least: int
) -> None:
    expected: list[tuple[str, int]] = []
    state: dict[str, tuple[str, int]] = {}
    second = 0
    with databases.fresh() as url:
        async with alerting_on(url, allowed=("203.0.113.0/24",)) as house:
            await house.hook(URL, threshold={"atLeast": at_least, "withinDays": 7})
            for batch in batches:
                events = []
                for number, driver, days, is_active in batch:
                    second += 1
                    at = f"2024-01-01T00:{second // 60:02}:{second % 60:02}Z"
                    name = f"v{number}"
                    tell = created if is_active else invalidated
                    events.append(tell(name, driverId=driver, startTime=ago(days), eventTime=at))
                    before = state.get(name)
                    if is_active:
                        state[name] = (driver, days)
                    else:
                        state.pop(name, None)
                    counted = before is not None and before[0] == driver and before[1] <= 7
                    count = sum(1 for of, on in state.values() if of == driver and on <= 7)
                    if is_active and days <= 7 and not counted and count == at_least:
                        expected.append((driver, count))
                await house.keep(*events)
            assert await counts(house) == expected
