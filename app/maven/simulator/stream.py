"""The simulated stream: what Maven would deliver, in the order it would arrive.

Owns the course of time, the order of delivery, what is delivered twice, and the shapes events are written in. Pure:
the same arguments give the same bytes on every machine, because all chance is `Random(seed)` and no clock, hash order
or C library takes part. Sending is `app/ingest/simulate`'s, what a receiver should hold afterwards `expected.py`'s.

Memory does not grow with the count: what waits for its time (invalidations up to three weeks later) lies in a heap of
at most `MAX_WAITING` deliveries; when it is full the earliest goes out ahead of time, which no receiver can tell.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal, NamedTuple, get_args

from app.maven.simulator.days import DAY, utc_instant
from app.maven.simulator.drives import LONGEST_SECONDS, draw_seconds, drive_too_long
from app.maven.simulator.fleet import TERMINALS, Driver, hire
from app.maven.simulator.tellings import TELLINGS_PER_VIOLATION, EventType, Telling, draw_uuid, tell

Shape = Literal["flat", "envelope", "mixed"]

DEFAULT_UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
"""When a stream ends unless told otherwise: fixed, so that a seed means the same events next year."""
DEFAULT_DAYS = 30
DEFAULT_TERMINALS = 8
MAX_WAITING = 20_000
DUPLICATE_SHARE = 0.02

_EVENTS_PER_VIOLATION = TELLINGS_PER_VIOLATION * (1 + DUPLICATE_SHARE)
# A driver has at most a violation in so many seconds, or no violation would last minutes.
_TIGHTEST_SECONDS = 900
_DEFAULT_EVENTS_PER_DRIVER = 40
_FEWEST_DRIVERS, _MOST_DEFAULT_DRIVERS, _MOST_DRIVERS = 25, 20_000, 1_000_000
_MOST_DAYS = 3660


class SimulatedDelivery(NamedTuple):
    """One event as it is delivered. Times are seconds since 1970-01-01T00:00:00Z.

    `body` is the JSON of the event alone; `event_id` is None when it is flat. `is_duplicate`: the same event went out
    before. `is_late`: see `Telling`. `events_of_violation` counts the deliveries of this violation id in the whole
    stream, so that a reader knows when it has seen the last.
    """

    body: bytes
    event_type: EventType
    violation_id: str
    event_id: str | None
    event_time: int
    delivered_at: int
    is_duplicate: bool
    is_late: bool
    events_of_violation: int


def default_drivers(count: int, days: int = DEFAULT_DAYS) -> int:
    """How many drivers make `count` events in `days` days believable: one for every 40 events, or more in a short
    time.
    """
    busy = int(count / _EVENTS_PER_VIOLATION * 4 * _TIGHTEST_SECONDS / (days * DAY)) + 1
    return max(busy, min(max(_FEWEST_DRIVERS, count // _DEFAULT_EVENTS_PER_DRIVER), _MOST_DEFAULT_DRIVERS))


def simulate(
    seed: int,
    count: int,
    *,
    drivers: int | None = None,
    terminals: int = DEFAULT_TERMINALS,
    start: datetime | None = None,
    days: int = DEFAULT_DAYS,
    shape: Shape = "mixed",
) -> Iterator[SimulatedDelivery]:
    """Exactly `count` deliveries of what happened in `days` days from `start`; equal arguments, equal bytes.

    `start` must know its zone and defaults to `days` before `DEFAULT_UNTIL`; `drivers` to `default_drivers(count,
    days)`. `shape` is how events are written (contract section 4): flat, in an envelope, or half of them each.

    Raises ValueError, at the call, for a number that is out of range, and when so few drivers cannot have so many
    violations in so few days.
    """
    _check("seed", seed, 0, None)
    _check("count", count, 1, None)
    _check("days", days, 1, _MOST_DAYS)
    _check("terminals", terminals, 1, len(TERMINALS))
    drivers = default_drivers(count, days) if drivers is None else drivers
    _check("drivers", drivers, 1, _MOST_DRIVERS)
    if shape not in get_args(Shape):
        raise ValueError(f"shape must be one of {', '.join(get_args(Shape))}")
    begin = DEFAULT_UNTIL - timedelta(days=days) if start is None else start
    if begin.utcoffset() is None:
        raise ValueError("start must know its time zone")
    if not 1971 <= begin.year <= 2180:
        raise ValueError("start must lie in the years 1971 to 2180")
    seconds_each = drivers * days * DAY * _EVENTS_PER_VIOLATION / count
    if seconds_each < _TIGHTEST_SECONDS:
        needed = int(drivers * _TIGHTEST_SECONDS / seconds_each) + 1
        raise ValueError(
            f"{drivers} drivers cannot have {count} events in {days} days: it takes {needed}, or more days"
        )
    rng = Random(seed)
    begins_at = int(begin.timestamp())
    # Everyone comes to the first day rested: who left Drive status in its first hours began before it.
    fleet = hire(rng, drivers, terminals, begins_at - DAY)
    return _Stream(rng, count, fleet, begins_at, days * DAY, shape).run()


def _check(name: str, value: int, lowest: int, highest: int | None) -> None:
    if value < lowest or (highest is not None and value > highest):
        raise ValueError(f"{name} must be {f'{lowest} or more' if highest is None else f'{lowest} to {highest}'}")


class _Stream:
    """The state of one run: the fleet, the time, and what waits to be delivered."""

    def __init__(self, rng: Random, count: int, fleet: list[Driver], begin: int, window: int, shape: Shape) -> None:
        self._rng = rng
        self._fleet = fleet
        self._shape = shape
        self._left = count
        self._now = float(begin)
        self._end = begin + window
        # Of the time a driver has for one violation a third is driven at most, another rested, so that someone is
        # free.
        third = len(fleet) * window * _EVENTS_PER_VIOLATION / count / 3
        self._longest = min(float(LONGEST_SECONDS), third)
        self._rest = min(10 * 3600, int(third))
        self._number = 0
        self._waiting: list[tuple[int, int, SimulatedDelivery]] = []

    def run(self) -> Iterator[SimulatedDelivery]:
        waiting = self._waiting
        while self._left:
            self._advance()
            while waiting and (waiting[0][0] < self._now or len(waiting) >= MAX_WAITING):
                yield heapq.heappop(waiting)[2]
            self._add_violation(int(self._now))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _advance(self) -> None:
        """Step to the end of the next drive; the steps spread the violations that are left over the time that is
        left.
        """
        violations_left = self._left / _EVENTS_PER_VIOLATION
        self._now += (self._end - self._now) / (violations_left + 1) * 2 * self._rng.random()

    def _add_violation(self, now: int) -> None:
        seconds = draw_seconds(self._rng.random(), self._longest)
        driver = self._free_driver(now - seconds)
        driver.free_at = now + self._rest
        deliveries: list[SimulatedDelivery] = []
        for telling in tell(self._rng, drive_too_long(self._rng, driver, now, seconds), self._end):
            deliveries += self._deliver(telling)
        # The last violation of the stream tells no more than is asked for.
        del deliveries[self._left :]
        self._left -= len(deliveries)
        totals = Counter(delivery.violation_id for delivery in deliveries)
        for delivery in deliveries:
            # The running number keeps the order of deliveries within a second, and spares comparing bodies.
            self._number += 1
            total = totals[delivery.violation_id]
            heapq.heappush(
                self._waiting, (delivery.delivered_at, self._number, delivery._replace(events_of_violation=total))
            )

    def _free_driver(self, started_at: int) -> Driver:
        """A driver who was free when the drive began; some are drawn more often than others."""
        fleet, draw = self._fleet, self._rng.random
        number = 0
        for attempt in range(24):
            drawn = draw()
            number = int(len(fleet) * (drawn * drawn if attempt < 4 else drawn))
            if fleet[number].free_at <= started_at:
                return fleet[number]
        # Hardly anyone is: look at everyone in turn, and take who is free first when nobody is.
        in_turn = (fleet[(number + step) % len(fleet)] for step in range(len(fleet)))
        free = next((driver for driver in in_turn if driver.free_at <= started_at), None)
        return free or min(fleet, key=lambda driver: driver.free_at)

    def _deliver(self, telling: Telling) -> list[SimulatedDelivery]:
        """The delivery of a telling, and now and then the same once more."""
        draw = self._rng.random
        event_id = draw_uuid(self._rng)
        is_flat = self._shape == "flat" or (self._shape == "mixed" and draw() < 0.5)
        deliveries = [_delivery(telling, None if is_flat else event_id, telling.arrives_at, False)]
        if draw() < DUPLICATE_SHARE:
            # The same event told in the other shape is still the same event.
            is_flat = not is_flat if self._shape == "mixed" and draw() < 0.3 else is_flat
            again_at = telling.arrives_at + 1 + int(draw() * draw() * 7200)
            deliveries.append(_delivery(telling, None if is_flat else event_id, again_at, True))
        return deliveries


def _delivery(telling: Telling, event_id: str | None, delivered_at: int, is_duplicate: bool) -> SimulatedDelivery:
    return SimulatedDelivery(
        _body(telling, event_id),
        telling.event_type,
        telling.violation_id,
        event_id,
        telling.event_time,
        delivered_at,
        is_duplicate,
        telling.is_late,
        0,
    )


def _body(telling: Telling, event_id: str | None) -> bytes:
    event_time = utc_instant(telling.event_time)
    if event_id is None:
        return f'{{"eventTime":"{event_time}","eventType":"{telling.event_type}",'.encode() + telling.data
    # Maven saved the event when it first sent it; the milliseconds come from the id, to cost no draw.
    saved_at = f"{utc_instant(telling.arrives_at)[:-1]}.{int(event_id[:4], 16) % 1000:03d}Z"
    head = f'{{"id":"{event_id}","timestamp":"{saved_at}","eventType":"{telling.event_type}",'
    return f'{head}"data":{{"eventTime":"{event_time}",'.encode() + telling.data + b"}"
