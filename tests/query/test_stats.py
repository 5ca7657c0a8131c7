"""`GET /v1/stats` against a model in plain Python, over random violations, filters and keys."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.databases import Databases
from tests.maven.examples import Json
from tests.query.reading import ALL, created, invalidated, open_house
from tests.query.sample import LOG_DATES, RULESETS, TERMINALS, TYPES, Sample, samples

Asked = dict[str, str | list[str]]


def some_of(words: list[str] | list[str | None]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([word for word in words if word]), min_size=1, max_size=2, unique=True)


QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["active", "invalidated", "all"]),
        "terminalCode": some_of(TERMINALS),
        "type": some_of(TYPES),
        "ruleset": some_of(RULESETS),
        "logDateFrom": st.sampled_from([day for day in LOG_DATES if day]),
        "minDurationMinutes": st.sampled_from(["0", "181"]),
        "egregious": st.sampled_from(["true", "false"]),
        "q": st.sampled_from(["JOHN", "zo\u00cb"]),
    },
)


def is_asked_for(sample: Sample, asked: Asked) -> bool:
    """Contract section 5: the filters of the list."""
    if asked.get("status", "active") not in ("all", "active" if sample.is_active else "invalidated"):
        return False
    if sample.terminal not in asked.get("terminalCode", [cast("str", sample.terminal)]):
        return False
    if sample.type not in asked.get("type", [sample.type]):
        return False
    if sample.ruleset not in asked.get("ruleset", [cast("str", sample.ruleset)]):
        return False
    if "logDateFrom" in asked and (sample.log_date is None or sample.log_date < str(asked["logDateFrom"])):
        return False
    if "minDurationMinutes" in asked and (
        sample.minutes is None or sample.minutes < int(str(asked["minDurationMinutes"]))
    ):
        return False
    if "egregious" in asked and sample.is_egregious != (asked["egregious"] == "true"):
        return False
    return str(asked.get("q", "")).casefold() in (sample.name or "").casefold()


def spread(values: Sequence[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(value for value in values if value is not None).items()))


def stats_of(known: list[Sample]) -> dict[str, object]:
    """The counts of all of them."""
    facets: dict[str, Sequence[str | None]] = {
        "type": [s.type for s in known],
        "terminal": [s.terminal for s in known],
        "ruleset": [s.ruleset for s in known],
        "logDate": [s.log_date for s in known],
    }
    return {
        "total": len(known),
        "egregious": sum(s.is_egregious for s in known),
        "byType": spread(facets["type"]),
        "byTerminal": spread(facets["terminal"]),
        "byRuleset": spread(facets["ruleset"]),
        "byLogDate": spread(facets["logDate"]),
        "without": {name: values.count(None) for name, values in facets.items()},
    }


@settings(max_examples=25)
@given(known=samples(), asked=QUESTIONS, key=st.sampled_from([ALL, ALL, "PGH", "PGH,pgh", "X"]))
def test_counts_are_those_of_the_model(databases: Databases, known: list[Sample], asked: Asked, key: str) -> None:
    async def run(url: str) -> None:
        async with open_house(url) as house:
            await house.keep(*[event for sample in known for event in sample.events()])
            answer = await house.get("/v1/stats", asked, key)
            assert answer.status == 200, answer.body
            expected = stats_of([s for s in known if s.is_visible_to(key) and is_asked_for(s, asked)])
            assert ordered(answer.json) == ordered(expected)

    with databases.fresh() as url:
        asyncio.run(run(url))


def ordered(stats: object) -> object:
    """With the order of members, which equality of objects leaves out."""
    return [(name, ordered(value)) for name, value in stats.items()] if isinstance(stats, dict) else stats


async def test_counts_of_an_earlier_moment(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(created("v1"), created("v2", "CLE"))
        await house.keep(invalidated("v1"), created("v2", "PGH", eventTime="2024-01-03T00:00:00Z"))

        async def terminals(key: str, **asked: str) -> Json:
            return (await house.get("/v1/stats", asked, key)).json["byTerminal"]

        assert await terminals(ALL) == {"PGH": 1}
        assert await terminals(ALL, asOf="2026-01-01T00:00:00Z") == {"CLE": 1, "PGH": 1}
        assert await terminals("PGH", asOf="2026-01-01T00:00:00Z") == {"CLE": 1, "PGH": 1}
        assert await terminals("CLE", asOf="2026-01-01T00:00:00Z") == {}
        assert await terminals(ALL, asOf="2025-12-31T23:59:59Z") == {}
        assert await terminals(ALL, status="all") == {"PGH": 2}


@pytest.mark.parametrize("parameters", ["sort=startTime", "limit=1", "cursor=x", "status=open", "q=", "bytype=x"])
async def test_what_is_no_filter_is_400(sqlite_url: str, parameters: str) -> None:
    async with open_house(sqlite_url) as house:
        assert (await house.get("/v1/stats", parameters)).status == 400
