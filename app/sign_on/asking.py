"""Asking an identity provider, hardened against what comes back.

Owns the requests and their limits: bytes, redirects (none is followed, for codes and secrets would go along), cookies
(none is kept, for people's answers have nothing to do with each other), the environment (no proxy, no .netrc). Time is
the caller's: a sign-on has one deadline for all its requests. What an answer means is left to `provider`.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import httpx2
import orjson

from app.sign_on.errors import SignOnFailed
from app.violations.telling import one_line

_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, and for how much, a provider is waited for, and how long its word holds."""

    total_seconds: float = 10.0
    """For all requests of one beginning, and again of one finishing."""
    body_bytes: int = 1024 * 1024
    """Of one answer."""
    lasting_seconds: float = 3600.0
    """How long its document and keys are used without asking again, so that what it took back stops to count."""
    renewal_seconds: float = 60.0
    """Between two times that keys are asked for because a token was by none of them."""
    failure_seconds: float = 5.0
    """How long a failure to get document or keys is told again without asking."""


USUAL_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object, and the status it came with."""

    status: int
    document: Mapping[str, object]


class Asker:
    """Asks one provider. Kept open by `open_asker`."""

    def __init__(self, client: httpx2.AsyncClient, patience: Patience) -> None:
        self._client = client
        self._most = patience.body_bytes

    async def get(self, url: str, what: str, access_token: str | None = None) -> Mapping[str, object]:
        """The JSON object at a URL; `what` it is, for people. Raises `SignOnFailed`."""
        headers = {} if access_token is None else {"authorization": f"Bearer {access_token}"}
        answer = await self._ask("GET", url, what, headers=headers)
        if answer.status != 200:
            raise _status(answer.status, what)
        return answer.document

    async def post(self, url: str, what: str, form: str, auth: httpx2.Auth | None) -> Answer:
        """The answer to a form, 200 or an error that says in JSON what it is. Raises `SignOnFailed`."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, what, headers=headers, content=form.encode(), auth=auth)

    async def _ask(
        self,
        method: str,
        url: str,
        what: str,
        *,
        headers: dict[str, str],
        content: bytes | None = None,
        auth: httpx2.Auth | None = None,
    ) -> Answer:
        try:
            request = self._client.stream(method, url, headers=headers, content=content, auth=auth)
            async with request as response:
                body = await self._read(response, what)
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            why = one_line(str(error), _SHOWN) or type(error).__name__
            raise SignOnFailed("unreachable", f"The identity provider cannot be reached: {why}") from None
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            if response.status_code != 200:
                raise _status(response.status_code, what)
            raise SignOnFailed("document", f"The identity provider's answer, asked for {what}, is no JSON object")
        return Answer(response.status_code, document)

    async def _read(self, response: httpx2.Response, what: str) -> bytes:
        body = bytearray()
        # Raw: what came compressed though it was not asked for is no JSON, and is not unpacked.
        async for chunk in response.aiter_raw(65_536):
            body += chunk
            if len(body) > self._most:
                message = f"The identity provider's answer, asked for {what}, is larger than {self._most:,} bytes"
                raise SignOnFailed("too_large", message)
        return bytes(body)


def _status(status: int, what: str) -> SignOnFailed:
    redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
    return SignOnFailed("status", f"The identity provider, asked for {what}, answered {status}{redirect}")


@asynccontextmanager
async def open_asker(patience: Patience, tls: ssl.SSLContext | None) -> AsyncIterator[Asker]:
    """An asker for as long as the context lasts. `tls` says which certificates are accepted: usually the system's."""
    context = httpx2.create_ssl_context(trust_env=False) if tls is None else tls
    async with httpx2.AsyncClient(
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "hos-receiver"},
        timeout=None,
        limits=httpx2.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=30.0),
        trust_env=False,
        follow_redirects=False,
        verify=context,
    ) as client:
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield Asker(client, patience)
