"""A real Alertmanager in a process of its own, and a receiver of the notifications that it sends."""

import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from tests.command_line import end, eventually, is_answered
from tests.programs import find_program

BINARY = "prometheus-alertmanager"
_LISTENS = re.compile(r'msg="Listening on" address=\S*?:(\d+)\b')

SILENT: dict[str, object] = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
"""Tells nobody."""


@dataclass(frozen=True, slots=True)
class AlertmanagerServer:
    """A running Alertmanager."""

    url: str
    log: Path

    def alerts(self) -> list[dict[str, Any]]:
        """Those that it has, active and not resolved (GET /api/v2/alerts)."""
        with httpx2.Client(trust_env=False) as client:
            answer = client.get(f"{self.url}/api/v2/alerts")
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()
            return found

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def running_alertmanager(config: str | None = None, port: int = 0) -> Iterator[AlertmanagerServer]:
    """Starts one on loopback, on a port that it chooses when none is given; gives it when it is ready, and ends it.

    `config` is its configuration, YAML; without one it tells nobody of its alerts (see `notifying`).
    """
    binary = find_program(BINARY)
    with tempfile.TemporaryDirectory(prefix="hos-alertmanager-") as directory:
        settings, log = Path(directory) / "alertmanager.yml", Path(directory) / "log.txt"
        settings.write_text(json.dumps(SILENT) if config is None else config)
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    binary,
                    f"--config.file={settings}",
                    f"--storage.path={directory}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--web.external-url=http://alertmanager.invalid",
                    "--web.route-prefix=/",
                    "--cluster.listen-address=",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield AlertmanagerServer(_wait(process, log), log)
        finally:
            end(process)


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address of an Alertmanager, once it is ready."""

    def listens() -> re.Match[str] | None:
        return _LISTENS.search(log.read_text())

    eventually(lambda: process.poll() is not None or listens() is not None, "the Alertmanager listens")
    found = listens()
    if process.poll() is None and found is not None:
        url = f"http://127.0.0.1:{found[1]}"
        with httpx2.Client(trust_env=False) as client:
            eventually(
                lambda: process.poll() is not None or is_answered(client, f"{url}/-/ready"), "the Alertmanager is ready"
            )
        if process.poll() is None:
            return url
    raise AssertionError(f"the Alertmanager ended with status {process.returncode}: {log.read_text()}")


def notifying(url: str, group_by: Sequence[str] = ("driver",)) -> str:
    """A configuration that notifies a webhook at once of alerts, grouped by these labels."""
    return json.dumps(
        {
            "route": {
                "receiver": "test",
                "group_by": list(group_by),
                "group_wait": "50ms",
                "group_interval": "100ms",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "test", "webhook_configs": [{"url": url, "send_resolved": True}]}],
        }
    )


@dataclass(slots=True)
class Notifications:
    """What a webhook of an Alertmanager was told, oldest first."""

    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)

    def latest(self, **group: str) -> dict[str, Any] | None:
        """The newest notification of the group with these labels."""
        return next((one for one in reversed(self.told) if one["groupLabels"] == group), None)


@contextmanager
def receiving_notifications() -> Iterator[Notifications]:
    """A receiver of webhooks on loopback, in a thread."""
    notifications = Notifications()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notifications.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        notifications.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield notifications
        finally:
            server.shutdown()
            thread.join()
