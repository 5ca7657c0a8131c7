"""The map of a violation: what is drawn of the points and around them, distances, and a map for any coordinates."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dashboard.maps import Point, distance_in_words, draw_map, point_of
from app.dashboard.outlines.clipping import Frame, clip_line, clip_ring, holds, room_for
from app.dashboard.outlines.reading import outlines

PITTSBURGH, YOUNGSTOWN = Point(40.4406, -79.9959), Point(41.0998, -80.6495)
NEW_YORK, LOS_ANGELES = Point(40.7128, -74.0060), Point(34.0522, -118.2437)
LAREDO, MONTERREY = Point(27.5036, -99.5076), Point(25.6866, -100.3161)
HONOLULU, BERLIN, NULL_ISLAND = Point(21.3069, -157.8583), Point(52.52, 13.405), Point(0, 0)

POINTS = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))
ROUND_POINTS = st.builds(Point, st.sampled_from([-90, -89, 0, 45, 90]), st.sampled_from([-180, -179, 0, 90, 180]))
SOME_POINTS = st.none() | POINTS | ROUND_POINTS
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "g", "title", "rect", "path", "circle", "text"}


def drawn(start: Point | None, end: Point | None = None) -> ElementTree.Element:
    svg = draw_map(start, end)
    assert svg is not None
    return ElementTree.fromstring(svg)  # noqa: S314 - we wrote it


def texts(svg: ElementTree.Element, css_class: str) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text") if text.get("class") == css_class]


def classes(svg: ElementTree.Element) -> set[str | None]:
    return {element.get("class") for element in svg.iter()}


def circle(svg: ElementTree.Element, css_class: str) -> tuple[float, float]:
    (found,) = (element for element in svg.iter(f"{SVG}circle") if element.get("class") == css_class)
    return float(found.get("cx", "")), float(found.get("cy", ""))


@given(SOME_POINTS, SOME_POINTS)
def test_any_points_give_a_map_that_the_policy_of_the_pages_allows(start: Point | None, end: Point | None) -> None:
    text = draw_map(start, end)
    if text is None:
        assert start is end is None
        return
    assert len(text) <= 30_000
    svg = ElementTree.fromstring(text)  # noqa: S314 - we wrote it
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} <= ALLOWED
    attributes = [(name, value) for element in svg.iter() for name, value in element.items()]
    assert [name for name, _ in attributes if name.startswith(("on", "style", "href"))] == []
    numbers = [value for name, value in attributes if name in {"d", "x", "y", "cx", "cy"}]
    assert [value for value in numbers if not re.fullmatch(r"[-\d. Mlz]+", value)] == []
    assert svg.get("viewBox") == "0 0 480 320"
    for point, name in ((start, "start"), (end, "end")):
        assert (f"map-{name}" in classes(svg)) is (point is not None)
        if point is not None:
            x, y = circle(svg, f"map-{name}")
            assert 50 <= x <= 430
            assert 30 <= y <= 290


@given(POINTS, POINTS)
def test_the_map_is_turned_neither_around_nor_over(start: Point, end: Point) -> None:
    svg = drawn(start, end)
    (start_x, start_y), (end_x, end_y) = circle(svg, "map-start"), circle(svg, "map-end")
    if start.latitude > end.latitude:
        assert start_y <= end_y
    if 0 < (end.longitude - start.longitude) % 360 < 180:
        assert start_x <= end_x


def test_pittsburgh_is_in_pennsylvania() -> None:
    svg = drawn(PITTSBURGH)
    assert set(texts(svg, "map-label")) == {"PA", "OH", "WV", "MD", "VA"}
    assert texts(svg, "map-point") == ["Start"]
    assert circle(svg, "map-start") == (240, 160)
    assert svg.get("aria-label") == (
        "Map. Start: 40.4406, -79.9959. End: not known. Shown: Maryland, Ohio, Pennsylvania, Virginia, West Virginia."
    )
    assert classes(svg) & {"map-end", "map-way", "map-grid"} == set()


def test_two_points_have_names_a_way_and_a_distance() -> None:
    svg = drawn(PITTSBURGH, YOUNGSTOWN)
    assert texts(svg, "map-point") == ["Start", "End"]
    assert [title.text for title in svg.iter(f"{SVG}title")] == ["Start: 40.4406, -79.9959", "End: 41.0998, -80.6495"]
    assert "map-way" in classes(svg)
    assert "57.0 mi (91.7 km) from start to end in a straight line." in svg.get("aria-label", "")
    hollow, filled = svg.iter(f"{SVG}circle")
    assert (hollow.get("fill"), filled.get("fill")) == ("none", "currentColor")


@pytest.mark.parametrize("start, end", [(PITTSBURGH, YOUNGSTOWN), (YOUNGSTOWN, PITTSBURGH), (BERLIN, BERLIN)])
def test_names_stand_on_the_far_sides(start: Point, end: Point) -> None:
    svg = drawn(start, end)
    names = {text.text: text for text in svg.iter(f"{SVG}text") if text.get("class") == "map-point"}
    is_start_west = circle(svg, "map-start")[0] <= circle(svg, "map-end")[0]
    # The anchor is the side of the words that is at the point.
    anchors = (names["Start"].get("text-anchor"), names["End"].get("text-anchor"))
    assert anchors == (("end", "start") if is_start_west else ("start", "end"))


def test_the_border_between_countries_is_another_line_than_that_between_states() -> None:
    assert "map-border" in classes(drawn(LAREDO, MONTERREY))
    assert {"TX", "Mexico"} <= set(texts(drawn(LAREDO, MONTERREY), "map-label"))
    assert "map-border" not in classes(drawn(PITTSBURGH, YOUNGSTOWN))


def test_a_whole_country_is_drawn_when_it_takes_that() -> None:
    labels = set(texts(drawn(NEW_YORK, LOS_ANGELES), "map-label"))
    assert {"TX", "MT", "ON", "CA"} <= labels


@pytest.mark.parametrize(
    "point, degrees", [(NULL_ISLAND, {"0°", "1°N", "1°S", "1°E", "1°W"}), (BERLIN, {"53°N", "52°N", "12°E", "14°E"})]
)
def test_where_there_are_no_outlines_there_are_degrees(point: Point, degrees: set[str]) -> None:
    svg = drawn(point)
    assert "map-land" not in classes(svg)
    assert "map-grid" in classes(svg)
    assert degrees <= set(texts(svg, "map-degrees"))


def test_a_town_at_the_shore_is_not_at_sea() -> None:
    svg = drawn(HONOLULU)
    assert texts(svg, "map-label") == ["HI"]
    assert "map-grid" not in classes(svg)


def test_the_date_line_is_crossed_the_short_way() -> None:
    svg = drawn(Point(52, 179.5), Point(52, -175.5))
    assert {"178°E", "180°", "178°W", "176°W"} <= set(texts(svg, "map-degrees"))
    assert "map-land" in classes(svg)
    assert circle(svg, "map-start")[0] < circle(svg, "map-end")[0]


def test_the_scale_bar_measures() -> None:
    svg = drawn(PITTSBURGH)
    assert texts(svg, "map-measure") == ["50 mi", "100 km"]
    (bar,) = (path for path in svg.iter(f"{SVG}path") if path.get("class") == "map-scale")
    # Four strokes: the common end, the line, the tick of miles, the tick of kilometres.
    begin, _, miles, km = (float(x) for x in re.findall(r"M([\d.]+)", bar.get("d", "")))
    units_per_km = 480 / 450
    assert (km - begin) == pytest.approx(100 * units_per_km, abs=0.1)
    assert (miles - begin) == pytest.approx(80.4672 * units_per_km, abs=0.1)


def test_there_is_no_scale_bar_where_none_would_hold() -> None:
    assert texts(drawn(Point(60, 0), Point(-40, 10)), "map-measure") == []
    assert texts(drawn(Point(90, 0)), "map-measure") == []


@pytest.mark.parametrize(
    "start, end, words",
    [
        (PITTSBURGH, PITTSBURGH, "0.0 mi (0.0 km)"),
        # One degree of a great circle of the mean Earth.
        (Point(0, 0), Point(0, 1), "69.1 mi (111.2 km)"),
        (Point(0, 179.5), Point(0, -179.5), "69.1 mi (111.2 km)"),
        (Point(90, 0), Point(-90, 77), "12,436.8 mi (20,015.1 km)"),
        (NEW_YORK, LOS_ANGELES, "2,445.6 mi (3,935.8 km)"),
        (PITTSBURGH, None, None),
        (None, PITTSBURGH, None),
    ],
)
def test_distances(start: Point | None, end: Point | None, words: str | None) -> None:
    assert distance_in_words(start, end) == words


@pytest.mark.parametrize(
    "latitude, longitude",
    [(None, 1.0), (1.0, None), (90.1, 0.0), (-90.1, 0.0), (0.0, 180.1), (0.0, -180.1), (float("nan"), 0.0),
     (0.0, float("nan")), (float("inf"), 0.0), (0.0, float("-inf"))],
)  # fmt: skip
def test_what_is_no_place(latitude: float | None, longitude: float | None) -> None:
    assert point_of(latitude, longitude) is None


def test_places() -> None:
    assert point_of(-90, 180) == Point(-90, 180)
    assert point_of(0, 0) == Point(0, 0)
    assert draw_map(None, None) is None


def test_every_state_and_province_is_there_and_every_ring_is_closed() -> None:
    known = outlines()
    countries = [area.country for area in known.areas]
    assert (countries.count("US"), countries.count("CA"), countries.count("MX")) == (51, 13, 1)
    assert len({area.name for area in known.areas}) == len(known.areas)
    for area in known.areas:
        for ring in area.rings:
            ends = [known.arcs[n] if n >= 0 else known.arcs[~n][::-1] for n in ring]
            assert all(one[-1] == other[0] for one, other in zip(ends, ends[1:] + ends[:1], strict=True)), area.name


FRAME = Frame(0, 0, 10, 10)


def test_a_ring_around_the_frame_fills_it() -> None:
    ring = clip_ring([(-5, -5), (15, -5), (15, 15), (-5, 15)], FRAME)
    assert set(ring) == {(0, 0), (10, 0), (10, 10), (0, 10)}
    assert clip_ring([(11, 0), (15, 0), (15, 5)], FRAME) == []


def test_a_line_that_leaves_and_comes_back_is_two() -> None:
    pieces = list(clip_line([(5, 5), (15, 5), (15, 8), (5, 8)], FRAME))
    assert pieces == [[(5, 5), (10, 5)], [(10, 8), (5, 8)]]
    assert list(clip_line([(-1, -1), (11, -1)], FRAME)) == []


def test_inside_is_what_an_odd_number_of_rings_surround() -> None:
    rings = [[(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]]
    assert [holds(rings, spot) for spot in ((1, 1), (4, 4), (8, 4), (10, 4))] == [True, False, True, False]


def test_a_label_goes_where_it_fits_and_nothing_is_yet() -> None:
    wedge = [[(0, 0), (10, 0), (10, 10)]]
    place = room_for(wedge, 4, 2, FRAME, [])
    assert place is not None
    assert place.left >= place.bottom
    assert place.right <= 10
    assert room_for(wedge, 4, 2, FRAME, [FRAME]) is None
    assert room_for(wedge, 11, 2, FRAME, []) is None
