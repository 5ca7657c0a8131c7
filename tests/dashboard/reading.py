"""Pages read as a browser reads them, far enough to ask what is on them: elements, tables, forms; no layout."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(["area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])


@dataclass(eq=False)
class Element:
    """An element with what is in it: elements and texts, in their order."""

    tag: str
    attributes: dict[str, str]
    inside: list["Element | str"] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    @property
    def all(self) -> Iterator["Element"]:
        """All elements below, in the order of the document."""
        for one in self.inside:
            if isinstance(one, Element):
                yield one
                yield from one.all

    def find(self, tag: str, **attributes: str) -> list["Element"]:
        """Those of a tag; underscores in names of attributes stand for hyphens, one at the end goes. A class may be one
        of several."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [one for one in self.all if one.tag == tag and all(one.has(n, v) for n, v in wanted.items())]

    def has(self, name: str, value: str) -> bool:
        found = self.attributes.get(name)
        return found is not None and (value in found.split() if name == "class" else found == value)

    def only(self, tag: str, **attributes: str) -> "Element":
        """The one element like this."""
        (found,) = self.find(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        return " ".join(self.raw_text.split())

    @property
    def raw_text(self) -> str:
        return "".join(one if isinstance(one, str) else one.raw_text for one in self.inside)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a form sends as it is, without its buttons; those bound to it by `form` are not here."""
        sent = []
        for one in self.all:
            name = one.attributes.get("name")
            if name is None or "disabled" in one.attributes:
                continue
            if one.tag == "input" and ("checked" in one.attributes or one.attributes.get("type") != "checkbox"):
                sent.append((name, one.attributes.get("value", "")))
            elif one.tag == "textarea":
                sent.append((name, one.raw_text))
            elif one.tag == "select":
                options = one.find("option")
                chosen = next((option for option in options if "selected" in option.attributes), options[0])
                sent.append((name, chosen["value"]))
        return sent


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "option" and self.open[-1].tag == "option":
            self.open.pop()
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag == "datalist" and self.open[-1].tag == "option":
            self.open.pop()
        assert self.open[-1].tag == tag, f"</{tag}> where <{self.open[-1].tag}> is open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def read(text: str) -> Element:
    """A page or a part of one, which has to be sound: every element that is opened is closed."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert [one.tag for one in reader.open] == ["root"]
    return reader.root


def assert_inert(page: Element) -> None:
    """Nothing runs but our own script, and nothing is asked of other hosts."""
    for one in page.all:
        assert "style" not in one.attributes
        assert not [name for name in one.attributes if name.startswith("on")], one
        assert one.tag not in ("style", "iframe", "object", "embed", "base", "img"), one
        if one.tag == "script":
            assert one["src"].startswith("/static/")
            assert one.text == ""
        for name in ("href", "src", "action"):
            address = one.attributes.get(name, "/")
            assert address.startswith(("/", "#")), address
            assert not address.startswith(("//", "/\\")), address


def table(page: Element, number: int = 0) -> list[list[str]]:
    """The texts of a table's cells, row by row, without its head."""
    return [
        [cell.text for cell in row.inside if isinstance(cell, Element)]
        for body in page.find("table")[number].find("tbody")
        for row in body.find("tr")
    ]
