"""Real answers are as they are described: good ones and errors, on both databases; and the examples come true."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response

from app.api_description import examples
from app.api_description.document import describe, write
from app.query.reviews import MAX_BODY_BYTES
from tests.api_description.application import ADMIN, SENDER, Running, running
from tests.api_description.described import Described, concrete
from tests.databases import Databases
from tests.maven.examples import Json, as_bytes, enveloped, flat_event, vehicle_data, violation_data
from tests.query.reading import open_house

WEBHOOK = "/webhooks/maven"
REVIEW = "/v1/violations/{id}/review"
ID = "4095c1ff-915d-4744-a9d6-95a1cddcac43"
WRONG = flat_event(id="V-2", startData=vehicle_data(latitude=91))
RECEIVED = ("receivedAt", "firstReceivedAt", "lastReceivedAt", "at", "cursor", "nextCursor", "requestId")


@pytest.fixture(scope="module")
def described() -> Described:
    return Described(json.loads(write(describe("1.2.3"))))


class Asking:
    """Asks, and holds each answer to what is described."""

    def __init__(self, served: Running, described: Described) -> None:
        self.served = served
        self.described = described
        self.asked: set[tuple[str, str, int]] = set()

    def ask(
        self,
        status: int,
        template: str,
        url: str | None = None,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        **more: Any,
    ) -> Response:
        answer = self.served.client.request(method, url or template, headers=headers or {}, **more)
        assert answer.status_code == status, (template, answer.text)
        self.described.check(template, answer)
        self.asked.add((template, method, status))
        return answer

    def post(self, status: int, body: "Json | bytes", headers: dict[str, str] | None = None) -> Response:
        content = body if isinstance(body, bytes) else as_bytes(body)
        return self.ask(status, WEBHOOK, None, SENDER if headers is None else headers, "POST", content=content)


@pytest.fixture
def asking(database_url: str, described: Described) -> Iterator[Asking]:
    with running(database_url, max_batch_events=3, max_body_bytes=20_000) as served:
        yield Asking(served, described)


def still(value: Any) -> Any:
    """The same without what depends on the moment."""
    if isinstance(value, list):
        return [still(item) for item in value]
    if isinstance(value, dict):
        return {name: still(member) for name, member in value.items() if name not in RECEIVED}
    return value


def test_deliveries_are_answered_as_described(asking: Asking) -> None:
    assert asking.post(200, flat_event()).json() == examples.receipt()
    asking.post(200, [])
    asking.post(200, gzip.compress(as_bytes(flat_event())), {**SENDER, "Content-Encoding": "gzip"})
    asking.post(200, gzip.compress(as_bytes(flat_event())), {**SENDER, "Content-Type": "application/gzip"})
    asking.post(200, flat_event(), asking.served.webhook)
    asking.post(200, {"eventType": "tripStarted", "id": 3.5, "data": {}})
    asking.post(207, [flat_event(), WRONG, enveloped(violation_data(eventTime="2024-01-03T00:00:00Z"))])
    asking.post(207, [flat_event(), 7])
    asking.post(422, WRONG)
    asking.post(422, enveloped(None))
    asking.post(400, b"no json")
    asking.post(400, b"no gzip", {**SENDER, "Content-Encoding": "gzip"})
    asking.post(401, flat_event(), {"Content-Type": "application/json"})
    asking.post(401, flat_event(), {**ADMIN, "Content-Type": "application/json"})
    asking.post(413, [flat_event()] * 4)
    asking.post(413, b" " * 20_001)
    asking.post(415, b"<a/>", {**SENDER, "Content-Type": "text/xml"})
    asking.post(415, b"", {**SENDER, "Content-Encoding": "br"})


def test_with_202_what_is_not_understood_is_answered_as_described(database_url: str, described: Described) -> None:
    with running(database_url, invalid_status=202) as served:
        asking = Asking(served, described)
        asking.post(202, WRONG)
        asking.post(202, b"no json")


def test_reading_is_answered_as_described(asking: Asking) -> None:
    reader = asking.served.reader
    # The least that an invalidation has: nearly everything in the answers is null.
    asking.post(200, [flat_event(), flat_event("violationInvalidated", id="V-3", eventTime="2024-01-02T00:00:00Z")])
    asking.post(200, {"eventType": "violationInvalidated", "id": "V-4", "eventTime": "2024-01-02T00:00:00.5Z"})
    asking.post(200, flat_event(id="V-5", ruleset=None, duration=None, startData=[], driverName=None, type="other"))

    asking.ask(200, "/v1/drivers", None, reader)
    asking.ask(200, "/v1/drivers/{driverId}/violations", "/v1/drivers/JDOE123/violations?status=all&limit=1", reader)
    asking.ask(200, "/v1/drivers/{driverId}/violations", "/v1/drivers/a%2Fb/violations", reader)
    asking.ask(200, "/v1/violations", "/v1/violations?status=all", reader)
    asking.ask(200, "/v1/violations", "/v1/violations?status=all&limit=2", reader)
    asking.ask(200, "/v1/violations", None, {**reader, "Accept": "text/csv"})
    asking.ask(200, "/v1/violations", "/v1/violations?status=all", {**reader, "Accept": "application/x-ndjson"})
    asking.ask(406, "/v1/violations", None, {**reader, "Accept": "image/png"})
    for name in ("V-3", "V-4", "V-5", ID):
        tag = asking.ask(200, "/v1/violations/{id}", f"/v1/violations/{name}", reader).headers["etag"]
        asking.ask(304, "/v1/violations/{id}", f"/v1/violations/{name}", {**reader, "If-None-Match": tag})
        asking.ask(200, "/v1/violations/{id}/events", f"/v1/violations/{name}/events", reader)
    asking.ask(200, "/v1/stats", "/v1/stats?status=all", reader)
    cursor = asking.ask(200, "/v1/changes", "/v1/changes?limit=1", reader).json()["pagination"]["nextCursor"]
    asking.ask(200, "/v1/changes", f"/v1/changes?after={cursor}", reader)

    for template in ("/v1/violations/{id}", "/v1/violations/{id}/events"):
        asking.ask(404, template, template.replace("{id}", "none"), reader)
        asking.ask(404, template, template.replace("{id}", ID), asking.served.limited)
        asking.ask(400, template, template.replace("{id}", "%ff"), reader)
    for path, method, operation in asking.described.operations():
        if path.startswith("/v1/"):
            url = concrete(path)
            asking.ask(401, path, url, None, method.upper())
            asking.ask(403, path, url, asking.served.webhook, method.upper())
            if operation["operationId"] != "streamChanges":
                asking.ask(400, path, url + "?%ff", ADMIN, method.upper())
    asking.ask(400, "/v1/stream", "/v1/stream?after=x", reader)


def test_reviews_are_answered_as_described(asking: Asking) -> None:
    asking.post(200, flat_event())
    url = REVIEW.replace("{id}", ID)

    def put(status: int, body: bytes, url: str = url, **headers: str) -> Any:
        sent = {**ADMIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return asking.ask(status, REVIEW, url, sent, "PUT", content=body).json()

    def example(status: str, name: str) -> Any:
        content = asking.described.operation(REVIEW, "put")["responses"][status]["content"]
        return still(content["application/problem+json"]["examples"][name]["value"])

    body = asking.described.operation(REVIEW, "put")["requestBody"]["content"]["application/json"]
    for one in body["examples"].values():
        put(200, as_bytes(one["value"]))
        put(200, gzip.compress(as_bytes(one["value"])), content_encoding="gzip")
        asking.ask(200, "/v1/violations/{id}", f"/v1/violations/{ID}", asking.served.reader)
    for word in ("open", "acknowledged", "coached,disputed"):
        asking.ask(200, "/v1/violations", f"/v1/violations?review={word}", asking.served.reader)
    given = as_bytes({"status": "open"})
    put(404, given, REVIEW.replace("{id}", "none"))
    for key in (asking.served.reader, asking.served.webhook):
        asking.ask(403, REVIEW, url, key, "PUT", content=given)
    asking.ask(404, REVIEW, url, asking.served.limited, "PUT", content=given)
    assert still(put(400, b"no json")) == example("400", "notJson")
    assert still(put(400, given, f"{url}?nonsense=1")) == example("400", "parameter")
    put(400, b"no gzip", content_encoding="gzip")
    assert still(put(413, b" " * (MAX_BODY_BYTES + 1))) == example("413", "too-large")
    assert still(put(415, b"<a/>", content_type="text/xml")) == example("415", "notJson")
    put(415, given, content_encoding="br")
    assert still(put(422, as_bytes({"status": "done"}))) == example("422", "invalid-fields")
    several: list[Json] = [[], 7, {}, {"status": "open", "note": 1}, {"status": "open", "nonsense": 1}]
    for wrong in several:
        assert asking.described.incoming_faults(body["schema"], wrong) != []
        put(422, as_bytes(wrong))


def test_the_quarantine_is_answered_as_described(asking: Asking) -> None:
    for _ in range(2):
        (entry,) = asking.post(422, WRONG).json()["quarantineIds"]
    (unreadable,) = asking.post(400, b"no json").json()["quarantineIds"]
    asking.ask(200, "/v1/quarantine", "/v1/quarantine?limit=1", ADMIN)
    asking.ask(200, "/v1/quarantine/{id}", f"/v1/quarantine/{entry}", ADMIN)
    asking.ask(200, "/v1/quarantine/{id}", f"/v1/quarantine/{unreadable}", ADMIN)
    for one in (entry, unreadable):
        retry = "/v1/quarantine/{id}/retry"
        asking.ask(422, retry, retry.replace("{id}", one), ADMIN, "POST")
        asking.ask(403, retry, retry.replace("{id}", one), asking.served.limited, "POST")
        asking.ask(204, "/v1/quarantine/{id}", f"/v1/quarantine/{one}", ADMIN, "DELETE")
        for method in ("GET", "DELETE"):
            asking.ask(404, "/v1/quarantine/{id}", f"/v1/quarantine/{one}", ADMIN, method)
        asking.ask(404, retry, retry.replace("{id}", one), ADMIN, "POST")


def test_health_and_description_are_answered_as_described(asking: Asking) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        asking.ask(200, path)
    for name in ("style.css", "script.js"):
        tag = asking.ask(200, "/docs/{file}", f"/docs/{name}").headers["etag"]
        asking.ask(304, "/docs/{file}", f"/docs/{name}", {"If-None-Match": tag})
    for path in ("/openapi.json", "/docs"):
        asking.ask(304, path, None, {"If-None-Match": "*"})
    asking.ask(404, "/docs/{file}", "/docs/reference.html.j2")


def test_metrics_that_need_a_token_are_answered_as_described(sqlite_url: str, described: Described) -> None:
    with running(sqlite_url, metrics_token="m" * 32) as served:
        asking = Asking(served, described)
        asking.ask(401, "/metrics")
        asking.ask(200, "/metrics", None, {"Authorization": "Bearer " + "m" * 32})


def test_a_service_that_stops_answers_as_described(asking: Asking) -> None:
    asking.served.client.portal.call(asking.served.stopping.set)  # type: ignore[union-attr]
    for path, method, _ in asking.described.operations():
        if path != "/healthz":
            asking.ask(503, path, concrete(path), ADMIN, method.upper())
    asking.ask(200, "/healthz")


async def test_the_stream_carries_changes(database_url: str, described: Described) -> None:
    async with open_house(database_url) as house, house.stream() as call:
        await house.keep(flat_event(id="V-1"))
        (event,) = await call.events(1)
    assert described.faults({"$ref": "#/components/schemas/Change"}, event.data) == []
    assert event.fields["event"] == event.data["type"]
    assert event.fields["id"] == event.data["cursor"]


def test_bodies_that_are_examples_come_true(databases: Databases, described: Described) -> None:
    body = described.operation(WEBHOOK, "post")["requestBody"]["content"]["application/json"]
    outcomes = {
        "flat": ["created"],
        "invalidation": ["invalidated"],
        "minimalInvalidation": ["invalidated"],
        "enveloped": ["created"],
        "page": ["created", "ignored"],
        "array": ["created", "invalidated"],
        "partlyWrong": ["created", "quarantined"],
    }
    assert set(body["examples"]) == set(outcomes)
    for name, example in body["examples"].items():
        with databases.fresh() as url, running(url) as served:
            status = 207 if name == "partlyWrong" else 200
            answer = Asking(served, described).post(status, example["value"])
            assert [result["outcome"] for result in answer.json()["results"]] == outcomes[name]


def test_answers_that_are_examples_come_true(asking: Asking) -> None:
    """One violation from its creation to its invalidation, and all that can be read of it on the way."""
    reader = asking.served.reader

    def read(path: str, accept: str = "application/json") -> Any:
        answer = asking.served.client.get(path, headers={**reader, "Accept": accept})
        assert answer.status_code == 200
        return answer.json() if accept == "application/json" else answer.text

    assert asking.post(207, examples.partly_wrong()).json() == examples.partial_receipt()  # type: ignore[arg-type]
    assert still(read("/v1/drivers")) == still(examples.listed(examples.driver()))
    assert still(read("/v1/violations")) == still(examples.listed(examples.violation()))
    reviewed = {**examples.violation(), "review": examples.no_review()}
    assert still(read(f"/v1/violations/{ID}")) == still(reviewed)
    assert still(read("/v1/changes")) == still(examples.changes())
    assert read("/v1/stats") == examples.stats()
    assert read("/v1/violations", "text/csv").split("\r\n")[0] == examples.csv().split("\r\n")[0]
    line = json.loads(read("/v1/violations", "application/x-ndjson"))
    assert still(line) == still(json.loads(examples.ndjson()))
    entry = asking.ask(200, "/v1/quarantine/{id}", "/v1/quarantine/1", ADMIN).json()
    assert still(entry) == still(examples.quarantine_entry())
    described = asking.described.operation(WEBHOOK, "post")["responses"]

    def example_of(status: str, name: str) -> Any:
        return described[status]["content"]["application/problem+json"]["examples"][name]["value"]

    assert still(asking.post(400, b"no json").json()) == still(example_of("400", "notJson"))
    wrong = asking.post(422, examples.partly_wrong()[1]).json()  # type: ignore[arg-type]
    assert still(wrong) == still(example_of("422", "invalid-events"))
    assert still(asking.post(401, b"", {}).json()) == still(example_of("401", "unauthenticated"))
    xml = asking.post(415, b"<a/>", {**SENDER, "Content-Type": "text/xml"}).json()
    assert still(xml) == still(example_of("415", "notJson"))

    asking.post(200, examples.invalidation())  # type: ignore[arg-type]
    for given in ({"status": "acknowledged"}, examples.new_review()):
        answer = asking.ask(200, REVIEW, REVIEW.replace("{id}", ID), ADMIN, "PUT", json=given).json()
    assert still(answer) == still(by_admin(examples.review()))
    reviewed = {**examples.violation(is_invalidated=True), "review": by_admin(examples.review())}
    assert still(read(f"/v1/violations/{ID}")) == still(reviewed)
    assert still(read(f"/v1/violations/{ID}/events")) == still(examples.events())


def by_admin(review: examples.JsonObject) -> examples.JsonObject:
    """The same reviews, all of them given by this name."""
    history = review["history"]
    assert isinstance(history, list)
    return {**review, "by": "admin", "history": [{**entry, "by": "admin"} for entry in history]}
