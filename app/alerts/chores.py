"""What has to be done for hooks now and then, by whichever process delivers: digests that are due, secrets sealed anew,
and the end of old deliveries. Alerts told again are `refreshing`'s.
"""

import asyncio
from collections.abc import Callable

import structlog

from app.alerts.delivering import Deliverer
from app.alerts.lease import Lease
from app.alerts.refreshing import AlertRefresher
from app.alerts.sending import Sender
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Execute, WriteScript
from app.dialling.sealing import Seal, Unsealable
from app.hooks.digests import write_digest
from app.hooks.purposes import secret_purpose, url_purpose
from app.hooks.store import Hook, SealedSecret, all_hooks, change_hook, hooks_with_chores
from app.inspections.operations import fail_operations, interrupted, interrupted_operations
from app.maven.times import DAY, SECOND, format_time
from app.outbox.model import Topic
from app.outbox.records import delete_ended, delete_portion, give_up_old, owed_hooks
from app.outbox.store import add_pending

log = structlog.get_logger(__name__)

TURN_SECONDS = 2.0
"""How late a digest may be."""
TIDY_SECONDS = 3600.0
PORTION = 1000
INTERRUPTED_AFTER = 60 * SECOND
"""A synchronous operation that is as old, and has not ended, never will by itself."""


class Chores:
    """Does them. One per process; works only while its process has the lease."""

    def __init__(
        self,
        database: Database,
        deliverer: Deliverer,
        sender: Sender,
        seal: Seal,
        clock: Callable[[], int],
        retention_days: int,
    ) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._retention = retention_days * DAY
        self._refresher = AlertRefresher(database, deliverer, sender, clock)
        self._tidied_at: float | None = None

    async def work_for_ever(self, lease: Lease) -> None:
        """Does what is due, again and again, while the lease is held."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            if not lease.is_held:
                continue
            try:
                await self.work()
            except DatabaseUnavailable:
                pass  # the writer says when the database goes and comes
            except Exception:
                log.exception("hooks.chores_failed")

    async def work(self) -> None:
        """Does what is due now."""
        hooks = await self._database.read(hooks_with_chores(self._clock()))
        await self.send_digests(hooks)
        self._refresher.refresh(hooks)
        await self.end_interrupted()
        loop_now = asyncio.get_running_loop().time()
        if self._tidied_at is None or loop_now - self._tidied_at >= TIDY_SECONDS:
            self._tidied_at = loop_now
            every = await self._database.read(all_hooks())
            await self.seal_anew(every)
            await self.tidy({hook.pk for hook in every})

    async def end_interrupted(self) -> None:
        """Ends synchronous operations whose process is gone."""
        now = self._clock()
        found = await self._database.read(interrupted_operations(now - INTERRUPTED_AFTER))
        if found:
            await self._database.write(fail_operations(self._database.dialect, found, interrupted(now)))
            log.warning("operation.interrupted", operations=len(found))

    async def aclose(self) -> None:
        """Breaks off what is under way."""
        await self._refresher.aclose()

    async def send_digests(self, hooks: list[Hook]) -> None:
        """Makes the digests of hooks for which one is due. One that was missed is made once, for all of its time."""
        now = self._clock()
        for hook in hooks:
            if hook.digest is None:
                continue
            begin = hook.created_at if hook.digest_from is None else hook.digest_from
            body = await self._database.read(write_digest(self._database.dialect, hook, begin, now))
            if await self._database.write(_put_digest(hook, body, now, hook.digest.next_after(now))):
                log.info("digest.made", hook=hook.id, since=format_time(begin), until=format_time(now))

    async def seal_anew(self, hooks: list[Hook]) -> None:
        """Seals under the newest key what is sealed under another or none, and forgets secrets that have ended."""
        now = self._clock()
        for hook in hooks:
            good = hook.secrets_at(now)
            try:
                is_current = all(map(self._seal.is_current, [hook.url, *(one.sealed for one in good)]))
                if is_current and len(good) == len(hook.secrets):
                    continue
                url, secrets = url_purpose(hook.id), secret_purpose(hook.id)
                values = {
                    "url": self._seal.seal(url, self._seal.open(url, hook.url)),
                    "secrets": tuple(
                        SealedSecret(self._seal.seal(secrets, self._seal.open(secrets, one.sealed)), one.expires_at)
                        for one in good
                    ),
                    "updated_at": max(now, hook.updated_at + 1),
                }
            except Unsealable as error:
                log.error("hook.unreadable", hook=hook.id, name=hook.name, reason=str(error))
                continue
            if await self._database.write(change_hook(hook.pk, hook.updated_at, values)):
                log.info("hook.sealed_anew", hook=hook.id, name=hook.name)

    async def tidy(self, known: set[int]) -> None:
        """Deletes deliveries that ended long ago, and those of hooks that are gone; gives up what waited as long."""
        before = self._clock() - self._retention
        deleted = 0
        after: int | None = 0
        while after is not None:
            count, after = await self._database.write(delete_ended(after, before, PORTION))
            deleted += count
        for hook_pk in await self._database.read(owed_hooks()):
            if hook_pk not in known:
                while await self._database.write(delete_portion(hook_pk)):
                    pass
        given_up = await self._database.write(give_up_old(before, self._clock()))
        if deleted or given_up:
            log.info("outbox.tidied", deleted=deleted, given_up=given_up)


def _put_digest(hook: Hook, body: bytes, now: int, next_at: int) -> WriteScript[bool]:
    """Owes a digest to a hook, unless somebody else did meanwhile or the hook is another by now."""
    rows = yield Execute(
        "UPDATE hooks SET digest_from = $3, digest_due_at = $4 WHERE pk = $1 AND updated_at = $2"
        " AND digest_due_at = $5 RETURNING pk",
        (hook.pk, hook.updated_at, now, next_at, hook.digest_due_at),
    )
    if rows:
        yield from add_pending([(hook.pk, Topic.DIGEST, None, None, body)], now)
    return bool(rows)
