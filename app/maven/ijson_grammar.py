"""What the quick and the slow reader of JSON share: values, numbers, white space, and the refusal of what is no JSON.

A JSON number stands for a Python int when it is whole and for a double otherwise, however it is written, so that equal
numbers are equal values. The readers themselves are `ijson` and `ijson_faults`.
"""

import re
import sys
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

MAX_DEPTH = 64
EXACT_INTEGERS = 2.0**53  # below, a whole double is the number that was written

_SPACE = re.compile(r"[ \t\n\r]*")
_MAX_DOUBLE = sys.float_info.max
_DOUBLE_DIGITS = 309


class NotJson(Exception):
    """The body is not JSON. `detail` says where, and what was expected there."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @classmethod
    def at(cls, text: str, index: int, expected: str) -> "NotJson":
        """The refusal at a place in the text; lines and columns count from 1, columns in characters."""
        line = text.count("\n", 0, index) + 1
        column = index - text.rfind("\n", 0, index)
        found = "the body ends" if index >= len(text) else "something else stands there"
        return cls(f"The body is not JSON: at line {line}, column {column}, {expected} was expected, but {found}.")


class NumberTooLarge(ValueError):
    """A number is beyond what a double can hold."""


def skip_space(text: str, index: int) -> int:
    """Where the next character that is no JSON white space stands, or the end of the text."""
    match = _SPACE.match(text, index)
    return index if match is None else match.end()


def expect_end(text: str, index: int) -> None:
    """Raises NotJson when anything but white space follows."""
    end = skip_space(text, index)
    if end != len(text):
        raise NotJson.at(text, end, "the end of the body")


def read_integer(digits: str) -> int:
    """The value of a JSON number without fraction and exponent. Raises NumberTooLarge."""
    if len(digits) < _DOUBLE_DIGITS:
        return int(digits)
    if len(digits) > _DOUBLE_DIGITS + 1:  # with a sign; and int() refuses thousands of digits with an error of its own
        raise NumberTooLarge
    value = int(digits)
    try:
        float(value)
    except OverflowError:
        raise NumberTooLarge from None
    return value


def read_fraction(text: str) -> int | float:
    """The value of a JSON number with a fraction or an exponent. Raises NumberTooLarge."""
    value = float(text)
    if not value.is_integer():
        if not -_MAX_DOUBLE <= value <= _MAX_DOUBLE:
            raise NumberTooLarge
        return value
    if -EXACT_INTEGERS < value < EXACT_INTEGERS:
        return int(value)
    # Past 2^53 a double may no longer be the number that was written: 1e23 has to equal 100000000000000000000000.
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else int(value)
