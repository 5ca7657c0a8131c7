"""Taking a page of Maven's queue apart where it cannot be read as a whole.

Owns finding the events of a page by brackets and strings alone: one of them may be broken as JSON, nest too deep or be
no UTF-8, and the others are as good as ever. Works on bytes, and keeps none but the places. What stands at a place is
left to `queue_page`.
"""

import re
from collections.abc import Iterator

from app.maven.ijson_grammar import NotJson

# A string as a whole, so that brackets in it do not count; then what gives a page its structure.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}:,]', re.DOTALL)
_SPACE = b" \t\n\r"


def split_page(body: bytes) -> tuple[list[tuple[int, int]], bytes]:
    """Where the events of a page stand, and the page without them, its `events` empty.

    A page is an object with an array `events`; where there are several, they count together. Raises NotJson for what
    is no such object, or does not hold together.
    """
    start = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    while body[start : start + 1] and body[start] in _SPACE:
        start += 1
    if body[start : start + 1] != b"{":
        raise NotJson("The answer is not JSON, or no page of return events.")
    spans: list[tuple[int, int]] = []
    rest = bytearray()
    kept_to = start
    found = False
    for begin, end in _arrays_of_events(body, start):
        found = True
        rest += body[kept_to : begin + 1]
        kept_to = end
        spans += _elements(body, begin, end)
    if not found:
        raise NotJson("The answer is no page of return events: it has no array `events`.")
    rest += body[kept_to:]
    return spans, bytes(rest)


def _arrays_of_events(body: bytes, start: int) -> Iterator[tuple[int, int]]:
    """The places of `[` and `]` of the arrays named `events` in the outermost object."""
    depth = 0
    name: bytes | None = None
    last_string: bytes | None = None
    array_at: int | None = None
    for match in _TOKEN.finditer(body, start):
        token = match[0] if match.end() - match.start() < 16 else b'"'
        first = token[:1]
        if first == b'"':
            if depth == 1:
                last_string = token
        elif first in (b"[", b"{"):
            if depth == 1 and first == b"[" and name == b'"events"':
                array_at = match.start()
            depth += 1
        elif first in (b"]", b"}"):
            depth -= 1
            if depth == 1 and array_at is not None:
                yield array_at, match.start()
                array_at = None
            if depth == 0:
                return
        elif depth == 1:
            # A string before a colon is a name; a comma ends its value.
            name = last_string if first == b":" else None
    raise NotJson("The answer is no page of return events: it does not hold together as JSON.")


def _elements(body: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The places of the elements of an array, without the space around them."""
    depth = 0
    at = begin + 1
    for match in _TOKEN.finditer(body, begin, end + 1):
        token = body[match.start() : match.start() + 1]
        if token in (b"[", b"{"):
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
        if (token == b"," and depth == 1) or match.start() == end:
            element = _trimmed(body, at, match.start())
            if element is not None:
                yield element
            at = match.end()


def _trimmed(body: bytes, begin: int, end: int) -> tuple[int, int] | None:
    while begin < end and body[begin] in _SPACE:
        begin += 1
    while end > begin and body[end - 1] in _SPACE:
        end -= 1
    return (begin, end) if begin < end else None
