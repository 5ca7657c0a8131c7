"""The types of Violation Data's fields: strict strings, instants, log dates, durations, numbers and single objects.

Owns how one JSON value becomes one attribute, and what OpenAPI says of it. As much as possible runs inside pydantic's
compiled validators; a Python function is called only where a string has to be read. The table of fields is `schema`,
the grammar of times `times`.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic.types import StringConstraints
from pydantic_core import CoreSchema, core_schema

from app.maven.times import format_time, parse_duration, parse_log_date, parse_time

MAX_IDENTIFIER = 255

_NUMERIC = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class NumberBetween:
    """A finite float within bounds, from a JSON number or a numeric string; a boolean is no number."""

    least: float | None = None
    most: float | None = None

    def read(self, text: str) -> float:
        """Read a numeric string. Raises ValueError."""
        if _NUMERIC.fullmatch(text) is None:
            raise ValueError("no number")
        value = float(text)
        if not self.allows(value):
            raise ValueError("out of bounds")
        return value

    def allows(self, value: float) -> bool:
        """Whether the value is finite and within the bounds."""
        if not math.isfinite(value):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __get_pydantic_core_schema__(self, source: type[float], handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.float_schema(strict=True, allow_inf_nan=False, ge=self.least, le=self.most)
        text = core_schema.no_info_after_validator_function(self.read, core_schema.str_schema(strict=True))
        return core_schema.union_schema([number, text], mode="left_to_right")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number: JsonSchemaValue = {"type": "number"}
        if self.least is not None:
            number["minimum"] = self.least
        if self.most is not None:
            number["maximum"] = self.most
        if handler.mode == "serialization":
            return number
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_NUMERIC.pattern}$"}]}


@dataclass(frozen=True, slots=True)
class _StringRead:
    """A strict string that a function turns into the attribute, and another one back."""

    read: Callable[[str], object]
    write: Callable[[int], str] | None
    json_schema: tuple[tuple[str, str], ...]

    def __get_pydantic_core_schema__(self, source: type[object], handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True)
        if self.write is None:
            return core_schema.no_info_after_validator_function(self.read, text)
        back = core_schema.plain_serializer_function_ser_schema(self.write, return_schema=core_schema.str_schema())
        return core_schema.no_info_after_validator_function(self.read, text, serialization=back)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", **dict(self.json_schema)}


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


def unwrap(value: object) -> object:
    """Take the object out of an array of at most one: Maven's table says array, its examples show the object.

    An empty array is no object. Raises ValueError for any other array.
    """
    if type(value) is list:
        if not value:
            return None
        if len(value) > 1 or type(value[0]) is not dict:
            raise ValueError("no array of at most one object")
        return value[0]
    return value


Text = Annotated[str, Strict()]
Identifier = Annotated[str, Strict(), StringConstraints(min_length=1, max_length=MAX_IDENTIFIER)]
Instant = Annotated[int, _StringRead(parse_time, format_time, (("format", "date-time"),))]
LogDate = Annotated[str, _StringRead(parse_log_date, None, (("format", "date"),))]
Duration = Annotated[str, _StringRead(_check_duration, None, (("pattern", "^[0-9]{1,4}:[0-5][0-9]$"),))]
Number = Annotated[float, NumberBetween()]
Latitude = Annotated[float, NumberBetween(-90, 90)]
Longitude = Annotated[float, NumberBetween(-180, 180)]
Unwrapped = BeforeValidator(unwrap)
