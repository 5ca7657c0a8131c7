"""How values read on a page: times in UTC and in the terminal's zone, durations, counts, texts of others as one line.

Filters of the templates. Texts of Maven and of drivers are shown without control characters and without those that turn
the direction of what stands around them; escaping is the template's, which does it to everything.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from markupsafe import Markup

from app.maven.times import SECOND, format_time
from app.violations.telling import duration_in_words, one_line, type_in_words

NOT_KNOWN = "not known"
LONGEST_NAME = 80


def moment(micros: int | None, zone: ZoneInfo | None = None) -> Markup:
    """An instant in UTC, and where a zone is known in that zone too."""
    if micros is None:
        return Markup('<span class="faint">{}</span>').format(NOT_KNOWN)
    at = datetime.fromtimestamp(micros / SECOND, UTC)
    shown = Markup('<time datetime="{}">{} UTC</time>').format(format_time(micros), _plain(at))
    if zone is None:
        return shown
    local = at.astimezone(zone)
    return shown + Markup(' <span class="local">{} {}</span>').format(_plain(local), local.tzname() or zone.key)


def _plain(at: datetime) -> str:
    return f"{at.day} {at:%b %Y, %H:%M}"


def terminal_moment(micros: int | None, terminal: str | None, zones: Mapping[str, ZoneInfo]) -> Markup:
    """An instant in UTC and in the zone of a terminal, if that is known."""
    return moment(micros, None if terminal is None else zones.get(terminal))


def ago(micros: int | None, now: int) -> str:
    """`5 min ago`, roughly."""
    if micros is None:
        return "never"
    seconds = max(0, (now - micros) // SECOND)
    for unit, length in (("day", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''} ago"
    return "just now"


def log_day(log_date: str | None) -> str:
    """A log date, which is the carrier's day and belongs to no zone: `2024-01-01` is `1 Jan 2024`."""
    if log_date is None:
        return NOT_KNOWN
    try:
        day = datetime.strptime(log_date, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return log_date
    return f"{day.day} {day:%b %Y}"


def over(minutes: int | None) -> str:
    """A time over a limit in words."""
    return NOT_KNOWN if minutes is None else duration_in_words(minutes)


def shown(text: str | None, most: int = LONGEST_NAME) -> str:
    """A text of others in one line."""
    return one_line(text, most) or NOT_KNOWN


def clean(text: str) -> str:
    """A text of several lines, each as `shown` would have it."""
    return "\n".join(one_line(line, 1000) or "" for line in text.splitlines())


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def signed(number: int) -> str:
    """A difference with its sign; the minus is the typographic one."""
    return f"+{number:,}" if number > 0 else f"\u2212{-number:,}" if number < 0 else "\u00b10"


def counted(number: int) -> str:
    """A count with separators of thousands."""
    return f"{number:,}"


WORDS: dict[str, Callable[..., object]] = {
    "moment": moment,
    "terminal_moment": terminal_moment,
    "ago": ago,
    "log_day": log_day,
    "over": over,
    "shown": shown,
    "clean": clean,
    "segment": segment,
    "signed": signed,
    "counted": counted,
    "type_words": type_in_words,
}
"""The filters by their names in templates."""
