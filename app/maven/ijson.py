"""Reading JSON bytes exactly: each element with its span, its value, and what I-JSON (RFC 7493) forbids in it.

Owns the text of a delivery and canonical JSON, on which the identity of an event rests. Quick for what is clean: one
pass of the standard library's C scanner. Whatever makes that pass stumble, or looks as if it could hide a fault, goes
to `ijson_faults`, which reads slowly and says where and why. Which element is an event is left to `events`.
"""

import json
import re
from typing import NoReturn

import orjson

from app.maven import ijson_faults
from app.maven.faults import UNSTORABLE, Fault
from app.maven.ijson_grammar import MAX_DEPTH, Json, NotJson, read_fraction, read_integer, skip_space

__all__ = ["Json", "NotJson", "canonical", "decode", "is_suspicious", "read_element", "skip_space"]

_BOM = b"\xef\xbb\xbf"

# Escapes that may write NUL, a surrogate or a noncharacter of the basic plane.
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F]|[fF][dDfF])")


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


def decode(body: bytes) -> str:
    """The text of a JSON body: UTF-8, one leading byte order mark tolerated. Raises NotJson."""
    start = len(_BOM) if body.startswith(_BOM) else 0
    try:
        return body[start:].decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"The body is not JSON: it is not UTF-8 at byte {start + error.start}.") from None


def is_suspicious(text: str) -> bool:
    """Whether a string somewhere in the text may hold what I-JSON forbids, so that each element needs a closer look."""
    if not text.isascii() and UNSTORABLE.search(text):
        return True
    return "\\u" in text and _ODD_ESCAPE.search(text) is not None


def read_element(text: str, start: int, is_suspicious: bool) -> tuple[Json, int, tuple[Fault, ...]]:
    """Read the JSON value that begins at `start`: its value, where it ends, and its faults against I-JSON.

    The value itself is depth 1 of at most 64. With faults the value is only good for finding out what it was meant to
    be: of doubled names the last counts, and what is too deep or too large is null. Raises NotJson.
    """
    try:
        value, end = _scan(text, start)
    except (ValueError, RecursionError):
        return ijson_faults.read_element(text, start)
    if text.count("{", start, end) + text.count("[", start, end) > MAX_DEPTH or (
        is_suspicious and (_ODD_ESCAPE.search(text, start, end) or UNSTORABLE.search(text, start, end))
    ):
        return ijson_faults.read_element(text, start)
    return value, end, ()


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
