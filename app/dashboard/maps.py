"""The small map of one violation: where it began and ended, as inline SVG from outlines that ship with the project.

Nothing is fetched and nothing runs in the browser. Colours are the stylesheet's, by classes `map-*`; the strict policy
of the pages allows no style of its own here. The projection is equirectangular, true to scale at the middle latitude.
`outlines/` reads the outlines, cuts them and writes SVG; the words around the map are the page's.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from app.dashboard.outlines.clipping import Frame, Spot, holds, room_for
from app.dashboard.outlines.drawing import filled_path, path, text
from app.dashboard.outlines.seeing import HEIGHT, WIDTH, Drawn, View, areas_in, turn

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""
KM_PER_MILE = 1.609344

_KM_PER_DEGREE = math.radians(EARTH_RADIUS_KM)
_VIEW = Frame(0, 0, WIDTH, HEIGHT)
_INSIDE = Frame(6, 6, WIDTH - 6, HEIGHT - 6)
_LEAST_WIDTH_KM = 450
"""Wide enough to recognise a state; closer up, the outlines would show that they are exact to a kilometre only."""
_SHARE_BETWEEN_POINTS = 0.55
"""The most of width and height that lies between the points; the rest is room for their names."""
_LEAST_COSINE = math.cos(math.radians(80))
_SCALE_BOX = Frame(8, HEIGHT - 42, 136, HEIGHT - 4)
_FONT = 13
_LETTER = 8.5
"""Width of a capital at that size, generously."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the Earth in degrees; made by `point_of`, which knows what is a place."""

    latitude: float
    longitude: float


def point_of(latitude: float | None, longitude: float | None) -> Point | None:
    """The place of coordinates in degrees; None when one is missing, not finite or out of range."""
    if latitude is None or longitude is None:
        return None
    # A NaN compares as false, so it is out of range too.
    return Point(latitude, longitude) if -90 <= latitude <= 90 and -180 <= longitude <= 180 else None


def distance_in_words(start: Point | None, end: Point | None) -> str | None:
    """Along the great circle, such as "12.3 mi (19.8 km)"; None when a point is missing."""
    if start is None or end is None:
        return None
    km = _distance_km(start, end)
    return f"{km / KM_PER_MILE:,.1f} mi ({km:,.1f} km)"


def draw_map(start: Point | None, end: Point | None) -> Markup | None:
    """An `<svg class="map">` of the points and the outlines around them; None without any point.

    At most 30,000 characters. What it shows is said in words in `aria-label`.
    """
    view = _view_of(start, end)
    if view is None:
        return None
    areas = areas_in(view)
    marks = list(_marks(view, start, end))
    taken = [_SCALE_BOX, *(box for mark in marks for box in mark.boxes), *_boxes_along([mark.spot for mark in marks])]
    labels = list(_labels(areas, taken))
    lines, degrees = _graticule(view) if any(_is_far_from(areas, mark.spot) for mark in marks) else ([], [])
    parts = [
        Markup('<rect class="map-sea" width="{}" height="{}"/>').format(WIDTH, HEIGHT),
        path("map-grid", lines),
        *(filled_path("map-land", area.rings) for area in areas),
        path("map-border", [piece for area in areas for piece in area.borders]),
        *(label.drawn for label in labels),
        *(
            degree.drawn
            for degree in degrees
            if not any(degree.box.overlaps(box) for box in (*taken, *(label.box for label in labels)))
        ),
        *_scale_bar(view),
        path("map-way", [[mark.spot for mark in marks]] if len(marks) == 2 else []),
        *(mark.drawn for mark in marks),
    ]
    return Markup(
        '<svg class="map" role="img" aria-label="{}" viewBox="0 0 {} {}" font-size="{}" '
        'xmlns="http://www.w3.org/2000/svg">{}</svg>'
    ).format(_in_words(start, end, labels), WIDTH, HEIGHT, _FONT, Markup("").join(parts))


class _Label(NamedTuple):
    """Words in the drawing and the room they take. `name` is what the words stand for."""

    name: str
    box: Frame
    drawn: Markup


class _Mark(NamedTuple):
    """A point with its name: where it is, the room it takes, and its elements."""

    spot: Spot
    boxes: tuple[Frame, Frame]
    drawn: Markup


def _distance_km(start: Point, end: Point) -> float:
    """The haversine formula on a sphere; within 0.6 % of the ellipsoid."""
    one, other = math.radians(start.latitude), math.radians(end.latitude)
    half_turn = math.radians(end.longitude - start.longitude) / 2
    chord = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(half_turn) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def _view_of(start: Point | None, end: Point | None) -> View | None:
    here, there = start or end, end or start
    if here is None or there is None:
        return None
    east = turn(there.longitude - here.longitude)
    latitude = (here.latitude + there.latitude) / 2
    # Toward the poles a degree of longitude would shrink to nothing, and the window grow around the Earth and again.
    cosine = max(math.cos(math.radians(latitude)), _LEAST_COSINE)
    width = max(
        _LEAST_WIDTH_KM / _KM_PER_DEGREE,
        abs(east) * cosine / _SHARE_BETWEEN_POINTS,
        abs(there.latitude - here.latitude) / _SHARE_BETWEEN_POINTS * WIDTH / HEIGHT,
    )
    units = WIDTH / width
    return View(latitude, here.longitude + east / 2, units, units * cosine)


def _spot_of(view: View, point: Point) -> Spot:
    return view.nearest_spot(point.longitude, point.latitude)


def _is_far_from(areas: Iterable[Drawn], spot: Spot) -> bool:
    """Whether a spot is out at sea or where there are no outlines; a quay is not, nor a bridge."""
    x, y = spot
    around = [spot, (x - 8, y), (x + 8, y), (x, y - 8), (x, y + 8)]
    return not any(holds(area.rings, near) for area in areas for near in around)


def _labels(areas: Iterable[Drawn], taken: Sequence[Frame]) -> Iterator[_Label]:
    for area in areas:
        place = room_for(area.rings, len(area.label) * _LETTER + 6, _FONT + 3, _INSIDE, taken)
        if place is not None:
            middle = (place.left + place.right) / 2
            yield _Label(area.name, place, text("map-label", middle, place.bottom - 4, area.label))


def _marks(view: View, start: Point | None, end: Point | None) -> Iterator[_Mark]:
    # Each name stands on the side away from the other point, so the two never meet.
    is_start_east = start is not None and end is not None and _spot_of(view, start)[0] > _spot_of(view, end)[0]
    for point, name, is_right in (
        (start, "Start", end is None or is_start_east),
        (end, "End", not is_start_east),
    ):
        if point is None:
            continue
        x, y = _spot_of(view, point)
        width = len(name) * _LETTER
        far = x + 12 if is_right else x - 12 - width
        radius, fill = (7, "none") if name == "Start" else (4.5, "currentColor")
        drawn = Markup(
            '<g><title>{}: {}</title><circle class="map-{}" cx="{:.1f}" cy="{:.1f}" r="{}" fill="{}"/>{}</g>'
        ).format(
            name,
            _coordinates(point),
            name.lower(),
            x,
            y,
            radius,
            fill,
            text("map-point", x + 12 if is_right else x - 12, y + 4.5, name, "start" if is_right else "end"),
        )
        boxes = (Frame(x - 10, y - 10, x + 10, y + 10), Frame(far, y - 10, far + width, y + 10))
        yield _Mark((x, y), boxes, drawn)


def _boxes_along(spots: Sequence[Spot]) -> Iterator[Frame]:
    """What the line between the points takes from the labels."""
    (x, y), (last_x, last_y) = spots[0], spots[-1]
    for step in range(33):
        at_x, at_y = x + (last_x - x) * step / 32, y + (last_y - y) * step / 32
        yield Frame(at_x - 4, at_y - 4, at_x + 4, at_y + 4)


def _graticule(view: View) -> tuple[list[list[Spot]], list[_Label]]:
    """Lines of latitude and longitude and their degrees, for a place that no outlines tell."""
    lines: list[list[Spot]] = []
    labels: list[_Label] = []
    top, bottom = max(0.0, view.spot(0, 90)[1]), min(float(HEIGHT), view.spot(0, -90)[1])
    east, north = WIDTH / 2 / view.units_east, HEIGHT / 2 / view.units_north
    for longitude in _round_degrees(view.longitude - east, view.longitude + east, view.units_east):
        x = view.spot(longitude, 0)[0]
        lines.append([(x, top), (x, bottom)])
        labels.append(_degrees(x, top + 14, turn(longitude), "E", "W"))
    for latitude in _round_degrees(max(-90, view.latitude - north), min(90, view.latitude + north), view.units_north):
        y = view.spot(0, latitude)[1]
        lines.append([(0, y), (WIDTH, y)])
        labels.append(_degrees(WIDTH - 24, y - 4, latitude, "N", "S"))
    return lines, [label for label in labels if label.box.is_within(_VIEW)]


def _round_degrees(least: float, most: float, units: float) -> list[float]:
    """Round degrees from least to most, at least 80 units of the drawing from one to the next."""
    step = next((step for step in (0.5, 1, 2, 5, 10, 15, 30, 45) if step * units >= 80), 90)
    return [number * step for number in range(math.ceil(least / step), math.floor(most / step) + 1)]


def _degrees(x: float, y: float, degrees: float, positive: str, negative: str) -> _Label:
    side = "" if degrees == 0 or abs(degrees) == 180 else positive if degrees > 0 else negative
    words = f"{abs(degrees):g}°{side}"
    box = Frame(x - len(words) * _LETTER / 2, y - _FONT, x + len(words) * _LETTER / 2, y + 3)
    return _Label(words, box, text("map-degrees", x, y, words))


def _scale_bar(view: View) -> Iterator[Markup]:
    """Miles above and kilometres below one line; nothing where the scale of the drawing changes too much across it."""
    if HEIGHT / view.units_north > 40 or view.units_east / view.units_north <= _LEAST_COSINE:
        return
    units_per_km = view.units_north / _KM_PER_DEGREE
    miles, km = _round_length(KM_PER_MILE * units_per_km), _round_length(units_per_km)
    x, y = _SCALE_BOX.left + 4, (_SCALE_BOX.top + _SCALE_BOX.bottom) / 2
    end_miles, end_km = x + miles * KM_PER_MILE * units_per_km, x + km * units_per_km
    ticks = [[(x, y - 5), (x, y + 5)], [(x, y), (max(end_miles, end_km), y)]]
    ticks += [[(end_miles, y - 5), (end_miles, y)], [(end_km, y), (end_km, y + 5)]]
    yield path("map-scale", ticks)
    yield text("map-measure", x + 4, y - 4, f"{miles:,} mi", "start")
    yield text("map-measure", x + 4, y + 13, f"{km:,} km", "start")


def _round_length(units: float) -> int:
    """The greatest of 1, 2, 5, 10, 20 and so on that is at most 110 units of the drawing long."""
    return max(size * ten for ten in (1, 10, 100, 1000) for size in (1, 2, 5) if size * ten * units <= 110)


def _coordinates(point: Point) -> str:
    return f"{point.latitude:.4f}, {point.longitude:.4f}"


def _in_words(start: Point | None, end: Point | None, labels: Sequence[_Label]) -> str:
    said = [f"Map. Start: {_coordinates(start) if start else 'not known'}."]
    said.append(f"End: {_coordinates(end) if end else 'not known'}.")
    distance = distance_in_words(start, end)
    if distance is not None:
        said.append(f"{distance} from start to end in a straight line.")
    names = sorted({label.name for label in labels})
    if 0 < len(names) <= 12:
        said.append(f"Shown: {', '.join(names)}.")
    return " ".join(said)
