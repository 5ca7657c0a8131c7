"""Credentials over real HTTP: each kind posts, a wrong one keeps nothing, a revocation holds within five seconds."""

import base64
import itertools
import time
from collections.abc import Iterator

import pytest

from tests.command_line import caller, eventually
from tests.databases import Databases
from tests.ingest.served import ROTATED, SECRET, TOKEN, Service, assert_problem, service_on, signed
from tests.maven.examples import as_bytes, flat_event

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with databases.fresh() as url, service_on(url, tmp_path_factory.mktemp("service")) as running:
        yield running


def body() -> bytes:
    return as_bytes(flat_event(id=f"v{next(NUMBERS)}"))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer {TOKEN}"},
        {"Authorization": basic("maven", TOKEN)},
        {"Authorization": basic("", TOKEN)},
        {"apiKey": TOKEN},
        {"APIKEY": TOKEN},
        {"Authorization": "Bearer wrong", "apiKey": TOKEN},
    ],
)
def test_a_token_by_each_way(service: Service, headers: dict[str, str]) -> None:
    answer = service.send(body(), {"Content-Type": "application/json", **headers})
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"][0]["outcome"] == "created"


@pytest.mark.parametrize("secret", [SECRET, ROTATED])
def test_a_signature_over_the_raw_bytes(service: Service, secret: str) -> None:
    content = body()
    headers = signed(secret, content, time.time())
    assert service.send(content, headers).json()["results"][0]["outcome"] == "created"
    assert service.send(content, headers).json()["results"][0]["outcome"] == "duplicate"
    assert_problem(service.send(content + b" ", headers), 401)
    for age in (-330, 330, 10**9):
        assert_problem(service.send(content, signed(secret, content, time.time() + age)), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": TOKEN},
        {"Authorization": basic(TOKEN, "")},
        {"Authorization": "Basic $$$"},
        {"Authorization": "Basic \xff"},
        {"Authorization": "Bearer \xff\xfe"},
        {"apiKey": ""},
        {"apiKey": SECRET},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": basic("maven", ROTATED)},
        {"apiKey": "an-admin-key-for-tests"},
        {"Authorization": "Bearer an-admin-key-for-tests"},
        {"webhook-id": "1", "webhook-timestamp": "now", "webhook-signature": "v1,x"},
        {"webhook-id": "\xff", "webhook-timestamp": "9" * 300, "webhook-signature": "\xff" * 300},
    ],
)
def test_a_wrong_credential_keeps_nothing_and_is_not_told_about_the_body(
    service: Service, headers: dict[str, str]
) -> None:
    before = service.quarantine_ids()
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    for content in (as_bytes(flat_event(id="stranger")), b"not json", b"{}"):
        problem = assert_problem(service.send(content, encoded), 401)  # type: ignore[arg-type]
        assert problem.keys() == {"type", "title", "status", "detail", "instance", "requestId"}
    assert "www-authenticate" in service.send(b"{}", {}).headers
    assert service.quarantine_ids() == before
    assert service.get("/v1/violations/stranger").status_code == 404


def test_a_stored_token_is_taken_and_its_revocation_holds_within_five_seconds(service: Service) -> None:
    call = caller(service.database_url)
    made = call("keys", "create", "maven", "--scope", "webhook")
    assert made.exit_code == 0, made.output
    token = made.stdout.splitlines()[-1]

    def status() -> int:
        return service.send(b"[]", {"Authorization": f"Bearer {token}"}).status_code

    eventually(lambda: status() == 200, "the new token is taken")
    assert service.send(b"[]", {"Authorization": basic("x", token)}).status_code == 200
    assert service.client.get("/v1/violations", headers={"Authorization": f"Bearer {token}"}).status_code == 403
    revoked = call("keys", "revoke", "maven")
    assert revoked.exit_code == 0, revoked.output
    began = time.monotonic()
    eventually(lambda: status() == 401, "the revoked token is refused")
    assert time.monotonic() - began < 5
