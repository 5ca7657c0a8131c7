"""Requests derived from the service's own OpenAPI document: every operation, its parameters right and wrong.

Nothing here makes the service dial anybody: the URLs of hooks are
none, or of an address that it was not allowed to reach.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from tests.torture.fuzz_events import DRIVERS, IDS, make_body
from tests.torture.fuzz_wire import ANY_CURSOR, Ask

Schema = Mapping[str, Any]

_HOOK_URLS = (
    *(
        "http://127.0.0.1:9/hook",
        "http://127.0.0.1:9/" + "x" * 3000,
        "http://127.0.0.1:99999/",
        "http://a@127.0.0.1/",
        "",
    ),
    *(
        "ftp://127.0.0.1/",
        "http://",
        "http://[",
        "127.0.0.1",
        "//127.0.0.1",
        "http://127.0.0.1/\u0000",
        "http:// /",
        "\ud800",
    ),
)
TEXTS = (
    *(
        "",
        " ",
        "x",
        "PGH",
        "PGH,CLE",
        ",",
        ",,",
        "é",
        "e\u0301",
        "\U0001f69a",
        "%",
        "a\u0000b",
        "null",
        "true",
        "0",
        "-1",
    ),
    *(
        "1e3",
        "9" * 400,
        "1" * 19,
        "٣",
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00+00:00",
        "\uffff",
        "\u2028",
    ),
    *("'\"\\;--", "a" * 3000, "../..", "[]", "NaN", "all", "active", "-startTime", "\u202e", "İ"),
)
_RAW = (
    b"%",
    b"%ff",
    b"%C3%28",
    b"%00",
    b"%u0041",
    b"+",
    b"%2B",
    b"%ED%A0%80",
    b"&&",
    b"=",
    b"a=b=c",
    b"\xc3\xa9",
    b"%2C,%2C",
)
_ACCEPTS = (
    *(
        b"*/*",
        b"application/json",
        b"text/csv;q=0.1, application/json",
        b"application/x-ndjson;q=0",
        b"image/png",
        b"",
        b",;,",
    ),
    *(b"text/csv; q=2", b"*/*;q=x", b"application/problem+json"),
)
_EXPORTS = (b"text/csv", b"application/x-ndjson")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document, its references resolved."""

    method: str
    path: str
    parameters: list[Schema]
    body: Schema | None
    is_incoming: bool


def read_document(document: Schema) -> list[Operation]:
    """The operations that end by themselves."""
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path == "/v1/stream" or method not in ("get", "post", "put", "patch", "delete"):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            found.append(
                Operation(
                    method.upper(),
                    path,
                    [_resolved(document, one) for one in operation.get("parameters", [])],
                    None if schema is None else _resolved(document, schema),
                    path == "/webhooks/maven",
                )
            )
    return found


def _resolved(document: Schema, schema: Schema) -> Schema:
    """A schema without references; those of incoming events, which go in circles, are not needed."""

    def resolve(value: Any, depth: int) -> Any:
        if depth > 12:
            return {}
        if isinstance(value, dict):
            if "$ref" in value:
                target: Any = document
                for name in value["$ref"].removeprefix("#/").split("/"):
                    target = target[name]
                return resolve(target, depth + 1)
            return {name: resolve(item, depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [resolve(item, depth + 1) for item in value]
        return value

    return cast("Schema", resolve(schema, 0))


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers of those who ask, and the cookie of somebody who is signed in."""

    admin: bytes
    reader: bytes
    limited: bytes
    sender: bytes
    cookie: bytes

    def any(self, chance: random.Random) -> bytes:
        wrong = (b"", b"Authorization: Bearer x", b"Authorization: bearer", b"Authorization: Basic Og==", b"apiKey: x")
        few = (self.reader, self.limited, self.sender, self.cookie, chance.choice(wrong))
        return self.admin if chance.random() < 0.7 else chance.choice(few)


def make_ask(operations: Sequence[Operation], credentials: Credentials, chance: random.Random) -> Ask:
    """A request of some operation."""
    operation = chance.choice(operations)
    path = operation.path
    query: list[bytes] = []
    headers = [b"Host: x", credentials.sender if operation.is_incoming else credentials.any(chance)]
    for parameter in operation.parameters:
        name, schema = parameter["name"], parameter.get("schema", {})
        match parameter["in"]:
            case "path":
                path = path.replace(f"{{{name}}}", segment(name, chance))
            case "query" if chance.random() < 0.3:
                for _ in range(chance.choice((1, 1, 1, 2))):
                    query.append(quote(name).encode() + b"=" + query_value(name, schema, chance))
            case "header" if name == "If-None-Match" and chance.random() < 0.5:
                headers.append(b"If-None-Match: " + chance.choice((b"*", b'"x"', b'W/"x", "y"', b"x", b'"', b",")))
    if chance.random() < 0.04:
        query.append(chance.choice((b"unknown=1", b"Limit=1", b"limit", b"%6Cimit=1", *_RAW)))
    accept = chance.choice(_ACCEPTS) if chance.random() < 0.2 else b"*/*"
    if operation.path == "/v1/violations" and chance.random() < 0.05:
        accept = chance.choice(_EXPORTS)
    headers.append(b"Accept: " + accept)
    body = b""
    if operation.body is not None:
        body = make_body(chance) if operation.is_incoming else _json_body(operation.body, chance)
        kinds = (b"application/json",) * 12 + (b"text/plain", b"application/json; charset=latin-1", b"")
        headers.append(b"Content-Type: " + chance.choice(kinds))
    method = operation.method if chance.random() < 0.97 else chance.choice(("HEAD", "OPTIONS", "DELETE", "PUT"))
    return Ask(f"{operation.method} {operation.path}", request_bytes(method, path.encode(), query, headers, body))


def request_bytes(method: str, path: bytes, query: list[bytes], headers: list[bytes], body: bytes) -> bytes:
    """A request as it goes over the wire; its length is told where it has a body or should have one."""
    target = path + (b"?" + b"&".join(query) if query else b"")
    if body or method in ("POST", "PUT", "PATCH"):
        headers = [*headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method.encode(), target), *filter(None, headers), b"", body))


def segment(name: str, chance: random.Random) -> str:
    """One segment of a path, for the parameter of this name."""
    if chance.random() < 0.05:
        return chance.choice(_RAW).decode("latin-1").replace("\xc3\xa9", "%C3").replace("&&", "&") or "x"
    if name == "driverId":
        text = chance.choice(DRIVERS)
    elif name == "file":
        text = chance.choice(("docs.css", "docs.js", "..", "x"))
    else:
        text = chance.choice((chance.choice(IDS), str(chance.randint(0, 400)), f"hook_{chance.randint(0, 9)}"))
    if chance.random() < 0.05:
        text = chance.choice(TEXTS).replace("\ud800", "") or "-"
    return quote(text, safe="").replace(".", "%2E")


def query_value(name: str, schema: Schema, chance: random.Random) -> bytes:
    """A value of a query parameter as it stands in the query."""
    if chance.random() < 0.08:
        return chance.choice(_RAW)
    if name in ("cursor", "after") and chance.random() < 0.7:
        return ANY_CURSOR
    if name == "wait":
        return chance.choice((b"0", b"0", b"1", b"31", b"-1", b"x"))
    if name == "limit" and chance.random() < 0.8:
        return b"%d" % chance.choice((1, 2, 5, 20, 20, 100, 1000))
    value = chance.choice(TEXTS) if chance.random() < 0.25 else _plain(_by_schema(schema, chance, 0))
    return quote(value, safe="", errors="replace").encode()


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_plain(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def _json_body(schema: Schema, chance: random.Random) -> bytes:
    value = _by_schema(schema, chance, 0) if chance.random() < 0.93 else chance.choice((None, [], 7, "x", {}, [{}]))
    text = json.dumps(value)
    if chance.random() < 0.04:
        text = chance.choice(
            (text[:-1], text + "x", "", "NaN", text.replace(":", ":\x00", 1), "[" * 5000, '{"a":1,"a":2}')
        )
    return text.encode()


def _by_schema(schema: Schema, chance: random.Random, depth: int) -> object:
    """A value that a schema allows, or in a few places one that it does not."""
    if chance.random() < 0.05 or depth > 8:
        return chance.choice((None, True, 0, -1, 1.5, 10**20, "", [], {}, *TEXTS[:12]))
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return _by_schema(chance.choice(schema[name]), chance, depth + 1)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    make = _MAKERS.get(str(schema.get("type")))
    return chance.choice(TEXTS) if make is None else make(schema, chance, depth)


def _object(schema: Schema, chance: random.Random, depth: int) -> object:
    members: dict[str, object] = {}
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        if chance.random() < (0.97 if name in required else 0.4):
            members[name] = chance.choice(_HOOK_URLS) if name == "url" else _by_schema(inner, chance, depth + 1)
    if chance.random() < 0.04:
        members[chance.choice(("unknown", "", "é"))] = 1
    return members


def _array(schema: Schema, chance: random.Random, depth: int) -> object:
    return [_by_schema(schema.get("items", {}), chance, depth + 1) for _ in range(chance.choice((0, 1, 1, 2, 3)))]


def _string(schema: Schema, chance: random.Random, depth: int) -> object:
    match schema.get("format"):
        case "date-time":
            return chance.choice(
                ("2024-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00", "1970-01-01T00:00:00Z", "2199-12-31T00:00:00Z")
            )
        case "date":
            return chance.choice(("2024-01-01", "2024-02-29"))
        case _:
            known = (chance.choice(DRIVERS), "PGH", "CLE", "shift_drive", "Texas", "Doe", "08:00", "America/Chicago")
            return chance.choice(known) if chance.random() < 0.7 else chance.choice(TEXTS)


def _integer(schema: Schema, chance: random.Random, depth: int) -> object:
    low, high = int(schema.get("minimum", -5)), int(schema.get("maximum", 5000))
    return chance.choice((low, high, chance.randint(low, high), low - 1, high + 1, str(low)))


_MAKERS: dict[str, Callable[[Schema, random.Random, int], object]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _integer,
    "boolean": lambda schema, chance, depth: chance.random() < 0.5,
}
