"""What the worker holds of what is owed: a lane for each hook, and what may be sent next. Nothing here waits or dials.

A lane takes deliveries in their order and gives out those whose violation has none under way. It holds a few; the rest
waits in the outbox, and `look_at` says when to look there again. While nothing waits there, new deliveries come
straight into the lane. How many are under way at a time grows with success, from one, and is one again after a failure:
so a hook that hangs ties up one connection, not many.
"""

from collections import OrderedDict
from collections.abc import Collection

from app.alerts.rules import Verdict
from app.hooks.store import Hook
from app.outbox.model import Status
from app.outbox.store import Due

ROOM = 64
"""Deliveries that a lane holds before they are sent."""
MOST_AT_ONCE = 8
"""Of one hook."""
AT_ONCE = 0
"""`look_at` when it is time."""


class Lane:
    """The deliveries of one hook. Times are microseconds since 1970 UTC."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook
        self.ready: OrderedDict[int, Due] = OrderedDict()
        self.under_way: dict[int, Due] = {}
        """Being sent, or sent and not yet noted."""
        self.sending = 0
        """How many of them are being sent."""
        self.look_at: int | None = None
        """When to look into the outbox; None while nothing is due there that is not here."""
        self.looked_at = 0.0
        """When that was done last, by the loop's clock in seconds."""
        self.has_hidden = False
        """Whether something may wait there behind what is here."""
        self.rests_until = 0
        self.most_at_once = 1
        self._busy: set[int] = set()
        self._noted: set[int] | None = None
        """What was noted since a look began: the look may have read it as it was before."""
        self._put_off: set[int] = set()
        """Violations of which something was put off since then, and with it what waits behind it."""

    @property
    def is_enabled(self) -> bool:
        """Whether anything may be sent."""
        return self.hook.disabled_at is None

    def offer(self, due: Due) -> bool:
        """Takes a delivery that was just made, or remembers that it waits in the outbox."""
        if self.look_at is None and not self.has_hidden and len(self.ready) < ROOM:
            self.ready[due.pk] = due
            return True
        self.look_soon()
        return False

    def look_soon(self) -> None:
        """Something may be due in the outbox."""
        self.look_at = AT_ONCE

    def wants_look(self, now: int) -> bool:
        """Whether the outbox is to be looked into now."""
        return self.look_at is not None and self.look_at <= now and not self.ready and self.is_enabled

    def begin_look(self) -> None:
        """The outbox is looked into from now on, until `take`."""
        self.look_at = None  # what is offered meanwhile asks for another look
        self.has_hidden = True
        self._noted = set()
        self._put_off = set()

    def take(self, found: Collection[Due], later: int | None, *, is_all: bool) -> None:
        """Takes what a look has found; `later` is when more will be due, `is_all` says that nothing else is due now."""
        noted, self._noted = self._noted or (), None
        for due in found:
            if due.pk not in self.under_way and due.pk not in noted and due.violation_pk not in self._put_off:
                self.ready[due.pk] = due
        self.has_hidden = bool(self.ready or self.under_way)
        self.look_at = later if is_all else AT_ONCE

    def can_send(self, now: int) -> bool:
        """Whether one more may be sent, if there is one whose turn it is."""
        return bool(self.ready) and self.sending < self.most_at_once and self.rests_until <= now and self.is_enabled

    def next_due(self, now: int) -> Due | None:
        """The next delivery that may be sent, which is under way from then on."""
        if not self.can_send(now):
            return None
        for due in self.ready.values():
            if due.violation_pk is None or due.violation_pk not in self._busy:
                del self.ready[due.pk]
                self.under_way[due.pk] = due
                self.sending += 1
                if due.violation_pk is not None:
                    self._busy.add(due.violation_pk)
                return due
        return None

    def sent(self, verdict: Verdict) -> None:
        """An attempt is over, and not yet noted."""
        self.sending -= 1
        if verdict.status is Status.SUCCEEDED:
            self.most_at_once = min(MOST_AT_ONCE, self.most_at_once * 2)
        else:
            self.most_at_once = 1
            self.rests_until = max(self.rests_until, verdict.rests_until)

    def noted(self, due: Due, verdict: Verdict) -> None:
        """What became of a delivery is on disk."""
        self.under_way.pop(due.pk, None)
        if self._noted is not None:
            self._noted.add(due.pk)
        if due.violation_pk is not None:
            self._busy.discard(due.violation_pk)
        self.rests_until = max(self.rests_until, verdict.rests_until)
        if verdict.status is Status.PENDING:
            self._leave_behind(due)  # what waits behind it was put off with it
            self.look_at = verdict.due_at if self.look_at is None else min(self.look_at, verdict.due_at)
        if self.has_hidden:
            self.look_soon()

    def drop(self, due: Due) -> None:
        """Takes back what was given out, and was not tried."""
        self.sending -= 1
        self.under_way.pop(due.pk, None)
        if due.violation_pk is not None:
            self._busy.discard(due.violation_pk)
        self._leave_behind(due)
        self.has_hidden = True
        self.look_soon()

    def _leave_behind(self, due: Due) -> None:
        """Leaves to the outbox what waits behind a delivery of the same violation, and must not overtake it."""
        if due.violation_pk is not None:
            if self._noted is not None:
                self._put_off.add(due.violation_pk)
            for behind in [one for one in self.ready.values() if one.violation_pk == due.violation_pk]:
                del self.ready[behind.pk]

    def empty(self) -> None:
        """Leaves what was not sent to the outbox."""
        self.ready.clear()
        self.look_soon()
