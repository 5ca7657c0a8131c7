"""What a page is asked for: the filters of the API in its address, so that an address can be kept and sent.

A form sends every field, so an empty one asks for nothing; anything else is judged as the API judges it.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from app.keys.schema import ApiKey
from app.query.filters import FILTER_NAMES, ViolationFilter, read_filter, visible_terminals
from app.web.parameters import read_parameters
from app.web.problems import Problem

MOST_PAGES = 100_000
_UNTYPED = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
ALWAYS_SEEN = ("q", "terminalCode", "type", "status", "review", "egregious")
"""Filters that the form shows without being opened."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    filter: ViolationFilter
    page: int
    query: str
    """The filters as a query, without the page."""
    fields: dict[str, str]
    """The filters as the form has them, as they were typed."""
    problem: Problem | None = None
    """What is wrong with them; then nothing is to be shown: a slip of the pen must not widen what is asked."""

    def without(self, name: str) -> str:
        """The query without one of the filters."""
        return "&".join(part for part in self.query.split("&") if part and _name(part.encode("latin-1")) != name)

    def words(self, name: str) -> list[str]:
        """The values of a filter of which any may match, at least an empty one: a field for each."""
        values = [
            _typed(word)
            for part in self.query.split("&")
            if _name(part.encode("latin-1")) == name
            for word in part.partition("=")[2].split(",")
        ]
        return list(dict.fromkeys(values)) or [""]

    @property
    def has_more(self) -> bool:
        """Whether one of the filters is used that are not always seen."""
        return any(self.fields.get(name) for name in FILTER_NAMES if name not in ALWAYS_SEEN)

    @property
    def state_word(self) -> str:
        """What the violations shown are, in a word before the noun."""
        match self.filter.statuses:
            case (0,):
                return "active"
            case (1,):
                return "invalidated"
            case _:
                return "active or invalidated"


def read_asked(query_string: bytes, key: ApiKey) -> Asked:
    """What a query asks for, within what the key may see."""
    parts = [part for part in query_string.split(b"&") if part.partition(b"=")[2]]
    filters = b"&".join(part for part in parts if _name(part) != "page")
    fields = {_name(part): _typed(part.partition(b"=")[2].decode("latin-1")) for part in parts}
    try:
        parameters = read_parameters(b"&".join(parts), [*FILTER_NAMES, "page"])
        page = parameters.integer("page", 1, MOST_PAGES) or 1
        return Asked(read_filter(read_parameters(filters, FILTER_NAMES), key), page, filters.decode("latin-1"), fields)
    except Problem as problem:
        return Asked(ViolationFilter(visible_terminals=visible_terminals(key)), 1, "", fields, problem)


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"))


def _typed(text: str) -> str:
    """A value as a field of a form can show it."""
    return _UNTYPED.sub("\ufffd", unquote_plus(text))
