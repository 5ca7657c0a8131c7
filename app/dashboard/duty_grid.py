"""A log day as the 24-hour graph grid of a paper log (49 CFR 395.8(g)), as inline SVG. Pure.

Across, everything is in per cent, so that the drawing is as wide as its page and its words stay legible on a phone;
down, it is in pixels. Coordinates and classes only: colours and what a narrow page leaves out are the style sheet's. No
meaning is in a colour alone, and all of it is in words in the title, the description and the table beside it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from app.dashboard.duty_day import (
    DUTY_WORDS,
    ROWS,
    Band,
    LogDay,
    Part,
    clock,
    clock_times,
)
from app.dashboard.duty_versions import local
from app.duty_log.driver_log import Special
from app.hours.spans import Duty
from app.maven.times import MINUTE

HOURS_HEIGHT = 20
LANE_HEIGHT = 18
ROW_HEIGHT = 34
STRIP_HEIGHT = 22
ACROSS = 10_000
"""Units from the start of a day to its end in what is stretched."""

MOST_LANES = 5
MOST_WORDS = 200
"""Parts with words of their own when pointed at."""
_LANE_SHARE = 5.0
"""Per cent of the width that a mark needs."""
_LEAST_BAND = 0.4
_LABEL_SHARE = 9.0
_SPECIAL_SHARE = 2.5

_SHORT_WORDS = {Duty.OFF_DUTY: "OFF", Duty.SLEEPER: "SB", Duty.DRIVING: "D", Duty.ON_DUTY: "ON"}
SPECIAL_MARKS = {Special.PERSONAL_USE: "PC", Special.YARD_MOVES: "YM", Special.WAITING_AT_SITE: "WT"}


def draw_day(day: LogDay) -> Markup:
    """An `<svg class="duty-grid">` of the day. Its ids are made of the date: a page shows one day of a date."""
    lanes = _lanes(day)
    top = HOURS_HEIGHT + LANE_HEIGHT * (max(lanes, default=-1) + 1)
    floor = top + ROW_HEIGHT * len(ROWS)
    height = floor + (STRIP_HEIGHT if day.unidentified else 0) + 1
    name = f"duty-{day.date.isoformat()}"
    parts = [
        Markup('<title id="{}-title">Duty log of {}</title><desc id="{}-desc">{}.</desc>').format(
            name, day.title, name, day.words
        ),
        *_unknown(day, top, floor),
        *_rows(day, top),
        *_hours(day, floor),
        *_quarters(day, top),
        *_bands(day, lanes, top, floor),
        *_line(day, top),
        *_special_marks(day, top),
        *_edited(day, top),
        *_strip(day, floor),
        *_words(day, top),
    ]
    return Markup(
        '<svg class="duty-grid" width="100%" height="{}" role="img" aria-labelledby="{}-title {}-desc">{}</svg>'
    ).format(height, name, name, Markup("").join(parts))


def hour_ticks(day: LogDay) -> list[tuple[int, int]]:
    """The full hours of the day as its clocks show them: instant and hour, start and end included. A day of 25 hours
    has one of them twice, a day of 23 lacks one.
    """
    ticks = []
    at = day.start
    while at <= day.end:
        there = local(at, day.zone)
        if there.minute == 0:
            ticks.append((at, there.hour))
        at += 15 * MINUTE
    return ticks


def hour_label(hour: int) -> str:
    """M, 1 to 11, N, 1 to 11, as a paper log has it."""
    return {0: "M", 12: "N"}.get(hour, str(hour % 12))


def line_points(day: LogDay) -> list[list[tuple[int, Duty]]]:
    """The line across the rows: one list for each stretch that is known, of instants and the row at each."""
    stretches: list[list[tuple[int, Duty]]] = []
    before: Part | None = None
    for part in day.parts:
        if part.span is not None:
            if before is None or before.span is None:
                stretches.append([])
            stretches[-1] += [(part.start, part.span.duty), (part.end, part.span.duty)]
        before = part
    return stretches


def _share(day: LogDay, at: int) -> float:
    return 100 * (min(max(at, day.start), day.end) - day.start) / (day.end - day.start)


def _across(day: LogDay, at: int) -> int:
    return round(ACROSS * (min(max(at, day.start), day.end) - day.start) / (day.end - day.start))


def _percent(share: float) -> str:
    return f"{share:.2f}%"


def _row_y(duty: Duty) -> int:
    """The middle of a row below the top of the rows."""
    return ROWS.index(duty) * ROW_HEIGHT + ROW_HEIGHT // 2


def _box(kind: str, left: float, width: float, y: int, height: int, words: str | None = None) -> Markup:
    inside = Markup("") if words is None else Markup("<title>{}</title>").format(words)
    return Markup('<rect class="{}" x="{}" width="{}" y="{}" height="{}">{}</rect>').format(
        kind, _percent(left), _percent(width), y, height, inside
    )


def _text(kind: str, share: float, y: int, words: str, anchor: str = "middle", shift: int = 0) -> Markup:
    return Markup('<text class="{}" x="{}" dx="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, _percent(share), shift, y, anchor, words
    )


def _stretched(y: int, height: int, paths: Sequence[tuple[str, str]]) -> Markup:
    """Paths whose x goes from 0 to `ACROSS` over the whole width."""
    drawn = Markup("").join(Markup('<path class="{}" d="{}"/>').format(kind, steps) for kind, steps in paths if steps)
    return Markup(
        '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>'
    ).format(y, height, ACROSS, height, drawn)


def _rows(day: LogDay, top: int) -> Iterator[Markup]:
    for number, duty in enumerate(ROWS):
        y = top + number * ROW_HEIGHT
        middle = y + ROW_HEIGHT // 2 + 4
        yield Markup('<line class="duty-rule" x1="0" x2="100%" y1="{}" y2="{}"/>').format(y, y)
        yield _text("duty-name is-long", 0, middle, DUTY_WORDS[duty], "end", -8)
        yield _text("duty-name is-short", 0, middle, _SHORT_WORDS[duty], "end", -6)
        yield _text("duty-total", 100, middle, clock(day.totals[duty]), "start", 8)
    bottom = top + len(ROWS) * ROW_HEIGHT
    yield Markup('<line class="duty-rule" x1="0" x2="100%" y1="{}" y2="{}"/>').format(bottom, bottom)


def _hours(day: LogDay, floor: int) -> Iterator[Markup]:
    for at, hour in hour_ticks(day):
        share = _percent(_share(day, at))
        kind = "" if hour % 12 == 0 else " is-third" if hour % 3 == 0 else " is-minor"
        yield Markup('<line class="duty-hour{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            kind, share, share, HOURS_HEIGHT - 3, floor
        )
        yield Markup('<text class="duty-hour-name{}" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            kind, share, HOURS_HEIGHT - 7, hour_label(hour)
        )


def _quarters(day: LogDay, top: int) -> Iterator[Markup]:
    """Half hours and quarters as marks at the foot of each row."""
    steps = []
    at = day.start
    while at < day.end:
        minute = local(at, day.zone).minute
        if minute:
            tall = ROW_HEIGHT // 3 if minute == 30 else ROW_HEIGHT // 6
            across = _across(day, at)
            steps.append(f"M{across} {ROW_HEIGHT}v-{tall}" + f"m0 {ROW_HEIGHT + tall}v-{tall}" * (len(ROWS) - 1))
        at += 15 * MINUTE
    yield _stretched(top, ROW_HEIGHT * len(ROWS), [("duty-quarter", "".join(steps))])


def _unknown(day: LogDay, top: int, floor: int) -> Iterator[Markup]:
    for part in day.parts:
        if part.unknown is None:
            continue
        left, right = _share(day, part.start), _share(day, part.end)
        start, end = clock_times(day, part)
        yield _box("duty-unknown", left, right - left, top, floor - top, f"{part.words}: {start} to {end}")


def _lanes(day: LogDay) -> list[int]:
    """For each violation the lane above the rows that its mark stands in."""
    ends: list[float] = []
    lanes = []
    for band in day.bands:
        left, width = _band_box(day, band)
        lane = next((n for n, end in enumerate(ends) if end <= left), len(ends))
        lane = min(lane, MOST_LANES - 1)
        if lane == len(ends):
            ends.append(0)
        ends[lane] = max(ends[lane], left + max(width, _LANE_SHARE))
        lanes.append(lane)
    return lanes


def _band_box(day: LogDay, band: Band) -> tuple[float, float]:
    left = min(_share(day, band.start), 100 - _LEAST_BAND)
    return left, max(_LEAST_BAND, _share(day, band.end) - left)


def _bands(day: LogDay, lanes: Sequence[int], top: int, floor: int) -> Iterator[Markup]:
    for band, lane in zip(day.bands, lanes, strict=True):
        left, width = _band_box(day, band)
        y = HOURS_HEIGHT + lane * LANE_HEIGHT
        start, end = clock_times(day, band)
        yield _box("duty-band", left, width, y, floor - y, f"{band.words}: {start} to {end}")
        is_late = left + width > 60
        share, anchor, shift = (left + width, "end", -4) if is_late and left > 30 else (left, "start", 4)
        yield _text("duty-band-name", share, y + LANE_HEIGHT - 5, band.mark, anchor, shift)


def _line(day: LogDay, top: int) -> Iterator[Markup]:
    plain: list[str] = []
    special: dict[Special, list[str]] = {}
    for part in day.parts:
        if part.span is None:
            continue
        start, end = _across(day, part.start), _across(day, part.end)
        steps = plain if part.span.special is None else special.setdefault(part.span.special, [])
        if end > start:
            steps.append(f"M{start} {_row_y(part.span.duty)}H{end}")
    falls = {
        (_across(day, at), _row_y(before), _row_y(duty)): None
        for stretch in line_points(day)
        for (_, before), (at, duty) in pairwise(stretch)
        if before is not duty
    }
    yield _stretched(
        top,
        ROW_HEIGHT * len(ROWS),
        [
            ("duty-fall", "".join(f"M{x} {y}V{to}" for x, y, to in falls)),
            ("duty-line", "".join(plain)),
            *(("duty-line is-special", "".join(steps)) for steps in special.values()),
        ],
    )


def _special_marks(day: LogDay, top: int) -> Iterator[Markup]:
    for part in day.parts:
        if part.span is None or part.span.special is None:
            continue
        left, right = _share(day, part.start), _share(day, part.end)
        if right - left >= _SPECIAL_SHARE:
            y = top + _row_y(part.span.duty) - 6
            yield _text("duty-special", (left + right) / 2, y, SPECIAL_MARKS[part.span.special])


def _edited(day: LogDay, top: int) -> Iterator[Markup]:
    for at, duty in day.edited[:MOST_WORDS]:
        yield Markup('<circle class="duty-edited" cx="{}" cy="{}" r="5"/>').format(
            _percent(_share(day, at)), top + _row_y(duty)
        )


def _strip(day: LogDay, floor: int) -> Iterator[Markup]:
    if not day.unidentified:
        return
    middle = floor + STRIP_HEIGHT // 2 + 5
    yield _text("duty-name is-long", 0, middle, "Unidentified", "end", -8)
    yield _text("duty-name is-short", 0, middle, "UD", "end", -6)
    yield _text("duty-total", 100, middle, clock(strip_minutes(day)), "start", 8)
    for one in day.unidentified[:MOST_WORDS]:
        left = min(_share(day, one.start), 100 - _LEAST_BAND)
        width = _LEAST_BAND if one.end is None else max(_LEAST_BAND, _share(day, one.end) - left)
        start, end = clock_times(day, one)
        words = f"Unidentified driving: {start}" + (f" to {end}" if end else ", end not recorded")
        yield _box("duty-unidentified", left, width, floor + 6, STRIP_HEIGHT - 8, words)


def _words(day: LogDay, top: int) -> Iterator[Markup]:
    """What can be pointed at, and the names of what is not known."""
    for part in day.parts[:MOST_WORDS]:
        left, right = _share(day, part.start), _share(day, part.end)
        if part.span is not None:
            start, end = clock_times(day, part)
            y = top + ROWS.index(part.span.duty) * ROW_HEIGHT
            words = f"{part.words}: {start} to {end}, {clock(part.minutes)}"
            yield _box("duty-place", left, right - left, y, ROW_HEIGHT, words)
        elif right - left >= _LABEL_SHARE:
            kind = "duty-unknown-name" if right - left >= 2.5 * _LABEL_SHARE else "duty-unknown-name is-narrow"
            middle = top + ROW_HEIGHT + ROW_HEIGHT // 2 + 4
            yield _text(kind, (left + right) / 2, middle, part.words)


def strip_minutes(day: LogDay) -> int:
    """Minutes of unidentified driving whose end is known; what overlaps counts once."""
    total, until = 0, day.start
    for one in sorted(day.unidentified, key=lambda drive: drive.start):
        if one.end is not None and one.end > until:
            total += one.end // MINUTE - max(one.start, until) // MINUTE
            until = one.end
    return total
