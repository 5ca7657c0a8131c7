"""Who may do what: scopes, Basic and Bearer, keys that end, and keys that are limited to terminals."""

import base64
from collections.abc import Sequence

from app.keys.schema import Scope
from app.maven.ijson_grammar import Json
from tests.driver_histories.office import (
    ADMIN,
    PATH,
    UNIDENTIFIED,
    VEHICLES_DRIVEN,
    Office,
    assert_refused,
    basic,
    bearer,
    open_office,
)
from tests.duty_log.samples import SYSTEM, Record, add_asset, add_person, add_terminal, record, uuid_of
from tests.ingest.served import assert_problem

Requests = Sequence[tuple[str, str, bytes | None]]
READING: Requests = [
    ("GET", PATH, None),
    ("GET", f"{PATH}/1", None),
    ("HEAD", PATH, None),
    ("GET", f"{VEHICLES_DRIVEN}?user-id=1", None),
    ("GET", UNIDENTIFIED, None),
    ("POST", UNIDENTIFIED, b"{}"),
]
WRITING: Requests = [("POST", PATH, b"[]"), ("PUT", PATH, b"[]")]


async def statuses(office: Office, asked: Requests, headers: dict[str, str]) -> set[int]:
    """What is answered to some requests."""
    return {(await office.ask(method, path, body, headers)).status_code for method, path, body in asked}


async def test_scopes(database_url: str) -> None:
    async with open_office(database_url) as office:
        await office.post(record())
        for scopes, read, write in (
            ([Scope.LOG_READ], 200, 403),
            ([Scope.LOG_WRITE], 403, 200),
            ([Scope.LOG_READ, Scope.LOG_WRITE], 200, 200),
            ([Scope.ADMIN], 200, 200),
            ([Scope.READ], 403, 403),
            ([Scope.REVIEW], 403, 403),
            ([Scope.WEBHOOK], 403, 403),
            ([Scope.READ, Scope.REVIEW, Scope.WEBHOOK], 403, 403),
        ):
            name = " ".join(scope.name for scope in scopes)
            key = await office.make_key(name, *scopes)
            for headers in (bearer(key), basic(name, key)):
                assert await statuses(office, READING, headers) == {read}
                assert await statuses(office, WRITING, headers) == {write}
        reader = await office.make_key("reader", Scope.LOG_READ)
        problem = assert_problem(await office.ask("POST", PATH, [record(uuid=uuid_of(2))], bearer(reader)), 403)
        assert problem["detail"] == "This key lacks the scope log:write."
        assert len(await office.history()) == 1


async def test_credentials(database_url: str) -> None:
    async with open_office(database_url) as office:
        name = "Fuhrpark Süd, Büro"
        plain = await office.make_key("plain", Scope.LOG_READ)
        odd = await office.make_key(name, Scope.LOG_READ)
        right = [
            bearer(ADMIN),
            basic("admin", ADMIN),
            bearer(plain),
            basic("plain", plain),
            basic(name, odd),
            {"Authorization": basic("plain", plain)["Authorization"].replace("Basic", "bAsIc")},
            {"authorization": f"bearer   {plain}"},
        ]
        for headers in right:
            assert await statuses(office, READING[:1], headers) == {200}, headers
        encoded = base64.b64encode(f"plain:{plain}".encode()).decode()
        wrong = [
            {"X-Nothing": "1"},
            bearer("wrong"),
            bearer(plain + "x"),
            basic("other", plain),
            basic("", plain),
            basic("Plain", plain),
            basic("admin", plain),
            basic("plain", ""),
            basic("plain", "wrong"),
            basic(plain, ""),
            {"Authorization": "Basic"},
            {"Authorization": "Basic "},
            {"Authorization": "Basic !!!"},
            {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
            {"Authorization": "Basic " + base64.b64encode(b"plain:\xff\xfe").decode()},
            {"Authorization": f"Basic plain:{plain}"},
            {"Authorization": f"Digest {encoded}"},
            {"Authorization": plain},
            {"apiKey": plain},
        ]
        for headers in wrong:
            answer = await office.ask("GET", PATH, headers=headers)
            assert_problem(answer, 401)
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith('Basic realm="hos-receiver"')
            assert "Bearer" in challenge
            assert await statuses(office, WRITING, headers) == {401}
        assert await office.history() == []


async def test_a_key_that_was_revoked(database_url: str) -> None:
    async with open_office(database_url) as office:
        key = await office.make_key("short-lived", Scope.LOG_READ, Scope.LOG_WRITE)
        assert await statuses(office, READING[:1], bearer(key)) == {200}
        await office.revoke("short-lived")
        for headers in (bearer(key), basic("short-lived", key)):
            assert await statuses(office, [READING[0], *WRITING], headers) == {401}


async def test_nothing_is_deleted(database_url: str) -> None:
    async with open_office(database_url) as office:
        (kept,) = await office.post(record())
        methods = {
            PATH: {"GET", "HEAD", "POST", "PUT"},
            f"{PATH}/{kept['id']}": {"GET", "HEAD"},
            UNIDENTIFIED: {"GET", "HEAD", "POST"},
            VEHICLES_DRIVEN: {"GET", "HEAD"},
        }
        for path, allowed in methods.items():
            answer = await office.ask("DELETE", path)
            assert assert_problem(answer, 405)["detail"] == "DELETE is not supported."
            assert set(answer.headers["allow"].split(", ")) == allowed
            answer = await office.ask("PATCH", path, b"{}")
            assert_problem(answer, 405)
            assert set(answer.headers["allow"].split(", ")) == allowed
        assert await office.history() == [kept]


class Terminals:
    """Two terminals with a driver and a vehicle each, a driver and a vehicle without, and keys for PGH."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.records: dict[str, Record] = {}

    async def fill(self) -> None:
        write = self.office.database.write
        for number, code in ((1, "PGH"), (2, "CLE")):
            await write(add_person(number, f"driver{number}", terminal_code=code))
            await write(add_terminal(number, code))
            await write(add_asset(number, None, number))
        await write(add_terminal(9, None))
        await write(add_asset(9, None, 9))
        driven: list[tuple[str, int, str, int | None]] = [
            ("pgh", 1, "driver1", 2),
            ("cle", 2, "driver2", 1),
            ("new", 3, "driver3", 1),
            ("nobody at pgh", 100, SYSTEM, 1),
            ("nobody at cle", 100, SYSTEM, 2),
            ("nobody nowhere", 100, SYSTEM, 8),
            ("nobody without code", 100, SYSTEM, 9),
            ("nobody in nothing", 1, SYSTEM, None),
        ]
        for number, (name, user_id, username, asset_id) in enumerate(driven):
            made: dict[str, Json] = {"userId": user_id, "username": username, "assetId": asset_id}
            sent = record(uuid=uuid_of(number), eventType="Driving", **made)
            (self.records[name],) = await self.office.post(sent)

    def all_of(self, *names: str) -> list[Record]:
        return [self.records[name] for name in names]


async def test_a_key_of_a_terminal_sees_its_drivers_and_vehicles_alone(database_url: str) -> None:
    async with open_office(database_url) as office:
        terminals = Terminals(office)
        await terminals.fill()
        pgh = bearer(await office.make_key("pgh", Scope.LOG_READ, Scope.LOG_WRITE, terminals=["PGH"]))
        both = bearer(await office.make_key("both", Scope.LOG_READ, terminals=["CLE", "PGH", "odd, 'one'"]))
        none = bearer(await office.make_key("none", Scope.LOG_READ, terminals=["pgh"]))
        everything = "driver.system=*&from-deleted-at=*"
        assert await office.find(everything, pgh) == terminals.all_of("pgh", "nobody at pgh")
        assert await office.find("", pgh) == terminals.all_of("pgh")
        assert await office.find("user-id=1,2,3", pgh) == terminals.all_of("pgh")
        assert await office.find("driver.system=true", pgh) == terminals.all_of("nobody at pgh")
        assert await office.find("home-terminal-id=2", pgh) == terminals.all_of("pgh")
        assert await office.find("sort=-first-name&offset=0&limit=5&driver.system=*", pgh) == terminals.all_of(
            "nobody at pgh", "pgh"
        )
        assert await office.find(everything, both) == terminals.all_of("pgh", "cle", "nobody at pgh", "nobody at cle")
        assert await office.find(everything, none) == []
        for method, body in (("GET", None), ("POST", b"{}")):
            answer = await office.ask(method, UNIDENTIFIED, body, pgh)
            assert answer.json() == terminals.all_of("nobody at pgh")
        for users, wanted in (("1", [2]), ("2", []), ("1,2,3,100", [1, 2])):
            answer = await office.ask("GET", f"{VEHICLES_DRIVEN}?user-id={users}", headers=pgh)
            assert answer.json() == {"Vehicles Driven": wanted}
        for name, one in terminals.records.items():
            answer = await office.ask("GET", f"{PATH}/{one['id']}", headers=pgh)
            assert answer.status_code == (200 if name in ("pgh", "nobody at pgh") else 404)
            if answer.status_code == 404:
                assert answer.json()["detail"] == f"Cannot find requested driver history. (id = {one['id']})"


async def test_a_key_of_a_terminal_writes_for_its_drivers_alone(database_url: str) -> None:
    async with open_office(database_url) as office:
        terminals = Terminals(office)
        await terminals.fill()
        pgh = bearer(await office.make_key("pgh", Scope.LOG_READ, Scope.LOG_WRITE, terminals=["PGH"]))
        before = await office.history()
        mine = record(userId=1, username="driver1", uuid=uuid_of(50))
        for foreign in (2, 3, 4, 100):
            sent = record(userId=foreign, username="x", uuid=uuid_of(51))
            answer = await office.ask("POST", PATH, [mine, sent], pgh)
            (error,) = assert_refused(answer, 422)
            assert (error["item"], error["pointer"]) == (1, "/1/userId")
            assert answer.json()["detail"] == f"Cannot find requested user. (id = {foreign})"
        for asset in (2, 8, 9, None, 77):
            sent = record(userId=1, username=SYSTEM, uuid=uuid_of(52), assetId=asset)
            assert_refused(await office.ask("POST", PATH, [mine, sent], pgh), 422)
        for name, one in terminals.records.items():
            if name in ("pgh", "nobody at pgh"):
                continue
            edits: list[Record] = [{"id": terminals.records["pgh"]["id"], "note": "x"}, {"id": one["id"], "note": "x"}]
            answer = await office.ask("PUT", PATH, edits, pgh)
            (error,) = assert_refused(answer, 404)
            assert error["detail"] == f"Cannot find requested driver history. (id = {one['id']})"
            assert (error["item"], error["pointer"]) == (1, "/1/id")
        changes: list[tuple[str, Record]] = [
            ("pgh", {"userId": 2}),
            ("pgh", {"userId": 77_001}),
            ("pgh", {"userId": 3, "username": "driver3"}),
            ("pgh", {"username": SYSTEM, "userId": 100}),  # its vehicle is at home in CLE
            ("nobody at pgh", {"userId": 2}),
            ("nobody at pgh", {"assetId": 2}),
        ]
        for name, change in changes:
            edit: Record = {"id": terminals.records[name]["id"], **change}
            (error, *_) = assert_refused(await office.ask("PUT", PATH, [edit], pgh), 422)
            if "userId" in change:  # whether it is somebody else's or nobody's is not told
                assert error["detail"] in {f"Cannot find requested user. (id = {n})" for n in (change["userId"], 100)}
        assert await office.history() == before
        rows = await office.database.fetch("SELECT user_id FROM driver_identities ORDER BY user_id")
        assert [row[0] for row in rows] == [1, 2, 3, 100]

        (kept,) = await office.post(mine, headers=pgh)
        (edited,) = await office.put({"id": kept["id"], "note": "x"}, headers=pgh)
        assert edited["note"] == "x"
        (claimed,) = await office.put({"id": terminals.records["nobody at pgh"]["id"], "userId": 1}, headers=pgh)
        assert claimed["recordOrigin"] == "FromUnidentifiedDriver"
        assert await office.find("", pgh) == [
            *terminals.all_of("pgh"),
            *await office.find(f"uuid={uuid_of(50)}"),
            claimed,
        ]
