"""What an Alertmanager is sent: alerts of its API v2, one for each violation. Contract section 7.

Tried against Alertmanager 0.25: it takes any text as the value of a label, of any length, and drops empty ones; it
refuses a whole request for one `generatorURL` that is no URL or one value that is no string, and answers 400 when one
alert starts after it ends. None of these is ever made here. An end that is still to come by its clock does not shorten
a later one that it knows. Sending, and what was sent before, are left to `sending` and `delivering`. Pure.
"""

import re
from collections.abc import Mapping, Sequence

import orjson

from app.maven.schema import ViolationData
from app.maven.times import FIRST_INSTANT, MINUTE, format_time
from app.violations.regulation import is_egregious
from app.violations.telling import LONGEST, Telling, cut, driver_in_words, escaped, one_line, tell, type_in_words

ALERTS_PATH = "/api/v2/alerts"

CLOCK_MARGIN = MINUTE
"""An alert is resolved so much before the time told, because of clocks that differ: resolved one second ahead of the
Alertmanager's clock, it would fire on until the end that was told first."""
TEST_LASTS = 5 * MINUTE

URL = re.compile(
    r"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?](?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?"
)
"""Narrower than what an Alertmanager takes for a URL: it has its own opinion of `http://host#` and of `%zz`."""


def alerts_url(url: str) -> str:
    """The address to post alerts to, of an Alertmanager at `url`: with or without a path before it or a slash behind.
    A query does not belong to an Alertmanager and is left out.
    """
    base = url.partition("#")[0].partition("?")[0].rstrip("/")
    return base.removesuffix(ALERTS_PATH) + ALERTS_PATH


def labels_of(data: ViolationData) -> dict[str, str]:
    """What an alert is known and grouped by. The ids are whole, so that no two violations have all labels in common;
    in these values a backslash is doubled and characters that are not seen are spelled out (`escaped`).
    """
    labels = {
        "alertname": "HOSViolation",
        "violation": escaped(data.id),
        "driver": escaped(data.driverId or ""),
        "terminal": _word(data.terminalCode),
        "type": _word(data.type),
        "severity": "critical" if is_egregious(data.type, data.duration_minutes) else "warning",
    }
    return {name: value for name, value in labels.items() if value}


def _word(text: str | None) -> str:
    """A text of any length as the value of a label."""
    return cut(escaped((text or "")[: LONGEST + 1]))


def firing(data: ViolationData, *, now: int, ends_at: int, link: str | None) -> dict[str, object]:
    """An alert that fires until `ends_at`. Times are microseconds since 1970 UTC; it starts when the violation did, and
    not later than now.
    """
    told = tell(data)
    annotations = {
        "summary": f"{told.who}: {told.what}",
        "description": _description(told),
        "since": told.since,
        "where": told.where,
        "over": told.over,
        "rule": told.rule,
        "link": link,
    }
    started_at = data.eventTime if data.startTime is None else data.startTime
    alert: dict[str, object] = {
        "labels": labels_of(data),
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": format_time(min(started_at, now, ends_at)),
        "endsAt": format_time(ends_at),
    }
    if link is not None and URL.fullmatch(link):
        alert["generatorURL"] = link
    return alert


def _description(told: Telling) -> str:
    parts = [
        f"{told.what}, by {told.over}" if told.over else told.what,
        told.where,
        f"terminal {told.terminal}" if told.terminal else None,
        f"unit {told.unit}" if told.unit else None,
        "egregious: more than 3 hours over a driving limit" if told.is_egregious else None,
    ]
    return "; ".join(part for part in parts if part)


def resolved(labels: Mapping[str, str], starts_at: int, *, ended_at: int) -> dict[str, object]:
    """The end of an alert that was sent with these labels and this start. `ended_at` is at most the time now; the alert
    ends `CLOCK_MARGIN` before it, and never before it starts.
    """
    ends_at = max(FIRST_INSTANT, ended_at - CLOCK_MARGIN)
    what = type_in_words(labels.get("type"))
    return {
        "labels": dict(labels),
        # What is sent last replaces what was sent before: without these the news of the end would have no words.
        "annotations": {
            "summary": f"{driver_in_words(None, labels.get('driver'))}: {what}, no longer active",
            "description": "The violation was removed by a log edit, or is no longer what this hook asks for.",
        },
        "startsAt": format_time(min(starts_at, ends_at)),
        "endsAt": format_time(ends_at),
    }


def test_alert(hook_name: str, *, now: int) -> dict[str, object]:
    """An alert about nothing, which ends by itself. `now` is in microseconds since 1970 UTC."""
    name = one_line(hook_name)
    return {
        "labels": {"alertname": "HOSReceiverTest", "severity": "info"} | ({"hook": name} if name else {}),
        "annotations": {
            "summary": "Test alert from hos-receiver",
            "description": f'A test of the hook "{name or ""}". No violation happened; this ends by itself.',
        },
        "startsAt": format_time(now),
        "endsAt": format_time(now + TEST_LASTS),
    }


def body_of(alerts: Sequence[Mapping[str, object]]) -> bytes:
    """The body of a request with these alerts."""
    return orjson.dumps([dict(alert) for alert in alerts])
