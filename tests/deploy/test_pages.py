"""The pages: every file of `deploy/` has its place in one, and every alert its cure."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.command_line import ROOT
from tests.deploy.reading import DEPLOY, rules

SCRIPTS = ["compose/make-secrets", "systemd/install-release", "systemd/hos-receiver-command"]
SPANS = {"m": "minute", "h": "hour", "d": "day"}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def sections(markdown: str) -> dict[str, str]:
    """What is under each heading of an alert."""
    found = re.findall(r"^### Alert: (\w+)\n\n(.*?)(?=^#|\Z)", markdown, re.MULTILINE | re.DOTALL)
    assert len(dict(found)) == len(found)
    return dict(found)


def test_every_alert_has_its_cure() -> None:
    told = sections(page("alarms.md"))
    assert set(told) == set(rules())
    for name, text in told.items():
        assert "- Cure: " in text, name
        assert "- Cause: " in text or name == "HosWatchdog"


def test_the_page_tells_how_urgent_an_alert_is_and_after_what_time() -> None:
    told = sections(page("alarms.md"))
    for name, rule in rules().items():
        number, unit = re.fullmatch(r"(\d+)([mhd])", rule.get("for", "0m")).groups()  # type: ignore[union-attr]
        after = f"after {number} {SPANS[unit]}{'s' * (number != '1')}" if number != "0" else "at once"
        assert told[name].startswith(f"`{rule['labels']['severity']}`, {after}. "), name


@pytest.mark.parametrize("name", sorted(rules()))
def test_an_alert_says_what_it_means_and_where_to_read_on(name: str) -> None:
    rule = rules()[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")
    assert rule["annotations"]["runbook_url"] == "{{ $externalLabels.runbooks }}#alert-" + name.lower()


def test_alerts_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"\bHos[A-Z]\w+", page("alarms.md") + page("deploying.md")))
    assert named <= set(rules())


def test_every_folder_is_spoken_of() -> None:
    text = page("deploying.md")
    folders = {path.name for path in DEPLOY.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert {name for name in folders if f"deploy/{name}" not in text} == set()


def test_what_the_page_copies_is_there() -> None:
    for name in re.findall(r"(?<![\w/.])deploy/[\w./*-]+", page("deploying.md")):
        assert list(ROOT.glob(name.rstrip("/."))), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_read_and_run(name: str) -> None:
    script = Path(DEPLOY / name)
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", script], check=True, timeout=30)
