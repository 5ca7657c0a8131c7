"""A running `serve` with credentials, and requests to its webhook and its quarantine."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from standardwebhooks.webhooks import Webhook

from tests.command_line import Served, serving

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
ROTATED = "whsec_" + base64.b64encode(b"abcdefghijklmnopqrstuvwx").decode()
TOKEN = "a-shared-token-of-some-length"
ADMIN = {"Authorization": "Bearer an-admin-key-for-tests"}
PATIENCE = 30.0


class Service:
    """What a sender and an operator can ask of it."""

    def __init__(self, database_url: str, served: Served, client: httpx2.Client) -> None:
        self.database_url = database_url
        self.served = served
        self.client = client

    def post(self, body: object, **headers: str) -> httpx2.Response:
        """A delivery with a right token; bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(content, {"apiKey": TOKEN, "Content-Type": "application/json", **names})

    def send(self, content: bytes | Iterator[bytes], headers: dict[str, str]) -> httpx2.Response:
        return self.client.post("/webhooks/maven", content=content, headers=headers)

    def get(self, path: str, **parameters: str) -> httpx2.Response:
        return self.client.get(path, headers=ADMIN, params=parameters)

    def violation(self, violation_id: str) -> dict[str, object]:
        found = self.get(f"/v1/violations/{violation_id}")
        assert found.status_code == 200, found.text
        answer: dict[str, object] = found.json()
        return answer

    def events(self, violation_id: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.get(f"/v1/violations/{violation_id}/events").json()["data"]
        return found

    def quarantined(self, entry: object) -> tuple[bytes, dict[str, object]]:
        """The bytes of an entry, and the rest of it."""
        found = self.get(f"/v1/quarantine/{entry}")
        assert found.status_code == 200, found.text
        shown: dict[str, object] = found.json()
        return base64.b64decode(str(shown.pop("bodyBase64")), validate=True), shown

    def quarantine_ids(self) -> list[str]:
        return [entry["id"] for entry in self.get("/v1/quarantine", limit="1000").json()["data"]]


@contextmanager
def service_on(database_url: str, directory: Path, **settings: str) -> Iterator[Service]:
    """A `serve` process on a database at the newest schema."""
    given = {
        "HOS_DATABASE_URL": database_url,
        "HOS_WEBHOOK_SECRETS": f"{SECRET}, {ROTATED},{TOKEN}",
        "HOS_ADMIN_KEY": "an-admin-key-for-tests",
        **settings,
    }
    with (
        serving(cwd=directory, **given) as served,
        httpx2.Client(base_url=served.url, trust_env=False, timeout=PATIENCE) as client,
    ):
        yield Service(database_url, served, client)


def signed(secret: str, body: bytes, at: float, message_id: str = "msg_1") -> dict[str, str]:
    """Headers as the Standard Webhooks library makes them."""
    moment = datetime.fromtimestamp(int(at), UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": Webhook(secret).sign(message_id, moment, body.decode()),
        "Content-Type": "application/json",
    }


def assert_problem(answer: httpx2.Response, status: int) -> dict[str, object]:
    """Asserts the shape of every error (contract section 4), and gives its members."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "requestId"} <= problem.keys()
    assert problem["status"] == status
    assert problem["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert problem["requestId"] == answer.headers["x-request-id"] != ""
    assert "Traceback" not in answer.text
    assert "SELECT" not in answer.text
    return problem
