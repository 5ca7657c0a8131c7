"""What people are told: a title, and one fact a line, for Slack, e-mail, a phone.

Owns the sentences. Plain text: whoever sends it escapes it for his channel. The facts of a violation are left to
`telling`, sending to `sending`. Pure. Contract section 7.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.maven.schema import ViolationData
from app.maven.times import format_time
from app.violations.rules import Outcome
from app.violations.telling import (
    Telling,
    cut,
    driver_in_words,
    duration_in_words,
    one_line,
    tell,
    type_in_words,
)

Kind = Literal["problem", "urgent", "good", "info"]

SHOWN_VIOLATIONS = 10
"""Of those that made a driver pass a threshold: a phone shows no more."""
SHOWN_DRIVERS = 20
SHOWN_COUNTS = 10

HOW_BAD = "egregious: more than 3 hours over a driving limit"
_STANDS_REMOVED = "This violation was removed by a log edit and stays removed."


@dataclass(frozen=True, slots=True)
class Message:
    """A message for people. `title` is one line, `body` plain text of several; neither is empty."""

    title: str
    body: str
    kind: Kind


def change_message(outcome: Outcome, data: ViolationData, invalidated_at: int | None, link: str | None) -> Message:
    """Tells of a change of a violation. `outcome` is one of the four changes; `invalidated_at`, in microseconds since
    1970 UTC, is None while the violation is active.
    """
    told = tell(data)
    is_removed = invalidated_at is not None or outcome is Outcome.INVALIDATED
    is_urgent = told.is_egregious and not is_removed
    news = {
        Outcome.CREATED: None,
        Outcome.UPDATED: _STANDS_REMOVED if is_removed else "Its details have changed; this is how it stands now.",
        Outcome.INVALIDATED: _removal(invalidated_at),
        Outcome.REOPENED: "It had been removed by a log edit, and is active again.",
    }[outcome]
    lines = _facts(told, None if is_removed or not told.is_egregious else HOW_BAD)
    return Message(
        title=cut(f"{_headline(outcome, is_urgent)}: {told.what}, {told.who}"),
        body=lines_of([news, *lines, fact("Link", link)]),
        kind=_kind(outcome, is_urgent),
    )


def _headline(outcome: Outcome, is_urgent: bool) -> str:
    match outcome:
        case Outcome.INVALIDATED:
            return "HOS violation removed"
        case Outcome.UPDATED:
            return "Egregious HOS violation changed" if is_urgent else "HOS violation changed"
        case Outcome.REOPENED:
            return "Egregious HOS violation is back" if is_urgent else "HOS violation is back"
        case _:
            return "Egregious HOS violation" if is_urgent else "HOS violation"


def _kind(outcome: Outcome, is_urgent: bool) -> Kind:
    if outcome is Outcome.INVALIDATED:
        return "good"
    if is_urgent:
        return "urgent"
    return "info" if outcome is Outcome.UPDATED else "problem"


def _removal(invalidated_at: int | None) -> str:
    when = "" if invalidated_at is None else f" on {readable_time(format_time(invalidated_at))}"
    return f"A log edit removed this violation{when}. It no longer counts."


def _facts(told: Telling, how_bad: str | None) -> list[str | None]:
    return [
        fact("What", told.what),
        fact("Driver", told.who),
        fact("Terminal", told.terminal),
        fact("Unit", told.unit),
        fact("Where", told.where),
        fact("Since", readable(told.since)),
        fact("Over by", told.over),
        fact("Rule", told.rule),
        fact("How bad", how_bad),
    ]


def threshold_message(data: Mapping[str, Any], link: str | None) -> Message:
    """Tells that a driver has had so many violations within so many days; `data` is that of `driver.threshold`."""
    who = driver_in_words(data.get("driverName"), data.get("driverId"))
    violations = data.get("violations") or []
    count, days = int(data.get("count") or len(violations)), int(data.get("withinDays") or 0)
    egregious = sum(bool(violation.get("egregious")) for violation in violations)
    within = f"within {counted(days, 'day')}"
    asked = f"You asked to be told from {data.get('atLeast')} on."
    shown = [_violation_line(violation) for violation in violations[:SHOWN_VIOLATIONS]]
    return Message(
        title=cut(f"{counted(count, 'HOS violation')} {within}: {who}"),
        body=lines_of(
            [
                f"This driver has {counted(count, 'active violation')} {within}. {asked}",
                fact("Driver", who),
                fact("Terminal", one_line(data.get("terminalCode"))),
                fact("How bad", f"{egregious} of them {HOW_BAD}" if egregious else None),
                "Violations:" if shown else None,
                *shown,
                and_more(count - len(shown)) if shown else None,
                fact("Link", link),
            ]
        ),
        kind="urgent" if egregious else "problem",
    )


def _violation_line(violation: Mapping[str, Any]) -> str:
    start_time, minutes = violation.get("startTime"), violation.get("durationMinutes")
    parts = [
        readable(start_time),
        type_in_words(violation.get("type")),
        None if minutes is None else f"{duration_in_words(minutes)} over",
        "egregious" if violation.get("egregious") else None,
    ]
    return "- " + ", ".join(part for part in parts if part)


def digest_message(data: Mapping[str, Any], link: str | None) -> Message:
    """Tells what changed in a time and how all stands; `data` is that of `violation.digest`."""
    changes, active = data.get("changes") or {}, data.get("active") or {}
    total, egregious = int(active.get("total") or 0), int(active.get("egregious") or 0)
    changed = [
        f"{int(changes[name])} {word}"
        for name, word in (
            ("created", "new"),
            ("updated", "changed"),
            ("reopened", "back after their removal"),
            ("invalidated", "removed by log edits"),
        )
        if changes.get(name)
    ]
    standing = f"{total} active" + (f", {egregious} of them egregious" if egregious else "")
    period = lines_of([fact("From", readable(data.get("from"))), fact("To", readable(data.get("to")))])
    if not changed and not total:
        said = "All is quiet: nothing changed, and no violation is active."
        return Message("HOS digest: all quiet", lines_of([said, period, fact("Link", link)]), "good")
    drivers = (data.get("drivers") or [])[:SHOWN_DRIVERS]
    more = int(data.get("moreDrivers") or 0) + len(data.get("drivers") or []) - len(drivers)
    new = int(changes.get("created") or 0)
    return Message(
        title=f"HOS digest: {f'{new} new' if changed else 'no changes'}, {standing}",
        body=lines_of(
            [
                period,
                f"Changes: {', '.join(changed)}" if changed else "Changes: none, it was quiet.",
                f"Now: {standing}" if total else "Now: no violation is active.",
                _counts("By type", active.get("byType"), type_in_words),
                _counts("By terminal", active.get("byTerminal"), one_line),
                "Drivers with the most:" if drivers else None,
                *(_driver_line(driver) for driver in drivers),
                and_more(more),
                fact("Link", link),
            ]
        ),
        kind="info",
    )


def _driver_line(driver: Mapping[str, Any]) -> str:
    egregious = int(driver.get("egregiousCount") or 0)
    terminal = one_line(driver.get("terminalCode"))
    return (
        f"- {driver_in_words(driver.get('driverName'), driver.get('driverId'))}"
        + (f", {terminal}" if terminal else "")
        + f": {int(driver.get('activeCount') or 0)}"
        + (f", {egregious} egregious" if egregious else "")
    )


def _counts(name: str, counts: Mapping[str, Any] | None, word: Callable[[str], str | None]) -> str | None:
    if not counts:
        return None
    most_first = sorted(counts.items(), key=lambda item: (-int(item[1]), item[0]))
    shown = [f"{word(key) or 'none'} {int(count)}" for key, count in most_first[:SHOWN_COUNTS]]
    return f"{name}: {', '.join([*shown, *filter(None, [and_more(len(most_first) - len(shown))])])}"


def test_message(hook_name: str) -> Message:
    """Tells that nothing happened but a test of a hook."""
    return Message(
        title="Test alert from hos-receiver",
        body=lines_of(
            [
                f'This is a test of the hook "{one_line(hook_name) or "without a name"}". No violation happened.',
                "If you can read this, its alerts reach you here.",
            ]
        ),
        kind="info",
    )


def readable_time(text: str) -> str:
    """`2024-01-01T00:00:59Z` as `2024-01-01 00:00 UTC`."""
    return f"{text[:10]} {text[11:16]} UTC"


def readable(text: str | None) -> str | None:
    """The same; None for None."""
    return None if text is None else readable_time(text)


def fact(name: str, value: str | None) -> str | None:
    """A line of a message; None for what is not known."""
    return None if value is None else f"{name}: {value}"


def counted(number: int, thing: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def and_more(number: int) -> str | None:
    """What is said of those that are not shown; None when all are."""
    return f"and {number} more" if number > 0 else None


def lines_of(lines: Iterable[str | None]) -> str:
    """A body of lines, without those that there is nothing to say in."""
    return "\n".join(line for line in lines if line)
