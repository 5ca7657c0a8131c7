"""House rules that no tool checks: what modules say of themselves, names, sizes, pins, README's promise, the schema."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import walk_packages

import pytest
from sqlmodel import SQLModel

import app
from app.db.migrate import differences

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 400
VAGUE_NAMES = frozenset(
    ["common", "helper", "helpers", "kit", "manager", "managers", "misc", "service", "services", "util", "utils"]
)

MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|Users|home/\w+)/")
REGISTRY_HOST = re.compile(r"pypi[.]org|pythonhosted[.]org|npmjs[.]")


def tracked_files() -> list[Path]:
    """What git tracks; in an unpacked archive everything that is not made by a tool."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    made_by_tools = {".git", ".venv", "build", "data", "dist", "htmlcov"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not any(part in made_by_tools or "cache" in part for part in path.relative_to(ROOT).parts)
    ]


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def project() -> dict[str, str]:
    table: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def pins(name: str) -> dict[str, str]:
    """Distribution to version, of one requirements file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("path", python_files("app"), ids=relative)
def test_a_module_opens_with_a_paragraph(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring is not None
    assert docstring.split("\n\n")[0].strip().endswith((".", ":"))


def test_no_file_is_too_long() -> None:
    files = python_files("app", "tests", "bench")
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_names_say_what_is_inside() -> None:
    vague = [
        relative(path)
        for path in python_files("app", "tests", "bench")
        for part in path.relative_to(ROOT).with_suffix("").parts
        if VAGUE_NAMES & set(part.lower().split("_"))
    ]
    assert vague == []


def test_nothing_tells_of_the_machine_it_was_made_on() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line):
                found.append(f"{relative(path)}:{number}: {line.strip()[:80]}")
    assert found == []


@pytest.mark.parametrize("line", ["see |work|notes", "cache = |root|.cache", "|home|me|hos", "from pypi!org"])
def test_the_search_for_machine_paths_finds_them(line: str) -> None:
    # Spelled so that this file is not found itself.
    spelled_out = line.replace("|", "/").replace("!", ".")
    assert MACHINE_PATH.search(spelled_out) or REGISTRY_HOST.search(spelled_out)


def section(text: str, title: str) -> str:
    """The lines of a Markdown document from one heading to the next of its level."""
    _, found, rest = text.partition(f"\n## {title}\n")
    assert found, f"README has no section {title!r}"
    return rest.split("\n## ")[0]


def commands(markdown: str) -> Iterator[str]:
    """The commands in the fenced blocks, without prompt and comment."""
    for block in re.findall(r"^```\w*\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            command = line.split("#")[0].strip().removeprefix("$ ")
            if command:
                yield command


def test_quick_start_has_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert list(commands(section(readme, "Quick start"))) == ["make run", "make test"]


def test_the_newest_changelog_entry_is_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == project()["version"] == version(project()["name"])


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "fuzz.txt", "audit.txt"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    entries = [entry for entry in entries if entry.strip()]
    assert len(entries) == len(pins(name)) > 10
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    # An address or an option in here would send every installation to one machine's idea of a registry.
    assert [line for line in text.splitlines() if "://" in line or line.startswith("-")] == []


def test_what_serves_is_what_was_tested() -> None:
    tested = pins("dev.txt")
    assert {name: tested.get(name) for name in pins("runtime.txt")} == pins("runtime.txt")


def test_migrations_equal_models(database_url: str) -> None:
    for module in walk_packages(app.__path__, "app."):
        if module.name.endswith(".model"):
            import_module(module.name)
    assert len(SQLModel.metadata.tables) > 0
    assert differences(database_url, SQLModel.metadata) == []
