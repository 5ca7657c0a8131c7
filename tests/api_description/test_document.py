"""The document is valid, says of every route what there is, and agrees with what is taken and refused."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api_description.document import describe, write
from app.dashboard.pages import Page
from app.dashboard.signing_in import SignIn
from app.dashboard.single_sign_on import ProviderSignIn
from app.dashboard.statics import STATICS
from app.maven.events import RejectedEvent, read_delivery
from app.web.problems import KINDS
from tests.api_description.application import ADMIN, running
from tests.api_description.described import Described, Tree, concrete
from tests.maven.examples import Json, as_bytes, enveloped, flat_event, page, vehicle_data, violation_data, without

VERSION = "1.2.3"
DELIVERY = {"$ref": "#/components/schemas/Delivery"}


@pytest.fixture(scope="module")
def described() -> Described:
    return Described(json.loads(write(describe(VERSION))))


def test_the_document_is_openapi_3_1(described: Described) -> None:
    assert described.document["openapi"].startswith("3.1.")
    assert described.document["info"]["version"] == VERSION
    assert [error.message for error in OpenAPIV31SpecValidator(described.document).iter_errors()] == []


def is_of_pages(route: object) -> bool:
    """Whether it is for people in browsers, who are given addresses by pages and not by a description."""
    endpoint = getattr(route, "endpoint", None)
    return isinstance(endpoint, Page | SignIn | ProviderSignIn) or endpoint == STATICS.serve


def test_every_route_is_described_and_nothing_else(described: Described, sqlite_url: str) -> None:
    with running(sqlite_url) as served:
        routes = {
            (route.path, method.lower())  # type: ignore[attr-defined]
            for route in served.app.routes
            for method in (route.methods or {"POST"}) - {"HEAD"}  # type: ignore[attr-defined]
            if not is_of_pages(route)
        }
    assert {(path, method) for path, method, _ in described.operations()} == routes


def test_operations_have_names_tags_texts_and_credentials(described: Described) -> None:
    operations = [operation for _, _, operation in described.operations()]
    operations += [item["post"] for item in described.document["webhooks"].values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in described.document["tags"]}
    schemes = described.document["components"]["securitySchemes"]
    for operation in operations:
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert operation["description"]
        assert {name for choice in operation["security"] for name in choice} <= set(schemes)


def test_every_component_is_used(described: Described) -> None:
    text = json.dumps(described.document)
    for kind in ("schemas", "responses", "headers"):
        for name in described.document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, name


def test_every_kind_of_problem_is_one_of_those_described(described: Described) -> None:
    known = described.document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert known == [kind.type for kind in KINDS]


def test_every_example_fits_its_schema(described: Described) -> None:
    checked = 0
    contents: list[Tree] = []
    for _, _, operation in described.operations():
        contents += [described.resolve(response) for response in operation["responses"].values()]
    contents += [item["post"]["requestBody"] for item in described.document["webhooks"].values()]
    for holder in contents:
        for media in holder.get("content", {}).values():
            for name, example in media.get("examples", {}).items():
                assert not (faults := described.faults(media["schema"], example["value"])), (name, faults)
                checked += 1
    for _, _, operation in described.operations():
        body = operation.get("requestBody", {"content": {}})["content"].get("application/json", {"examples": {}})
        for name, example in body["examples"].items():
            faults = described.incoming_faults(body["schema"], example["value"])
            assert bool(faults) is (name == "partlyWrong"), (name, faults)
            checked += 1
    assert checked > 110


def test_every_parameter_example_fits_its_schema(described: Described) -> None:
    for path, _, operation in described.operations():
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                assert not described.faults(parameter["schema"], parameter["example"]), (path, parameter["name"])


def variant(**changes: Json) -> dict[str, Json]:
    return flat_event(**changes)


TAKEN: dict[str, Json] = {
    "Maven's example": variant(),
    "the least of a creation": {
        "eventType": "violationCreated",
        "id": "V",
        "eventTime": "2024-01-01T00:00:00Z",
        "driverId": "D",
        "type": "t",
        "startTime": "2024-01-01T00:00",
    },
    "the least of an invalidation": {"eventType": "violationInvalidated", "id": "V", "eventTime": "2024-01-01T00:00Z"},
    "null in every optional field": {
        **dict.fromkeys(violation_data()),
        **{name: violation_data()[name] for name in ("id", "eventTime", "driverId", "type", "startTime")},
        "eventType": "violationCreated",
    },
    "an unknown field": variant(note={"a": [1, None]}),
    "an offset and a fraction": variant(eventTime="2024-01-01T01:00:00.123456789+01:00"),
    "a comma before the fraction": variant(endTime="2024-01-01T01:00:00,5Z"),
    "a leap second": variant(endTime="2016-12-31T23:59:60Z"),
    "a numeric string": variant(startData=vehicle_data(latitude="40.46", odometer="1e5")),
    "an array of one": variant(startData=[vehicle_data()]),
    "an empty array": variant(endData=[]),
    "an array within": variant(endData=vehicle_data(eldLocation=[])),
    "a long duration": variant(duration="9999:59"),
    "an identifier of 255 characters": variant(id="x" * 255),
    "an envelope": enveloped(violation_data()),
    "an envelope with a number for an id": enveloped(violation_data(), event_id=7),
    "an envelope whose own time is null": {**enveloped(violation_data()), "eventTime": None},
    "an enveloped invalidation": enveloped(violation_data(), "violationInvalidated"),
    "an event that is not ours": {"eventType": "tripStarted", "data": 3},
    "a page": page(variant(), enveloped(violation_data())),
    "a page of nothing": {"events": []},
    "nothing": [],
    "all mixed": [variant(), page(enveloped(violation_data())), enveloped(violation_data())],
}
REFUSED: dict[str, Json] = {
    **{f"no {name}": without(variant(), name) for name in ("id", "eventTime", "driverId", "type", "startTime")},
    **{f"null for {name}": variant(**{name: None}) for name in ("id", "eventTime", "driverId", "type", "startTime")},
    "no event type": without(variant(), "eventType"),
    "a number for the event type": variant(event_type=1),
    "a date alone": variant(startTime="2024-01-01"),
    "the basic form": variant(startTime="20240101T000000Z"),
    "24:00": variant(startTime="2024-01-01T24:00:00Z"),
    "a number for a time": variant(endTime=1704067200),
    "an empty identifier": variant(id=""),
    "an identifier of 256 characters": variant(driverId="x" * 256),
    "a number for an identifier": variant(driverId=7),
    "a number for a text": variant(terminalCode=7),
    "a latitude beyond the pole": variant(startData=vehicle_data(latitude=90.1)),
    "a longitude beyond 180": variant(startData=vehicle_data(longitude=-181)),
    "a boolean for a number": variant(startData=vehicle_data(odometer=True)),
    "NaN in a string": variant(startData=vehicle_data(odometer="NaN")),
    "an empty string for a number": variant(startData=vehicle_data(odometer="")),
    "an array of two": variant(startData=[{}, {}]),
    "an array of null": variant(startData=[None]),
    "a text for an object": variant(startData="here"),
    "sixty minutes": variant(duration="3:60"),
    "a duration in hours": variant(duration="3"),
    "a log date with a time": variant(logDate="2024-01-01T00:00:00Z"),
    "an envelope around a text": {**enveloped("x")},
    "an envelope around less": enveloped(without(violation_data(), "driverId")),
    "a page whose events are an object": {"events": {}},
    "a text": "x",
    "an array of a number": [variant(), 7],
    "an array in an array": [[variant()]],
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_described_as_good_is_taken(described: Described, name: str) -> None:
    assert described.incoming_faults(DELIVERY, TAKEN[name]) == []
    assert not any(isinstance(event, RejectedEvent) for event in read_delivery(as_bytes(TAKEN[name]), 100))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_described_as_wrong_is_refused(described: Described, name: str) -> None:
    assert described.incoming_faults(DELIVERY, REFUSED[name]) != []
    assert any(isinstance(event, RejectedEvent) for event in read_delivery(as_bytes(REFUSED[name]), 100))


def query_parameters(operation: Tree) -> dict[str, Tree]:
    return {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}


def outside(schema: Tree) -> list[str]:
    """Values that the schema of a parameter excludes."""
    found = [""]
    if "minimum" in schema:
        found.append(str(schema["minimum"] - 1))
    if "maximum" in schema:
        found.append(str(schema["maximum"] + 1))
    if schema["type"] in ("integer", "boolean"):
        found.append("some")
    if "enum" in schema:
        found.append(schema["enum"][0].upper())
    if "pattern" in schema or "format" in schema:
        found.append("\0")
    if "maxLength" in schema:
        found.append("x" * (schema["maxLength"] + 1))
    return found


def test_parameters_are_those_that_are_read(described: Described, sqlite_url: str) -> None:
    with running(sqlite_url) as served:
        for path, method, operation in described.operations():
            if not path.startswith("/v1"):
                continue
            url = concrete(path)
            answer = served.client.request(method, url, params={"nonsense": "1"}, headers=ADMIN)
            assert answer.status_code == 400, path
            (error,) = answer.json()["errors"]
            documented = query_parameters(operation)
            told = f"the parameters here are {', '.join(sorted(documented))}" if documented else "there are none here"
            assert told in error["detail"], path


def test_values_outside_of_a_parameter_are_refused_and_examples_are_taken(
    described: Described, sqlite_url: str
) -> None:
    with running(sqlite_url) as served:
        for path, method, operation in described.operations():
            for name, parameter in query_parameters(operation).items():
                if path == "/v1/stream":
                    continue  # a good value would not end
                schema = parameter["schema"].get("items", parameter["schema"])
                for value in outside(schema):
                    answer = served.client.request(method, concrete(path), params={name: value}, headers=ADMIN)
                    assert answer.status_code == 400, (path, name, value)
                    described.check(path, answer)
                if "example" in parameter:
                    example = parameter["example"]
                    value = example[0] if isinstance(example, list) else json.dumps(example).strip('"')
                    answer = served.client.request(method, concrete(path), params={name: value}, headers=ADMIN)
                    assert answer.status_code != 400, (path, name, value, answer.text)
                    described.check(path, answer)


def test_what_is_sent_to_others_has_the_shape_of_a_change(described: Described) -> None:
    webhooks = described.document["webhooks"]
    change = described.document["components"]["schemas"]["Change"]
    changes = change["properties"]["type"]["enum"]
    own = ["driver.threshold", "violation.digest", "hook.test"]
    inspections = ["dvir_log.added", "resource_operation.succeeded", "resource_operation.failed"]
    assert list(webhooks) == [*changes, *own, *inspections]
    schemas = described.document["components"]["schemas"]
    assert schemas["HookDelivery"]["properties"]["type"]["enum"] == list(webhooks)
    told_of = [name for name in webhooks if name not in ("violation.digest", "hook.test")]
    assert schemas["NewHook"]["properties"]["events"]["items"]["enum"] == told_of
    assert schemas["HookFilter"]["properties"]["safetyCritical"]["type"] == ["boolean", "null"]
    for name, item in webhooks.items():
        headers = {one["name"] for one in item["post"]["parameters"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema["properties"]["type"]["const"] == name
        assert (schema["properties"]["data"] == change["properties"]["violation"]) is (name in changes)
