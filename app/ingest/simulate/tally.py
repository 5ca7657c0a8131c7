"""What came of a simulation so far: answers, outcomes, retries, latencies, and the state to expect.

Owns the counting and how it reads. Bounded: latencies are kept as a histogram, violations only until their last
event.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from app.maven.simulator import ExpectedState, SimulatedDelivery

OUTCOMES = ("created", "updated", "invalidated", "reopened", "duplicate", "superseded", "ignored", "quarantined")


class Latencies:
    """Durations in seconds, kept to one percent in a histogram whose steps grow by that."""

    _STEP = math.log(1.01)

    def __init__(self) -> None:
        self._steps: Counter[int] = Counter()
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        self._steps[math.floor(math.log(max(seconds, 1e-6)) / self._STEP)] += 1
        self.longest = max(self.longest, seconds)

    def quantile(self, share: float) -> float:
        """The duration that `share` (0 to 1) of all stay within; 0 when there are none."""
        wanted = share * self._steps.total()
        for step in sorted(self._steps):
            wanted -= self._steps[step]
            if wanted <= 0:
                return min(math.exp((step + 1) * self._STEP), self.longest)
        return self.longest


class Tally:
    """Counts of one simulation. `begun` and `answered` are events, `requests` answered requests."""

    def __init__(self) -> None:
        self.begun = 0
        self.answered = 0
        self.requests = 0
        self.outcomes: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.latencies = Latencies()
        self.expected = ExpectedState()

    @property
    def unanswered(self) -> int:
        """Events that were sent at least once and never answered for good: the receiver may or may not hold them."""
        return self.begun - self.answered

    def take(self, deliveries: Sequence[SimulatedDelivery], outcomes: Iterable[str]) -> None:
        """These deliveries were answered (or written), with these outcomes."""
        self.answered += len(deliveries)
        self.requests += 1
        self.outcomes.update(outcomes)
        for delivery in deliveries:
            self.expected.add(delivery)

    def progress(self, total: int, elapsed: float) -> str:
        """One plain line about the state of things, after `elapsed` seconds."""
        retries = f", {self.retries.total():,} retries" if self.retries else ""
        return f"{self.answered:,} of {total:,} events, {self.answered / max(elapsed, 1e-9):,.0f}/s{retries}"

    def summary(self, elapsed: float, batch: int, connections: int) -> Iterator[str]:
        """Lines for the end of a run that sent; `elapsed` in seconds."""
        known = [*OUTCOMES, *sorted(set(self.outcomes) - set(OUTCOMES))]
        outcomes = ", ".join(f"{name} {self.outcomes[name]:,}" for name in known if self.outcomes[name])
        causes = ", ".join(f"{cause} {times:,}" for cause, times in self.retries.most_common())
        p50, p99 = (1000 * self.latencies.quantile(share) for share in (0.5, 0.99))
        rate = self.answered / max(elapsed, 1e-9)
        yield f"sent       {self.answered:,} events answered in {elapsed:.1f} s, {rate:,.0f} events/s"
        if self.unanswered:
            yield f"unanswered {self.unanswered:,} events without a final answer: the receiver may or may not hold them"
        yield f"outcomes   {outcomes or 'none'}"
        yield f"retries    {self.retries.total():,}" + (f" ({causes})" if causes else "")
        yield (
            f"latency    p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {1000 * self.latencies.longest:.1f} ms "
            f"per request of up to {batch:,} events, over {connections} connections"
        )
        yield self.expectation()

    def expectation(self) -> str:
        """What a receiver holds of these events alone, by the contract's rule and not by its answers."""
        state = self.expected
        return (
            f"expected   {state.violations:,} violations of these events: "
            f"{state.active:,} active, {state.invalidated:,} invalidated"
        )
