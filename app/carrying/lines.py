"""Everything as lines of JSON: written from contents, and read back without a difference.

The first line says format and schema version. Then comes table after table, a row on each line, with the columns of the
database: times are microseconds since 1970 UTC, bytes are text where they are UTF-8 and base64 otherwise. Every
`CHECK_ROWS` rows, after each table and at the end a line has the SHA-256 of all bytes before it, so that a file that
was cut short or altered is known, and where. Two databases have the same lines exactly when they hold the same.
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

import orjson

from app.carrying.contents import Content, Portion, TableEnd
from app.carrying.tables import TABLES, CarriedTable, Values
from app.db.version import HEAD

FORMAT = "hos-receiver everything"
FORMAT_VERSION = 1
CHECK_ROWS = 1000
PORTION_ROWS = 500
LONGEST_LINE = 1 << 29
"""Bytes. Longer than any row can be, and short enough for the memory of a machine."""

_PORTION_BYTES = 4 * 1024 * 1024


class LineWriter:
    """Makes lines of contents, in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._rows = 0
        """Of the table that is being written."""
        self.all_rows = 0

    @property
    def sha256(self) -> str:
        """Of all lines made so far, in hex."""
        return self._digest.hexdigest()

    def begin(self) -> bytes:
        """The first line."""
        return self._line({"format": FORMAT, "version": FORMAT_VERSION, "schema": HEAD})

    def add(self, content: Content) -> bytes:
        """The lines of what comes next."""
        if isinstance(content, Portion):
            return b"".join(self._row(content.table, values) for values in content.rows)
        end: dict[str, object] = {"end": content.table.name, "rows": content.rows}
        if content.last_number is not None:
            end["lastNumber"] = content.last_number
        self._rows = 0
        return self._line({**end, "sha256": self.sha256})

    def end(self) -> bytes:
        """The last line."""
        return self._line({"end": "everything", "rows": self.all_rows, "sha256": self.sha256})

    def _row(self, table: CarriedTable, values: Values) -> bytes:
        row = {
            name: _bytes_as_json(value) if isinstance(value, bytes) else value
            for name, value in zip(table.shape.columns, values, strict=True)
        }
        line = self._line({"table": table.name, "row": row})
        self._rows += 1
        self.all_rows += 1
        if self._rows % CHECK_ROWS == 0:
            line += self._line({"check": self.sha256})
        return line

    def _line(self, value: dict[str, object]) -> bytes:
        line = orjson.dumps(value) + b"\n"
        self._digest.update(line)
        return line


def _bytes_as_json(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


class NotAsWritten(Exception):
    """A file is not what was once written. The message begins with the number of the line."""


class LineReader:
    """Reads contents back from a file. Raises `NotAsWritten` at the first line that cannot be right."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._sha256 = ""
        """Of the lines before the present one."""
        self._number = 0
        self._sound_to = 0
        """The last line that is known to be as it was written."""

    def contents(self) -> Iterator[Content]:
        """Everything, in order. Blocks while the file is read. Raises also `OSError`."""
        self._read_begin()
        total = 0
        for table in TABLES:
            count = 0
            for content in self._table(table):
                if isinstance(content, TableEnd):
                    count = content.rows
                yield content
            total += count
        line = self._next()
        self._require(line.keys() == {"end", "rows", "sha256"} and line["end"] == "everything", "is not the last line")
        self._check(line["sha256"])
        self._require(line["rows"] == total, f"speaks of {line['rows']} rows; there are {total}")
        self._number += 1
        self._require(not self._file.read(1), "comes after the end")

    def _read_begin(self) -> None:
        try:
            line = self._next()
        except NotAsWritten as error:
            raise NotAsWritten(f"{error}; is it an export of everything?") from None
        self._require(line.get("format") == FORMAT, "does not say that this is an export of everything")
        self._require(
            line.get("version") == FORMAT_VERSION, f"says format version {line.get('version')}, not {FORMAT_VERSION}"
        )
        self._require(
            line.get("schema") == HEAD,
            f"says schema version {line.get('schema')}, and this program has {HEAD}: import it with the version of"
            " hos-receiver that wrote it, and upgrade then",
        )

    def _table(self, table: CarriedTable) -> Iterator[Content]:
        rows: list[Values] = []
        size = count = 0
        last_key: tuple[object, ...] = ()
        keys = [table.shape.columns.index(name) for name in table.shape.key]
        while True:
            line = self._next()
            if "end" in line:
                break
            values = self._values(table, line)
            key = tuple(values[n] for n in keys)
            self._require(key > last_key, "is not in its order")
            last_key = key
            rows.append(values)
            count += 1
            size += sum(len(value) for value in values if isinstance(value, bytes))
            if len(rows) >= PORTION_ROWS or size >= _PORTION_BYTES:
                yield Portion(table, rows)
                rows, size = [], 0
            if count % CHECK_ROWS == 0:
                check = self._next()
                self._require(check.keys() == {"check"}, "has no check sum")
                self._check(check["check"])
        if rows:
            yield Portion(table, rows)
        last = line.get("lastNumber")
        expected = {"end", "rows", "sha256"} | ({"lastNumber"} if table.never_reuses_numbers else set())
        self._require(line.keys() == expected and line["end"] == table.name, f"is not the end of {table.name}")
        self._require(last is None or (type(last) is int and 0 <= last < 1 << 63), "has no right lastNumber")
        self._check(line["sha256"])
        self._require(line["rows"] == count, f"speaks of {line['rows']} rows; there are {count}")
        yield TableEnd(table, count, last)

    def _values(self, table: CarriedTable, line: dict[str, Any]) -> Values:
        self._require(line.keys() == {"table", "row"} and line["table"] == table.name, f"is no row of {table.name}")
        row = line["row"]
        self._require(
            isinstance(row, dict) and tuple(row) == table.shape.columns, f"has not the columns of {table.name}"
        )
        values: list[object] = []
        for name, kind, may_be_null in zip(table.shape.columns, table.types, table.nullable, strict=True):
            value = row[name]
            if kind is bytes and value is not None:
                value = self._bytes(name, value)
            is_right = may_be_null if value is None else type(value) is kind
            self._require(is_right, f"has a wrong value in {name}")
            if kind is int and value is not None:
                self._require(-(1 << 63) <= value < 1 << 63, f"has a wrong number in {name}")
            values.append(value)
        return tuple(values)

    def _bytes(self, name: str, value: object) -> bytes:
        if isinstance(value, str):
            return value.encode()
        self._require(isinstance(value, dict) and value.keys() == {"base64"}, f"has a wrong value in {name}")
        assert isinstance(value, dict)
        try:
            return base64.b64decode(value["base64"], validate=True)
        except (ValueError, TypeError):
            self._refuse(f"has wrong base64 in {name}")

    def _next(self) -> dict[str, Any]:
        self._sha256 = self._digest.hexdigest()
        line = self._file.readline(LONGEST_LINE)
        self._number += 1
        self._require(bool(line), "is missing: the file was cut short")
        self._require(len(line) < LONGEST_LINE, "is too long")
        self._require(line.endswith(b"\n"), "has no end: the file was cut short")
        self._digest.update(line)
        try:
            value = orjson.loads(line)
        except ValueError:
            self._refuse("is not JSON")
        self._require(isinstance(value, dict), "is no JSON object")
        found: dict[str, Any] = value
        return found

    def _check(self, sha256: object) -> None:
        """The lines before the present one are those that were written."""
        if sha256 != self._sha256:
            self._refuse(f"says that a line after line {self._sound_to} is not as it was written")
        self._sound_to = self._number

    def _require(self, is_right: bool, otherwise: str) -> None:
        if not is_right:
            self._refuse(otherwise)

    def _refuse(self, what: str) -> NoReturn:
        raise NotAsWritten(f"line {self._number} {what}")
