"""What is shipped is listed: the bill of materials and the licences are those of the pinned requirements."""

import json
import re

from tests.test_house import ROOT, pins

# Licences that ask for nothing but to be named, and the Mozilla one, which asks for changes to its own files.
ACCEPTED = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0"),
    *("BSD License", "Apache Software License", "Mozilla Public License 2.0 (MPL 2.0)"),
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def bill() -> dict[str, str]:
    content = json.loads((ROOT / "docs" / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert content["bomFormat"] == "CycloneDX"
    return {normal(one["name"]): one["version"] for one in content["components"]}


def licenses() -> dict[str, str]:
    text = (ROOT / "docs" / "licenses.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| ([^|]+) \| ([^|]*) \|$", text, re.MULTILINE)
    return {normal(name): said for name, version, said in rows if version != "version"}


def test_the_bill_of_materials_is_what_is_pinned() -> None:
    assert bill() == {normal(name): version for name, version in pins("runtime.txt").items()}


def test_every_licence_is_listed_and_acceptable() -> None:
    listed = licenses()
    assert listed.keys() == bill().keys()
    strange = {name: said for name, said in listed.items() if not all(_is_accepted(word) for word in _parts(said))}
    assert strange == {}


def _parts(said: str) -> list[str]:
    return [part for part in re.split(r" / | AND | OR ", said) if part]


def _is_accepted(word: str) -> bool:
    return word in ACCEPTED or word.strip("()") in ACCEPTED


def test_security_says_how_to_report() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert {"## Reporting", "## Supported"} <= set(text.splitlines())
