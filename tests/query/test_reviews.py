"""Reviews by the API: given, shown with their violation, and apart from what Maven said."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from typing import cast

import pytest

from app.db.errors import DatabaseUnavailable
from app.ingest.purge import purge
from app.ingest.rebuild import rebuild
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.reviews import MAX_BODY_BYTES
from app.web.cursors import CursorSeal
from tests.ingest.kept import change, violations
from tests.maven.examples import Json, as_bytes, flat_event
from tests.query.desk import ALL_SEEING, BEGIN, REVIEWING, Desk, desk_on, open_desk, path_of
from tests.query.test_detail import WEIRD_IDS

pytestmark = pytest.mark.anyio

ACKNOWLEDGED = {"status": "acknowledged"}
NEVER: dict[str, Json] = {"status": "open", "note": None, "by": None, "at": None, "history": []}

Shown = Mapping[str, Json]


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened


async def given(desk: Desk, violation_id: str, body: object = ACKNOWLEDGED, key: str = REVIEWING) -> Shown:
    answer = await desk.put_review(violation_id, body, key)
    assert answer.status_code == 200, answer.text
    return cast(Shown, answer.json())


async def shown(desk: Desk, violation_id: str) -> Shown:
    answer = await desk.get(path_of(violation_id))
    assert answer.status_code == 200, answer.text
    return cast(Shown, answer.json()["review"])


async def test_a_review_says_who_and_when_and_keeps_the_history(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    assert await shown(desk, "v") == NEVER
    desk.keys["boss"] = ApiKey("the boss", frozenset([KeyScope.ADMIN]))
    first = {"status": "acknowledged", "note": None, "by": "safety", "at": "2026-01-01T00:00:00Z"}
    assert await given(desk, "v") == {**first, "history": [first]}
    desk.now.at += 1_500_000
    second = {"status": "coached", "note": "Talked.\n\nTwice.", "by": "the boss", "at": "2026-01-01T00:00:01.500000Z"}
    answer = await given(desk, "v", {"note": " Talked.\n\nTwice. \n", "status": "coached"}, "boss")
    assert answer == {**second, "history": [first, second]}
    desk.now.at -= 1_000_000  # a clock that was set back
    third = {"status": "open", "note": None, "by": "safety", "at": second["at"]}
    assert await given(desk, "v", {"status": "open", "note": None}) == {**third, "history": [first, second, third]}
    assert await shown(desk, "v") == {**third, "history": [first, second, third]}


async def test_the_same_request_again_changes_nothing(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    answer = await given(desk, "v", {"status": "disputed", "note": "Wrong truck."})
    tag = (await desk.get("/v1/violations/v")).headers["etag"]
    desk.now.at += 1
    assert await given(desk, "v", {"status": "disputed", "note": "Wrong truck. "}) == answer
    assert (await desk.get("/v1/violations/v")).headers["etag"] == tag


async def test_any_id_is_reviewed_by_itself(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id=one) for one in WEIRD_IDS]))
    for number, one in enumerate(WEIRD_IDS):
        await given(desk, one, {"status": "coached", "note": str(number)})
    assert [(await shown(desk, one))["note"] for one in WEIRD_IDS] == [str(n) for n in range(len(WEIRD_IDS))]
    assert len(await desk.walk("/v1/violations?review=coached")) == len(WEIRD_IDS)


@pytest.mark.parametrize("violation_id", ["nope", "V", "v ", "\0", "v\0", "\uffff"])
async def test_what_is_not_there_cannot_be_reviewed(desk: Desk, violation_id: str) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    answer = await desk.put_review(violation_id, ACKNOWLEDGED)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert await shown(desk, "v") == NEVER


async def test_a_review_does_not_come_before_its_violation(desk: Desk) -> None:
    assert (await desk.put_review("v", ACKNOWLEDGED)).status_code == 404
    await desk.receive(as_bytes(flat_event(id="v")))
    assert await shown(desk, "v") == NEVER


async def test_who_may_review(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    for key, status, kind in (
        (ALL_SEEING, 403, "forbidden"),
        ("webhook", 403, "forbidden"),
        ("no", 401, "unauthenticated"),
    ):
        # Who may not is told nothing, not even that the rest is wrong.
        answer = await desk.put_review("v", b"no json", key, "?nonsense=1")
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert (await desk.get("/v1/violations/v", REVIEWING)).status_code == 403
    assert (await desk.get("/v1/violations", REVIEWING)).status_code == 403
    assert await shown(desk, "v") == NEVER


async def test_a_limited_key_reviews_what_it_sees_now(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id="pgh"), flat_event(id="none", terminalCode=None)]))
    cle = desk.limit_key(["CLE"], KeyScope.REVIEW)
    pgh = desk.limit_key(["PGH", "ERI"], KeyScope.REVIEW)
    unknown = (await desk.put_review("xyz", ACKNOWLEDGED, cle)).json()
    for one in ("pgh", "none"):
        answer = await desk.put_review(one, ACKNOWLEDGED, cle)
        assert answer.status_code == 404
        assert answer.json()["detail"] == unknown["detail"].replace("xyz", one)
    assert (await desk.put_review("none", ACKNOWLEDGED, pgh)).status_code == 404
    assert (await given(desk, "pgh", key=pgh))["by"] == pgh
    await desk.receive(as_bytes(flat_event(id="pgh", eventTime="2024-02-01T00:00:00Z", terminalCode="CLE")))
    assert (await desk.put_review("pgh", ACKNOWLEDGED, pgh)).status_code == 404
    assert [one["by"] for one in (await given(desk, "pgh", key=cle))["history"]] == [pgh, cle]  # type: ignore[index, union-attr, call-overload]
    assert await shown(desk, "none") == NEVER


@pytest.mark.parametrize(
    "body, pointers",
    [
        ([], [""]),
        ({}, ["/status"]),
        ({"status": "done"}, ["/status"]),
        ({"status": "open", "note": 7}, ["/note"]),
        ({"status": "open", "note": "x" * 4001}, ["/note"]),
        ({"status": "open", "note": "\0"}, ["/note"]),
        ({"status": "open", "note": "\ud800"}, ["/note"]),
        ({"status": "open", "at": "2024-01-01T00:00:00Z"}, ["/at"]),
        ({"note": [], "x": 1}, ["/x", "/status", "/note"]),
    ],
)
async def test_wrong_fields_are_422_with_their_places(desk: Desk, body: object, pointers: list[str]) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    answer = await desk.put_review("v", body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/problems/invalid-fields")
    assert [error["pointer"] for error in problem["errors"]] == pointers
    name = pointers[0].lstrip("/") or "The body"
    assert problem["detail"] == f"{name} {problem['errors'][0]['detail']}"
    assert await shown(desk, "v") == NEVER


async def test_bodies_are_json_of_bounded_size(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    body = json.dumps(ACKNOWLEDGED).encode()
    most = body + b" " * (MAX_BODY_BYTES - len(body))
    wrong: list[tuple[int, str, bytes, dict[str, str]]] = [
        (400, "invalid-json", b"", {}),
        (400, "invalid-json", b"\xff", {}),
        (400, "invalid-encoding", body, {"content_encoding": "gzip"}),
        (413, "too-large", most + b" ", {}),
        (413, "too-large", gzip.compress(most + b" ", mtime=0), {"content_encoding": "gzip"}),
        (415, "unsupported-media-type", body, {"content_type": "application/x-www-form-urlencoded"}),
        (415, "unsupported-media-type", body, {"content_encoding": "br"}),
    ]
    for status, kind, sent, headers in wrong:
        answer = await desk.put_review("v", sent, **headers)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert await shown(desk, "v") == NEVER
    assert (await desk.put_review("v", most)).status_code == 200
    assert (await desk.put_review("v", gzip.compress(most), content_encoding="gzip")).status_code == 200
    assert (await desk.put_review("v", body, content_type="application/json; charset=utf-8")).status_code == 200


async def test_there_are_no_parameters_and_no_other_methods(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    answer = await desk.put_review("v", ACKNOWLEDGED, query="?status=open")
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")
    assert (
        await desk.client.put("/v1/violations/%ff/review", headers={"authorization": f"Bearer {REVIEWING}"})
    ).status_code == 400
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = await desk.get("/v1/violations/v/review", REVIEWING, method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "PUT")


async def test_the_entity_tag_changes_with_each_review(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id="v"), flat_event(id="w")]))
    other = (await desk.get("/v1/violations/w")).headers["etag"]
    seen = [(await desk.get("/v1/violations/v")).headers["etag"]]
    for body in (ACKNOWLEDGED, {"status": "coached"}, {"status": "coached", "note": "n"}, ACKNOWLEDGED):
        await given(desk, "v", body)
        answer = await desk.get("/v1/violations/v", if_none_match=", ".join(seen))
        assert answer.status_code == 200
        seen.append(answer.headers["etag"])
        assert (await desk.get("/v1/violations/v", if_none_match=seen[-1])).status_code == 304
    assert len(set(seen)) == 5
    assert (await desk.get("/v1/violations/w")).headers["etag"] == other


async def test_a_review_changes_nothing_else(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id="v"), flat_event("violationInvalidated", id="w")]))
    paths = (
        "/v1/violations?status=all",
        "/v1/changes",
        "/v1/drivers",
        "/v1/stats?status=all",
        "/v1/violations/v/events",
    )
    before = [(await desk.get(path)).json()["data" if "stats" not in path else "total"] for path in paths]
    rows = await violations(desk.database)
    for one in ("v", "w"):
        await given(desk, one, {"status": "disputed", "note": "Not his."})
    assert [(await desk.get(path)).json()["data" if "stats" not in path else "total"] for path in paths] == before
    assert await violations(desk.database) == rows


async def test_a_review_stays_whatever_maven_says_later_and_through_a_rebuild(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    review = await given(desk, "v", {"status": "coached", "note": "Talked."})
    later = [
        flat_event(id="v", eventTime="2024-02-01T00:00:00Z", driverId="D2", terminalCode="CLE"),
        flat_event("violationInvalidated", id="v", eventTime="2024-02-02T00:00:00Z"),
        flat_event(id="v", eventTime="2024-02-03T00:00:00Z"),
    ]
    for number, event in enumerate(later):
        await desk.receive(as_bytes(event), at=BEGIN + number)
        assert await shown(desk, "v") == review
    for spoil in ("UPDATE violations SET driver_name = 'Roe'", "DELETE FROM violations"):
        await change(desk.database, spoil)
        found = await rebuild(desk.database, repair=True, clock=lambda: BEGIN, on_progress=lambda done, total: None)
        assert found.differences > 0
        assert await shown(desk, "v") == review
        assert [one["id"] for one in await desk.walk("/v1/violations?review=coached")] == ["v"]


async def test_a_violation_that_was_purged_comes_back_without_its_reviews(desk: Desk) -> None:
    await desk.receive(as_bytes([flat_event(id="v")]))
    await desk.receive(as_bytes([flat_event(id="w")]), at=BEGIN + 9)
    for one in ("v", "w"):
        await given(desk, one)
    await purge(
        desk.database,
        BEGIN + 5,
        quarantine_too=False,
        dry_run=False,
        clock=lambda: BEGIN + 9,
        on_progress=lambda done, total: None,
    )
    await desk.receive(as_bytes([flat_event(id="v")]), at=BEGIN + 10)
    assert await shown(desk, "v") == NEVER
    assert (await shown(desk, "w"))["status"] == "acknowledged"


async def test_many_at_once_are_all_kept(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="v")))
    bodies = [{"status": ("coached", "disputed")[n % 2], "note": f"number {n}"} for n in range(20)]
    await asyncio.gather(*(given(desk, "v", body) for body in bodies))
    history = (await shown(desk, "v"))["history"]
    assert isinstance(history, list)
    notes = [entry["note"] for entry in history if isinstance(entry, dict)]
    assert sorted(map(str, notes)) == sorted(body["note"] for body in bodies)
    answers = await asyncio.gather(*(given(desk, "v") for _ in range(10)))
    assert {len(cast("list[Json]", answer["history"])) for answer in answers} == {21}


class Away:
    """A database that does not answer."""

    dialect = None

    async def write(self, script: object) -> object:
        raise DatabaseUnavailable("away")


async def test_without_a_database_it_is_503() -> None:
    async with desk_on(Away(), CursorSeal(b"k" * 32)) as desk:  # type: ignore[arg-type]
        answer = await desk.put_review("v", ACKNOWLEDGED)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
        assert answer.headers["retry-after"]
