"""Writes lines and words as SVG elements. What they look like is the stylesheet's, by their class."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from app.dashboard.outlines.clipping import Spot


def path(css_class: str, lines: Iterable[Sequence[Spot]]) -> Markup:
    """Lines that are not filled; nothing when there are none."""
    data = [steps for line in lines if (steps := path_data(line))]
    return Markup('<path class="{}" fill="none" d="{}"/>').format(css_class, "".join(data)) if data else Markup("")


def filled_path(css_class: str, rings: Iterable[Sequence[Spot]]) -> Markup:
    """Rings that are filled where an odd number of them surround a place; nothing when there are none."""
    data = [steps + "z" for ring in rings if (steps := path_data(ring))]
    return (
        Markup('<path class="{}" fill-rule="evenodd" d="{}"/>').format(css_class, "".join(data)) if data else Markup("")
    )


def text(css_class: str, x: float, y: float, words: str, anchor: str = "middle") -> Markup:
    """Words on the base line `y`; `anchor` says which of their start, middle and end is at `x`."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        css_class, x, y, anchor, words
    )


def path_data(line: Sequence[Spot]) -> str:
    """A line in steps of whole tenths, which cannot add up to a drift; empty when it is shorter than one."""
    (x, y), *others = [(round(x * 10), round(y * 10)) for x, y in line]
    words = [f"M{_tenths(x)} {_tenths(y)}l"]
    for next_x, next_y in others:
        if (next_x, next_y) != (x, y):
            words.append(f"{_tenths(next_x - x)} {_tenths(next_y - y)} ")
            x, y = next_x, next_y
    return "".join(words).replace(" -", "-").rstrip() if len(words) > 1 else ""


def _tenths(number: int) -> str:
    whole, tenth = divmod(abs(number), 10)
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}" if tenth == 0 else f"{sign}{whole or ''}.{tenth}"
