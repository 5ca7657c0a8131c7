"""Hooks as an administrator handles them: made, looked at, changed, tested, deleted (contract section 7).

For the API and for the commands alike. What is asked for was read and judged field by field in `hooks.schema`; here the
fields are judged together, the URL is, and what follows for deliveries that wait. Deliveries themselves are handled at
`delivery_desk`.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from app.alerts.delivering import Deliverer
from app.alerts.sending import Sender
from app.db.database import Database
from app.db.statements import WriteScript
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.sealing import Seal, Unsealable
from app.dialling.standard_webhooks import new_secret
from app.hooks.model import Kind
from app.hooks.purposes import secret_purpose, url_purpose
from app.hooks.schema import HookChanges, NewHook, WrongHook, check_whole
from app.hooks.store import Hook, SealedSecret, add_hook, change_hook, delete_hook, find_hook
from app.maven.faults import Fault, find_unstorable
from app.maven.times import HOUR
from app.outbox.model import Status, Topic
from app.outbox.records import Record, delete_portion, find_record, make_due
from app.outbox.store import Due, add_ended, take_numbers

BY_HAND = "An administrator disabled it."
MOST_SECRETS = 5
"""Secrets of one hook that sign at a time."""
_TURNS = 5


class HookNotFound(Exception):
    """There is no such hook."""


class HookConflict(Exception):
    """A hook is not of the kind, or not in the state, for what is asked. The message is a sentence for people."""


class HookDesk:
    """Handles hooks. `on_change` is told when there may be something to deliver."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        deliverer: Deliverer,
        seal: Seal,
        clock: Callable[[], int],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.deliverer = deliverer
        self.on_change = on_change
        self._sender = sender
        self._seal = seal

    async def find(self, hook_id: str) -> Hook:
        """One hook. Raises `HookNotFound`."""
        # What cannot be stored is no hook's id, and PostgreSQL would refuse to look for it.
        hook = None if find_unstorable(hook_id) else await self.database.read(find_hook(hook_id))
        if hook is None:
            raise HookNotFound
        return hook

    def shown_url(self, hook: Hook) -> str | None:
        """A hook's URL as it may be shown; None when it is sealed with a key that is not here."""
        if hook.shown_url is not None:
            return hook.shown_url
        try:
            return self._seal.open(url_purpose(hook.id), hook.url)
        except Unsealable:
            return None

    async def create(self, asked: NewHook) -> tuple[Hook, str | None]:
        """Makes a hook; gives it, and of a webhook the secret, which is shown this once. Raises `WrongHook`."""
        check_whole(asked)
        kind = Kind[asked.kind.upper()]
        shown_url = await self._judge_url(kind, asked.url)
        hook_id = f"hook_{secrets.token_hex(10)}"
        secret = new_secret() if kind is Kind.WEBHOOK else None
        sealed = () if secret is None else (SealedSecret(self._seal.seal(secret_purpose(hook_id), secret)),)
        now = self.clock()
        await self.database.write(
            add_hook(
                {
                    "id": hook_id,
                    "name": asked.name,
                    "kind": kind,
                    "url": self._seal.seal(url_purpose(hook_id), asked.url),
                    "shown_url": shown_url,
                    "events": asked.asked_events,
                    "filter": asked.filter,
                    "threshold": asked.threshold,
                    "digest": asked.digest,
                    "secrets": sealed,
                    "created_at": now,
                    "updated_at": now,
                    "disabled_at": None if asked.enabled else now,
                    "disabled_reason": None if asked.enabled else BY_HAND,
                    "digest_from": None if asked.digest is None else now,
                    "digest_due_at": None if asked.digest is None else asked.digest.next_after(now),
                }
            )
        )
        self.on_change()
        return await self.find(hook_id), secret

    async def change(self, hook_id: str, asked: HookChanges) -> Hook:
        """Changes what is asked, and nothing else. Raises `HookNotFound` and `WrongHook`."""
        names = asked.model_fields_set
        shown_url: str | None = None
        for _ in range(_TURNS):
            hook = await self.find(hook_id)
            if "url" in names:
                shown_url = await self._judge_url(hook.kind, asked.url)
            values = self._changed(hook, asked, shown_url)
            is_waited_for = (hook.disabled_at is not None and values.get("disabled_at", 0) is None) or "url" in names
            if await self.database.write(_change(hook, values, is_waited_for)):
                self.on_change()
                return await self.find(hook_id)
        raise HookConflict("Others change this hook at the same time. Look at it and try again.")

    def _changed(self, hook: Hook, asked: HookChanges, shown_url: str | None) -> dict[str, object]:
        """The new values of the fields that change."""
        names = asked.model_fields_set
        given = {name: getattr(asked, name) for name in names & {"name", "events", "filter", "threshold", "digest"}}
        check_whole(
            NewHook(
                name=hook.name,
                url="-",
                kind=hook.kind.word,  # type: ignore[arg-type]
                events=given.get("events", hook.events),
                filter=given.get("filter", hook.filter),
                threshold=given.get("threshold", hook.threshold),
                digest=given.get("digest", hook.digest),
            )
        )
        now = self.clock()
        values: dict[str, object] = {**given, "updated_at": max(now, hook.updated_at + 1)}
        if "url" in names:
            values |= {"url": self._seal.seal(url_purpose(hook.id), asked.url), "shown_url": shown_url}
            values |= {"failing_since": None, "last_error": None, "rests_until": None}
        if "digest" in names:
            is_new = hook.digest is None and asked.digest is not None
            values["digest_from"] = now if is_new else None if asked.digest is None else hook.digest_from
            values["digest_due_at"] = None if asked.digest is None else asked.digest.next_after(now)
        if "enabled" in names and asked.enabled and hook.disabled_at is not None:
            values |= {"disabled_at": None, "disabled_reason": None, "failing_since": None, "rests_until": None}
        elif "enabled" in names and not asked.enabled and hook.disabled_at is None:
            values |= {"disabled_at": now, "disabled_reason": BY_HAND}
        return values

    async def _judge_url(self, kind: Kind, url: str) -> str | None:
        try:
            return await self._sender.check(kind, url)
        except DialRefused as error:
            raise WrongHook([Fault("/url", str(error))]) from None
        except DialFailed:
            # A name that does not resolve today may tomorrow; it is judged again at every dial.
            return f"{url.partition('://')[0]}://****" if kind is Kind.APPRISE else None

    async def delete(self, hook_id: str) -> None:
        """Deletes a hook with its deliveries. Raises `HookNotFound`."""
        hook = await self.find(hook_id)
        await self.database.write(delete_hook(hook.pk))
        self.on_change()
        began = asyncio.get_running_loop().time()
        while await self.database.write(delete_portion(hook.pk)):
            if asyncio.get_running_loop().time() - began > 3:
                return  # the worker deletes what is left

    async def rotate_secret(self, hook_id: str, grace_hours: int = 24) -> tuple[str, int | None]:
        """Gives a webhook a new secret, and when the last of the old ones ends that sign along until then, None when
        none does. Raises `HookNotFound` and `HookConflict`."""
        for _ in range(_TURNS):
            hook = await self.find(hook_id)
            if hook.kind is not Kind.WEBHOOK:
                raise HookConflict(f"A hook of kind {hook.kind.word} has no secret to sign with.")
            now = self.clock()
            ends_at = now + grace_hours * HOUR
            old = [
                replace(one, expires_at=min(ends_at, one.expires_at or ends_at))
                for one in hook.secrets_at(now)
                if grace_hours and self._is_readable(hook, one)
            ]
            if len(old) >= MOST_SECRETS:
                raise HookConflict(
                    f"{MOST_SECRETS} secrets sign already. Wait until one of them ends, or give graceHours 0."
                )
            secret = new_secret()
            sealed = SealedSecret(self._seal.seal(secret_purpose(hook.id), secret))
            values = {"secrets": (sealed, *old), "updated_at": max(now, hook.updated_at + 1)}
            if await self.database.write(change_hook(hook.pk, hook.updated_at, values)):
                self.on_change()
                return secret, max((one.expires_at or 0 for one in old), default=None)
        raise HookConflict("Others change this hook at the same time. Look at it and try again.")

    def _is_readable(self, hook: Hook, secret: SealedSecret) -> bool:
        try:
            self._seal.open(secret_purpose(hook.id), secret.sealed)
        except Unsealable:
            return False
        return True

    async def test(self, hook_id: str) -> Record:
        """Sends a test message now, once, also to a hook that is disabled; gives the delivery as it ended.

        Raises `HookNotFound`.
        """
        hook = await self.find(hook_id)
        now = self.clock()
        pk = await self.database.write(take_numbers(1))
        body = orjson.dumps({"message": "This is a test. It tells of no violation.", "hook": hook.name})
        due = Due(pk, hook.pk, Topic.TEST, None, None, now, 0, 0, None, body)
        attempt, _ = await self.deliverer.attempt(hook, due)
        status = Status.SUCCEEDED if attempt.is_success else Status.FAILED
        await self.database.write(add_ended(due, status, self.clock(), attempt.response_status, attempt.detail))
        record = await self.database.read(find_record(hook.pk, pk))
        if record is None:
            raise HookNotFound  # deleted while it was tested
        return record


def _change(hook: Hook, values: Mapping[str, object], is_waited_for: bool) -> WriteScript[bool]:
    """Changes a hook; what waits for it is tried at once when that is what was waited for."""
    is_done = yield from change_hook(hook.pk, hook.updated_at, values)
    if is_done and is_waited_for:
        yield from make_due(hook.pk)
    return is_done
