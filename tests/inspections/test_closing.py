"""Which defects are open: those of a plain reading of the rule, and the same in whatever order reports come."""

import asyncio
import json
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database, open_database
from app.db.statements import Dialect
from app.inspections.closing import Correction, OpenDefect, close
from app.inspections.connections import LOCAL_ID, ensure_local, find_connection
from app.inspections.operations import accept_operation
from app.inspections.reports import keep_report
from app.inspections.schema import corrects, listed_defects, read_report
from app.maven.ijson_grammar import Json
from app.maven.times import parse_time
from tests.databases import Databases, PostgresqlDatabases
from tests.inspections.samples import Report, report, uuid_of

KINDS: list[Json] = ["brakes", "tires", "horn"]
Open = set[tuple[str, str]]
"""The comment of the report that lists it, and its kind."""


NOW = parse_time("2024-01-02T00:00:00Z")


def at(second: int) -> str:
    return f"2024-01-01T00:00:{second:02}Z"


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    """Some reports of two trucks and two trailers, of which many correct others."""
    made: list[Report] = []
    for number in range(draw(st.integers(1, 6))):
        defects: list[Json] | None = draw(st.none() | st.lists(st.sampled_from(KINDS), max_size=3))
        fields: dict[str, Json] = {
            "occurred_at": at(draw(st.integers(0, 4))),
            "driver_comment": str(number),
            "log_type": draw(st.sampled_from(["pre_trip", "mechanic", "unknown"])),
            "status": draw(st.sampled_from([None, "no_defect", "defect_noted", "defect_corrected"])),
            "defects": defects,
            "vehicle_id": draw(st.sampled_from([None, uuid_of(1), uuid_of(2)])),
            "trailer_id": draw(st.sampled_from([None, uuid_of(3), uuid_of(4)])),
        }
        if draw(st.booleans()):
            fields["certified_by"] = "mechanic"
        made.append(report(uuid_of(0), **fields))
    return made


def is_correction(fields: Report) -> bool:
    """The rule as the docs have it: it says so, or a mechanic certified it and noted none."""
    if fields.get("status") == "defect_corrected":
        return True
    return fields.get("log_type") == "mechanic" and "certified_by" in fields and fields.get("status") != "defect_noted"


def open_by_the_rule(known: list[Report]) -> Open:
    """The defects that no later correction of the same truck or trailer closes."""
    found: Open = set()
    for one in known:
        for kind in [] if is_correction(one) else one["defects"] or []:  # type: ignore[union-attr]
            closing = [
                other
                for other in known
                if is_correction(other)
                and str(other["occurred_at"]) > str(one["occurred_at"])
                and any(other[name] == one[name] is not None for name in ("vehicle_id", "trailer_id"))
                and (not other["defects"] or kind in other["defects"])  # type: ignore[operator]
            ]
            if not closing:
                found.add((str(one["driver_comment"]), str(kind)))
    return found


async def keep(database: Database, fields: Report, now: int = NOW) -> str:
    read = read_report(json.dumps(fields).encode())
    return await database.write(keep_report(database.dialect, read, None, now, now))


async def open_in(database: Database) -> Open:
    rows = await database.fetch(
        "SELECT l.payload, d.defect_type FROM dvir_defects AS d JOIN dvir_logs AS l ON l.pk = d.dvir_log_pk"
        " WHERE d.resolved_at IS NULL"
    )
    return {(json.loads(bytes(row[0]))["driver_comment"], row[1]) for row in rows}


async def closed_by(database: Database) -> dict[tuple[str, str], tuple[int, str]]:
    """Of each closed defect the instant, and the comment of the report that closed it."""
    rows = await database.fetch(
        "SELECT l.payload, d.defect_type, d.resolved_at, c.payload, c.occurred_at FROM dvir_defects AS d"
        " JOIN dvir_logs AS l ON l.pk = d.dvir_log_pk JOIN dvir_logs AS c ON c.id = d.resolved_by"
    )
    assert all(row[2] == row[4] for row in rows)
    named = [[json.loads(bytes(row[n]))["driver_comment"] for n in (0, 3)] for row in rows]
    return {(one, row[1]): (row[2], by) for row, (one, by) in zip(rows, named, strict=True)}


@settings(max_examples=15)
@given(orders=reports().flatmap(lambda known: st.tuples(st.just(known), st.permutations(known))))
async def test_any_order_of_arrival_gives_the_same(databases: Databases, orders: tuple[list[Report], ...]) -> None:
    expected = open_by_the_rule(orders[0])
    instants = []
    for known in orders:
        with databases.fresh() as url:
            database = await open_database(url)
            try:
                for fields in known:
                    await keep(database, fields)
                assert await open_in(database) == expected
                closed = await closed_by(database)
            finally:
                await database.close()
        instants.append({defect: instant for defect, (instant, _) in closed.items()})
    assert instants[0] == instants[1]  # it was closed by the first that corrects it, whichever came first


async def test_the_first_correction_counts_however_late_it_comes(databases: Databases) -> None:
    truck, trailer = uuid_of(1), uuid_of(3)
    story = [
        report(uuid_of(0), occurred_at=at(1), vehicle_id=truck, trailer_id=trailer, defects=["brakes"]),
        report(uuid_of(0), occurred_at=at(2), vehicle_id=truck, status="defect_corrected", defects=["tires"]),
        report(uuid_of(0), occurred_at=at(3), trailer_id=trailer, status="defect_corrected"),
        report(uuid_of(0), occurred_at=at(4), vehicle_id=truck, status="defect_corrected", defects=["brakes"]),
    ]
    for number, fields in enumerate(story):
        fields["driver_comment"] = str(number)
    for order in permutations(story):
        with databases.fresh() as url:
            database = await open_database(url)
            try:
                for fields in order:
                    await keep(database, fields)
                closed = await closed_by(database)
            finally:
                await database.close()
        assert closed == {("0", "brakes"): (parse_time(at(3)), "2")}


async def test_a_mistyped_year_keeps_nothing_open_and_closes_nothing_to_come(databases: Databases) -> None:
    truck, other = uuid_of(1), uuid_of(2)
    with databases.fresh() as url:
        database = await open_database(url)
        try:

            async def come(second: int, comment: str, **fields: Json) -> None:
                made = report(uuid_of(0), driver_comment=comment, **fields)
                await keep(database, made, parse_time(at(second)))

            await come(1, "typo", vehicle_id=truck, occurred_at="2042-01-01T00:00:01Z", defects=["brakes"])
            await come(2, "mended", vehicle_id=truck, occurred_at=at(2), status="defect_corrected")
            assert await open_in(database) == set()
            # A correction of the future is one of the moment it came: what is found later stays open.
            await come(3, "before", vehicle_id=other, occurred_at=at(1), defects=["tires"])
            await come(4, "typo again", vehicle_id=other, occurred_at="2042-01-01T00:00:04Z", status="defect_corrected")
            await come(6, "after", vehicle_id=other, occurred_at=at(5), defects=["horn"])
            assert await open_in(database) == {("after", "horn")}
            rows = await database.fetch("SELECT resolved_at FROM dvir_defects WHERE resolved_at IS NOT NULL")
            assert sorted(row[0] for row in rows) == [parse_time(at(2)), parse_time(at(4))]
        finally:
            await database.close()


@pytest.mark.parametrize(
    "changes, is_so",
    [
        ({"status": "defect_corrected"}, True),
        ({"status": "defect_corrected", "log_type": "pre_trip"}, True),
        ({"log_type": "mechanic"}, False),
        ({"log_type": "mechanic", "certify_date": "2024-01-01T00:00:00Z"}, True),
        ({"log_type": "mechanic", "certified_by": "m"}, True),
        ({"log_type": "mechanic", "certified_by": "m", "status": "no_defect"}, True),
        ({"log_type": "mechanic", "certified_by": "m", "status": "defect_noted"}, False),
        ({"log_type": "mechanic", "certified_by": None, "certify_date": None}, False),
        ({"log_type": "post_trip", "certified_by": "m"}, False),
        ({"certify_date": "2024-01-01T00:00:00Z"}, False),
        ({"status": "no_defect"}, False),
        ({}, False),
    ],
)
def test_what_corrects(changes: dict[str, Json], is_so: bool) -> None:
    read = read_report(json.dumps(report(uuid_of(0), **changes)).encode())
    assert corrects(read) is is_so


def test_details_belong_to_their_defects() -> None:
    sent = report(
        uuid_of(0),
        defects=["brakes", "tires", "tires"],
        defects_detail=[
            {"defect_type": "tires", "notes": "left"},
            {"defect_type": "horn", "is_safety_critical": True},
            {"defect_type": "wings"},
            {"defect_type": 5, "is_safety_critical": "yes"},
            {},
        ],
    )
    found = listed_defects(read_report(json.dumps(sent).encode()))
    assert [one.type for one in found] == ["brakes", "tires", "tires", "horn", "other", "other", "other"]
    assert [one.is_safety_critical for one in found] == [False, False, False, True, False, False, False]
    assert [None if one.detail is None else json.loads(one.detail).get("notes") for one in found[:3]] == [
        None,
        "left",
        None,
    ]
    critical = listed_defects(read_report(json.dumps({**sent, "is_safety_critical": True}).encode()))
    assert all(one.is_safety_critical for one in critical)


def test_at_the_same_instant_nothing_is_closed() -> None:
    defect = OpenDefect(1, "truck", None, 5, "brakes")
    none = frozenset[str]()
    same, later = (Correction(name, "truck", None, instant, none) for name, instant in (("a", 5), ("b", 6)))
    assert close([defect], [same]) == {}
    assert close([defect], [same, later]) == {1: later}
    assert close([defect], [Correction("c", None, "truck", 6, none)]) == {}
    assert close([OpenDefect(1, None, None, 5, "brakes")], [Correction("d", None, None, 6, none)]) == {}


async def test_reports_that_several_processes_keep_at_once_see_each_other(
    postgresql_databases: PostgresqlDatabases,
) -> None:
    """A defect and its correction that come at the same time: neither may miss the other."""
    with postgresql_databases.fresh() as url:
        several = [await open_database(url) for _ in range(4)]
        try:
            await several[0].write(ensure_local(0))
            local = await several[0].read(find_connection(LOCAL_ID))
            assert local is not None

            async def accept(database: Database, **fields: Json) -> None:
                read = read_report(json.dumps(report(LOCAL_ID, **fields)).encode())
                made = await database.write(
                    accept_operation(Dialect.POSTGRESQL, local, read, uuid_of(9), NOW, is_sync=False)
                )
                assert made is not None

            for n in range(40):
                truck = uuid_of(n)
                defect = {"vehicle_id": truck, "occurred_at": at(1), "defects": ["brakes"], "driver_comment": "x"}
                correction = {"vehicle_id": truck, "occurred_at": at(2), "status": "defect_corrected"}
                both = [defect, correction, defect, correction]
                await asyncio.gather(*(accept(d, **f) for d, f in zip(several, both, strict=True)))  # type: ignore[arg-type]
            assert await open_in(several[0]) == set()
            rows = await several[0].fetch("SELECT count(*) FROM dvir_defects")
            assert rows[0][0] == 80
        finally:
            for database in several:
                await database.close()
