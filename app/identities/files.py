"""Files of drivers, vehicles and home terminals: CSV with a header, or JSON, told apart by their first character.

Owns where in a file something stands, and the sentences for what is no such file. What a row may hold is left to
`schema`, whose it is to `merging`.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel

from app.identities.merging import Misfit
from app.identities.schema import (
    Entry,
    GivenAsset,
    GivenDriver,
    GivenTerminal,
    GivenVehicle,
    Values,
    WrongIdentity,
    check_asset,
    check_driver,
    check_terminal,
    check_vehicle,
)
from app.maven.faults import Fault, excerpt
from app.maven.ijson import Json, NotJson, decode, expect_end, read_value, skip_space

DELIMITERS = ",;\t"
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBERS = ("userId", "assetId", "homeTerminalId")


class Kind(StrEnum):
    """What may be registered, by the members of a JSON file."""

    DRIVERS = "drivers"
    ASSETS = "assets"
    TERMINALS = "terminals"
    VEHICLES = "vehicles"


_MODELS: dict[Kind, tuple[type[BaseModel], Callable[[object], Values]]] = {
    Kind.DRIVERS: (GivenDriver, check_driver),
    Kind.ASSETS: (GivenAsset, check_asset),
    Kind.TERMINALS: (GivenTerminal, check_terminal),
    Kind.VEHICLES: (GivenVehicle, check_vehicle),
}


@dataclass
class Sheet:
    """What was read: rows, by what they are of, and what is wrong."""

    entries: dict[Kind, list[Entry]] = field(default_factory=dict)
    """A kind is in it when the file speaks of it, even with no row."""
    misfits: list[Misfit] = field(default_factory=list)

    def add(self, kind: Kind, given: object, place: str) -> None:
        """Takes one row in, or notes what is wrong with it."""
        try:
            self.entries.setdefault(kind, []).append(Entry(place, _MODELS[kind][1](given)))
        except WrongIdentity as error:
            self.misfits += [Misfit(place, fault.pointer[1:], fault.detail) for fault in error.faults]


def read_sheet(raw: bytes, name: str, kinds: Sequence[Kind], sheet: Sheet) -> None:
    """Adds the rows of a file, which are of the first of `kinds`, or by a JSON object's members of any of them.

    What is wrong is noted in the sheet.
    """
    try:
        text, is_suspicious = decode(raw)
    except NotJson as error:
        where = error.detail.partition("it is ")[2]
        sheet.misfits.append(Misfit(name, "", f"is {where} Save it as UTF-8."))
        return
    start = skip_space(text, 0)
    if text[start : start + 1] in ("[", "{"):
        _read_json(text, start, is_suspicious, name, kinds, sheet)
    else:
        _read_csv(text, name, kinds[0], sheet)


def _read_json(text: str, start: int, is_suspicious: bool, name: str, kinds: Sequence[Kind], sheet: Sheet) -> None:
    try:
        value, end, faults = read_value(text, start, is_suspicious)
        expect_end(text, end)
    except NotJson as error:
        detail = error.detail.replace("The body", "").replace("the body", "the file").strip()
        sheet.misfits.append(Misfit(name, "", detail))
        return
    if faults:
        sheet.misfits += [_located(fault, name, isinstance(value, list)) for fault in faults]
        return
    if isinstance(value, list):
        _add_items(value, kinds[0], f"{name}, item", sheet)
        return
    assert isinstance(value, dict)
    for member, items in value.items():
        place = f"{name}, {excerpt(member)}"
        if member not in kinds:
            sheet.misfits.append(Misfit(place, "", f"is not known. The members here are {', '.join(kinds)}."))
        elif not isinstance(items, list):
            sheet.misfits.append(Misfit(f"{name}, {member}", "", "must be an array."))
        else:
            _add_items(items, Kind(member), f"{name}, {member} item", sheet)


def _located(fault: Fault, name: str, is_array: bool) -> Misfit:
    """What I-JSON forbids (RFC 7493), with its place told as that of a row is."""
    path = fault.pointer.split("/")[1:]
    place = [] if is_array else path[:1]
    path = path[len(place) :]
    if path and path[0].isdecimal():
        place.append(f"item {int(path.pop(0)) + 1}")
    return Misfit(f"{name}, {' '.join(place)}" if place else name, "/".join(path), f"{fault.detail}.")


def _add_items(items: Sequence[Json], kind: Kind, place: str, sheet: Sheet) -> None:
    sheet.entries.setdefault(kind, [])
    for number, item in enumerate(items, 1):
        sheet.add(kind, item, f"{place} {number}")


def _read_csv(text: str, name: str, kind: Kind, sheet: Sheet) -> None:
    known = list(_MODELS[kind][0].model_fields)
    rows = _rows(text, name, sheet)
    place, header = next(rows, (name, []))
    if not header:
        if not sheet.misfits:
            sheet.misfits.append(
                Misfit(name, "", f"is empty. Its first line has names of columns: {', '.join(known)}.")
            )
        return
    wrong = [Misfit(place, "", _unknown(column, known)) for column in header if column not in known]
    twice = [Misfit(place, column, "stands there twice.") for column in known if header.count(column) > 1]
    if wrong or twice:
        sheet.misfits += [*wrong, *twice]
        return
    sheet.entries.setdefault(kind, [])
    for place, cells in rows:
        if len(cells) != len(header):
            sheet.misfits.append(
                Misfit(
                    place, "", f"has another number of cells than the header: {len(cells)} instead of {len(header)}."
                )
            )
            continue
        sheet.add(
            kind, {column: _value(column, cell) for column, cell in zip(header, cells, strict=True) if cell}, place
        )


def _rows(text: str, name: str, sheet: Sheet) -> Iterator[tuple[str, list[str]]]:
    """The rows that are not blank, each with its place; cells without the space around them."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        place = f"{name}, line {rows.line_num + 1}"
        try:
            cells = [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error as error:
            sheet.misfits.append(Misfit(place, "", f"is no CSV: {error}."))
            return
        if any(cells):
            yield place, cells


def _delimiter(text: str) -> str:
    """What separates the names in the header."""
    header = text.lstrip().partition("\n")[0]
    return max(DELIMITERS, key=header.count)


def _unknown(column: str, known: Sequence[str]) -> str:
    told = f"has the column {excerpt(column)}, which is not known" if column else "has a column without a name"
    return f"{told}. The columns here are {', '.join(known)}."


def _value(column: str, cell: str) -> object:
    return int(cell) if column in _NUMBERS and _WHOLE.fullmatch(cell) else cell
