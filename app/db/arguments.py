"""The arguments of a statement while it is written, and conditions on lists, which the databases write differently."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import orjson

from app.db.statements import Dialect


@dataclass(slots=True)
class Arguments:
    """The arguments of one statement while it is written."""

    dialect: Dialect
    values: list[object] = field(default_factory=list)

    def add(self, value: object) -> str:
        """The placeholder of a further argument."""
        self.values.append(value)
        return f"${len(self.values)}"

    def one_of(self, column: str, words: Sequence[str]) -> str:
        """The condition that a column is one of some words; its text depends only on whether it is one or several."""
        if len(words) == 1:
            return f"{column} = {self.add(words[0])}"
        match self.dialect:
            case Dialect.SQLITE:
                listed = self.add(orjson.dumps(words).decode())
                return f"{column} IN (SELECT value FROM json_each({listed}))"
            case Dialect.POSTGRESQL:
                return f"{column} = ANY({self.add(list(words))}::text[])"
            case _:
                assert_never(self.dialect)

    def one_of_numbers(self, column: str, numbers: Sequence[int]) -> str:
        """The condition that a column is one of some numbers."""
        if len(numbers) == 1:
            return f"{column} = {self.add(numbers[0])}"
        self.values.append(list_argument(self.dialect, numbers))
        return f"{column} IN {any_of(self.dialect, len(self.values), 'bigint')}"

    def pairs(self, pairs: Sequence[tuple[str, int]]) -> str:
        """The right side of `(text, number) IN …`."""
        match self.dialect:
            case Dialect.SQLITE:
                listed = self.add(orjson.dumps(pairs).decode())
                return f"(SELECT value ->> 0, value ->> 1 FROM json_each({listed}))"
            case Dialect.POSTGRESQL:
                words, numbers = ([pair[n] for pair in pairs] for n in (0, 1))
                return f"(SELECT * FROM unnest({self.add(words)}::text[], {self.add(numbers)}::bigint[]))"
            case _:
                assert_never(self.dialect)

    def contains(self, column: str, part: str) -> str:
        """The condition that a text column has `part` in it."""
        match self.dialect:
            case Dialect.SQLITE:
                return f"instr({column}, {self.add(part)}) > 0"
            case Dialect.POSTGRESQL:
                return f"strpos({column}, {self.add(part)}) > 0"
            case _:
                assert_never(self.dialect)


def any_of(dialect: Dialect, number: int, sql_type: str = "text") -> str:
    """The right side of `column IN …` for a list parameter (see `list_argument`)."""
    match dialect:
        case Dialect.SQLITE:
            return f"(SELECT value FROM json_each(${number}))"
        case Dialect.POSTGRESQL:
            return f"(SELECT unnest(${number}::{sql_type}[]))"
        case _:
            assert_never(dialect)


def list_argument(dialect: Dialect, values: Iterable[str] | Iterable[int]) -> object:
    """A list as one statement argument."""
    match dialect:
        case Dialect.SQLITE:
            return orjson.dumps(list(values)).decode()
        case Dialect.POSTGRESQL:
            return list(values)
        case _:
            assert_never(dialect)
