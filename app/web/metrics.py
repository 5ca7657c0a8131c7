"""Prometheus metrics. Counts and times only: no driver, no terminal, no id is ever a label."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric

from app.hooks.model import Kind
from app.inbox.model import Channel
from app.outbox.model import Status
from app.violations.rules import Outcome

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_COMMIT_FAILURES = ("unavailable", "refused", "crashed", "too_slow")
_ALARMING = (401, 413, 422, 429, 503)
"""Answers of the webhook that there are alerts about."""
_ALARMING_OUTCOMES = ("unreadable", "refused", "crashed")
"""What a try to deliver may end with that there are alerts about."""
_TYPES = ("violationCreated", "violationInvalidated", "other")


class Metrics:
    """The counters of one process, in a registry of its own."""

    def __init__(self, version: str, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began to count is of no use to anybody here
        self._clock = clock
        self._last_event: dict[str, float] = {}
        self._kept = 0
        self._gauges: list[tuple[str, str, Callable[[], float | None]]] = []
        build = Gauge("hos_build_info", "The running version.", ["version"], registry=self.registry)
        build.labels(version).set(1)
        events = Counter(
            "hos_events", "Events by type, channel and outcome.", ["type", "channel", "outcome"], registry=self.registry
        )
        # Children are made once: looking them up by label on every event would cost more than counting.
        self._events = {(t, c, o): events.labels(t, c.word, o.word) for t in _TYPES for c in Channel for o in Outcome}
        self._deliveries = Counter("hos_deliveries", "Deliveries by status.", ["status"], registry=self.registry)
        self._statuses: dict[int, Counter] = {}
        self._batch = Histogram(
            "hos_commit_batch_events", "Events committed together.", buckets=_SIZES, registry=self.registry
        )
        self._commit = Histogram(
            "hos_commit_seconds", "Time to write and commit a batch.", buckets=_SECONDS, registry=self.registry
        )
        self._failures = Counter("hos_commit_failures", "Commits that failed.", ["reason"], registry=self.registry)
        self._polls = Counter(
            "hos_maven_polls", "Readings of Maven's queue by outcome.", ["outcome"], registry=self.registry
        )
        self._missing = Counter(
            "hos_maven_reconciled_differences",
            "Events that were missing when the last days were read again.",
            registry=self.registry,
        )
        self._attempts = Counter(
            "hos_hook_attempts", "Attempts to deliver to hooks.", ["kind", "outcome"], registry=self.registry
        )
        self._attempt_seconds = Histogram(
            "hos_hook_attempt_seconds", "Time an attempt took.", ["kind"], buckets=_LONG, registry=self.registry
        )
        self._ended = Counter(
            "hos_hook_deliveries",
            "Deliveries to hooks that ended, by how.",
            ["kind", "status"],
            registry=self.registry,
        )
        self._disabled = Counter(
            "hos_hook_disablings", "Hooks disabled by the service.", ["kind"], registry=self.registry
        )
        self._queries = Histogram(
            "hos_query_seconds",
            "Time to answer a reading request.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._routes: dict[str, Histogram] = {}
        self._records = Counter(
            "hos_duty_records",
            "Duty records that were committed, new ones and edits.",
            ["kind"],
            registry=self.registry,
        )
        self._begin_at_zero()
        self.registry.register(_Live(self))

    def _begin_at_zero(self) -> None:
        """Shows what alerts look at from the start: to Prometheus a series that begins at one has not risen."""
        for reason in _COMMIT_FAILURES:
            self._failures.labels(reason)
        for status in _ALARMING:
            self._statuses[status] = self._deliveries.labels(str(status))
        for kind in Kind:
            self._disabled.labels(kind.word)
            for ended in (Status.FAILED, Status.DEAD):
                self._ended.labels(kind.word, ended.word)
            for outcome in _ALARMING_OUTCOMES:
                self._attempts.labels(kind.word, outcome)

    def events_kept(self, event_type: str, channel: Channel, outcome: Outcome, count: int) -> None:
        """Counts events that were committed now."""
        kind = event_type if event_type in _TYPES else "other"
        self._events[kind, channel, outcome].inc(count)
        # The same stretch of Maven's queue is read again and again: only what is new in it came now.
        if channel is not Channel.POLL or outcome <= Outcome.SUPERSEDED:
            self._last_event[channel.word] = self._clock()

    def event_seen(self, channel: Channel, seen_at: float) -> None:
        """Notes when the last event of a channel was committed, by whichever process; seconds since 1970."""
        self._last_event[channel.word] = max(seen_at, self._last_event.get(channel.word, 0.0))

    def delivery_answered(self, status: int) -> None:
        """Counts one answer of the webhook."""
        counter = self._statuses.get(status)
        if counter is None:
            counter = self._statuses[status] = self._deliveries.labels(str(status))
        counter.inc()

    def batch_committed(self, events: int, seconds: float) -> None:
        """Notes one group commit."""
        self._kept += events
        self._batch.observe(events)
        self._commit.observe(seconds)

    def count_kept(self) -> int:
        """How many events this process has committed."""
        return self._kept

    def commit_failed(self, reason: str) -> None:
        """Counts a failed commit; `reason` is one of a few fixed words."""
        self._failures.labels(reason).inc()

    def queue_polled(self, outcome: str) -> None:
        """Counts one reading of Maven's queue; `outcome` is one of a few fixed words."""
        self._polls.labels(outcome).inc()

    def queue_reconciled(self, differences: int) -> None:
        """Counts the events that reading the last days again brought."""
        self._missing.inc(differences)

    def hook_attempted(self, kind: Kind, outcome: str, seconds: float) -> None:
        """Counts one attempt to deliver to a hook; `outcome` is one of a few fixed words."""
        self._attempts.labels(kind.word, outcome).inc()
        self._attempt_seconds.labels(kind.word).observe(seconds)

    def hook_delivery_ended(self, kind: Kind, status: Status) -> None:
        """Counts a delivery that is not tried again."""
        self._ended.labels(kind.word, status.word).inc()

    def hook_disabled(self, kind: Kind) -> None:
        """Counts a hook that was disabled, because it is gone or failed for days."""
        self._disabled.labels(kind.word).inc()

    def query_answered(self, route: str, seconds: float) -> None:
        """Notes the time a reading route took; `route` is its template, never a path with ids."""
        histogram = self._routes.get(route)
        if histogram is None:
            histogram = self._routes[route] = self._queries.labels(route)
        histogram.observe(seconds)

    def records_written(self, kind: str, count: int) -> None:
        """Counts duty records that were committed; `kind` is `new` or `edit`."""
        self._records.labels(kind).inc(count)

    def add_gauge(self, name: str, text: str, read: Callable[[], float | None]) -> None:
        """A value read at scrape time; None leaves it out."""
        self._gauges.append((name, text, read))

    def page(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class _Live:
    """Values worked out when they are asked for."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            "hos_last_event_age_seconds", "Time since the last event, per channel.", labels=["channel"]
        )
        for channel, seen_at in self._metrics._last_event.items():
            age.add_metric([channel], max(0.0, self._metrics._clock() - seen_at))
        yield age
        for name, text, read in self._metrics._gauges:
            value = read()
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)
