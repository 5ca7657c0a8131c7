"""Filling the stand-in's queue with a simulated fleet's violations, and with what else such a fleet puts there.

Owns when each event was saved, and the mix. The violations are `app/maven/simulator`'s, the rest `foreign.py`'s.
"""

from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from app.maven.simulator import DEFAULT_DAYS, DEFAULT_TERMINALS, DEFAULT_UNTIL, SimulatedDelivery, simulate
from app.maven.standin.envelopes import MILLISECOND, maven_time
from app.maven.standin.foreign import foreign_event
from app.maven.standin.held_events import HeldEvents
from app.maven.times import SECOND

DEFAULT_OTHERS = 2
"""Events of other types for one of ours; Maven's queue has 47 of those types and two of ours."""
_STAMP = b'"timestamp":"'


class Filled(NamedTuple):
    """How many events were added: violations created and invalidated, and those of other types."""

    ours: int
    others: int


def fill_from_simulation(
    held: HeldEvents,
    *,
    seed: int,
    count: int,
    others: int = DEFAULT_OTHERS,
    until: datetime = DEFAULT_UNTIL,
    days: int = DEFAULT_DAYS,
    drivers: int | None = None,
    terminals: int = DEFAULT_TERMINALS,
) -> Filled:
    """Add `count` events of ours from the `days` days before `until`, and `others` of other types for each.

    What the simulation delivers twice is in the queue twice, the second time with a timestamp of its own: the same id,
    the same data. Equal arguments, equal bytes. Raises ValueError as `simulate` does, and for fewer than no others.
    """
    if others < 0:
        raise ValueError("others must be 0 or more")
    start = until - timedelta(days=days)
    stream = simulate(seed, count, drivers=drivers, terminals=terminals, start=start, days=days, shape="envelope")
    # Of its own, so that the violations of a seed are the same with any number of others.
    rng = Random(f"others {seed}")  # noqa: S311 - repeatable, not unguessable
    previous = int(start.timestamp()) * SECOND
    for delivery in stream:
        saved_at, event = _saved(delivery)
        for drawn in sorted(rng.random() for _ in range(others)):
            other_at = previous + int((saved_at - previous) * drawn)
            held.add(other_at, foreign_event(rng, other_at))
        held.add(saved_at, event)
        previous = saved_at
    return Filled(count, count * others)


def _saved(delivery: SimulatedDelivery) -> tuple[int, bytes]:
    """When Maven saved a delivery, in microseconds since 1970 UTC, and its event with that time in it."""
    assert delivery.event_id is not None, "the stream is enveloped"
    head, _, rest = delivery.body.partition(_STAMP)
    stamp, _, tail = rest.partition(b'"')
    # To the second it is the time of delivery; the milliseconds are those that the simulation gave the event.
    saved_at = delivery.delivered_at * SECOND + int(stamp[-4:-1]) * MILLISECOND
    return saved_at, head + _STAMP + maven_time(saved_at).encode() + b'"' + tail
