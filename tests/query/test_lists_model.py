"""Lists against a plain Python model: the same events, the same question, the same violations in the same order.

The model says what every violation is at a moment by the oracle of `tests.events`, filters and sorts in plain
Python, and renders by the contract's own words.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview
from app.reviews.store import add_reviews
from tests.databases import Databases
from tests.events import CHANGES, CREATED, INVALIDATED, Told, micros, outcomes_of, state_of
from tests.maven.examples import Json, as_bytes
from tests.query.desk import ALL_SEEING, BEGIN, Desk, open_desk

IDS = ["a", "B", "b", "a/b", "%2F", "%", "ü ", "\U0001f69a", "'\";--", "x?&=+,#", "..", "\u2028"]
DRIVERS = ["D1", "d1", "D/1", "D,1", "D 1", "ß"]
TERMINALS = ["PGH", "pgh", "CLE, OH", ""]
NAMES = ["Doe, John", "doe, john", "Zoë Straße", "ZOË STRASSE", "\U0001f69a", "\uffee", "Z" * 700 + "ü" * 700, ""]
STARTS = ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000001Z", "2024-02-01T12:00:00+02:00", "1970-01-01T00:00:00Z"]
EVENT_TIMES = ["2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z", "2024-03-03T00:00:00.5Z"]
DURATIONS = {"3:00": 180, "03:01": 181, "9999:59": 599_999, "0:00": 0}
DATES = ["2024-01-01", "2024-01-02", "2023-12-31"]
TYPES = ["shift_drive", "unheard_of", "a,b"]
RULESETS = ["USA_PROPERTY_70_8", "CALIFORNIA_INTRASTATE_PROPERTY"]
UNITS = ["Truck 1", "TRUCK 1", "7"]


def maybe(values: Sequence[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(values))


def events(ids: Sequence[str]) -> st.SearchStrategy[Told]:
    return st.builds(
        lambda kind, fields: Told(kind, fields, as_bytes({"eventType": kind, **fields})),
        st.sampled_from([CREATED, CREATED, CREATED, INVALIDATED]),
        st.fixed_dictionaries(
            {
                "id": st.sampled_from(ids),
                "eventTime": st.sampled_from(EVENT_TIMES),
                "driverId": st.sampled_from(DRIVERS),
                "startTime": st.sampled_from(STARTS),
                "type": st.sampled_from(TYPES),
                "terminalCode": maybe(TERMINALS),
                "driverName": maybe(NAMES),
                "duration": maybe(list(DURATIONS)),
                "logDate": maybe(DATES),
                "ruleset": maybe(RULESETS),
                "powerUnitNumber": maybe(UNITS),
            }
        ),
    )


def bare(event: Told) -> Told:
    """An invalidation as terse as the contract allows, which has no start and no driver."""
    data = {name: event.data[name] for name in ("id", "eventTime", "terminalCode")}
    return Told(INVALIDATED, data, as_bytes({"eventType": INVALIDATED, **data}))


def histories(ids: Sequence[str]) -> st.SearchStrategy[list[tuple[Told, int]]]:
    told = st.one_of(events(ids), events(ids), events(ids).map(bare))
    return st.lists(st.tuples(told, st.integers(0, 2)), min_size=1, max_size=24)


HISTORIES = st.lists(st.sampled_from(IDS), min_size=1, max_size=8, unique=True).flatmap(histories)
"""Events, and how many microseconds after the one before each is received."""


REVIEWS = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(ReviewStatus), st.integers(BEGIN - 1, BEGIN + 24)), max_size=12
)
"""Whose, which status, and when by a clock that may go back. Some are of violations that there are not."""

Reviews = dict[str, list[tuple[str, int]]]
"""Status words and times by violation, oldest first."""


@dataclass
class Question:
    """A query: parameters by name, each with the values of which any may match."""

    words: dict[str, list[str]] = field(default_factory=dict)
    status: str | None = None
    starts: tuple[str | None, str | None] = (None, None)
    dates: tuple[str | None, str | None] = (None, None)
    minutes: int | None = None
    egregious: bool | None = None
    search: str | None = None
    reviews: tuple[str, ...] = ()
    as_of: int | None = None
    sort: str | None = None
    limit: int | None = None
    terminals: tuple[str, ...] | None = None

    def query(self, *, paged: bool = True, sorted_by: bool = True) -> str:
        pairs = [(n, ",".join(quote(v, safe="") for v in values)) for n, values in self.words.items() if values]
        single: dict[str, str | None] = {
            "status": self.status,
            "startTimeFrom": self.starts[0],
            "startTimeTo": self.starts[1],
            "logDateFrom": self.dates[0],
            "logDateTo": self.dates[1],
            "minDurationMinutes": None if self.minutes is None else str(self.minutes),
            "egregious": None if self.egregious is None else str(self.egregious).lower(),
            "q": self.search,
            "review": ",".join(self.reviews) or None,
            "asOf": None if self.as_of is None else written(self.as_of),
            "sort": self.sort if sorted_by else None,
            "limit": str(self.limit) if paged and self.limit else None,
        }
        pairs += [
            (name, quote(value, safe="," if name == "review" else ""))
            for name, value in single.items()
            if value is not None
        ]
        return "&".join(f"{name}={value}" for name, value in pairs)


WORDS = ["open", "acknowledged", "coached", "disputed"]

QUESTIONS = st.builds(
    Question,
    words=st.fixed_dictionaries(
        {},
        optional={
            "driverId": st.lists(st.sampled_from(DRIVERS), min_size=1, max_size=2),
            "terminalCode": st.lists(st.sampled_from(TERMINALS[:3]), min_size=1, max_size=2),
            "type": st.lists(st.sampled_from(TYPES), min_size=1, max_size=2),
            "ruleset": st.lists(st.sampled_from(RULESETS), min_size=1, max_size=1),
            "powerUnitNumber": st.lists(st.sampled_from(UNITS), min_size=1, max_size=2),
        },
    ).filter(lambda words: len(words) < 3),
    status=st.sampled_from([None, "active", "invalidated", "all", "all", "all"]),
    starts=st.tuples(maybe(STARTS), st.none()) | st.tuples(st.none(), maybe(STARTS)),
    dates=st.tuples(maybe(DATES), st.none()) | st.tuples(st.none(), maybe(DATES)),
    minutes=st.sampled_from([None, None, None, 0, 180, 181, 599_999]),
    egregious=st.sampled_from([None, None, None, True, False]),
    search=st.sampled_from([None, None, None, "JOHN", "straSSe", "ß", "uck", "\U0001f69a", "n7", "'", "%"]),
    reviews=st.just(()) | st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True).map(tuple),
    as_of=st.none() | st.integers(BEGIN - 1, BEGIN + 24),
    sort=st.sampled_from(
        [None, *(s + n for s in ("", "-") for n in ("startTime", "eventTime", "duration", "driverName"))]
    ),
    limit=st.integers(1, 5),
    terminals=st.sampled_from([None, None, None, (), ("PGH",), ("PGH", "CLE, OH")]),
)


def written(moment: int) -> str:
    whole = datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment % 1_000_000:06d}Z" if moment % 1_000_000 else f"{whole}Z"


FIELDS = [
    "eventTime",
    "id",
    "terminalCode",
    "logDate",
    "driverName",
    "driverId",
    "ruleset",
    "powerUnitNumber",
    "type",
    "shortDescription",
    "longDescription",
    "startTime",
    "endTime",
    "duration",
    "startData",
    "endData",
]


def shown(history: Sequence[tuple[Told, int]], until: int | None) -> dict[str, dict[str, Json]]:
    """Every violation at a moment, by id, as the contract has it on the wire."""
    outcomes = outcomes_of([event for event, _ in history])
    kept = [
        (event, at, outcome)
        for (event, at), outcome in zip(history, outcomes, strict=True)
        if outcome != "duplicate" and (until is None or at <= until)
    ]
    violations: dict[str, dict[str, Json]] = {}
    for violation_id in {event.violation_id for event, _, _ in kept}:
        own = [one for one in kept if one[0].violation_id == violation_id]
        state = state_of([event for event, _, _ in own])
        wire: dict[str, Json] = {name: state.details.data.get(name) for name in FIELDS}
        for name in ("eventTime", "startTime"):
            if wire[name] is not None:
                wire[name] = written(micros(str(wire[name])))
        minutes = None if wire["duration"] is None else DURATIONS[str(wire["duration"])]
        is_drive = wire["type"] == "shift_drive"
        regulation: Json = None
        if is_drive and wire["ruleset"] == "USA_PROPERTY_70_8":
            regulation = {"cite": "49 CFR 395.3(a)(3)(i)", "title": "11 hours of driving after 10 hours off duty"}
        violations[violation_id] = wire | {
            "durationMinutes": minutes,
            "egregious": is_drive and minutes is not None and minutes > 180,
            "regulation": regulation,
            "status": state.status,
            "invalidated": state.status == "invalidated",
            "invalidatedAt": None if state.invalidated_at is None else written(state.invalidated_at),
            "firstReceivedAt": written(own[0][1]),
            "lastReceivedAt": written(own[-1][1]),
            "revision": sum(outcome in CHANGES for _, _, outcome in own),
        }
    return violations


def reviewed(reviews: Reviews, violation_id: str, until: int | None) -> str:
    """What was done about a violation, at a moment."""
    told = [word for word, at in reviews.get(violation_id, []) if until is None or at <= until]
    return told[-1] if told else "open"


def expected(history: Sequence[tuple[Told, int]], reviews: Reviews, asked: Question) -> list[dict[str, Json]]:
    """The violations that answer a question, in order."""
    now = shown(history, None)
    found = [
        wire
        for violation_id, wire in shown(history, asked.as_of).items()
        if (asked.terminals is None or now[violation_id]["terminalCode"] in asked.terminals)
        and (not asked.reviews or reviewed(reviews, violation_id, asked.as_of) in asked.reviews)
    ]
    return in_order([wire for wire in found if matches(wire, asked)], asked.sort or "-startTime")


def matches(wire: dict[str, Json], asked: Question) -> bool:
    start = None if wire["startTime"] is None else micros(str(wire["startTime"]))
    sought = [str(wire[name] or "").casefold() for name in ("driverName", "powerUnitNumber")]
    return (
        asked.status in ("all", wire["status"], None if wire["status"] == "active" else "")
        and all(wire[name] in values for name, values in asked.words.items())
        and lies_between(start, *map(moment_of, asked.starts))
        and lies_between(wire["logDate"], *asked.dates)
        and lies_between(wire["durationMinutes"], asked.minutes, None)
        and asked.egregious in (None, wire["egregious"])
        and (asked.search is None or any(asked.search.casefold() in text for text in sought))
    )


def moment_of(text: str | None) -> int | None:
    return None if text is None else micros(text)


def lies_between(value: object, least: object, most: object) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)  # type: ignore[operator]


def in_order(found: list[dict[str, Json]], sort: str) -> list[dict[str, Json]]:
    name = sort.removeprefix("-")

    def value(wire: dict[str, Json]) -> int | list[int] | None:
        if name == "driverName":
            return None if wire[name] is None else [ord(c) for c in str(wire[name])]
        if name == "duration":
            minutes = wire["durationMinutes"]
            assert minutes is None or isinstance(minutes, int)
            return minutes
        return None if wire[name] is None else micros(str(wire[name]))

    by_id = sorted(found, key=lambda wire: [ord(c) for c in str(wire["id"])])
    without = [wire for wire in by_id if value(wire) is None]
    having = [wire for wire in by_id if value(wire) is not None]
    having.sort(key=value, reverse=sort.startswith("-"))  # type: ignore[arg-type] # stable, also when reversed
    return having + without


async def give(desk: Desk, asked: list[tuple[str, ReviewStatus, int]], known: set[str]) -> Reviews:
    """Gives reviews, and tells what is to be remembered of them."""
    reviews: Reviews = {}
    for number, (violation_id, status, at) in enumerate(asked):
        script = add_reviews(desk.database.dialect, [violation_id], None, NewReview(status), f"k{number}", at)
        if await desk.database.write(script):
            told = reviews.setdefault(violation_id, [])
            told.append((status.word, max([at, *(before for _, before in told)])))
    assert set(reviews) == {violation_id for violation_id, _, _ in asked} & known
    return reviews


@pytest.mark.anyio
@settings(max_examples=50)
@given(history=HISTORIES, given_reviews=REVIEWS, questions=st.lists(QUESTIONS, min_size=8, max_size=8))
async def test_lists_are_what_the_model_says(
    databases: Databases,
    history: list[tuple[Told, int]],
    given_reviews: list[tuple[str, ReviewStatus, int]],
    questions: list[Question],
) -> None:
    with databases.fresh() as url:
        async with open_desk(url) as desk:
            at = BEGIN
            received = []
            for event, later in history:
                at += later
                received.append((event, at))
                await desk.receive(event.body, at=at)
            reviews = await give(desk, given_reviews, {event.violation_id for event, _ in history})
            for asked in questions:
                key = ALL_SEEING if asked.terminals is None else desk.limit_key(asked.terminals)
                wanted = expected(received, reviews, asked)
                assert await desk.walk(f"/v1/violations?{asked.query()}", key) == wanted
                counts = await desk.get(f"/v1/stats?{asked.query(paged=False, sorted_by=False)}", key)
                assert counts.json()["total"] == len(wanted)
                lines = await desk.get(f"/v1/violations?{asked.query(paged=False)}", key, accept="application/x-ndjson")
                assert [json.loads(line) for line in lines.content.splitlines()] == wanted


@pytest.mark.anyio
@settings(max_examples=15)
@given(history=HISTORIES, asked=QUESTIONS)
async def test_a_drivers_violations_are_the_list_for_that_driver(
    databases: Databases, history: list[tuple[Told, int]], asked: Question
) -> None:
    words = {name: values for name, values in asked.words.items() if name == "type"}
    with databases.fresh() as url:
        async with open_desk(url) as desk:
            received = []
            for number, (event, _) in enumerate(history):
                received.append((event, BEGIN + number))
                await desk.receive(event.body, at=BEGIN + number)
            key = ALL_SEEING if asked.terminals is None else desk.limit_key(asked.terminals)
            for driver in DRIVERS:
                narrowed = Question(
                    words, asked.status, asked.starts, as_of=asked.as_of, limit=asked.limit, terminals=asked.terminals
                )
                path = f"/v1/drivers/{quote(driver, safe='')}/violations?{narrowed.query()}"
                found = await desk.walk(path, key)
                narrowed.words = {**words, "driverId": [driver]}
                assert found == expected(received, {}, narrowed)
