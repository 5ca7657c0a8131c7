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
from app.duty_log.words import KNOWN_WORDS, RecordStatus
from app.maven.faults import Fault, excerpt, point
from app.maven.ijson import decode, expect_end, read_object, read_value, skip_space
from app.maven.ijson_grammar import Json, NotJson
from app.maven.long_numbers import BEYOND, writable

Fields = dict[str, Json]
"""The fields of a record by their names, as they are kept: only what was sent, times in one form."""

MOST_FAULTS = 100
"""Faults told of one array."""

MOST_RECORDS = 10_000
"""Of one array: it is written in one transaction."""

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


class TooManyRecords(Exception):
    """An array has more than `MOST_RECORDS`."""


def read_records(body: bytes, *, is_edit: bool, is_strict: bool) -> Iterator[list[Fields]]:
    """The records of a body, some at a time, so that others get a turn between: new ones, or edits with the `id` of
    what they edit.

    Raises `TooManyRecords`, and `WrongRecords` for the whole array: at its hundredth fault or, after the last record,
    with all of them.
    """
    faults: list[ItemFault] = []
    check = check_edit if is_edit else check_new
    some: list[Fields] = []
    try:
        for index, (item, wrong) in enumerate(_read_items(body)):
            if index == MOST_RECORDS:
                raise TooManyRecords
            if wrong:
                faults.extend(ItemFault(index, _within(index, fault)) for fault in wrong)
            else:
                found, told = _read_one(item, index, check, is_edit, is_strict)
                faults.extend(told)
                some.append(found)
            if len(faults) >= MOST_FAULTS:
                break
            if len(some) == SLICE:
                if not faults:
                    yield some
                some = []
    except NotJson as error:
        raise WrongRecords([ItemFault(None, Fault("", error.detail))], is_json=False) from None
    if faults:
        raise WrongRecords(faults[:MOST_FAULTS])
    yield some


def _read_items(body: bytes) -> Iterator[tuple[Json, tuple[Fault, ...]]]:
    """The items of the array that a body is, each with its faults against I-JSON. Raises `NotJson`, and `WrongRecords`
    for another value.
    """
    text, is_suspicious = decode(body)
    at = skip_space(text, 0)
    if not text.startswith("[", at):
        _, end, _ = read_value(text, at, is_suspicious)
        expect_end(text, end)
        raise WrongRecords([ItemFault(None, Fault("", "The body must be an array of driver histories."))])
    at = skip_space(text, at + 1)
    if text.startswith("]", at):
        expect_end(text, at + 1)
        return
    while True:
        quick = None if is_suspicious or not text.startswith("{", at) else read_object(text, at)
        value, end, faults = (*quick, ()) if quick is not None else read_value(text, at, is_suspicious)
        yield value, faults
        at = skip_space(text, end)
        if text.startswith("]", at):
            expect_end(text, at + 1)
            return
        if not text.startswith(",", at):
            raise NotJson.at(text, at, "a comma or ]")
        at = skip_space(text, at + 1)


def _within(index: int, fault: Fault) -> Fault:
    """The fault of an item with a pointer into the array."""
    return Fault(f"/{index}{fault.pointer}", fault.detail)


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
    found, beyond = writable(found)
    return found, [ItemFault(index, Fault(point([index, name]), BEYOND)) for name in beyond]


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


ASKED_BY = ("changeRequestedBy", "changeRequestedByName")
"""Who asked for an edit: given out of edited records alone, as VisTracks' page has it."""


def is_edited(fields: Fields) -> bool:
    """Whether somebody has edited a record, or asks for that."""
    return fields.get("driverEdit") is True or fields["recordStatus"] != RecordStatus.ACTIVE.word


def given_out(shown: bytes) -> bytes:
    """A record's JSON as it is answered."""
    if b'"changeRequestedBy' not in shown:
        return shown
    fields: Fields = orjson.loads(shown)
    return shown if is_edited(fields) else orjson.dumps(without_requester(fields))


def without_requester(fields: Fields) -> Fields:
    """The fields of a record but those of who asked for an edit."""
    return {name: value for name, value in fields.items() if name not in ASKED_BY}


def merge_edit(before: Fields, edit: Fields) -> Fields:
    """The fields of a record after an edit: what the edit leaves out stays, null takes away what is not required."""
    merged = {**before, **edit}
    return {name: value for name, value in merged.items() if value is not None}
