"""The whole application in this process, with one key of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.testclient import TestClient

from app.keys.schema import Scope
from app.main import Application
from app.settings import Settings
from app.web.middleware import Stopping
from tests.command_line import caller

TOKEN = "t" * 32
ADMIN = {"Authorization": "Bearer " + "k" * 32}
SENDER = {"apiKey": TOKEN, "Content-Type": "application/json"}


@dataclass(frozen=True)
class Running:
    """An application that answers. `reader`, `limited` and `webhook` are headers with a key of that kind."""

    app: Application
    client: TestClient
    stopping: Stopping
    reader: dict[str, str]
    limited: dict[str, str]
    webhook: dict[str, str]


@contextmanager
def running(database_url: str, **settings: object) -> Iterator[Running]:
    """The application on a database at the newest schema."""

    def key(name: str, *options: str) -> dict[str, str]:
        result = caller(database_url)("keys", "create", name, *options)
        assert result.exit_code == 0, result.output
        return {"Authorization": f"Bearer {result.stdout.splitlines()[-1]}"}

    keys = {
        "reader": key("reader", "--scope", Scope.READ),
        "limited": key("limited", "--scope", Scope.ADMIN, "--terminal", "ERI"),
        "webhook": key("sender", "--scope", Scope.WEBHOOK),
    }
    given = {"database_url": database_url, "admin_key": "k" * 32, "webhook_secrets": TOKEN, **settings}
    stopping = Stopping()
    app = Application(Settings(_env_file=None, **given), stopping)  # type: ignore[arg-type]
    with TestClient(app) as client:
        yield Running(app, client, stopping, **keys)
