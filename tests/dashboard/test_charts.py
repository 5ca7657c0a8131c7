"""Charts: sound SVG of coordinates and classes, with every number in it, whatever the numbers are."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from app.dashboard.charts import HEIGHT, WIDTH, Span, bars, timeline
from app.dashboard.words import log_day
from app.maven.times import DAY, MINUTE

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "g", "title", "rect", "line", "text"}
ATTRIBUTES = {
    *("class", "viewBox", "role", "aria-label", "text-anchor"),
    *("x", "y", "x1", "x2", "y1", "y2", "rx", "width", "height"),
}
SINCE, UNTIL = 1_767_225_600_000_000, 1_767_225_600_000_000 + 30 * DAY
COUNTS = st.integers(0, 3) | st.integers(0, 10**9)
FIRST = date(2025, 12, 3)


def drawn(chart: Markup) -> ElementTree.Element:
    """The chart as XML, of nothing but what draws."""
    root = ElementTree.fromstring(chart)  # noqa: S314 - we wrote it
    for one in root.iter():
        assert one.tag.removeprefix(SVG) in ALLOWED
        assert set(one.attrib) <= ATTRIBUTES
        for name in ("x", "y", "x1", "x2", "y1", "y2", "width", "height"):
            assert re.fullmatch(r"-?\d+(\.\d)?", one.get(name, "0"))
        for name in ("width", "height"):
            assert float(one.get(name, "0")) >= 0
    assert root.get("role") == "img"
    assert root.get("aria-label")
    return root


def rects(root: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    """Top and height of the bars of a kind."""
    found = [one for one in root.iter() if one.tag.endswith("rect") and one.get("class") == kind]
    return [(float(one.attrib["y"]), float(one.attrib["height"])) for one in found]


@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=40))
def test_bars_have_every_number_and_stay_inside(counts: list[tuple[int, int]]) -> None:
    days = [((FIRST + timedelta(n)).isoformat(), *both) for n, both in enumerate(counts)]
    root = drawn(bars(days))
    titles = [one.text for one in root.iter() if one.tag.endswith("title")]
    assert titles == [f"{log_day(day)}: {active} active, {gone} invalidated" for day, active, gone in days]
    total, gone = sum(one[0] for one in counts), sum(one[1] for one in counts)
    assert root.get("aria-label") == (
        f"Violations of the last {len(days)} log dates: {total} active, {gone} invalidated."
    )
    assert len(rects(root, "bar-active")) == sum(1 for active, _ in counts if active)
    assert len(rects(root, "bar-invalidated")) == sum(1 for _, gone in counts if gone)
    for top, tall in rects(root, "bar-active") + rects(root, "bar-invalidated"):
        assert tall >= 2
        assert top >= 0
        assert top + tall <= HEIGHT


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_greater_count_has_the_taller_bar(one: int, other: int) -> None:
    (_, first), (_, second) = rects(drawn(bars([("2026-01-01", one, 0), ("2026-01-02", other, 0)])), "bar-active")
    assert (first > second) <= (one > other)
    if min(first, second) > 3:
        assert abs(first / second - one / other) < 0.1 * max(1, one / other)


SPANS = st.builds(
    Span,
    start=st.integers(SINCE, UNTIL) | st.just(SINCE),
    minutes=st.integers(0, 600) | st.just(599_999),
    words=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")),
    is_active=st.booleans(),
    is_egregious=st.booleans(),
)


@given(st.lists(SPANS, max_size=40).map(lambda spans: sorted(spans, key=lambda span: span.start)))
def test_a_timeline_has_every_violation_and_stays_inside(spans: list[Span]) -> None:
    root = drawn(timeline(spans, SINCE, UNTIL))
    titles = [one.text or "" for one in root.iter() if one.tag.endswith("title")]
    assert [title.partition(" UTC: ")[2] for title in titles] == [
        f"{span.words}{', egregious' if span.is_egregious else ''}" for span in spans
    ]
    marks = [one for one in root.iter() if one.tag.endswith("rect")]
    assert [one.get("class") for one in marks] == [
        "bar-active" if span.is_active else "bar-invalidated" for span in spans
    ]
    height = float(root.attrib["viewBox"].split()[3])
    for one in marks:
        x, y, width = (float(one.attrib[name]) for name in ("x", "y", "width"))
        assert x >= 0
        assert x + width <= WIDTH + 1
        assert 0 < y < height
    assert f"{len(spans)} violations in these 30 days" in root.attrib["aria-label"]


def test_what_overlaps_is_in_lanes_of_its_own() -> None:
    spans = [Span(SINCE + n * MINUTE, 600, str(n), is_active=True, is_egregious=False) for n in range(3)]
    root = drawn(timeline([*spans, Span(UNTIL - DAY, 1, "x", is_active=True, is_egregious=False)], SINCE, UNTIL))
    tops = [float(one.attrib["y"]) for one in root.iter() if one.tag.endswith("rect")]
    assert len(set(tops[:3])) == 3
    assert tops[3] == tops[0]


def test_nothing_is_a_chart_too() -> None:
    assert "0 active" in drawn(bars([])).attrib["aria-label"]
    assert drawn(timeline([], SINCE, UNTIL)) is not None
    assert drawn(timeline([], SINCE, SINCE)) is not None
