"""The slow reader of JSON: finds everything that I-JSON (RFC 7493) forbids in a value, and says where.

Owns the faults of a JSON value: doubled names, NUL, lone surrogates and noncharacters in strings, numbers beyond a
double, nesting deeper than 64; and it is the one place that says why a text is not JSON. It survives any text: depth is
counted, not recursed into, and it stops collecting after some faults. `ijson` decides when it is worth being slow.
"""

import json
import re

from app.maven.faults import Fault, excerpt, find_unstorable, point
from app.maven.ijson_grammar import MAX_DEPTH, Json, NotJson, NumberTooLarge, read_fraction, read_integer, skip_space

MAX_FAULTS = 20

_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LITERAL = re.compile(r"true|false|null")
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_unescape = json.JSONDecoder().decode


def read_value(text: str, start: int) -> tuple[Json, int, tuple[Fault, ...]]:
    """Read the JSON value that begins at `start` as `ijson.read_value` does. Raises NotJson."""
    reader = _Reader(text)
    value, end = reader.read_value(start, 1)
    return value, end, tuple(reader.faults)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self._path: list[str | int] = []

    def read_value(self, start: int, depth: int) -> tuple[Json, int]:
        match self.text[start : start + 1]:
            case "{" | "[" if depth > MAX_DEPTH:
                self._add(f"nests deeper than {MAX_DEPTH} levels")
                return None, skip_value(self.text, start)
            case "{":
                return self._read_object(start, depth)
            case "[":
                return self._read_array(start, depth)
            case '"':
                return self._read_string(start)
        if found := _NUMBER.match(self.text, start):
            return self._number(found), found.end()
        if found := _LITERAL.match(self.text, start):
            return _LITERALS[found[0]], found.end()
        raise NotJson.at(self.text, start, "a value")

    def _read_object(self, start: int, depth: int) -> tuple[Json, int]:
        members: dict[str, Json] = {}
        at = skip_space(self.text, start + 1)
        if self.text.startswith("}", at):
            return members, at + 1
        while True:
            name, at = self._read_name(at)
            self._path.append(name)
            if name in members:
                self._add("appears more than once in its object; the names in an object must be unique")
            members[name], at = self.read_value(at, depth + 1)
            self._path.pop()
            at = skip_space(self.text, at)
            if self.text.startswith("}", at):
                return members, at + 1
            if not self.text.startswith(",", at):
                raise NotJson.at(self.text, at, "a comma or }")
            at = skip_space(self.text, at + 1)

    def _read_name(self, start: int) -> tuple[str, int]:
        end = _end_of_string(self.text, start, "a member name in double quotes")
        name = _decoded(self.text[start:end])
        if found := find_unstorable(name):
            self._add(f"has a member name that contains {_describe(found)}, which is not allowed")
        at = skip_space(self.text, end)
        if not self.text.startswith(":", at):
            raise NotJson.at(self.text, at, "a colon")
        return name, skip_space(self.text, at + 1)

    def _read_array(self, start: int, depth: int) -> tuple[Json, int]:
        elements: list[Json] = []
        at = skip_space(self.text, start + 1)
        if self.text.startswith("]", at):
            return elements, at + 1
        while True:
            self._path.append(len(elements))
            element, at = self.read_value(at, depth + 1)
            self._path.pop()
            elements.append(element)
            at = skip_space(self.text, at)
            if self.text.startswith("]", at):
                return elements, at + 1
            if not self.text.startswith(",", at):
                raise NotJson.at(self.text, at, "a comma or ]")
            at = skip_space(self.text, at + 1)

    def _read_string(self, start: int) -> tuple[str, int]:
        end = _end_of_string(self.text, start, "a string")
        string = _decoded(self.text[start:end])
        if found := find_unstorable(string):
            self._add(f"contains {_describe(found)}, which is not allowed")
        return string, end

    def _number(self, found: re.Match[str]) -> int | float | None:
        try:
            return read_integer(found[0]) if found[1] is found[2] is None else read_fraction(found[0])
        except NumberTooLarge:
            self._add(f"is a number beyond the range of a double: {excerpt(found[0])}")
            return None

    def _add(self, detail: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(point(self._path), detail))


def skip_value(text: str, start: int) -> int:
    """Where the JSON value that begins at `start` ends, at any depth and without building it. Raises NotJson."""
    closers = bytearray()  # a byte per level: a body of millions of brackets must not cost hundreds of megabytes
    at = start
    while True:
        opened = text[at : at + 1]
        if opened in ("{", "["):
            closer = "}" if opened == "{" else "]"
            at = skip_space(text, at + 1)
            if not text.startswith(closer, at):
                closers.append(ord(closer))
                at = _skip_name(text, at) if opened == "{" else at
                continue
            at += 1
        elif opened == '"':
            at = _end_of_string(text, at, "a string")
        elif found := _NUMBER.match(text, at) or _LITERAL.match(text, at):
            at = found.end()
        else:
            raise NotJson.at(text, at, "a value")
        while closers:
            at = skip_space(text, at)
            closer = chr(closers[-1])
            if text.startswith(",", at):
                at = skip_space(text, at + 1)
                at = _skip_name(text, at) if closer == "}" else at
                break
            if not text.startswith(closer, at):
                raise NotJson.at(text, at, f"a comma or {closer}")
            closers.pop()
            at += 1
        else:
            return at


def _skip_name(text: str, start: int) -> int:
    at = skip_space(text, _end_of_string(text, start, "a member name in double quotes"))
    if not text.startswith(":", at):
        raise NotJson.at(text, at, "a colon")
    return skip_space(text, at + 1)


def _end_of_string(text: str, start: int, expected: str) -> int:
    found = _STRING.match(text, start)
    if found is not None:
        return found.end()
    if text.startswith('"', start):
        expected = "a string that is closed and escapes its control characters and backslashes"
    raise NotJson.at(text, start, expected)


def _decoded(quoted: str) -> str:
    return str(_unescape(quoted)) if "\\" in quoted else quoted[1:-1]


def _describe(char: str) -> str:
    if char == "\0":
        return "the character NUL (U+0000)"
    kind = "lone surrogate" if "\ud800" <= char <= "\udfff" else "noncharacter"
    return f"the {kind} U+{ord(char):04X}"
