"""Charts as inline SVG: bars by log date, and a driver's violations over time. Pure.

Coordinates and classes only, no inline style: colours are the style sheet's, and no meaning is in a colour alone. Each
chart has its words in a title; the page has the numbers as a table beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.dashboard.words import log_day
from app.maven.times import DAY, MINUTE, format_time

WIDTH, HEIGHT = 600, 150
LEFT, RIGHT, TOP, BOTTOM = 34, 6, 8, 22
_LEAST_BAR = 2


def bars(days: Sequence[tuple[str, int, int]]) -> Markup:
    """Bars of what stands, and on top of it, hatched, of what was invalidated, by log date."""
    most = max((active + invalidated for _, active, invalidated in days), default=0)
    top = _round_up(most)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(days))
    scale = (HEIGHT - TOP - BOTTOM) / top
    floor = HEIGHT - BOTTOM
    parts = [_frame(top, floor)]
    for number, (day, active, invalidated) in enumerate(days):
        x = LEFT + number * step
        tall, taller = _height(active, scale), _height(invalidated, scale)
        words = f"{log_day(day)}: {active} active, {invalidated} invalidated"
        parts.append(Markup("<g><title>{}</title>").format(words))
        parts.append(_bar("bar-space", x, TOP, step, floor - TOP))
        if active:
            parts.append(_bar("bar-active", x + step * 0.12, floor - tall, step * 0.76, tall))
        if invalidated:
            parts.append(_bar("bar-invalidated", x + step * 0.12, floor - tall - taller, step * 0.76, taller))
        parts.append(Markup("</g>"))
        if number % 7 == len(days) % 7 or len(days) <= 7:
            parts.append(
                Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    x + step / 2, HEIGHT - 7, log_day(day).rpartition(" ")[0]
                )
            )
    total, gone = sum(day[1] for day in days), sum(day[2] for day in days)
    words = f"Violations of the last {len(days)} log dates: {total} active, {gone} invalidated."
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, words, Markup("").join(parts)
    )


def _frame(top: int, floor: float) -> Markup:
    lines = []
    for value in (0, top // 2, top) if top > 1 else (0, top):
        y = floor - value * (floor - TOP) / top
        lines.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 5, y + 4, value)
        )
    return Markup("").join(lines)


def _bar(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def _height(count: int, scale: float) -> float:
    return max(_LEAST_BAR, count * scale) if count else 0


def _round_up(most: int) -> int:
    """The top of the axis: 2, 4, 10, 20, 40, 100 … whichever is enough."""
    unit = 1
    while True:
        for step in (2, 4, 10):
            if most <= step * unit:
                return step * unit
        unit *= 10


LANE, SPAN_TOP = 22, 20
_LEAST_SPAN = 6.0
_MOST_LANES = 12


@dataclass(frozen=True, slots=True)
class Span:
    """Something that began at a time, microseconds since 1970 UTC, and went on for some minutes."""

    start: int
    minutes: int
    words: str
    is_active: bool
    is_egregious: bool


def timeline(spans: Sequence[Span], since: int, until: int) -> Markup:
    """Spans along an axis of time, each in the first lane that has room; what finds none is put into the last one."""
    scale = (WIDTH - 2 * RIGHT) / max(1, until - since)
    ends: list[float] = []
    marks: list[Markup] = []
    for span in spans:
        x = RIGHT + (span.start - since) * scale
        width = min(max(_LEAST_SPAN, span.minutes * MINUTE * scale), max(_LEAST_SPAN, WIDTH - RIGHT - x))
        lane = next((n for n, end in enumerate(ends) if end + 2 <= x), len(ends))
        if lane == len(ends) and lane < _MOST_LANES:
            ends.append(0)
        lane = min(lane, _MOST_LANES - 1)
        ends[lane] = max(ends[lane], x + width)
        kind = "bar-active" if span.is_active else "bar-invalidated"
        day = format_time(span.start)[:16].replace("T", " ")
        marks.append(
            Markup(
                "<g><title>{} UTC: {}{}</title>"
                '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="2"/></g>'
            ).format(
                day, span.words, ", egregious" if span.is_egregious else "", kind, x, _lane_y(lane), width, LANE - 8
            )
        )
    height = _lane_y(max(1, len(ends))) + 2
    axis = []
    day_length = scale * DAY
    for number in range(0, round((until - since) / DAY) + 1, 7):
        x = RIGHT + number * day_length
        label = log_day(format_time(since + number * DAY)[:10]).rpartition(" ")[0]
        axis.append(
            Markup(
                '<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>'
                '<text class="axis" x="{:.1f}" y="12">{}</text>'
            ).format(x, x, SPAN_TOP - 4, height, x + 2, label)
        )
    words = f"{len(spans)} violations in these {round((until - since) / DAY)} days; the tables have them one by one."
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, words, Markup("").join([*axis, *marks])
    )


def _lane_y(lane: int) -> int:
    return SPAN_TOP + lane * LANE
