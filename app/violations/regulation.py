"""Which regulation a violation type stands for, and which violations are egregious.

A small table with its sources, versioned so that an answer can be traced to it. Maven documents one type code
(`shift_drive`) and two rulesets; the other codes are read by their families (shift, break, cycle), and what matches
none has no regulation rather than a guessed one. State rules (intrastate rulesets) are not part 395 and get no federal
cite.
"""

from dataclasses import dataclass
from functools import lru_cache

from app.hours.limits import SEVENTY_EIGHT, SIXTY_SEVEN, Cycle, Limit

TABLE_VERSION = "2026-11"

EGREGIOUS_MINUTES = 180
"""More than 3 hours over a driving-time limit: 49 CFR part 386, appendix B, (a)(6)."""

_FAMILIES = {
    "shift_drive": "driving",
    "drive": "driving",
    "shift": "shift",
    "shift_elapsed": "shift",
    "shift_duty": "shift",
    "break": "break",
    "break_drive": "break",
    "rest_break": "break",
    "cycle": "cycle",
    "cycle_duty": "cycle",
}
"""Type code to family of limit: `shift_drive` is Maven's own (ELD return events page); the rest follows its four kinds
of violation (Drive, Shift, Break, Cycle) and the naming of the same limits by other ELD vendors."""


@dataclass(frozen=True, slots=True)
class Regulation:
    """A section of the federal hours-of-service rules."""

    cite: str
    title: str


_PROPERTY = {
    "driving": Regulation("49 CFR 395.3(a)(3)(i)", "11 hours of driving after 10 hours off duty"),
    "shift": Regulation("49 CFR 395.3(a)(2)", "No driving after the 14th hour on duty"),
    "break": Regulation("49 CFR 395.3(a)(3)(ii)", "30-minute interruption after 8 hours of driving"),
    "cycle_60_7": Regulation("49 CFR 395.3(b)(1)", "60 hours on duty in 7 days"),
    "cycle_70_8": Regulation("49 CFR 395.3(b)(2)", "70 hours on duty in 8 days"),
}
_PASSENGER = {
    "driving": Regulation("49 CFR 395.5(a)(1)", "10 hours of driving after 8 hours off duty"),
    "shift": Regulation("49 CFR 395.5(a)(2)", "No driving after 15 hours on duty"),
    "cycle_60_7": Regulation("49 CFR 395.5(b)(1)", "60 hours on duty in 7 days"),
    "cycle_70_8": Regulation("49 CFR 395.5(b)(2)", "70 hours on duty in 8 days"),
}
"""Sections 395.3 and 395.5; passenger carriers have no break rule."""


@lru_cache(maxsize=4096)
def regulation_of(ruleset: str | None, violation_type: str | None) -> Regulation | None:
    """The federal section that a type under a ruleset stands for; None for intrastate rulesets and for what is
    unknown.
    """
    country, _, rest = (ruleset or "").upper().partition("_")
    carried, _, days = rest.partition("_")
    family = _FAMILIES.get((violation_type or "").lower())
    # The whole name has to be known: a state or an exemption anywhere in it makes another rule of it.
    if family is None or country != "USA" or days not in ("", "60_7", "70_8"):
        return None
    if family == "cycle":
        family = f"cycle_{days}"
    match carried:
        case "PROPERTY":
            return _PROPERTY.get(family)
        case "PASSENGER":
            return _PASSENGER.get(family)
        case _:
            return None


_LIMITS = {
    "driving": Limit.DRIVING,
    "shift": Limit.WINDOW,
    "break": Limit.BREAK,
    "cycle": Limit.CYCLE,
}
_CYCLES = {"USA_PROPERTY": None, "USA_PROPERTY_60_7": SIXTY_SEVEN, "USA_PROPERTY_70_8": SEVENTY_EIGHT}


@dataclass(frozen=True, slots=True)
class Countable:
    """A limit that can be counted again from a log; `cycle` is None where the ruleset does not name its days."""

    limit: Limit
    cycle: Cycle | None


def countable(ruleset: str | None, violation_type: str | None) -> Countable | None:
    """The limit of 49 CFR 395.3 that a type under a ruleset stands for; None for passengers, states, and what is
    unknown. Like `regulation_of` it takes no ruleset of which it does not know the whole name.
    """
    name, family = (ruleset or "").upper(), _FAMILIES.get((violation_type or "").lower())
    return Countable(_LIMITS[family], _CYCLES[name]) if family is not None and name in _CYCLES else None


def is_egregious(violation_type: str | None, duration_minutes: int | None) -> bool:
    """Whether a driving-time limit was exceeded by more than 3 hours; `duration` is read as the time over the limit."""
    if duration_minutes is None or duration_minutes <= EGREGIOUS_MINUTES or violation_type is None:
        return False
    return _FAMILIES.get(violation_type.lower()) == "driving"
