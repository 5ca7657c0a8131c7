"""How fast deliveries are sent while events come in: alerts give way to receipt, and never stop.

A delivery costs five times what an event does. While this process keeps many events a second, and has no time to spare
or lets events wait, fewer are begun; a change is told later then, and is told. Owns the measure; sending is left to
`worker`.
"""

import os
import time
from collections.abc import Callable

TURN_SECONDS = 0.1
"""How often the pace is judged anew."""
MANY_EVENTS = 1000.0
"""Events a second that are worth giving way to."""
MANY_WAITING = 16
"""Events that wait for their commit, by which receipt is kept waiting: for the database, say."""
SATURATED = 0.9
"""Share of a core, or of all cores that this process has, beyond which there is no time to spare."""
LEAST = 50.0
MOST = 20_000.0
"""Deliveries begun in a second."""
SLOWER, FASTER = 0.6, 1.5


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pace:
    """The pace of one process. `kept_events` counts the events that it has kept, `waiting_events` those that wait."""

    def __init__(
        self,
        kept_events: Callable[[], int],
        waiting_events: Callable[[], int] = lambda: 0,
        *,
        wall: Callable[[], float] = time.monotonic,
        loop_cpu: Callable[[], float] = time.thread_time,
        process_cpu: Callable[[], float] = time.process_time,
        cores: int | None = None,
    ) -> None:
        self._kept_events = kept_events
        self._waiting_events = waiting_events
        self._wall = wall
        self._loop_cpu = loop_cpu
        self._process_cpu = process_cpu
        self._cores = _cores() if cores is None else cores
        self._per_second = MOST
        self._room = MOST * TURN_SECONDS
        self._judged_at = wall()
        self._filled_at = self._judged_at
        self._seen = (loop_cpu(), process_cpu(), kept_events())

    @property
    def gives_way(self) -> bool:
        """Whether it is slower than it could be."""
        return self._per_second < MOST

    def may_begin(self) -> bool:
        """Whether a delivery may be begun, which is counted."""
        if self._room < 1:
            return False
        self._room -= 1
        return True

    def judge(self) -> None:
        """Goes with the time; called as often as one likes."""
        now = self._wall()
        self._room = min(self._per_second * TURN_SECONDS, self._room + self._per_second * (now - self._filled_at))
        self._room = max(self._room, 0.0)
        self._filled_at = now
        passed = now - self._judged_at
        if passed < TURN_SECONDS:
            return
        seen = self._loop_cpu(), self._process_cpu(), self._kept_events()
        loop_share, process_share, events = ((new - old) / passed for new, old in zip(seen, self._seen, strict=True))
        self._judged_at, self._seen = now, seen
        is_saturated = (
            loop_share > SATURATED or process_share > SATURATED * self._cores or self._waiting_events() >= MANY_WAITING
        )
        if is_saturated and events > MANY_EVENTS:
            # From no limit at all, a limit that matters is a thousand or so.
            self._per_second = max(LEAST, min(self._per_second, 1000.0) * SLOWER)
        else:
            self._per_second = min(MOST, self._per_second * FASTER)
