"""What the templates of the duty log take for drawing and telling: the filters, and the legend of drawings. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from app.dashboard.duty_day import LogDay, clock, clock_times
from app.dashboard.duty_grid import SPECIAL_MARKS, draw_day
from app.dashboard.duty_versions import local, moment_of
from app.hours.limits import Excess
from app.maven.times import MINUTE
from app.violations.telling import duration_in_words


@dataclass(frozen=True, slots=True)
class Legend:
    """What drawings have in them beside the plain line, and has to be explained."""

    specials: tuple[tuple[str, str], ...]
    has_bands: bool
    has_edits: bool
    has_unidentified: bool
    has_unknown: bool


def legend_of(days: Sequence[LogDay]) -> Legend:
    """What has to be explained of the drawings of these days."""
    parts = [part for day in days for part in day.parts]
    found = {part.span.special for part in parts if part.span is not None}
    return Legend(
        specials=tuple((mark, special.value) for special, mark in SPECIAL_MARKS.items() if special in found),
        has_bands=any(day.bands for day in days),
        has_edits=any(day.edited for day in days),
        has_unidentified=any(day.unidentified for day in days),
        has_unknown=any(part.unknown is not None for part in parts),
    )


def _stretch(excess: Excess, zone: ZoneInfo) -> str:
    """A stretch of driving from when to when and how long."""
    begins, ends = local(excess.start, zone), local(excess.end, zone)
    end = f"{ends:%H:%M}" if begins.date() == ends.date() else moment_of(excess.end, zone)
    return (
        f"{moment_of(excess.start, zone)} to {end} ({duration_in_words(round((excess.end - excess.start) / MINUTE))})"
    )


DUTY_FILTERS: dict[str, Callable[..., object]] = {
    "duty_grid": draw_day,
    "duty_legend": legend_of,
    "duty_times": clock_times,
    "duty_clock": clock,
    "duty_moment": moment_of,
    "duty_stretch": _stretch,
}
"""Filters of the templates."""
