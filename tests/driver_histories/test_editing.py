"""Edits by PUT: what supersedes what, what cannot be edited, and in whose words that is said."""

from collections.abc import Sequence

from app.maven.ijson_grammar import Json
from tests.databases import Databases
from tests.driver_histories.office import PATH, Office, assert_refused, open_office
from tests.duty_log.samples import NOW, SYSTEM, Record, add_person, record, uuid_of, without

LATER = NOW + 61_234_000
WRITTEN = "2026-01-01T00:01:01.234Z"
ALREADY = "Cannot edit a driver history that is already edited or deleted."
NOT_ACTIVE = "Cannot edit a driver history that is not active."


async def test_an_edit_supersedes(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post(record(note="as recorded", odd={"x": [1]}, location="here"))
        office.now.at = LATER
        (second,) = await office.put(
            {"id": first["id"], "eventType": "OffDuty", "editReason": "Other", "location": None}
        )
        changed: Record = {
            "eventType": "OffDuty",
            "editReason": "Other",
            "driverEdit": True,
            "lastChangedDate": WRITTEN,
        }
        unlike = ("id", "dataCheck", "location")
        assert without(second, *unlike) == without({**first, **changed}, *unlike)
        assert second["id"] != first["id"]
        assert second["dataCheck"] != first["dataCheck"]
        assert "location" not in second
        before: Record = {
            **first,
            "recordStatus": "InactiveChanged",
            "lastChangedDate": WRITTEN,
            "validEndTime": WRITTEN,
        }
        assert await office.history() == [before, second]
        assert (await office.ask("GET", f"{PATH}/{first['id']}")).json() == before
        assert await office.find("record-status=Active") == [second]
        assert await office.find("driver-edit=true") == [second]


async def test_an_end_of_validity_that_was_sent_stays(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post(record(validEndTime="2017-01-01T00:00:00.000Z"))
        await office.put({"id": first["id"], "note": "x"})
        (before, _) = await office.history()
        assert before["validEndTime"] == "2017-01-01T00:00:00.000Z"


async def test_null_takes_away_what_is_not_required(database_url: str) -> None:
    optional: Record = {
        "note": "n",
        "assetId": 7,
        "odometerKm": 1.5,
        "validBeginTime": "2016-01-01T00:00:00.000Z",
        "accountId": 5,
        "useCycleReset": False,
    }
    async with open_office(database_url) as office:
        (first,) = await office.post(record(**optional))
        for name in record():
            (error,) = assert_refused(await office.ask("PUT", PATH, [{"id": first["id"], name: None}]), 422)
            assert (error["item"], error["pointer"]) == (0, f"/0/{name}")
        assert await office.history() == [first]
        (second,) = await office.put({"id": first["id"], **dict.fromkeys(optional)})
        (plain,) = await office.post(record(uuid=uuid_of(2)))
        unlike = ("id", "uuid", "driverEdit")
        assert without(second, *unlike) == without(plain, *unlike)  # what a new record has without being sent
        assert await office.find("note=n&record-status=Active") == []
        assert [one["id"] for one in await office.find("note=n")] == [first["id"]]


async def test_an_edited_record_keeps_its_uuid(database_url: str) -> None:
    uuid = "96E2D49F-abe4-4a65-a808-5d57917f93d9"
    async with open_office(database_url) as office:
        (first,) = await office.post(record(uuid=uuid))
        (error,) = assert_refused(await office.ask("PUT", PATH, [{"id": first["id"], "uuid": uuid_of(2)}]), 422)
        assert error["pointer"] == "/0/uuid"
        (second,) = await office.put({"id": first["id"], "uuid": uuid.lower()})
        assert second["uuid"] == uuid
        assert [one["id"] for one in await office.find(f"uuid={uuid.upper()}")] == [first["id"], second["id"]]


async def test_an_edit_takes_no_record_away(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post(record())
        for status in ("InactiveChanged", "InactiveChangeRejected"):
            (error,) = assert_refused(await office.ask("PUT", PATH, [{"id": first["id"], "recordStatus": status}]), 422)
            assert error["pointer"] == "/0/recordStatus"
        assert await office.history() == [first]


async def test_a_requested_edit_waits_beside_the_active_record(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post(record())
        request: Record = {
            "id": first["id"],
            "recordStatus": "InactiveChangeRequested",
            "eventType": "Driving",
            "changeRequestedBy": 9,
            "changeRequestedByName": "Dispatch",
        }
        (waiting,) = await office.put(request)
        assert waiting.items() >= without(request, "id").items()
        assert waiting["uuid"] == first["uuid"]
        assert await office.history() == [first, waiting]
        assert await office.find("record-status=Active") == [first]
        assert (await told(office, {"id": waiting["id"], "recordStatus": "Active"}))[1] == NOT_ACTIVE
        # The driver agrees: the active record gets the version that was asked for.
        (agreed,) = await office.put({"id": first["id"], "eventType": "Driving"})
        assert [one["recordStatus"] for one in await office.history()] == [
            "InactiveChanged",
            "InactiveChangeRequested",
            "Active",
        ]
        assert await office.find("record-status=Active") == [agreed]


async def told(office: Office, *edits: Record) -> tuple[int, object, Sequence[object]]:
    """Status, detail and places of a refusal."""
    answer = await office.ask("PUT", PATH, list(edits))
    errors = assert_refused(answer, answer.status_code)
    assert answer.json()["detail"] == errors[0]["detail"]
    return answer.status_code, answer.json()["detail"], [(error["item"], error["pointer"]) for error in errors]


async def test_what_cannot_be_edited_is_told_in_the_pages_words(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = await office.post(
            record(),
            record(uuid=uuid_of(2), deletedAt="2017-01-01T00:00:00Z"),
            record(uuid=uuid_of(3), recordStatus="InactiveChanged"),
            record(uuid=uuid_of(4), recordStatus="InactiveChangeRequested"),
            record(uuid=uuid_of(5), recordStatus="InactiveChangeRejected"),
            record(uuid=uuid_of(6)),
        )
        ids = [one["id"] for one in kept]
        await office.put({"id": ids[0], "note": "x"})
        (deleted,) = await office.put({"id": ids[5], "deletedAt": "2017-01-01T00:00:00Z"})
        before = await office.history()
        (active,) = [one for one in before if one["recordStatus"] == "Active" and "deletedAt" not in one]
        good: Record = {"id": active["id"], "note": "good"}
        for bad, sentence in (
            (ids[0], ALREADY),
            (ids[1], ALREADY),
            (ids[2], ALREADY),
            (ids[5], ALREADY),
            (deleted["id"], ALREADY),
            (ids[3], NOT_ACTIVE),
            (ids[4], NOT_ACTIVE),
        ):
            assert await told(office, {"id": bad, "note": "x"}) == (409, sentence, [(0, "/0/id")])
            assert await told(office, good, {"id": bad}) == (409, sentence, [(1, "/1/id")])
        missing = "Cannot find requested driver history. (id = {})"
        for unknown in (0, -5, 999, 2**63 - 1):
            assert await told(office, good, {"id": unknown}) == (404, missing.format(unknown), [(1, "/1/id")])
        assert await told(office, {"id": 998}, good, {"id": 999}) == (
            404,
            missing.format(998),
            [(0, "/0/id"), (2, "/2/id")],
        )
        assert await office.history() == before
        # A refusal leaves the database as it was for whoever writes next.
        assert (await office.put(good))[0]["note"] == "good"


async def test_one_record_twice_in_one_array(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post(record())
        one: Record = {"id": first["id"], "note": "a"}
        for other in (one, {**one, "note": "b"}, {**one, "recordStatus": "InactiveChangeRequested"}):
            assert await told(office, one, other) == (409, ALREADY, [(1, "/1/id")])
        assert await office.history() == [first]


async def test_unidentified_driving_is_claimed(databases: Databases) -> None:
    found: Record = record(userId=100, username=SYSTEM, eventType="Driving", recordOrigin="Auto", assetId=7)
    claims: list[Record] = [
        {"userId": 1, "note": "that was me"},
        {"userId": 1, "username": "driver1", "note": "that was me"},
        {**found, "userId": 1, "note": "that was me"},  # the record sent back, as VisTracks' own portal does
        {**found, "userId": 1, "username": "driver1", "recordOrigin": "Driver", "note": "that was me"},
        {"username": "driver1", "note": "that was me"},
        {**found, "username": "driver1", "note": "that was me"},
    ]
    with databases.fresh() as url:
        async with open_office(url) as office:
            await office.database.write(add_person(1, "driver1"))
            for number, claim in enumerate(claims):
                (first,) = await office.post({**found, "uuid": uuid_of(number)})
                assert await office.find(f"uuid={first['uuid']}") == []
                sent = {name: value for name, value in claim.items() if name != "uuid"}
                (mine,) = await office.put({**sent, "id": first["id"]})
                assert (mine["userId"], mine["username"]) == (1, "driver1")
                assert mine["recordOrigin"] == "FromUnidentifiedDriver"
                assert await office.find(f"uuid={first['uuid']}") == [mine]
                (before,) = await office.find(f"uuid={first['uuid']}&driver.system=true")
                assert before["recordStatus"] == "InactiveChanged"
            (first,) = await office.post({**found, "uuid": uuid_of(9)})
            (error,) = assert_refused(await office.ask("PUT", PATH, [{"id": first["id"], "userId": 555}]), 422)
            assert error["pointer"] == "/0/username"
            answer = await office.ask("PUT", PATH, [{"id": first["id"], "username": "stranger"}])
            (error,) = assert_refused(answer, 422)
            assert error["pointer"] == "/0/userId"
            assert 'that of "stranger", whom nobody registered' in str(error["detail"])
            # A note alone makes it classified, and nobody's still.
            (noted,) = await office.put({"id": first["id"], "note": "yard move by the shop"})
            assert (noted["username"], noted["recordOrigin"]) == (SYSTEM, "Auto")


async def test_a_record_is_given_to_another_driver(database_url: str) -> None:
    async with open_office(database_url) as office:
        await office.database.write(add_person(2, "second"))
        (first,) = await office.post(record())
        (moved,) = await office.put({"id": first["id"], "userId": 2})
        assert (moved["userId"], moved["username"], moved["recordOrigin"]) == (2, "second", "Driver")
        assert await office.find("user-id=2") == [moved]
        # Sent back whole with another userId: the username is that user's, not the one that was there.
        (back,) = await office.put({**moved, "userId": 1253132})
        assert (back["userId"], back["username"]) == (1253132, record()["username"])
        (nobodys,) = await office.put({"id": back["id"], "userId": 300, "username": SYSTEM})
        assert await office.find("driver.system=true") == [nobodys]


async def test_who_asked_is_told_of_edits_alone(database_url: str) -> None:
    asked: Record = {"changeRequestedBy": 55, "changeRequestedByName": "Dana Fox"}
    async with open_office(database_url) as office:
        (plain, edited) = await office.post(
            record(uuid=uuid_of(1), **asked), record(uuid=uuid_of(2), driverEdit=True, **asked)
        )
        assert not asked.keys() & plain.keys()
        assert asked.items() <= edited.items()
        assert await office.history() == [plain, edited]
        assert (await office.ask("GET", f"{PATH}/{plain['id']}")).json() == plain
        assert await office.post(record(uuid=uuid_of(1), **asked)) == [plain]
        (noted,) = await office.put({"id": plain["id"], "note": "x"})
        assert not asked.keys() & noted.keys()
        (requested,) = await office.put({"id": noted["id"], "recordStatus": "InactiveChangeRequested", **asked})
        assert asked.items() <= requested.items()


async def test_an_array_of_edits_is_all_or_nothing(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = await office.post(*(record(uuid=uuid_of(n)) for n in range(250)))
        edits: list[Record] = [{"id": one["id"], "note": str(n)} for n, one in enumerate(kept)]
        for spoilt in ({**edits[249], "userId": None}, {**edits[249], "uuid": uuid_of(1)}, {"id": 9999}, edits[0]):
            answer = await office.ask("PUT", PATH, [*edits[:249], spoilt])
            assert answer.status_code in (404, 409, 422)
            assert [error["item"] for error in assert_refused(answer, answer.status_code)] == [249]
        assert await office.history() == kept
        versions = await office.put(*edits)
        assert [one["note"] for one in versions] == [str(n) for n in range(250)]
        assert [one["uuid"] for one in versions] == [one["uuid"] for one in kept]
        assert len(await office.history()) == 500


async def test_a_refusal_costs_no_connection(databases: Databases) -> None:
    """On PostgreSQL a transaction given up on purpose must not cost the connection that the receiver writes on."""
    with databases.fresh() as url:
        async with open_office(url) as office:
            (first,) = await office.post(record())
            database = office.database
            writer = vars(database)["_writer"]
            bad: list[tuple[dict[str, Json], int]] = [({"id": 999}, 404), ({"id": first["id"], "userId": 7}, 422)]
            for edit, status in bad:
                assert_refused(await office.ask("PUT", PATH, [edit]), status)
                assert vars(database)["_writer"] is writer
            assert writer is not None
