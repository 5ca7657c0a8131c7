"""What one event says otherwise than another, field by field, for people. Pure."""

from collections.abc import Iterator

from pydantic import BaseModel

from app.maven.schema import ViolationData
from app.maven.times import format_time
from app.violations.telling import one_line

_PASSED_OVER = ("eventTime", "id")
_TIMES = ("startTime", "endTime")
LONGEST = 120


def differences(before: ViolationData, after: ViolationData) -> list[tuple[str, str | None, str | None]]:
    """Name of the field, and how it reads before and after; None where it is absent."""
    was, now = dict(_fields("", before)), dict(_fields("", after))
    return [
        (name, was.get(name), now.get(name))
        for name in dict.fromkeys([*was, *now])
        if name not in _PASSED_OVER and was.get(name) != now.get(name)
    ]


def _fields(prefix: str, model: BaseModel) -> Iterator[tuple[str, str]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _fields(f"{prefix}{name}.", value)
        elif value is not None:
            shown = format_time(value) if name in _TIMES and isinstance(value, int) else str(value)
            yield f"{prefix}{name}", one_line(shown, LONGEST) or ""
