"""One message to one hook, by whatever kind it is, and how that went (contract section 7).

Owns headers, signatures, and turning what happened into an `Attempt`. What a message says is left to `delivering`,
whether an address may be reached to `dialling`, what follows from a failure to `rules`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.alerts.alertmanager import alerts_url, body_of
from app.alerts.messages import Message
from app.alerts.rules import LONGEST_RETRY_AFTER_SECONDS, Attempt
from app.dialling.client import Answer, Dialler
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.retry_after import retry_after_seconds
from app.dialling.sealing import Seal, Unsealable
from app.dialling.standard_webhooks import sign
from app.hooks.model import Kind
from app.hooks.store import Hook
from app.maven.times import SECOND

SHOWN_CHARACTERS = 120
"""Of what a receiver says to its refusal."""


def url_purpose(hook_id: str) -> str:
    """What a hook's sealed URL is bound to."""
    return f"hook-url:{hook_id}"


def secret_purpose(hook_id: str) -> str:
    """What a hook's sealed secrets are bound to."""
    return f"hook-secret:{hook_id}"


class Notifier(Protocol):
    """Sends messages for people; `apprise_sender` does."""

    async def check(self, url: str) -> str:
        """What may be shown of a URL that may be used. Raises `DialRefused`."""
        ...

    async def send(self, url: str, message: Message) -> None:
        """Raises `DialRefused` and `DialFailed`."""
        ...


class Sender:
    """Sends. Used by the worker, and by whoever tests a hook."""

    def __init__(self, dialler: Dialler, notifier: Notifier, seal: Seal, clock: Callable[[], int]) -> None:
        self._dialler = dialler
        self._notifier = notifier
        self._seal = seal
        self._clock = clock

    async def check(self, kind: Kind, url: str) -> str | None:
        """Judges a URL without sending anything; what may be shown of it, None when all of it.

        Raises `DialRefused`, whose sentence never shows the URL, and `DialFailed` when its name cannot be resolved now.
        """
        if kind is Kind.APPRISE:
            return await self._notifier.check(url)
        await self._dialler.check(url)
        return None

    async def post_webhook(self, hook: Hook, message_id: str, body: bytes) -> Attempt:
        """Posts a signed message (Standard Webhooks)."""
        now = self._clock()
        try:
            secrets = [self._seal.open(secret_purpose(hook.id), one.sealed) for one in hook.secrets_at(now)]
        except Unsealable as error:
            return Attempt("unreadable", detail=_sentence(str(error)))
        timestamp = now // SECOND
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secrets, message_id, timestamp, body),
        }
        return await self._post(hook, None, body, headers)

    async def post_alerts(self, hook: Hook, alerts: Sequence[Mapping[str, object]]) -> Attempt:
        """Posts alerts to an Alertmanager."""
        return await self._post(hook, alerts_url, body_of(alerts), {"content-type": "application/json"})

    async def _post(
        self, hook: Hook, path: Callable[[str], str] | None, body: bytes, headers: dict[str, str]
    ) -> Attempt:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            url = self._seal.open(url_purpose(hook.id), hook.url)
            answer = await self._dialler.post(url if path is None else path(url), body, headers)
        except Unsealable as error:
            return Attempt("unreadable", detail=_sentence(str(error)))
        except DialRefused as error:
            return Attempt("refused", detail=str(error), seconds=loop.time() - began)
        except DialFailed as error:
            return Attempt(error.outcome, detail=str(error), seconds=loop.time() - began)
        return self._attempt(answer, loop.time() - began)

    def _attempt(self, answer: Answer, seconds: float) -> Attempt:
        if 200 <= answer.status < 300:
            return Attempt("succeeded", answer.status, seconds=seconds)
        said = answer.excerpt[:SHOWN_CHARACTERS]
        what = "a redirect, which is not followed" if 300 <= answer.status < 400 else f'"{said}"' if said else ""
        detail = f"The receiver answered {answer.status}{f', {what}' if what else ''}."
        wait = retry_after_seconds(answer.headers, self._clock(), LONGEST_RETRY_AFTER_SECONDS)
        return Attempt("status", answer.status, detail, wait, seconds)

    async def notify(self, hook: Hook, message: Message) -> Attempt:
        """Sends a message for people by Apprise."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._notifier.send(self._seal.open(url_purpose(hook.id), hook.url), message)
        except Unsealable as error:
            return Attempt("unreadable", detail=_sentence(str(error)))
        except DialRefused as error:
            return Attempt("refused", detail=str(error), seconds=loop.time() - began)
        except DialFailed as error:
            return Attempt(error.outcome, detail=str(error), seconds=loop.time() - began)
        return Attempt("succeeded", seconds=loop.time() - began)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
