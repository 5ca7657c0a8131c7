"""Each example request of VisTracks' driverHistories page, answered in the page's shape."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from app.maven.ijson_grammar import Json
from tests.databases import Databases
from tests.driver_histories.office import ADMIN, PATH, UNIDENTIFIED, VEHICLES_DRIVEN, bearer, open_office
from tests.duty_log.samples import ACCOUNT, SYSTEM, Record, add_asset, add_person, uuid_of, without

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LISTS = ("asset-id", "home-terminal-id", "event-type", "record-status", "record-origin")

UUID = "96e2d49f-abe4-4a65-a808-5d57917f93d9"
AUTOMATIC = ("id", "lastChangedDate", "dataCheck")


def new(event_type: str) -> Record:
    """The page's three examples of a POST."""
    return {
        "userId": 1253132,
        "uuid": UUID,
        "vin": "1M8GDM9AXKP042000",
        "recordStatus": "Active",
        "username": "johndoe@mail.com",
        "eventType": event_type,
        "recordOrigin": "Driver",
        "eventTime": "2016-11-10T01:28:15.229Z",
    }


NEW_ANSWER = json.loads("""{
 "userId": 1253143, "uuid": "96e2d49f-abe4-4a65-a808-5d57917f93d9", "driverEdit": false, "useCycleReset": true,
 "vin": "1M8GDM9AXKP042000", "recordStatus": "Active", "username": "johndoe@mail.com", "malfunctionIndicator": false,
 "diagnosticIndicator": false, "dataCheck": 86, "eventType": "OnDuty", "recordOrigin": "Driver",
 "eventTime": "2016-11-10T01:28:15.229Z", "accountId": 1248692, "id": 5160406,
 "lastChangedDate": "2016-11-15T05:05:59.286Z" }""")

EDIT = json.loads("""{
 "userId": 1253115, "uuid": "96e2d49f-abe4-4a65-a808-5d57917f93d9", "location": "8561mi N St. John's, 5",
 "driverEdit": false, "note": "a note", "latitude": 8.47985282, "longitude": 124.64723199, "odometerKm": 0,
 "editReason": "ELD Device Failure", "useCycleReset": true, "validBeginTime": "2016-11-10T01:28:15.229Z",
 "vin": "unknown_vin", "certificationCount": 0, "recordStatus": "Active", "engineHours": "PT0S",
 "username": "johndoe@mail.com", "distanceLastGpsKm": 0, "malfunctionIndicator": false, "diagnosticIndicator": false,
 "dataCheck": 52, "eventType": "Driving", "recordOrigin": "Driver", "eventTime": "2016-11-10T01:28:15.229Z",
 "assetId": 1326729, "eventSequenceIdentifier": 5, "iftaState": "IL", "gpsSource": "MOBILE_DEVICE",
 "excludeDrivingEndTimestamp": "2016-11-10T01:29:15.229Z", "regulationMode": "AOBRD", "odometerSource": "ECU",
 "speedKph": 20, "id": 5008246 }""")
"""The PUT, with the comma that the page's example lacks."""

UNIDENTIFIED_ANSWER = json.loads("""{
 "userId": 1414887, "uuid": "49ca054d-eb30-44e6-9877-672c247d62c9", "location": "2mi NW North Las Vegas, NV",
 "driverEdit": false, "note": "Automatic Transition", "latitude": 36.2175706931051, "longitude": -115.142155519392,
 "odometerKm": 504326.685, "editReason": "", "useCycleReset": true, "validBeginTime": "2018-11-11T01:58:55.887Z",
 "validEndTime": "2018-12-12T23:32:06.822Z", "vin": "5VCACLSF8EH217029", "certificationCount": 0,
 "recordStatus": "InactiveChanged", "engineHours": "PT64595520S", "username": "rhodegr@repsrv.com",
 "distanceLastGpsKm": 0.015000000013969839, "malfunctionIndicator": false, "diagnosticIndicator": true,
 "dataCheck": 67, "eventType": "Driving", "recordOrigin": "Auto", "eventTime": "2018-11-11T01:58:55.849Z",
 "assetId": 1581651, "state": "NV", "autoEventEndTimestamp": "2018-11-11T05:44:01.501Z",
 "gpsSource": "MOBILE_DEVICE", "regulationMode": "ELD", "odometerSource": "ECU", "speedKph": 15.588,
 "accountId": 1255445, "id": 178007371, "iftaState": "NV", "editReasonCode": "",
 "lastChangedDate": "2018-12-12T23:32:07.083Z" }""")


def kind(value: Json) -> str:
    """The JSON type."""
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def assert_shaped(found: Mapping[str, Json], example: Mapping[str, Json]) -> None:
    """Every key of the page's answer is there, with the same JSON type."""
    assert {name: kind(found[name]) for name in example} == {name: kind(value) for name, value in example.items()}
    check = found["dataCheck"]
    assert isinstance(check, int)
    assert 0 <= check <= 255


async def test_the_three_examples_of_a_post_share_a_uuid_and_are_all_kept(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = []
        for event_type in ("OnDuty", "OffDuty", "Driving"):
            sent = new(event_type)
            (found,) = await office.post(sent)
            assert_shaped(found, NEW_ANSWER)
            assert found.items() >= sent.items()
            assert found["accountId"] == ACCOUNT
            assert found["lastChangedDate"] == "2026-01-01T00:00:00.000Z"
            assert found["validBeginTime"] == sent["eventTime"]
            for name, value in (("driverEdit", False), ("useCycleReset", True), ("malfunctionIndicator", False)):
                assert found[name] is value
            kept.append(found)
        assert len({found["id"] for found in kept}) == 3
        assert await office.find(f"uuid={UUID}") == kept


async def test_the_check_value_knows_the_drivers_zone_and_the_vehicles_number(database_url: str) -> None:
    async with open_office(database_url) as office:
        await office.database.write(add_person(1253132, "johndoe@mail.com", time_zone="America/New_York"))
        await office.database.write(add_asset(7, "7A"))
        sent = [{**new("OnDuty"), **more} for more in ({}, {"assetId": 7}, {"userId": 2}, {"userId": 2, "assetId": 7})]
        kept = await office.post(*sent)
        # Sums as in tests/duty_log/test_data_check.py: 850 or, by UTC, 841, and 24 more with the unit.
        sums = [850, 874, 841, 865]
        assert [one["dataCheck"] for one in kept] == [(n % 256 * 8 % 256 + n % 256 // 32) ^ 0xC3 for n in sums]
        (edited,) = await office.put({"id": kept[1]["id"], "eventType": "Driving", "assetId": None})
        assert edited["dataCheck"] == (849 % 256 * 8 % 256 + 849 % 256 // 32) ^ 0xC3


async def test_the_example_of_a_put(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post({**new("Driving"), "userId": 1253115})
        sent = {**EDIT, "id": first["id"]}
        (found,) = await office.put(sent)
        assert_shaped(found, EDIT)
        unlike = (*AUTOMATIC, "driverEdit")
        assert without(found, *unlike).items() >= without(sent, *unlike).items()
        assert found["id"] != first["id"]
        assert found["driverEdit"] is True


async def test_the_examples_of_a_get(database_url: str) -> None:
    async with open_office(database_url) as office:
        times = ["2016-11-10T01:28:15.229Z", "2016-11-10T01:28:15.228Z", "2016-11-11T00:00:00.000Z"]
        sent = [
            {**without(EDIT, *AUTOMATIC), "uuid": uuid_of(n), "eventTime": at, "userId": 1250941 + n % 2}
            for n, at in enumerate(times)
        ]
        kept = await office.post(*sent)
        for found, given in zip(kept, sent, strict=True):
            assert_shaped(found, EDIT)
            assert found.items() >= given.items()
        answer = await office.ask("GET", f"{PATH}/{kept[1]['id']}")
        assert answer.status_code == 200
        assert answer.json() == kept[1]
        assert await office.find("user-id=1250941") == [kept[0], kept[2]]
        assert await office.find("offset=1&limit=2") == kept[1:]
        assert await office.find("sort=event-time") == [kept[1], kept[0], kept[2]]
        assert await office.find() == kept


async def test_vehicles_driven(database_url: str) -> None:
    async with open_office(database_url) as office:
        driven = [
            (1460921, "Driving", "Active", 496650),
            (1460902, "Inter", "Active", 496650),
            (1460902, "Driving", "Active", 496650),
            (1460903, "PersonalUse", "Active", 496650),
            (1, "OnDuty", "Active", 496650),
            (2, "Driving", "InactiveChanged", 496650),
            (3, "Driving", "Active", 496651),
        ]
        await office.post(
            *(
                {**new(event), "uuid": uuid_of(n), "assetId": asset, "recordStatus": status, "userId": user}
                for n, (asset, event, status, user) in enumerate(driven)
            ),
            {**new("Driving"), "userId": 496650},
        )
        answer = await office.ask("GET", f"{VEHICLES_DRIVEN}?user-id=496650")
        assert answer.json() == {"Vehicles Driven": [1460902, 1460903, 1460921]}
        answer = await office.ask("GET", f"{VEHICLES_DRIVEN}?user-id=496651,496650")
        assert answer.json() == {"Vehicles Driven": [3, 1460902, 1460903, 1460921]}
        assert (await office.ask("GET", f"{VEHICLES_DRIVEN}?user-id=7")).json() == {"Vehicles Driven": []}
        assert (await office.ask("GET", VEHICLES_DRIVEN)).status_code == 400


async def test_unidentified_driving_is_asked_for_in_every_way(databases: Databases) -> None:
    sent = {**without(UNIDENTIFIED_ANSWER, *AUTOMATIC), "username": SYSTEM}
    with databases.fresh() as url:
        async with open_office(url) as office:
            notes: list[Json] = ["Automatic Transition", None, "", "mine"]
            kept = await office.post(
                *({**sent, "uuid": uuid_of(n), "note": note, "assetId": 7 + n % 2} for n, note in enumerate(notes)),
                new("Driving"),
            )
            unidentified = kept[:4]
            assert_shaped(kept[0], UNIDENTIFIED_ANSWER)
            assert kept[0].items() >= {**sent, "uuid": uuid_of(0), "assetId": 7}.items()
            asked: list[tuple[dict[str, Json], list[Record]]] = [
                ({}, unidentified),
                ({"asset-id": 8}, unidentified[1::2]),
                ({"asset-id": "7"}, unidentified[::2]),
                ({"is-classified": True}, [kept[3]]),
                ({"is-classified": False}, kept[:3]),
                ({"offset": 1, "limit": 2}, kept[1:3]),
                ({"event-type": "OnDuty"}, []),
                ({"event-type": "Driving", "record-status": "InactiveChanged"}, unidentified),
                ({"record-status": "Active"}, []),
                ({"record-origin": "Auto"}, unidentified),
                ({"record-origin": "Driver"}, []),
                ({"home-terminal-id": 634}, []),
                ({"from-event-time": "2018-11-11T01:58:55.849Z"}, unidentified),
                ({"from-event-time": "2018-11-11T01:58:55.850Z"}, []),
                ({"to-event-time": "2018-11-11T01:58:55.849Z"}, unidentified),
                ({"to-event-time": "2018-11-11T01:58:55.848Z"}, []),
            ]
            for parameters, wanted in asked:
                words = {n: str(v).lower() if isinstance(v, bool) else str(v) for n, v in parameters.items()}
                query = "&".join(f"{name}={word}" for name, word in words.items())
                doubled = {name: f"{word},{word}" if name in LISTS else word for name, word in words.items()}
                for method, path, body, headers in (
                    ("GET", f"{UNIDENTIFIED}?{query}", None, {}),
                    ("GET", f"{UNIDENTIFIED}?{urlencode(doubled)}", None, {}),
                    ("POST", f"{UNIDENTIFIED}?{query}", None, {}),
                    ("POST", f"{UNIDENTIFIED}?{query}", b"", {}),
                    ("POST", f"{UNIDENTIFIED}?{query}", b"", FORM),
                    ("POST", UNIDENTIFIED, urlencode(doubled).encode(), FORM),
                    ("POST", UNIDENTIFIED, parameters, {}),
                    ("POST", UNIDENTIFIED, doubled, {}),
                ):
                    answer = await office.ask(method, path, body, {**bearer(ADMIN), **headers})
                    assert answer.status_code == 200, answer.text
                    assert answer.json() == wanted, (method, parameters)


async def test_commas_part_whether_they_were_escaped_or_not(database_url: str) -> None:
    async with open_office(database_url) as office:
        odd: list[Record] = [new("Off, duty"), {**new("Driving"), "note": "yes, no"}, new("OnDuty")]
        kept = await office.post(*({**one, "uuid": uuid_of(n), "assetId": n} for n, one in enumerate(odd)))
        asked: list[tuple[dict[str, str], list[Record]]] = [
            ({"event-type": "Driving,OnDuty"}, kept[1:]),
            ({"event-type": "Off, duty"}, kept[:1]),
            ({"note": "yes, no"}, kept[1:2]),  # words of people: a comma that was escaped is one of theirs
            ({"note": "yes,maybe"}, []),
            ({"asset-id": "0,2"}, kept[::2]),
            ({"uuid": f"{uuid_of(0)},{uuid_of(1)}"}, kept[:2]),
            ({"record-status": "Active,InactiveChanged"}, kept),
            ({"record-origin": "Driver,Auto"}, kept),
            ({"driver.system": "true,false"}, kept),
            ({"sort": "-event-time,-id"}, kept[::-1]),
            ({"can-adl-hours-work-shift-start": "2016-01-01T00:00:00Z,2017-01-01T00:00:00Z"}, []),
        ]
        for parameters, wanted in asked:
            assert await office.find(urlencode(parameters)) == wanted, parameters


async def test_a_body_of_parameters_that_cannot_be_read(database_url: str) -> None:
    async with open_office(database_url) as office:
        wrong: list[tuple[bytes, int]] = [
            (b"[]", 422),
            (b"7", 422),
            (b"{", 400),
            (b'{"asset-id": 1.5}', 422),
            (b'{"asset-id": {}}', 422),
            (b'{"asset-id": null}', 422),
            (b'{"asset-id": []}', 422),
            (b'{"asset-id": [[1]]}', 422),
            (b'{"asset-id": "x"}', 400),
            (b'{"asset": 1}', 400),
            (b'{"is-classified": "yes"}', 400),
            (b'{"limit": -1}', 400),
            (b'"\xff"', 400),
            (b'{"note": "x"}', 400),
            (b'{"a&asset-id=1&b": "x"}', 400),
            (b'{"event-type": "\\u0000"}', 422),
            (b'{"asset-id": 1, "asset-id": 2}', 422),
            (b" " * 70_000, 413),
        ]
        for body, status in wrong:
            answer = await office.ask("POST", UNIDENTIFIED, body)
            assert answer.status_code == status, (body[:40], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await office.ask("POST", UNIDENTIFIED, {"asset-id": [1, "2"]})).json() == []
