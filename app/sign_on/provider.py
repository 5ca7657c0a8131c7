"""Signing on at an identity provider: the authorization code flow of OpenID Connect, with PKCE, state and nonce.

Owns the order of things from the first redirect to a person who may be believed. What has to be kept between the two
halves, and where, is left to the routes; what a person may do, to `grants`. OpenID Connect Core 1.0, section 3.1;
RFC 7636; RFC 9207.
"""

import asyncio
import hmac
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import httpx2
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc.jwk import Key

from app.sign_on.asking import USUAL_PATIENCE, Asker, Patience, open_asker
from app.sign_on.discovery import Discovery, discovery_url, read_discovery, read_issuer
from app.sign_on.errors import SignOnFailed
from app.sign_on.person import Person, needs_user_info, read_person
from app.sign_on.remembering import Remembered
from app.sign_on.tokens import IdToken, KeyNotKnown, check_claims, read_signing_keys, verify

_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows us by."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    """None for a public client, which PKCE alone protects."""
    scopes: str = "openid profile email"
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-on that is under way: all but the URL is kept, for the browser that was sent there and nobody else."""

    url: str = field(repr=False)
    """Where the browser is sent."""
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


class SignOn:
    """Signs people on at one provider. Kept open by `open_sign_on`; may be used by many tasks at a time."""

    def __init__(
        self,
        client: Client,
        asker: Asker,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        patience: Patience,
    ) -> None:
        self._client = client
        self._asker = asker
        self._clock = clock
        self._patience = patience
        self._discovery = Remembered(self._ask_discovery, patience, monotonic)
        self._keys = Remembered(self._ask_keys, patience, monotonic)

    async def begin(self, redirect_uri: str) -> Begun:
        """Where to send a browser that shall come back to `redirect_uri`. Raises `SignOnFailed`."""
        async with self._deadline():
            discovery = await self._discovery.get()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url: str = prepare_grant_uri(
            discovery.authorization_endpoint,
            client_id=self._client.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=self._client.scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Begun(url, state, nonce, verifier)

    async def finish(
        self, answer: Mapping[str, str], *, state: str, nonce: str, code_verifier: str, redirect_uri: str
    ) -> Person:
        """Who came back. `answer` is the query that the browser brought, the rest what `begin` was given and gave.

        Raises `SignOnFailed`. What was kept must be thrown away before, so that it counts once.
        """
        if not state or not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
            raise SignOnFailed("state", "This sign-on was not begun in this browser, or too long ago; sign on again")
        async with self._deadline():
            discovery = await self._discovery.get()
            code = self._read_code(answer, discovery)
            tokens = await self._redeem(discovery, code, code_verifier, redirect_uri)
            id_token, access_token = tokens.get("id_token"), _read_access_token(tokens)
            if not isinstance(id_token, str):
                raise SignOnFailed("document", "The identity provider gave no ID token; is openid among the scopes?")
            token = await self._verify(id_token, discovery)
            check_claims(
                token,
                issuer=self._client.issuer,
                client_id=self._client.client_id,
                nonce=nonce,
                access_token=access_token,
                now_seconds=self._clock() // _MICROSECONDS,
            )
            user_info = None
            if discovery.userinfo_endpoint is not None and needs_user_info(token.claims, self._client.groups_claim):
                user_info = await self._asker.get(discovery.userinfo_endpoint, "user info", access_token)
        return read_person(token.claims, user_info, self._client.groups_claim)

    @asynccontextmanager
    async def _deadline(self) -> AsyncIterator[None]:
        seconds = self._patience.total_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            message = f"The identity provider did not answer in full within {seconds:g} s; try again"
            raise SignOnFailed("timeout", message) from None

    def _read_code(self, answer: Mapping[str, str], discovery: Discovery) -> str:
        issuer = answer.get("iss")
        if issuer != self._client.issuer and (issuer is not None or discovery.names_itself):
            raise SignOnFailed("issuer", "The answer is by another identity provider than the one that was asked")
        if (error := answer.get("error")) is not None:
            if error == "access_denied":
                raise SignOnFailed("denied", "The identity provider did not let you sign on here")
            raise SignOnFailed("refused", f"The identity provider did not sign you on{_shown(error)}")
        code = answer.get("code", "")
        if not code or not code.isascii() or not code.isprintable():
            raise SignOnFailed("answer", "The identity provider's answer has no code in it; sign on again")
        return code

    async def _redeem(
        self, discovery: Discovery, code: str, code_verifier: str, redirect_uri: str
    ) -> Mapping[str, object]:
        auth, proof = self._authentication(discovery)
        form: str = prepare_token_request(
            "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=code_verifier, **proof
        )
        answer = await self._asker.post(discovery.token_endpoint, "tokens", form, auth)
        if answer.status == 200:
            return answer.document
        error = answer.document.get("error")
        if error in ("invalid_client", "unauthorized_client"):
            message = "The identity provider does not know this service by its client id and secret"
            raise SignOnFailed("refused", f"{message}; check HOS_OIDC_CLIENT_ID and HOS_OIDC_CLIENT_SECRET")
        if error == "invalid_grant":
            raise SignOnFailed(
                "refused", "The identity provider does not take the code, which counts once; sign on again"
            )
        raise SignOnFailed("refused", f"The identity provider gave no tokens{_shown(error)} (status {answer.status})")

    def _authentication(self, discovery: Discovery) -> tuple[httpx2.Auth | None, dict[str, str]]:
        """How we show that we are the client: RFC 6749 section 2.3.1."""
        client_id, secret, methods = self._client.client_id, self._client.client_secret, discovery.token_auth_methods
        if secret is None:
            return None, {"client_id": client_id}
        if "client_secret_basic" in methods:
            return httpx2.BasicAuth(quote_plus(client_id), quote_plus(secret)), {}
        if "client_secret_post" in methods:
            return None, {"client_id": client_id, "client_secret": secret}
        message = (
            "The identity provider takes no client secret, neither by client_secret_basic nor by client_secret_post"
        )
        raise SignOnFailed("unsupported", message)

    async def _verify(self, id_token: str, discovery: Discovery) -> IdToken:
        keys = await self._keys.get()
        try:
            return verify(id_token, keys, discovery.algorithms)
        except KeyNotKnown:
            newer = await self._keys.newer_than(keys)
        try:
            if newer is not None:
                return verify(id_token, newer, discovery.algorithms)
        except KeyNotKnown:
            pass
        message = "The identity provider's ID token is signed by none of its keys; try again in a minute"
        raise SignOnFailed("signature", message)

    async def _ask_discovery(self) -> Discovery:
        document = await self._asker.get(discovery_url(self._client.issuer), "its discovery document")
        return read_discovery(document, self._client.issuer)

    async def _ask_keys(self) -> tuple[Key, ...]:
        discovery = await self._discovery.get()
        return read_signing_keys(await self._asker.get(discovery.jwks_uri, "its keys"))


def _read_access_token(tokens: Mapping[str, object]) -> str:
    token, kind = tokens.get("access_token"), tokens.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise SignOnFailed("document", "The identity provider gave no bearer token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SignOnFailed("document", "The identity provider gave no access token that can be used")
    return token


def _shown(error: object) -> str:
    """An error's code; what else comes with it is text of whoever sent the browser here."""
    return f": {error}" if isinstance(error, str) and _ERROR_CODE.fullmatch(error) else ""


@asynccontextmanager
async def open_sign_on(
    client: Client,
    clock: Callable[[], int],
    monotonic: Callable[[], float],
    *,
    patience: Patience = USUAL_PATIENCE,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[SignOn]:
    """A sign-on for as long as the context lasts; nothing is asked before somebody signs on.

    `clock` gives microseconds since 1970 UTC, `monotonic` seconds; `tls` says which certificates are accepted, usually
    the system's. Raises ValueError when the issuer is none.
    """
    read_issuer(client.issuer)
    async with open_asker(patience, tls) as asker:
        yield SignOn(client, asker, clock, monotonic, patience)
