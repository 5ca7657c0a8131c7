"""The proxies of `deploy/` before a real `serve`: what goes through, what does not, and who is believed."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from standardwebhooks import Webhook

from tests.command_line import Served, eventually, serving
from tests.databases import PostgresqlDatabases, SqliteDatabases
from tests.deploy.proxies import DEPLOY, RUNNING, Proxy, running_nginx
from tests.maven.examples import as_bytes, flat_event

TOKEN = "t" * 32
KEY = "k" * 32
READER = {"authorization": f"Bearer {KEY}"}
SENDER = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SETTINGS = {
    "HOS_WEBHOOK_SECRETS": f"{TOKEN},{SIGNING_SECRET}",
    "HOS_ADMIN_KEY": KEY,
    "HOS_FORWARDED_ALLOW_IPS": "127.0.0.1",
}


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy, and what it stands before."""

    proxy: Proxy
    served: Served

    def refused_from(self, address: str) -> int:
        """How many sign-ins the service has refused to somebody at this address, by its log."""
        return sum("session.refused" in line and f'"{address}"' in line for line in self.served.log.splitlines())


@pytest.fixture(scope="module", params=sorted(RUNNING))
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        url = stack.enter_context(sqlite_databases.fresh())
        served = stack.enter_context(serving(cwd=directory, HOS_DATABASE_URL=url, **SETTINGS))
        proxy = stack.enter_context(RUNNING[request.param](directory, [served.port]))
        yield Front(proxy, served)


def post(client: httpx2.Client, violation: str) -> httpx2.Response:
    return client.post("/webhooks/maven", headers=SENDER, content=as_bytes(flat_event(id=violation)))


def sign_in(front: Front, key: str, address: str, **headers: str) -> httpx2.Response:
    with front.proxy.client(address) as client:
        origin = {"origin": front.proxy.url, "accept": "text/html"}
        return client.post("/sign-in", data={"key": key}, headers={**origin, **headers})


def test_a_webhook_gets_through_and_can_be_read(front: Front) -> None:
    with front.proxy.client() as client:
        assert post(client, "through").json()["results"][0]["outcome"] == "created"
        answer = client.get("/v1/violations/through", headers=READER)
        assert answer.json()["id"] == "through"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def signed(body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(SIGNING_SECRET).sign("message-1", now, body.decode())
    return {"webhook-id": "message-1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


def test_all_credentials_of_senders_get_through(front: Front) -> None:
    body = as_bytes(flat_event(id="credentials"))
    with front.proxy.client() as client:
        for credential in ({"apiKey": TOKEN}, signed(body)):
            headers = {"content-type": "application/json", **credential}
            assert client.post("/webhooks/maven", headers=headers, content=body).status_code == 200
        assert client.post("/webhooks/maven", headers={"content-type": "application/json"}, content=body).is_error


def test_metrics_are_not_shown(front: Front) -> None:
    with front.proxy.client() as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/readyz").status_code == 200


def test_the_service_learns_from_where_a_client_comes(front: Front) -> None:
    assert sign_in(front, "wrong", "127.0.0.2").status_code == 401
    eventually(lambda: front.refused_from("127.0.0.2") == 1, "the refusal is logged")


@pytest.mark.parametrize(
    "forged",
    [
        {"x-forwarded-for": "203.0.113.9"},
        {"x-forwarded-for": "203.0.113.9, 127.0.0.1"},
        {"forwarded": "for=203.0.113.9"},
        {"x-real-ip": "203.0.113.9"},
    ],
    ids=["one", "list", "forwarded", "real-ip"],
)
def test_a_forged_address_is_not_believed(front: Front, forged: dict[str, str]) -> None:
    before = front.refused_from("127.0.0.3")
    assert sign_in(front, "wrong", "127.0.0.3", **forged).status_code == 401
    eventually(lambda: front.refused_from("127.0.0.3") == before + 1, "the refusal is logged")
    assert front.refused_from("203.0.113.9") == 0


def test_a_forged_scheme_is_not_believed(front: Front) -> None:
    answer = sign_in(front, KEY, "127.0.0.1", **{"x-forwarded-proto": "http"})
    assert answer.status_code == 303
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_without_the_proxy_the_same_word_is_believed(front: Front) -> None:
    # So the two tests above see a header that the proxy took away, not one that nobody heeds.
    with httpx2.Client(base_url=front.served.url, trust_env=False) as client:
        headers = {"origin": front.served.url, "accept": "text/html", "x-forwarded-for": "203.0.113.77"}
        assert client.post("/sign-in", data={"key": "wrong"}, headers=headers).status_code == 401
    eventually(lambda: front.refused_from("203.0.113.77") == 1, "the refusal is logged")


def test_a_body_over_the_limit_is_refused(front: Front) -> None:
    limit = 4_194_304
    with front.proxy.client() as client:
        answer = client.post("/webhooks/maven", headers=SENDER, content=b" " * (limit + 1))
        assert answer.status_code == 413
        fits = as_bytes(flat_event(id="large"))
        answer = client.post("/webhooks/maven", headers=SENDER, content=fits + b" " * (limit - len(fits)))
        assert answer.status_code == 200


def test_events_of_the_stream_come_one_by_one(front: Front) -> None:
    with front.proxy.client() as client, client.stream("GET", "/v1/stream", headers=READER) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        with front.proxy.client() as other:
            for violation in ("streamed-1", "streamed-2"):
                # Each is read before the next is sent: a proxy that gathers would hold it back, and time out here.
                post(other, violation)
                assert any(violation in line for line in lines)


def test_a_long_poll_is_answered_when_something_comes(front: Front) -> None:
    with front.proxy.client() as client, front.proxy.client() as other:
        newest = client.get("/v1/changes?limit=1000", headers=READER).json()["pagination"]["nextCursor"]
        post(other, "polled")
        page = client.get(f"/v1/changes?after={newest}&wait=30", headers=READER).json()
        assert "polled" in {entry["violationId"] for entry in page["data"]}


def test_long_polls_and_limits_are_those_of_the_service() -> None:
    nginx = (DEPLOY / "nginx" / "hos-receiver.conf").read_text()
    caddy = (DEPLOY / "caddy" / "Caddyfile").read_text()
    assert "client_max_body_size 4194304;" in nginx
    assert "max_size 4194304\n" in caddy
    assert "proxy_read_timeout 75s;" in nginx
    assert "response_header_timeout 75s\n" in caddy


@pytest.mark.parametrize("front", ["nginx"], indirect=True)
def test_nginx_shows_nobody_the_way_who_told_a_secret_in_clear(front: Front) -> None:
    assert front.proxy.plain_url is not None
    with httpx2.Client(base_url=front.proxy.plain_url, trust_env=False) as client:
        assert client.post("/webhooks/maven", headers=SENDER, content=b"{}").status_code == 403
        answer = client.get("/?status=all")
        assert answer.status_code == 301
        assert answer.headers["location"] == "https://localhost/?status=all"


def test_a_process_of_two_may_end_and_no_delivery_is_lost(
    tmp_path: Path, postgresql_databases: PostgresqlDatabases
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(postgresql_databases.fresh())
        served = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            served.append(stack.enter_context(serving(cwd=tmp_path / name, HOS_DATABASE_URL=url, **SETTINGS)))
        proxy = stack.enter_context(running_nginx(tmp_path, [one.port for one in served]))
        client = stack.enter_context(proxy.client())

        def accepted(prefix: str) -> None:
            assert {post(client, f"{prefix}-{n}").status_code for n in range(6)} == {200}

        accepted("both")
        assert {count_deliveries(one) > 0 for one in served} == {True}
        served[0].process.send_signal(signal.SIGTERM)
        accepted("stopping")
        assert served[0].process.wait(30) == 0
        accepted("one")
        found = client.get("/v1/violations?status=all&limit=100", headers=READER).json()["data"]
        assert len(found) == 18


def count_deliveries(served: Served) -> int:
    """Deliveries that one process has answered with 200."""
    with httpx2.Client(base_url=served.url, trust_env=False) as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith('hos_deliveries_total{status="200"}'))
