"""Whole numbers of more than 64 bits, which JSON may have and which cannot be written down as they are."""

from decimal import Decimal

import orjson

from app.maven.ijson_grammar import Json

BEYOND = "has a whole number of more than 64 bits"
"""Goes on from the name of a member that cannot be written."""


def writable(members: dict[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """The members as they can be written as JSON, and the names of those that cannot: whole numbers beyond 64 bits are
    no numbers to most who read them, unless a double writes down the same, such as 1e20.
    """
    if _is_writable(members):
        return members, []
    found = {name: _with_doubles(value) for name, value in members.items()}
    return found, [name for name, value in found.items() if not _is_writable(value)]


def _is_writable(value: Json) -> bool:
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _with_doubles(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _with_doubles(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_doubles(inner) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        double = float(value)
        return double if int(Decimal(repr(double))) == value else value
    return value
