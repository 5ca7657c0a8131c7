"""Who is to be told of a change: the hooks of a database, made ready for matching (contract section 7).

Owns the question whether a violation matches a hook, asked within the transaction that changes the violation. Hooks
change rarely and events come fast, so each process keeps them, and the ledger, which every such transaction has locked
already, says whether what it keeps is current.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from app.db.statements import Fetch, ReadScript, Row
from app.hooks.model import Kind
from app.hooks.schema import CHANGES, HookFilter, Threshold
from app.inbox.store import Ledger
from app.maven.schema import Facts
from app.violations.regulation import is_egregious
from app.violations.store import Change


class Traits(NamedTuple):
    """What of a violation a filter asks for. The start is in microseconds since 1970 UTC."""

    driver_id: str | None
    terminal_code: str | None
    type: str | None
    ruleset: str | None
    start_time: int | None
    minutes: int | None
    is_egregious: bool

    @classmethod
    def of(cls, facts: Facts) -> "Traits":
        """From the facts of an event."""
        minutes = facts.duration_minutes
        return cls(
            facts.driverId,
            facts.terminalCode,
            facts.type,
            facts.ruleset,
            facts.startTime,
            minutes,
            is_egregious(facts.type, minutes),
        )


class Matcher:
    """A hook's filter of violations, ready."""

    __slots__ = ("_driver_ids", "_egregious", "_minutes", "_rulesets", "_types", "is_open", "terminals")

    def __init__(self, asked: HookFilter) -> None:
        self.terminals = _set(asked.terminalCodes)
        self._types = _set(asked.types)
        self._rulesets = _set(asked.rulesets)
        self._driver_ids = _set(asked.driverIds)
        self._minutes = asked.minDurationMinutes
        self._egregious = asked.egregious
        self.is_open = asked == HookFilter(safetyCritical=asked.safetyCritical)
        """Whether every violation matches; `safetyCritical` is of inspections."""

    def matches(self, traits: Traits) -> bool:
        """Whether a violation of these traits is one that the hook is for."""
        return (
            (self.terminals is None or traits.terminal_code in self.terminals)
            and (self._driver_ids is None or traits.driver_id in self._driver_ids)
            and (self._types is None or traits.type in self._types)
            and (self._rulesets is None or traits.ruleset in self._rulesets)
            and (self._minutes is None or (traits.minutes is not None and traits.minutes >= self._minutes))
            and (self._egregious is None or traits.is_egregious is self._egregious)
        )


def _set(words: Iterable[str] | None) -> frozenset[str | None] | None:
    return None if words is None else frozenset(words)


class Subscription(NamedTuple):
    """A hook as far as changes concern it."""

    pk: int
    kind: Kind
    outcomes: frozenset[int]
    """The changes it is told of one by one."""
    matcher: Matcher
    threshold: Threshold | None

    def is_told_of(self, change: Change, traits: Traits) -> bool:
        """Whether a change is owed to it: the violation matches as it stands after the change.

        An Alertmanager is also told when it matched before: an alert that fires has to be resolved.
        """
        if change.outcome not in self.outcomes:
            return False
        if self.matcher.is_open or self.matcher.matches(traits):
            return True
        if self.kind is not Kind.ALERTMANAGER or change.before is None:
            return False
        return self.matcher.matches(Traits.of(change.before.details.facts))


class Subscriptions:
    """All hooks at one revision. Those that name terminals are found by them, so that many hooks cost little."""

    def __init__(self, revision: int, hooks: Iterable[Subscription] = ()) -> None:
        self.revision = revision
        known = list(hooks)
        self.thresholds = [hook for hook in known if hook.threshold is not None]
        self._rest: list[Subscription] = []
        self._by_terminal: dict[str, list[Subscription]] = {}
        for hook in known:
            if not hook.outcomes:
                continue
            if hook.matcher.terminals is None or hook.kind is Kind.ALERTMANAGER:
                self._rest.append(hook)
            else:
                for terminal in hook.matcher.terminals:
                    self._by_terminal.setdefault(str(terminal), []).append(hook)

    @property
    def has_any(self) -> bool:
        """Whether there is any hook that a change may concern."""
        return bool(self._rest or self._by_terminal or self.thresholds)

    def told_of(self, change: Change) -> Iterator[int]:
        """The hooks, by their keys, to which a change is owed."""
        facts = change.after.details.facts
        named = self._by_terminal.get(facts.terminalCode or "", ())
        if not self._rest and not named:
            return
        traits = Traits.of(facts)
        for hooks in (self._rest, named):
            for hook in hooks:
                if hook.is_told_of(change, traits):
                    yield hook.pk


class HookBook:
    """The hooks as this process knows them; read anew when the ledger says that they changed."""

    def __init__(self) -> None:
        self._kept = Subscriptions(0)

    def current(self, ledger: Ledger) -> ReadScript[Subscriptions]:
        """The hooks within the transaction that has the ledger."""
        if self._kept.revision != ledger.hooks_revision:
            self._kept = yield from read_subscriptions(ledger.hooks_revision)
        return self._kept


def read_subscriptions(revision: int) -> ReadScript[Subscriptions]:
    """All hooks. A disabled one too: what it misses is kept for it."""
    rows = yield Fetch("SELECT pk, kind, events, filter, threshold, digest FROM hooks ORDER BY pk")
    return Subscriptions(revision, map(_subscription, rows))


def _subscription(row: Row) -> Subscription:
    events = orjson.loads(row[2])
    outcomes = () if row[5] is not None else (n for n, name in enumerate(CHANGES) if name in events)
    threshold = None if row[4] is None else Threshold.model_validate_json(row[4])
    return Subscription(
        row[0], Kind(row[1]), frozenset(outcomes), Matcher(HookFilter.model_validate_json(row[3])), threshold
    )
