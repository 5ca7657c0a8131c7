"""Arrays that cannot be kept: told item by item, with nothing kept; and what strict settings refuse besides."""

import gzip
import json

from app.duty_log.schema import MOST_RECORDS
from app.maven.ijson_grammar import Json
from tests.driver_histories.office import ADMIN, PATH, assert_refused, bearer, open_office
from tests.duty_log.samples import SYSTEM, add_asset, add_person, record, uuid_of
from tests.ingest.served import assert_problem


async def test_a_wrong_field_is_told_and_nothing_is_kept(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = await office.post(record(), record(uuid=uuid_of(2)))
        wrong: list[dict[str, Json]] = [
            {"eventTime": "yesterday"},
            {"userId": "1253132"},
            {"latitude": 90.5},
            {"recordStatus": "Gone"},
            {"engineHours": "8:30"},
            {"location": "x" * 256},
            {"uuid": "no uuid"},
            {"eventType": None},
        ]
        for changes in wrong:
            (name,) = changes
            for method, first, second in (
                ("POST", record(uuid=uuid_of(3)), record(**changes)),
                ("PUT", {"id": kept[0]["id"], "note": "x"}, {"id": kept[1]["id"], **changes}),
            ):
                answer = await office.ask(method, PATH, [first, second])
                (error,) = assert_refused(answer, 422)
                assert error.keys() == {"item", "pointer", "detail"}
                assert (error["item"], error["pointer"]) == (1, f"/1/{name}")
                assert str(error["detail"])
                assert answer.json()["detail"] == f"Item 1: {name} {error['detail']}."
                assert await office.history() == kept


async def test_bodies_that_are_no_arrays_of_records(database_url: str) -> None:
    async with open_office(database_url) as office:
        wrong: list[tuple[bytes, int]] = [
            (b"", 400),
            (b"  ", 400),
            (b"[", 400),
            (b"[] []", 400),
            (b"\xff[]", 400),
            (b"[NaN]", 400),
            (b"{}", 422),
            (b"null", 422),
            (b'"x"', 422),
            (b"[1]", 422),
            (b"[[]]", 422),
            (b"[null]", 422),
            (b"[{}]", 422),
            (b"[" * 100_000, 400),
            (b"[" * 100 + b"]" * 100, 422),
            (json.dumps([record(note="HERE")]).encode().replace(b"HERE", b"\\u0000"), 422),
            (json.dumps([record(note="HERE")]).encode().replace(b"HERE", b"\\ud800"), 422),
            (json.dumps([record(note=1)]).encode().replace(b"1253132", b"1" * 5000), 422),
            (json.dumps([record()]).encode().replace(b'"eventType"', b'"eventTime":"x","eventType"'), 422),
        ]
        for body, status in wrong:
            for method in ("POST", "PUT"):
                problem = assert_problem(await office.ask(method, PATH, body), status)
                assert problem["errors"], body
        for method in ("POST", "PUT"):
            answer = await office.ask(method, PATH, b" [ ] ")
            assert (answer.status_code, answer.json()) == (200, [])
        assert await office.history() == []


async def test_size_type_and_coding(database_url: str) -> None:
    limit = 2000
    body = json.dumps([record()]).encode()
    async with open_office(database_url, max_body_bytes=limit) as office:

        async def send(content: bytes, **headers: str) -> int:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            sent = {**bearer(ADMIN), "Content-Type": "application/json", **names}
            return (await office.ask("POST", PATH, content, sent)).status_code

        assert await send(b"[" + b" " * (limit - 1)) == 400
        assert await send(b"[" + b" " * limit) == 413
        assert await send(gzip.compress(b" " * 100_000 + body), Content_Encoding="gzip") == 413
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
            assert await send(body, Content_Type=content_type) == 415
        assert await send(body, Content_Encoding="br") == 415
        assert await send(body, Content_Encoding="gzip") == 400
        assert await office.history() == []
        assert await send(gzip.compress(body), Content_Encoding="gzip") == 200
        assert await send(body, Content_Type="application/json; charset=utf-8") == 200
        assert len(await office.history()) == 1


WRONG_QUERIES = (
    *("user-id=x", "user-id=", "user-id=1,", "user-id=1.5", "user-id=9223372036854775808", "user-id=%2B1"),
    *("asset-id=-", "uuid=x", "uuid=96e2d49fabe44a65a8085d57917f93d9", "home-terminal-id=a", "event-type="),
    *("record-status=active", "record-status=Active,Gone", "from-event-time=2016-11-10", "to-event-time=now"),
    *("from-deleted-at=x", "from-change-timestamp=x", "to-change-timestamp=2016-11-10T00:00:00Z"),
    *("offset=-1", "limit=-1", "limit=x", "limit=1&limit=2", "offset=1.5", "driver.system=maybe"),
    *("driver.system=", "driver-edit=1", "driver-edit=true,false", "can-adl-hours-work-shift-start=x"),
    "can-adl-hours-work-shift-start=2016-11-10T00:00:00Z,2016-11-11T00:00:00Z,2016-11-12T00:00:00Z",
    *("sort=", "sort=name", "sort=--id", "sort=id,", "sort=ID", "uuid=%ff", "note=%00", "is-classified=true"),
    "usr-id=1",
)


async def test_parameters_that_cannot_be(database_url: str) -> None:
    async with open_office(database_url) as office:
        for query in WRONG_QUERIES:
            problem = assert_problem(await office.ask("GET", f"{PATH}?{query}"), 400)
            assert query.partition("=")[0] in str(problem["detail"])
        problem = assert_problem(await office.ask("GET", f"{PATH}?to-change-timestamp=2016-11-10T00:00:00Z"), 400)
        assert problem["detail"] == "to-change-timestamp requires from-change-timestamp."
        for method in ("POST", "PUT"):
            assert_problem(await office.ask(method, f"{PATH}?user-id=1", b"[]"), 400)


async def test_ids_in_the_path(database_url: str) -> None:
    async with open_office(database_url) as office:
        (kept,) = await office.post(record())
        assert (await office.ask("GET", f"{PATH}/{kept['id']}")).json() == kept
        for text in ("999", "0", "-1", "x", "1.0", "9" * 18, "9" * 30, "%D9%A1", "%20", "1%20"):
            answer = await office.ask("GET", f"{PATH}/{text}")
            assert_problem(answer, 404)
        assert (await office.ask("GET", f"{PATH}/999")).json()["detail"] == (
            "Cannot find requested driver history. (id = 999)"
        )
        assert_problem(await office.ask("GET", f"{PATH}/%ff"), 400)
        assert_problem(await office.ask("GET", f"{PATH}/{kept['id']}?x=1"), 400)
        head = await office.ask("HEAD", f"{PATH}/{kept['id']}")
        assert (head.status_code, head.content) == (200, b"")


async def test_strict_settings_want_everybody_known(database_url: str) -> None:
    async with open_office(database_url, is_strict=True) as office:
        problem = assert_problem(await office.ask("POST", PATH, [record(assetId=7)]), 422)
        assert problem["detail"] == "Cannot find requested user. (id = 1253132)"
        assert problem["errors"] == [
            {"item": 0, "pointer": "/0/userId", "detail": "Cannot find requested user. (id = 1253132)"},
            {"item": 0, "pointer": "/0/assetId", "detail": "Cannot find request asset with id = (id = 7)"},
        ]
        await office.database.write(add_person(1253132, "johndoe@mail.com"))
        problem = assert_problem(await office.ask("POST", PATH, [record(), record(assetId=7)]), 422)
        assert problem["detail"] == "Cannot find request asset with id = (id = 7)"
        await office.database.write(add_asset(7))
        (kept,) = await office.post(record(assetId=7))
        for changes in (
            {"userId": 8, "username": "x"},
            {"userId": 8},
            {"assetId": 8},
            {"eventType": "Party"},
            {"odd": 1},
        ):
            (name, *_) = changes
            answer = await office.ask("PUT", PATH, [{"id": kept["id"], **changes}])
            (error, *_) = assert_refused(answer, 422)
            assert error["pointer"] == f"/0/{name}"
            assert name != "userId" or error["detail"] == "Cannot find requested user. (id = 8)"
        assert await office.history() == [kept]
        (edited,) = await office.put({"id": kept["id"], "eventType": "OffDuty"})
        assert edited["eventType"] == "OffDuty"
        # The system driver is known by the username, whatever the account numbers it.
        (nobodys,) = await office.post(record(userId=9, username=SYSTEM, uuid=uuid_of(9)))
        assert await office.find("driver.system=true") == [nobodys]
        rows = await office.database.fetch("SELECT count(*) FROM driver_identities")
        assert rows[0][0] == 1


async def test_users_and_vehicles_become_known_with_their_first_record(database_url: str) -> None:
    async with open_office(database_url) as office:
        await office.post(
            record(assetId=7, vin="V7"),
            record(assetId=7, uuid=uuid_of(2)),
            record(userId=2, username="second", uuid=uuid_of(3), assetId=8),
            record(userId=2, username="renamed", uuid=uuid_of(4), assetId=8, vin="V8"),
        )
        await office.post(record(userId=2, username="again", uuid=uuid_of(5), assetId=7, vin="V9"))
        users = await office.database.fetch("SELECT user_id FROM driver_identities ORDER BY user_id")
        assert [row[0] for row in users] == [2, 1253132]
        assets = await office.database.fetch("SELECT asset_id, vin FROM assets ORDER BY asset_id")
        assert [tuple(row) for row in assets] == [(7, "V7"), (8, "V8")]


async def test_an_array_of_too_many_records_is_refused(sqlite_url: str) -> None:
    async with open_office(sqlite_url, max_body_bytes=8_000_000) as office:
        answer = await office.ask("POST", PATH, [record(uuid=uuid_of(1))] * (MOST_RECORDS + 1))
        assert_problem(answer, 413)
        assert f"at most {MOST_RECORDS} records" in answer.json()["detail"]
        assert await office.history() == []
        answer = await office.ask("POST", PATH, [record(uuid=uuid_of(1))] * MOST_RECORDS)
        assert answer.status_code == 200
        assert len(await office.history()) == 1
