"""Arrays of duty records on the wire: read whole or refused whole, and how a version of a record is written.

What a field may hold is `fields`' matter, what the registry knows of users and assets the store's.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from app.duty_log.fields import AUTOMATIC, FIELDS, check_edit, check_new, unknown_word, what_is_wrong
from app.duty_log.words import KNOWN_WORDS
from app.maven.faults import Fault, excerpt, point
from app.maven.ijson import decode, read_value, skip_space
from app.maven.ijson_grammar import Json, NotJson

Fields = dict[str, Json]
"""The fields of a record by their names, as they are kept: only what was sent, times in one form."""

MOST_FAULTS = 100
"""Faults told of one array."""

SLICE = 100
"""Records read at a stretch."""


@dataclass(frozen=True, slots=True)
class ItemFault:
    """What is wrong with one record of an array. The pointer is into the array; `item` is None for the whole of it."""

    item: int | None
    fault: Fault

    def shown(self) -> dict[str, object]:
        """The fault on the wire."""
        place = {} if self.item is None else {"item": self.item}
        return {**place, "pointer": self.fault.pointer, "detail": self.fault.detail}


class WrongRecords(Exception):
    """An array that cannot be kept; there is one fault at least."""

    def __init__(self, faults: Sequence[ItemFault], *, is_json: bool = True) -> None:
        super().__init__(faults[0].fault.detail)
        self.faults = faults
        self.is_json = is_json


def read_records(body: bytes, *, is_edit: bool, is_strict: bool) -> Iterator[list[Fields]]:
    """The records of a body, some at a time, so that others get a turn between: new ones, or edits with the `id` of
    what they edit.

    Raises `WrongRecords` for the whole array at its first fault or, after the last record, with all faults.
    """
    faults: list[ItemFault] = []
    items = _read_array(body)
    check = check_edit if is_edit else check_new
    for start in range(0, len(items), SLICE):
        some: list[Fields] = []
        for index, item in enumerate(items[start : start + SLICE], start):
            found, wrong = _read_one(item, index, check, is_edit, is_strict)
            faults.extend(wrong)
            some.append(found)
        if len(faults) >= MOST_FAULTS:
            raise WrongRecords(faults[:MOST_FAULTS])
        if not faults:
            yield some
    if faults:
        raise WrongRecords(faults)


def _read_array(body: bytes) -> list[Json]:
    try:
        text, is_suspicious = decode(body)
        start = skip_space(text, 0)
        value, end, faults = read_value(text, start, is_suspicious)
        end = skip_space(text, end)
        if end != len(text):
            raise NotJson.at(text, end, "the end of the body")
    except NotJson as error:
        raise WrongRecords([ItemFault(None, Fault("", error.detail))], is_json=False) from None
    if not isinstance(value, list):
        raise WrongRecords([ItemFault(None, Fault("", "The body must be an array of driver histories."))])
    if faults:
        raise WrongRecords([ItemFault(_item_of(fault), fault) for fault in faults[:MOST_FAULTS]])
    return value


def _item_of(fault: Fault) -> int | None:
    head = fault.pointer.split("/")[1:2]
    return int(head[0]) if head and head[0].isdecimal() else None


def _read_one(
    item: Json, index: int, check: Callable[[Any], Fields], is_edit: bool, is_strict: bool
) -> tuple[Fields, list[ItemFault]]:
    if not isinstance(item, dict):
        return {}, [ItemFault(index, Fault(point([index]), "must be an object, a driver history"))]
    for name in AUTOMATIC:
        if name in item and not (is_edit and name == "id"):
            del item[name]
    try:
        found = check(item)
    except ValidationError as error:
        return {}, _explain(item, index, error, is_edit)
    if is_strict:
        wrong = _strict_faults(found, index)
        if wrong:
            return {}, wrong
    if not is_edit:
        found = {name: value for name, value in found.items() if value is not None}
    try:
        orjson.dumps(found)
    except orjson.JSONEncodeError:
        return {}, [ItemFault(index, Fault(point([index]), "has a whole number of more than 64 bits"))]
    return found, []


def _explain(item: Mapping[str, Json], index: int, error: ValidationError, is_edit: bool) -> list[ItemFault]:
    faults: dict[str, ItemFault] = {}
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(found["loc"][0])
        if item.get(name) is None:
            needed = "the number of the record to edit" if name == "id" else "an edit" if is_edit else "a new record"
            detail = f"is required{':' if name == 'id' else ' for'} {needed}"
        else:
            detail = what_is_wrong(name, item[name])
        faults.setdefault(name, ItemFault(index, Fault(point([index, name]), detail)))
    return list(faults.values())


def _strict_faults(found: Fields, index: int) -> list[ItemFault]:
    wrong = []
    for name, value in found.items():
        if name not in FIELDS:
            wrong.append(ItemFault(index, Fault(point([index, name]), f"{excerpt(name)} is no field of this API")))
        elif name in KNOWN_WORDS and isinstance(value, str) and value not in KNOWN_WORDS[name]:
            wrong.append(ItemFault(index, Fault(point([index, name]), unknown_word(name, value))))
    return wrong


def digest_of(fields: Fields) -> bytes:
    """16 bytes by which a record that is sent again is known."""
    written = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(written, digest_size=16).digest()


def merge_edit(before: Fields, edit: Fields) -> Fields:
    """The fields of a record after an edit: what the edit leaves out stays, null takes away what is not required."""
    merged = {**before, **edit}
    return {name: value for name, value in merged.items() if value is not None}
