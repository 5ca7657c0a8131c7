"""Several `serve` processes on one PostgreSQL, behind a proxy that sends every request to the next one, are as one."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from app.maven.standin import HeldEvents, StandIn, enveloped
from app.sessions.tries import MOST_FAILURES
from tests.command_line import eventually, run
from tests.databases import PostgresqlDatabases
from tests.ingest.served import ADMIN, PATIENCE, TOKEN, Service, service_on
from tests.ingest.standin_thread import standing_in_thread
from tests.ingest.test_poller_crash import now
from tests.maven.examples import flat_event, violation_data

REPLICAS = 3
POLLED = 200
SENDER = {"apiKey": TOKEN}


class InTurn(httpx2.BaseTransport):
    """A proxy without memory: each request goes to the next replica."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._transport = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(port=next(self._ports))
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


class Fleet:
    """The replicas, together and each."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services

    def client(self, **headers: str) -> httpx2.Client:
        """Somebody who knows the proxy alone."""
        transport = InTurn([service.served.port for service in self.services])
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx2.Client(transport=transport, base_url="http://127.0.0.1", headers=named, timeout=PATIENCE)


def polled_queue() -> StandIn:
    held = HeldEvents()
    begin = now() - 86_400_000_000
    for number in range(POLLED):
        at = begin + number * 1_000_000
        data = violation_data(id=f"polled-{number}", terminalCode="POLLED")
        held.add(at, enveloped(f"e{number}", "violationCreated", at, data))
    return StandIn(held, page_size=20)


@pytest.fixture(scope="module")
def fleet(postgresql_databases: PostgresqlDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with postgresql_databases.fresh() as url, standing_in_thread(polled_queue()) as maven, ExitStack() as stack:
        settings = {
            "HOS_MAVEN_API_KEY": "standin",
            "HOS_MAVEN_URL": maven,
            "HOS_MAVEN_POLL_SECONDS": "0.3",
            "HOS_HOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        yield Fleet(
            [
                stack.enter_context(service_on(url, tmp_path_factory.mktemp("replica"), **settings))
                for _ in range(REPLICAS)
            ]
        )


@pytest.fixture
def client(fleet: Fleet) -> Iterator[httpx2.Client]:
    with fleet.client(**ADMIN) as one:
        yield one


def post(client: httpx2.Client, *events: object) -> list[str]:
    """The outcomes of a delivery."""
    answer = client.post("/webhooks/maven", json=list(events), headers=SENDER)
    assert answer.status_code == 200, answer.text
    return [result["outcome"] for result in answer.json()["results"]]


def test_what_one_took_in_is_known_to_all(fleet: Fleet, client: httpx2.Client) -> None:
    events = [flat_event(id=f"state-{n}", terminalCode="STATE") for n in range(30)]
    assert {outcome for event in events for outcome in post(client, event)} == {"created"}
    assert {outcome for event in events for outcome in post(client, event)} == {"duplicate"}
    lists = [service.get("/v1/violations", terminalCode="STATE").json() for service in fleet.services]
    assert lists[0] == lists[1] == lists[2]
    assert len(lists[0]["data"]) == 30


def test_cursors_and_etags_of_one_hold_at_the_others(client: httpx2.Client) -> None:
    post(client, *(flat_event(id=f"page-{n:02d}", terminalCode="PAGES") for n in range(20)))
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/violations", params={"terminalCode": "PAGES", "limit": "3", **cursor}).json()
        found += [violation["id"] for violation in page["data"]]
        if not page["pagination"]["hasNextPage"]:
            break
        cursor = {"cursor": page["pagination"]["nextCursor"]}
    assert sorted(found) == [f"page-{n:02d}" for n in range(20)]
    tag = client.get("/v1/violations/page-00").headers["etag"]
    assert client.get("/v1/violations/page-00", headers={"If-None-Match": tag}).status_code == 304
    post(client, flat_event("violationInvalidated", id="page-00", eventTime="2031-01-01T00:00:00Z"))
    assert client.get("/v1/violations/page-00", headers={"If-None-Match": tag}).status_code == 200


def test_a_feed_goes_on_from_one_to_the_next(client: httpx2.Client) -> None:
    after = _end_of_feed(client)
    sent = [f"feed-{n}" for n in range(25)]
    for name in sent:
        post(client, flat_event(id=name))
    found: list[str] = []
    while len(found) < len(sent):
        page = client.get("/v1/changes", params={"after": after, "limit": "4", "wait": "5"}).json()
        assert page["data"] != []
        found += [change["violationId"] for change in page["data"]]
        after = page["pagination"]["nextCursor"]
    assert found == sent


def _end_of_feed(client: httpx2.Client) -> str:
    cursor = client.get("/v1/changes", params={"limit": "1000"}).json()["pagination"]
    while cursor["hasNextPage"]:
        page = client.get("/v1/changes", params={"after": cursor["nextCursor"], "limit": "1000"})
        cursor = page.json()["pagination"]
    end: str = cursor["nextCursor"]
    return end


def test_a_stream_goes_on_from_one_to_the_next(client: httpx2.Client) -> None:
    last = _end_of_feed(client)
    found: list[str] = []
    for n in range(6):
        name = f"stream-{n}"
        post(client, flat_event(id=name))
        with client.stream("GET", "/v1/stream", headers={"Last-Event-ID": last}) as stream:
            for line in stream.iter_lines():
                if line.startswith("id:"):
                    last = line.removeprefix("id:").strip()
                if line.startswith("data:"):
                    found.append(json.loads(line.removeprefix("data:"))["violationId"])
                    break
    assert found == [f"stream-{n}" for n in range(6)]


def test_one_of_them_polls_and_everything_is_here_once(client: httpx2.Client) -> None:
    def polled() -> int:
        listed = client.get("/v1/violations", params={"terminalCode": "POLLED", "limit": "1000"}).json()["data"]
        return len(listed)

    eventually(lambda: polled() == POLLED, "the queue is read")
    revisions = client.get("/v1/violations", params={"terminalCode": "POLLED", "limit": "1000"}).json()["data"]
    assert {violation["revision"] for violation in revisions} == {1}
    states = {client.get("/v1/status").json()["channels"]["poll"]["state"] for _ in range(REPLICAS)}
    assert states == {"working"}


def test_a_hook_is_told_each_change_once_by_whichever(client: httpx2.Client) -> None:
    told: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.append(message["data"]["id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hook = {
            "name": "replicas",
            "url": f"http://127.0.0.1:{server.server_port}/",
            "filter": {"terminalCodes": ["HOOK"]},
        }
        made = client.post("/v1/hooks", json=hook)
        assert made.status_code == 201, made.text
        names = [f"hook-{n}" for n in range(12)]
        for name in names:
            post(client, flat_event(id=name, terminalCode="HOOK"))
        eventually(lambda: len(told) >= len(names), "all is told")
        path = f"/v1/hooks/{made.json()['id']}"
        eventually(lambda: _succeeded(client, path) == len(names), "it is noted")
        assert sorted(told) == sorted(names)
        assert client.delete(path).status_code == 204
        server.shutdown()


def _succeeded(client: httpx2.Client, path: str) -> int:
    return len(client.get(f"{path}/deliveries", params={"status": "succeeded"}).json()["data"])


def test_quarantine_and_reviews_are_everybodys(client: httpx2.Client) -> None:
    broken = {"eventType": "violationCreated", "id": "replica-broken"}
    refused = client.post("/webhooks/maven", json=broken, headers=SENDER)
    assert refused.status_code == 422
    entry = refused.json()["quarantineIds"][0]
    for _ in range(REPLICAS):
        assert client.get(f"/v1/quarantine/{entry}").status_code == 200
    assert client.delete(f"/v1/quarantine/{entry}").status_code == 204
    for _ in range(REPLICAS):
        assert client.get(f"/v1/quarantine/{entry}").status_code == 404
    post(client, flat_event(id="reviewed"))
    for status in ("acknowledged", "coached", "disputed", "open"):
        assert client.put("/v1/violations/reviewed/review", json={"status": status}).status_code == 200
        assert client.get("/v1/violations/reviewed").json()["review"]["status"] == status


def test_a_session_is_everybodys_until_it_ends(fleet: Fleet) -> None:
    with fleet.client() as browser:
        signed = browser.post("/sign-in", data={"key": ADMIN["Authorization"].removeprefix("Bearer ")})
        assert (signed.status_code, signed.headers["location"]) == (303, "/")
        assert [browser.get("/").status_code for _ in range(2 * REPLICAS)] == [200] * 2 * REPLICAS
        cookies = dict(browser.cookies)
        out = browser.post("/sign-out", data={"now": "yes"}, headers={"Sec-Fetch-Site": "same-origin"})
        assert out.status_code == 303, out.text
        browser.cookies.update(cookies)
        # Each remembers for a few seconds who was signed in.
        eventually(lambda: {browser.get("/").status_code for _ in range(REPLICAS)} == {303}, "all know that it is over")


def test_a_revoked_key_ends_everywhere(fleet: Fleet, tmp_path: Path) -> None:
    url = fleet.services[0].database_url
    made = run("keys", "create", "leaving", "--scope", "read", cwd=tmp_path, HOS_DATABASE_URL=url)
    assert made.returncode == 0, made.stderr
    with fleet.client(Authorization=f"Bearer {made.stdout.splitlines()[-1]}") as reader:

        def statuses() -> set[int]:
            return {reader.get("/v1/drivers").status_code for _ in range(REPLICAS)}

        eventually(lambda: statuses() == {200}, "the new key is known to all")
        assert run("keys", "revoke", "leaving", cwd=tmp_path, HOS_DATABASE_URL=url).returncode == 0
        eventually(lambda: statuses() == {401}, "the revoked key is known to none")


def test_failed_sign_ins_are_counted_together(fleet: Fleet) -> None:
    with fleet.client() as guesser:
        answers = [guesser.post("/sign-in", data={"key": "wrong"}).status_code for _ in range(MOST_FAILURES + REPLICAS)]
    assert answers == [401] * MOST_FAILURES + [429] * REPLICAS
