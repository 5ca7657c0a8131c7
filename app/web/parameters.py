"""Query strings, read strictly: an unknown name or a bad value is a problem, so that a typo never widens a query.

Owns how names and values are written (contract section 5): percent-encoded UTF-8, `+` for a space, a repeated
parameter and an unescaped comma both as *or*. Which parameters there are, and what they mean, is left to the
endpoints.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from app.maven.faults import excerpt
from app.maven.times import parse_log_date, parse_time
from app.web.problems import INVALID_PARAMETER, Problem

T = TypeVar("T")

DEFAULT_LIMIT = 100
MOST_LIMIT = 1000

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DIGITS = re.compile(r"[0-9]{1,18}")


def invalid_parameter(name: str, detail: str) -> Problem:
    """The problem that a parameter is: 400, with the parameter named in `errors`."""
    return Problem(INVALID_PARAMETER, f"{name} {detail}", errors=[{"parameter": name, "detail": detail}])


def read_parameters(query_string: bytes, allowed: Collection[str]) -> "Parameters":
    """Splits a query string into parameters. Raises `Problem` 400 for a name that is not allowed."""
    values: dict[str, list[bytes]] = {}
    for pair in query_string.split(b"&") if query_string else ():
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        name = _decode(raw_name, "A parameter name")
        if name not in allowed:
            known = f"the parameters here are {', '.join(sorted(allowed))}" if allowed else "there are none here"
            detail = f"The parameter {excerpt(name)} is not known; {known}."
            raise Problem(INVALID_PARAMETER, detail, errors=[{"parameter": name, "detail": detail}])
        values.setdefault(name, []).append(raw_value)
    return Parameters(values)


def _decode(raw: bytes, what: str) -> str:
    if b"%" not in raw and b"+" not in raw and raw.isascii():
        return raw.decode("ascii")
    if _BROKEN_ESCAPE.search(raw):
        raise Problem(INVALID_PARAMETER, f"{what} has a percent sign without two hexadecimal digits after it.")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(INVALID_PARAMETER, f"{what} is not UTF-8.") from None
    if "\0" in text:
        raise Problem(INVALID_PARAMETER, f"{what} contains NUL, which nothing here does.")
    return text


class Parameters:
    """The parameters of one request. Every reader gives None (or its default) when the parameter is absent, and raises
    `Problem` 400 when it is empty, repeated where it may occur once, or of another kind."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, list[bytes]]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """One text, commas included."""
        raw = self._values.get(name)
        if raw is None:
            return None
        if len(raw) > 1:
            raise invalid_parameter(name, "may be given once.")
        return self._word(name, raw[0])

    def words(self, name: str) -> tuple[str, ...] | None:
        """The texts of which any may match, each once, in the order given."""
        raw = self._values.get(name)
        if raw is None:
            return None
        return tuple(dict.fromkeys(self._word(name, word) for value in raw for word in value.split(b",")))

    def listed(self, name: str) -> tuple[str, ...] | None:
        """The same of values that have no commas: also those part them that a client escaped, as some do with all."""
        raw = self._values.get(name)
        if raw is None:
            return None
        words = (word for value in raw for word in self._word(name, value).split(","))
        return tuple(dict.fromkeys(self._filled(name, word) for word in words))

    def listed_or_whole(self, name: str) -> tuple[str, ...] | None:
        """The same of values that hardly have commas: an escaped one parts them or belongs to one; either may match."""
        parts, words = self.listed(name), self.words(name)
        return None if parts is None or words is None else tuple(dict.fromkeys((*parts, *words)))

    def _filled(self, name: str, word: str) -> str:
        if not word:
            raise invalid_parameter(name, "must not be empty.")
        return word

    def _word(self, name: str, raw: bytes) -> str:
        return self._filled(name, _decode(raw, name))

    def some_of(self, name: str, choices: Sequence[str]) -> tuple[str, ...] | None:
        """Some of a closed list of words."""
        words = self.listed(name)
        for word in words or ():
            _check_choice(name, word, choices)
        return words

    def one_of(self, name: str, choices: Sequence[str]) -> str | None:
        """One of a closed list of words."""
        word = self.text(name)
        if word is not None:
            _check_choice(name, word, choices)
        return word

    def boolean(self, name: str) -> bool | None:
        """`true` or `false`."""
        word = self.one_of(name, ("true", "false"))
        return None if word is None else word == "true"

    def integer(self, name: str, least: int, most: int) -> int | None:
        """A whole number in ASCII digits, `least` and `most` included."""
        text = self.text(name)
        if text is None:
            return None
        if _DIGITS.fullmatch(text) is None or not least <= int(text) <= most:
            raise invalid_parameter(name, f"must be a whole number from {least} to {most}, not {excerpt(text)}.")
        return int(text)

    def time(self, name: str) -> int | None:
        """An instant in microseconds since 1970 UTC, from ISO 8601. The `+` of an offset may have come as a space."""
        return self._parsed(name, lambda text: parse_time(text.replace(" ", "+")))

    def log_date(self, name: str) -> str | None:
        """A day written YYYY-MM-DD."""
        return self._parsed(name, parse_log_date)

    def _parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise invalid_parameter(name, f"{error}.") from None

    def limit(self) -> int:
        """How many items a page may have: `limit`, 1 to 1000, 100 when absent."""
        limit = self.integer("limit", 1, MOST_LIMIT)
        return DEFAULT_LIMIT if limit is None else limit


def _check_choice(name: str, word: str, choices: Sequence[str]) -> None:
    if word not in choices:
        raise invalid_parameter(name, f"must be one of {', '.join(choices)}, not {excerpt(word)}.")
