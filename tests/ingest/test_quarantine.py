"""The quarantine as an operator handles it, over real HTTP: listed, shown, read again, discarded."""

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from app.db.database import open_database
from app.inbox.model import Channel
from app.inbox.store import Misunderstood, quarantine
from tests.command_line import caller, eventually
from tests.databases import Databases
from tests.ingest.served import ADMIN, Service, assert_problem, service_on
from tests.maven.examples import as_bytes, flat_event, violation_data

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with databases.fresh() as url, service_on(url, tmp_path_factory.mktemp("service")) as running:
        yield running


def fresh_id() -> str:
    return f"v{next(NUMBERS)}"


def once_misunderstood(service: Service, body: bytes) -> str:
    """An entry with bytes that an earlier version of the program did not understand, and this one does."""

    async def work() -> int:
        database = await open_database(service.database_url, pool_size=1)
        try:
            entries = [Misunderstood(body, '[{"pointer":"","detail":"not understood then"}]', Channel.POLL)]
            (pk,) = await database.write(quarantine(entries, 1_700_000_000_000_000))
            return pk
        finally:
            await database.close()

    return str(asyncio.run(work()))


def retry(service: Service, entry: str) -> tuple[int, dict[str, object]]:
    answer = service.client.post(f"/v1/quarantine/{entry}/retry", headers=ADMIN)
    return answer.status_code, answer.json()


def test_entries_are_listed_page_by_page(service: Service) -> None:
    entries = []
    for n in range(5):
        problem = assert_problem(service.post(b"listed %d {" % n), 400)
        assert isinstance(problem["quarantineIds"], list)
        entries += problem["quarantineIds"]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = service.get("/v1/quarantine", limit="2", **({"cursor": cursor} if cursor else {})).json()
        assert len(page["data"]) <= 2
        found += [entry["id"] for entry in page["data"]]
        cursor = page["pagination"]["nextCursor"]
        assert page["pagination"]["hasNextPage"] is (cursor is not None)
        if cursor is None:
            break
    assert len(found) == len(set(found))
    assert found[-5:] == entries
    for name, value in {"limit": "0", "cursor": "nonsense", "unknown": "1"}.items():
        assert_problem(service.get("/v1/quarantine", **{name: value}), 400)


def test_an_entry_that_is_understood_now_takes_the_way_in_and_goes(service: Service) -> None:
    violation_id = fresh_id()
    body = as_bytes({"eventType": "violationCreated", "id": "e-1", "data": violation_data(id=violation_id)})
    entry = once_misunderstood(service, body)
    content, shown = service.quarantined(entry)
    assert content == body
    assert shown["errors"] == [{"pointer": "", "detail": "not understood then"}]
    assert (shown["channel"], shown["receivedAt"]) == ("poll", "2023-11-14T22:13:20Z")
    status, answer = retry(service, entry)
    assert (status, answer["accepted"], answer["quarantined"]) == (200, 1, 0)
    assert service.violation(violation_id)["status"] == "active"
    (event,) = service.events(violation_id)
    assert (event["channel"], event["outcome"], event["eventId"]) == ("replay", "created", "e-1")
    assert service.get(f"/v1/quarantine/{entry}").status_code == 404
    assert retry(service, entry)[0] == 404


def test_an_entry_that_is_half_understood_leaves_only_the_other_half(service: Service) -> None:
    violation_id = fresh_id()
    wrong = as_bytes(flat_event(id=violation_id, duration="x"))
    entry = once_misunderstood(service, b"[" + wrong + b"," + as_bytes(flat_event(id=violation_id)) + b"]")
    status, answer = retry(service, entry)
    assert (status, answer["accepted"], answer["quarantined"]) == (207, 1, 1)
    results = answer["results"]
    assert isinstance(results, list)
    assert service.quarantined(results[0]["quarantineId"])[0] == wrong
    assert service.get(f"/v1/quarantine/{entry}").status_code == 404
    assert service.violation(violation_id)["status"] == "active"


def test_an_entry_that_is_still_not_understood_stays(service: Service) -> None:
    for content, status in ((b"still [not json", 400), (as_bytes(flat_event(id="")), 422)):
        problem = assert_problem(service.post(content), status)
        assert isinstance(problem["quarantineIds"], list)
        (entry,) = problem["quarantineIds"]
        code, answer = retry(service, entry)
        assert code == 422
        assert answer["quarantineIds"] == [entry]
        assert answer["errors"]
        assert service.quarantined(entry)[0] == content
        assert service.quarantined(entry)[1]["count"] == 1


def test_an_entry_may_be_discarded_and_its_id_is_not_given_again(service: Service) -> None:
    problem = assert_problem(service.post(b"to be discarded"), 400)
    assert isinstance(problem["quarantineIds"], list)
    (entry,) = problem["quarantineIds"]
    path = f"/v1/quarantine/{entry}"
    answer = service.client.delete(path, headers=ADMIN)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(service.client.delete(path, headers=ADMIN), 404)
    assert_problem(service.get(path), 404)
    later = assert_problem(service.post(b"another one"), 400)
    assert later["quarantineIds"] != [entry]
    again = assert_problem(service.post(b"to be discarded"), 400)
    assert entry not in again["quarantineIds"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "entry", ["0", "-1", "999999999", "9" * 30, "x", "1.0", "%31%2F", "%00", "\u0661", " 1", "1e3"]
)
def test_an_entry_that_is_not_there(service: Service, entry: str) -> None:
    assert_problem(service.get(f"/v1/quarantine/{entry}"), 404)
    assert retry(service, entry)[0] == 404


def test_who_may_handle_the_quarantine(service: Service) -> None:
    problem = assert_problem(service.post(b"for admins only"), 400)
    assert isinstance(problem["quarantineIds"], list)
    path = f"/v1/quarantine/{problem['quarantineIds'][0]}"
    call = caller(service.database_url)

    def key(name: str, *options: str) -> dict[str, str]:
        made = call("keys", "create", name, *options)
        assert made.exit_code == 0, made.output
        return {"Authorization": f"Bearer {made.stdout.splitlines()[-1]}"}

    reader = key("reader", "--scope", "read")
    limited = key("limited", "--scope", "admin", "--terminal", "PGH")
    sender = key("sender", "--scope", "webhook")
    admin = key("other-admin", "--scope", "admin")
    eventually(lambda: service.client.get("/v1/quarantine", headers=admin).status_code == 200, "the keys are known")
    for headers in (reader, limited, sender):
        assert_problem(service.client.get("/v1/quarantine", headers=headers), 403)
        assert_problem(service.client.get(path, headers=headers), 403)
        assert_problem(service.client.post(f"{path}/retry", headers=headers), 403)
        assert_problem(service.client.delete(path, headers=headers), 403)
    assert_problem(service.client.get(path), 401)
    assert service.client.get(path, headers=admin).status_code == 200
