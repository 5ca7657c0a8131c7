"""What `doctor` finds: one line each, how grave it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was found, and what to do about it."""

    grade: Grade
    what: str
    to_do: str = ""

    def __str__(self) -> str:
        return f"{self.grade:<4}  {self.what}{' — ' if self.to_do else ''}{self.to_do}"


def ok(what: str) -> Finding:
    """All is well."""
    return Finding(Grade.OK, what)


def warn(what: str, to_do: str) -> Finding:
    """Works, but somebody should know."""
    return Finding(Grade.WARN, what, to_do)


def failing(what: str, to_do: str) -> Finding:
    """Does not work, or loses what it promises to keep."""
    return Finding(Grade.FAIL, what, to_do)
