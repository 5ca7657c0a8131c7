"""What a field of a record may hold: how one is read, what OpenAPI says of it, and the sentence when it is not.

For records that others define by tables of fields. One compiled validator reads a whole record; which fields there are
is said by the rooms that have them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic_core import CoreSchema, core_schema

from app.maven.faults import excerpt
from app.maven.ijson_grammar import Json

LONG_MOST = 2**63 - 1
UUID_PATTERN = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(UUID_PATTERN)


def read_uuid(text: str) -> str:
    """A UUID, as it was sent. Raises ValueError with a sentence."""
    if _UUID.fullmatch(text) is None:
        raise ValueError(f"must be a UUID such as 96e2d49f-abe4-4a65-a808-5d57917f93d9, not {excerpt(text)}")
    return text


@dataclass(frozen=True)
class Kind:
    """What a field may hold."""

    core: CoreSchema
    json_schema: Mapping[str, object]
    sentence: str
    """Goes on from the field's name."""
    parse: Callable[[str], str] | None = None
    """What is asked for the sentence when it is a string, but a wrong one."""

    def what_is_wrong(self, value: Json) -> str:
        """The rest of a sentence that begins with the field's name, for a value that was refused."""
        if isinstance(value, str) and self.parse is not None:
            try:
                self.parse(value)
            except ValueError as error:
                return str(error)
        return self.sentence


def whole(most: int, what: str = "", *, least: int | None = None) -> Kind:
    """A whole number, from `-most - 1` unless it is said."""
    least = -most - 1 if least is None else least
    return Kind(
        core_schema.int_schema(strict=True, ge=least, le=most),
        {"type": "integer", "minimum": least, "maximum": most},
        f"must be a whole number{what}",
    )


def text(most: int | None, least: int = 0) -> Kind:
    """A string of so many characters."""
    length = "" if most is None else f" of {least} to {most} characters" if least else f" of at most {most} characters"
    sizes = {name: n for name, n in (("minLength", least), ("maxLength", most)) if n}
    return Kind(
        core_schema.str_schema(strict=True, min_length=least or None, max_length=most),
        {"type": "string", **sizes},
        f"must be a string{length}",
    )


def parsed(parse: Callable[[str], str], form: Mapping[str, object], what: str) -> Kind:
    """A string that `parse` gives back in the form in which it is kept; it raises ValueError with a sentence."""
    core = core_schema.no_info_after_validator_function(parse, core_schema.str_schema(strict=True))
    return Kind(core, {"type": "string", **form}, f"must be a string with {what}", parse)


def number(least: float | None = None, most: float | None = None) -> Kind:
    """A finite number; a whole one stays whole."""
    bounds = {name: n for name, n in (("minimum", least), ("maximum", most)) if n is not None}
    core = core_schema.union_schema(
        [
            core_schema.int_schema(strict=True, ge=None if least is None else int(least), le=int(most or LONG_MOST)),
            core_schema.float_schema(strict=True, allow_inf_nan=False, ge=least, le=most),
        ],
        mode="left_to_right",
    )
    between = "" if least is None else f" from {least:g}" if most is None else f" from {least:g} to {most:g}"
    return Kind(core, {"type": "number", **bounds}, f"must be a number{between}")


def one_of(words: tuple[str, ...]) -> Kind:
    """A word of a closed list."""
    sentence = f"must be one of {', '.join(words)}"

    def parse(given: str) -> str:
        if given not in words:
            raise ValueError(f"{sentence}, not {excerpt(given)}")
        return given

    return Kind(core_schema.literal_schema(list(words)), {"type": "string", "enum": list(words)}, sentence, parse)


def list_of(item: Kind, most: int, sentence: str) -> Kind:
    """A list of at most so many."""
    core = core_schema.list_schema(item.core, strict=True, max_length=most)
    return Kind(core, {"type": "array", "items": item.json_schema, "maxItems": most}, sentence)


BOOLEAN = Kind(core_schema.bool_schema(strict=True), {"type": "boolean"}, "must be true or false")
OBJECT = Kind(core_schema.dict_schema(core_schema.str_schema(), strict=True), {"type": "object"}, "must be an object")
