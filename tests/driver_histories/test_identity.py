"""`/v1/drivers/{driverId}/identity` over HTTP: read, written whole, and whose ids may be given to whom."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import cast
from urllib.parse import quote

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from app.db.database import Database
from app.driver_histories.identity import MAX_BODY_BYTES, routes
from app.identities.schema import GivenDriver
from app.identities.store import introduce_users
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope
from app.web.authentication import authenticate
from app.web.middleware import Frame, Stopping
from app.web.problems import exception_handlers
from tests.identities.registered import NOW, persons, take
from tests.ingest.kept import opened
from tests.ingest.served import assert_problem
from tests.maven.examples import Json

ADMIN, READER, PITTSBURGH, LIMITED = "admin-key", "reader-key", "pittsburgh-key", "limited-admin-key"
KEYS = [
    (ADMIN, ApiKey("boss", frozenset([Scope.ADMIN]))),
    (READER, ApiKey("reader", frozenset([Scope.READ]))),
    (PITTSBURGH, ApiKey("pgh", frozenset([Scope.READ]), frozenset(["PGH"]))),
    (LIMITED, ApiKey("limited", frozenset([Scope.ADMIN]), frozenset(["PGH"]))),
    ("reviewer-key", ApiKey("reviewer", frozenset([Scope.REVIEW]))),
]
WHOLE: dict[str, Json] = {
    "userId": 2**63 - 1,
    "username": "jdoe@example.com",
    "catenaDriverId": "c/1",
    "firstName": "Jane",
    "lastName": "Doe \U0001f69a",
    "suffix": "Jr",
    "terminalCode": "PGH",
    "timeZone": "America/New_York",
    "logDayStart": "midnight",
    "ruleset": "USA_PROPERTY_70_8",
}
NOTHING: dict[str, Json] = dict.fromkeys(GivenDriver.model_fields)
WEIRD_IDS = ["a/b", "%2F", "..", "ü ß", "\U0001f69a", "?x#y", "a b+c", "'\";--", "x" * 255]


@dataclass(eq=False)
class Front:
    """What is asked over HTTP, and the database behind it."""

    database: Database
    client: AsyncClient

    async def ask(
        self, method: str, driver_id: str, body: object = None, key: str | None = ADMIN, query: str = "", **headers: str
    ) -> Response:
        """The answer; bytes are sent as they are and anything else as JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        path = f"/v1/drivers/{quote(driver_id, safe='').replace('.', '%2E')}/identity{query}"
        return await self.client.request(method, path, content=content, headers=sent)

    async def put(self, driver_id: str, body: object, status: int = 200) -> dict[str, Json]:
        """What a PUT that has to succeed answers."""
        answer = await self.ask("PUT", driver_id, body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        return cast("dict[str, Json]", answer.json())

    async def get(self, driver_id: str, key: str = READER) -> dict[str, Json]:
        """What a GET that has to succeed answers."""
        answer = await self.ask("GET", driver_id, key=key)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Json]", answer.json())


@pytest.fixture
async def front(database_url: str) -> AsyncIterator[Front]:
    async with opened(database_url) as database:
        ring = KeyRing(database, KEYS, lambda: 0.0)
        await ring.refresh()
        served = Starlette(
            routes=routes(database, partial(authenticate, ring), lambda: NOW), exception_handlers=exception_handlers()
        )
        served.router.redirect_slashes = False
        async with AsyncClient(transport=ASGITransport(Frame(served, Stopping())), base_url="http://front") as client:
            yield Front(database, client)


async def test_an_identity_is_put_and_read_whole(front: Front) -> None:
    whole = {**WHOLE, "driverId": "JDOE123", "matchedBy": "driverId"}
    assert await front.put("JDOE123", WHOLE, 201) == whole
    assert await front.get("JDOE123") == whole
    assert await front.put("JDOE123", {**WHOLE, "driverId": "JDOE123"}) == whole
    head = await front.ask("HEAD", "JDOE123", key=READER)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len((await front.ask("GET", "JDOE123")).content)
    # What is left out, null or empty is gone.
    less = {**NOTHING, "driverId": "JDOE123", "userId": 7, "matchedBy": "driverId"}
    assert await front.put("JDOE123", {"userId": 7, "suffix": None, "username": "", "timeZone": ""}) == less
    assert await front.get("JDOE123") == less
    assert await front.put("JDOE123", b"{}") == {**less, "userId": None}


async def test_any_driver_id_has_its_own(front: Front) -> None:
    for number, driver_id in enumerate(WEIRD_IDS):
        assert (await front.put(driver_id, {"userId": number}, 201))["driverId"] == driver_id
    assert [(await front.get(one))["userId"] for one in WEIRD_IDS] == list(range(len(WEIRD_IDS)))


@pytest.mark.parametrize("driver_id", ["nobody", "jdoe123", "JDOE123 ", "\0", "\uffff", "7", "x" * 3000])
async def test_who_is_not_known_is_404_and_told_how_to_be(front: Front, driver_id: str) -> None:
    await front.put("JDOE123", {"userId": 7}, 201)
    problem = assert_problem(await front.ask("GET", driver_id, key=READER), 404)
    assert str(problem["detail"]).startswith("There is no identity of a driver ")
    assert str(problem["detail"]).endswith("by a PUT to this path, or by hos-receiver drivers import.")


async def test_a_username_stands_in_for_a_driver_id(front: Front) -> None:
    await front.database.write(introduce_users(front.database.dialect, [(5, "jdoe"), (9, "unidentifiedDriver")], NOW))
    known = {**NOTHING, "userId": 5, "username": "jdoe"}
    assert await front.get("jdoe") == {**known, "matchedBy": "username"}
    assert (await front.ask("GET", "unidentifiedDriver", key=READER)).status_code == 404
    # The body of a GET without `matchedBy` may be put as it is, also when the driver id was null in it.
    assert await front.put("jdoe", known) == {**known, "driverId": "jdoe", "matchedBy": "driverId"}


async def test_a_bare_person_is_merged(front: Front) -> None:
    await front.database.write(introduce_users(front.database.dialect, [(5, "jdoe")], NOW))
    await front.put("D1", {"firstName": "Jane"}, 201)
    await front.put("D1", {"userId": 5, "username": "jdoe"})
    assert await persons(front.database) == [{"driver_id": "D1", "user_id": 5, "username": "jdoe"}]
    await take(front.database, {"catenaDriverId": "c", "lastName": "Doe"})
    await front.put("D2", {"catenaDriverId": "c"}, 201)
    assert (await persons(front.database))[1:] == [{"driver_id": "D2", "catena_driver_id": "c"}]


async def test_an_id_of_another_driver_is_409(front: Front) -> None:
    await front.put("D1", {"userId": 5, "catenaDriverId": "c", "username": "jdoe"}, 201)
    before = await persons(front.database)
    who = 'belongs to another driver: driverId "D1", userId 5, catenaDriverId "c", username "jdoe".'
    for body, said in (({"userId": 5}, "userId 5"), ({"catenaDriverId": "c"}, 'catenaDriverId "c"')):
        problem = assert_problem(await front.ask("PUT", "D2", body), 409)
        assert (problem["type"], problem["detail"]) == ("/problems/conflict", f"{said} {who}")
    assert await persons(front.database) == before
    await front.put("D1", {})
    assert (await front.put("D2", {"userId": 5}, 201))["userId"] == 5


async def test_nobody_is_no_driver(front: Front) -> None:
    nobody = "unidentifiedDriver, who is nobody and can have no driverId."
    problem = assert_problem(await front.ask("PUT", "D1", {"username": "unidentifiedDriver"}), 422)
    assert problem["errors"] == [{"pointer": "/username", "detail": f"is that of {nobody}"}]
    await front.database.write(introduce_users(front.database.dialect, [(9, "unidentifiedDriver")], NOW))
    problem = assert_problem(await front.ask("PUT", "D1", {"userId": 9}), 409)
    assert problem["detail"] == f"userId 9 is that of {nobody}"


async def test_who_may(front: Front) -> None:
    await front.put("pgh", {"terminalCode": "PGH"}, 201)
    await front.put("cle", {"terminalCode": "CLE"}, 201)
    await front.put("none", {}, 201)
    for key in (PITTSBURGH, LIMITED):
        assert (await front.get("pgh", key))["terminalCode"] == "PGH"
        for driver_id in ("cle", "none"):
            unseen = assert_problem(await front.ask("GET", driver_id, key=key), 404)
            unknown = assert_problem(await front.ask("GET", "xyz", key=key), 404)
            assert unseen["detail"] == str(unknown["detail"]).replace("xyz", driver_id)
    wrong: list[tuple[str, str | None, int]] = [
        ("GET", "reviewer-key", 403),
        ("GET", "wrong", 401),
        ("GET", None, 401),
        ("PUT", READER, 403),
        ("PUT", PITTSBURGH, 403),
        ("PUT", LIMITED, 403),
        ("PUT", "wrong", 401),
    ]
    for method, asking, status in wrong:
        # Who may not is told nothing, not even that the rest is wrong.
        assert_problem(await front.ask(method, "pgh", b"no json", asking, "?nonsense=1"), status)
    problem = assert_problem(await front.ask("PUT", "pgh", {}, LIMITED), 403)
    assert problem["detail"] == "An identity may be of any terminal; this key is limited to some."


TEXT = "must be text of 1 to 255 characters."
NUMBER = "must be a whole number of 64 bits"
TWICE = "appears more than once in its object; the names in an object must be unique."
UNKNOWN = f"is not known. The fields here are {', '.join(GivenDriver.model_fields)}."


@pytest.mark.parametrize("body", [None, b"", b"{", b"{} x", b"\xff"])
async def test_what_is_no_json_is_400(front: Front, body: object) -> None:
    assert assert_problem(await front.ask("PUT", "D1", body), 400)["type"] == "/problems/invalid-json"


@pytest.mark.parametrize(
    "body, faults",
    [
        ([], [("", "must be an object.")]),
        ({"driverId": "other"}, [("/driverId", "must be the one of the path, or be left out.")]),
        ({"userId": "7"}, [("/userId", f'{NUMBER}, not "7".')]),
        ({"userId": 2**63}, [("/userId", f"{NUMBER}.")]),
        ({"userId": True}, [("/userId", f"{NUMBER}.")]),
        ({"userId": 7.5}, [("/userId", f"{NUMBER}.")]),
        ({"suffix": "x" * 256}, [("/suffix", TEXT)]),
        ({"catenaDriverId": 1, "ruleset": []}, [("/catenaDriverId", TEXT), ("/ruleset", TEXT)]),
        ({"logDayStart": "6"}, [("/logDayStart", 'must be midnight or noon, not "6".')]),
        (
            {"timeZone": "EST5"},
            [("/timeZone", 'must be a time zone by its IANA name, such as America/Chicago, not "EST5".')],
        ),
        ({"matchedBy": "driverId"}, [("/matchedBy", UNKNOWN)]),
        ({"lastName": "\0"}, [("/lastName", "contains the character NUL (U+0000), which is not allowed.")]),
        (b'{"suffix": "a", "suffix": "b"}', [("/suffix", TWICE)]),
    ],
)
async def test_wrong_fields_are_422_with_their_places(
    front: Front, body: object, faults: list[tuple[str, str]]
) -> None:
    problem = assert_problem(await front.ask("PUT", "D1", body), 422)
    assert problem["errors"] == [{"pointer": pointer, "detail": detail} for pointer, detail in faults]
    assert await persons(front.database) == []


async def test_a_driver_id_that_cannot_be_kept_is_422(front: Front) -> None:
    for driver_id in ("x" * 256, "\0", "\uffff"):
        problem = assert_problem(await front.ask("PUT", driver_id, {}), 422)
        assert [error["pointer"] for error in cast("list[dict[str, str]]", problem["errors"])] == ["/driverId"]
    assert await persons(front.database) == []


async def test_bodies_paths_and_methods_that_cannot_be(front: Front) -> None:
    most = b"{}" + b" " * (MAX_BODY_BYTES - 2)
    assert_problem(await front.ask("PUT", "D1", most + b" "), 413)
    assert_problem(await front.ask("PUT", "D1", b"{}", content_type="text/csv"), 415)
    assert_problem(await front.ask("PUT", "D1", {}, query="?x=1"), 400)
    assert_problem(await front.ask("GET", "D1", query="?x=1"), 400)
    answer = await front.client.get("/v1/drivers/%ff/identity", headers={"authorization": f"Bearer {READER}"})
    assert assert_problem(answer, 400)["type"] == "/problems/invalid-path"
    answer = await front.ask("DELETE", "D1")
    assert assert_problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}
    assert await persons(front.database) == []
    zipped = await front.ask("PUT", "D1", gzip.compress(most), content_encoding="gzip")
    assert zipped.status_code == 201
