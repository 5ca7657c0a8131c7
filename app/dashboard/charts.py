"""Charts as inline SVG: bars by log date, and a driver's violations over time. Pure.

Coordinates and classes only, no inline style: colours are the style sheet's, and no meaning is in a colour alone. Each
chart has its words in a title; the page has the numbers as a table beside it.
"""

from collections.abc import Sequence

from markupsafe import Markup

from app.dashboard.words import log_day

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
