"""What is wrong with an event, said to people: a JSON pointer and a sentence.

Owns the fault itself, how a pointer is written and how a piece of foreign input may appear in a sentence: short, and
without anything that cannot be stored or printed. What counts as a fault is left to `ijson`, `schema` and `events`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_EXCERPT = 60
MAX_POINTER = 200

# What I-JSON forbids in strings (RFC 7493 section 2.1), and NUL, which PostgreSQL cannot store.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)
)
UNSTORABLE = re.compile(f"[\0\ud800-\udfff{_NONCHARACTERS}]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. The pointer (RFC 6901) is relative to the violation data as received."""

    pointer: str
    detail: str


def excerpt(text: str) -> str:
    """Quote foreign text for a sentence: at most 60 characters, unprintable ones replaced."""
    shown = text if len(text) <= MAX_EXCERPT - 2 else text[: MAX_EXCERPT - 3] + "…"
    return '"' + "".join(char if char.isprintable() else "\ufffd" for char in shown) + '"'


def point(path: Iterable[str | int]) -> str:
    """Write a path as a JSON pointer.

    It ends at the last ancestor that can be shown: a name that cannot be stored, or one that makes the pointer longer
    than 200 characters, is where it stops.
    """
    pointer = ""
    for segment in path:
        name = str(segment)
        if len(name) > MAX_POINTER or UNSTORABLE.search(name):
            break
        longer = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if len(longer) > MAX_POINTER:
            break
        pointer = longer
    return pointer
