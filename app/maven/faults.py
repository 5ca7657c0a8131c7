"""What is wrong with an event, said to people: a JSON pointer and a sentence.

Owns the fault itself, how a pointer is written and how a piece of foreign input may appear in a sentence: short, and
without anything that cannot be stored or printed. What counts as a fault is left to `ijson`, `schema` and `events`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_EXCERPT = 60
MAX_POINTER = 200

# What I-JSON forbids in strings (RFC 7493 section 2.1), and NUL, which PostgreSQL cannot store. The first pattern is a
# quick sieve of ranges; a class with all noncharacters in it takes ten times as long.
_MAYBE_UNSTORABLE = re.compile("[\0\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0001fffe-\U0010ffff]")
_ASTRAL_NONCHARACTERS = "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
_UNSTORABLE = re.compile(f"[\0\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff{_ASTRAL_NONCHARACTERS}]")

UNSTORABLE = "contains a character that cannot be stored: NUL, a lone surrogate or a noncharacter."
"""What is said of a field in which `find_unstorable` finds something."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. The pointer (RFC 6901) is relative to the violation data as received."""

    pointer: str
    detail: str


def is_sentence(fault: Fault) -> bool:
    """Whether what is wrong is said by a sentence of its own, and not by the rest of one that begins with the field."""
    return fault.detail[:1].isupper()


class WrongFields(Exception):
    """What was sent cannot be. `faults` say where and why; there is one at least."""

    def __init__(self, faults: list[Fault], *, is_json: bool = True) -> None:
        super().__init__("; ".join(map(_told, faults)))
        self.faults = faults
        self.is_json = is_json
        """Whether the body was JSON at all."""


def _told(fault: Fault) -> str:
    return f"{fault.pointer.lstrip('/') or 'body'}{':' if is_sentence(fault) else ''} {fault.detail}"


def find_unstorable(text: str, start: int = 0, end: int | None = None) -> str | None:
    """The first character that a stored string must not contain: NUL, a lone surrogate or a noncharacter."""
    end = len(text) if end is None else end
    maybe = _MAYBE_UNSTORABLE.search(text, start, end)
    found = maybe and _UNSTORABLE.search(text, maybe.start(), end)
    return found[0] if found else None


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
        if len(name) > MAX_POINTER or find_unstorable(name):
            break
        longer = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if len(longer) > MAX_POINTER:
            break
        pointer = longer
    return pointer
