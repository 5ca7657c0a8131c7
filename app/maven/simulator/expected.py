"""What a receiver should hold after it took a set of events: how many violations, active and invalidated.

Owns a second, independent reading of the contract's rule of state (section 4): the status is that of the newest event
by event time, and at equal times the invalidation wins. The receiver's own reading is `app/violations`'; nothing is
shared, so that the two can be compared. Violations whose last event was seen are counted and forgotten, which bounds
the memory.
"""

from dataclasses import dataclass, field

from app.maven.simulator.stream import SimulatedDelivery


@dataclass(slots=True)
class _Unfinished:
    created_at: int = -1
    invalidated_at: int = -1
    seen: int = 0

    @property
    def is_active(self) -> bool:
        return self.created_at > self.invalidated_at


@dataclass(slots=True)
class ExpectedState:
    """Take every delivery that a receiver acknowledged, in any order, then read the numbers."""

    _active: int = 0
    _invalidated: int = 0
    _unfinished: dict[str, _Unfinished] = field(default_factory=dict)

    def add(self, delivery: SimulatedDelivery) -> None:
        state = self._unfinished.setdefault(delivery.violation_id, _Unfinished())
        if delivery.event_type == "violationCreated":
            state.created_at = max(state.created_at, delivery.event_time)
        else:
            state.invalidated_at = max(state.invalidated_at, delivery.event_time)
        state.seen += 1
        if state.seen == delivery.events_of_violation:
            del self._unfinished[delivery.violation_id]
            if state.is_active:
                self._active += 1
            else:
                self._invalidated += 1

    @property
    def active(self) -> int:
        return self._active + sum(state.is_active for state in self._unfinished.values())

    @property
    def invalidated(self) -> int:
        return self._invalidated + sum(not state.is_active for state in self._unfinished.values())

    @property
    def violations(self) -> int:
        return self._active + self._invalidated + len(self._unfinished)
