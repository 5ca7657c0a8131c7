"""Posting simulated events over several connections: pace, credentials, answers, and sending again.

Owns the HTTP conversation. Nothing is skipped: what was not answered for good is sent again, with the same bytes,
until it is or the sender gives up on the whole. Counting is `tally.py`'s, starting and ending `run.py`'s.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import NamedTuple

import httpx2
import orjson

from app.ingest.signature import signing_key
from app.ingest.simulate.tally import Tally
from app.maven.simulator import SimulatedDelivery

LONGEST_BACKOFF_SECONDS = 5.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0
# Behind its pace by more than this, the sender does not catch up: a pause shall not end in a burst.
CATCH_UP_SECONDS = 1.0

_UNAUTHORIZED = (
    "401 Unauthorized: the receiver does not know this secret; pass --token, or set HOS_SIMULATE_TOKEN, to one of its "
    "HOS_WEBHOOK_SECRETS or to the webhook token that it printed at its first start"
)

Pause = Callable[[asyncio.Event, float], Awaitable[None]]


class SendingStopped(Exception):
    """The simulation cannot go on; the message is one line that says why, and what to do where that is known."""


class Batch(NamedTuple):
    """One request: `number` counts from 0, `body` is one event or an array of them."""

    number: int
    body: bytes
    deliveries: list[SimulatedDelivery]


def bundle(stream: Iterator[SimulatedDelivery], size: int) -> Iterator[Batch]:
    """Requests of up to `size` events: bare events for 1, arrays for more."""
    number = 0
    while deliveries := list(islice(stream, size)):
        bodies = [delivery.body for delivery in deliveries]
        yield Batch(number, bodies[0] if size == 1 else b"[" + b",".join(bodies) + b"]", deliveries)
        number += 1


class Credential:
    """A shared token, sent as Bearer, or a `whsec_…` secret that signs each try (contract section 4). None sends
    nothing.
    """

    def __init__(self, secret: str | None, message_prefix: str) -> None:
        """Raises ValueError for a `whsec_` secret that is none, and a token that no header can carry."""
        self._prefix = message_prefix
        self._key = signing_key(secret) if secret is not None and secret.startswith("whsec_") else None
        self._bearer = f"Bearer {secret}" if secret is not None and self._key is None else None
        if secret is not None and not (secret.isascii() and secret.isprintable()):
            raise ValueError("token must be printable ASCII")

    def headers(self, batch: Batch, now_seconds: float) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._bearer is not None:
            headers["Authorization"] = self._bearer
        if self._key is not None:
            # The id stays the same on every try, so that a receiver can tell a repetition.
            message_id, timestamp = f"{self._prefix}{batch.number}", str(int(now_seconds))
            signed = f"{message_id}.{timestamp}.".encode() + batch.body
            signature = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
            headers |= {
                "webhook-id": message_id,
                "webhook-timestamp": timestamp,
                "webhook-signature": f"v1,{signature}",
            }
        return headers


async def pause_unless(stopping: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or until it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        pass


class Sender:
    """Sends batches over some connections at once. Set `stopping` to end after what is under way."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        url: str,
        credential: Credential,
        tally: Tally,
        *,
        rate: float,
        patience_seconds: float,
        refused_seconds: float,
        pause: Pause = pause_unless,
    ) -> None:
        self.stopping = asyncio.Event()
        self._client = client
        self._url = url
        self._credential = credential
        self._tally = tally
        self._rate = rate
        self._patience_seconds = patience_seconds
        self._refused_seconds = refused_seconds
        self._pause = pause
        self._next_at = self._resume_at = 0.0
        self._answered_at = 0.0
        self._has_answered = False

    async def send(self, batches: Iterator[Batch], connections: int) -> None:
        """Send every batch. Raises SendingStopped when that cannot be done."""
        self._answered_at = self._next_at = time.monotonic()
        workers = [asyncio.create_task(self._work(batches)) for _ in range(connections)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, batches: Iterator[Batch]) -> None:
        while not self.stopping.is_set():
            batch = next(batches, None)
            if batch is None:
                return
            await self._keep_pace(len(batch.deliveries))
            if not self.stopping.is_set():
                await self._deliver(batch)

    async def _keep_pace(self, events: int) -> None:
        if self._rate <= 0:
            return
        now = time.monotonic()
        due = max(self._next_at, now - CATCH_UP_SECONDS)
        self._next_at = due + events / self._rate
        if due > now:
            await self._pause(self.stopping, due - now)

    async def _deliver(self, batch: Batch) -> None:
        """Send until it is answered for good, or until it is time to stop."""
        self._tally.begun += len(batch.deliveries)
        attempt = 0
        while not await self._try(batch, attempt) and not self.stopping.is_set():
            attempt += 1
            wait = self._resume_at - time.monotonic()
            if wait > 0:
                await self._pause(self.stopping, wait)
            if self.stopping.is_set():
                return

    async def _try(self, batch: Batch, attempt: int) -> bool:
        """One request; whether it was answered for good. Else it is known when to go on."""
        begun = time.perf_counter()
        backoff = min(0.1 * 2**attempt, LONGEST_BACKOFF_SECONDS)
        try:
            response = await self._client.post(
                self._url, content=batch.body, headers=self._credential.headers(batch, time.time())
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            self._give_up_if_refused(error)
            self._wait("connection refused", backoff)
            return False
        except httpx2.TimeoutException:
            self._wait("no answer in time", backoff)
            return False
        except httpx2.RequestError:
            self._wait("connection dropped", backoff)
            return False
        seconds = time.perf_counter() - begun
        self._has_answered = True
        status = response.status_code
        if status in {429, 503}:
            self._wait(
                str(status), retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC), backoff)
            )
            return False
        if status == 408 or status >= 500:
            self._wait(str(status), backoff)
            return False
        self._tally.take(batch.deliveries, _outcomes(response, len(batch.deliveries), self._url))
        self._tally.latencies.add(seconds)
        self._answered_at = time.monotonic()
        return True

    def _wait(self, cause: str, seconds: float) -> None:
        """All connections go on after `seconds`: one refusal for load speaks for all."""
        self._tally.retries[cause] += 1
        now = time.monotonic()
        if now - self._answered_at >= self._patience_seconds:
            raise SendingStopped(f"no event was accepted for {self._patience_seconds:.0f} s, at last: {cause}")
        self._resume_at = max(self._resume_at, now + seconds)

    def _give_up_if_refused(self, error: httpx2.TransportError) -> None:
        since = time.monotonic() - self._answered_at
        if not self._has_answered:
            raise SendingStopped(
                f"cannot connect to {self._url}: {_why(error)}; is the receiver running there?"
            ) from None
        if since >= self._refused_seconds:
            raise SendingStopped(f"cannot connect to {self._url} any more, for {since:.0f} s: {_why(error)}") from None


def retry_after_seconds(header: str | None, now: datetime, otherwise: float) -> float:
    """Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3), a number or a date, else `otherwise`."""
    if header is None:
        return otherwise
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now).total_seconds()
        except (TypeError, ValueError):
            return otherwise
    # NaN compares false with everything and ends as the fallback.
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS) if seconds == seconds else otherwise


def _outcomes(response: httpx2.Response, events: int, url: str) -> list[str]:
    """The outcome of each event of an answer that is final. Raises SendingStopped for one that ends the simulation."""
    status = response.status_code
    if status == 401:
        raise SendingStopped(_UNAUTHORIZED)
    if status == 422:
        return ["quarantined"] * events
    content = _read_object(response)
    results = content.get("results")
    if status in {200, 202, 207} and isinstance(results, list) and len(results) == events:
        words = [result.get("outcome") if isinstance(result, dict) else None for result in results]
        outcomes = [word for word in words if isinstance(word, str)]
        if len(outcomes) == events:
            return outcomes
    said = f"{status} {response.reason_phrase}".strip()
    if status < 300:
        raise SendingStopped(
            f"{url} answered {said}, but not as a receiver of these events does; is the address right?"
        )
    detail = content.get("detail")
    hint = "; a smaller --batch may help" if status == 413 else ""
    raise SendingStopped(f"{url} answered {said}{f': {detail}' if isinstance(detail, str) else ''}{hint}")


def _why(error: httpx2.TransportError) -> str:
    return str(error) or type(error).__name__


def _read_object(response: httpx2.Response) -> dict[str, object]:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
