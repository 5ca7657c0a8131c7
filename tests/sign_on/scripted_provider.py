"""A provider on loopback that lies as a test tells it to: its own keys, real HTTP, every answer to be replaced.

It checks PKCE, the redirect URI and that a code counts once, as good providers do.
"""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.sign_on.asking import Patience
from app.sign_on.errors import SignOnFailed
from app.sign_on.provider import Begun, Client, SignOn, open_sign_on

NOW = 1_767_225_600
"""Seconds, of the clock that sign-ons are given."""
REDIRECT_URI = "https://hos.example.com/sign-on/back"
CLIENT_ID, CLIENT_SECRET = "hos receiver", "s3cret/+%:"
IMPATIENT = Patience(total_seconds=5.0, renewal_seconds=0.0, failure_seconds=0.0)


class AnyAlgorithm(JWSRegistry):
    """Signs by every algorithm, also by those that joserfc warns of."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


@cache
def rsa_key(kid: str | None = "one") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid} if kid else None)


@cache
def ec_key(kid: str = "ec", curve: Any = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})


@cache
def ed_key(kid: str = "ed") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def signed(claims: object, key: Any, algorithm: str = "RS256", **header: object) -> str:
    """A token; `kid` is the key's unless the header says otherwise."""
    head = {"alg": algorithm, **({"kid": key.kid} if key.kid else {}), **header}
    registry = AnyAlgorithm(strict_check_header=False)
    return jws.serialize_compact(head, orjson.dumps(claims), key, registry=registry)


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: tuple[str, ...] = ()
    is_last: bool = True
    """Whether the answer ends; otherwise nothing more ever comes."""


def json(document: object, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(document))


@dataclass
class ScriptedProvider:
    issuer: str = ""
    keys: list[Key] = field(default_factory=lambda: [rsa_key()])
    """That it shows."""
    discovery: dict[str, object] = field(default_factory=dict)
    """What its document has instead."""
    claims: dict[str, object] = field(default_factory=dict)
    user_info: dict[str, object] = field(default_factory=lambda: {"sub": "ada"})
    tokens: dict[str, object] = field(default_factory=dict)
    sign: Callable[[dict[str, object]], str] = lambda claims: signed(claims, rsa_key())
    replies: dict[str, Reply] = field(default_factory=dict)
    """By path, instead of what it would say."""
    asked: list[Asked] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def approve(self, begun: Begun) -> dict[str, str]:
        """What the browser brings back when the person has agreed."""
        query = dict(parse_qsl(urlsplit(begun.url).query))
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return {"code": code, "state": query["state"]}

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def say(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if (reply := self.replies.get(asked.path)) is not None:
            return reply
        match asked.path:
            case "/.well-known/openid-configuration":
                return json(self._document())
            case "/jwks":
                return json({"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                return self._redeem(asked.form)
            case "/userinfo" if asked.headers.get("authorization") == "Bearer access-token":
                return json(self.user_info)
            case _:
                return json({"error": "not_found"}, 404)

    def _document(self) -> dict[str, object]:
        document: dict[str, object] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "PS256", "EdDSA", "Ed25519", "HS256", "none"],
        }
        return {name: value for name, value in (document | self.discovery).items() if value is not None}

    def _redeem(self, form: Mapping[str, str]) -> Reply:
        query = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            query is None
            or query["code_challenge_method"] != "S256"
            or query["code_challenge"] != challenge.decode().rstrip("=")
            or query["redirect_uri"] != form["redirect_uri"]
        ):
            return json({"error": "invalid_grant", "error_description": "<b>secret things</b>"}, 400)
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": "ada",
            "aud": CLIENT_ID,
            "exp": NOW + 300,
            "iat": NOW,
            "nonce": query["nonce"],
            "name": "Ada Lovelace",
            "groups": ["it"],
        }
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        tokens = {"access_token": "access-token", "token_type": "Bearer", "id_token": self.sign(claims)} | self.tokens
        return json({name: value for name, value in tokens.items() if value is not None})

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _ = first.split()
            reply = self.say(Asked(method, path, headers, dict(parse_qsl(body.decode(), keep_blank_values=True))))
            length = f"content-length: {len(reply.body) + (0 if reply.is_last else 1)}"
            head = [f"HTTP/1.1 {reply.status} Said", length, "connection: close", *reply.headers]
            writer.write("\r\n".join([*head, "", ""]).encode() + reply.body)
            await writer.drain()
            if not reply.is_last:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedProvider]:
    provider = ScriptedProvider()
    conversations: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(provider.converse(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    provider.issuer = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        listener.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


@dataclass
class Clock:
    """Seconds that a test moves on."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def signing_on(
    issuer: str,
    *,
    secret: str | None = CLIENT_SECRET,
    patience: Patience = IMPATIENT,
    monotonic: Clock | None = None,
    tls: ssl.SSLContext | None = None,
    groups_claim: str = "groups",
) -> AsyncIterator[SignOn]:
    client = Client(issuer, CLIENT_ID, secret, groups_claim=groups_claim)
    clock = monotonic or Clock()
    async with open_sign_on(client, lambda: NOW * 1_000_000, clock, patience=patience, tls=tls) as sign_on:
        yield sign_on


async def finish(sign_on: SignOn, begun: Begun, answer: Mapping[str, str], redirect_uri: str = REDIRECT_URI) -> Any:
    """The second half with what the first one left."""
    return await sign_on.finish(
        answer,
        state=begun.state,
        nonce=begun.nonce,
        code_verifier=begun.code_verifier,
        redirect_uri=redirect_uri,
    )


async def sign_on_once(sign_on: SignOn, provider: ScriptedProvider) -> Any:
    """A whole sign-on of somebody who agrees."""
    begun = await sign_on.begin(REDIRECT_URI)
    return await finish(sign_on, begun, provider.approve(begun))


async def failed_sign_on(sign_on: SignOn, provider: ScriptedProvider) -> SignOnFailed:
    """How a sign-on fails; that it says so in a line that gives nothing away is checked."""
    with pytest.raises(SignOnFailed) as failed:
        await sign_on_once(sign_on, provider)
    said = str(failed.value)
    assert said.isprintable()
    assert len(said) < 400
    for secret in ("access-token", CLIENT_SECRET, "code-0", "secret things"):
        assert secret not in said
    return failed.value
