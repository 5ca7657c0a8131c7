"""Rows merged into persons: which one a row means, what becomes of them, and what cannot be."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.db.database import Database
from app.db.statements import Dialect, Execute, WriteScript
from app.identities.registering import Registered, plan_registering
from app.identities.schema import Entry, GivenDriver, WrongIdentity, check_driver, check_vehicle, read_whole
from app.identities.store import find_driver, find_users, introduce_assets, introduce_users, list_identities
from app.inspections.reading import may_write
from tests.identities.registered import NOW, Row, everything, persons, refusals, take
from tests.ingest.kept import opened

UUID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
OTHER_UUID = "f0000000-0000-4000-8000-00000000000f"

WHOLE: dict[str, object] = {
    "driverId": "D/1",
    "userId": -(2**63),
    "username": "jdoe@example.com",
    "catenaDriverId": "c-1",
    "firstName": "Jane",
    "lastName": "Doe \U0001f69a",
    "suffix": "Jr",
    "terminalCode": "PGH",
    "timeZone": "America/New_York",
    "logDayStart": "noon",
    "ruleset": "USA_PROPERTY_70_8",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


async def introduce(database: Database, *users: tuple[int, str]) -> None:
    await database.write(introduce_users(database.dialect, users, NOW - 1))


async def test_a_whole_row_is_kept_as_it_was_said(database: Database) -> None:
    assert set(WHOLE) == set(GivenDriver.model_fields)
    assert await take(database, WHOLE) == Registered(1, 1, 0)
    found = await database.read(find_driver("D/1"))
    assert found is not None
    assert (found.user_id, found.day_start_hour, found.last_name) == (-(2**63), 12, "Doe \U0001f69a")
    assert await persons(database) == [check_driver(WHOLE)]


async def test_the_same_once_more_changes_nothing(database: Database) -> None:
    assets = [{"assetId": 2**63 - 1, "name": "T1", "vin": None, "homeTerminalId": 7}]
    terminals = [{"homeTerminalId": 7, "code": "PGH", "timeZone": "UTC"}]
    vehicles: list[Row] = [{"vehicleId": UUID.upper(), "name": "T1"}, {"vehicleId": UUID, "terminalCode": None}]
    await take(database, WHOLE, assets=assets, terminals=terminals, vehicles=vehicles)
    before = await everything(database)
    again = await take(database, WHOLE, assets=assets, terminals=terminals, vehicles=vehicles, now=NOW + 5)
    assert again == Registered(1, 0, 0, 1, 1, 1)
    assert await everything(database) == before


async def test_what_is_left_out_stays_and_null_takes_away(database: Database) -> None:
    await take(database, WHOLE)
    await take(database, {"catenaDriverId": "c-1", "firstName": None, "suffix": "", "lastName": "Roe"}, now=NOW + 5)
    expected = check_driver({**WHOLE, "lastName": "Roe"})
    del expected["first_name"], expected["suffix"]
    assert await persons(database) == [expected]
    assert (await everything(database))[0][0][-1] == NOW + 5


@pytest.mark.parametrize("name", ["driverId", "userId", "catenaDriverId"])
async def test_any_id_names_the_person(database: Database, name: str) -> None:
    await take(database, {"driverId": "other"}, WHOLE)
    assert await take(database, {name: WHOLE[name], "ruleset": "x"}) == Registered(1, 0, 0)
    assert (await persons(database))[1] == {**check_driver(WHOLE), "ruleset": "x"}


async def test_the_username_is_no_id(database: Database) -> None:
    await take(database, {"driverId": "A", "username": "jd"}, {"driverId": "B", "username": "jd"})
    assert [one["driver_id"] for one in await persons(database)] == ["A", "B"]


async def test_who_became_known_by_a_record_is_recognised(database: Database) -> None:
    await introduce(database, (5, "jdoe"), (6, "else"))
    assert await take(database, {"driverId": "D1", "userId": 5}) == Registered(1, 0, 0)
    assert await persons(database) == [
        {"driver_id": "D1", "user_id": 5, "username": "jdoe"},
        {"user_id": 6, "username": "else"},
    ]


async def test_a_bare_person_is_merged_into_the_one_that_is_known_otherwise(database: Database) -> None:
    await introduce(database, (5, "jdoe"))
    await take(database, {"driverId": "D1", "userId": 4, "username": "old", "firstName": "Jane"})
    assert await take(database, {"driverId": "D1", "userId": 5}) == Registered(1, 0, 1)
    # The username is that of the user id that holds now.
    assert await persons(database) == [
        {"driver_id": "D1", "user_id": 5, "username": "jdoe", "first_name": "Jane"},
    ]


async def test_persons_whose_ids_do_not_contradict_are_one(database: Database) -> None:
    await take(
        database, {"driverId": "D1", "firstName": "Jane"}, {"catenaDriverId": "c", "firstName": "J", "suffix": "X"}
    )
    assert await take(database, {"driverId": "D1", "catenaDriverId": "c"}) == Registered(1, 0, 1)
    one = {"driver_id": "D1", "catena_driver_id": "c", "first_name": "Jane", "suffix": "X"}
    assert await persons(database) == [one]


async def test_three_may_be_one(database: Database) -> None:
    await introduce(database, (5, "jdoe"))
    await take(database, {"driverId": "D1"}, {"catenaDriverId": "c", "suffix": "X"})
    assert await take(database, {"catenaDriverId": "c", "userId": 5, "driverId": "D1"}) == Registered(1, 0, 2)
    assert await persons(database) == [
        {"driver_id": "D1", "user_id": 5, "username": "jdoe", "catena_driver_id": "c", "suffix": "X"}
    ]


ANN = 'driverId "A", userId 1, username "ann"'
BOB = 'driverId "B", userId 2'
THIRD = 'userId 3, catenaDriverId "b"'


@pytest.mark.parametrize(
    "row, said, who",
    [
        ({"driverId": "A", "userId": 2}, "userId 2", BOB),
        ({"driverId": "A", "catenaDriverId": "b"}, 'catenaDriverId "b"', THIRD),
        ({"driverId": "new", "userId": 1}, "userId 1", ANN),
        ({"userId": 2, "catenaDriverId": "b"}, 'catenaDriverId "b"', THIRD),
    ],
)
async def test_ids_of_two_who_cannot_be_one_are_refused(
    database: Database, row: dict[str, object], said: str, who: str
) -> None:
    await take(
        database,
        {"driverId": "A", "userId": 1, "username": "ann"},
        {"driverId": "B", "userId": 2},
        {"userId": 3, "catenaDriverId": "b"},
    )
    before = await everything(database)
    expected = f"row 2: {said} belongs to another driver: {who}."
    assert await refusals(database, {"driverId": "Z", "firstName": "not kept"}, row) == [expected]
    assert await everything(database) == before


async def test_ids_change_hands_within_one_import(database: Database) -> None:
    await take(database, {"driverId": "A", "userId": 1}, {"driverId": "B", "userId": 2}, {"driverId": "C"})
    assert await refusals(database, {"driverId": "A", "userId": 2}, {"driverId": "B", "userId": 1}) != []
    rows = ({"driverId": "B", "userId": 3}, {"driverId": "A", "userId": 2}, {"driverId": "C", "userId": 1})
    assert await take(database, *rows) == Registered(3, 0, 0)
    assert [(one["driver_id"], one["user_id"]) for one in await persons(database)] == [("A", 2), ("B", 3), ("C", 1)]


async def test_rows_of_one_import_add_up_and_may_not_contradict(database: Database) -> None:
    await introduce(database, (5, "jdoe"))
    rows = ({"driverId": "D1"}, {"userId": 5, "suffix": "X"}, {"driverId": "D1", "userId": 5}, {"driverId": "D2"})
    assert await take(database, *rows) == Registered(2, 1, 1)
    assert await refusals(
        database,
        {"driverId": "D1", "firstName": "Jane", "logDayStart": "noon"},
        {"driverId": "D1", "firstName": "Joan"},
        {"userId": 5, "logDayStart": None},
        {"driverId": "D3", "lastName": "Doe"},
        {"catenaDriverId": "c", "lastName": "Roe"},
        {"driverId": "D3", "catenaDriverId": "c"},
    ) == [
        'row 2: firstName is "Joan" here and "Jane" in row 1, for the same driver.',
        "row 3: logDayStart differs from that in row 1, for the same driver.",
        'row 6: lastName is "Roe" here and "Doe" in row 4, for the same driver.',
    ]


async def test_nobody_cannot_be_a_driver(database: Database) -> None:
    nobody = "unidentifiedDriver, who is nobody and can have no driverId."
    await introduce(database, (9, "unidentifiedDriver"))
    await take(database, {"driverId": "A", "userId": 1, "catenaDriverId": "c"})
    refused: list[Row] = [
        {"driverId": "B", "username": "unidentifiedDriver"},
        {"userId": 1, "username": "unidentifiedDriver"},
        {"driverId": "C", "userId": 9},
        {"userId": 9, "catenaDriverId": "c"},
        {"userId": 9, "driverId": "A", "username": "jdoe"},
    ]
    assert await refusals(database, *refused) == [
        f"row 1: username is that of {nobody}",
        f"row 2: username is that of {nobody}",
        f"row 3: userId 9 is that of {nobody}",
        f"row 4: userId 9 is that of {nobody}",
        f"row 5: userId 9 is that of {nobody}",
    ]
    await take(database, {"userId": 10, "username": "unidentifiedDriver"}, {"userId": 9, "terminalCode": "PGH"})
    assert await database.read(find_driver("unidentifiedDriver")) is None


async def test_vehicles_and_terminals(database: Database) -> None:
    await database.write(introduce_assets([(1, "VIN1")], NOW - 1))
    assets = [{"assetId": 1, "name": "T1"}, {"assetId": 2, "name": "T2", "homeTerminalId": -7}]
    terminals = [{"homeTerminalId": -7, "code": "PGH", "name": "Pittsburgh", "timeZone": "America/New_York"}]
    assert await take(database, assets=assets, terminals=terminals) == Registered(0, 0, 0, 2, 1)
    await take(database, assets=[{"assetId": 1, "homeTerminalId": -7}, {"assetId": 1, "vin": ""}], now=NOW + 5)
    assert (await everything(database))[1:] == [
        [(1, "T1", None, -7, NOW + 5), (2, "T2", None, -7, NOW)],
        [(-7, "PGH", "Pittsburgh", "America/New_York", NOW)],
        [],
    ]
    twice: list[Row] = [{"assetId": 3, "name": "a"}, {"assetId": 3, "name": None}]
    said = ['row 2: name is nothing here and "a" in row 1, for the same vehicle.']
    assert await refusals(database, {"driverId": "A"}, assets=twice) == said
    assert await persons(database) == []


async def test_vehicles_of_catena(database: Database) -> None:
    rows: list[Row] = [
        {"vehicleId": UUID.upper(), "name": "T1", "terminalCode": "PGH"},
        {"vehicleId": OTHER_UUID, "name": "T2"},
    ]
    assert await take(database, vehicles=rows) == Registered(0, 0, 0, 0, 0, 2)
    rows = [{"vehicleId": UUID, "terminalCode": ""}, {"vehicleId": UUID, "terminalCode": None}]
    assert await take(database, vehicles=rows, now=NOW + 5) == Registered(0, 0, 0, 0, 0, 1)
    kept = [(UUID, "T1", None, NOW + 5), (OTHER_UUID, "T2", None, NOW)]
    assert (await everything(database))[3] == kept
    twice: list[Row] = [{"vehicleId": UUID, "name": "a"}, {"vehicleId": UUID.upper(), "name": "b"}]
    said = ['row 2: name is "b" here and "a" in row 1, for the same vehicle.']
    assert await refusals(database, {"driverId": "A"}, assets=[{"assetId": 1}], vehicles=twice) == said
    assert await everything(database) == [[], [], [], kept]


@pytest.mark.parametrize("vehicle_id", [None, 7, "", "T1", UUID[:-1], f"{UUID}\n", UUID.replace("c", "\u0441")])
def test_a_vehicle_of_catena_has_a_uuid(vehicle_id: object) -> None:
    with pytest.raises(WrongIdentity, match=r"^vehicleId must be a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a"):
        check_vehicle({"vehicleId": vehicle_id})
    with pytest.raises(WrongIdentity, match=r"^vehicleId is required\.$"):
        check_vehicle({"name": "T1"})


async def test_a_uuid_of_catena_is_one_in_whatever_case(database: Database) -> None:
    await take(database, {"driverId": "A", "catenaDriverId": UUID.upper()}, {"driverId": "B", "catenaDriverId": "C-1"})
    assert await take(database, {"catenaDriverId": UUID, "suffix": "Jr"}) == Registered(1, 0, 0)
    assert await take(database, {"catenaDriverId": "c-1"}) == Registered(1, 1, 0)
    assert await persons(database) == [
        {"driver_id": "A", "catena_driver_id": UUID, "suffix": "Jr"},
        {"driver_id": "B", "catena_driver_id": "C-1"},
        {"catena_driver_id": "c-1"},
    ]
    put = read_whole(f'{{"catenaDriverId": "{UUID.upper()}"}}'.encode(), "A")
    assert put["catena_driver_id"] == UUID


async def test_an_inspector_limited_to_terminals_may_write_of_a_uuid_that_was_registered_in_upper_case(
    database: Database,
) -> None:
    await take(database, {"catenaDriverId": UUID.upper(), "terminalCode": "PGH"})
    for terminal, is_theirs in (("PGH", True), ("ERI", False)):
        assert await database.read(may_write(database.dialect, UUID, frozenset({terminal}))) is is_theirs


async def test_a_plan_writes_nothing(database: Database) -> None:
    await introduce(database, (5, "jdoe"))
    before = await everything(database)
    entries = [Entry("", check_driver({"driverId": "A", "userId": 5})), Entry("", check_driver({"driverId": "B"}))]
    plan = await database.read(plan_registering(database.dialect, entries))
    assert plan.registered == Registered(2, 1, 0)
    assert await everything(database) == before


async def test_the_list_goes_page_by_page(database: Database) -> None:
    await take(database, *({"driverId": f"D{n}"} for n in range(5)))
    pages, after = [], 0
    while page := await database.read(list_identities(after, 2)):
        pages.append([one.driver_id for one in page])
        after = page[-1].pk
    assert pages == [["D0", "D1"], ["D2", "D3"], ["D4"]]


def introduce_unknown(dialect: Dialect, user_id: int) -> WriteScript[None]:
    """As whoever writes records does: the same lock first, then who is not known."""
    yield Execute("UPDATE duty_ledger SET last_id = last_id WHERE pk = 1")
    known = yield from find_users(dialect, [user_id])
    if not known:
        yield from introduce_users(dialect, [(user_id, f"u{user_id}")], NOW)


async def test_imports_and_first_records_at_one_time(database_url: str) -> None:
    """Everybody names the same drivers from connections of their own; each is there once in the end."""
    users = range(30)

    async def import_all() -> Registered:
        async with opened(database_url) as own:
            rows = [{"driverId": f"D{n}", "userId": n, "username": f"u{n}"} for n in users]
            return await take(own, *rows)

    async def record_all() -> None:
        async with opened(database_url) as own:
            for user_id in users:
                await own.write(introduce_unknown(own.dialect, user_id))

    imported = await asyncio.gather(import_all(), record_all(), import_all(), record_all(), import_all())
    assert {one for one in imported if one is not None} <= {Registered(30, n, 0) for n in range(31)}
    async with opened(database_url) as database:
        found = await persons(database)
    assert sorted(str(one["driver_id"]) for one in found) == sorted(f"D{n}" for n in users)
    assert all(one["username"] == f"u{one['user_id']}" and one["driver_id"] == f"D{one['user_id']}" for one in found)
