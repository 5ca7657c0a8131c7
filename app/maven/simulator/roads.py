"""Interstate corridors as lines through places, and where on them a truck is.

Owns the plane geometry: miles along a road, coordinates at a mile, the nearest town with distance and compass
direction, as an ELD words a position (49 CFR 395 subpart B appendix A, 4.4.2). Who drives there is `fleet.py`'s. Only
`+ - * /`, `round` and the square root are used, which IEEE 754 rounds the same way everywhere: with a sine of the C
library the same seed would not have to give the same bytes on another machine.
"""

import math
from bisect import bisect_right
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from app.maven.simulator.places import CORRIDORS, PLACES, Place

MILES_PER_DEGREE = 69.0934
"""Statute miles in one degree of a great circle of the mean Earth (radius 6371.0088 km)."""

_WINDS = (
    ("N", "NNE", "NE", "ENE", "E"),
    ("S", "SSE", "SE", "ESE", "E"),
    ("N", "NNW", "NW", "WNW", "W"),
    ("S", "SSW", "SW", "WSW", "W"),
)
# Tangents of 11.25, 33.75, 56.25 and 78.75 degrees: the borders between the winds of one quadrant.
_WIND_BORDERS = (0.198912, 0.668179, 1.496606, 5.027339)


class Surroundings(NamedTuple):
    """A spot beside its nearest town: miles to it, and in which of 16 directions from the town the spot lies."""

    latitude: float
    longitude: float
    nearest: Place
    distance: float
    direction: str


class _Neighbour(NamedTuple):
    place: Place
    miles_per_degree_east: float


class Road:
    """One corridor, or the part of it in one state. Positions are miles from its southern or western end."""

    def __init__(self, name: str, waypoints: tuple[Place, ...]) -> None:
        self.name = name
        self.waypoints = waypoints
        # Odd interstates run north, even ones east (AASHTO's numbering).
        self.forward, self.backward = ("N", "S") if int(name[2:]) % 2 else ("E", "W")
        miles = [0.0]
        for here, there in pairwise(waypoints):
            miles.append(miles[-1] + _miles_between(here, there))
        self._miles = tuple(miles)
        self.length = miles[-1]
        self._neighbours = tuple(_possible_neighbours(here, there) for here, there in pairwise(waypoints))

    def mile_of(self, place: Place) -> float:
        """The position of one of the road's own waypoints."""
        return self._miles[self.waypoints.index(place)]

    def surroundings(self, mile: float) -> Surroundings:
        """Where `mile` (0 to `length`) is; coordinates to five decimals, distance in miles to two."""
        leg = min(bisect_right(self._miles, mile), len(self._neighbours)) - 1
        here, there = self.waypoints[leg], self.waypoints[leg + 1]
        share = (mile - self._miles[leg]) / (self._miles[leg + 1] - self._miles[leg])
        latitude = round(here.latitude + (there.latitude - here.latitude) * share, 5)
        longitude = round(here.longitude + (there.longitude - here.longitude) * share, 5)
        nearest, shortest, east, north = here, math.inf, 0.0, 0.0
        for place, miles_per_degree_east in self._neighbours[leg]:
            to_east = (longitude - place.longitude) * miles_per_degree_east
            to_north = (latitude - place.latitude) * MILES_PER_DEGREE
            squared = to_east * to_east + to_north * to_north
            if squared < shortest:
                nearest, shortest, east, north = place, squared, to_east, to_north
        return Surroundings(latitude, longitude, nearest, round(math.sqrt(shortest), 2), _wind(east, north))


def _cosine(degrees: float) -> float:
    """The cosine of a latitude by its power series, good to 1e-9 up to 60 degrees."""
    radians = degrees * 0.017453292519943295
    square = radians * radians
    series = 1.0
    for divisor in (132, 90, 56, 30, 12, 2):
        series = 1 - square / divisor * series
    return series


def _miles_between(here: Place, there: Place) -> float:
    east = (there.longitude - here.longitude) * MILES_PER_DEGREE * _cosine((here.latitude + there.latitude) / 2)
    north = (there.latitude - here.latitude) * MILES_PER_DEGREE
    return math.sqrt(east * east + north * north)


def _possible_neighbours(here: Place, there: Place) -> tuple[_Neighbour, ...]:
    """Every place that can be the nearest to some spot between two waypoints.

    A spot `x` miles from the middle of the leg has an end of it within half the leg less `x`, so what is nearer still
    lies within half the leg of the middle. The tenth on top covers the flattening of the map.
    """
    middle = Place("", "", "", (here.latitude + there.latitude) / 2, (here.longitude + there.longitude) / 2)
    reach = 0.55 * _miles_between(here, there)
    return tuple(
        _Neighbour(place, MILES_PER_DEGREE * _cosine(place.latitude))
        for place in PLACES
        if _miles_between(middle, place) <= reach
    )


def _wind(east: float, north: float) -> str:
    """The name of one of 16 directions, clockwise from north."""
    winds = _WINDS[(2 if east < 0 else 0) + (1 if north < 0 else 0)]
    east, north = abs(east), abs(north)
    for border, wind in zip(_WIND_BORDERS, winds, strict=False):
        if east <= north * border:
            return wind
    return winds[-1]


@cache
def all_roads() -> tuple[Road, ...]:
    """Every corridor, built once, on first use."""
    by_name = {f"{place.city} {place.state}": place for place in PLACES}
    roads = []
    for paragraph in CORRIDORS.strip().split("\n\n"):
        name, stops = paragraph.split(":")
        roads.append(Road(name, tuple(by_name[" ".join(stop.split())] for stop in stops.split(","))))
    return tuple(roads)


@cache
def roads_through(place: Place, state: str | None = None) -> tuple[Road, ...]:
    """The roads that pass `place`; with `state`, only their unbroken part in that state around it, if longer than a
    point.
    """
    roads = [road for road in all_roads() if place in road.waypoints]
    if state is None:
        return tuple(roads)
    parts = (Road(road.name, _stretch(road, place, state)) for road in roads)
    return tuple(part for part in parts if len(part.waypoints) > 1)


def _stretch(road: Road, place: Place, state: str) -> tuple[Place, ...]:
    first = last = road.waypoints.index(place)
    while first > 0 and road.waypoints[first - 1].state == state:
        first -= 1
    while last + 1 < len(road.waypoints) and road.waypoints[last + 1].state == state:
        last += 1
    return road.waypoints[first : last + 1]
