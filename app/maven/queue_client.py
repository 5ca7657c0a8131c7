"""Asking Maven's queue for a page: `GET /return-events` with the `apiKey` header, hardened against what comes back.

Owns one request and its limits: bytes, time, redirects (none is followed, for the key would go along), and what each
failure means. What a page holds and where the next begins is `queue_page`'s; when to ask again is left to the poller.
Facts of the vendor: https://maven-machines.readme.io/reference/get-return-events.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from app.dialling.retry_after import retry_after_seconds, seconds_of_date
from app.maven.times import MINUTE, SECOND, format_time

PATH = "/return-events"
LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""However long Maven asks to be left alone."""
_EXCERPT = 120


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, and for how much, an answer is waited for."""

    request_seconds: float = 60.0
    """For an answer as a whole."""
    connect_seconds: float = 10.0
    silence_seconds: float = 30.0
    """For the next piece of it."""
    page_bytes: int = 32 * 1024 * 1024


USUAL_PATIENCE = Patience()


class QueueFailed(Exception):
    """Maven gave no page. The message is one line for people; `outcome` one of a few words for metrics.

    `retry_after` is how many seconds Maven asked to be left alone, None when it did not.
    """

    def __init__(self, outcome: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.retry_after = retry_after


class KeyRefused(QueueFailed):
    """Maven does not know the API key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a page, and how far Maven's clock is ahead of ours in microseconds, None when it does not say."""

    body: bytes
    ahead: int | None


class QueueClient:
    """Asks one Maven for pages. Kept open by `open_queue`."""

    def __init__(self, client: httpx2.AsyncClient, url: str, clock: Callable[[], int], patience: Patience) -> None:
        self._client = client
        self._patience = patience
        self.address = url.rstrip("/")
        """Of the Maven that is asked."""
        self._url = self.address + PATH
        self._clock = clock

    async def ask(self, start: int, end: int | None = None) -> Answer:
        """The page that begins at `start` (microseconds since 1970 UTC; its events included), up to `end`.

        Raises `KeyRefused` and `QueueFailed`.
        """
        parameters = {"startTime": _written(start)}
        if end is not None:
            parameters["endTime"] = _written(end)
        try:
            async with (
                asyncio.timeout(self._patience.request_seconds),
                self._client.stream("GET", self._url, params=parameters) as response,
            ):
                body = await self._read(response)
        except TimeoutError:
            seconds = self._patience.request_seconds
            raise QueueFailed("timeout", f"Maven's answer was not complete within {seconds:g} s") from None
        except httpx2.TimeoutException:
            raise QueueFailed("timeout", "Maven did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            why = " ".join(str(error).split())[:_EXCERPT] or type(error).__name__
            raise QueueFailed(
                "unreachable", self._without_key(f"Maven cannot be reached at {self.address}: {why}")
            ) from None
        if response.status_code != 200:
            raise self._failure(response, body)
        return Answer(body, self._ahead(response))

    async def _read(self, response: httpx2.Response) -> bytes:
        """The body, of an error only its beginning."""
        most = self._patience.page_bytes if response.status_code == 200 else 4096
        body = bytearray()
        async for chunk in response.aiter_bytes(65_536):
            body += chunk
            if len(body) > most:
                if response.status_code != 200:
                    break
                raise QueueFailed("too_large", f"Maven's answer is larger than {most:,} bytes")
        return bytes(body)

    def _failure(self, response: httpx2.Response, body: bytes) -> QueueFailed:
        status = response.status_code
        if status in (401, 403):
            return KeyRefused("refused", f"Maven refused the API key (status {status}); check HOS_MAVEN_API_KEY")
        if 300 <= status < 400:
            message = f"Maven answered {status}, a redirect, which is not followed; check HOS_MAVEN_URL"
            return QueueFailed("status", message)
        said = "".join(c if c.isprintable() else " " for c in body.decode("utf-8", "replace"))
        said = self._without_key(" ".join(said.split()))[:_EXCERPT]
        message = f"Maven answered {status}{f': {said}' if said else ''}"
        if status == 404:
            message += f"; HOS_MAVEN_URL is the address without {PATH}"
        wait = retry_after_seconds(response.headers, self._clock(), LONGEST_RETRY_AFTER_SECONDS)
        return QueueFailed("status", message, wait)

    def _without_key(self, text: str) -> str:
        """What others say may hold the key that we showed them."""
        return text.replace(self._client.headers["apikey"], "(the API key)")

    def _ahead(self, response: httpx2.Response) -> int | None:
        said = seconds_of_date(response.headers)
        return None if said is None else said * SECOND - self._clock()


def _written(micros: int) -> str:
    """As Maven writes times: to the millisecond, unless there is more."""
    text = format_time(micros)
    if micros % 1000:
        return text
    return f"{text[:19]}.{micros % SECOND // 1000:03d}Z"


@asynccontextmanager
async def open_queue(
    url: str, api_key: str, clock: Callable[[], int], patience: Patience = USUAL_PATIENCE
) -> AsyncIterator[QueueClient]:
    """A client of the Maven at `url`. TLS is verified; proxies of the environment are not used."""
    timeout = httpx2.Timeout(patience.silence_seconds, connect=patience.connect_seconds)
    headers = {"apiKey": api_key, "accept": "application/json", "user-agent": "hos-receiver"}
    limits = httpx2.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=float(MINUTE // SECOND))
    async with httpx2.AsyncClient(
        headers=headers, timeout=timeout, limits=limits, trust_env=False, follow_redirects=False
    ) as client:
        yield QueueClient(client, url, clock, patience)
