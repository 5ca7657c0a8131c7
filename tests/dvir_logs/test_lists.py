"""Lists of reports and of defects against a plain Python model, page by page, forwards and backwards."""

import random
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from app.inspections.connections import LOCAL_ID
from app.maven.ijson_grammar import Json
from tests.dvir_logs.depot import CONNECTIONS, DEFECTS, LOGS, Depot, Shown, items_of
from tests.ingest.served import assert_problem
from tests.inspections import samples
from tests.inspections.samples import report, uuid_of

KINDS = ["brakes", "tires", "horn", "other"]
COUNT = 90


def moment(number: int) -> str:
    return f"2024-01-01T00:{number:02}:00Z"


class Model:
    """What was sent, newest first, and what a plain reading of the rules makes of it."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        self.connections = [LOCAL_ID]
        self.reports: list[Shown] = []
        self.defects: list[Shown] = []

    async def fill(self, chance: random.Random) -> None:
        made = await self.depot.given("POST", CONNECTIONS, {"name": "Two", "kind": "local"}, 201)
        self.connections.append(str(made["id"]))
        for number in range(COUNT):
            fields: dict[str, Json] = {
                "driver_id": uuid_of(chance.randrange(4)),
                "vehicle_id": chance.choice([None, uuid_of(11), uuid_of(12), uuid_of(13)]),
                "trailer_id": chance.choice([None, None, uuid_of(21)]),
                "log_type": chance.choice(samples.LOG_TYPES),
                "status": chance.choice([None, "no_defect", "defect_noted", "defect_noted", "defect_corrected"]),
                "defects": chance.choices(KINDS, k=chance.randrange(3)),
                "is_safety_critical": chance.choice([None, False, False, True]),
                "occurred_at": moment(chance.randrange(10)),
                "driver_comment": str(number),
            }
            shown = await self.depot.keep(report(chance.choice(self.connections), **fields), is_sync=True)
            self._add({**fields, "id": shown["resource_id"], "connection_id": shown["connection_id"]})
        for defect in self.defects:
            defect["is_open"] = not any(self._closes(one, defect) for one in self.reports)
        for one in self.reports:
            one["is_open"] = any(defect["is_open"] for defect in self.defects if defect["log"] == one["id"])

    def _add(self, sent: Shown) -> None:
        sent["is_safety_critical"] = sent["is_safety_critical"] is True
        self.reports.insert(0, sent)
        if sent["status"] != "defect_corrected":
            for kind in sent["defects"]:  # type: ignore[union-attr]
                self.defects.insert(0, {**sent, "log": sent["id"], "defect_type": kind})

    @staticmethod
    def _closes(one: Shown, defect: Shown) -> bool:
        if one["status"] != "defect_corrected" or str(one["occurred_at"]) <= str(defect["occurred_at"]):
            return False
        is_same = any(one[name] == defect[name] is not None for name in ("vehicle_id", "trailer_id"))
        return is_same and (not one["defects"] or defect["defect_type"] in one["defects"])  # type: ignore[operator]


def matches(one: Shown, asked: dict[str, list[str]]) -> bool:
    """Whether a report or a defect is asked for."""
    for name, values in asked.items():
        if name == "occurred_from" and not str(one["occurred_at"]) >= values[0]:
            return False
        if name == "occurred_to" and not str(one["occurred_at"]) <= values[0]:
            return False
        if name in ("is_open", "is_safety_critical") and one[name] is not (values[0] == "true"):
            return False
        own = {"dvir_log_id": "log"}.get(name, name)
        if not name.startswith(("occurred", "is_")) and one[own] not in values:
            return False
    return True


def some_question(model: Model, chance: random.Random, *, is_of_defects: bool) -> dict[str, list[str]]:
    pools: dict[str, Callable[[], list[str]]] = {
        "connection_id": lambda: [chance.choice(model.connections)],
        "driver_id": lambda: chance.sample([uuid_of(n) for n in range(5)], chance.randint(1, 3)),
        "vehicle_id": lambda: chance.sample([uuid_of(n) for n in (11, 12, 13, 14)], chance.randint(1, 2)),
        "trailer_id": lambda: [uuid_of(chance.choice([21, 22]))],
        "log_type": lambda: chance.sample(samples.LOG_TYPES, 2),
        "is_safety_critical": lambda: [chance.choice(["true", "false"])],
        "is_open": lambda: [chance.choice(["true", "false"])],
        "occurred_from": lambda: [moment(chance.randrange(10))],
        "occurred_to": lambda: [moment(chance.randrange(10))],
    }
    if is_of_defects:
        pools["defect_type"] = lambda: chance.sample(KINDS, chance.randint(1, 2))
        pools["dvir_log_id"] = lambda: [str(one["id"]) for one in chance.sample(model.reports, 20)]
    else:
        pools["status"] = lambda: chance.sample(samples.STATUSES, chance.randint(1, 2))
    return {name: pools[name]() for name in chance.sample(sorted(pools), chance.randint(0, 3))}


def written(asked: dict[str, list[str]], chance: random.Random) -> str:
    """As a query string, by commas or by repetition."""
    pairs = []
    for name, values in asked.items():
        pairs += [(name, value) for value in values] if chance.random() < 0.5 else [(name, ",".join(values))]
    return urlencode(pairs, safe=",")


async def test_every_filter_and_every_page(depot: Depot) -> None:
    chance = random.Random(7)
    model = Model(depot)
    await model.fill(chance)
    sizes = []
    for turn in range(60):
        is_of_defects = bool(turn % 2)
        asked = {} if turn < 2 else some_question(model, chance, is_of_defects=is_of_defects)
        known = model.defects if is_of_defects else model.reports
        expected = [one for one in known if matches(one, asked)]
        sizes.append(len(expected))
        query = "&".join(filter(None, [written(asked, chance), f"size={chance.choice([1, 7, 8, 45, 1000])}"]))
        path = DEFECTS if is_of_defects else LOGS
        pages = await walk(depot, path, query, "next_page")
        forwards = [one for page in pages for one in items_of(page)]
        name = "dvir_log_id" if is_of_defects else "id"
        assert [one[name] for one in forwards] == [one["id"] for one in expected], query
        assert {page["total"] for page in pages} == {len(expected)}
        if is_of_defects:
            assert [one["defect_type"] for one in forwards] == [one["defect_type"] for one in expected]
            assert [one["status"] == "open" for one in forwards] == [one["is_open"] for one in expected]
        else:
            assert [one["open_defect_count"] != 0 for one in forwards] == [one["is_open"] for one in expected]
        assert len({one["id"] for one in forwards}) == len(forwards)
        if len(pages) > 1:
            await assert_backwards(depot, path, query, pages)
    assert sum(1 for size in sizes if size) > 30


async def walk(depot: Depot, path: str, query: str, link: str) -> list[Shown]:
    """The pages from the first one on."""
    pages = [await depot.given("GET", f"{path}?{query}")]
    while pages[-1][link] is not None:
        pages.append(await depot.given("GET", f"{path}?{query}&cursor={pages[-1][link]}"))
        assert len(pages) < 500
    return pages


async def assert_backwards(depot: Depot, path: str, query: str, pages: list[Shown]) -> None:
    """Asserts that the pages before are those that came before, up to the first; and that a page names itself."""
    last = pages[-1]
    assert pages[0]["previous_page"] is None
    assert pages[0]["current_page"] is None
    again = await depot.given("GET", f"{path}?{query}&cursor={last['current_page']}")
    assert again == last
    backwards = await depot.given("GET", f"{path}?{query}&cursor={last['current_page_backwards']}")
    assert items_of(backwards)[-len(items_of(last)) :] == items_of(last)
    back: list[Shown] = []
    cursor = last["previous_page"]
    while cursor is not None:
        page = await depot.given("GET", f"{path}?{query}&cursor={cursor}")
        back.append(page)
        cursor = page["previous_page"]
    earlier = [one for page in reversed(back) for one in items_of(page)]
    assert earlier == [one for page in pages[:-1] for one in items_of(page)]
    forward = await depot.given("GET", f"{path}?{query}&cursor={back[0]['next_page']}")
    assert items_of(forward) == items_of(last)


async def test_a_reader_of_pages_is_not_disturbed_by_what_comes(depot: Depot) -> None:
    for n in range(6):
        await depot.send(driver_comment=str(n))
    first = await depot.given("GET", f"{LOGS}?size=3")
    await depot.send(driver_comment="new")
    second = await depot.given("GET", f"{LOGS}?size=3&cursor={first['next_page']}")
    assert [one["driver_comment"] for one in items_of(first) + items_of(second)] == ["5", "4", "3", "2", "1", "0"]
    newer = await depot.given("GET", f"{LOGS}?size=3&cursor={second['previous_page']}")
    assert items_of(newer) == items_of(first)
    newest = await depot.given("GET", f"{LOGS}?size=3&cursor={newer['previous_page']}")
    assert [one["driver_comment"] for one in items_of(newest)] == ["new"]


async def test_sizes(depot: Depot) -> None:
    for _ in range(302):
        await depot.send(defects=["horn"])
    for path in (LOGS, DEFECTS):
        page = await depot.given("GET", path)
        assert (len(items_of(page)), page["total"]) == (300, 302)
        for size, count in (("1", 1), ("301", 301), ("1000", 302)):
            assert len(await depot.items(path, f"size={size}")) == count
        for size in ("0", "1001", "-1", "", "x", "1.0", "9" * 30, "1&size=2"):
            assert_problem(await depot.ask("GET", f"{path}?size={size}"), 400)


@pytest.mark.parametrize("path", [LOGS, DEFECTS], ids=["reports", "defects"])
async def test_what_cannot_be_asked(depot: Depot, path: str) -> None:
    for _ in range(3):
        await depot.send(defects=["horn"])
    other = DEFECTS if path == LOGS else LOGS
    cursor = str((await depot.given("GET", f"{path}?size=1"))["next_page"])
    foreign = str((await depot.given("GET", f"{other}?size=1"))["next_page"])
    narrower = str((await depot.given("GET", f"{path}?size=1&log_type=unknown"))["next_page"])
    only_other = "defect_type=horn" if path == LOGS else "status=no_defect"
    for query in (
        *("limit=1", "Size=1", "fleet_ids[]=1", "offset=1", "driverId=1", only_other),
        *("driver_id=", "driver_id=x", f"driver_id={uuid_of(1)},", f"connection_id={uuid_of(1)}%00", "vehicle_id=null"),
        *("log_type=pre-trip", "log_type=", "is_open=1", "is_open=true,false", "is_safety_critical=TRUE"),
        *("occurred_from=2024-01-01", "occurred_to=now", "occurred_to=2024-01-01T00:00:00Z&occurred_to=x"),
        *("cursor=", "cursor=x", f"cursor={cursor}x", f"cursor={cursor[:-1]}", f"cursor={foreign}"),
        *(f"cursor={narrower}", f"cursor={cursor}&is_open=true", "cursor=" + "A" * 9000, "%ff=1", "driver_id=%zz"),
    ):
        assert_problem(await depot.ask("GET", f"{path}?{query}"), 400)
    assert len(await depot.items(path, f"cursor={cursor}&size=2")) == 2


async def test_an_offset_in_a_question_is_converted(depot: Depot) -> None:
    await depot.send(occurred_at="2024-01-01T12:00:00Z")
    for query, count in (
        ("occurred_from=2024-01-01T13:00:00%2B01:00", 1),
        ("occurred_from=2024-01-01T13:00:00+01:00", 1),
        ("occurred_from=2024-01-01T12:00:00.000001Z", 0),
        ("occurred_to=2024-01-01T06:59:59-05:00", 0),
        ("occurred_to=2024-01-01T07:00:00-05:00", 1),
    ):
        assert len(await depot.items(query=query)) == count, query


async def test_what_a_defect_shows(depot: Depot) -> None:
    detail: dict[str, Json] = {
        "defect_type": "tires",
        "defect_code": "T7",
        "description": "bald",
        "notes": "left",
        "is_safety_critical": True,
        "part": {"axle": 2},
    }
    await depot.send(vehicle_id=uuid_of(1), occurred_at=moment(1), defects=["tires"], defects_detail=[detail])
    (listed,) = await depot.items()
    (shown,) = await depot.items(DEFECTS)
    assert (shown["status"], shown["resolved_at"], shown["resolved_by"]) == ("open", None, None)
    expected = {"defect_code": "T7", "description": "bald", "notes": "left", "detail": detail, "defect_type": "tires"}
    assert {**shown, **expected, "defect_name": "tires", "is_safety_critical": True, "vehicle_id": uuid_of(1)} == shown
    assert (shown["dvir_log_id"], listed["is_safety_critical"]) == (listed["id"], True)
    await depot.send(vehicle_id=uuid_of(1), occurred_at=moment(3), status="defect_corrected")
    (corrected, _) = await depot.items()
    (closed,) = await depot.items(DEFECTS)
    assert shown["updated_at"] == shown["created_at"] == listed["created_at"]
    resolved = {"status": "resolved", "resolved_at": moment(3), "resolved_by": corrected["id"]}
    resolved["updated_at"] = corrected["created_at"]
    assert closed == {**shown, **resolved}
