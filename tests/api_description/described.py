"""The document as tests use it: which operation a request is, and whether an answer is one that the document promises.

Answers are held to a stricter document than the one that is published: objects have no members that are not named.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from httpx2 import Response
from jsonschema import Draft202012Validator, FormatChecker

METHODS = ("get", "post", "put", "patch", "delete")

# JSON Schema is a tree of anything; what is asked of it here is asserted by the checks themselves.
Tree = dict[str, Any]


SOME = {
    "connection_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "driverId": "D",
    "id": "1",
    "deliveryId": "1",
    "file": "style.css",
}
"""What stands for the parameters of a path where it does not matter; there are no such things."""


def concrete(path: str) -> str:
    """A path as the document writes it, with something in it for its parameters."""
    return path.format(**SOME)


def closed(schema: Any) -> Any:
    """The same schema, but objects may have no further members than the named ones."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if "properties" in found and "required" in found:
        found.setdefault("additionalProperties", False)
    return found


class Described:
    """One document."""

    def __init__(self, document: Tree) -> None:
        self.document = document
        self._closed = {"schemas": closed(document["components"]["schemas"])}

    def operations(self) -> Iterator[tuple[str, str, Tree]]:
        """Path, method in lower case, operation."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]

    def operation(self, path: str, method: str) -> Tree:
        """The operation of a path as the document writes it."""
        found: Tree = self.document["paths"][path][method.lower()]
        return found

    def resolve(self, value: Tree) -> Tree:
        """What a reference names; anything else is itself."""
        if "$ref" not in value:
            return value
        found = self.document
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found

    def faults(self, schema: Any, value: object) -> list[str]:
        """Why a value that the service sent does not fit a schema."""
        return self._faults(closed(schema), value, self._closed)

    def incoming_faults(self, schema: Any, value: object) -> list[str]:
        """Why a value that is sent to the service does not fit a schema."""
        return self._faults(schema, value, self.document["components"])

    def _faults(self, schema: Any, value: object, components: Mapping[str, object]) -> list[str]:
        whole = {**schema, "components": components}
        validator = Draft202012Validator(whole, format_checker=FormatChecker())
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def check(self, path: str, response: Response) -> None:
        """Fails unless the answer is one that the document promises for its request."""
        operation = self.operation(path, response.request.method)
        status = str(response.status_code)
        where = f"{response.request.method} {path} {status}"
        assert status in operation["responses"], f"{where} is not described"
        promised = self.resolve(operation["responses"][status])
        for name, header in promised["headers"].items():
            header = self.resolve(header)
            assert name in response.headers or not header["required"], f"{where} has no header {name}"
            if name in response.headers:
                value: object = response.headers[name]
                if header["schema"]["type"] == "integer":
                    value = int(response.headers[name])
                assert not self.faults(header["schema"], value)
        if "content" not in promised:
            assert response.content == b""
            assert "content-type" not in response.headers
            return
        media_type = response.headers["content-type"]
        assert media_type in promised["content"], f"{where} is {media_type}"
        schema = promised["content"][media_type]["schema"]
        value = (
            json.loads(response.content)
            if media_type.endswith("json") and "ndjson" not in media_type
            else response.text
        )
        assert not (faults := self.faults(schema, value)), f"{where}: {faults}"
