"""The files of `deploy/` as data."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from app.settings import PREFIX, SECRETS, Settings
from tests.command_line import ROOT

DEPLOY = ROOT / "deploy"
KNOWN_SETTINGS = frozenset(
    PREFIX + name.upper() for name in (*Settings.model_fields, *(f"{secret}_file" for secret in SECRETS))
)
METRIC = re.compile(r"\b(hos_[a-z_]+)\b(?:\{([^}]*)\})?")


def documents(path: Path) -> list[Any]:
    """All documents of a YAML file that are not empty."""
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


def document(path: Path) -> Any:
    """The one document of a YAML file."""
    (one,) = documents(path)
    return one


def rules() -> dict[str, dict[str, Any]]:
    """Every alerting rule by its name."""
    found = [
        rule
        for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
        for group in document(path)["groups"]
        for rule in group["rules"]
    ]
    by_name = {rule["alert"]: rule for rule in found}
    assert len(by_name) == len(found)
    return by_name


def dashboard() -> dict[str, Any]:
    """Grafana's dashboard."""
    found: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
    return found


def dashboard_expressions() -> Iterator[str]:
    """What the panels and annotations ask Prometheus for, with Grafana's own variables filled in."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$__rate_interval", "1m").replace("$job", ".+")
    for annotation in dashboard()["annotations"]["list"]:
        yield annotation["expr"]


def env_lines(path: Path) -> dict[str, str]:
    """NAME=value lines, those that are commented out too."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
