"""One message to one hook, by whatever kind it is, and how that went (contract section 7).

Owns headers, signatures, and turning what happened into an `Attempt`. What a message says is left to `delivering`,
whether an address may be reached to `dialling`, what follows from a failure to `rules`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import orjson

from app.alerts.alertmanager import alerts_url, body_of
from app.alerts.messages import Message
from app.alerts.presenting import header_of, secrets_of, without_secrets
from app.alerts.rules import LONGEST_RETRY_AFTER_SECONDS, Attempt
from app.dialling.client import Answer, Dialler
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.retry_after import retry_after_seconds
from app.dialling.sealing import Seal, Unsealable
from app.dialling.standard_webhooks import sign
from app.hooks.model import Kind
from app.hooks.purposes import secret_purpose, url_purpose
from app.hooks.store import Hook
from app.maven.times import SECOND

SHOWN_CHARACTERS = 120
"""Of what a receiver says to its refusal."""


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

        async def post() -> Attempt:
            now = self._clock()
            secrets = [self._seal.open(secret_purpose(hook.id), one.sealed) for one in hook.secrets_at(now)]
            timestamp = now // SECOND
            headers = {
                "content-type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secrets, message_id, timestamp, body),
            }
            return self._judged(await self._dialler.post(self._url(hook), body, headers))

        return await self._timed(post())

    async def post_alerts(self, hook: Hook, alerts: Sequence[Mapping[str, object]]) -> Attempt:
        """Posts alerts to an Alertmanager."""

        async def post() -> Attempt:
            headers = {"content-type": "application/json"}
            return self._judged(await self._dialler.post(alerts_url(self._url(hook)), body_of(alerts), headers))

        return await self._timed(post())

    async def forward(self, hook: Hook, operation_id: str, body: bytes) -> tuple[Attempt, Answer | None]:
        """Posts an operation to a provider, with its credentials; gives the answer too, if there was one."""
        answers: list[Answer] = []

        async def post() -> Attempt:
            headers = {"content-type": "application/json", "idempotency-key": operation_id}
            secrets: list[str] = []
            for one in hook.secrets_at(self._clock()):
                credentials = orjson.loads(self._seal.open(secret_purpose(hook.id), one.sealed))
                headers |= header_of(credentials)
                secrets += secrets_of(credentials)
            # Each POST is an attempt that is noted, and of a synchronous operation the only one.
            answer = without_secrets(await self._dialler.post(self._url(hook), body, headers, is_fresh=True), secrets)
            answers.append(answer)
            return self._judged(answer)

        return await self._timed(post()), answers[0] if answers else None

    async def notify(self, hook: Hook, message: Message) -> Attempt:
        """Sends a message for people by Apprise."""

        async def send() -> Attempt:
            await self._notifier.send(self._url(hook), message)
            return Attempt("succeeded")

        return await self._timed(send())

    def _url(self, hook: Hook) -> str:
        return self._seal.open(url_purpose(hook.id), hook.url)

    async def _timed(self, attempt: Awaitable[Attempt]) -> Attempt:
        """An attempt with the time that it took, whatever it raised."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            made = await attempt
        except Unsealable as error:
            made = Attempt("unreadable", detail=_sentence(str(error)))
        except DialRefused as error:
            made = Attempt("refused", detail=str(error))
        except DialFailed as error:
            made = Attempt(error.outcome, detail=str(error))
        return replace(made, seconds=loop.time() - began)

    def _judged(self, answer: Answer) -> Attempt:
        if 200 <= answer.status < 300:
            return Attempt("succeeded", answer.status)
        said = answer.excerpt[:SHOWN_CHARACTERS]
        what = "a redirect, which is not followed" if 300 <= answer.status < 400 else f'"{said}"' if said else ""
        detail = f"The receiver answered {answer.status}{f', {what}' if what else ''}."
        wait = retry_after_seconds(answer.headers, self._clock(), LONGEST_RETRY_AFTER_SECONDS)
        return Attempt("status", answer.status, detail, wait)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
