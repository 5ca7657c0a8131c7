"""A provider that cannot be reached, says nonsense, too much or nothing, or leads elsewhere; and what is sent to it."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.sign_on.errors import SignOnFailed
from app.sign_on.person import Person
from tests.dialling.answering import certificate
from tests.sign_on.scripted_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IMPATIENT,
    REDIRECT_URI,
    Reply,
    ScriptedProvider,
    failed_sign_on,
    finish,
    json,
    scripted,
    sign_on_once,
    signing_on,
)

pytestmark = pytest.mark.anyio

ADA = Person("ada", "Ada Lovelace", frozenset(["it"]))
DISCOVERY = "/.well-known/openid-configuration"
PATHS = [DISCOVERY, "/token", "/jwks", "/userinfo"]
SHORT = replace(IMPATIENT, total_seconds=0.3)
SMALL = replace(IMPATIENT, body_bytes=10_000)


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted() as provider:
        yield provider


async def test_what_is_sent(provider: ScriptedProvider) -> None:
    async with signing_on(provider.issuer) as sign_on:
        assert provider.asked == []
        begun = await sign_on.begin(REDIRECT_URI)
        query = dict(parse_qsl(urlsplit(begun.url).query))
        assert begun.url.startswith(f"{provider.issuer}/authorize?tenant=1&")
        assert {
            name: query[name] for name in ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce")
        } == {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "scope": "openid profile email",
            "state": begun.state,
            "nonce": begun.nonce,
        }
        assert query["code_challenge_method"] == "S256"
        assert begun.code_verifier not in begun.url
        assert len({begun.state, begun.nonce, begun.code_verifier}) == 3
        assert min(map(len, (begun.state, begun.nonce, begun.code_verifier))) >= 43
        assert begun.state not in repr(begun)
        assert await finish(sign_on, begun, provider.approve(begun)) == ADA
    assert provider.paths() == [DISCOVERY, "/token", "/jwks"]
    assert {asked.headers["accept-encoding"] for asked in provider.asked} == {"identity"}
    token = provider.asked[1]
    # Percent-encoded before base64: RFC 6749 section 2.3.1.
    assert token.headers["authorization"] == "Basic aG9zK3JlY2VpdmVyOnMzY3JldCUyRiUyQiUyNSUzQQ=="
    assert token.form == {
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT_URI,
        "code": "code-0",
        "code_verifier": begun.code_verifier,
    }


@pytest.mark.parametrize(
    "secret,methods,form",
    [
        (None, ["none"], {"client_id": CLIENT_ID}),
        (None, None, {"client_id": CLIENT_ID}),
        (CLIENT_SECRET, ["client_secret_post"], {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}),
    ],
)
async def test_other_ways_to_show_who_we_are(
    provider: ScriptedProvider, secret: str | None, methods: list[str] | None, form: dict[str, str]
) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": methods}
    async with signing_on(provider.issuer, secret=secret) as sign_on:
        assert await sign_on_once(sign_on, provider) == ADA
    token = provider.asked[1]
    assert "authorization" not in token.headers
    assert {name: value for name, value in token.form.items() if name.startswith("client")} == form


async def test_a_provider_that_takes_no_secret(provider: ScriptedProvider) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    async with signing_on(provider.issuer) as sign_on:
        assert (await failed_sign_on(sign_on, provider)).reason == "unsupported"
    assert "/token" not in provider.paths()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "reply,reason",
    [
        (Reply(302, b"", ("location: /elsewhere",)), "status"),
        (Reply(307, b"{}", ("location: /elsewhere",)), "status"),
        (Reply(500, b"<h1>secret things</h1>"), "status"),
        (Reply(404, b'["secret things"]'), "status"),
        (Reply(200, b"<h1>secret things</h1>"), "document"),
        (Reply(200, b"[]"), "document"),
        (Reply(200, b'{"a": NaN}'), "document"),
        (Reply(200, b'{"a": "\\ud800"}'), "document"),
        (Reply(200, gzip.compress(b"{}"), ("content-encoding: gzip",)), "document"),
        (Reply(200, b'{"a": "' + b"a" * 10_001), "too_large"),
        (Reply(500, b'{"a": "' + b"a" * 10_001), "too_large"),
        (Reply(200, b'{"a": ', is_last=False), "timeout"),
        (Reply(200, b"{}", ("x: y\r\nno header",)), "unreachable"),
    ],
    ids=[
        "redirect",
        "repeat",
        "error",
        "list",
        "html",
        "array",
        "nan",
        "surrogate",
        "gzip",
        "large",
        "loud",
        "hanging",
        "head",
    ],
)
async def test_answers_that_are_none(provider: ScriptedProvider, path: str, reply: Reply, reason: str) -> None:
    provider.claims = {"name": None}
    provider.replies = {path: reply}
    patience = SHORT if reason == "timeout" else SMALL
    if reply.status == 307 and path == "/token":
        reason = "refused"
    async with signing_on(provider.issuer, patience=patience) as sign_on:
        assert (await failed_sign_on(sign_on, provider)).reason == reason
    assert "/elsewhere" not in provider.paths()
    if reason != "timeout":
        # On a machine that stalls the deadline may come before.
        assert provider.paths()[-1] == path
    provider.replies = {}
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == replace(ADA, name="ada")


async def test_one_deadline_is_for_all_requests(provider: ScriptedProvider) -> None:
    provider.replies = {"/jwks": Reply(is_last=False)}
    async with signing_on(provider.issuer, patience=SHORT) as sign_on:
        failed = await failed_sign_on(sign_on, provider)
    assert str(failed) == "The identity provider did not answer in full within 0.3 s; try again"


async def test_nobody_there() -> None:
    async with signing_on("http://127.0.0.1:1") as sign_on:
        with pytest.raises(SignOnFailed, match="cannot be reached") as failed:
            await sign_on.begin(REDIRECT_URI)
    assert failed.value.reason == "unreachable"


async def test_certificates_are_checked(tmp_path: Path) -> None:
    own = certificate(tmp_path, "127.0.0.1")
    async with scripted(own.serving) as provider:
        async with signing_on(provider.issuer) as sign_on:
            with pytest.raises(SignOnFailed, match="certificate") as failed:
                await sign_on.begin(REDIRECT_URI)
        assert failed.value.reason == "unreachable"
        async with signing_on(provider.issuer, tls=own.trusting) as sign_on:
            assert await sign_on_once(sign_on, provider) == ADA


async def test_no_cookie_is_kept(provider: ScriptedProvider) -> None:
    async with signing_on(provider.issuer) as sign_on:
        provider.replies = {"/token": Reply(200, b"{}", ("set-cookie: who=ada; path=/",))}
        await failed_sign_on(sign_on, provider)
        provider.replies = {}
        await sign_on_once(sign_on, provider)
    assert [asked.path for asked in provider.asked if "cookie" in asked.headers] == []


async def test_no_proxy_of_the_environment_is_used(provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == ADA


@pytest.mark.parametrize(
    "reply,reason,told",
    [
        (json({"error": "invalid_client"}, 401), "refused", "HOS_OIDC_CLIENT_SECRET"),
        (json({"error": "invalid_grant", "error_description": "secret things"}, 400), "refused", "counts once"),
        (
            json({"error": "server_error", "error_description": "secret things"}, 400),
            "refused",
            ": server_error (status 400)",
        ),
        (json({"error": "secret things"}, 400), "refused", "gave no tokens (status 400)"),
        (json({"error": ["x"]}, 500), "refused", "gave no tokens (status 500)"),
        (json({"error": "invalid_grant"}), "document", "no bearer token"),
        (json({"access_token": "t", "token_type": "mac"}), "document", "no bearer token"),
        (json({"access_token": "t", "token_type": "bearer"}), "document", "no ID token"),
        (json({"access_token": "t", "token_type": "bearer", "id_token": ["x"]}), "document", "no ID token"),
        (json({"access_token": "a\r\nb:c", "token_type": "bearer", "id_token": "x"}), "document", "no access token"),
        (json({"access_token": "a b", "token_type": "bearer", "id_token": "x"}), "document", "no access token"),
        (json({"access_token": 7, "token_type": "bearer", "id_token": "x"}), "document", "no access token"),
    ],
)
async def test_no_tokens(provider: ScriptedProvider, reply: Reply, reason: str, told: str) -> None:
    provider.replies = {"/token": reply}
    async with signing_on(provider.issuer) as sign_on:
        failed = await failed_sign_on(sign_on, provider)
        assert failed.reason == reason
        assert told in str(failed)
        provider.replies = {}
        assert await sign_on_once(sign_on, provider) == ADA
