"""Reads the outlines from their file, once.

The file is TopoJSON: a border that two areas share is one arc, which both name. How it was made is in the README beside
it. What is drawn of them is the map's.
"""

import json
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("north_america.topojson")

Arc = tuple[tuple[float, float], ...]
"""Longitudes and latitudes in degrees, from one meeting of borders to the next, or around an island."""


class Box(NamedTuple):
    """The least and greatest longitude and latitude of an area, in degrees."""

    west: float
    south: float
    east: float
    north: float


class Area(NamedTuple):
    """A state, a province, or a country whose parts are not in the file.

    A ring is a list of arc numbers; `~number` is that arc backward. Islands and holes are rings like any other: what an
    odd number of rings surround is inside.
    """

    name: str
    label: str
    country: str
    rings: tuple[tuple[int, ...], ...]
    box: Box


class Outlines(NamedTuple):
    """All areas, their arcs, and the numbers of those arcs that part two countries."""

    areas: tuple[Area, ...]
    arcs: tuple[Arc, ...]
    borders: frozenset[int]


@cache
def outlines() -> Outlines:
    """The outlines of North America. Raises OSError or ValueError when the file that ships with them is damaged."""
    topology = json.loads(FILE.read_text(encoding="utf-8"))
    scale_x, scale_y = topology["transform"]["scale"]
    arcs = tuple(
        tuple(
            (x * scale_x, y * scale_y)
            for x, y in accumulate(arc, lambda spot, step: (spot[0] + step[0], spot[1] + step[1]))
        )
        for arc in topology["arcs"]
    )
    areas = tuple(_area(geometry, arcs) for geometry in topology["objects"]["areas"]["geometries"])
    return Outlines(areas, arcs, _between_countries(areas))


def arc_number(named: int) -> int:
    """The number of an arc that a ring names forward or backward."""
    return named if named >= 0 else ~named


def _area(geometry: dict[str, object], arcs: tuple[Arc, ...]) -> Area:
    properties, polygons = geometry["properties"], geometry["arcs"]
    assert isinstance(properties, dict)
    assert isinstance(polygons, list)
    rings = tuple(tuple(ring) for polygon in polygons for ring in polygon)
    spots = [spot for ring in rings for named in ring for spot in arcs[arc_number(named)]]
    longitudes, latitudes = [spot[0] for spot in spots], [spot[1] for spot in spots]
    box = Box(min(longitudes), min(latitudes), max(longitudes), max(latitudes))
    return Area(properties["name"], properties["label"], properties["country"], rings, box)


def _between_countries(areas: tuple[Area, ...]) -> frozenset[int]:
    countries: dict[int, set[str]] = {}
    for area in areas:
        for ring in area.rings:
            for named in ring:
                countries.setdefault(arc_number(named), set()).add(area.country)
    return frozenset(number for number, of in countries.items() if len(of) > 1)
