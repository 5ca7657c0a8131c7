"""What is seen of the outlines through a view: projected, thinned and cut.

The projection is equirectangular. How wide the view is and what is drawn over the outlines is the map's.
"""

from collections.abc import Iterable, Iterator
from math import remainder
from typing import NamedTuple

from app.dashboard.outlines.clipping import Frame, Spot, clip_line, clip_ring, thin
from app.dashboard.outlines.reading import arc_number, outlines

WIDTH, HEIGHT = 480, 320
"""Of the drawing, in its units."""

_CUT = Frame(-8, -8, WIDTH + 8, HEIGHT + 8)
"""Outlines are cut out of sight, so that the cut does not show as a coast."""
_LARGEST_OUTLINES = 22_000
"""Characters; whatever else is drawn stays below 8,000."""
_SPOT_LETTERS, _AREA_LETTERS = 8, 60
"""Characters that a spot of an outline and the element of an area take."""


class View(NamedTuple):
    """The middle of the drawing in degrees, and how many units one degree takes."""

    latitude: float
    longitude: float
    units_north: float
    units_east: float

    def spot(self, longitude: float, latitude: float) -> Spot:
        """Where a place is drawn; degrees in, units of the drawing out."""
        return (
            WIDTH / 2 + (longitude - self.longitude) * self.units_east,
            HEIGHT / 2 - (latitude - self.latitude) * self.units_north,
        )

    def nearest_spot(self, longitude: float, latitude: float) -> Spot:
        """Where a place is drawn by the shorter way around the Earth from the middle."""
        return self.spot(self.longitude + turn(longitude - self.longitude), latitude)


class Drawn(NamedTuple):
    """An area as far as it is seen. `borders` are those to another country."""

    name: str
    label: str
    rings: list[list[Spot]]
    borders: list[list[Spot]]


def turn(degrees: float) -> float:
    """The same direction, -180 to 180."""
    return remainder(degrees, 360)


def areas_in(view: View) -> list[Drawn]:
    """What is seen of the outlines, the coarser the more there is of them."""
    distance = 0.6
    while True:
        areas = [drawn for degrees in (-360, 0, 360) for drawn in _areas_turned(view, degrees, distance)]
        spots = sum(len(line) for area in areas for line in (*area.rings, *area.borders))
        if spots * _SPOT_LETTERS + len(areas) * _AREA_LETTERS <= _LARGEST_OUTLINES:
            return areas
        distance *= 2


def _areas_turned(view: View, turned_by: float, distance: float) -> Iterator[Drawn]:
    """The outlines as they lie turned by so many degrees of longitude, which are whole turns around the Earth."""
    known = outlines()
    lines: dict[int, list[Spot]] = {}
    bordered: set[int] = set()
    for area in known.areas:
        left, top = view.spot(area.box.west + turned_by, area.box.north)
        right, bottom = view.spot(area.box.east + turned_by, area.box.south)
        if not _CUT.overlaps(Frame(left, top, right, bottom)):
            continue
        numbers = [arc_number(named) for ring in area.rings for named in ring]
        for number in numbers:
            # An arc is thinned once for all its areas, or they would not meet any more.
            if number not in lines:
                lines[number] = thin([view.spot(x + turned_by, y) for x, y in known.arcs[number]], distance)
        rings = [clip_ring(_ring(named, lines), _CUT) for named in area.rings]
        borders = known.borders.intersection(numbers) - bordered
        bordered |= borders
        seen = [ring for ring in rings if ring]
        pieces = [piece for number in sorted(borders) for piece in clip_line(lines[number], _CUT)]
        if seen:
            yield Drawn(area.name, area.label, seen, pieces)


def _ring(named: Iterable[int], lines: dict[int, list[Spot]]) -> list[Spot]:
    ring: list[Spot] = []
    for number in named:
        # The last spot of an arc is the first of the next.
        ring += lines[number][:-1] if number >= 0 else lines[~number][:0:-1]
    return ring
