"""The state rule: what a set of events makes of a violation (contract section 4, docs/adr/0001).

Twice, on purpose: `standing_of` says it for a whole set, without any order; `advance` says it for one more event and
names the outcome, which is how the store goes on from what it holds. Property tests hold the two together. Pure:
nothing here knows a database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from app.maven.events import AcceptedEvent, EventType


class Outcome(IntEnum):
    """What an event did. The first four are changes; the first five are stored with the event."""

    CREATED = 0
    UPDATED = 1
    INVALIDATED = 2
    REOPENED = 3
    SUPERSEDED = 4
    DUPLICATE = 5
    IGNORED = 6
    QUARANTINED = 7

    @property
    def word(self) -> str:
        """The name on the wire."""
        return _WORDS[self]

    @property
    def is_change(self) -> bool:
        """Whether something visible changed."""
        return self < Outcome.SUPERSEDED


_WORDS = {outcome: outcome.name.lower() for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is needed of all events seen: the newest creation and the newest invalidation. At least one is there."""

    creation: AcceptedEvent | None
    invalidation: AcceptedEvent | None

    @property
    def details(self) -> AcceptedEvent:
        """The event whose details are shown: the newest creation, before one came the newest invalidation."""
        event = self.creation or self.invalidation
        assert event is not None
        return event

    @property
    def invalidated_at(self) -> int | None:
        """When it was invalidated, microseconds since 1970; None while it is active. At equal times the invalidation
        wins.
        """
        if self.invalidation is None:
            return None
        invalidated_at = self.invalidation.facts.eventTime
        if self.creation is not None and self.creation.facts.eventTime > invalidated_at:
            return None
        return invalidated_at


def _is_newer(event: AcceptedEvent, than: AcceptedEvent) -> bool:
    """Whether an event is newer; at one time the one of the greater canonical JSON is, so that the choice needs no
    order.
    """
    at, other_at = event.facts.eventTime, than.facts.eventTime
    return at > other_at or (at == other_at and event.canonical > than.canonical)


def _newest(events: Iterable[AcceptedEvent]) -> AcceptedEvent | None:
    newest: AcceptedEvent | None = None
    for event in events:
        if newest is None or _is_newer(event, newest):
            newest = event
    return newest


def standing_of(events: Iterable[AcceptedEvent]) -> Standing:
    """Where a violation stands after a set of events, none of them left out, in any order and repetition. Needs one at
    least.
    """
    known = list(events)
    return Standing(
        creation=_newest(e for e in known if e.event_type is EventType.CREATED),
        invalidation=_newest(e for e in known if e.event_type is EventType.INVALIDATED),
    )


def first_outcome(event: AcceptedEvent) -> Outcome:
    """The outcome of the first event of a violation."""
    return Outcome.CREATED if event.event_type is EventType.CREATED else Outcome.INVALIDATED


def advance(standing: Standing | None, event: AcceptedEvent) -> tuple[Standing, Outcome]:
    """The standing after one more event, which must not be a duplicate, and what the event did."""
    created = event.event_type is EventType.CREATED
    if standing is None:
        return Standing(event if created else None, None if created else event), first_outcome(event)
    held = standing.creation if created else standing.invalidation
    if held is not None and not _is_newer(event, held):
        return standing, Outcome.SUPERSEDED
    after = Standing(event if created else standing.creation, standing.invalidation if created else event)
    return after, _outcome_of(standing, after)


def _outcome_of(before: Standing, after: Standing) -> Outcome:
    was, now = before.invalidated_at, after.invalidated_at
    if was is None and now is not None:
        return Outcome.INVALIDATED
    if was is not None and now is None:
        return Outcome.REOPENED
    if was != now or before.details.data != after.details.data:
        return Outcome.UPDATED
    return Outcome.SUPERSEDED
