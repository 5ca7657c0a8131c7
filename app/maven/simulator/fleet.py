"""The simulated carrier: terminals, drivers, rulesets and power units.

Owns who drives what from where, and what a driver carries from one violation to the next (place, odometer, when they
are free again). What they violate is `drives.py`'s; when, `stream.py`'s.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import NamedTuple

from app.maven.simulator.names import family_names, given_names, in_ascii
from app.maven.simulator.places import PLACES, Place
from app.maven.simulator.roads import Road, roads_through


class Terminal(NamedTuple):
    """A terminal in a town of `places.py`; `utc_offset_hours` is its standard time."""

    code: str
    city: str
    state: str
    utc_offset_hours: int
    observes_dst: bool = True


TERMINALS: tuple[Terminal, ...] = (
    Terminal("PGH", "Pittsburgh", "PA", -5),
    Terminal("DAL", "Dallas", "TX", -6),
    Terminal("LAX", "Los Angeles", "CA", -8),
    Terminal("CHI", "Chicago", "IL", -6),
    Terminal("ATL", "Atlanta", "GA", -5),
    Terminal("IND", "Indianapolis", "IN", -5),
    Terminal("SLC", "Salt Lake City", "UT", -7),
    Terminal("MEM", "Memphis", "TN", -6),
    Terminal("PHX", "Phoenix", "AZ", -7, observes_dst=False),
    Terminal("HOU", "Houston", "TX", -6),
    Terminal("SAC", "Sacramento", "CA", -8),
    Terminal("HBG", "Harrisburg", "PA", -5),
    Terminal("MCI", "Kansas City", "MO", -6),
    Terminal("DEN", "Denver", "CO", -7),
    Terminal("SEA", "Seattle", "WA", -8),
    Terminal("JAX", "Jacksonville", "FL", -5),
    Terminal("CMH", "Columbus", "OH", -5),
    Terminal("BNA", "Nashville", "TN", -6),
    Terminal("OMA", "Omaha", "NE", -6),
    Terminal("MSP", "Minneapolis", "MN", -6),
    Terminal("BUF", "Buffalo", "NY", -5),
    Terminal("RIC", "Richmond", "VA", -5),
    Terminal("OKC", "Oklahoma City", "OK", -6),
    Terminal("SAT", "San Antonio", "TX", -6),
)

# Shares of the interstate rulesets; what is left is USA_PROPERTY_70_8.
_SHARE_60_7, _SHARE_PASSENGER, _SHARE_INTRASTATE = 0.12, 0.07, 0.3
_INTRASTATE = {"CA": "CALIFORNIA_INTRASTATE_PROPERTY", "TX": "TEXAS_INTRASTATE_PROPERTY"}


@dataclass(slots=True)
class Driver:
    """One driver with their power unit. `mile` is where on `road` they last stopped, `odometer` in miles, times in
    seconds.
    """

    driver_id: str
    name: str
    terminal: Terminal
    ruleset: str
    power_unit: str
    road: Road
    mile: float
    odometer: float
    stopped_at: int
    free_at: int


@cache
def place_of(terminal: Terminal) -> Place:
    """The town a terminal is in."""
    return next(place for place in PLACES if (place.city, place.state) == (terminal.city, terminal.state))


def hire(rng: Random, count: int, terminals: int, now: int) -> list[Driver]:
    """`count` drivers at the first `terminals` of `TERMINALS`; ids and units are unique. `now` is in seconds since
    1970.
    """
    return [_hire_one(rng, number, TERMINALS[number % terminals], now) for number in range(count)]


def _hire_one(rng: Random, number: int, terminal: Terminal, now: int) -> Driver:
    families, givens = family_names(), given_names()
    family = families[int(rng.random() * len(families))]
    given = givens[int(rng.random() * len(givens))]
    ruleset = _draw_ruleset(rng.random(), terminal.state)
    home = place_of(terminal)
    is_intrastate = ruleset in _INTRASTATE.values()
    roads = roads_through(home, terminal.state if is_intrastate else None)
    road = roads[int(rng.random() * len(roads))]
    kind = "Coach" if "PASSENGER" in ruleset else "Truck"
    return Driver(
        # The number makes it unique; it grows in odd steps so that ids do not read like a count.
        driver_id=f"{given[0]}{in_ascii(family)[:8]}{100 + number * 7}".upper(),
        name=f"{family}, {given}",
        terminal=terminal,
        ruleset=ruleset,
        power_unit=f"{kind} {1000 + number * 3}",
        road=road,
        mile=road.mile_of(home),
        odometer=round(18_000 + rng.random() * 520_000, 1),
        stopped_at=now,
        free_at=now,
    )


def _draw_ruleset(drawn: float, state: str) -> str:
    if state in _INTRASTATE:
        if drawn < _SHARE_INTRASTATE:
            return _INTRASTATE[state]
        drawn = (drawn - _SHARE_INTRASTATE) / (1 - _SHARE_INTRASTATE)
    if drawn < _SHARE_60_7:
        return "USA_PROPERTY_60_7"
    return "USA_PASSENGER_70_8" if drawn < _SHARE_60_7 + _SHARE_PASSENGER else "USA_PROPERTY_70_8"
