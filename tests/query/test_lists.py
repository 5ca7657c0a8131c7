"""Lists from outside: envelope, strictness, cursors and their bounds, limited keys, a database that is away."""

from collections.abc import AsyncIterator
from typing import TypeVar
from urllib.parse import quote

import pytest

from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect, ReadScript, Rows, WriteScript
from app.query.pages import PAGE_BYTES
from app.web.cursors import CursorSeal
from tests.maven.examples import as_bytes, flat_event
from tests.query.desk import BEGIN, Desk, desk_on, open_desk

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened


def numbered(count: int, **changes: str) -> bytes:
    """Creations v000, v001, …, all of one time, so that their order is that of their ids."""
    return as_bytes([flat_event(id=f"v{number:03}", **changes) for number in range(count)])


async def test_an_empty_list(desk: Desk) -> None:
    for path in ("/v1/violations", "/v1/violations?status=all&asOf=2030-01-01T00:00:00Z", "/v1/drivers/x/violations"):
        answer = await desk.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"data": [], "pagination": {"nextCursor": None, "hasNextPage": False}}


async def test_a_page_has_100_unless_asked_otherwise(desk: Desk) -> None:
    await desk.receive(numbered(101))
    first = (await desk.get("/v1/violations")).json()
    assert [one["id"] for one in first["data"]] == [f"v{number:03}" for number in range(100)]
    assert first["pagination"]["hasNextPage"] is True
    second = (await desk.get(f"/v1/violations?cursor={first['pagination']['nextCursor']}")).json()
    assert [one["id"] for one in second["data"]] == ["v100"]
    assert second["pagination"] == {"nextCursor": None, "hasNextPage": False}
    exact = (await desk.get("/v1/violations?limit=101")).json()
    assert len(exact["data"]) == 101
    assert exact["pagination"] == {"nextCursor": None, "hasNextPage": False}


async def test_a_walk_meets_what_stays_once_whatever_happens_meanwhile(desk: Desk) -> None:
    await desk.receive(numbered(6, startTime="2024-01-02T00:00:00Z"))
    first = (await desk.get("/v1/violations?limit=3")).json()
    gone = as_bytes([flat_event("violationInvalidated", id="v002"), flat_event("violationInvalidated", id="v004")])
    new = as_bytes(flat_event(id="a", startTime="2024-01-03T00:00:00Z"))
    await desk.receive(gone, new, at=BEGIN + 1)
    rest = await desk.walk(f"/v1/violations?limit=2&cursor={first['pagination']['nextCursor']}")
    assert [one["id"] for one in first["data"] + rest] == ["v000", "v001", "v002", "v003", "v005"]


BAD_LIST_PARAMETERS = [
    "limit=0",
    "limit=1001",
    "limit=ten",
    "sort=name",
    "sort=startTime,eventTime",
    "status=Active",
    "status=",
    "egregious=yes",
    "startTimeFrom=2024-01-01",
    "startTimeTo=soon",
    "logDateFrom=2024-02-30",
    "minDurationMinutes=-1",
    "minDurationMinutes=3:00",
    "minDurationMinutes=600000",
    "minDurationMinutes=99999999999999999999",
    "q=",
    "q=%EF%BF%BF",
    "q=a&q=b",
    "asOf=now",
    "driverID=1",
    "driver_id=1",
    "driverId=",
    "driverId=a,,b",
    "driverId=%00",
    "terminalCode=%ff",
    "cursor=",
    "cursor=abc",
    "cursor=a&cursor=b",
    "after=1",
    "offset=10",
]


@pytest.mark.parametrize("query", BAD_LIST_PARAMETERS)
async def test_no_typo_widens_a_query(desk: Desk, query: str) -> None:
    answer = await desk.get(f"/v1/violations?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-parameter"
    assert {"title", "status", "detail", "instance", "requestId"} <= problem.keys()
    assert query.partition("=")[0] in problem["detail"]


@pytest.mark.parametrize("query", ["sort=startTime", "driverId=x", "q=a", "limit=0", "cursor=abc", "status=none"])
async def test_no_typo_widens_a_drivers_query(desk: Desk, query: str) -> None:
    assert (await desk.get(f"/v1/drivers/x/violations?{query}")).status_code == 400


async def test_a_cursor_is_bound_to_its_query_but_not_to_its_limit(desk: Desk) -> None:
    await desk.receive(numbered(5))
    answer = (await desk.get("/v1/violations?limit=2&status=all&driverId=JDOE123")).json()
    cursor = answer["pagination"]["nextCursor"]
    limited = desk.limit_key(["PGH"])
    query = f"driverId=JDOE123&cursor={cursor}"
    assert (await desk.get(f"/v1/violations?status=all&limit=1000&{query}")).status_code == 200
    assert (await desk.get(f"/v1/violations?status=all&{query}", limited)).status_code == 400
    for other in ("", "status=invalidated&", "status=all&sort=startTime&", "status=all&type=x&", "status=all&q=x&"):
        assert (await desk.get(f"/v1/violations?{other}{query}")).status_code == 400, other
    assert (await desk.get(f"/v1/drivers/JDOE123/violations?status=all&cursor={cursor}")).status_code == 400
    assert (await desk.get(f"/v1/violations/v000/events?cursor={cursor}")).status_code == 400


async def test_a_cursor_of_a_long_name_is_short(desk: Desk) -> None:
    name = "n" * 200_000
    await desk.receive(
        as_bytes([flat_event(id=f"v{number}", driverName=name + str(number % 2)) for number in range(4)])
    )
    page = (await desk.get("/v1/violations?sort=driverName&limit=1")).json()
    assert len(page["pagination"]["nextCursor"]) < 100
    found = await desk.walk("/v1/violations?sort=driverName&limit=1")
    assert [one["id"] for one in found] == ["v0", "v2", "v1", "v3"]


async def test_a_page_of_large_violations_ends_early(desk: Desk) -> None:
    text = "x" * (PAGE_BYTES // 4)
    for number in range(6):
        await desk.receive(as_bytes(flat_event(id=f"v{number}", longDescription=text)))
    page = (await desk.get("/v1/violations")).json()
    assert 1 < len(page["data"]) < 6
    assert page["pagination"]["hasNextPage"] is True
    assert [one["id"] for one in await desk.walk("/v1/violations")] == [f"v{number}" for number in range(6)]


@pytest.mark.parametrize(
    "driver", ["D/1", "%2F", "D 1", "a,b", "ü\u2028", "\U0001f69a", "..", "'; --", "x" * 255, "?#"]
)
async def test_any_driver_id_works(desk: Desk, driver: str) -> None:
    await desk.receive(as_bytes([flat_event(id="v", driverId=driver), flat_event(id="w", driverId=driver)]))
    await desk.receive(as_bytes(flat_event(id="x", driverId="another")))
    segment = quote(driver, safe="").replace(".", "%2E")
    found = await desk.walk(f"/v1/drivers/{segment}/violations")
    assert [one["driverId"] for one in found] == [driver, driver]


@pytest.mark.parametrize("driver", ["%00", "%EF%BF%BF", "nobody", "jdoe123"])
async def test_a_driver_never_heard_of_has_an_empty_list(desk: Desk, driver: str) -> None:
    await desk.receive(as_bytes(flat_event()))
    assert await desk.walk(f"/v1/drivers/{driver}/violations?status=all") == []


async def test_filters_take_values_with_commas_and_any_of_several(desk: Desk) -> None:
    bodies = [flat_event(id=driver, driverId=driver) for driver in ("a", "b", "a,b", "c")]
    await desk.receive(as_bytes(bodies))

    async def found(query: str) -> list[object]:
        return [one["id"] for one in await desk.walk(f"/v1/violations?{query}")]

    assert await found("driverId=a%2Cb") == ["a,b"]
    assert await found("driverId=a,b") == ["a", "b"]
    assert await found("driverId=a&driverId=a%2Cb,nobody") == ["a", "a,b"]
    assert await found("driverId=A") == []
    assert await found("status=active,invalidated") == ["a", "a,b", "b", "c"]


@pytest.mark.parametrize(
    "q, found",
    [
        ("strasse", ["a", "b"]),
        ("STRAẞE", ["a", "b"]),
        ("doe, j", ["c"]),
        ("truck", ["a", "c"]),
        ("oetruck", []),  # a name's end and a unit's beginning are no text
        ("%25", ["b"]),
        ("_", []),
    ],
)
async def test_q_is_a_part_of_name_or_unit_in_any_case(desk: Desk, q: str, found: list[str]) -> None:
    people = {"a": ("Zoë Straße", "TRUCK 1"), "b": ("ZOË STRASSE 100%", None), "c": ("Doe, Joe", "truck")}
    bodies = [flat_event(id=i, driverName=name, powerUnitNumber=unit) for i, (name, unit) in people.items()]
    await desk.receive(as_bytes(bodies))
    assert [one["id"] for one in await desk.walk(f"/v1/violations?q={q}")] == found


@pytest.mark.parametrize(
    "query, found",
    [
        ("startTimeFrom=2024-01-02T00:00:00Z", ["b", "c"]),
        ("startTimeFrom=2024-01-02T00:00:00.000001Z", ["c"]),
        ("startTimeTo=2024-01-02T01:00:00+01:00", ["a", "b"]),
        ("startTimeTo=2024-01-01T23:59:59.999999Z", ["a"]),
        ("logDateFrom=2024-01-02", ["b", "c"]),
        ("logDateTo=2024-01-02", ["a", "b"]),
        ("logDateFrom=2024-01-02&logDateTo=2024-01-02", ["b"]),
        ("startTimeFrom=2024-01-03T00:00:00Z&startTimeTo=2024-01-01T00:00:00Z", []),
        ("minDurationMinutes=0", ["a", "b", "c"]),
        ("minDurationMinutes=180", ["b", "c"]),
        ("minDurationMinutes=181", ["c"]),
        ("egregious=true", ["c"]),
        ("egregious=false", ["a", "b", "none"]),
    ],
)
async def test_ranges_include_their_ends_and_leave_out_what_has_no_value(
    desk: Desk, query: str, found: list[str]
) -> None:
    values = {"a": ("01", "0:00"), "b": ("02", "3:00"), "c": ("03", "3:01")}
    for name, (day, duration) in values.items():
        event = flat_event(id=name, startTime=f"2024-01-{day}T00:00:00Z", logDate=f"2024-01-{day}", duration=duration)
        await desk.receive(as_bytes(event))
    bare = {"id": "none", "eventTime": "2024-01-01T00:00:00Z"}
    await desk.receive(as_bytes({"eventType": "violationInvalidated", **bare}))
    assert [one["id"] for one in await desk.walk(f"/v1/violations?status=all&sort=startTime&{query}")] == found


async def test_as_of_is_what_was_known_at_that_very_moment(desk: Desk) -> None:
    for number, name in enumerate(("first", "second", "third")):
        event = flat_event(id="v", driverName=name, eventTime=f"2024-01-0{number + 1}T00:00:00Z")
        await desk.receive(as_bytes(event), at=BEGIN + 10 * number)
    for micros, names in ((9, ["first"]), (10, ["second"]), (11, ["second"]), (19, ["second"]), (20, ["third"])):
        seen = await desk.walk(f"/v1/violations?asOf=2026-01-01T00:00:00.{micros:06}Z")
        assert [one["driverName"] for one in seen] == names
    assert await desk.walk("/v1/violations?status=all&asOf=2025-12-31T23:59:59.999999Z") == []


async def test_limited_keys_see_by_the_present_terminal(desk: Desk) -> None:
    """A violation that moved to another terminal is seen from there, its past included."""
    await desk.receive(as_bytes([flat_event(id="moves", terminalCode="OLD"), flat_event(id="none", terminalCode=None)]))
    moved = flat_event(id="moves", terminalCode="NEW", eventTime="2024-01-02T00:00:00Z")
    await desk.receive(as_bytes(moved), at=BEGIN + 10)
    old, new, nobody = desk.limit_key(["OLD"]), desk.limit_key(["NEW", "x"]), desk.limit_key([])
    for query in ("status=all", "status=all&asOf=2026-01-01T00:00:00Z", "terminalCode=OLD,NEW"):
        assert await desk.walk(f"/v1/violations?{query}", old) == []
        assert await desk.walk(f"/v1/violations?{query}", nobody) == []
        assert [one["id"] for one in await desk.walk(f"/v1/violations?{query}", new)] == ["moves"]
    for query in ("status=all", "asOf=2026-01-01T00:00:00Z"):
        assert await desk.walk(f"/v1/drivers/JDOE123/violations?{query}", old) == []
    (past,) = await desk.walk("/v1/violations?asOf=2026-01-01T00:00:00Z", new)
    assert past["terminalCode"] == "OLD"
    exported = await desk.get("/v1/violations?status=all", old, accept="text/csv")
    assert len(exported.text.splitlines()) == 1


async def test_keys_are_needed(desk: Desk) -> None:
    for path in ("/v1/violations", "/v1/violations/x", "/v1/violations/x/events", "/v1/drivers/x/violations"):
        assert (await desk.get(path, "unknown")).status_code == 401
        assert (await desk.get(path, "webhook")).status_code == 403


async def test_head_and_other_methods(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    for path in ("/v1/violations", "/v1/violations/v", "/v1/violations/v/events", "/v1/drivers/JDOE123/violations"):
        full = await desk.get(path)
        head = await desk.get(path, method="HEAD")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == full.headers["content-length"]
        posted = await desk.get(path, method="POST")
        assert posted.status_code == 405
        assert set(posted.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}


class Away:
    """A database that does not answer."""

    dialect = Dialect.SQLITE

    async def fetch(self, sql: str, *args: object) -> Rows:
        raise DatabaseUnavailable("secret: the disk is on fire")

    async def read(self, script: ReadScript[T]) -> T:
        raise DatabaseUnavailable("secret: the disk is on fire")

    async def write(self, script: WriteScript[T]) -> T:
        raise DatabaseUnavailable("secret: the disk is on fire")

    def stream(self, sql: str, *args: object, chunk: int = 500) -> AsyncIterator[Rows]:
        raise DatabaseUnavailable("secret: the disk is on fire")

    async def check(self) -> None:
        raise DatabaseUnavailable("secret: the disk is on fire")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "path, accept",
    [
        ("/v1/violations", "application/json"),
        ("/v1/violations", "text/csv"),
        ("/v1/violations", "application/x-ndjson"),
        ("/v1/violations/x", "*/*"),
        ("/v1/violations/x/events", "*/*"),
        ("/v1/drivers/x/violations", "*/*"),
    ],
)
async def test_a_database_that_is_away_is_503(path: str, accept: str) -> None:
    async with desk_on(Away(), CursorSeal(bytes(32))) as desk:
        answer = await desk.get(path, accept=accept)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["type"] == "/problems/unavailable"
    assert "secret" not in answer.text
