"""Name and groups from the user info, where the ID token leaves them open, and of the same person only."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.sign_on.person import Person
from tests.sign_on.scripted_provider import (
    ScriptedProvider,
    failed_sign_on,
    scripted,
    sign_on_once,
    signing_on,
)

pytestmark = pytest.mark.anyio

ADA = Person("ada", "Ada Lovelace", frozenset(["it"]))


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted() as provider:
        yield provider


@pytest.mark.parametrize(
    "claims,user_info,person",
    [
        ({"groups": None}, {"sub": "ada", "groups": ["yard"]}, replace(ADA, groups=frozenset(["yard"]))),
        ({"groups": None}, {"sub": "ada"}, replace(ADA, groups=frozenset())),
        ({"groups": None}, {"sub": "ada", "name": "Eve", "groups": "yard"}, replace(ADA, groups=frozenset(["yard"]))),
        ({"name": None}, {"sub": "ada", "name": "Ada", "groups": ["yard"]}, replace(ADA, name="Ada")),
        ({"name": None}, {"sub": "ada", "preferred_username": "al"}, replace(ADA, name="al")),
        ({"groups": []}, {"sub": "ada", "groups": ["yard"]}, replace(ADA, groups=frozenset())),
    ],
)
async def test_the_user_info_tells_what_the_token_leaves_open(
    provider: ScriptedProvider, claims: dict[str, object], user_info: dict[str, object], person: Person
) -> None:
    provider.claims, provider.user_info = claims, user_info
    async with signing_on(provider.issuer) as sign_on:
        assert await sign_on_once(sign_on, provider) == person


@pytest.mark.parametrize("user_info", [{"sub": "eve"}, {}, {"sub": ["ada"]}, {"sub": "Ada"}], ids=str)
async def test_the_user_info_is_of_the_same_person(provider: ScriptedProvider, user_info: dict[str, object]) -> None:
    provider.claims, provider.user_info = {"groups": None}, user_info | {"groups": ["it"]}
    async with signing_on(provider.issuer) as sign_on:
        assert (await failed_sign_on(sign_on, provider)).reason == "subject"


async def test_groups_have_the_name_that_is_set(provider: ScriptedProvider) -> None:
    provider.claims = {"https://hos.example.com/roles": ["a b", "c"]}
    async with signing_on(provider.issuer, groups_claim="https://hos.example.com/roles") as sign_on:
        assert (await sign_on_once(sign_on, provider)).groups == {"a b", "c"}
