"""The worker: delivers what is owed to hooks, in each violation's order, and lets no hook wait for another.

Of all processes on a database one delivers at a time. It follows the outbox, keeps a lane for each hook, sends what may
be sent, and notes what became of many attempts in one transaction. A violation's next change is sent when the one
before is noted; so after a crash nothing is missing, and nothing comes out of its order. Contract section 7.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import structlog

from app.alerts.delivering import Deliverer
from app.alerts.lanes import Lane
from app.alerts.lease import STAND_BY_SECONDS, Lease
from app.alerts.noting import Notebook, Noted, WorkerMetrics
from app.alerts.pace import Pace
from app.alerts.rules import Along, Attempt, judge
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.hooks.store import all_hooks
from app.outbox.store import Due, due_deliveries, hooks_owed_since, new_deliveries, position, waiting_hooks

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
"""How late what another process made due may be seen."""
PAUSE_SECONDS = 0.01
"""Between two looks at the outbox, however often something is committed."""
RETRY_SECONDS = 1.0
"""After the database failed."""
LAND_SECONDS = 0.5
"""How long what is under way may take to end when the process does."""
READ_ROWS = 500
"""New deliveries that are read one by one."""
SLOW_PAUSE_SECONDS = 0.1
"""Between two looks while deliveries give way to receipt."""
LOOKED_FOR = 64
"""Deliveries that one look takes for one hook."""
LOOK_PAUSE_SECONDS = 0.05
"""Between two looks for the same hook."""
LOOKS_AT_ONCE = 8

MOST_FRESH = 128
"""Attempts under way for less than `FRESH_SECONDS`."""
FRESH_SECONDS = 0.5
MOST_AT_ONCE = 2000
"""Attempts under way; those that hang need little but a connection."""
MOST_UNNOTED = 2000


class Worker:
    """Delivers. One per process; of all on a database one at a time really does.

    `wake` is set by whoever commits something that may be owed.
    """

    def __init__(
        self,
        database: Database,
        deliverer: Deliverer,
        clock: Callable[[], int],
        metrics: WorkerMetrics,
        wake: asyncio.Event,
        *,
        draw: Callable[[], float] = random.random,
        lease: Lease | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._deliverer = deliverer
        self._clock = clock
        self._draw = draw
        self.lease = lease or Lease(database)
        self._pace = pace or Pace(lambda: 0)
        self._wake = wake
        self._lanes: dict[int, Lane] = {}
        self._eager: OrderedDict[int, None] = OrderedDict()
        """Lanes that may have something to send, in turn."""
        self._flights: set[asyncio.Task[None]] = set()
        self._fresh = 0
        self._seen = 0
        self._revision = -1
        self._notebook = Notebook(database, clock, metrics, lambda: self._pace.gives_way, self._note)

    async def deliver_for_ever(self) -> None:
        """Delivers while this process has the lease, until it is cancelled."""
        try:
            while True:
                try:
                    if await self.lease.take():
                        await self._deliver()
                except DatabaseUnavailable:
                    pass  # the writer says when the database goes and comes
                except Exception:
                    log.exception("outbox.worker_crashed")
                await asyncio.sleep(STAND_BY_SECONDS)
        finally:
            await self._end()
            await self.lease.release()

    async def _deliver(self) -> None:
        """Delivers until the lease is lost."""
        self._lanes.clear()
        self._eager.clear()
        self._revision = -1
        self._seen = 0
        keeping = asyncio.create_task(self.lease.keep())
        noting = asyncio.create_task(self._notebook.note_for_ever())
        try:
            while not keeping.done():
                try:
                    self._wake.clear()
                    self._pace.judge()
                    await self._follow()
                    await self._look()
                    self._start()
                    pause = SLOW_PAUSE_SECONDS if self._pace.gives_way else PAUSE_SECONDS
                except DatabaseUnavailable:
                    pause = RETRY_SECONDS
                await asyncio.sleep(pause)
                await self._wait()
        finally:
            keeping.cancel()
            noting.cancel()
            await asyncio.gather(keeping, noting, return_exceptions=True)
            await self._end()

    async def _end(self) -> None:
        """Ends what is under way. What has to be broken off is sent again by whoever delivers next."""
        self._eager.clear()
        if self._flights:
            await asyncio.wait(self._flights, timeout=LAND_SECONDS)
        for flight in self._flights:
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)
        with suppress(DatabaseUnavailable):
            await self._notebook.note_rest()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()

    async def _follow(self) -> None:
        """Takes what was newly made due, and hooks that changed."""
        at = await self._database.read(position())
        if at.hooks_revision != self._revision:
            await self._reload(at.last_delivery_pk)
            self._revision = at.hooks_revision
        if at.last_delivery_pk - self._seen > READ_ROWS:
            # More than the lanes would take: they look for themselves.
            for pk in await self._database.read(hooks_owed_since(self._seen, at.last_delivery_pk)):
                if pk in self._lanes:
                    self._lanes[pk].look_soon()
        elif at.last_delivery_pk > self._seen:
            taken: list[Due] = []
            for due in await self._database.read(new_deliveries(self._seen, at.last_delivery_pk)):
                lane = self._lanes.get(due.hook_pk)
                if lane is not None and lane.offer(due):
                    taken.append(due)
                    self._eager[due.hook_pk] = None
            await self._deliverer.contents.prepare(taken)
        self._seen = max(self._seen, at.last_delivery_pk)

    async def _reload(self, newest: int) -> None:
        """Reads all hooks. What waits for them is looked up anew."""
        hooks = await self._database.read(all_hooks())
        waiting = await self._database.read(waiting_hooks())
        known, self._lanes = self._lanes, {}
        for hook in hooks:
            lane = known.get(hook.pk) or Lane(hook)
            lane.hook = hook
            lane.rests_until = hook.rests_until or 0
            lane.empty()
            lane.look_at = waiting.get(hook.pk)
            if lane.look_at is not None or lane.under_way:
                lane.has_hidden = True
                lane.look_soon()
            self._lanes[hook.pk] = lane
        self._seen = newest

    async def _look(self) -> None:
        """Looks up what is due for hooks whose lanes ran empty."""
        now = self._clock()
        for pk, lane in self._lanes.items():
            if lane.ready and 0 < lane.rests_until <= now:
                lane.rests_until = 0
                self._eager[pk] = None
        loop_now = asyncio.get_running_loop().time()
        wanted = [
            lane
            for lane in self._lanes.values()
            if lane.wants_look(now) and loop_now - lane.looked_at >= LOOK_PAUSE_SECONDS
        ]
        for n in range(0, len(wanted), LOOKS_AT_ONCE):
            some = wanted[n : n + LOOKS_AT_ONCE]
            await asyncio.gather(*(self._look_for(lane, now) for lane in some))
            self._start()
        if wanted:
            self._wake.set()

    async def _look_for(self, lane: Lane, now: int) -> None:
        lane.looked_at = asyncio.get_running_loop().time()
        lane.begin_look()
        try:
            looking = due_deliveries(self._database.dialect, lane.hook.pk, now, LOOKED_FOR)
            found, later = await self._database.read(looking)
            await self._deliverer.contents.prepare(found)
        except BaseException:
            lane.look_soon()
            raise
        is_asked_again = lane.look_at is not None
        lane.take(found, later, is_all=len(found) < LOOKED_FOR)
        if is_asked_again:
            lane.look_soon()
        self._eager[lane.hook.pk] = None

    def _start(self) -> None:
        """Starts what may be started: one of each hook in turn, as long as there is room."""
        now = self._clock()
        while self._eager and self._fresh < MOST_FRESH and len(self._flights) < MOST_AT_ONCE:
            if not self.lease.may_dial or self._notebook.size >= MOST_UNNOTED:
                return
            pk = next(iter(self._eager))
            lane = self._lanes.get(pk)
            if lane is None or not lane.can_send(now):
                del self._eager[pk]
                continue
            if not self._pace.may_begin():
                return
            del self._eager[pk]
            due = lane.next_due(now)
            if due is None:
                continue
            self._eager[pk] = None
            self._fresh += 1
            flight = asyncio.create_task(self._fly(lane, due))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: "asyncio.Task[None]") -> None:
        self._flights.discard(flight)
        self._start()

    async def _fly(self, lane: Lane, due: Due) -> None:
        """One attempt, from its start until its result is on the way to the disk."""
        loop = asyncio.get_running_loop()
        is_fresh = True

        def age() -> None:
            nonlocal is_fresh
            if is_fresh:
                is_fresh = False
                self._fresh -= 1
                self._start()

        timer = loop.call_later(FRESH_SECONDS, age)
        attempted_at = self._clock()
        along: Along | None = None
        try:
            attempt, along = await self._deliverer.attempt(lane.hook, due)
        except DatabaseUnavailable:
            lane.drop(due)  # that says nothing about the hook
            return
        except Exception:
            log.exception("delivery.crashed", hook=lane.hook.id, delivery=due.pk)
            attempt = Attempt("crashed", detail="Something went wrong here; the log has more.")
        finally:
            timer.cancel()
            if is_fresh:
                is_fresh = False
                self._fresh -= 1
        verdict = judge(attempt, due.tries, self._clock(), self._draw())
        lane.sent(verdict)
        self._eager[due.hook_pk] = None
        message_id = self._deliverer.ids.of(due.hook_pk, due.pk, due.seq)
        self._notebook.add(Noted(lane, due, attempt, verdict, attempted_at, along, message_id))

    def _note(self, noted: list[Noted]) -> None:
        """Results are on disk: what waited for them may go."""
        for one in noted:
            one.lane.noted(one.due, one.verdict)
            self._eager[one.due.hook_pk] = None
        self._start()
        self._wake.set()
