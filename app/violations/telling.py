"""A violation in plain words: what was passed, by whom, where, since when and by how much. For alerts and pages.

Maven's texts come from drivers and devices, and may hold anything: here they become single lines of bounded length
without control characters and without those that turn the direction of a text. Escaping for HTML or Markdown is left
to whoever writes such a document; what a message says as a whole is left to `alerts`. Pure.
"""

import re
from dataclasses import dataclass

from app.maven.schema import EldLocation, VehicleData, ViolationData
from app.maven.times import format_time
from app.violations.regulation import is_egregious, regulation_of

LONGEST = 200
"""Characters of one fact, the ellipsis included."""
_LONGEST_READ = 10 * LONGEST
"""What is behind it is not even looked at."""

_HIDDEN = (
    r"\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"
)
"""Characters that are not seen, or turn what stands around them. The joiners that emoji and Persian need are left."""
_JOINERS = "\u200c\u200d"
_UNSEEN = re.compile(f"[{_HIDDEN}]")
_BLANK = re.compile(r"[\s\u2800\x00-\x1f\x7f-\x9f]+")
_TO_ESCAPE = re.compile(rf"[\\\x00-\x1f\x7f-\x9f\u2028\u2029{_HIDDEN}]")

_LIMITS = {
    "49 CFR 395.3(a)(3)(i)": "11-hour driving limit passed",
    "49 CFR 395.3(a)(2)": "14-hour driving window passed",
    "49 CFR 395.3(a)(3)(ii)": "30-minute break missed after 8 hours of driving",
    "49 CFR 395.3(b)(1)": "60-hour limit in 7 days passed",
    "49 CFR 395.3(b)(2)": "70-hour limit in 8 days passed",
    "49 CFR 395.5(a)(1)": "10-hour driving limit passed",
    "49 CFR 395.5(a)(2)": "15-hour duty limit passed",
    "49 CFR 395.5(b)(1)": "60-hour limit in 7 days passed",
    "49 CFR 395.5(b)(2)": "70-hour limit in 8 days passed",
}
"""The sections of `regulation`, as a safety manager calls them."""

UNKNOWN_LIMIT = "Hours-of-service violation"
UNKNOWN_DRIVER = "Unknown driver"


@dataclass(frozen=True, slots=True)
class Telling:
    """The facts of a violation, each one line of at most `LONGEST` characters; None is what is not known."""

    what: str
    """The limit, by the regulation; else in Maven's words, and never one that neither of them named."""
    who: str
    """`Ada Lovelace (driver 4711)`, as far as it is known."""
    where: str | None
    terminal: str | None
    unit: str | None
    """Number of the power unit."""
    since: str | None
    """ISO 8601, UTC."""
    until: str | None
    over: str | None
    """`3 h 05 min`."""
    rule: str | None
    """Section and title."""
    is_egregious: bool


def tell(data: ViolationData) -> Telling:
    """The facts of a violation, of any Violation Data that was accepted."""
    regulation = regulation_of(data.ruleset, data.type)
    minutes = data.duration_minutes
    return Telling(
        what=(None if regulation is None else _LIMITS.get(regulation.cite)) or _what_maven_says(data),
        who=driver_in_words(data.driverName, data.driverId),
        where=_way(_place(data.startData), _place(data.endData)),
        terminal=one_line(data.terminalCode),
        unit=one_line(data.powerUnitNumber),
        since=None if data.startTime is None else format_time(data.startTime),
        until=None if data.endTime is None else format_time(data.endTime),
        over=None if minutes is None else duration_in_words(minutes),
        rule=None if regulation is None else f"{regulation.cite}: {regulation.title}",
        is_egregious=is_egregious(data.type, minutes),
    )


def one_line(text: str | None, most: int = LONGEST) -> str | None:
    """A text of others as one line of at most `most` characters; None when there is nothing to be seen in it."""
    if text is None:
        return None
    line = _BLANK.sub(" ", _UNSEEN.sub("", text[:_LONGEST_READ])).strip(f" {_JOINERS}")
    return cut(f"{line}…" if line and len(text) > _LONGEST_READ else line, most) or None


def cut(line: str, most: int = LONGEST) -> str:
    """A line, cut to `most` characters with an ellipsis at its end if it is longer."""
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def escaped(text: str) -> str:
    """A text of others as one line from which it can be told exactly: no two texts become the same.

    A backslash is doubled, and what must not stand in a line becomes `\\u{202e}`.
    """
    return _TO_ESCAPE.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\u{{{ord(found[0]):x}}}", text)


def type_in_words(code: str | None) -> str:
    """A type code read out: `shift_drive` is `Shift drive`. Of a type that is not known nothing more can be said."""
    words = one_line((code or "")[:_LONGEST_READ].replace("_", " "))
    return UNKNOWN_LIMIT if words is None else words[:1].upper() + words[1:]


def driver_in_words(name: str | None, driver_id: str | None) -> str:
    """A driver by name and id, as far as they are known."""
    shown_id = one_line(driver_id, LONGEST // 2)
    if shown_id is None:
        return one_line(name) or UNKNOWN_DRIVER
    shown_name = one_line(name, LONGEST - len(shown_id) - len(" (driver )"))
    return f"Driver {shown_id}" if shown_name is None else f"{shown_name} (driver {shown_id})"


def duration_in_words(minutes: int) -> str:
    """`3 h 05 min`, or `5 min` when it is less than an hour."""
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def _what_maven_says(data: ViolationData) -> str:
    return one_line(data.longDescription) or one_line(data.shortDescription) or type_in_words(data.type)


_LONGEST_PLACE = (LONGEST - len("from  to ")) // 2


def _way(start: str | None, end: str | None) -> str | None:
    if end is None or start == end:
        return start
    return f"to {end}" if start is None else f"from {start} to {end}"


def _place(vehicle: VehicleData | None) -> str | None:
    if vehicle is None:
        return None
    place = (
        _city(vehicle.city, vehicle.state)
        or _eld_place(vehicle.eldLocation)
        or one_line(vehicle.formattedAddress)
        or one_line(vehicle.state)
    )
    if place is None and vehicle.latitude is not None and vehicle.longitude is not None:
        return f"{vehicle.latitude:.4f}, {vehicle.longitude:.4f}"
    return None if place is None else cut(place, _LONGEST_PLACE)


def _city(city: str | None, state: str | None) -> str | None:
    shown_city, shown_state = one_line(city, _LONGEST_PLACE // 2), one_line(state, _LONGEST_PLACE // 4)
    return shown_city if shown_city is None or shown_state is None else f"{shown_city}, {shown_state}"


def _eld_place(location: EldLocation | None) -> str | None:
    if location is None:
        return None
    city = _city(location.city, location.jurisdiction)
    units, direction = one_line(location.units, 10), one_line(location.direction, 10)
    if city is None:
        return one_line(location.formattedLocation)
    if not location.distance or units is None or direction is None:
        return city
    return f"{location.distance:.3g} {units} {direction} of {city}"
