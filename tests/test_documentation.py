"""The pages are complete and true: all settings, routes, commands and metrics are there, links lead on, lines work."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from app.api_description.document import describe
from app.cli import command_line
from app.settings import PREFIX, Settings
from tests.api_description.application import running
from tests.command_line import ROOT, Served, environment, serving

TOKEN = "t" * 32
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "k" * 32
ADDRESS = "http://127.0.0.1:8000"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(markdown: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)


def rows(markdown: str) -> dict[str, str]:
    """Rows of tables whose first cell is code, by that code."""
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", markdown, re.MULTILINE))


def commands() -> Iterator[str]:
    """Every command, a group's with the group's name before it."""
    root = typer.main.get_command(command_line())
    assert isinstance(root, TyperGroup)
    for name, command in root.commands.items():
        if isinstance(command, TyperGroup):
            yield from (f"{name} {part}" for part in command.commands)
        else:
            yield name


def default_of(name: str) -> str:
    default = Settings.model_fields[name].default
    value = default.get_secret_value() if hasattr(default, "get_secret_value") else default
    if isinstance(value, bool):
        return f"`{int(value)}`"
    return f"`{value}`" if value not in (None, (), "") else "none"


def test_every_setting_is_explained_with_its_default() -> None:
    told = rows(page("docs/settings.md"))
    assert set(told) == {PREFIX + name.upper() for name in Settings.model_fields}
    for name in Settings.model_fields:
        assert told[PREFIX + name.upper()].split(" | ")[0] == default_of(name), name


def test_every_setting_is_in_the_example() -> None:
    lines = re.findall(r"^(HOS_[A-Z_]+)=", page(".env.example"), re.MULTILINE)
    assert sorted(lines) == sorted(PREFIX + name.upper() for name in Settings.model_fields)


def test_every_route_is_in_the_api_page() -> None:
    told = re.findall(r"^\| (?:\[)?`([A-Z]+ /[^`]*)`", page("docs/api.md"), re.MULTILINE)
    described = describe("0").paths or {}
    methods = ("get", "post", "put", "patch", "delete")
    routes = [
        f"{method.upper()} {path}" for path, item in described.items() for method in methods if getattr(item, method)
    ]
    assert sorted(told) == sorted(routes)


def test_every_parameter_is_in_the_api_page() -> None:
    text = page("docs/api.md") + page("docs/duty-log.md") + page("docs/inspections.md")
    document = describe("0").model_dump(mode="json", by_alias=True, exclude_unset=True)
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    assert f"`{parameter['name']}`" in text, parameter["name"]


def test_every_command_is_in_the_operations_page() -> None:
    told = [
        name
        for cell in re.findall(r"^\| (`[^|]+`) \|", page("docs/operations.md").split("\n## ")[0], re.MULTILINE)
        for name in re.findall("`([^`]+)`", cell)
    ]
    assert sorted(told) == sorted(commands())


def test_every_metric_is_in_the_operations_page(sqlite_url: str) -> None:
    with running(sqlite_url) as served:
        text = served.client.get("/metrics").text
    names = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)) | {
        "hos_gaps",
        "hos_hook_oldest_pending_seconds",
        "hos_hook_pending_deliveries",
        "hos_hooks",
        "hos_hooks_disabled",
        "hos_last_event_age_seconds",
        "hos_maven_errors_in_row",
        "hos_maven_key_refused",
        "hos_maven_lag_seconds",
        "hos_quarantine_entries",
        "hos_reads_by_primary",
        "hos_reads_by_standby",
    }
    told = {name for name in rows(page("docs/operations.md")) if name.startswith("hos_")}
    assert told == names


def test_every_log_event_is_in_the_operations_page() -> None:
    told = page("docs/operations.md")
    pattern = re.compile(
        r"""log\.(?:debug|info|warning|error|exception|log)\(\s*(?:[^"()]*\([^()]*\),\s*)?"([a-z_]+\.[a-z_]+)\""""
    )
    events = {
        name for path in (ROOT / "app").rglob("*.py") for name in pattern.findall(path.read_text(encoding="utf-8"))
    }
    assert len(events) > 10
    assert {name for name in events if f"`{name}`" not in told} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = path if not name else path.parent / name
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in anchors, link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_tests_that_are_named_exist(path: Path) -> None:
    for name in re.findall(r"(?<![\w/])(?:tests|bench|app)/[\w/]+(?:\.py)?", path.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    settings = {"HOS_ADMIN_KEY": KEY, "HOS_WEBHOOK_SECRETS": f"{TOKEN},{SIGNING_SECRET}"}
    with serving(cwd=tmp_path, HOS_DATABASE_URL=database_url, **settings) as server:
        yield server


def pasted(script: str, served: Served, cwd: Path) -> str:
    """What a shell prints for lines of a page."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, served.url)],
        cwd=cwd,
        env=environment(TOKEN=TOKEN, KEY=KEY),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def json_lines(text: str) -> list[Any]:
    """JSON objects that stand one after the other, as curl leaves them."""
    decoder = json.JSONDecoder()
    found = []
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


def outcomes(answer: Any) -> list[str]:
    return [result["outcome"] for result in answer["results"]]


def test_the_lines_of_the_readme_work(served: Served, tmp_path: Path) -> None:
    lines = [block for block in blocks(page("README.md"), "sh") if "make " not in block]
    created, active, ended, none, everything, events = json_lines(pasted("\n".join(lines), served, tmp_path))
    assert outcomes(created) == ["created"]
    (violation,) = active["data"]
    assert violation["driverId"] == "JDOE123"
    assert violation["status"] == "active"
    assert outcomes(ended) == ["invalidated"]
    assert none["data"] == []
    (violation,) = everything["data"]
    assert violation["status"] == "invalidated"
    assert [event["eventType"] for event in events["data"]] == ["violationCreated", "violationInvalidated"]


def test_the_readme_posts_the_event_that_the_first_start_shows() -> None:
    from app.first_start import SAMPLE_EVENT

    (event,) = re.findall(r"^EVENT='(.*?)'$", page("README.md"), re.MULTILINE | re.DOTALL)
    assert json.loads(event) == json.loads(SAMPLE_EVENT)


def test_the_lines_for_senders_work(served: Served, tmp_path: Path) -> None:
    (lines,) = blocks(page("docs/integrating-maven.md"), "sh")
    answers = json_lines(pasted(lines, served, tmp_path))
    assert [outcomes(answer) for answer in answers] == [["invalidated"], ["duplicate"], ["duplicate"], ["duplicate"]]


def test_the_program_that_signs_works(served: Served, tmp_path: Path) -> None:
    (program,) = blocks(page("docs/integrating-maven.md"), "python")
    done = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, served.url)],
        cwd=tmp_path,
        env={**os.environ, "SIGNING_SECRET": SIGNING_SECRET},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    status, _, body = done.stdout.partition(" ")
    assert status == "200"
    assert outcomes(json.loads(body)) == ["invalidated"]
