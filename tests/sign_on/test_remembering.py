"""What is not asked twice: the document and the keys, through rotations, ages and failures, of a real provider."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.sign_on.asking import USUAL_PATIENCE
from app.sign_on.errors import SignOnFailed
from app.sign_on.remembering import Remembered
from tests.sign_on.scripted_provider import (
    REDIRECT_URI,
    Clock,
    Reply,
    ScriptedProvider,
    ec_key,
    rsa_key,
    scripted,
    sign_on_once,
    signed,
    signing_on,
)

pytestmark = pytest.mark.anyio

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted() as provider:
        yield provider


def asked(provider: ScriptedProvider) -> tuple[int, int]:
    """How often for the document, and for the keys."""
    return provider.paths().count(DISCOVERY), provider.paths().count("/jwks")


async def test_many_at_once_ask_once(provider: ScriptedProvider) -> None:
    async with signing_on(provider.issuer, patience=USUAL_PATIENCE) as sign_on:
        people = await asyncio.gather(*(sign_on_once(sign_on, provider) for _ in range(20)))
    assert {person.subject for person in people} == {"ada"}
    assert asked(provider) == (1, 1)


async def test_they_are_asked_for_again_when_they_are_old(provider: ScriptedProvider) -> None:
    clock = Clock()
    async with signing_on(provider.issuer, patience=USUAL_PATIENCE, monotonic=clock) as sign_on:
        await sign_on_once(sign_on, provider)
        clock.seconds += 3599
        await sign_on_once(sign_on, provider)
        assert asked(provider) == (1, 1)
        # Taken back by the provider, so that it ceases to count although it is known here.
        provider.keys = [ec_key()]
        clock.seconds += 1
        with pytest.raises(SignOnFailed) as failed:
            await sign_on_once(sign_on, provider)
    assert failed.value.reason == "signature"
    assert asked(provider) == (2, 2)


@pytest.mark.parametrize("kid", ["two", "one"], ids=["another-id", "same-id"])
async def test_new_keys_are_found_but_not_asked_for_often(provider: ScriptedProvider, kid: str) -> None:
    clock = Clock()
    new = ec_key(kid)
    async with signing_on(provider.issuer, patience=USUAL_PATIENCE, monotonic=clock) as sign_on:
        await sign_on_once(sign_on, provider)
        provider.sign = lambda claims: signed(claims, new, "ES256")
        clock.seconds += 59
        with pytest.raises(SignOnFailed, match="none of its keys") as failed:
            await sign_on_once(sign_on, provider)
        assert failed.value.reason == "signature"
        assert asked(provider) == (1, 1)
        clock.seconds += 1
        # Not shown yet: asked for, in vain.
        with pytest.raises(SignOnFailed, match="none of its keys"):
            await sign_on_once(sign_on, provider)
        assert asked(provider) == (1, 2)
        provider.keys = [new]
        clock.seconds += 60
        people = await asyncio.gather(*(sign_on_once(sign_on, provider) for _ in range(5)))
    assert len(people) == 5
    assert asked(provider) == (1, 3)


async def test_who_finds_it_renewed_takes_that() -> None:
    clock, said = Clock(), iter([["a"], ["b"], ["c"]])

    async def ask() -> list[str]:
        return next(said)

    remembered = Remembered(ask, USUAL_PATIENCE, clock)
    seen = await remembered.get()
    clock.seconds += 60
    assert await asyncio.gather(*(remembered.newer_than(seen) for _ in range(3))) == [["b"]] * 3
    renewed = await remembered.get()
    assert renewed == ["b"]
    assert await remembered.newer_than(renewed) is None


async def test_the_same_id_with_another_key_is_found(provider: ScriptedProvider) -> None:
    clock = Clock()
    async with signing_on(provider.issuer, patience=USUAL_PATIENCE, monotonic=clock) as sign_on:
        provider.keys, provider.sign = [rsa_key("one")], lambda claims: signed(claims, rsa_key("one"))
        await sign_on_once(sign_on, provider)
        other = rsa_key("other")
        shown = type(other).import_key(other.as_dict(private=True) | {"kid": "one"})
        provider.keys, provider.sign = [shown], lambda claims: signed(claims, shown)
        clock.seconds += 60
        assert (await sign_on_once(sign_on, provider)).subject == "ada"
    assert asked(provider) == (1, 2)


async def test_a_failure_is_told_again_without_asking(provider: ScriptedProvider) -> None:
    clock = Clock()
    async with signing_on(provider.issuer, patience=USUAL_PATIENCE, monotonic=clock) as sign_on:
        provider.replies = {DISCOVERY: Reply(503)}
        for _ in range(3):
            with pytest.raises(SignOnFailed, match="503") as failed:
                await sign_on.begin(REDIRECT_URI)
            assert failed.value.reason == "status"
        assert asked(provider) == (1, 0)
        provider.replies = {}
        clock.seconds += 5
        await sign_on_once(sign_on, provider)
    assert asked(provider) == (2, 1)


async def test_who_waits_for_another_s_hanging_request_has_a_deadline_of_their_own(provider: ScriptedProvider) -> None:
    provider.replies = {DISCOVERY: Reply(is_last=False)}
    async with signing_on(provider.issuer, patience=replace(USUAL_PATIENCE, total_seconds=0.3)) as sign_on:
        failures = await asyncio.gather(*(sign_on.begin(REDIRECT_URI) for _ in range(10)), return_exceptions=True)
        assert [isinstance(failure, SignOnFailed) and failure.reason for failure in failures] == ["timeout"] * 10
        provider.replies = {}
        assert (await sign_on_once(sign_on, provider)).subject == "ada"
