"""Who may do what with inspections: scopes, and keys that are limited to terminals."""

from app.inspections.connections import LOCAL_ID
from app.keys.schema import Scope
from tests.dvir_logs.depot import DEFECTS, LOGS, Depot, Shown, bearer, operation_path
from tests.ingest.served import assert_problem
from tests.inspections.samples import DRIVER, report, uuid_of

OURS, THEIRS, NOBODYS = uuid_of(0xA1), uuid_of(0xB2), uuid_of(0xC3)


async def test_scopes(depot: Depot) -> None:
    sent = await depot.send()
    reading = [("GET", LOGS), ("HEAD", LOGS), ("GET", DEFECTS), ("GET", operation_path(sent))]
    for scopes, read, write in (
        ([Scope.DVIR_READ], 200, 403),
        ([Scope.DVIR_WRITE], 403, 202),
        ([Scope.DVIR_READ, Scope.DVIR_WRITE], 200, 202),
        ([Scope.ADMIN], 200, 202),
        ([Scope.READ, Scope.REVIEW, Scope.LOG_READ, Scope.LOG_WRITE, Scope.WEBHOOK], 403, 403),
    ):
        key = await depot.make_key(" ".join(scope.name for scope in scopes), *scopes)
        for method, path in reading:
            assert (await depot.ask(method, path, None, bearer(key))).status_code == read, (scopes, path)
        answer = await depot.ask("POST", LOGS, report(LOCAL_ID), bearer(key))
        assert answer.status_code == write, scopes
        if write == 403:
            assert assert_problem(answer, 403)["detail"] == "This key lacks the scope dvir:write."
    for headers in (bearer("wrong"), bearer(""), {"x-nothing": "1"}, {"authorization": "Basic YTpi"}):
        for method, path in (*reading[:1], ("POST", LOGS)):
            answer = await depot.ask(method, path, report(LOCAL_ID), headers)
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert len(await depot.items()) == 4


async def test_a_revoked_key(depot: Depot) -> None:
    key = await depot.make_key("short", Scope.DVIR_READ)
    assert (await depot.ask("GET", LOGS, None, bearer(key))).status_code == 200
    await depot.revoke("short")
    assert_problem(await depot.ask("GET", LOGS, None, bearer(key)), 401)


async def test_a_key_of_a_terminal_sees_and_writes_for_its_drivers_alone(depot: Depot) -> None:
    await depot.know_driver(OURS, "PGH")
    await depot.know_driver(THEIRS, "CLE")
    sent = {
        driver: await depot.send(driver_id=driver, defects=["horn"], vehicle_id=uuid_of(5))
        for driver in (OURS, THEIRS, NOBODYS)
    }
    ours = bearer(await depot.make_key("pgh", Scope.DVIR_READ, Scope.DVIR_WRITE, terminals=["PGH"]))
    both = bearer(await depot.make_key("both", Scope.ADMIN, terminals=["CLE", "PGH", "odd, 'one'"]))
    keys = ((ours, [OURS]), (both, [THEIRS, OURS]))
    for headers, drivers in keys:
        for path in (LOGS, DEFECTS):
            page = (await depot.ask("GET", path, None, headers)).json()
            assert [one["driver_id"] for one in page["items"]] == drivers
            assert page["total"] == len(drivers)
            nothing = (await depot.ask("GET", f"{path}?driver_id={NOBODYS}", None, headers)).json()
            assert (nothing["items"], nothing["total"]) == ([], 0)
        for driver, one in sent.items():
            answer = await depot.ask("GET", operation_path(one), None, headers)
            assert answer.status_code == (200 if driver in drivers else 404)
    for headers, drivers in keys:
        for driver in sent:
            answer = await depot.ask("POST", LOGS, report(LOCAL_ID, driver_id=driver.upper()), headers)
            if driver in drivers:
                assert answer.status_code == 202
                continue
            problem = assert_problem(answer, 422)
            assert problem["errors"] == [
                {"pointer": "/driver_id", "detail": "is not known as a driver of your terminals"}
            ]
    assert len(await depot.items()) == 6


async def test_a_cursor_is_good_for_keys_that_see_the_same_alone(depot: Depot) -> None:
    await depot.know_driver(OURS, "PGH")
    for _ in range(3):
        await depot.send(driver_id=OURS)
    pgh = bearer(await depot.make_key("pgh", Scope.DVIR_READ, terminals=["PGH"]))
    same = bearer(await depot.make_key("same", Scope.DVIR_READ, terminals=["PGH"]))
    cle = bearer(await depot.make_key("cle", Scope.DVIR_READ, terminals=["CLE"]))
    page: Shown = (await depot.ask("GET", f"{LOGS}?size=1", None, pgh)).json()
    query = f"{LOGS}?size=1&cursor={page['next_page']}"
    assert (await depot.ask("GET", query, None, same)).status_code == 200
    for headers in (cle, None):
        assert_problem(await depot.ask("GET", query, None, headers), 400)


async def test_a_driver_who_moves_takes_their_reports_along(depot: Depot) -> None:
    await depot.send(driver_id=DRIVER)
    key = bearer(await depot.make_key("pgh", Scope.DVIR_READ, terminals=["PGH"]))
    assert (await depot.ask("GET", LOGS, None, key)).json()["total"] == 0
    await depot.know_driver(DRIVER, "PGH")
    assert (await depot.ask("GET", LOGS, None, key)).json()["total"] == 1
