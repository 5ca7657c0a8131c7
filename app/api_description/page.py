"""The description as one page for people, rendered from the OpenAPI document.

Owns how the parts of the document are put into words and lines; the page itself is `docs_page/`: a template, a style
sheet and a script that the page also does without. Nothing comes from another host.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent / "docs_page"

# What JSON holds; the document is read as a tree here, and the template asks it by name.
Tree: TypeAlias = Mapping[str, "Json"]
Json: TypeAlias = "Tree | list[Json] | str | int | float | bool | None"

METHODS = ("get", "post", "put", "patch", "delete")
ORIGIN = "http://127.0.0.1:8000"
"""In the examples of the page; its script puts the address there from which the page came."""

_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*\s][^*]*)\*")


def render_page(document: bytes) -> bytes:
    """The page, in UTF-8, for the document as JSON."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": prose, "phrase": phrase, "pretty": pretty, "limits": limits, "types": types}
    environment.globals |= {"curl": curl, "resolve": resolve}
    api = json.loads(document)
    html = environment.get_template("reference.html.j2").render(api=api, groups=groups(api))
    return html.encode()


def groups(api: Mapping[str, Mapping[str, Mapping[str, Tree]]]) -> dict[str, list[dict[str, object]]]:
    """Operations by tag, in the order of the tags: method, path, the operation itself."""
    found: dict[str, list[dict[str, object]]] = {}
    for kind in ("paths", "webhooks"):
        for path, item in api[kind].items():
            for method in METHODS:
                operation = item.get(method)
                if operation is not None:
                    tags = operation["tags"]
                    assert isinstance(tags, list)
                    entry: dict[str, object] = {"method": method.upper(), "path": path, "kind": kind, "is": operation}
                    found.setdefault(str(tags[0]), []).append(entry)
    return found


def resolve(api: Tree, value: Tree) -> Json:
    """What a reference within the document names; anything else is itself."""
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Json = api
    for name in str(reference).removeprefix("#/").split("/"):
        assert isinstance(found, Mapping)
        found = found[name]
    return found


def prose(text: str) -> Markup:
    """Paragraphs, with `code` and *emphasis*."""
    return Markup("").join(Markup("<p>{}</p>\n").format(phrase(part)) for part in text.split("\n\n"))


def phrase(text: str) -> Markup:
    """One run of text, with `code` and *emphasis*."""
    safe = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", safe))  # noqa: S704 - escaped above


def pretty(value: Json) -> str:
    """An example as people read it: text as it is, anything else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def types(schema: Tree) -> list[str]:
    """The JSON types that a schema allows; empty when it does not say."""
    named = schema.get("type", [])
    return [str(name) for name in named] if isinstance(named, list) else [str(named)]


def limits(schema: Tree) -> str:
    """The bounds of a schema in words, empty when it has none."""
    words = []
    for least, most, unit in (("minimum", "maximum", ""), ("minLength", "maxLength", " characters")):
        if least in schema and most in schema:
            words.append(f"{schema[least]} to {schema[most]}{unit}")
        elif schema.get(least):
            words.append(f"at least {schema[least]}{unit.removesuffix('s') if schema[least] == 1 else unit}")
        elif most in schema:
            words.append(f"at most {schema[most]}{unit}")
    if "default" in schema:
        default = schema["default"]
        shown = ", ".join(map(str, default)) if isinstance(default, list) else default
        words.append(f"default {shown}")
    return ", ".join(words)


def curl(entry: Mapping[str, Json]) -> str:
    """A line that makes the request of an operation; the key or token stands in a variable."""
    operation, path, method = entry["is"], str(entry["path"]), str(entry["method"])
    assert isinstance(operation, Mapping)
    parameters = operation.get("parameters", [])
    assert isinstance(parameters, list)
    for parameter in parameters:
        assert isinstance(parameter, Mapping)
        if parameter["in"] == "path":
            example = quote(str(parameter["example"]), safe="")
            path = path.replace("{" + str(parameter["name"]) + "}", example)
    words = [f"curl -sS {ORIGIN}{path}"]
    if method != "GET" and (method != "POST" or "requestBody" not in operation):
        words.append(f"-X {method}")
    if "requestBody" in operation:
        words.append("-H 'Content-Type: application/json'")
    credentials = json.dumps(operation["security"])
    if '"apiKey": [' in credentials:
        words.append('-H "Authorization: Bearer $KEY"')
    elif "webhookBearer" in credentials:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if "requestBody" in operation:
        words.append("-d @event.json" if path == "/webhooks/maven" else "-d @body.json")
    if "text/event-stream" in json.dumps(operation["responses"]):
        words.append("-N")
    return " ".join(words)
