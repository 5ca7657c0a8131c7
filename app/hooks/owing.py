"""What a batch of changes owes to hooks, as rows of the outbox, in the transaction of the changes (contract section 7).

Changes one by one, and crossings of thresholds. A threshold is crossed by the change after which a driver has exactly
as many matching violations as it asks for, and had fewer before; so it is told once, and again only after there were
fewer, whether because one was invalidated or because one is too long ago.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Fetch, Insert, ReadScript, WriteScript
from app.hooks.subscriptions import Subscription, Subscriptions, Traits
from app.inbox.store import Ledger
from app.maven.times import DAY, format_time
from app.outbox.model import DeliveryRow, Topic
from app.outbox.store import pending_row
from app.violations.model import ACTIVE
from app.violations.rules import Standing
from app.violations.store import Change

MOST_LISTED = 100
"""Violations that the message of a crossing lists, the newest."""


def owe(dialect: Dialect, subscriptions: Subscriptions, changes: Sequence[Change], ledger: Ledger) -> WriteScript[None]:
    """Puts into the outbox what these changes, whose violations are written already, owe."""
    rows: list[tuple[object, ...]] = []
    for change in changes:
        for hook_pk in subscriptions.told_of(change):
            ledger.last_delivery_pk += 1
            rows.append(
                pending_row(
                    ledger.last_delivery_pk,
                    hook_pk,
                    Topic(change.outcome),
                    ledger.now,
                    violation_pk=change.violation_pk,
                    seq=change.seq,
                )
            )
    if subscriptions.thresholds:
        for crossing in (yield from find_crossings(dialect, subscriptions.thresholds, changes, ledger.now)):
            ledger.last_delivery_pk += 1
            rows.append(
                pending_row(ledger.last_delivery_pk, crossing.hook_pk, Topic.THRESHOLD, ledger.now, body=crossing.body)
            )
    if rows:
        yield Insert(DeliveryRow, rows)


class Crossing(NamedTuple):
    """A threshold of a hook that was crossed, and the data to tell it with, JSON."""

    hook_pk: int
    body: bytes


class _Active(NamedTuple):
    """An active violation of a driver."""

    id: str
    driver_name: str | None
    traits: Traits


_Drivers = dict[str, dict[int, _Active]]
"""Active violations by driver and by their keys."""


def find_crossings(
    dialect: Dialect, hooks: Sequence[Subscription], changes: Sequence[Change], now: int
) -> ReadScript[list[Crossing]]:
    """The thresholds that changes, written already, crossed one after the other."""
    concerned = {
        standing.details.facts.driverId
        for change in changes
        for standing in (change.before, change.after)
        if standing is not None and standing.details.facts.driverId is not None
    }
    if not concerned:
        return []
    longest = max(hook.threshold.withinDays for hook in hooks if hook.threshold is not None)
    drivers = yield from _active_violations(dialect, concerned, now - longest * DAY)
    for change in reversed(changes):
        _put(drivers, change, change.after, change.before)
    found: list[Crossing] = []
    for change in changes:
        _put(drivers, change, change.before, change.after)
        found += _crossed(drivers, hooks, change, now)
    return found


def _active_violations(dialect: Dialect, driver_ids: Iterable[str], since: int) -> ReadScript[_Drivers]:
    rows = yield Fetch(
        "SELECT driver_id, pk, id, driver_name, terminal_code, type, ruleset, start_time, duration_minutes, egregious"
        f" FROM violations WHERE status = {ACTIVE} AND driver_id IN {any_of(dialect, 1)} AND start_time >= $2",
        (list_argument(dialect, sorted(driver_ids)), since),
    )
    drivers: _Drivers = {}
    for row in rows:
        traits = Traits(row[0], row[4], row[5], row[6], row[7], row[8], bool(row[9]))
        drivers.setdefault(row[0], {})[row[1]] = _Active(row[2], row[3], traits)
    return drivers


def _put(drivers: _Drivers, change: Change, instead_of: Standing | None, standing: Standing | None) -> None:
    """Lets a violation stand as `standing` says, and no longer as `instead_of`."""
    if instead_of is not None:
        drivers.get(instead_of.details.facts.driverId or "", {}).pop(change.violation_pk, None)
    if standing is None or standing.invalidated_at is not None:
        return
    facts = standing.details.facts
    if facts.driverId is not None:
        active = _Active(facts.id, facts.driverName, Traits.of(facts))
        drivers.setdefault(facts.driverId, {})[change.violation_pk] = active


def _crossed(drivers: _Drivers, hooks: Sequence[Subscription], change: Change, now: int) -> Iterable[Crossing]:
    driver_id = change.after.details.facts.driverId
    of_driver = drivers.get(driver_id or "", {})
    if driver_id is None or change.violation_pk not in of_driver:
        return
    for hook in hooks:
        assert hook.threshold is not None
        since = now - hook.threshold.withinDays * DAY
        if not _counts(hook, of_driver[change.violation_pk].traits, since) or _counted(hook, change, driver_id, since):
            continue
        counted = [one for one in of_driver.values() if _counts(hook, one.traits, since)]
        if len(counted) == hook.threshold.atLeast:
            yield Crossing(hook.pk, _told(hook, driver_id, of_driver[change.violation_pk], counted))


def _counts(hook: Subscription, traits: Traits, since: int) -> bool:
    return traits.start_time is not None and traits.start_time >= since and hook.matcher.matches(traits)


def _counted(hook: Subscription, change: Change, driver_id: str, since: int) -> bool:
    """Whether the violation counted for this driver before the change already."""
    before = change.before
    if before is None or before.invalidated_at is not None or before.details.facts.driverId != driver_id:
        return False
    return _counts(hook, Traits.of(before.details.facts), since)


def _told(hook: Subscription, driver_id: str, newest: _Active, counted: Sequence[_Active]) -> bytes:
    assert hook.threshold is not None
    listed = sorted(counted, key=lambda one: (one.traits.start_time or 0, one.id), reverse=True)[:MOST_LISTED]
    return orjson.dumps(
        {
            "driverId": driver_id,
            "driverName": newest.driver_name,
            "terminalCode": newest.traits.terminal_code,
            "count": len(counted),
            "atLeast": hook.threshold.atLeast,
            "withinDays": hook.threshold.withinDays,
            "violations": [
                {
                    "id": one.id,
                    "type": one.traits.type,
                    "startTime": None if one.traits.start_time is None else format_time(one.traits.start_time),
                    "durationMinutes": one.traits.minutes,
                    "egregious": one.traits.is_egregious,
                }
                for one in listed
            ],
        }
    )
