"""The elements of a delivery: what stands where an event should, one by one, each with its exact bytes.

Owns the shapes around events (contract section 4): a single value, an array, a page `{"events": [...]}`, and pages
within either. Whether an element is an event, and which, is left to `events`; JSON itself to `ijson`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from app.maven.faults import Fault
from app.maven.ijson import Json, NotJson, decode, expect_end, read_object, read_value, skip_space
from app.maven.ijson_grammar import MAX_DEPTH

_DOUBLED = "has a name more than once; the names in an object must be unique"


class TooManyEvents(Exception):
    """A delivery holds more events than it may: reading stopped at `count`, which is over `limit`."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"The delivery holds more than {limit} events.")
        self.count = count
        self.limit = limit


class Element(NamedTuple):
    """A value where an event should be, its faults against I-JSON, and its bytes as received."""

    value: Json
    faults: tuple[Fault, ...]
    payload: bytes


def read_elements(body: bytes, max_events: int) -> Iterator[Element]:
    """Read a body element by element, in the order received. Raises NotJson and TooManyEvents while it is read."""
    delivery = _Delivery(body, max_events)
    yield from delivery.read()
    delivery.expect_end()


class _Delivery:
    """One body while it is read; `_at` is how far, `_page_hints` where pages may be."""

    __slots__ = ("_at", "_count", "_is_suspicious", "_max_events", "_page_hints", "_text")

    def __init__(self, body: bytes, max_events: int) -> None:
        self._text, self._is_suspicious = decode(body)
        self._max_events = max_events
        self._count = 0
        self._at = skip_space(self._text, 0)
        self._page_hints = {'"events"': -1, "\\u": -1}

    def read(self) -> Iterator[Element]:
        if self._text.startswith("[", self._at):
            return self._read_array(1)
        return self._read_element(1)

    def expect_end(self) -> None:
        expect_end(self._text, self._at)

    def _read_array(self, depth: int) -> Iterator[Element]:
        text = self._text
        self._at = skip_space(text, self._at + 1)
        if text.startswith("]", self._at):
            self._at += 1
            return
        while True:
            yield from self._read_element(depth + 1)
            at = self._at = skip_space(text, self._at)
            if text.startswith("]", at):
                self._at += 1
                return
            if not text.startswith(",", at):
                raise NotJson.at(text, at, "a comma or ]")
            self._at = skip_space(text, at + 1)

    def _read_element(self, depth: int) -> Iterator[Element]:
        """Read what stands here, which is an event, or else a page with more. `depth` counts the arrays and pages."""
        text, start = self._text, self._at
        if text.startswith("{", start):
            found = None if self._is_suspicious else read_object(text, start)
            if found is not None and not ("events" in found[0] and found[0].get("eventType") is None):
                yield self._take(found[0], (), start, found[1])
                return
            page = self._read_page(depth) if depth < MAX_DEPTH and self._may_hold_page(start) else None
            if page is not None:
                yield from page
                return
        value, end, faults = read_value(text, start, self._is_suspicious)
        yield self._take(value, faults, start, end)

    def _take(self, value: Json, faults: tuple[Fault, ...], start: int, end: int) -> Element:
        self._count += 1
        if self._count > self._max_events:
            raise TooManyEvents(self._count, self._max_events)
        self._at = end
        return Element(value, faults, self._text[start:end].encode())

    def _may_hold_page(self, start: int) -> bool:
        """Whether the name of a page's events, or an escape that may write it, stands at `start` or later."""
        for hint, at in self._page_hints.items():
            if at < start:  # each stretch of the text is searched once, however many elements ask
                found = self._text.find(hint, start)
                self._page_hints[hint] = len(self._text) if found < 0 else found
        return min(self._page_hints.values()) < len(self._text)

    def _read_page(self, depth: int) -> list[Element] | None:
        """Read a page, element by element; None, with nothing read, when what stands here is none."""
        start, count = self._at, self._count
        try:
            page = self._read_members(depth)
        except _NoPage:
            self._at, self._count = start, count
            return None
        if page.faults or len(set(page.names)) != len(page.names):
            self._count = count
            # The events of a page that is itself ambiguous are not to be guessed at: it is kept as one.
            details = [fault.detail for fault in page.faults] or [_DOUBLED]
            faults = tuple(Fault("", f"the page around the events {detail}") for detail in details)
            return [self._take({}, faults, start, self._at)]
        return page.elements

    def _read_members(self, depth: int) -> "_Page":
        text = self._text
        page = _Page([], [], [])
        holds_events = False
        at = skip_space(text, self._at + 1)
        while text.startswith('"', at):
            name, at, faults = read_value(text, at, self._is_suspicious)
            page.names.append(str(name))
            page.faults.extend(faults)
            at = skip_space(text, at)
            if not text.startswith(":", at):
                break
            at = skip_space(text, at + 1)
            if name == "events" and text.startswith("[", at):
                holds_events = True
                self._at = at
                page.elements.extend(self._read_array(depth + 1))
                at = self._at
            else:
                value, at, faults = read_value(text, at, self._is_suspicious)
                if name == "eventType" and value is not None:
                    break
                page.faults.extend(faults)
            at = skip_space(text, at)
            if text.startswith("}", at) and holds_events:
                self._at = at + 1
                return page
            if not text.startswith(",", at):
                break
            at = skip_space(text, at + 1)
        raise _NoPage


class _NoPage(Exception):
    """An object is no page, or no JSON, which is for the ordinary way to say."""


class _Page(NamedTuple):
    names: list[str]
    faults: list[Fault]
    elements: list[Element]
