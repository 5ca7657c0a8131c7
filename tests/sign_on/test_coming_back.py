"""What the browser brings back, and that it fits what was kept: state, issuer, code, PKCE and redirect URI."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.sign_on.errors import SignOnFailed
from app.sign_on.person import Person
from tests.sign_on.scripted_provider import (
    REDIRECT_URI,
    ScriptedProvider,
    failed_sign_on,
    finish,
    scripted,
    signing_on,
)

pytestmark = pytest.mark.anyio

ADA = Person("ada", "Ada Lovelace", frozenset(["it"]))


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted() as provider:
        yield provider


@pytest.mark.parametrize(
    "change,reason,told",
    [
        ({"state": "another"}, "state", "not begun in this browser"),
        ({"state": None}, "state", "not begun in this browser"),
        ({"state": "é"}, "state", "not begun in this browser"),
        ({"code": None}, "answer", "no code"),
        ({"code": ""}, "answer", "no code"),
        ({"code": "a\nb"}, "answer", "no code"),
        ({"code": "code-9"}, "refused", "counts once"),
        ({"iss": "https://evil.example.com"}, "issuer", "another identity provider"),
        ({"error": "access_denied"}, "denied", "did not let you sign on"),
        (
            {"error": "login_required", "error_description": "secret things"},
            "refused",
            "did not sign you on: login_req",
        ),
        ({"error": "<b>secret things</b>"}, "refused", "did not sign you on"),
    ],
    ids=str,
)
async def test_what_the_browser_brings(
    provider: ScriptedProvider, change: dict[str, str | None], reason: str, told: str
) -> None:
    async with signing_on(provider.issuer) as sign_on:
        begun = await sign_on.begin(REDIRECT_URI)
        sound = provider.approve(begun)
        answer = {name: value for name, value in (sound | change).items() if value is not None}
        with pytest.raises(SignOnFailed, match=told) as failed:
            await finish(sign_on, begun, answer)
        assert failed.value.reason == reason
        assert "secret things" not in str(failed.value)
        assert await finish(sign_on, begun, sound | {"iss": provider.issuer}) == ADA


async def test_an_empty_state_is_never_right(provider: ScriptedProvider) -> None:
    async with signing_on(provider.issuer) as sign_on:
        begun = await sign_on.begin(REDIRECT_URI)
        with pytest.raises(SignOnFailed) as failed:
            await finish(sign_on, replace(begun, state=""), provider.approve(begun) | {"state": ""})
    assert failed.value.reason == "state"


async def test_a_provider_that_names_itself_always_does(provider: ScriptedProvider) -> None:
    provider.discovery = {"authorization_response_iss_parameter_supported": True}
    async with signing_on(provider.issuer) as sign_on:
        assert (await failed_sign_on(sign_on, provider)).reason == "issuer"


@pytest.mark.parametrize("spoiled", ["verifier", "redirect"])
async def test_the_provider_checks_what_we_kept(provider: ScriptedProvider, spoiled: str) -> None:
    async with signing_on(provider.issuer) as sign_on:
        begun = await sign_on.begin(REDIRECT_URI)
        kept = replace(begun, code_verifier="x" * 43) if spoiled == "verifier" else begun
        back = f"{REDIRECT_URI}/x" if spoiled == "redirect" else REDIRECT_URI
        with pytest.raises(SignOnFailed, match="counts once"):
            await finish(sign_on, kept, provider.approve(begun), back)
        assert await finish(sign_on, begun, provider.approve(begun)) == ADA
