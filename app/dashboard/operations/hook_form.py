"""The form for a new hook: its fields as typed, the hook they ask for, and what is wrong, said beside the field.

What a hook may be is `hooks.schema`'s to say; here its JSON is made from a form, and its pointers are led back to it.
"""

from dataclasses import dataclass, field

import orjson

from app.dashboard.pages import Form
from app.hooks.schema import NewHook, WrongHook, read_body
from app.maven.faults import Fault, is_sentence

LISTS = {
    "terminalCodes": "Terminals",
    "types": "Types",
    "rulesets": "Rulesets",
    "driverIds": "Driver ids",
}
"""Filter fields of which any of several may match; one a line."""

CHOICES = ("egregious", "safetyCritical")
"""Filter fields that are yes, no, or left out."""

PLACES = {
    "/name": "name",
    "/kind": "kind",
    "/url": "url",
    "/events": "events",
    **{f"/filter/{name}": name for name in LISTS},
    "/filter/minDurationMinutes": "minDurationMinutes",
    "/filter/egregious": "egregious",
    "/filter/safetyCritical": "safetyCritical",
    "/threshold/withinDays": "withinDays",
    "/threshold": "atLeast",
    "/digest/zone": "zone",
    "/digest": "at",
}
"""Pointers, and the fields of the form that what is at them, or within, was typed in; the first that fits counts."""

_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class HookForm:
    """What was typed, and what is wrong with it: sentences by names of fields, those of no field by an empty one."""

    typed: dict[str, str] = field(default_factory=dict)
    events: frozenset[str] = frozenset()
    errors: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field as it was typed."""
        return self.typed.get(name, "")

    def wrong(self, name: str) -> list[str]:
        """What is wrong with a field."""
        return self.errors.get(name, [])


def typed_of(form: Form, error: WrongHook | None = None) -> HookForm:
    """A form that is shown again."""
    errors: dict[str, list[str]] = {}
    for fault in error.faults if error is not None else ():
        errors.setdefault(_place(fault.pointer), []).append(_sentence(fault))
    return HookForm(
        {name: value for name, value in form.fields if name != "token"}, frozenset(form.all("events")), errors
    )


def asked_of(form: Form) -> NewHook:
    """The hook that a form asks for. Raises `WrongHook`."""
    asked: dict[str, object] = {
        "name": form.text("name"),
        "url": form.text("url"),
        "kind": form.text("kind"),
        "enabled": form.get("enabled") is not None,
        "filter": _filter(form),
        "threshold": _whole({"atLeast": _number(form.text("atLeast")), "withinDays": _number(form.text("withinDays"))}),
        "digest": _whole({"at": form.text("at"), "zone": form.text("zone")}),
    }
    if form.all("events"):
        asked["events"] = form.all("events")
    return read_body(NewHook, orjson.dumps(asked))


def _filter(form: Form) -> dict[str, object]:
    asked: dict[str, object] = {name: _lines(form.text(name)) for name in LISTS if _lines(form.text(name))}
    if form.text("minDurationMinutes"):
        asked["minDurationMinutes"] = _number(form.text("minDurationMinutes"))
    for name in CHOICES:
        if form.text(name):
            asked[name] = {"true": True, "false": False}.get(form.text(name), form.text(name))
    return asked


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _number(text: str) -> int | str:
    """A whole number; what is none is left for the schema to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else text


def _whole(parts: dict[str, int | str]) -> dict[str, int | str] | None:
    """The parts of a pair that were typed; None for none of them."""
    return {name: value for name, value in parts.items() if value != ""} or None


def _place(pointer: str) -> str:
    return next((name for place, name in PLACES.items() if pointer == place or pointer.startswith(f"{place}/")), "")


def _sentence(fault: Fault) -> str:
    return fault.detail if is_sentence(fault) else f"It {fault.detail}"
