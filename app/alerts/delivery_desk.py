"""Deliveries as an administrator handles them: looked at, tried again, and changes of an earlier time sent once more.

A replay makes new deliveries of what the events log holds, whether it was delivered before or not, by the hook's filter
of today; their messages have the ids of the first ones, so that a receiver that has them knows. Contract section 7.
"""

from collections.abc import Sequence

from app.alerts.desk import HookConflict, HookDesk
from app.db.statements import Fetch, ReadScript, WriteScript
from app.hooks.schema import CHANGES, WrongHook
from app.hooks.store import Hook, let_go_on
from app.hooks.subscriptions import Matcher, Traits
from app.inbox.store import Span, numbers_between
from app.maven.events import read_stored
from app.maven.faults import Fault
from app.maven.times import parse_time
from app.outbox.model import Status, Topic
from app.outbox.records import Record, find_record, list_records, make_pending
from app.outbox.store import add_pending
from app.violations.moments import Moment, replayable_after

MOST_REPLAYED = 20_000
"""Changes that one replay looks at, whether they match or not."""
PORTION = 500


class DeliveryNotFound(Exception):
    """A hook has no such delivery."""


class DeliveryDesk:
    """Handles deliveries of hooks that `desk` finds."""

    def __init__(self, desk: HookDesk) -> None:
        self._desk = desk
        self._database = desk.database

    async def list_some(
        self, hook_id: str, statuses: Sequence[Status], before: int | None, limit: int
    ) -> tuple[Hook, list[Record]]:
        """Deliveries of a hook, newest first, numbered below `before`. Raises `HookNotFound`."""
        hook = await self._desk.find(hook_id)
        return hook, await self._database.read(list_records(hook.pk, statuses, before, limit))

    def message_id(self, hook: Hook, record: Record) -> str:
        """The header `webhook-id` of a delivery."""
        return self._desk.deliverer.ids.of(hook.pk, record.pk, record.seq)

    async def find(self, hook_id: str, delivery_id: int) -> tuple[Hook, Record]:
        """One delivery. Raises `HookNotFound` and `DeliveryNotFound`."""
        hook = await self._desk.find(hook_id)
        record = await self._database.read(find_record(hook.pk, delivery_id))
        if record is None:
            raise DeliveryNotFound
        return hook, record

    async def retry(self, hook_id: str, delivery_id: int) -> tuple[Hook, Record]:
        """Lets a delivery that did not succeed be tried at once, and as often as a new one.

        Raises `HookNotFound`, `DeliveryNotFound`, and `HookConflict` when it succeeded, or the hook is disabled.
        """
        hook, record = await self.find(hook_id, delivery_id)
        if record.status is Status.SUCCEEDED:
            raise HookConflict("The delivery succeeded. To send what it told once more, replay its time.")
        if hook.disabled_at is not None:
            raise HookConflict("The hook is disabled. Enable it; what waits for it is tried at once then.")
        await self._database.write(_make_pending(hook.pk, delivery_id))
        self._desk.on_change()
        return await self.find(hook_id, delivery_id)

    async def replay(self, hook_id: str, from_: str, to: str) -> int:
        """Sends the changes received from one instant to another, both included, once more; how many.

        Raises `HookNotFound`, and `WrongHook` for wrong times and for a range of too many changes. When the database
        fails half-way some of them are sent.
        """
        hook = await self._desk.find(hook_id)
        begin, end = _read_time("/from", from_), _read_time("/to", to)
        if end < begin:
            raise WrongHook([Fault("/to", "must not be before from.")])
        span = await self._database.read(numbers_between(begin, end))
        count = await self._database.read(_count_changes(span))
        if count > MOST_REPLAYED:
            sentence = f"must be nearer to from: more than {MOST_REPLAYED:,} changes were received in that time."
            raise WrongHook([Fault("/to", sentence)])
        made = 0
        after = span.after
        while found := await self._database.read(replayable_after(after, span.up_to, PORTION)):
            after = found[-1][0].seq
            owed = [(hook.pk, Topic(one.outcome), pk, one.seq, None) for one, pk in found if _is_for(hook, one)]
            if owed:
                made += await self._database.write(add_pending(owed, self._desk.clock()))
        self._desk.on_change()
        return made


def _is_for(hook: Hook, moment: Moment) -> bool:
    if CHANGES[moment.outcome] not in hook.events:
        return False
    matcher = Matcher(hook.filter)
    return matcher.is_open or matcher.matches(Traits.of(read_stored(moment.payload).facts))


def _make_pending(hook_pk: int, delivery_pk: int) -> WriteScript[None]:
    yield from let_go_on(hook_pk)
    yield from make_pending(hook_pk, delivery_pk)


def _read_time(pointer: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise WrongHook([Fault(pointer, f"{error}.")]) from None


def _count_changes(span: Span) -> ReadScript[int]:
    rows = yield Fetch(
        "SELECT count(*) FROM (SELECT 1 FROM events WHERE seq > $1 AND seq <= $2 AND outcome <= 3 LIMIT $3) AS counted",
        (span.after, span.up_to, MOST_REPLAYED + 1),
    )
    count: int = rows[0][0]
    return count
