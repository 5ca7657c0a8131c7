"""Rules, dashboard and configurations: read by their own programs, held against what the service shows."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.alerts.alertmanager_server import running_alertmanager
from tests.command_line import end, environment, eventually, free_port, is_answered, serving, started
from tests.databases import SqliteDatabases
from tests.deploy.proxies import replace
from tests.deploy.reading import DEPLOY, METRIC, dashboard, dashboard_expressions, document, rules
from tests.maven.examples import as_bytes, flat_event
from tests.programs import find_program

TOKEN = "m" * 32
SENDER = {"authorization": f"Bearer {'t' * 32}", "content-type": "application/json"}
FROM_OTHERS = {"hos_backup_made_timestamp_seconds"}
"""Written by the backup under systemd for node_exporter."""


def checked(*command: str | Path, cwd: Path | None = None) -> str:
    """What a program says, when it ends with 0."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configured(directory: Path) -> Path:
    """A copy of `deploy/prometheus` with the token in its place."""
    copy = directory / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", copy)
    (copy / "secrets").mkdir()
    (copy / "secrets" / "metrics_token").write_text(TOKEN + "\n")
    return copy


def test_prometheus_takes_its_configuration_and_rules(tmp_path: Path) -> None:
    promtool = find_program("promtool", "prometheus")
    copy = configured(tmp_path)
    checked(promtool, "check", "config", copy / "prometheus.yml")
    shutil.copytree(DEPLOY / "compose" / "targets", copy / "targets", dirs_exist_ok=True)
    checked(promtool, "check", "config", copy / "prometheus.yml")


def test_alerts_fire_when_they_should() -> None:
    tests = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
    assert len(tests) == 2
    checked(find_program("promtool", "prometheus"), "test", "rules", *tests)


def test_every_alert_is_seen_to_fire() -> None:
    text = "".join(path.read_text() for path in (DEPLOY / "prometheus" / "tests").glob("*.yml"))
    fired = set(re.findall(r'alertname="(\w+)", alertstate="firing"', text)) | {"HosWatchdog"}
    assert fired == set(rules())


def test_alertmanager_takes_its_configuration() -> None:
    program = find_program("amtool", "prometheus-alertmanager")
    file = DEPLOY / "alertmanager" / "alertmanager.yml"
    checked(program, "check-config", file)
    wanted = {
        "severity=critical alertname=HosDatabaseLost": "on-call",
        "severity=warning alertname=HosNoEvents": "operators",
        "severity=info alertname=HosEventsCameLate": "nobody",
        "severity=none alertname=HosWatchdog": "watchdog",
        "severity=critical alertname=HOSViolation": "safety-desk",
    }
    for labels, receiver in wanted.items():
        told = checked(program, "config", "routes", "test", f"--config.file={file}", *labels.split())
        assert told.strip() == receiver


def test_alertmanager_names_alerts_that_there_are() -> None:
    text = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    named = set(re.findall(r"\bHos\w+", text)) - {"HosViolation"}
    assert named <= set(rules())


def test_every_expression_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    asked = sorted(set(dashboard_expressions()))
    assert len(asked) > 30
    recorded = [{"record": f"panel:number:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": recorded}]}))
    checked(find_program("promtool", "prometheus"), "check", "rules", file)


def test_the_dashboard_has_its_panels_beside_each_other() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
    source = document(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"][0]
    used = {target["datasource"]["uid"] for panel in panels for target in panel.get("targets", [])}
    assert used == {source["uid"]}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[str]:
    """The metrics page of a service that has received, polled, read and tried to tell."""
    directory = tmp_path_factory.mktemp("shown")
    (directory / "maven").mkdir()
    maven = free_port()
    with ExitStack() as stack:
        stack.enter_context(started("simulate", "--serve-maven", str(maven), "--count", "3", cwd=directory / "maven"))
        url = stack.enter_context(sqlite_databases.fresh())
        settings = {
            "HOS_DATABASE_URL": url,
            "HOS_MAVEN_URL": f"http://127.0.0.1:{maven}",
            "HOS_MAVEN_API_KEY": "standin",
            "HOS_MAVEN_POLL_SECONDS": "0.1",
            "HOS_WEBHOOK_SECRETS": "t" * 32,
            "HOS_ADMIN_KEY": "k" * 32,
        }
        served = stack.enter_context(serving(cwd=directory, **settings))
        client = stack.enter_context(httpx2.Client(base_url=served.url, trust_env=False))
        assert client.post("/webhooks/maven", headers=SENDER, content=as_bytes(flat_event())).status_code == 200
        admin = {"authorization": f"Bearer {'k' * 32}"}
        assert client.get("/v1/violations", headers=admin).status_code == 200
        made = client.post("/v1/hooks", headers=admin, json={"name": "nowhere", "url": "https://127.0.0.1:1/"})
        if made.status_code == 201:
            client.post(f"/v1/hooks/{made.json()['id']}/test", headers=admin)

        def page() -> str:
            return client.get("/metrics").text

        eventually(lambda: "\nhos_maven_lag_seconds " in page() and "\nhos_hooks " in page(), "all is observed")
        yield page()


def exported(shown: str) -> set[str]:
    """The names of all series, those of counters and histograms that have counted nothing yet too."""
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", shown, re.MULTILINE):
        names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def expressions() -> list[str]:
    return [*(rule["expr"] for rule in rules().values()), *dashboard_expressions()]


def test_every_metric_that_is_asked_for_is_shown_by_the_service(shown: str) -> None:
    asked = {name for expression in expressions() for name, _ in METRIC.findall(expression)}
    assert len(asked) > 20
    assert asked - FROM_OTHERS - exported(shown) == set()
    assert exported(shown) - asked == {"hos_commit_seconds_sum", "hos_commit_seconds_count"} | {
        "hos_commit_batch_events_bucket",
        "hos_hook_attempt_seconds_sum",
        "hos_hook_attempt_seconds_count",
        "hos_query_seconds_sum",
    }


def labels_told() -> dict[str, set[str]]:
    """The labels of each metric, by the operations page."""
    page = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    return {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(r"^\| `(hos_\w+)` \|([^|]*)\|", page, re.MULTILINE)
    }


def test_every_label_that_is_asked_for_is_there() -> None:
    told = labels_told()
    for expression in expressions():
        for name, selector in METRIC.findall(expression):
            if name not in FROM_OTHERS:
                asked = set(re.findall(r"(\w+)\s*[=!]~?", selector)) - {"job"}
                assert asked <= told[re.sub("_(bucket|sum|count)$", "", name)], expression


def test_prometheus_and_alertmanager_watch_a_service(tmp_path: Path, sqlite_url: str) -> None:
    program = find_program("prometheus")
    copy = configured(tmp_path)
    alerting = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    with ExitStack() as stack:
        settings = {"HOS_DATABASE_URL": sqlite_url, "HOS_METRICS_TOKEN_FILE": str(copy / "secrets" / "metrics_token")}
        served = stack.enter_context(serving(cwd=tmp_path, **settings))
        alertmanager = stack.enter_context(running_alertmanager(alerting))
        client = stack.enter_context(httpx2.Client(trust_env=False))
        assert client.get(f"{served.url}/metrics").status_code == 401
        text = (copy / "prometheus.yml").read_text()
        text = replace(text, r"scrape_interval: 15s", "scrape_interval: 1s")
        text = replace(text, r"scrape_timeout: 10s", "scrape_timeout: 1s")
        text = replace(text, r"evaluation_interval: 15s", "evaluation_interval: 1s")
        (copy / "prometheus.yml").write_text(text)
        for name, targets in {
            "receivers": [f"127.0.0.1:{served.port}"],
            "alertmanagers": [f"127.0.0.1:{alertmanager.port}"],
            "machines": [],
            "public": [],
        }.items():
            (copy / "targets" / f"{name}.yml").write_text(json.dumps([{"targets": targets}]))
        url = stack.enter_context(running_prometheus(program, copy / "prometheus.yml", tmp_path))

        def up() -> bool:
            answer = client.get(f"{url}/api/v1/query", params={"query": 'hos_ready{job="hos-receiver"} == 1'})
            return bool(answer.json()["data"]["result"])

        eventually(up, "the service is scraped, with its token")
        eventually(lambda: bool(alertmanager.alerts()), "an alert arrives")
        (watchdog,) = [one for one in alertmanager.alerts() if one["labels"]["alertname"] == "HosWatchdog"]
        assert watchdog["labels"] == {"alertname": "HosWatchdog", "severity": "none"}
        assert watchdog["annotations"]["runbook_url"].endswith("docs/alarms.md#alert-hoswatchdog")
        assert watchdog["annotations"]["runbook_url"].startswith("https://")


class _Prometheus:
    """Ends a process when it is no longer wanted; gives its address."""

    def __init__(self, program: str, config: Path, directory: Path) -> None:
        self._port = free_port()
        self._log = directory / "prometheus.log"
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={directory / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    # What fired before the Alertmanager was found is told again after a minute otherwise.
                    "--rules.alert.resend-delay=1s",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
            )

    def __enter__(self) -> str:
        url = f"http://127.0.0.1:{self._port}"
        with httpx2.Client(trust_env=False) as client:
            eventually(
                lambda: self._process.poll() is not None or is_answered(client, f"{url}/-/ready"), "Prometheus is ready"
            )
        assert self._process.poll() is None, self._log.read_text()
        return url

    def __exit__(self, *error: object) -> None:
        end(self._process)


running_prometheus = _Prometheus
