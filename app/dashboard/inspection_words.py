"""How inspections read on a page: defects, types and results in words, how long a defect is open, odometers. Pure.

Filters of the templates. What others wrote is theirs to clean (`words`), and is escaped as everything is.
"""

from collections.abc import Callable, Mapping

from app.dashboard.words import NOT_KNOWN, clean
from app.inspections.overview import Inspection, Unforwarded
from app.inspections.schema import listed_defects
from app.inspections.words import DEFECT_CORRECTED, DEFECT_NOTED, NO_DEFECT
from app.maven.ijson_grammar import Json
from app.maven.times import DAY, parse_time
from app.violations.telling import cut, one_line

_TYPES = {"pre_trip": "Pre-trip", "post_trip": "Post-trip", "mechanic": "Mechanic's"}
_DEFECTS = {
    "belts_hoses": "Belts, hoses",
    "defroster_heater": "Defroster, heater",
    "lights_front": "Lights, front",
    "lights_general": "Lights, general",
    "lights_rear": "Lights, rear",
    "suspension_under": "Suspension, underneath",
    "tire_chains_rear": "Tire chains, rear",
    "unset": "Part not named",
    "wheels_rims": "Wheels, rims",
}
_RESULTS = {
    NO_DEFECT: ("no defect", "is-done"),
    DEFECT_NOTED: ("defects noted", "is-open"),
    DEFECT_CORRECTED: ("defects corrected", "is-done"),
}
_MOST_NOTE = 2000
_SHORT_ID = 8
_MOST_NAMED = 8
_VAST = 1e12


def defect_words(kind: str) -> str:
    """A kind of defect: `brake_connections` is `Brake connections`."""
    return _DEFECTS.get(kind) or kind.replace("_", " ").capitalize()


def inspection_words(kind: str) -> str:
    """A kind of inspection: `Pre-trip inspection`, or no more than `Inspection` when it was not said."""
    return f"{_TYPES[kind]} inspection" if kind in _TYPES else "Inspection"


def result_of(inspection: Inspection) -> tuple[str, str]:
    """What a report says of defects as a whole, and the class of its tag."""
    if inspection.status in _RESULTS:
        return _RESULTS[inspection.status]
    if inspection.is_correction:
        return _RESULTS[DEFECT_CORRECTED]
    return _RESULTS[DEFECT_NOTED] if inspection.defect_count or inspection.listed else ("no status", "")


def open_for(since: int, now: int) -> str:
    """How long a defect is open, in whole days; both are microseconds since 1970 UTC."""
    days = (now - since) // DAY
    return "under a day" if days < 1 else f"{days:,} day{'' if days == 1 else 's'}"


def odometer(inspection: Inspection) -> str | None:
    """The odometer with its unit as it was reported; None when it was not."""
    value, unit = inspection.fields.get("odometer"), inspection.text("odometer_unit")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    number = f"{value:g}" if value >= _VAST else f"{value:,.1f}".removesuffix(".0")
    return f"{number} {unit or '(unit not said)'}"


def short_id(text: str) -> str:
    """The beginning of a UUID, by which people tell it from others."""
    return text[:_SHORT_ID]


def note(text: str) -> str:
    """A comment of several lines, as far as a page has room for it."""
    return clean(cut(text, _MOST_NOTE))


def listed(fields: Mapping[str, Json]) -> str | None:
    """The defects that a report lists, in one line; None when it lists none."""
    found = listed_defects(fields)
    told = [
        f"{defect_words(one.type)}{' (safety-critical)' if one.is_safety_critical else ''}"
        for one in sorted(found, key=lambda one: not one.is_safety_critical)
    ]
    more = f" and {len(told) - _MOST_NAMED:,} more" if len(told) > _MOST_NAMED else ""
    return f"{', '.join(told[:_MOST_NAMED])}{more}" if told else None


def occurred_at(unforwarded: Unforwarded) -> int | None:
    """When the inspection of an operation was, in microseconds since 1970 UTC; None when it does not say."""
    said = unforwarded.fields.get("occurred_at")
    return parse_time(said) if isinstance(said, str) else None


def last_error(unforwarded: Unforwarded) -> str:
    """What went wrong at the last attempt, in one line."""
    if unforwarded.attempted_at is None:
        return "Not tried yet"
    said = one_line(unforwarded.error, 200) or one_line((unforwarded.error_type or "").replace("_", " ")) or NOT_KNOWN
    status = unforwarded.response_status
    return said if status is None or str(status) in said else f"{said} (status {status})"


INSPECTION_FILTERS: dict[str, Callable[..., object]] = {
    "defect_words": defect_words,
    "inspection_words": inspection_words,
    "result_of": result_of,
    "open_for": open_for,
    "odometer": odometer,
    "short_id": short_id,
    "note": note,
    "listed": listed,
    "instant": parse_time,
    "inspected_at": occurred_at,
    "last_error": last_error,
}
"""The filters by their names in templates."""
