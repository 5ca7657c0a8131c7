"""Reading JSON bytes exactly: each element with its span, its value, and what I-JSON (RFC 7493) forbids in it.

Owns the text of a delivery and canonical JSON, on which the identity of an event rests. There are three ways through
an element, and they agree: a compiled parser with proof that it lost nothing, the standard library's scanner, which
finds where an element ends and knows doubled names, and `ijson_faults`, which is slow, and says where and why. Which
element is an event is left to `events`.
"""

import json
import re
from typing import NoReturn

import orjson

from app.maven import ijson_faults
from app.maven.faults import Fault, find_unstorable
from app.maven.ijson_grammar import (
    EXACT_INTEGERS,
    MAX_DEPTH,
    Json,
    NotJson,
    expect_end,
    read_fraction,
    read_integer,
    skip_space,
)

__all__ = [
    "Json",
    "NotJson",
    "canonical",
    "decode",
    "expect_end",
    "read_document",
    "read_object",
    "read_value",
    "skip_space",
]

_BOM = b"\xef\xbb\xbf"
_COLON = ord(":")

# Escapes that may write NUL, a surrogate or a noncharacter of the basic plane, or a colon (see _read_whole), and the
# bytes with which every other noncharacter begins.
_ODD_ESCAPE = re.compile(r"\\u(?:0000|003[aA]|[dD][89a-fA-F]|[fF][dDfF])")
_ODD_LEADS = (0xEF, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4)

# Where an object in an array probably ends: another one follows. A wrong guess is no object, so it shows. Events are
# about 1,400 characters long; looking much further would make a body of long ones cost the square of its length.
_NEXT_OBJECT = re.compile(r"\}[ \t\n\r]*,[ \t\n\r]*\{")
_FAR = 8192


def _read_members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name appears twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_scan = json.JSONDecoder(
    object_pairs_hook=_read_members,
    parse_int=read_integer,
    parse_float=read_fraction,
    parse_constant=_refuse_constant,
).raw_decode


def decode(body: bytes) -> tuple[str, bool]:
    """The text of a JSON body, and whether a string in it may hold what I-JSON forbids, so that elements need a look.

    UTF-8; one leading byte order mark is tolerated. Raises NotJson.
    """
    start = len(_BOM) if body.startswith(_BOM) else 0
    try:
        text = body[start:].decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"The body is not JSON: it is not UTF-8 at byte {start + error.start}.") from None
    is_suspicious = _ODD_ESCAPE.search(text) is not None
    if not is_suspicious and not text.isascii() and any(lead in body for lead in _ODD_LEADS):
        is_suspicious = find_unstorable(text) is not None
    return text, is_suspicious


def read_document(body: bytes) -> tuple[Json, tuple[Fault, ...]]:
    """The one value that a body is, and its faults against I-JSON, as `read_value` has them. Raises NotJson."""
    text, is_suspicious = decode(body)
    value, end, faults = read_value(text, skip_space(text, 0), is_suspicious)
    expect_end(text, end)
    return value, faults


def read_object(text: str, start: int) -> tuple[dict[str, Json], int] | None:
    """Read the object that begins at `start` quickly, when that is exact; None when it is not that simple.

    Only for texts that are not suspicious. Gives its members and where it ends.
    """
    found = _NEXT_OBJECT.search(text, start, start + _FAR)
    if found is not None:
        piece = text[start : found.start() + 1]
    elif len(text) - start <= _FAR:
        piece = text[start:].rstrip(" \t\n\r")
    else:
        return None
    members = _read_whole(piece)
    return None if members is None else (members, start + len(piece))


def read_value(text: str, start: int, is_suspicious: bool) -> tuple[Json, int, tuple[Fault, ...]]:
    """Read the JSON value that begins at `start`: its value, where it ends, and its faults against I-JSON.

    The value itself is depth 1 of at most 64. With faults the value is only good for finding out what it was meant to
    be: of doubled names the last counts, and what is too deep or too large is null. Raises NotJson.
    """
    try:
        value, end = _scan(text, start)
    except (ValueError, RecursionError):
        return ijson_faults.read_value(text, start)
    is_deep = text.count("{", start, end) + text.count("[", start, end) > MAX_DEPTH
    if is_deep or (is_suspicious and _may_be_unstorable(value)):
        return ijson_faults.read_value(text, start)
    return value, end, ()


def _may_be_unstorable(value: Json) -> bool:
    """Whether a string of the value may hold what I-JSON forbids; an escaped emoji, say, is cleared here."""
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return b"\\u0000" in written or find_unstorable(written.decode()) is not None


def _read_whole(text: str) -> dict[str, Json] | None:
    """Read the text as one object with the compiled parser; None when that would not be exact.

    orjson keeps the last of doubled names. Written again, such an object has fewer colons than it had: each member has
    one, and those in strings stay, because no escape in this text stands for one.
    """
    try:
        members: dict[str, Json] = orjson.loads(text)
    except ValueError:
        return None
    if not _settle_members(members, MAX_DEPTH):
        return None
    return members if orjson.dumps(members).count(_COLON) == text.count(":") else None


def _settle_members(members: dict[str, Json], levels: int) -> bool:
    """Make whole floats ints, as `read_fraction` has them; False when that is inexact or nests deeper than `levels`."""
    for name, value in members.items():
        if type(value) is str:
            continue
        if type(value) is float:
            if value.is_integer():
                if not -EXACT_INTEGERS < value < EXACT_INTEGERS:
                    return False
                members[name] = int(value)
        elif type(value) is dict:
            if levels == 1 or not _settle_members(value, levels - 1):
                return False
        elif type(value) is list and (levels == 1 or not _settle_elements(value, levels - 1)):
            return False
    return True


def _settle_elements(elements: list[Json], levels: int) -> bool:
    for index, value in enumerate(elements):
        if type(value) is float:
            if value.is_integer():
                if not -EXACT_INTEGERS < value < EXACT_INTEGERS:
                    return False
                elements[index] = int(value)
        elif type(value) is dict:
            if levels == 1 or not _settle_members(value, levels - 1):
                return False
        elif type(value) is list and (levels == 1 or not _settle_elements(value, levels - 1)):
            return False
    return True


def canonical(value: Json) -> bytes:
    """Canonical JSON of a value read here: equal values give equal bytes, different ones different bytes.

    Names are sorted by code point, without white space, in UTF-8. Whole numbers are equal when all their digits are,
    others when they are the same double.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # An integer beyond 64 bits. No number of the other branch looks like one, so the two never collide.
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
