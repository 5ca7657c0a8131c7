"""What a delivery becomes in one transaction: events kept, violations advanced, hooks owed what changed, the rest in
quarantine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from app.db.statements import Dialect, WriteScript
from app.hooks.owing import owe
from app.hooks.subscriptions import HookBook
from app.inbox.model import Channel
from app.inbox.store import Misunderstood, close_ledger, open_ledger, quarantine
from app.maven.events import AcceptedEvent, Fault, ReadEvent, RejectedEvent
from app.violations.rules import Outcome
from app.violations.store import Arrival, apply_events


@dataclass(frozen=True, slots=True)
class Delivery:
    """The events of one request or polled page, in the order received."""

    events: Sequence[ReadEvent]
    channel: Channel
    along: Callable[[], WriteScript[object]] | None = None
    """Makes the script of what is to be committed with the events or not at all, such as the end of the quarantine
    entry whose retry this is. It may be asked for more than once, when a transaction has to be begun anew."""
    size: int = 0
    """Bytes of the body, which it keeps in memory until it is committed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one event."""

    outcome: Outcome
    quarantine_id: int | None = None


def errors_json(faults: Sequence[Fault]) -> str:
    """Faults as the quarantine keeps them: JSON text of `[{"pointer", "detail"}]`."""
    return orjson.dumps([{"pointer": f.pointer, "detail": f.detail} for f in faults]).decode()


def keep_deliveries(
    dialect: Dialect, deliveries: Sequence[Delivery], now: int, hooks: HookBook | None = None
) -> WriteScript[list[list[Kept]]]:
    """Keeps deliveries in order, and what is owed to hooks for them; gives for each what became of its events.

    One transaction, whoever runs it. Who keeps deliveries again and again keeps `hooks` as well, which spares it to
    read them anew.
    """
    ledger = yield from open_ledger(dialect, now)
    arrivals = [Arrival(e, d.channel) for d in deliveries for e in d.events if isinstance(e, AcceptedEvent)]
    told, changes = yield from apply_events(dialect, arrivals, ledger)
    outcomes = iter(told)
    if changes:
        subscriptions = yield from (hooks or HookBook()).current(ledger)
        if subscriptions.has_any:
            yield from owe(dialect, subscriptions, changes, ledger)
    for delivery in deliveries:
        if delivery.along is not None:
            yield from delivery.along()
    rejected = [
        Misunderstood(e.payload, errors_json(e.faults), d.channel)
        for d in deliveries
        for e in d.events
        if isinstance(e, RejectedEvent)
    ]
    entries = iter((yield from quarantine(rejected, ledger.now)) if rejected else ())
    yield from close_ledger(ledger)
    return [
        [
            Kept(next(outcomes))
            if isinstance(e, AcceptedEvent)
            else Kept(Outcome.QUARANTINED, next(entries))
            if isinstance(e, RejectedEvent)
            else Kept(Outcome.IGNORED)
            for e in d.events
        ]
        for d in deliveries
    ]
