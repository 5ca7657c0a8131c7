"""The page has everything in it, needs nothing from elsewhere, and is sound HTML."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.api_description.document import describe, write
from app.api_description.page import FOLDER, ORIGIN, limits, phrase, prose, render_page
from tests.api_description.application import running
from tests.api_description.described import Described

EMPTY = ("meta", "link")


class Page(HTMLParser):
    """What is asked of a page, gathered while it is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.headings: list[int] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.inline = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes |= set(given)
        if tag not in EMPTY:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        elif "src" in given or "href" in given:
            self.loaded.append(given.get("src") or given["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> where {self.open[-3:]} are open"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("script", "style"):
            self.inline += data


@pytest.fixture(scope="module")
def document() -> bytes:
    return write(describe("1.2.3"))


@pytest.fixture(scope="module")
def page(document: bytes) -> Page:
    return Page(render_page(document).decode())


def test_the_page_is_sound(page: Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert page.headings.count(1) == 1


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    within = [link.removeprefix("#") for link in page.links if link.startswith("#")]
    assert len(within) > 50
    assert set(within) <= {*page.ids, "content"}
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}


def test_everything_described_is_on_the_page(page: Page, document: bytes) -> None:
    described = Described(json.loads(document))
    for path, _, operation in described.operations():
        assert operation["operationId"] in page.ids
        assert path in page.text
        assert all(parameter["name"] in page.text for parameter in operation.get("parameters", []))
    for name in described.document["components"]["schemas"]:
        assert f"schema-{name}" in page.ids
    for name in described.document["components"]["securitySchemes"]:
        assert f"credential-{name}" in page.ids
    for name in described.document["webhooks"]:
        assert name in page.text


def test_the_page_loads_only_its_own_files(page: Page) -> None:
    assert page.loaded == ["/docs/style.css", "/docs/script.js"]
    assert page.inline == ""
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_no_file_of_the_page_names_another_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(ORIGIN, "")
    assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    assert "@import" not in text


def test_the_page_is_served_to_everybody_with_a_policy(sqlite_url: str) -> None:
    with running(sqlite_url) as served:
        answer = served.client.get("/docs")
        assert answer.headers["content-security-policy"] == "default-src 'self'"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert served.client.get("/docs", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        head = served.client.head("/docs")
        assert head.headers["content-length"] == str(len(answer.content))
        assert head.content == b""


def test_texts_are_escaped() -> None:
    assert str(prose("a < b\n\n`<script>` is *not* here")) == (
        "<p>a &lt; b</p>\n<p><code>&lt;script&gt;</code> is <em>not</em> here</p>\n"
    )
    assert str(phrase("2 * 3 * 4")) == "2 * 3 * 4"


@pytest.mark.parametrize(
    "schema, words",
    [
        ({}, ""),
        ({"minimum": 1, "maximum": 1000, "default": 100}, "1 to 1000, default 100"),
        ({"minLength": 1}, "at least 1 character"),
        ({"minimum": 0}, ""),
        ({"maxLength": 255}, "at most 255 characters"),
        ({"default": ["active"]}, "default active"),
    ],
)
def test_limits_are_told_in_words(schema: dict[str, object], words: str) -> None:
    assert limits(schema) == words  # type: ignore[arg-type]
