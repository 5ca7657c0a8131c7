"""Bytes of the quarantine for people: as text with the places marked that are at fault, else as hexadecimal digits.

Owns where a fault is, and what is left out of long bodies. What is wrong was found when the bytes came, and stands
beside them as a JSON pointer and a sentence. Nothing here fails, whatever the bytes are. Pure.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.maven.ijson import NotJson
from app.maven.ijson_faults import skip_value
from app.maven.ijson_grammar import skip_space

MOST_CHARACTERS = 20_000
"""Of a text that is shown whole."""
AROUND = 1500
"""Characters before and behind a marked place in a longer one, and those of its beginning."""
MOST_SEARCHED = 128 * 1024
"""Characters that are searched for members, over all errors: an event has some thousand."""
MOST_ERRORS = 50
"""Errors that are looked for; fewer in a long text."""
MOST_MARKED = 300
"""A value that is longer has its first character marked."""

ROW = 16
MOST_ROWS = 128
ROWS_BEFORE = 16
"""Rows before the fault, where not all are shown."""

_PLACE = re.compile(r"at line ([0-9]{1,9}), column ([0-9]{1,9}),")
_OF_ENVELOPE = re.compile(r"(/\S*) in the envelope ")
_BOM = b"\xef\xbb\xbf"


class Piece(NamedTuple):
    """A part of a body: text, or characters left out. `kind` says how it stands on the page."""

    kind: str
    """`text`, `fault`, `unseen` (a character by its code point) or `left_out`."""
    text: str


@dataclass(frozen=True, slots=True)
class HexRow:
    """Some bytes in a row; `fault` is the one that is at fault, counted within the row."""

    offset: str
    digits: tuple[str, ...]
    characters: str
    fault: int | None


@dataclass(frozen=True, slots=True)
class Marked:
    """A body as a page shows it: pieces of a text, or rows of bytes."""

    pieces: Sequence[Piece] = ()
    rows: Sequence[HexRow] = ()
    is_whole: bool = True
    has_mark: bool = False


def mark(body: bytes, errors: Sequence[Mapping[str, str]]) -> Marked:
    """A body with what is wrong in it marked."""
    start = len(_BOM) if body.startswith(_BOM) else 0
    try:
        text = body[start:].decode()
    except UnicodeDecodeError as error:
        return _hexadecimal(body, start + error.start)
    most = min(MOST_ERRORS, max(1, MOST_SEARCHED // max(1, len(text))))
    spans = _merged(span for error in errors[:most] for span in _spans(text, error))
    return Marked(pieces=list(_pieces(text, spans)), is_whole=len(text) <= MOST_CHARACTERS, has_mark=bool(spans))


def _hexadecimal(body: bytes, fault: int) -> Marked:
    rows = -(-len(body) // ROW)
    first = max(0, min(fault // ROW - ROWS_BEFORE, rows - MOST_ROWS)) if rows > MOST_ROWS else 0
    shown = [
        HexRow(
            f"{at:08x}",
            tuple(f"{byte:02x}" for byte in body[at : at + ROW]),
            "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in body[at : at + ROW]),
            fault - at if at <= fault < at + ROW else None,
        )
        for at in range(first * ROW, min(rows, first + MOST_ROWS) * ROW, ROW)
    ]
    return Marked(rows=shown, is_whole=rows <= MOST_ROWS, has_mark=True)


Span = tuple[int, int]


def _spans(text: str, error: Mapping[str, str]) -> list[Span]:
    """Where an error is, as far as that can be told."""
    detail, pointer = error.get("detail", ""), error.get("pointer", "")
    if found := _PLACE.search(detail):
        return [_at_line(text, int(found[1]), int(found[2]))]
    if len(text) > MOST_SEARCHED:
        return []
    try:
        if found := _OF_ENVELOPE.match(detail):
            return _shortened(text, _find(text, _path(found[1]))[0])
        return _shortened(text, _of_data(text, _path(pointer)))
    except (NotJson, ValueError):
        return []


def _at_line(text: str, line: int, column: int) -> Span:
    start = 0
    for _ in range(line - 1):
        following = text.find("\n", start)
        if following < 0:
            break
        start = following + 1
    at = min(start + column - 1, len(text))
    return at, min(at + 1, len(text))


def _path(pointer: str) -> list[str]:
    return [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]


def _of_data(text: str, path: list[str]) -> list[Span]:
    """Where a member of violation data is, which is in an envelope or not; the object that lacks it where it is not."""
    inner, is_envelope = _find(text, ["data"])
    if not is_envelope:
        return _find(text, path)[0]
    at = inner[-1][0]
    found, is_there = _find(text, path, at)
    if is_there:
        return found
    outer, is_outside = _find(text, path)
    return outer if is_outside else found


def _find(text: str, path: list[str], start: int = 0) -> tuple[list[Span], bool]:
    """The spans of what a path leads to, several where its last name is doubled; the nearest around it, and False,
    where it leads nowhere. Raises `NotJson` and `ValueError`.

    Of what the path passes through the rest is not read, so a deep place costs no more than another.
    """
    at = skip_space(text, start)
    starts = [at]
    for number, name in enumerate(path, 1):
        found = _members(text, at, name)
        at = next(found, -1)
        if at < 0:
            return _whole(text, starts), False
        starts = [at, *found] if number == len(path) else [at]
    return _whole(text, starts), True


def _whole(text: str, starts: list[int]) -> list[Span]:
    return [(at, skip_value(text, at)) for at in starts]


def _members(text: str, start: int, wanted: str) -> Iterator[int]:
    """Where the members of one name, or one element, of the value that begins at `start` begin."""
    is_object = text.startswith("{", start)
    if not is_object and not text.startswith("[", start):
        return
    at, number = skip_space(text, start + 1), 0
    while not text.startswith(("}", "]"), at):
        name = str(number)
        if is_object:
            end = skip_value(text, at)
            name = str(json.loads(text[at:end]))
            at = skip_space(text, skip_space(text, end) + 1)
        if name == wanted:
            yield at
        at, number = skip_space(text, skip_value(text, at)), number + 1
        if not text.startswith(",", at):
            return
        at = skip_space(text, at + 1)


def _shortened(text: str, spans: list[Span]) -> list[Span]:
    return [span if span[1] - span[0] <= MOST_MARKED else (span[0], span[0] + 1) for span in spans]


def _merged(spans: Iterator[Span]) -> list[Span]:
    """Spans in their order, of which none reaches into the next."""
    merged: list[Span] = []
    for start, end in sorted(set(spans)):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _pieces(text: str, spans: list[Span]) -> Iterator[Piece]:
    at = 0
    for start, end in _shown(text, spans):
        if start > at:
            yield Piece("left_out", f"{start - at:,}")
        at = start
        for begin, close in spans:
            if begin < start or begin > end:
                continue
            yield from _told("text", text[at:begin])
            # At the very end of a body something is missing, and there is nothing to be marked.
            yield from _told("fault", text[begin:close]) if begin < close else [Piece("fault", "(the end)")]
            at = close
        yield from _told("text", text[at:end])
        at = max(at, end)
    if at < len(text):
        yield Piece("left_out", f"{len(text) - at:,}")


def _shown(text: str, spans: list[Span]) -> list[Span]:
    """What of a text is shown: all of it, or its beginning and what is around its faults."""
    if len(text) <= MOST_CHARACTERS:
        return [(0, len(text))]
    shown = [(0, AROUND)]
    for start, end in spans:
        begin, close = max(0, start - AROUND), min(len(text), end + AROUND)
        if begin <= shown[-1][1]:
            shown[-1] = (shown[-1][0], max(close, shown[-1][1]))
        else:
            shown.append((begin, close))
    return shown


def _told(kind: str, text: str) -> Iterator[Piece]:
    """A text in pieces, in which what cannot be seen stands by its code point."""
    run = 0
    for at, character in enumerate(text):
        if character.isprintable() or character in "\n\t":
            continue
        if at > run:
            yield Piece(kind, text[run:at])
        yield Piece("fault_unseen" if kind == "fault" else "unseen", f"U+{ord(character):04X}")
        run = at + 1
    if run < len(text):
        yield Piece(kind, text[run:])
